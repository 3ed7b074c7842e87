//! What names mean where they stand: columns, aliases, common table expressions.

use std::cell::Cell;
use std::rc::Rc;

use sqlparser::ast::Ident;

use super::super::error::{Error, Result};
use super::super::schema::Type;
use super::bound::{Bound, Relation};

/// A column of a table in FROM.
#[derive(Clone, Debug)]
pub(super) struct Column {
    pub(super) name: String,
    pub(super) bound: Bound,
}

/// A table in FROM.
#[derive(Clone, Debug, Default)]
pub(super) struct Source {
    pub(super) alias: Option<String>,
    /// Its name in the new text.
    pub(super) physical: String,
    pub(super) columns: Vec<Column>,
    /// The value that its alias alone means: an element of UNNEST.
    pub(super) element: Option<Bound>,
}

#[derive(Clone, Debug, Default)]
pub(super) struct From {
    pub(super) sources: Vec<Source>,
    /// Columns that USING made one of two.
    pub(super) merged: Vec<Column>,
}

/// What surrounds a query: common table expressions and, for a subquery, the names of the outer one.
#[derive(Clone, Default)]
pub(super) struct Env<'a> {
    pub(super) ctes: Vec<(String, Rc<Relation>)>,
    pub(super) outer: Option<&'a Cx<'a>>,
}

/// Where an expression stands.
#[derive(Clone, Copy)]
pub(super) struct Cx<'a> {
    pub(super) from: &'a From,
    pub(super) env: &'a Env<'a>,
    /// In a grouped query, the texts of what it is grouped by: other columns may stand within aggregates alone.
    pub(super) groups: Option<&'a [String]>,
    /// Why an aggregate may not stand here.
    pub(super) no_aggregates: Option<&'static str>,
    /// Set when an aggregate was met.
    pub(super) aggregates: &'a Cell<bool>,
    /// The select list by its names, for HAVING and ORDER BY.
    pub(super) aliases: &'a [(String, Bound)],
    /// Whether a name that is both an alias and a column means the alias.
    pub(super) alias_wins: bool,
}

impl<'a> Cx<'a> {
    /// Outside of aggregates, as if there were no grouping.
    pub(super) fn plain(&self, no_aggregates: &'static str) -> Cx<'a> {
        Cx { groups: None, no_aggregates: Some(no_aggregates), aliases: &[], ..*self }
    }

    fn alias(&self, name: &str) -> Option<&'a Bound> {
        self.aliases.iter().find(|(alias, _)| alias.eq_ignore_ascii_case(name)).map(|(_, bound)| bound)
    }
}

impl From {
    fn source(&self, name: &str) -> Option<&Source> {
        self.sources
            .iter()
            .find(|source| source.alias.as_ref().is_some_and(|alias| alias.eq_ignore_ascii_case(name)))
    }

    fn column(&self, name: &str) -> Result<Option<&Bound>> {
        if let Some(column) = self.merged.iter().find(|column| column.name.eq_ignore_ascii_case(name)) {
            return Ok(Some(&column.bound));
        }
        let all = self.sources.iter().flat_map(|source| &source.columns);
        let mut found = all.filter(|column| column.name.eq_ignore_ascii_case(name));
        let first = found.next().map(|column| &column.bound);
        if found.next().is_some() {
            return Err(Error::query(format!("Column name {name} is ambiguous")));
        }
        Ok(first)
    }

    /// Whether a text speaks of any of these tables.
    pub(super) fn is_in(&self, sql: &str) -> bool {
        self.sources.iter().any(|source| sql.contains(&format!("{}.", source.physical)))
    }

    /// All columns, as `*` gives them.
    pub(super) fn all(&self) -> Vec<Column> {
        let merged =
            |column: &Column| self.merged.iter().any(|one| one.name.eq_ignore_ascii_case(&column.name));
        let rest = self.sources.iter().flat_map(|source| &source.columns).filter(|column| !merged(column));
        self.merged.iter().chain(rest).cloned().collect()
    }
}

