//! Operators of two values.

use sqlparser::ast::{BinaryOperator, Expr};

use super::super::error::{Error, Result};
use super::super::schema::Type;
use super::bound::{Bound, Literal, unify};
use super::expression::{comparable, condition};
use super::names::Cx;
use super::{Binder, unsupported};

impl Binder<'_> {
    pub(super) fn binary(
        &self,
        left: &Expr,
        op: &BinaryOperator,
        right: &Expr,
        cx: &Cx<'_>,
    ) -> Result<Bound> {
        if let Expr::Interval(interval) = right {
            let moment = self.expression(left, cx)?;
            return match op {
                BinaryOperator::Plus => self.shifted(&moment, interval, 1, cx),
                BinaryOperator::Minus => self.shifted(&moment, interval, -1, cx),
                _ => Err(unsupported(format!("{op} with an INTERVAL"))),
            };
        }
        let pair = [self.expression(left, cx)?, self.expression(right, cx)?];
        match op {
            BinaryOperator::And | BinaryOperator::Or => {
                let [a, b] = pair;
                let (a, b) = (a.expect(&Type::Bool, "AND or OR")?, b.expect(&Type::Bool, "AND or OR")?);
                Ok(condition(format!("({} {op} {})", a.sql, b.sql)))
            }
            BinaryOperator::Eq
            | BinaryOperator::NotEq
            | BinaryOperator::Lt
            | BinaryOperator::LtEq
            | BinaryOperator::Gt
            | BinaryOperator::GtEq => compare(pair, &op.to_string()),
            BinaryOperator::Plus => arithmetic(pair, "add"),
            BinaryOperator::Minus => arithmetic(pair, "sub"),
            BinaryOperator::Multiply => arithmetic(pair, "mul"),
            BinaryOperator::Divide => divide(pair, "div"),
            BinaryOperator::StringConcat => {
                let [a, b] = pair;
                let (a, b) = (a.expect(&Type::String, "||")?, b.expect(&Type::String, "||")?);
                Ok(Bound::new(format!("({} || {})", a.sql, b.sql), Type::String))
            }
            _ => Err(unsupported(format!("the operator {op}"))),
        }
    }
}

fn compare(mut pair: [Bound; 2], op: &str) -> Result<Bound> {
    let what = format!("the operator {op}");
    comparable(&pair, &what)?;
    unify(&mut pair, &what)?;
    let [a, b] = pair;
    Ok(condition(format!("({} {op} {})", a.sql, b.sql)))
}

/// `+`, `-`, `*`, by functions that fail where BigQuery does.
fn arithmetic(mut pair: [Bound; 2], verb: &str) -> Result<Bound> {
    let days = |a: &Bound, b: &Bound| {
        (verb != "mul" && a.ty == Some(Type::Date) && b.ty == Some(Type::Int64))
            .then(|| Bound::new(format!("bq_day(bq_{verb}_i({}, {}))", a.sql, b.sql), Type::Date))
    };
    if let Some(moved) = days(&pair[0], &pair[1]) {
        return Ok(moved);
    }
    let ty = unify(&mut pair, verb)?.unwrap_or(Type::Int64);
    let [a, b] = pair;
    let kind = match ty {
        Type::Int64 => 'i',
        Type::Float64 => 'f',
        Type::Numeric => 'n',
        other => return Err(unsupported(format!("+, - and * of {}", other.sql_name()))),
    };
    Ok(Bound::new(format!("bq_{verb}_{kind}({}, {})", a.sql, b.sql), ty))
}

/// `/` of whole numbers gives floating point.
pub(super) fn divide(mut pair: [Bound; 2], verb: &str) -> Result<Bound> {
    if pair.iter().all(|one| matches!(one.ty, None | Some(Type::Int64))) {
        for one in &mut pair {
            *one = one.expect(&Type::Float64, "/")?;
        }
    }
    let ty = unify(&mut pair, "/")?.unwrap_or(Type::Float64);
    let [a, b] = pair;
    match ty {
        Type::Float64 => Ok(Bound::new(format!("bq_{verb}_f({}, {})", a.sql, b.sql), ty)),
        Type::Numeric => Ok(Bound::new(format!("bq_{verb}_n({}, {})", a.sql, b.sql), ty)),
        other => Err(unsupported(format!("/ of {}", other.sql_name()))),
    }
}

pub(super) fn negate(value: &Bound) -> Result<Bound> {
    match (&value.literal, &value.ty) {
        (Some(Literal::Int(number)), _) => Ok(Bound::int(-number)),
        (Some(Literal::Float(text)), _) => Bound::float(&format!("-{text}")),
        (_, Some(Type::Int64)) => Ok(Bound::new(format!("bq_sub_i(0, {})", value.sql), Type::Int64)),
        (_, Some(Type::Float64)) => Ok(Bound::new(format!("(-{})", value.sql), Type::Float64)),
        (_, Some(Type::Numeric)) => {
            let zero = Bound::int(0).expect(&Type::Numeric, "-")?;
            Ok(Bound::new(format!("bq_sub_n({}, {})", zero.sql, value.sql), Type::Numeric))
        }
        _ => {
            Err(Error::query(format!("No matching signature for operator - with type {}", value.type_name())))
        }
    }
}
