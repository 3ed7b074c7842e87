//! SELECT: the list, WHERE, grouping, HAVING and ORDER BY.

use std::cell::Cell;
use std::fmt::Write as _;

use sqlparser::ast::{
    Distinct, Expr, OrderByExpr, Select, SelectFlavor, SelectItem, SelectItemQualifiedWildcardKind,
    WildcardAdditionalOptions,
};

use super::super::error::{Error, Result};
use super::super::schema::Type;
use super::bound::{Bound, Output, Relation};
use super::names::{Column, Cx, Env, From};
use super::query::{order_key, ordinal};
use super::{Binder, unsupported};

/// An entry of the select list before it is bound.
pub(super) enum Item<'a> {
    Expr(&'a Expr, Option<String>),
    Column(Column),
}

impl Item<'_> {
    pub(super) fn name(&self) -> Option<String> {
        match self {
            Item::Expr(_, name) => name.clone(),
            Item::Column(column) => Some(column.name.clone()),
        }
    }
}

impl Binder<'_> {
    pub(super) fn select(&self, select: &Select, order: &[OrderByExpr], env: &Env<'_>) -> Result<Relation> {
        refuse_odd(select)?;
        let (tables, from) = self.from(&select.from, env)?;
        let aggregates = Cell::new(false);
        let cx = Cx {
            from: &from,
            env,
            groups: None,
            no_aggregates: None,
            aggregates: &aggregates,
            aliases: &[],
            alias_wins: false,
        };
        let items = self.items(select, &from, &cx)?;
        let groups = self.groups(select, &items, order, &cx)?;
        let cx = Cx { groups: groups.as_deref(), ..cx };
        let bound = items.iter().map(|item| self.item(item, &cx)).collect::<Result<Vec<_>>>()?;
        let distinct = matches!(select.distinct, Some(Distinct::Distinct));
        if distinct && !bound.iter().all(|item| super::names::comparable(item.ty.as_ref())) {
            return Err(unsupported("SELECT DISTINCT of structs, arrays or JSON"));
        }
        let list =
            bound.iter().enumerate().map(|(at, item)| format!("{} AS o{at}", item.sql)).collect::<Vec<_>>();
        let mut sql = format!("SELECT {}{}", if distinct { "DISTINCT " } else { "" }, list.join(", "));
        if !tables.is_empty() {
            let _ = write!(sql, " FROM {tables}");
        }
        if let Some(selection) = &select.selection {
            let selection =
                self.expression(selection, &cx.plain("in WHERE"))?.expect(&Type::Bool, "WHERE")?;
            let _ = write!(sql, " WHERE {}", selection.sql);
        }
        if let Some(groups) = groups.as_ref().filter(|groups| !groups.is_empty()) {
            let _ = write!(sql, " GROUP BY {}", groups.join(", "));
        }
        let aliases: Vec<(String, Bound)> = items
            .iter()
            .zip(&bound)
            .filter_map(|(item, bound)| Some((item.name()?, bound.clone())))
            .collect();
        if let Some(having) = &select.having {
            let cx = Cx { aliases: &aliases, ..cx };
            let having = self.expression(having, &cx)?.expect(&Type::Bool, "HAVING")?;
            let _ = write!(sql, " HAVING {}", having.sql);
        }
        let cx = Cx { aliases: &aliases, alias_wins: true, ..cx };
        sql.push_str(&self.order(order, &bound, distinct, &cx)?);
        // One that was found so late would have SQLite group where BigQuery would not.
        if groups.is_none() && aggregates.get() {
            return Err(unsupported(
                "an aggregate beside an alias in ORDER BY of a query that is not grouped",
            ));
        }
        let columns = items.iter().zip(bound).map(|(item, bound)| Output { name: item.name(), ty: bound.ty });
        Ok(Relation { columns: columns.collect(), sql })
    }

    fn order(&self, order: &[OrderByExpr], list: &[Bound], distinct: bool, cx: &Cx<'_>) -> Result<String> {
        let mut keys = Vec::new();
        for each in order {
            let mut key = match ordinal(&each.expr, list.len())? {
                Some(at) => list[at].clone(),
                None => self.expression(&each.expr, cx)?,
            };
            // By the column's name: a bare number would be taken for an ordinal.
            match list.iter().position(|item| item.sql == key.sql) {
                Some(at) => key.sql = format!("o{at}"),
                None if distinct => {
                    let text = "ORDER BY must name expressions of the select list when DISTINCT is used";
                    return Err(Error::query(text));
                }
                None if key.literal.is_some() => continue,
                None => {}
            }
            keys.push(order_key(&key, each)?);
        }
        Ok(if keys.is_empty() { String::new() } else { format!(" ORDER BY {}", keys.join(", ")) })
    }

    pub(super) fn item(&self, item: &Item<'_>, cx: &Cx<'_>) -> Result<Bound> {
        match item {
            Item::Expr(expr, _) => self.expression(expr, cx),
            Item::Column(column) if cx.groups.is_none_or(|groups| groups.contains(&column.bound.sql)) => {
                Ok(column.bound.clone())
            }
            Item::Column(column) => Err(Error::query(format!(
                "Star expansion expression references column {} which is neither grouped nor aggregated",
                column.name
            ))),
        }
    }

    fn items<'a>(&self, select: &'a Select, from: &From, cx: &Cx<'_>) -> Result<Vec<Item<'a>>> {
        let mut items = Vec::new();
        for each in &select.projection {
            match each {
                SelectItem::UnnamedExpr(expr) => items.push(Item::Expr(expr, name_of(expr))),
                SelectItem::ExprWithAlias { expr, alias } => {
                    items.push(Item::Expr(expr, Some(alias.value.clone())));
                }
                SelectItem::Wildcard(options) => items.extend(starred(from.all(), options)?),
                SelectItem::QualifiedWildcard(of, options) => {
                    items.extend(starred(self.star_of(of, from, cx)?, options)?);
                }
                SelectItem::ExprWithAliases { .. } => {
                    return Err(unsupported("several aliases of one expression"));
                }
            }
        }
        if items.is_empty() {
            return Err(Error::query("SELECT list is empty: SELECT * must have columns to select from"));
        }
        Ok(items)
    }

    /// `t.*` and `struct.*`.
    fn star_of(&self, of: &SelectItemQualifiedWildcardKind, from: &From, cx: &Cx<'_>) -> Result<Vec<Column>> {
        let expr = match of {
            SelectItemQualifiedWildcardKind::Expr(expr) => expr.clone(),
            SelectItemQualifiedWildcardKind::ObjectName(name) => {
                let idents: Vec<_> = name.0.iter().filter_map(|part| part.as_ident().cloned()).collect();
                let table = |alias: &str| {
                    from.sources
                        .iter()
                        .find(|source| source.alias.as_ref().is_some_and(|a| a.eq_ignore_ascii_case(alias)))
                };
                if let [ident] = &idents[..]
                    && let Some(source) = table(&ident.value)
                {
                    return Ok(source.columns.clone());
                }
                Expr::CompoundIdentifier(idents)
            }
        };
        let bound = self.expression(&expr, &cx.plain("before .*"))?;
        let Some(Type::Struct(schema)) = &bound.ty else {
            return Err(Error::query(format!("Dot-star is not supported for type {}", bound.type_name())));
        };
        let column = |name: &str| Ok(Column { name: name.into(), bound: bound.field(name)? });
        schema.fields.iter().map(|field| column(&field.name)).collect()
    }
}

