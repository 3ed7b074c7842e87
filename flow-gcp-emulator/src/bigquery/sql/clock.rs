//! Functions of dates and times.

use sqlparser::ast::{CeilFloorKind, Expr, Interval, TrimWhereField};

use super::super::error::{Error, Result};
use super::super::schema::Type;
use super::super::time::DAY;
use super::bound::{Bound, quote};
use super::cast::cast;
use super::names::Cx;
use super::{Binder, unsupported};

impl Binder<'_> {
    /// Functions whose arguments are no plain expressions (`DAY`, `INTERVAL 1 DAY`), and those that make times of others.
    pub(super) fn time_function(&self, name: &str, args: &[&Expr], cx: &Cx<'_>) -> Result<Option<Bound>> {
        let value = |at: usize| self.expression(args[at], cx);
        let int = |at: usize| value(at)?.expect(&Type::Int64, name);
        let micros = |factor: i64| Ok::<_, Error>(format!("bq_moment(bq_mul_i({}, {factor}))", int(0)?.sql));
        let bound = match (name, args.len()) {
            ("CURRENT_TIMESTAMP", 0) => Bound::new(self.settings.now.to_string(), Type::Timestamp),
            ("CURRENT_DATE", 0) => Bound::new(self.settings.now.div_euclid(DAY).to_string(), Type::Date),
            ("CURRENT_DATETIME", 0) => Bound::new(self.settings.now.to_string(), Type::Datetime),
            ("TIMESTAMP_TRUNC" | "DATE_TRUNC" | "DATETIME_TRUNC", 2 | 3) => {
                self.utc(args.get(2), cx)?;
                truncated(&self.moment(name, args[0], cx)?, &part(args[1])?)?
            }
            ("TIMESTAMP_ADD" | "DATE_ADD" | "DATETIME_ADD", 2) => {
                self.shifted(&self.moment(name, args[0], cx)?, interval(args[1])?, 1, cx)?
            }
            ("TIMESTAMP_SUB" | "DATE_SUB" | "DATETIME_SUB", 2) => {
                self.shifted(&self.moment(name, args[0], cx)?, interval(args[1])?, -1, cx)?
            }
            ("TIMESTAMP_DIFF" | "DATE_DIFF" | "DATETIME_DIFF", 3) => {
                let (a, b) = (self.moment(name, args[0], cx)?, self.moment(name, args[1], cx)?);
                let verb = if name == "TIMESTAMP_DIFF" { "bq_elapsed" } else { "bq_diff" };
                let unit = checked_part(&a, &part(args[2])?)?;
                Bound::new(
                    format!("{verb}({}, {}, {})", as_micros(&a), as_micros(&b), quote(&unit)),
                    Type::Int64,
                )
            }
            ("FORMAT_TIMESTAMP" | "FORMAT_DATE" | "FORMAT_DATETIME", 2 | 3) => {
                self.utc(args.get(2), cx)?;
                let format = value(0)?.expect(&Type::String, name)?;
                let moment = self.moment(name, args[1], cx)?;
                Bound::new(format!("bq_format({}, {})", format.sql, as_micros(&moment)), Type::String)
            }
            ("DATE" | "DATETIME" | "TIME" | "TIMESTAMP", 1 | 2) => {
                let to = super::cast::named_type(name).expect("each of them is a type");
                let from = value(0)?;
                if !matches!(
                    from.ty,
                    None | Some(Type::Timestamp | Type::Date | Type::Datetime | Type::String)
                ) {
                    return Err(unsupported(format!("{name}({})", from.type_name())));
                }
                self.utc(args.get(1), cx)?;
                cast(&from, &to, false)?
            }
            ("DATE", 3) => {
                Bound::new(format!("bq_date({}, {}, {})", int(0)?.sql, int(1)?.sql, int(2)?.sql), Type::Date)
            }
            ("UNIX_MICROS", 1) => Bound::new(value(0)?.expect(&Type::Timestamp, name)?.sql, Type::Int64),
            ("UNIX_MILLIS", 1) => unix(&value(0)?, 1000, name)?,
            ("UNIX_SECONDS", 1) => unix(&value(0)?, 1_000_000, name)?,
            ("UNIX_DATE", 1) => Bound::new(value(0)?.expect(&Type::Date, name)?.sql, Type::Int64),
            ("TIMESTAMP_MICROS", 1) => Bound::new(micros(1)?, Type::Timestamp),
            ("TIMESTAMP_MILLIS", 1) => Bound::new(micros(1000)?, Type::Timestamp),
            ("TIMESTAMP_SECONDS", 1) => Bound::new(micros(1_000_000)?, Type::Timestamp),
            _ => return Ok(None),
        };
        Ok(Some(bound))
    }

    /// The argument as the type that the function's name begins with.
    fn moment(&self, function: &str, expr: &Expr, cx: &Cx<'_>) -> Result<Bound> {
        let value = self.expression(expr, cx)?;
        let own = match function {
            _ if function.contains("DATETIME") => Type::Datetime,
            _ if function.contains("TIMESTAMP") => Type::Timestamp,
            _ => Type::Date,
        };
        // DATE_TRUNC and its like also take the other types.
        let others = matches!(value.ty, Some(Type::Date | Type::Datetime | Type::Timestamp));
        if own == Type::Date && others && value.literal.is_none() && function.starts_with("DATE_TRUNC") {
            return Ok(value);
        }
        value.expect(&own, function)
    }

    /// Only UTC is known as a zone.
    fn utc(&self, zone: Option<&&Expr>, cx: &Cx<'_>) -> Result<()> {
        let Some(zone) = zone else { return Ok(()) };
        let zone = self.expression(zone, cx)?;
        let known = ["'UTC'", "'Etc/UTC'", "'+00:00'", "'+00'"];
        if known.contains(&zone.sql.as_str()) {
            Ok(())
        } else {
            Err(unsupported("time zones other than 'UTC'"))
        }
    }

    /// A moment, an interval later (`sign` 1) or earlier (-1).
    pub(super) fn shifted(
        &self,
        moment: &Bound,
        interval: &Interval,
        sign: i64,
        cx: &Cx<'_>,
    ) -> Result<Bound> {
        let unit = match (&interval.leading_field, &interval.last_field) {
            (Some(unit), None) => unit.to_string().to_ascii_uppercase(),
            _ => return Err(unsupported("INTERVAL of several parts")),
        };
        let unit = checked_part(moment, &unit)?;
        let count = self.expression(&interval.value, cx)?.expect(&Type::Int64, "INTERVAL")?;
        let by = format!("bq_mul_i({}, {sign})", count.sql);
        let micros = format!("bq_shift({}, {by}, {})", as_micros(moment), quote(&unit));
        match &moment.ty {
            Some(Type::Timestamp) if matches!(unit.as_str(), "MONTH" | "QUARTER" | "YEAR" | "WEEK") => {
                Err(Error::query(format!("TIMESTAMP_ADD does not support the {unit} date part")))
            }
            Some(ty) => Ok(Bound::new(from_micros(&micros, ty), ty.clone())),
            None => Ok(Bound::null()),
        }
    }

    /// What has a syntax of its own: EXTRACT, CEIL, FLOOR, SUBSTRING, TRIM, POSITION.
    pub(super) fn worded(&self, expr: &Expr, cx: &Cx<'_>) -> Result<Bound> {
        let call = |name: &str, args: &[&Expr]| {
            let args = args.iter().map(|arg| self.expression(arg, cx)).collect::<Result<Vec<_>>>()?;
            super::functions::plain(name, &args)
        };
        match expr {
            Expr::Extract { field, expr, .. } => {
                let moment = self.expression(expr, cx)?;
                extracted(&moment, &field.to_string().to_ascii_uppercase())
            }
            Expr::Ceil {
                expr,
                field: CeilFloorKind::DateTimeField(sqlparser::ast::DateTimeField::NoDateTime),
            } => call("CEIL", &[expr]),
            Expr::Floor {
                expr,
                field: CeilFloorKind::DateTimeField(sqlparser::ast::DateTimeField::NoDateTime),
            } => call("FLOOR", &[expr]),
            Expr::Substring { expr, substring_from: Some(from), substring_for: None, .. } => {
                call("SUBSTR", &[expr, from])
            }
            Expr::Substring { expr, substring_from: Some(from), substring_for: Some(length), .. } => {
                call("SUBSTR", &[expr, from, length])
            }
            Expr::Trim { trim_where, trim_what: None, expr, trim_characters } => {
                let name = match trim_where {
                    None | Some(TrimWhereField::Both) => "TRIM",
                    Some(TrimWhereField::Leading) => "LTRIM",
                    Some(TrimWhereField::Trailing) => "RTRIM",
                };
                match trim_characters.as_deref() {
                    None | Some([]) => call(name, &[expr]),
                    Some([characters]) => call(name, &[expr, characters]),
                    Some(_) => Err(unsupported("TRIM of more than two arguments")),
                }
            }
            other => Err(unsupported(format!("the expression {other}"))),
        }
    }
}

