//! Functions by their names.

use sqlparser::ast::{Expr, Function, FunctionArg, FunctionArgExpr, FunctionArguments};

use super::super::error::{Error, Result};
use super::super::schema::Type;
use super::aggregate::is_aggregate;
use super::arithmetic::divide;
use super::bound::{Bound, into_json, unify};
use super::expression::comparable;
use super::names::Cx;
use super::{Binder, unsupported};

pub(super) fn name_of(function: &Function) -> String {
    function.name.to_string().replace('`', "").to_ascii_uppercase()
}

pub(super) fn is_star(function: &Function) -> bool {
    matches!(&function.args, FunctionArguments::List(list)
        if matches!(list.args[..], [FunctionArg::Unnamed(FunctionArgExpr::Wildcard)]))
}

/// The plain arguments.
pub(super) fn arguments(function: &Function) -> Result<Vec<&Expr>> {
    let odd = || unsupported(format!("these arguments of {}", function.name));
    match &function.args {
        FunctionArguments::None => Ok(Vec::new()),
        FunctionArguments::Subquery(_) => Err(odd()),
        FunctionArguments::List(list) => list
            .args
            .iter()
            .map(|arg| match arg {
                FunctionArg::Unnamed(FunctionArgExpr::Expr(expr)) => Ok(expr),
                _ => Err(odd()),
            })
            .collect(),
    }
}

impl Binder<'_> {
    pub(super) fn function(&self, function: &Function, cx: &Cx<'_>) -> Result<Bound> {
        let name = name_of(function);
        if is_aggregate(&name) {
            return self.aggregate(function, cx);
        }
        if function.over.is_some() {
            return Err(unsupported(format!("the window function {name}")));
        }
        if name == "ARRAY"
            && let FunctionArguments::Subquery(query) = &function.args
        {
            return self.array_subquery(query, cx);
        }
        if let FunctionArguments::List(list) = &function.args
            && (list.duplicate_treatment.is_some() || !list.clauses.is_empty())
        {
            return Err(unsupported(format!("DISTINCT or another clause within {name}")));
        }
        let exprs = arguments(function)?;
        if let Some(bound) = self.time_function(&name, &exprs, cx)? {
            return Ok(bound);
        }
        let args = exprs.iter().map(|expr| self.expression(expr, cx)).collect::<Result<Vec<_>>>()?;
        plain(&name, &args)
    }

    /// `ARRAY(SELECT ..)`.
    fn array_subquery(&self, query: &sqlparser::ast::Query, cx: &Cx<'_>) -> Result<Bound> {
        let relation = self.subquery(query, cx)?;
        let [column] = &relation.columns[..] else {
            return Err(Error::query("ARRAY subquery cannot have more than one column"));
        };
        let value = Bound { sql: "o0".into(), ty: column.ty.clone(), literal: None };
        let ty = column.ty.clone().unwrap_or(Type::Int64);
        if matches!(ty, Type::Array(_)) {
            return Err(Error::query("Cannot use array subquery with column of type ARRAY"));
        }
        let sql = format!("(SELECT json_group_array({}) FROM ({}))", into_json(&value), relation.sql);
        Ok(Bound::new(sql, Type::Array(Box::new(ty))))
    }
}

/// A function of values.
pub(super) fn plain(name: &str, args: &[Bound]) -> Result<Bound> {
    if let Some(bound) = conditional(name, args)? {
        return Ok(bound);
    }
    if let Some(bound) = number(name, args)? {
        return Ok(bound);
    }
    super::text::function(name, args)?.ok_or_else(|| {
        let types: Vec<_> = args.iter().map(Bound::type_name).collect();
        unsupported(format!("the function {name}({})", types.join(", ")))
    })
}

