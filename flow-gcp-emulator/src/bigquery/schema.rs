//! Schemas: parsed once from their JSON, and what may become of them.

use std::sync::Arc;

use serde_json::{Value, json};

use super::error::{Error, Result};

const DEEPEST: usize = 15;
const RESERVED: [&str; 7] =
    ["_TABLE_", "_FILE_", "_PARTITION", "_ROW_TIMESTAMP", "__ROOT__", "_COLIDENTIFIER", "_CHANGE_"];

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Type {
    String,
    Bytes,
    Int64,
    Float64,
    Bool,
    Numeric,
    BigNumeric,
    Timestamp,
    Date,
    Time,
    Datetime,
    Json,
    Geography,
    Struct(Arc<Schema>),
    Array(Box<Type>),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mode {
    Nullable,
    Required,
    Repeated,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Field {
    pub(crate) name: String,
    /// Of one element, if the field is repeated.
    pub(crate) ty: Type,
    pub(crate) mode: Mode,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Schema {
    pub(crate) fields: Vec<Field>,
}

impl Type {
    /// The name that the REST API gives it.
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Type::String => "STRING",
            Type::Bytes => "BYTES",
            Type::Int64 => "INTEGER",
            Type::Float64 => "FLOAT",
            Type::Bool => "BOOLEAN",
            Type::Numeric => "NUMERIC",
            Type::BigNumeric => "BIGNUMERIC",
            Type::Timestamp => "TIMESTAMP",
            Type::Date => "DATE",
            Type::Time => "TIME",
            Type::Datetime => "DATETIME",
            Type::Json => "JSON",
            Type::Geography => "GEOGRAPHY",
            Type::Struct(_) => "RECORD",
            Type::Array(of) => of.name(),
        }
    }

    /// The name in SQL.
    pub(crate) fn sql_name(&self) -> String {
        match self {
            Type::Int64 => "INT64".into(),
            Type::Float64 => "FLOAT64".into(),
            Type::Bool => "BOOL".into(),
            Type::Struct(_) => "STRUCT".into(),
            Type::Array(of) => format!("ARRAY<{}>", of.sql_name()),
            other => other.name().into(),
        }
    }

    fn scalar(name: &str) -> Option<Type> {
        Some(match name {
            "STRING" => Type::String,
            "BYTES" => Type::Bytes,
            "INTEGER" | "INT64" => Type::Int64,
            "FLOAT" | "FLOAT64" => Type::Float64,
            "BOOLEAN" | "BOOL" => Type::Bool,
            "NUMERIC" | "DECIMAL" => Type::Numeric,
            "BIGNUMERIC" | "BIGDECIMAL" => Type::BigNumeric,
            "TIMESTAMP" => Type::Timestamp,
            "DATE" => Type::Date,
            "TIME" => Type::Time,
            "DATETIME" => Type::Datetime,
            "JSON" => Type::Json,
            "GEOGRAPHY" => Type::Geography,
            _ => return None,
        })
    }
}

impl Mode {
    fn name(self) -> &'static str {
        match self {
            Mode::Nullable => "NULLABLE",
            Mode::Required => "REQUIRED",
            Mode::Repeated => "REPEATED",
        }
    }
}

impl Field {
    /// The type of the whole field: an array if it is repeated.
    pub(crate) fn whole(&self) -> Type {
        match self.mode {
            Mode::Repeated => Type::Array(Box::new(self.ty.clone())),
            _ => self.ty.clone(),
        }
    }

    pub(crate) fn to_json(&self) -> Value {
        let mut json = json!({"name": self.name, "type": self.ty.name(), "mode": self.mode.name()});
        if let Type::Struct(schema) = &self.ty {
            json["fields"] = schema.fields_json();
        }
        json
    }
}

impl Schema {
    /// Reads `{"fields": [...]}`; checks names, types, modes and depth.
    pub(crate) fn parse(json: &Value) -> Result<Self> {
        Self::parse_fields(&json["fields"], 1)
    }

    fn parse_fields(json: &Value, depth: usize) -> Result<Self> {
        if depth > DEEPEST {
            return Err(Error::invalid(format!("Schema is nested deeper than {DEEPEST} levels")));
        }
        let mut fields: Vec<Field> = Vec::new();
        for each in json.as_array().into_iter().flatten() {
            let field = parse_field(each, depth)?;
            if fields.iter().any(|other| other.name.eq_ignore_ascii_case(&field.name)) {
                return Err(Error::invalid(format!("Duplicate field name: {}", field.name)));
            }
            fields.push(field);
        }
        Ok(Self { fields })
    }

    pub(crate) fn fields_json(&self) -> Value {
        self.fields.iter().map(Field::to_json).collect()
    }

    pub(crate) fn to_json(&self) -> Value {
        json!({"fields": self.fields_json()})
    }

    /// The place and the field of this name, whatever its case.
    pub(crate) fn find(&self, name: &str) -> Option<(usize, &Field)> {
        self.fields.iter().enumerate().find(|(_, field)| field.name.eq_ignore_ascii_case(name))
    }
}

