//! Aggregates.

use sqlparser::ast::{
    DuplicateTreatment, Expr, Function, FunctionArgumentClause, FunctionArguments, NullTreatment,
};

use super::super::error::{Error, Result};
use super::super::schema::Type;
use super::bound::{Bound, into_json};
use super::expression::{comparable, condition};
use super::functions::{arguments, name_of};
use super::names::Cx;
use super::query::order_key;
use super::{Binder, unsupported};

const NAMES: [&str; 14] = [
    "ANY_VALUE",
    "APPROX_COUNT_DISTINCT",
    "ARRAY_AGG",
    "AVG",
    "COUNT",
    "COUNTIF",
    "LOGICAL_AND",
    "LOGICAL_OR",
    "MAX",
    "MIN",
    "STRING_AGG",
    "SUM",
    "MAX_BY",
    "MIN_BY",
];

pub(super) fn is_aggregate(name: &str) -> bool {
    NAMES.contains(&name)
}

/// What stands within the parentheses beside the arguments.
struct Inside {
    distinct: bool,
    order: String,
    ignore_nulls: bool,
}

impl Binder<'_> {
    pub(super) fn aggregate(&self, function: &Function, cx: &Cx<'_>) -> Result<Bound> {
        let name = name_of(function);
        if let Some(place) = cx.no_aggregates {
            return Err(Error::query(format!("Aggregate function {name} not allowed {place}")));
        }
        if function.over.is_some() || function.filter.is_some() || !function.within_group.is_empty() {
            return Err(unsupported(format!("{name} with OVER, FILTER or WITHIN GROUP")));
        }
        cx.aggregates.set(true);
        let cx = cx.plain("within another aggregate");
        let inside = self.inside(function, &cx)?;
        if name == "COUNT" && super::functions::is_star(function) {
            return Ok(Bound::new("count(*)", Type::Int64));
        }
        let args = arguments(function)?;
        let (value, rest) = match &args[..] {
            [value, rest @ ..] => (self.expression(value, &cx)?, rest),
            [] => {
                return Err(Error::query(format!(
                    "No matching signature for aggregate function {name} without arguments"
                )));
            }
        };
        if !rest.is_empty() && name != "STRING_AGG" {
            return Err(unsupported(format!("{name} of several arguments")));
        }
        // SQLite would take it for an aggregate of the outer query.
        let mut outer = cx.env.outer.copied();
        while let Some(around) = outer {
            if around.from.is_in(&value.sql) && !cx.from.is_in(&value.sql) {
                return Err(unsupported(format!("{name} over columns of an outer query alone")));
            }
            outer = around.env.outer.copied();
        }
        if inside.distinct {
            comparable(std::slice::from_ref(&value), "DISTINCT")?;
        }
        self.aggregate_of(&name, &value, rest, &inside, &cx)
    }

    fn aggregate_of(
        &self,
        name: &str,
        value: &Bound,
        rest: &[&Expr],
        inside: &Inside,
        cx: &Cx<'_>,
    ) -> Result<Bound> {
        let Inside { distinct, order, ignore_nulls } = inside;
        let distinct = if *distinct { "DISTINCT " } else { "" };
        if (*ignore_nulls || !order.is_empty()) && !matches!(name, "ARRAY_AGG" | "STRING_AGG") {
            return Err(unsupported(format!("{name} with ORDER BY or IGNORE NULLS")));
        }
        let sql = &value.sql;
        match name {
            "COUNT" => Ok(Bound::new(format!("count({distinct}{sql})"), Type::Int64)),
            "APPROX_COUNT_DISTINCT" => Ok(Bound::new(format!("count(DISTINCT {sql})"), Type::Int64)),
            "COUNTIF" if distinct.is_empty() => {
                let test = value.expect(&Type::Bool, name)?.sql;
                Ok(Bound::new(format!("count(CASE WHEN {test} THEN 1 END)"), Type::Int64))
            }
            "LOGICAL_AND" => Ok(condition(format!("min({})", value.expect(&Type::Bool, name)?.sql))),
            "LOGICAL_OR" => Ok(condition(format!("max({})", value.expect(&Type::Bool, name)?.sql))),
            "MIN" | "MAX" => {
                comparable(std::slice::from_ref(value), name)?;
                Ok(Bound {
                    sql: format!("{}({sql})", name.to_ascii_lowercase()),
                    ty: value.ty.clone(),
                    literal: None,
                })
            }
            // Any will do; SQLite has none of its own that takes NULL into account.
            "ANY_VALUE" => {
                comparable(std::slice::from_ref(value), name)?;
                Ok(Bound { sql: format!("max({sql})"), ty: value.ty.clone(), literal: None })
            }
            "SUM" => match value.ty {
                Some(Type::Int64 | Type::Float64) => {
                    Ok(Bound { sql: format!("sum({distinct}{sql})"), ty: value.ty.clone(), literal: None })
                }
                Some(Type::Numeric) => Ok(Bound::new(format!("bq_sum_n({distinct}{sql})"), Type::Numeric)),
                _ => Err(unsupported(format!("SUM of {}", value.type_name()))),
            },
            "AVG" => match value.ty {
                Some(Type::Int64 | Type::Float64) => {
                    Ok(Bound::new(format!("avg({distinct}{sql})"), Type::Float64))
                }
                Some(Type::Numeric) => Ok(Bound::new(format!("bq_avg_n({distinct}{sql})"), Type::Numeric)),
                _ => Err(unsupported(format!("AVG of {}", value.type_name()))),
            },
            "STRING_AGG" => self.string_agg(value, rest, inside, cx),
            "ARRAY_AGG" => array_agg(value, inside),
            _ => Err(unsupported(name)),
        }
    }

    fn string_agg(&self, value: &Bound, rest: &[&Expr], inside: &Inside, cx: &Cx<'_>) -> Result<Bound> {
        let value = value.expect(&Type::String, "STRING_AGG")?;
        let separator = match rest {
            [] => "','".into(),
            [separator] => self.expression(separator, cx)?.expect(&Type::String, "STRING_AGG")?.sql,
            _ => return Err(unsupported("STRING_AGG of more than two arguments")),
        };
        let sql = if !inside.distinct {
            format!("group_concat({}, {separator}{})", value.sql, inside.order)
        } else if rest.is_empty() {
            format!("group_concat(DISTINCT {}{})", value.sql, inside.order)
        } else {
            return Err(unsupported("STRING_AGG(DISTINCT ..) with a separator"));
        };
        Ok(Bound::new(sql, Type::String))
    }

    fn inside(&self, function: &Function, cx: &Cx<'_>) -> Result<Inside> {
        let FunctionArguments::List(list) = &function.args else {
            return Err(unsupported(format!("{} without arguments", function.name)));
        };
        let mut inside = Inside {
            distinct: list.duplicate_treatment == Some(DuplicateTreatment::Distinct),
            order: String::new(),
            ignore_nulls: function.null_treatment == Some(NullTreatment::IgnoreNulls),
        };
        for clause in &list.clauses {
            match clause {
                FunctionArgumentClause::IgnoreOrRespectNulls(treatment) => {
                    inside.ignore_nulls = *treatment == NullTreatment::IgnoreNulls;
                }
                FunctionArgumentClause::OrderBy(keys) => {
                    let keys = keys.iter().map(|key| order_key(&self.expression(&key.expr, cx)?, key));
                    inside.order = format!(" ORDER BY {}", keys.collect::<Result<Vec<_>>>()?.join(", "));
                }
                _ => {
                    return Err(unsupported(format!(
                        "{} with LIMIT, HAVING or another clause",
                        function.name
                    )));
                }
            }
        }
        Ok(inside)
    }
}

/// NULL among the elements is an error in BigQuery; no elements at all give NULL.
fn array_agg(value: &Bound, inside: &Inside) -> Result<Bound> {
    let ty = value.ty.clone().unwrap_or(Type::Int64);
    if matches!(ty, Type::Array(_)) {
        return Err(Error::query("The argument to ARRAY_AGG must not be an array type"));
    }
    let distinct = if inside.distinct { "DISTINCT " } else { "" };
    let (element, filter) = if inside.ignore_nulls {
        (into_json(value), format!(" FILTER (WHERE {} IS NOT NULL)", value.sql))
    } else {
        (format!("bq_not_null({})", into_json(value)), String::new())
    };
    let element = match ty {
        Type::Struct(_) => format!("json({element})"),
        _ => element,
    };
    let sql = format!("nullif(json_group_array({distinct}{element}{}){filter}, '[]')", inside.order);
    Ok(Bound::new(sql, Type::Array(Box::new(ty))))
}
