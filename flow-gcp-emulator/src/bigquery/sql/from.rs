//! FROM: tables, subqueries, UNNEST and joins.

use std::cell::Cell;
use std::fmt::Write as _;

use sqlparser::ast::{
    Expr, Ident, Join, JoinConstraint, JoinOperator, ObjectName, TableAlias, TableFactor, TableWithJoins,
};

use super::super::error::{Error, Result};
use super::super::schema::Type;
use super::super::state::TableName;
use super::bound::{Bound, Relation, stored_scalar};
use super::names::{Column, Cx, Env, From, Source};
use super::{Binder, unsupported};

/// A source and its text after FROM or JOIN.
struct Item {
    sql: String,
    source: Source,
}

impl Binder<'_> {
    /// The text behind FROM, and the names that it brings.
    pub(super) fn from(&self, tables: &[TableWithJoins], env: &Env<'_>) -> Result<(String, From)> {
        let mut from = From::default();
        let mut sql = String::new();
        for table in tables {
            let item = self.factor(&table.relation, &from, env)?;
            if !sql.is_empty() {
                sql.push_str(" JOIN ");
            }
            sql.push_str(&item.sql);
            add(&mut from, item.source)?;
            for join in &table.joins {
                self.join(join, &mut sql, &mut from, env)?;
            }
        }
        Ok((sql, from))
    }

    fn join(&self, join: &Join, sql: &mut String, from: &mut From, env: &Env<'_>) -> Result<()> {
        let (kind, constraint) = match &join.join_operator {
            JoinOperator::Join(on) | JoinOperator::Inner(on) => ("JOIN", on),
            JoinOperator::CrossJoin(on) => ("CROSS JOIN", on),
            JoinOperator::Left(on) | JoinOperator::LeftOuter(on) => ("LEFT JOIN", on),
            JoinOperator::Right(on) | JoinOperator::RightOuter(on) => ("RIGHT JOIN", on),
            JoinOperator::FullOuter(on) => ("FULL JOIN", on),
            _ => return Err(unsupported("this kind of join")),
        };
        let item = self.factor(&join.relation, from, env)?;
        let left = from.clone();
        let right = item.source.clone();
        add(from, item.source)?;
        let on = match constraint {
            JoinConstraint::On(on) => self.condition(on, from, env)?,
            JoinConstraint::Using(columns) => using(columns, kind, &left, &right, from)?,
            JoinConstraint::None if kind == "CROSS JOIN" || right.element.is_some() => "1".into(),
            JoinConstraint::None => return Err(Error::query("JOIN must have an ON or a USING clause")),
            JoinConstraint::Natural => return Err(unsupported("NATURAL JOIN")),
        };
        let _ = write!(sql, " {kind} {} ON {on}", item.sql);
        Ok(())
    }

    fn condition(&self, on: &Expr, from: &From, env: &Env<'_>) -> Result<String> {
        let aggregates = Cell::new(false);
        let cx = Cx {
            from,
            env,
            groups: None,
            no_aggregates: Some("in a JOIN condition"),
            aggregates: &aggregates,
            aliases: &[],
            alias_wins: false,
        };
        Ok(self.expression(on, &cx)?.expect(&Type::Bool, "ON")?.sql)
    }

    fn factor(&self, factor: &TableFactor, from: &From, env: &Env<'_>) -> Result<Item> {
        match factor {
            TableFactor::Table { name, alias, args: None, version: None, sample: None, .. } => {
                self.table(name, alias.as_ref(), from, env)
            }
            TableFactor::Derived { lateral: false, subquery, alias, sample: None } => {
                let relation = self.query(subquery, env)?;
                Ok(self.derived(&relation, alias_of(alias.as_ref())?))
            }
            TableFactor::UNNEST {
                alias,
                array_exprs,
                with_offset,
                with_offset_alias,
                with_ordinality: false,
            } => {
                let [array] = &array_exprs[..] else { return Err(unsupported("UNNEST of several arrays")) };
                let array = self.array(array, from, env)?;
                let offset =
                    with_offset.then(|| with_offset_alias.as_ref().map_or("offset", |alias| &alias.value));
                self.unnest(&array, alias_of(alias.as_ref())?, offset)
            }
            other => Err(unsupported(format!("{other} in FROM"))),
        }
    }

    fn array(&self, array: &Expr, from: &From, env: &Env<'_>) -> Result<Bound> {
        let aggregates = Cell::new(false);
        let cx = Cx {
            from,
            env,
            groups: None,
            no_aggregates: Some("in UNNEST"),
            aggregates: &aggregates,
            aliases: &[],
            alias_wins: false,
        };
        self.expression(array, &cx)
    }

    /// A common table expression, an array of a table to the left, or a table.
    fn table(
        &self,
        name: &ObjectName,
        alias: Option<&TableAlias>,
        from: &From,
        env: &Env<'_>,
    ) -> Result<Item> {
        let alias = alias_of(alias)?;
        let idents: Vec<Ident> = name.0.iter().filter_map(|part| part.as_ident().cloned()).collect();
        if let [ident] = &idents[..]
            && let Some((_, relation)) =
                env.ctes.iter().rev().find(|(cte, _)| cte.eq_ignore_ascii_case(&ident.value))
        {
            return Ok(self.derived(relation, alias.or_else(|| Some(ident.value.clone()))));
        }
        if let [_, .., last] = &idents[..] {
            let path = Expr::CompoundIdentifier(idents.clone());
            if let Ok(array) = self.array(&path, from, env) {
                return self.unnest(&array, alias.or_else(|| Some(last.value.clone())), None);
            }
        }
        let path = idents.iter().map(|ident| ident.value.as_str()).collect::<Vec<_>>().join(".");
        let name = self.table_name(&path)?;
        let table = self.state.table(&name).map_err(|error| Error { reason: "notFound", ..error })?;
        let physical = self.fresh();
        let columns = table.schema.fields.iter().enumerate().map(|(at, field)| Column {
            name: field.name.clone(),
            bound: Bound::new(format!("{physical}.c{at}"), field.whole()),
        });
        let columns = columns.collect();
        let alias = alias.or(Some(name.table.clone()));
        Ok(Item {
            sql: format!("{} AS {physical}", table.physical()),
            source: Source { alias, physical, columns, element: None },
        })
    }

    fn table_name(&self, path: &str) -> Result<TableName> {
        let parts: Vec<_> = path.rsplitn(3, '.').collect();
        let name = match parts[..] {
            [table, dataset, project] => TableName::new(project, dataset, table),
            [table, dataset] if !self.settings.project.is_empty() => {
                TableName::new(self.settings.project, dataset, table)
            }
            [table] if self.settings.dataset.is_some() => {
                TableName::new(self.settings.project, self.settings.dataset.unwrap_or_default(), table)
            }
            _ => {
                let text = format!("Table \"{path}\" must be qualified with a dataset (e.g. dataset.table).");
                return Err(Error::invalid(text));
            }
        };
        if path.to_ascii_uppercase().contains("INFORMATION_SCHEMA") {
            return Err(unsupported("INFORMATION_SCHEMA"));
        }
        Ok(name)
    }

    pub(super) fn derived_source(&self, relation: &Relation, alias: Option<String>) -> (String, Source) {
        let physical = self.fresh();
        let columns = relation.columns.iter().enumerate().filter_map(|(at, column)| {
            let bound = Bound { sql: format!("{physical}.o{at}"), ty: column.ty.clone(), literal: None };
            Some(Column { name: column.name.clone()?, bound })
        });
        let columns = columns.collect();
        (format!("({}) AS {physical}", relation.sql), Source { alias, physical, columns, element: None })
    }

    fn derived(&self, relation: &Relation, alias: Option<String>) -> Item {
        let (sql, source) = self.derived_source(relation, alias);
        Item { sql, source }
    }

    fn unnest(&self, array: &Bound, alias: Option<String>, offset: Option<&str>) -> Result<Item> {
        let Some(Type::Array(of)) = &array.ty else {
            let text = format!(
                "Values referenced in UNNEST must be arrays. UNNEST contains an expression of type {}",
                array.type_name()
            );
            return Err(Error::query(text));
        };
        let physical = self.fresh();
        let element = Bound::new(stored_scalar(&format!("{physical}.value"), of), (**of).clone());
        let mut columns = Vec::new();
        if let Type::Struct(schema) = &**of {
            for field in &schema.fields {
                columns.push(Column { name: field.name.clone(), bound: element.field(&field.name)? });
            }
        } else if let Some(alias) = &alias {
            columns.push(Column { name: alias.clone(), bound: element.clone() });
        }
        if let Some(offset) = offset {
            let bound = Bound::new(format!("{physical}.key"), Type::Int64);
            columns.push(Column { name: offset.into(), bound });
        }
        let sql = format!("json_each({}) AS {physical}", array.sql);
        Ok(Item { sql, source: Source { alias, physical, columns, element: Some(element) } })
    }
}

