//! What SQLite is given for text and JSON.

use rusqlite::functions::{Context, FunctionFlags};
use rusqlite::types::Value as Cell;
use rusqlite::{Connection, Result};
use serde_json::Value;

use super::udf::{Answer, failure, strict};

pub(super) fn register(db: &Connection) -> Result<()> {
    strict(db, "bq_like", 2, |args| Ok(Cell::Integer(i64::from(like(args.text(0), args.text(1))?))))?;
    strict(db, "bq_length", 1, |args| Ok(Cell::Integer(args.text(0).chars().count() as i64)))?;
    strict(db, "bq_substr", 3, |args| substring(args.text(0), args.int(1), args.int(2)))?;
    strict(db, "bq_text", 2, |args| {
        let text = args.text(1);
        Ok(Cell::Text(match args.text(0) {
            "LOWER" => text.to_lowercase(),
            "UPPER" => text.to_uppercase(),
            "REVERSE" => text.chars().rev().collect(),
            _ => capitals(text),
        }))
    })?;
    strict(db, "bq_has", 3, |args| {
        let (text, piece) = (args.text(1), args.text(2));
        let has = match args.text(0) {
            "STARTS_WITH" => text.starts_with(piece),
            "ENDS_WITH" => text.ends_with(piece),
            _ => text.to_lowercase().contains(&piece.to_lowercase()),
        };
        Ok(Cell::Integer(i64::from(has)))
    })?;
    strict(db, "bq_repeat", 2, |args| match usize::try_from(args.int(1)) {
        Ok(times) if times.saturating_mul(args.text(0).len()) <= 1 << 20 => {
            Ok(Cell::Text(args.text(0).repeat(times)))
        }
        _ => Err("REPEAT: the count is negative or the result too long".into()),
    })?;
    strict(db, "bq_split", 2, |args| {
        let (text, by) = (args.text(0), args.text(1));
        let pieces: Value = match by {
            "" => text.chars().map(String::from).collect(),
            by => text.split(by).collect(),
        };
        Ok(Cell::Text(pieces.to_string()))
    })?;
    strict(db, "bq_json_value", 2, |args| {
        Ok(match find(args.text(0), args.text(1))? {
            Some(Value::String(text)) => Cell::Text(text),
            None | Some(Value::Null | Value::Array(_) | Value::Object(_)) => Cell::Null,
            Some(scalar) => Cell::Text(scalar.to_string()),
        })
    })?;
    strict(db, "bq_json_query", 2, |args| {
        Ok(find(args.text(0), args.text(1))?.map_or(Cell::Null, |json| Cell::Text(json.to_string())))
    })?;
    let flags = FunctionFlags::SQLITE_UTF8 | FunctionFlags::SQLITE_DETERMINISTIC;
    db.create_scalar_function("bq_trim", 3, flags, |ctx: &Context<'_>| trimmed(ctx))
}

/// The third argument may be NULL: then it is white space that is cut.
fn trimmed(ctx: &Context<'_>) -> Result<Cell> {
    let (side, text) = (ctx.get::<String>(0)?, ctx.get::<Option<String>>(1)?);
    let Some(text) = text else { return Ok(Cell::Null) };
    let set = ctx.get::<Option<String>>(2)?;
    let cut = |c: char| set.as_ref().map_or_else(|| c.is_whitespace(), |set| set.contains(c));
    Ok(Cell::Text(match side.as_str() {
        "LTRIM" => text.trim_start_matches(cut).into(),
        "RTRIM" => text.trim_end_matches(cut).into(),
        "TRIM" => text.trim_matches(cut).into(),
        other => return Err(failure(format!("{other} is not known"))),
    }))
}

/// `%` is any text, `_` one character, and a backslash takes the next one as it is.
fn like(text: &str, pattern: &str) -> std::result::Result<bool, String> {
    enum Piece {
        Any,
        One,
        Char(char),
    }
    let mut pieces = Vec::new();
    let mut chars = pattern.chars();
    while let Some(c) = chars.next() {
        pieces.push(match c {
            '%' => Piece::Any,
            '_' => Piece::One,
            '\\' => Piece::Char(chars.next().ok_or("LIKE pattern ends with a backslash")?),
            c => Piece::Char(c),
        });
    }
    // The places in the pattern that the text so far can have brought us to.
    let mut at = vec![false; pieces.len() + 1];
    at[0] = true;
    let spread = |at: &mut Vec<bool>| {
        for (place, piece) in pieces.iter().enumerate() {
            at[place + 1] |= at[place] && matches!(piece, Piece::Any);
        }
    };
    spread(&mut at);
    for c in text.chars() {
        let mut next = vec![false; at.len()];
        for (place, piece) in pieces.iter().enumerate().filter(|(place, _)| at[*place]) {
            match piece {
                Piece::Any => next[place] = true,
                Piece::One => next[place + 1] = true,
                Piece::Char(wanted) => next[place + 1] |= *wanted == c,
            }
        }
        spread(&mut next);
        at = next;
    }
    Ok(at[pieces.len()])
}

/// From the front for a positive start, from the end for a negative one.
fn substring(text: &str, start: i64, length: i64) -> Answer {
    let length = usize::try_from(length).map_err(|_| "Third argument in SUBSTR() cannot be negative")?;
    let count = text.chars().count() as i64;
    let skip = match start {
        ..0 => (count + start).max(0),
        start => (start - 1).max(0),
    };
    Ok(Cell::Text(text.chars().skip(skip as usize).take(length).collect()))
}

fn capitals(text: &str) -> String {
    let mut first = true;
    let mut out = String::new();
    for c in text.chars() {
        if first {
            out.extend(c.to_uppercase());
        } else {
            out.extend(c.to_lowercase());
        }
        first = !c.is_alphanumeric();
    }
    out
}

/// The piece of a JSON text at a path: `$.a.b[0]`, `$."a b"`, `$['a']`.
fn find(text: &str, path: &str) -> std::result::Result<Option<Value>, String> {
    let bad = || format!("JSONPath {path} is not known to the emulator: write $.name, $['name'] or $[0]");
    let Ok(mut json) = serde_json::from_str::<Value>(text) else { return Ok(None) };
    let mut rest = path.strip_prefix('$').ok_or_else(bad)?;
    while !rest.is_empty() {
        let (key, after) = step(rest).ok_or_else(bad)?;
        let found = match (&mut json, key.parse::<usize>()) {
            (Value::Array(items), Ok(at)) => items.get_mut(at).map(Value::take),
            (Value::Object(fields), _) => fields.remove(key),
            _ => None,
        };
        match found {
            Some(found) => json = found,
            None => return Ok(None),
        }
        rest = after;
    }
    Ok(Some(json))
}

/// The first name or index of a path, and what follows.
fn step(path: &str) -> Option<(&str, &str)> {
    if let Some(name) = path.strip_prefix(".\"") {
        return name.split_once('"');
    }
    if let Some(name) = path.strip_prefix('.') {
        let end = name.find(['.', '[']).unwrap_or(name.len());
        return (end > 0).then(|| name.split_at(end));
    }
    if let Some(name) = path.strip_prefix("['") {
        return name.split_once("']");
    }
    let (index, after) = path.strip_prefix('[')?.split_once(']')?;
    index.parse::<usize>().ok().map(|_| (index, after))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn like_knows_its_signs() {
        for (text, pattern, wanted) in [
            ("abc", "a%", true),
            ("abc", "%b%", true),
            ("abc", "a_c", true),
            ("abc", "A%", false),
            ("abc", "ab", false),
            ("a%c", "a\\%c", true),
            ("abc", "a\\%c", false),
            ("", "%", true),
            ("äbc", "_bc", true),
        ] {
            assert_eq!(like(text, pattern), Ok(wanted), "{text} LIKE {pattern}");
        }
    }

    #[test]
    fn substrings_count_from_one_or_from_the_end() {
        let of = |start, length| substring("abcde", start, length);
        assert_eq!(of(2, 3), Ok(Cell::Text("bcd".into())));
        assert_eq!(of(-2, 9), Ok(Cell::Text("de".into())));
        assert_eq!(of(0, 2), Ok(Cell::Text("ab".into())));
        assert!(of(1, -1).is_err());
    }

    #[test]
    fn pieces_of_json_are_found() {
        let json = r#"{"a": {"b c": [1, {"d": "x"}]}}"#;
        assert_eq!(find(json, "$.a.\"b c\"[1].d"), Ok(Some("x".into())));
        assert_eq!(find(json, "$['a']['z']"), Ok(None));
        assert!(find(json, "a").is_err());
    }
}