impl Source {
    fn column(&self, name: &str) -> Result<Option<&Bound>> {
        let mut found = self.columns.iter().filter(|column| column.name.eq_ignore_ascii_case(name));
        let first = found.next().map(|column| &column.bound);
        if found.next().is_some() {
            return Err(Error::query(format!("Column name {name} is ambiguous")));
        }
        Ok(first)
    }

    /// The whole row as a value: an element, or nothing that the emulator can tell.
    fn whole(&self, name: &str) -> Result<&Bound> {
        self.element.as_ref().ok_or_else(|| super::unsupported(format!("the whole row of {name} as a value")))
    }
}

/// `a`, `t.a`, `t.a.b`: a column or an alias, and fields of it.
pub(super) fn resolve(parts: &[Ident], cx: &Cx<'_>) -> Result<Bound> {
    let (first, rest) = parts.split_first().ok_or_else(|| super::unsupported("an empty name"))?;
    let mut here = Some(*cx);
    while let Some(cx) = here {
        if let Some(bound) = name_here(&first.value, rest, &cx)? {
            return Ok(bound);
        }
        here = cx.env.outer.copied();
    }
    let name = parts.iter().map(|part| part.value.as_str()).collect::<Vec<_>>().join(".");
    Err(Error::query(format!("Unrecognized name: {name}")))
}

/// What a name means among the names of one query.
fn name_here(first: &str, rest: &[Ident], cx: &Cx<'_>) -> Result<Option<Bound>> {
    let column = cx.from.column(first)?;
    if let Some(alias) = cx.alias(first) {
        let same = column.is_none_or(|column| column.sql == alias.sql);
        if cx.alias_wins || same {
            return walk(alias.clone(), rest, None).map(Some);
        }
        return Err(Error::query(format!(
            "Name {first} is ambiguous: it is a column and an alias of the select list"
        )));
    }
    let source = cx.from.source(first);
    match (source, column, rest) {
        (Some(source), None, []) => walk(source.whole(first)?.clone(), rest, cx.groups).map(Some),
        (Some(source), None, [name, rest @ ..]) => {
            if let Some(column) = source.column(&name.value)? {
                return walk(column.clone(), rest, cx.groups).map(Some);
            }
            let missing = || Error::query(format!("Name {} not found inside {first}", name.value));
            let element = source.element.as_ref().ok_or_else(missing)?;
            walk(element.field(&name.value)?, rest, cx.groups).map(Some)
        }
        (Some(source), Some(column), [])
            if source.element.as_ref().is_none_or(|one| one.sql == column.sql) =>
        {
            walk(column.clone(), rest, cx.groups).map(Some)
        }
        (Some(_), Some(_), _) => {
            Err(Error::query(format!("Name {first} is ambiguous: it is a column and the name of a table")))
        }
        (None, Some(column), rest) => walk(column.clone(), rest, cx.groups).map(Some),
        (None, None, _) => Ok(None),
    }
}

/// Goes into fields; in a grouped query something on the way must be what it is grouped by.
fn walk(start: Bound, fields: &[Ident], groups: Option<&[String]>) -> Result<Bound> {
    let grouped = |bound: &Bound| groups.is_none_or(|groups| groups.contains(&bound.sql));
    let mut ok = grouped(&start);
    let mut bound = start;
    for field in fields {
        bound = bound.field(&field.value)?;
        ok = ok || grouped(&bound);
    }
    if ok { Ok(bound) } else { Err(Error::query(not_grouped(fields))) }
}

fn not_grouped(fields: &[Ident]) -> String {
    let name = fields.last().map_or(String::new(), |field| format!(" {}", field.value));
    format!("SELECT list expression references a column{name} which is neither grouped nor aggregated")
}

/// Types that have an order and can be grouped by.
pub(super) fn comparable(ty: Option<&Type>) -> bool {
    !matches!(ty, Some(Type::Struct(_) | Type::Array(_) | Type::Json | Type::Geography))
}
