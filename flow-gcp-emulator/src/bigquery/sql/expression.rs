//! Expressions: each kind that is understood, with its type.

use std::fmt::Write as _;

use sqlparser::ast::{
    CaseWhen, CastKind, DataType, Expr, Query, TypedString, UnaryOperator, Value, ValueWithSpan,
};

use super::super::error::{Error, Result};
use super::super::schema::Type;
use super::bound::{Bound, blob, stored_scalar, unify};
use super::cast::{named_type, type_of};
use super::names::{Cx, Env, resolve};
use super::{Binder, unsupported};

impl Binder<'_> {
    pub(super) fn expression(&self, expr: &Expr, cx: &Cx<'_>) -> Result<Bound> {
        // In a grouped query, an expression that it is grouped by stands for itself.
        if let Some(groups) = cx.groups.filter(|groups| !groups.is_empty())
            && !matches!(expr, Expr::Value(_))
            && let Ok(bound) = self.expression(expr, &cx.plain("within a grouped expression"))
            && groups.contains(&bound.sql)
        {
            return Ok(bound);
        }
        match expr {
            Expr::Identifier(ident) if ident.value.starts_with('@') => self.parameter(&ident.value[1..]),
            Expr::Identifier(ident) => resolve(std::slice::from_ref(ident), cx),
            Expr::CompoundIdentifier(parts) => resolve(parts, cx),
            Expr::CompoundFieldAccess { root, access_chain } => self.access(root, access_chain, cx),
            Expr::Nested(inner) => {
                let inner = self.expression(inner, cx)?;
                Ok(Bound { sql: format!("({})", inner.sql), ..inner })
            }
            Expr::Value(value) => literal(value),
            Expr::TypedString(typed) => typed_literal(typed),
            Expr::UnaryOp { op, expr } => self.unary(*op, expr, cx),
            Expr::BinaryOp { left, op, right } => self.binary(left, op, right, cx),
            Expr::Case { operand, conditions, else_result, .. } => {
                self.case(operand.as_deref(), conditions, else_result.as_deref(), cx)
            }
            Expr::Cast { kind, expr, data_type, format: None } => self.cast(kind, expr, data_type, cx),
            Expr::Function(function) => self.function(function, cx),
            Expr::Subquery(query) => self.scalar_subquery(query, cx),
            Expr::Exists { subquery, negated } => {
                let relation = self.subquery(subquery, cx)?;
                Ok(condition(format!("{}EXISTS ({})", not(*negated), relation.sql)))
            }
            Expr::Array(array) => self.array_of(&array.elem, cx),
            Expr::Struct { values, fields } if fields.is_empty() => self.struct_of(values, cx),
            Expr::Tuple(_) => Err(unsupported("tuples: write STRUCT(..)")),
            other => self.predicate(other, cx),
        }
    }

    fn predicate(&self, expr: &Expr, cx: &Cx<'_>) -> Result<Bound> {
        match expr {
            Expr::IsNull(expr) => Ok(condition(format!("({} IS NULL)", self.expression(expr, cx)?.sql))),
            Expr::IsNotNull(expr) => {
                Ok(condition(format!("({} IS NOT NULL)", self.expression(expr, cx)?.sql)))
            }
            Expr::IsTrue(expr) => self.truth(expr, "IS 1", cx),
            Expr::IsNotTrue(expr) => self.truth(expr, "IS NOT 1", cx),
            Expr::IsFalse(expr) => self.truth(expr, "IS 0", cx),
            Expr::IsNotFalse(expr) => self.truth(expr, "IS NOT 0", cx),
            Expr::IsDistinctFrom(a, b) => self.distinct(a, b, "IS NOT", cx),
            Expr::IsNotDistinctFrom(a, b) => self.distinct(a, b, "IS", cx),
            Expr::Between { expr, negated, low, high } => {
                let mut values =
                    [self.expression(expr, cx)?, self.expression(low, cx)?, self.expression(high, cx)?];
                comparable(&values, "BETWEEN")?;
                unify(&mut values, "BETWEEN")?;
                let [value, low, high] = values;
                Ok(condition(format!(
                    "({} {}BETWEEN {} AND {})",
                    value.sql,
                    not(*negated),
                    low.sql,
                    high.sql
                )))
            }
            Expr::InList { expr, list, negated } => {
                let mut values = vec![self.expression(expr, cx)?];
                for each in list {
                    values.push(self.expression(each, cx)?);
                }
                comparable(&values, "IN")?;
                unify(&mut values, "IN")?;
                let list: Vec<_> = values[1..].iter().map(|value| value.sql.as_str()).collect();
                Ok(condition(format!("({} {}IN ({}))", values[0].sql, not(*negated), list.join(", "))))
            }
            Expr::InSubquery { expr, subquery, negated } => {
                let relation = self.subquery(subquery, cx)?;
                let [column] = &relation.columns[..] else {
                    return Err(Error::query("Subquery of type IN must have only one output column"));
                };
                let value = Bound { sql: "o0".into(), ty: column.ty.clone(), literal: None };
                self.in_values(expr, &value, &format!("({})", relation.sql), *negated, cx)
            }
            Expr::InUnnest { expr, array_expr, negated } => {
                let array = self.expression(array_expr, cx)?;
                let Some(Type::Array(of)) = &array.ty else {
                    return Err(Error::query("UNNEST expects an array"));
                };
                let value = Bound::new(stored_scalar("value", of), (**of).clone());
                self.in_values(expr, &value, &format!("json_each({})", array.sql), *negated, cx)
            }
            Expr::Like { negated, any: false, expr, pattern, escape_char: None } => {
                let text = self.expression(expr, cx)?.expect(&Type::String, "LIKE")?;
                let pattern = self.expression(pattern, cx)?.expect(&Type::String, "LIKE")?;
                Ok(condition(format!("({}bq_like({}, {}))", not(*negated), text.sql, pattern.sql)))
            }
            other => self.worded(other, cx),
        }
    }

    /// Whether a value is among those of a table of SQLite.
    fn in_values(
        &self,
        expr: &Expr,
        value: &Bound,
        table: &str,
        negated: bool,
        cx: &Cx<'_>,
    ) -> Result<Bound> {
        let mut pair = [self.expression(expr, cx)?, value.clone()];
        comparable(&pair, "IN")?;
        unify(&mut pair, "IN")?;
        let [one, value] = pair;
        Ok(condition(format!("({} {}IN (SELECT {} FROM {table}))", one.sql, not(negated), value.sql)))
    }

    fn truth(&self, expr: &Expr, test: &str, cx: &Cx<'_>) -> Result<Bound> {
        let value = self.expression(expr, cx)?.expect(&Type::Bool, "IS TRUE or IS FALSE")?;
        Ok(condition(format!("({} {test})", value.sql)))
    }

    fn distinct(&self, a: &Expr, b: &Expr, test: &str, cx: &Cx<'_>) -> Result<Bound> {
        let mut pair = [self.expression(a, cx)?, self.expression(b, cx)?];
        comparable(&pair, "IS DISTINCT FROM")?;
        unify(&mut pair, "IS DISTINCT FROM")?;
        Ok(condition(format!("({} {test} {})", pair[0].sql, pair[1].sql)))
    }

    fn unary(&self, op: UnaryOperator, expr: &Expr, cx: &Cx<'_>) -> Result<Bound> {
        let value = self.expression(expr, cx)?;
        match (op, &value.ty) {
            (UnaryOperator::Not, _) => {
                Ok(condition(format!("(NOT {})", value.expect(&Type::Bool, "NOT")?.sql)))
            }
            (UnaryOperator::Minus, _) => super::arithmetic::negate(&value),
            (UnaryOperator::Plus, Some(Type::Int64 | Type::Float64 | Type::Numeric)) => Ok(value),
            _ => Err(unsupported(format!("the operator {op} of {}", value.type_name()))),
        }
    }

    fn cast(&self, kind: &CastKind, expr: &Expr, to: &DataType, cx: &Cx<'_>) -> Result<Bound> {
        let value = self.expression(expr, cx)?;
        match kind {
            CastKind::Cast => super::cast::cast(&value, &type_of(to)?, false),
            CastKind::SafeCast => super::cast::cast(&value, &type_of(to)?, true),
            _ => Err(unsupported("this kind of cast: write CAST or SAFE_CAST")),
        }
    }

    fn case(
        &self,
        operand: Option<&Expr>,
        whens: &[CaseWhen],
        other: Option<&Expr>,
        cx: &Cx<'_>,
    ) -> Result<Bound> {
        let mut tests = Vec::new();
        let mut results = Vec::new();
        for when in whens {
            let test = self.expression(&when.condition, cx)?;
            tests.push(match operand {
                None => test.expect(&Type::Bool, "WHEN")?.sql,
                Some(operand) => {
                    let mut pair = [self.expression(operand, cx)?, test];
                    comparable(&pair, "CASE")?;
                    unify(&mut pair, "CASE")?;
                    format!("{} = {}", pair[0].sql, pair[1].sql)
                }
            });
            results.push(self.expression(&when.result, cx)?);
        }
        results.push(other.map_or_else(|| Ok(Bound::null()), |other| self.expression(other, cx))?);
        let ty = unify(&mut results, "CASE")?;
        let mut sql = String::from("CASE");
        for (test, result) in tests.iter().zip(&results) {
            let _ = write!(sql, " WHEN {test} THEN {}", result.sql);
        }
        let _ = write!(sql, " ELSE {} END", results[results.len() - 1].sql);
        Ok(Bound { sql, ty, literal: None })
    }

    /// A query inside of an expression; it sees the names around it.
    pub(super) fn subquery(&self, query: &Query, cx: &Cx<'_>) -> Result<super::bound::Relation> {
        let env = Env { ctes: cx.env.ctes.clone(), outer: Some(cx) };
        self.query(query, &env)
    }

    /// More than one row is an error in BigQuery, where SQLite would take the first.
    fn scalar_subquery(&self, query: &Query, cx: &Cx<'_>) -> Result<Bound> {
        let relation = self.subquery(query, cx)?;
        let [column] = &relation.columns[..] else {
            return Err(Error::query("Scalar subquery must have only one column"));
        };
        let sql = format!("(SELECT bq_single(o0, count(*)) FROM ({}))", relation.sql);
        Ok(Bound { sql, ty: column.ty.clone(), literal: None })
    }

    /// `@name`, from the request's parameters.
    fn parameter(&self, name: &str) -> Result<Bound> {
        let all = self.settings.parameters.as_array();
        let found = all.into_iter().flatten().find(|parameter| parameter["name"].as_str() == Some(name));
        let parameter = found.ok_or_else(|| Error::query(format!("Query parameter '{name}' not found")))?;
        let kind = parameter["parameterType"]["type"].as_str().unwrap_or_default();
        let to = named_type(kind).ok_or_else(|| unsupported(format!("query parameters of type {kind}")))?;
        let value = &parameter["parameterValue"]["value"];
        let Some(text) = value.as_str() else { return Ok(Bound { ty: Some(to), ..Bound::null() }) };
        super::cast::constant(text, &to)
    }
}