fn starred<'a>(mut columns: Vec<Column>, options: &WildcardAdditionalOptions) -> Result<Vec<Item<'a>>> {
    let odd = options.opt_ilike.is_some()
        || options.opt_exclude.is_some()
        || options.opt_replace.is_some()
        || options.opt_rename.is_some()
        || options.opt_alias.is_some();
    if odd {
        return Err(unsupported("what follows the * other than EXCEPT"));
    }
    if let Some(except) = &options.opt_except {
        for ident in std::iter::once(&except.first_element).chain(&except.additional_elements) {
            let before = columns.len();
            columns.retain(|column| !column.name.eq_ignore_ascii_case(&ident.value));
            if before == columns.len() {
                return Err(Error::query(format!(
                    "Column {} in SELECT * EXCEPT list does not exist",
                    ident.value
                )));
            }
        }
    }
    Ok(columns.into_iter().map(Item::Column).collect())
}

/// The name that an expression has by itself: that of its column or field.
fn name_of(expr: &Expr) -> Option<String> {
    match expr {
        Expr::Identifier(ident) if !ident.value.starts_with('@') => Some(ident.value.clone()),
        Expr::CompoundIdentifier(idents) => idents.last().map(|ident| ident.value.clone()),
        _ => None,
    }
}

fn refuse_odd(select: &Select) -> Result<()> {
    let odd = select.top.is_some()
        || select.into.is_some()
        || select.exclude.is_some()
        || select.select_modifiers.is_some()
        || !select.lateral_views.is_empty()
        || select.prewhere.is_some()
        || !select.connect_by.is_empty()
        || !select.cluster_by.is_empty()
        || !select.distribute_by.is_empty()
        || !select.sort_by.is_empty()
        || !select.named_window.is_empty()
        || select.qualify.is_some()
        || select.value_table_mode.is_some()
        || matches!(select.distinct, Some(Distinct::On(_)))
        || select.flavor != SelectFlavor::Standard;
    if odd {
        Err(unsupported("QUALIFY, WINDOW, SELECT AS or another rare clause of this SELECT"))
    } else {
        Ok(())
    }
}
