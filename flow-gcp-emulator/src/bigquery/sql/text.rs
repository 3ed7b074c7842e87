//! Functions of text, bytes and JSON.

use super::super::error::Result;
use super::super::schema::Type;
use super::bound::Bound;

pub(super) fn function(name: &str, args: &[Bound]) -> Result<Option<Bound>> {
    let first = args.first().and_then(|arg| arg.ty.clone());
    let text = |at: usize| args[at].expect(&Type::String, name).map(|arg| arg.sql);
    let int = |at: usize| args[at].expect(&Type::Int64, name).map(|arg| arg.sql);
    let call = |verb: &str, args: &[String], ty: Type| Bound::new(format!("{verb}({})", args.join(", ")), ty);
    let bound = match (name, args.len()) {
        ("CONCAT", 1..) => {
            let parts = (0..args.len()).map(text).collect::<Result<Vec<_>>>()?;
            Bound::new(format!("({})", parts.join(" || ")), Type::String)
        }
        ("LOWER" | "UPPER" | "REVERSE" | "INITCAP", 1) => {
            call("bq_text", &[format!("'{name}'"), text(0)?], Type::String)
        }
        ("LENGTH" | "BYTE_LENGTH", 1) if first == Some(Type::Bytes) => {
            call("length", &[args[0].sql.clone()], Type::Int64)
        }
        ("LENGTH" | "CHAR_LENGTH" | "CHARACTER_LENGTH", 1) => call("bq_length", &[text(0)?], Type::Int64),
        ("BYTE_LENGTH", 1) => call("octet_length", &[text(0)?], Type::Int64),
        ("SUBSTR" | "SUBSTRING", 2) => {
            call("bq_substr", &[text(0)?, int(1)?, "9223372036854775807".into()], Type::String)
        }
        ("SUBSTR" | "SUBSTRING", 3) => call("bq_substr", &[text(0)?, int(1)?, int(2)?], Type::String),
        ("LEFT", 2) => call("bq_substr", &[text(0)?, "1".into(), int(1)?], Type::String),
        ("TRIM" | "LTRIM" | "RTRIM", 1) => {
            call("bq_trim", &[format!("'{name}'"), text(0)?, "NULL".into()], Type::String)
        }
        ("TRIM" | "LTRIM" | "RTRIM", 2) => {
            call("bq_trim", &[format!("'{name}'"), text(0)?, text(1)?], Type::String)
        }
        ("REPLACE", 3) => call("replace", &[text(0)?, text(1)?, text(2)?], Type::String),
        ("REPEAT", 2) => call("bq_repeat", &[text(0)?, int(1)?], Type::String),
        ("STARTS_WITH" | "ENDS_WITH" | "CONTAINS_SUBSTR", 2) => {
            call("bq_has", &[format!("'{name}'"), text(0)?, text(1)?], Type::Bool)
        }
        ("STRPOS", 2) => call("instr", &[text(0)?, text(1)?], Type::Int64),
        ("SPLIT", 1) => call("bq_split", &[text(0)?, "','".into()], Type::Array(Box::new(Type::String))),
        ("SPLIT", 2) => call("bq_split", &[text(0)?, text(1)?], Type::Array(Box::new(Type::String))),
        ("TO_HEX", 1) if first == Some(Type::Bytes) => call("bq_hex", &[args[0].sql.clone()], Type::String),
        ("PARSE_JSON", 1) => call("bq_json", &[text(0)?], Type::Json),
        ("JSON_VALUE" | "JSON_EXTRACT_SCALAR" | "JSON_QUERY" | "JSON_EXTRACT", 1 | 2) => {
            return json(name, args).map(Some);
        }
        _ => return Ok(None),
    };
    Ok(Some(bound))
}

/// A scalar out of JSON as text, or a piece of it as what the whole was.
fn json(name: &str, args: &[Bound]) -> Result<Bound> {
    let whole = match args[0].ty {
        Some(Type::Json) => args[0].clone(),
        _ => args[0].expect(&Type::String, name)?,
    };
    let path = match args.get(1) {
        Some(path) => path.expect(&Type::String, name)?.sql,
        None => "'$'".into(),
    };
    let scalar = matches!(name, "JSON_VALUE" | "JSON_EXTRACT_SCALAR");
    let ty = if scalar { Type::String } else { whole.ty.clone().unwrap_or(Type::String) };
    let verb = if scalar { "bq_json_value" } else { "bq_json_query" };
    Ok(Bound::new(format!("{verb}({}, {path})", whole.sql), ty))
}