fn parse_field(json: &Value, depth: usize) -> Result<Field> {
    let name = json["name"].as_str().unwrap_or_default().to_string();
    check_field_name(&name)?;
    let mode = match json["mode"].as_str().unwrap_or_default().to_ascii_uppercase().as_str() {
        "" | "NULLABLE" => Mode::Nullable,
        "REQUIRED" => Mode::Required,
        "REPEATED" => Mode::Repeated,
        other => return Err(Error::invalid(format!("Invalid value for mode: {other} is not a valid value"))),
    };
    let ty = json["type"].as_str().unwrap_or_default().to_ascii_uppercase();
    let ty = match ty.as_str() {
        "RECORD" | "STRUCT" => {
            let schema = Schema::parse_fields(&json["fields"], depth + 1)?;
            if schema.fields.is_empty() {
                return Err(Error::invalid(format!("Field {name} is type RECORD but has no schema")));
            }
            Type::Struct(Arc::new(schema))
        }
        other => Type::scalar(other)
            .ok_or_else(|| Error::invalid(format!("Invalid value for type: {other} is not a valid value")))?,
    };
    Ok(Field { name, ty, mode })
}

fn check_field_name(name: &str) -> Result<()> {
    let mut chars = name.chars();
    let fits = chars.next().is_some_and(|first| first.is_alphabetic() || first == '_')
        && chars.all(|c| c.is_alphanumeric() || c == '_')
        && name.chars().count() <= 300;
    let upper = name.to_ascii_uppercase();
    if !fits || RESERVED.iter().any(|prefix| upper.starts_with(prefix)) {
        return Err(Error::invalid(format!(
            "Invalid field name \"{name}\". Fields must contain only letters, numbers, and underscores, start with a letter or underscore, and be at most 300 characters long."
        )));
    }
    Ok(())
}

/// Datasets are named by letters, digits and `_`; tables also by `-`, spaces and other alphabets.
pub(crate) fn check_id(kind: &str, id: &str) -> Result<()> {
    let fits = |c: char| match kind {
        "dataset" => c.is_ascii_alphanumeric() || c == '_',
        _ => c.is_alphanumeric() || matches!(c, '_' | '-' | ' '),
    };
    if id.is_empty() || id.len() > 1024 || !id.chars().all(fits) {
        return Err(Error::invalid(format!("Invalid {kind} ID \"{id}\".")));
    }
    Ok(())
}

/// Gives the schema's JSON its usual form: types and modes by the API's names.
pub(crate) fn normalise(fields: &mut Value, schema: &Schema) {
    for (json, field) in fields.as_array_mut().into_iter().flatten().zip(&schema.fields) {
        json["type"] = json!(field.ty.name());
        json["mode"] = json!(field.mode.name());
        if let Type::Struct(inner) = &field.ty {
            normalise(&mut json["fields"], inner);
        }
    }
}

/// What a change of schema may do beyond the fields that are there.
#[derive(Clone, Copy)]
pub(crate) struct Allowed {
    pub(crate) addition: bool,
    pub(crate) relaxation: bool,
}

/// The fields (normalised JSON) after an update: the old ones in their order, then those that were added.
///
/// `keep` says whether an old field that is not named stays (loads) or makes the update fail (patches).
pub(crate) fn merge(table: &str, old: &Value, new: &Value, allowed: Allowed, keep: bool) -> Result<Value> {
    let mismatch =
        |text: String| Error::invalid(format!("Provided Schema does not match Table {table}. {text}"));
    let same = |a: &Value, b: &Value| {
        a["name"].as_str().unwrap_or_default().eq_ignore_ascii_case(b["name"].as_str().unwrap_or_default())
    };
    let (old, new) = (list(old), list(new));
    let mut merged = Vec::new();
    for was in old {
        let Some(now) = new.iter().find(|now| same(now, was)) else {
            if keep {
                merged.push(was.clone());
                continue;
            }
            return Err(mismatch(format!("Field {} is missing in new schema", text(was, "name"))));
        };
        merged.push(merge_field(table, was, now, allowed, keep)?);
    }
    for now in new.iter().filter(|now| !old.iter().any(|was| same(now, was))) {
        let name = text(now, "name");
        if !allowed.addition {
            return Err(mismatch(format!("Cannot add fields (field: {name})")));
        }
        if now["mode"] == "REQUIRED" {
            return Err(mismatch(format!(
                "Cannot add required fields to an existing schema. (field: {name})"
            )));
        }
        merged.push(now.clone());
    }
    Ok(Value::Array(merged))
}

fn merge_field(table: &str, was: &Value, now: &Value, allowed: Allowed, keep: bool) -> Result<Value> {
    for part in ["type", "mode"] {
        let relaxed =
            part == "mode" && was[part] == "REQUIRED" && now[part] == "NULLABLE" && allowed.relaxation;
        if was[part] != now[part] && !relaxed {
            return Err(Error::invalid(format!(
                "Provided Schema does not match Table {table}. Field {} has changed {part} from {} to {}",
                text(was, "name"),
                text(was, part),
                text(now, part)
            )));
        }
    }
    let mut merged = was.clone();
    for (key, value) in now.as_object().into_iter().flatten().filter(|(key, _)| *key != "name") {
        merged[key] = value.clone();
    }
    if was["type"] == "RECORD" {
        merged["fields"] = merge(table, &was["fields"], &now["fields"], allowed, keep)?;
    }
    Ok(merged)
}

fn list(json: &Value) -> &[Value] {
    json.as_array().map_or(&[], Vec::as_slice)
}

fn text<'a>(json: &'a Value, key: &str) -> &'a str {
    json[key].as_str().unwrap_or_default()
}
