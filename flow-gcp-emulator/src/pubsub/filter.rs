//! Filters of subscriptions: `attributes.region = "eu" AND NOT attributes:test`.

use std::collections::HashMap;

use crate::Refused;

/// A filter over the attributes of messages.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Filter {
    Has(String),
    Is(String, String),
    Begins(String, String),
    Not(Box<Filter>),
    All(Vec<Filter>),
    Any(Vec<Filter>),
}

impl Filter {
    pub(crate) fn parse(text: &str) -> Result<Self, Refused> {
        let mut parser = Parser { words: words(text)?, at: 0 };
        let filter = parser.any()?;
        match parser.peek() {
            None => Ok(filter),
            Some(word) => Err(wrong(&format!("nothing may follow at `{word}`"))),
        }
    }

    pub(crate) fn matches(&self, attributes: &HashMap<String, String>) -> bool {
        match self {
            Filter::Has(name) => attributes.contains_key(name),
            Filter::Is(name, value) => attributes.get(name) == Some(value),
            Filter::Begins(name, prefix) => attributes.get(name).is_some_and(|v| v.starts_with(prefix)),
            Filter::Not(filter) => !filter.matches(attributes),
            Filter::All(filters) => filters.iter().all(|filter| filter.matches(attributes)),
            Filter::Any(filters) => filters.iter().any(|filter| filter.matches(attributes)),
        }
    }
}

struct Parser {
    words: Vec<String>,
    at: usize,
}

impl Parser {
    fn any(&mut self) -> Result<Filter, Refused> {
        let first = self.all()?;
        let mut filters = vec![first];
        while self.skip("OR") {
            filters.push(self.all()?);
        }
        Ok(if filters.len() == 1 { filters.remove(0) } else { Filter::Any(filters) })
    }

    fn all(&mut self) -> Result<Filter, Refused> {
        let first = self.one()?;
        let mut filters = vec![first];
        while self.skip("AND") {
            filters.push(self.one()?);
        }
        Ok(if filters.len() == 1 { filters.remove(0) } else { Filter::All(filters) })
    }

    fn one(&mut self) -> Result<Filter, Refused> {
        if self.skip("NOT") || self.skip("-") {
            return Ok(Filter::Not(Box::new(self.one()?)));
        }
        if self.skip("(") {
            let inside = self.any()?;
            self.need(")")?;
            return Ok(inside);
        }
        if self.skip("hasPrefix") {
            return self.has_prefix();
        }
        self.need("attributes")?;
        if self.skip(":") {
            return Ok(Filter::Has(self.value()?));
        }
        self.need(".")?;
        let name = self.value()?;
        if self.skip("!") {
            self.need("=")?;
            return Ok(Filter::Not(Box::new(Filter::Is(name, self.value()?))));
        }
        self.need("=")?;
        Ok(Filter::Is(name, self.value()?))
    }

    fn has_prefix(&mut self) -> Result<Filter, Refused> {
        self.need("(")?;
        self.need("attributes")?;
        self.need(".")?;
        let name = self.value()?;
        self.need(",")?;
        let prefix = self.value()?;
        self.need(")")?;
        Ok(Filter::Begins(name, prefix))
    }

    fn value(&mut self) -> Result<String, Refused> {
        let word = self.peek().ok_or_else(|| wrong("it ends too early"))?.to_owned();
        self.at += 1;
        Ok(word.strip_prefix('"').map(str::to_owned).unwrap_or(word))
    }

    fn need(&mut self, word: &str) -> Result<(), Refused> {
        let found = self.peek().unwrap_or("the end").to_owned();
        if self.skip(word) { Ok(()) } else { Err(wrong(&format!("`{word}` is needed at `{found}`"))) }
    }

    fn skip(&mut self, word: &str) -> bool {
        let is = self.peek() == Some(word);
        self.at += usize::from(is);
        is
    }

    fn peek(&self) -> Option<&str> {
        self.words.get(self.at).map(String::as_str)
    }
}

/// Names, signs, and strings with a quote before them.
fn words(text: &str) -> Result<Vec<String>, Refused> {
    let mut words = Vec::new();
    let mut rest = text.trim_start();
    while let Some(first) = rest.chars().next() {
        let length = if first == '"' {
            let string = string(&rest[1..])?;
            words.push(format!("\"{}", string.0));
            string.1 + 1
        } else {
            let name = rest.find(|c: char| !(c.is_alphanumeric() || c == '_')).unwrap_or(rest.len());
            let length = name.max(first.len_utf8());
            words.push(rest[..length].to_owned());
            length
        };
        rest = rest[length..].trim_start();
    }
    Ok(words)
}

/// The string up to its closing quote, and the length of all that.
fn string(text: &str) -> Result<(String, usize), Refused> {
    let mut value = String::new();
    let mut chars = text.char_indices();
    while let Some((at, c)) = chars.next() {
        match c {
            '"' => return Ok((value, at + 1)),
            '\\' => value.extend(chars.next().map(|(_, c)| c)),
            c => value.push(c),
        }
    }
    Err(wrong("a string is not closed"))
}

fn wrong(what: &str) -> Refused {
    Refused::invalid(format!("the filter cannot be read: {what}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn matches(filter: &str, attributes: &[(&str, &str)]) -> bool {
        let attributes = attributes.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
        Filter::parse(filter).unwrap().matches(&attributes)
    }

    #[test]
    fn a_filter_looks_at_attributes() {
        assert!(matches(r#"attributes.region = "eu""#, &[("region", "eu")]));
        assert!(!matches(r#"attributes.region = "eu""#, &[("region", "us")]));
        assert!(matches(r#"attributes.region != "eu""#, &[]));
        assert!(matches("attributes:test", &[("test", "")]));
        assert!(!matches("NOT attributes:test", &[("test", "")]));
        assert!(matches(r#"hasPrefix(attributes.id, "ab")"#, &[("id", "abc")]));
        assert!(!matches(r#"hasPrefix(attributes.id, "ab")"#, &[("id", "b")]));
        assert!(matches(r#"attributes."a-b" = "say \"x\"""#, &[("a-b", "say \"x\"")]));
    }

    #[test]
    fn and_binds_closer_than_or() {
        let filter = "attributes:a OR attributes:b AND attributes:c";
        assert!(matches(filter, &[("a", "")]));
        assert!(!matches(filter, &[("b", "")]));
        assert!(matches(filter, &[("b", ""), ("c", "")]));
        assert!(!matches("(attributes:a OR attributes:b) AND attributes:c", &[("a", "")]));
    }

    #[test]
    fn what_is_wrong_is_said() {
        let said = |filter| Filter::parse(filter).unwrap_err().to_string();
        assert_eq!(said("attributes"), "the filter cannot be read: `.` is needed at `the end`");
        assert_eq!(said("attributes:a b"), "the filter cannot be read: nothing may follow at `b`");
        assert_eq!(said("attributes.a = \"b"), "the filter cannot be read: a string is not closed");
    }
}
