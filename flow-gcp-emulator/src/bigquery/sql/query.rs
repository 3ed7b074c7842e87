//! Whole queries: WITH, set operations, ORDER BY and LIMIT around them.

use std::cell::Cell;
use std::fmt::Write as _;
use std::rc::Rc;

use sqlparser::ast::{
    Expr, LimitClause, OrderBy, OrderByExpr, OrderByKind, OrderBySort, Query, SetExpr, SetOperator,
    SetQuantifier, Value, With,
};

use super::super::error::{Error, Result};
use super::bound::{Bound, Output, Relation, common};
use super::names::{Cx, Env, From};
use super::{Binder, unsupported};

impl Binder<'_> {
    pub(super) fn query(&self, query: &Query, env: &Env<'_>) -> Result<Relation> {
        let odd = query.fetch.is_some()
            || !query.locks.is_empty()
            || query.for_clause.is_some()
            || query.settings.is_some()
            || query.format_clause.is_some()
            || !query.pipe_operators.is_empty();
        if odd {
            return Err(unsupported("pipes, FETCH or FOR"));
        }
        let env = &self.with(query.with.as_ref(), env)?;
        let order = order_of(query.order_by.as_ref())?;
        let mut relation = match &*query.body {
            SetExpr::Select(select) => self.select(select, order, env)?,
            body => {
                let relation = self.body(body, env)?;
                if order.is_empty() { relation } else { self.ordered(&relation, order, env)? }
            }
        };
        if let Some(limit) = &query.limit_clause {
            relation.sql.push_str(&limit_of(limit)?);
        }
        Ok(relation)
    }

    fn with<'a>(&self, with: Option<&With>, env: &Env<'a>) -> Result<Env<'a>> {
        let mut env = env.clone();
        for cte in with.into_iter().flat_map(|with| &with.cte_tables) {
            if with.is_some_and(|with| with.recursive) || !cte.alias.columns.is_empty() {
                return Err(unsupported("WITH RECURSIVE and column names in WITH"));
            }
            let relation = Rc::new(self.query(&cte.query, &env)?);
            env.ctes.push((cte.alias.name.value.clone(), relation));
        }
        Ok(env)
    }

    fn body(&self, body: &SetExpr, env: &Env<'_>) -> Result<Relation> {
        match body {
            SetExpr::Select(select) => self.select(select, &[], env),
            SetExpr::Query(query) => self.query(query, env),
            SetExpr::SetOperation { op, set_quantifier, left, right } => {
                let word = match (op, set_quantifier) {
                    (SetOperator::Union, SetQuantifier::All) => "UNION ALL",
                    (SetOperator::Union, SetQuantifier::Distinct) => "UNION",
                    (SetOperator::Intersect, SetQuantifier::Distinct) => "INTERSECT",
                    (SetOperator::Except, SetQuantifier::Distinct) => "EXCEPT",
                    _ => return Err(unsupported(format!("{op} {set_quantifier}"))),
                };
                let (left, right) = (self.body(left, env)?, self.body(right, env)?);
                set_operation(word, &left, &right)
            }
            _ => Err(unsupported("this kind of query")),
        }
    }

    /// ORDER BY over the columns of a finished relation.
    fn ordered(&self, relation: &Relation, order: &[OrderByExpr], env: &Env<'_>) -> Result<Relation> {
        let (table, source) = self.derived_source(relation, None);
        let from = From { sources: vec![source], merged: Vec::new() };
        let aggregates = Cell::new(false);
        let cx = Cx {
            from: &from,
            env,
            groups: None,
            no_aggregates: Some("in the ORDER BY of a set operation"),
            aggregates: &aggregates,
            aliases: &[],
            alias_wins: true,
        };
        let mut keys = Vec::new();
        for each in order {
            let key = match ordinal(&each.expr, relation.columns.len())? {
                Some(at) => {
                    Bound { sql: format!("o{at}"), ty: relation.columns[at].ty.clone(), literal: None }
                }
                None => self.expression(&each.expr, &cx)?,
            };
            keys.push(order_key(&key, each)?);
        }
        let columns = relation.columns.clone();
        Ok(Relation { sql: format!("SELECT * FROM {table} ORDER BY {}", keys.join(", ")), columns })
    }
}