fn interval(expr: &Expr) -> Result<&Interval> {
    match expr {
        Expr::Interval(interval) => Ok(interval),
        other => Err(Error::query(format!("INTERVAL is expected, and not {other}"))),
    }
}

fn part(expr: &Expr) -> Result<String> {
    match expr {
        Expr::Identifier(ident) => Ok(ident.value.to_ascii_uppercase()),
        Expr::Function(function) => Ok(function.to_string().to_ascii_uppercase()),
        other => Err(Error::query(format!("A valid date part name is required, and not {other}"))),
    }
}

const PARTS: [&str; 12] = [
    "MICROSECOND",
    "MILLISECOND",
    "SECOND",
    "MINUTE",
    "HOUR",
    "DAY",
    "WEEK",
    "ISOWEEK",
    "WEEK(MONDAY)",
    "MONTH",
    "QUARTER",
    "YEAR",
];

/// A part that the moment has: dates have no hours.
fn checked_part(moment: &Bound, part: &str) -> Result<String> {
    let too_fine = moment.ty == Some(Type::Date) && PARTS[..5].contains(&part);
    if too_fine || !PARTS.contains(&part) {
        return Err(Error::query(format!(
            "the date part {part} does not fit a {}, or is not known to the emulator",
            moment.type_name()
        )));
    }
    Ok(if part == "WEEK(MONDAY)" { "ISOWEEK".into() } else { part.into() })
}