fn alias_of(alias: Option<&TableAlias>) -> Result<Option<String>> {
    match alias {
        Some(alias) if !alias.columns.is_empty() => Err(unsupported("column names in the alias of a table")),
        other => Ok(other.map(|alias| alias.name.value.clone())),
    }
}

fn add(from: &mut From, source: Source) -> Result<()> {
    let same = |other: &Source| match (&other.alias, &source.alias) {
        (Some(a), Some(b)) => a.eq_ignore_ascii_case(b),
        _ => false,
    };
    if from.sources.iter().any(same) {
        let name = source.alias.unwrap_or_default();
        return Err(Error::query(format!("Duplicate table alias {name} in the same FROM clause")));
    }
    from.sources.push(source);
    Ok(())
}

/// USING: equal columns become one.
fn using(columns: &[ObjectName], kind: &str, left: &From, right: &Source, from: &mut From) -> Result<String> {
    let right = From { sources: vec![right.clone()], merged: Vec::new() };
    let mut conditions = Vec::new();
    for name in columns {
        let name = name.to_string().replace('`', "");
        let of = |from: &From| {
            let all = from.all();
            let mut found = all.into_iter().filter(|column| column.name.eq_ignore_ascii_case(&name));
            match (found.next(), found.next()) {
                (Some(column), None) => Ok(column.bound),
                _ => Err(Error::query(format!(
                    "Column {name} in USING clause is not exactly one on each side of the join"
                ))),
            }
        };
        let mut pair = [of(left)?, of(&right)?];
        super::bound::unify(&mut pair, "USING")?;
        let [a, b] = pair;
        conditions.push(format!("{} = {}", a.sql, b.sql));
        let sql = match kind {
            "RIGHT JOIN" => b.sql,
            "FULL JOIN" => format!("coalesce({}, {})", a.sql, b.sql),
            _ => a.sql,
        };
        from.merged.retain(|column| !column.name.eq_ignore_ascii_case(&name));
        from.merged.push(Column { name, bound: Bound { sql, ty: a.ty, literal: None } });
    }
    Ok(conditions.join(" AND "))
}