fn set_operation(word: &str, left: &Relation, right: &Relation) -> Result<Relation> {
    if left.columns.len() != right.columns.len() {
        let text = format!(
            "Queries in {word} have mismatched column count: {} and {}",
            left.columns.len(),
            right.columns.len()
        );
        return Err(Error::query(text));
    }
    let mut columns = Vec::new();
    let (mut lefts, mut rights) = (Vec::new(), Vec::new());
    for (at, (a, b)) in left.columns.iter().zip(&right.columns).enumerate() {
        let of = |column: &Output| Bound { sql: format!("o{at}"), ty: column.ty.clone(), literal: None };
        let (a_bound, b_bound) = (of(a), of(b));
        let ty = common([&a_bound, &b_bound].into_iter(), word)?;
        if word != "UNION ALL" && !super::names::comparable(ty.as_ref()) {
            return Err(unsupported(format!("{word} DISTINCT of structs, arrays or JSON")));
        }
        let fit = |bound: &Bound| match &ty {
            Some(ty) => bound.expect(ty, word),
            None => Ok(bound.clone()),
        };
        lefts.push(format!("{} AS o{at}", fit(&a_bound)?.sql));
        rights.push(format!("{} AS o{at}", fit(&b_bound)?.sql));
        columns.push(Output { name: a.name.clone(), ty });
    }
    let sql = format!(
        "SELECT {} FROM ({}) {word} SELECT {} FROM ({})",
        lefts.join(", "),
        left.sql,
        rights.join(", "),
        right.sql
    );
    // Within parentheses, so that a third query cannot bind closer than the first two.
    Ok(Relation { sql: format!("SELECT * FROM ({sql})"), columns })
}

fn order_of(order: Option<&OrderBy>) -> Result<&[OrderByExpr]> {
    match order.map(|order| (&order.kind, &order.interpolate)) {
        None => Ok(&[]),
        Some((OrderByKind::Expressions(keys), None)) => Ok(keys),
        Some(_) => Err(unsupported("ORDER BY ALL")),
    }
}

/// The place in the select list that a whole number names, counted from 0.
pub(super) fn ordinal(expr: &Expr, columns: usize) -> Result<Option<usize>> {
    let Expr::Value(value) = expr else { return Ok(None) };
    let Value::Number(text, _) = &value.value else { return Ok(None) };
    match text.parse::<usize>() {
        Ok(at) if (1..=columns).contains(&at) => Ok(Some(at - 1)),
        _ => Err(Error::query(format!(
            "ORDER BY or GROUP BY column number {text} is out of range: 1 to {columns}"
        ))),
    }
}

/// One key of ORDER BY with its direction.
pub(super) fn order_key(key: &Bound, order: &OrderByExpr) -> Result<String> {
    if !super::names::comparable(key.ty.as_ref()) {
        return Err(Error::query(format!(
            "ORDER BY does not support expressions of type {}",
            key.type_name()
        )));
    }
    if order.with_fill.is_some() {
        return Err(unsupported("WITH FILL"));
    }
    let direction = match &order.options.sort {
        None | Some(OrderBySort::Asc) => "",
        Some(OrderBySort::Desc) => " DESC",
        Some(OrderBySort::Using(_)) => return Err(unsupported("ORDER BY .. USING")),
    };
    let nulls = match order.options.nulls_first {
        None => "",
        Some(true) => " NULLS FIRST",
        Some(false) => " NULLS LAST",
    };
    Ok(format!("{}{direction}{nulls}", key.sql))
}

fn limit_of(clause: &LimitClause) -> Result<String> {
    let LimitClause::LimitOffset { limit: Some(limit), offset, limit_by } = clause else {
        return Err(unsupported("OFFSET without LIMIT"));
    };
    if !limit_by.is_empty() {
        return Err(unsupported("LIMIT .. BY"));
    }
    let number = |expr: &Expr| match expr {
        Expr::Value(value) => match &value.value {
            Value::Number(text, _) => text.parse::<u32>().map_err(|_| unsupported(format!("LIMIT {text}"))),
            _ => Err(unsupported("a LIMIT that is no number")),
        },
        _ => Err(unsupported("a LIMIT that is no number")),
    };
    let mut sql = format!(" LIMIT {}", number(limit)?);
    if let Some(offset) = offset {
        let _ = write!(sql, " OFFSET {}", number(&offset.value)?);
    }
    Ok(sql)
}