fn as_micros(moment: &Bound) -> String {
    match moment.ty {
        Some(Type::Date) => format!("({} * {DAY})", moment.sql),
        _ => moment.sql.clone(),
    }
}

/// The other way; midnights divide without a rest.
fn from_micros(micros: &str, ty: &Type) -> String {
    match ty {
        Type::Date => format!("({micros} / {DAY})"),
        _ => micros.into(),
    }
}

fn truncated(moment: &Bound, part: &str) -> Result<Bound> {
    let part = checked_part(moment, part)?;
    let ty = moment.ty.clone().unwrap_or(Type::Timestamp);
    let micros = format!("bq_trunc({}, {})", as_micros(moment), quote(&part));
    Ok(Bound::new(from_micros(&micros, &ty), ty))
}

fn extracted(moment: &Bound, part: &str) -> Result<Bound> {
    let ty = moment.ty.as_ref();
    let dated = matches!(ty, Some(Type::Timestamp | Type::Date | Type::Datetime));
    let timed = matches!(ty, Some(Type::Timestamp | Type::Datetime | Type::Time));
    match part {
        "DATE" if dated => cast(moment, &Type::Date, false),
        "TIME" if dated && timed => cast(moment, &Type::Time, false),
        "YEAR" | "ISOYEAR" | "QUARTER" | "MONTH" | "WEEK" | "ISOWEEK" | "DAY" | "DAYOFWEEK" | "DAYOFYEAR"
            if dated =>
        {
            Ok(Bound::new(format!("bq_part({}, '{part}')", as_micros(moment)), Type::Int64))
        }
        "HOUR" | "MINUTE" | "SECOND" | "MILLISECOND" | "MICROSECOND" if timed => {
            Ok(Bound::new(format!("bq_part({}, '{part}')", as_micros(moment)), Type::Int64))
        }
        _ => Err(Error::query(format!(
            "EXTRACT from {} does not support the {part} date part",
            moment.type_name()
        ))),
    }
}

fn unix(moment: &Bound, unit: i64, name: &str) -> Result<Bound> {
    let moment = moment.expect(&Type::Timestamp, name)?;
    Ok(Bound::new(format!("bq_floor_div({}, {unit})", moment.sql), Type::Int64))
}
