//! CSV, with quotes and line ends within them.

use rusqlite::types::Value as Cell;
use serde_json::Value;

use super::super::error::{Error, Result};
use super::super::schema::{Mode, Schema, Type};
use super::super::value::{Problem, Row, scalar};
use super::files::File;

/// A field, and whether it stood in quotes: only then an empty one is no NULL.
type Text = (String, bool);

pub(super) fn read(
    load: &Value,
    file: &File,
    schema: &Schema,
    take: &mut impl FnMut(usize, std::result::Result<Row, Problem>) -> Result<()>,
) -> Result<()> {
    let plain = file.plain()?;
    let text = std::str::from_utf8(&plain).map_err(|_| {
        Error::invalid(format!("Error while reading data: invalid UTF-8. File: {}", file.uri))
    })?;
    let delimiter = match load["fieldDelimiter"].as_str() {
        Some("\\t" | "tab") => '\t',
        other => other.and_then(|text| text.chars().next()).unwrap_or(','),
    };
    let number = &load["skipLeadingRows"];
    let skip = number.as_u64().or_else(|| number.as_str()?.parse().ok()).unwrap_or(0);
    let skip = usize::try_from(skip).unwrap_or(usize::MAX);
    for (number, record) in records(text, delimiter).into_iter().enumerate().skip(skip) {
        take(number + 1, row(schema, &record))?;
    }
    Ok(())
}

fn records(text: &str, delimiter: char) -> Vec<Vec<Text>> {
    let mut records = Vec::new();
    let mut record: Vec<Text> = Vec::new();
    let (mut field, mut quoted, mut inside) = (String::new(), false, false);
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '"' if inside && chars.peek() == Some(&'"') => {
                chars.next();
                field.push('"');
            }
            '"' if inside => inside = false,
            '"' if field.is_empty() && !quoted => (inside, quoted) = (true, true),
            c if inside => field.push(c),
            c if c == delimiter => record.push((std::mem::take(&mut field), std::mem::take(&mut quoted))),
            '\r' if chars.peek() == Some(&'\n') => {}
            '\n' => {
                record.push((std::mem::take(&mut field), std::mem::take(&mut quoted)));
                records.push(std::mem::take(&mut record));
            }
            c => field.push(c),
        }
    }
    if !field.is_empty() || quoted || !record.is_empty() {
        record.push((field, quoted));
        records.push(record);
    }
    // An empty line is no record.
    records.retain(|record| !matches!(&record[..], [(text, false)] if text.is_empty()));
    records
}

fn row(schema: &Schema, record: &[Text]) -> std::result::Result<Row, Problem> {
    if record.len() != schema.fields.len() {
        let text = format!("{} fields are expected, and there are {}.", schema.fields.len(), record.len());
        return Err(Problem::at("", text));
    }
    let mut row = Row::new();
    for (field, (text, quoted)) in schema.fields.iter().zip(record) {
        if field.mode == Mode::Repeated || matches!(field.ty, Type::Struct(_)) {
            return Err(Problem::at(&field.name, "CSV has no repeated fields and records."));
        }
        let null = text.is_empty() && !quoted && field.ty != Type::String;
        if null && field.mode == Mode::Required {
            return Err(Problem::missing(field));
        }
        row.push(if null {
            Cell::Null
        } else {
            scalar(&field.ty, text).map_err(|message| Problem::at(&field.name, message))?
        });
    }
    Ok(row)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quotes_hold_delimiters_and_line_ends() {
        let found = records("a,\"b,\"\"c\"\"\n d\"\r\n\n1,\n", ',');
        let texts: Vec<Vec<&str>> =
            found.iter().map(|record| record.iter().map(|(text, _)| text.as_str()).collect()).collect();
        assert_eq!(texts, [vec!["a", "b,\"c\"\n d"], vec!["1", ""]]);
    }
}