fn conditional(name: &str, args: &[Bound]) -> Result<Option<Bound>> {
    let mut args = args.to_vec();
    let bound = match (name, args.len()) {
        ("IF", 3) => {
            let test = args[0].expect(&Type::Bool, "IF")?.sql;
            let ty = unify(&mut args[1..], "IF")?;
            Bound {
                sql: format!("CASE WHEN {test} THEN {} ELSE {} END", args[1].sql, args[2].sql),
                ty,
                literal: None,
            }
        }
        ("IFNULL", 2) | ("COALESCE", 2..) => {
            let ty = unify(&mut args, name)?;
            Bound { sql: format!("coalesce({})", list(&args)), ty, literal: None }
        }
        ("COALESCE", 1) => args.remove(0),
        ("NULLIF", 2) => {
            comparable(&args, name)?;
            let ty = unify(&mut args, name)?;
            Bound { sql: format!("nullif({})", list(&args)), ty, literal: None }
        }
        ("GREATEST" | "LEAST", 2..) => {
            comparable(&args, name)?;
            let ty = unify(&mut args, name)?;
            let verb = if name == "GREATEST" { "max" } else { "min" };
            Bound { sql: format!("{verb}({})", list(&args)), ty, literal: None }
        }
        _ => return Ok(None),
    };
    Ok(Some(bound))
}

fn list(args: &[Bound]) -> String {
    args.iter().map(|arg| arg.sql.as_str()).collect::<Vec<_>>().join(", ")
}

fn number(name: &str, args: &[Bound]) -> Result<Option<Bound>> {
    let float = |at: usize| args[at].expect(&Type::Float64, name);
    let int = |at: usize| args[at].expect(&Type::Int64, name);
    let ty = |at: usize| args.get(at).and_then(|arg| arg.ty.clone());
    let bound = match (name, args.len()) {
        ("SAFE_DIVIDE", 2) => divide([args[0].clone(), args[1].clone()], "safe_div")?,
        ("DIV" | "MOD", 2) => {
            let sql = format!("bq_{}_i({}, {})", name.to_ascii_lowercase(), int(0)?.sql, int(1)?.sql);
            Bound::new(sql.replace("bq_div_i", "bq_quotient_i"), Type::Int64)
        }
        ("ABS", 1) if ty(0) == Some(Type::Int64) => Bound::new(format!("abs({})", args[0].sql), Type::Int64),
        ("ABS", 1) if ty(0) == Some(Type::Float64) => {
            Bound::new(format!("abs({})", args[0].sql), Type::Float64)
        }
        ("ABS", 1) if ty(0) == Some(Type::Numeric) => {
            Bound::new(format!("bq_abs_n({})", args[0].sql), Type::Numeric)
        }
        ("SIGN", 1) if ty(0) == Some(Type::Int64) => {
            Bound::new(format!("sign({})", args[0].sql), Type::Int64)
        }
        ("ROUND" | "TRUNC" | "FLOOR" | "CEIL" | "CEILING", 1 | 2) => return rounded(name, args).map(Some),
        ("SQRT" | "EXP" | "LN" | "LOG10", 1) => {
            Bound::new(format!("bq_math('{name}', {}, 0.0)", float(0)?.sql), Type::Float64)
        }
        ("POW" | "POWER", 2) => {
            Bound::new(format!("bq_math('POW', {}, {})", float(0)?.sql, float(1)?.sql), Type::Float64)
        }
        ("IS_INF", 1) => Bound::new(format!("(abs({}) = 9e999)", float(0)?.sql), Type::Bool),
        ("ARRAY_LENGTH", 1) if matches!(ty(0), Some(Type::Array(_))) => {
            Bound::new(format!("json_array_length({})", args[0].sql), Type::Int64)
        }
        _ => return Ok(None),
    };
    Ok(Some(bound))
}

/// Half away from zero; FLOAT64, and NUMERIC as itself.
fn rounded(name: &str, args: &[Bound]) -> Result<Bound> {
    let verb = if name == "CEILING" { "CEIL" } else { name };
    let digits = match args {
        [_] => "0".into(),
        [_, digits] if matches!(verb, "ROUND" | "TRUNC") => digits.expect(&Type::Int64, name)?.sql,
        _ => return Err(unsupported(format!("{name} of two arguments"))),
    };
    if args[0].ty == Some(Type::Numeric) {
        return Ok(Bound::new(format!("bq_round_n('{verb}', {}, {digits})", args[0].sql), Type::Numeric));
    }
    let value = args[0].expect(&Type::Float64, name)?;
    Ok(Bound::new(format!("bq_round_f('{verb}', {}, {digits})", value.sql), Type::Float64))
}