/// `DATE '2026-01-31'`.
fn typed_literal(typed: &TypedString) -> Result<Bound> {
    let to = type_of(&typed.data_type)?;
    let text = typed.value.value.clone().into_string().unwrap_or_default();
    if matches!(
        to,
        Type::Date
            | Type::Datetime
            | Type::Time
            | Type::Timestamp
            | Type::Numeric
            | Type::BigNumeric
            | Type::Json
    ) {
        return super::cast::constant(&text, &to);
    }
    Err(unsupported(format!("literals of type {}", to.sql_name())))
}

fn literal(value: &ValueWithSpan) -> Result<Bound> {
    match &value.value {
        Value::Null => Ok(Bound::null()),
        Value::Boolean(value) => Ok(condition(i64::from(*value).to_string())),
        Value::Number(text, _) => match text.parse::<i64>() {
            Ok(number) => Ok(Bound::int(number)),
            Err(_) if text.bytes().all(|byte| byte.is_ascii_digit()) => {
                Err(Error::query(format!("Invalid integer literal: {text}")))
            }
            Err(_) => Bound::float(text),
        },
        Value::SingleQuotedString(text)
        | Value::DoubleQuotedString(text)
        | Value::TripleSingleQuotedString(text)
        | Value::TripleDoubleQuotedString(text)
        | Value::SingleQuotedRawStringLiteral(text)
        | Value::DoubleQuotedRawStringLiteral(text)
        | Value::TripleSingleQuotedRawStringLiteral(text)
        | Value::TripleDoubleQuotedRawStringLiteral(text) => Ok(Bound::text(text)),
        Value::SingleQuotedByteStringLiteral(text) | Value::DoubleQuotedByteStringLiteral(text)
            if !text.contains('\\') =>
        {
            Ok(Bound::new(blob(text.as_bytes()), Type::Bytes))
        }
        other => Err(unsupported(format!("the literal {other}"))),
    }
}

pub(super) fn condition(sql: String) -> Bound {
    Bound::new(sql, Type::Bool)
}

fn not(negated: bool) -> &'static str {
    if negated { "NOT " } else { "" }
}

pub(super) fn comparable(values: &[Bound], what: &str) -> Result<()> {
    match values.iter().find(|value| !super::names::comparable(value.ty.as_ref())) {
        Some(value) => {
            Err(Error::query(format!("{what} is not defined for arguments of type {}", value.type_name())))
        }
        None => Ok(()),
    }
}
