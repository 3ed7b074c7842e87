//! The functions that SQLite is given: where BigQuery computes otherwise, or fails where SQLite would not.

use rusqlite::functions::{Aggregate, Context, FunctionFlags};
use rusqlite::types::{Value as Cell, ValueRef};
use rusqlite::{Connection, Result};

use super::super::schema::Type;
use super::super::{decimal, value};
use super::cast::{cast_cell, of_name};
use super::{moments, strings};

/// What a function makes of its arguments, none of which is NULL.
pub(super) type Answer = std::result::Result<Cell, String>;

/// The arguments of a call.
pub(super) struct Args<'a>(&'a [Cell]);

impl Args<'_> {
    pub(super) fn int(&self, at: usize) -> i64 {
        match self.0[at] {
            Cell::Integer(value) => value,
            Cell::Real(value) => value as i64,
            _ => 0,
        }
    }

    pub(super) fn float(&self, at: usize) -> f64 {
        match self.0[at] {
            Cell::Integer(value) => value as f64,
            Cell::Real(value) => value,
            _ => 0.0,
        }
    }

    pub(super) fn text(&self, at: usize) -> &str {
        match &self.0[at] {
            Cell::Text(text) => text,
            _ => "",
        }
    }

    fn numeric(&self, at: usize) -> std::result::Result<i128, String> {
        match &self.0[at] {
            Cell::Blob(bytes) => decimal::decode(bytes).ok_or_else(|| "broken NUMERIC".into()),
            _ => Err("broken NUMERIC".into()),
        }
    }

    fn bytes(&self, at: usize) -> &[u8] {
        match &self.0[at] {
            Cell::Blob(bytes) => bytes,
            _ => &[],
        }
    }
}

pub(super) fn failure(message: impl Into<String>) -> rusqlite::Error {
    rusqlite::Error::UserFunctionError(message.into().into())
}

/// Registers a function that gives NULL when an argument is NULL.
pub(super) fn strict(db: &Connection, name: &str, args: i32, act: fn(&Args<'_>) -> Answer) -> Result<()> {
    let call = move |ctx: &Context<'_>| -> Result<Cell> {
        let cells = (0..ctx.len()).map(|at| ctx.get::<Cell>(at)).collect::<Result<Vec<_>>>()?;
        if cells.contains(&Cell::Null) {
            return Ok(Cell::Null);
        }
        act(&Args(&cells)).map_err(failure)
    };
    db.create_scalar_function(
        name,
        args,
        FunctionFlags::SQLITE_UTF8 | FunctionFlags::SQLITE_DETERMINISTIC,
        call,
    )
}

/// Gives a connection all functions.
pub(crate) fn register(db: &Connection) -> Result<()> {
    integers(db)?;
    floats(db)?;
    numerics(db)?;
    conversions(db)?;
    moments::register(db)?;
    strings::register(db)
}

fn integers(db: &Connection) -> Result<()> {
    fn checked(value: Option<i64>) -> Answer {
        value.map(Cell::Integer).ok_or_else(|| "int64 overflow".into())
    }
    fn nonzero(by: i64) -> std::result::Result<i64, String> {
        if by == 0 { Err("division by zero".into()) } else { Ok(by) }
    }
    strict(db, "bq_add_i", 2, |args| checked(args.int(0).checked_add(args.int(1))))?;
    strict(db, "bq_sub_i", 2, |args| checked(args.int(0).checked_sub(args.int(1))))?;
    strict(db, "bq_mul_i", 2, |args| checked(args.int(0).checked_mul(args.int(1))))?;
    strict(db, "bq_quotient_i", 2, |args| checked(args.int(0).checked_div(nonzero(args.int(1))?)))?;
    strict(db, "bq_mod_i", 2, |args| checked(args.int(0).checked_rem(nonzero(args.int(1))?)))?;
    strict(db, "bq_floor_div", 2, |args| checked(Some(args.int(0).div_euclid(nonzero(args.int(1))?))))
}

fn floats(db: &Connection) -> Result<()> {
    /// What became infinite of finite values has overflowed; NaN has no place in SQLite.
    fn checked(value: f64, of: &Args<'_>) -> Answer {
        let finite = (0..2).all(|at| of.float(at).is_finite());
        match value {
            value if value.is_nan() => Err("the result is NaN, which the emulator cannot hold".into()),
            value if value.is_infinite() && finite => Err("double overflow".into()),
            value => Ok(Cell::Real(value)),
        }
    }
    strict(db, "bq_add_f", 2, |args| checked(args.float(0) + args.float(1), args))?;
    strict(db, "bq_sub_f", 2, |args| checked(args.float(0) - args.float(1), args))?;
    strict(db, "bq_mul_f", 2, |args| checked(args.float(0) * args.float(1), args))?;
    strict(db, "bq_div_f", 2, |args| match args.float(1) {
        0.0 => Err(format!("division by zero: {} / 0", args.float(0))),
        by => checked(args.float(0) / by, args),
    })?;
    strict(db, "bq_safe_div_f", 2, |args| match args.float(1) {
        0.0 => Ok(Cell::Null),
        by => Ok(checked(args.float(0) / by, args).unwrap_or(Cell::Null)),
    })?;
    strict(db, "bq_math", 3, |args| {
        let x = args.float(1);
        let value = match args.text(0) {
            "SQRT" => x.sqrt(),
            "EXP" => x.exp(),
            "LN" if x > 0.0 => x.ln(),
            "LOG10" if x > 0.0 => x.log10(),
            "POW" => x.powf(args.float(2)),
            _ => f64::NAN,
        };
        if value.is_finite() {
            Ok(Cell::Real(value))
        } else {
            Err(format!("{}({x}) is not defined", args.text(0)))
        }
    })?;
    strict(db, "bq_round_f", 3, |args| {
        let x = args.float(1);
        let digits = args.int(2).clamp(-400, 400) as i32;
        let scale = 10_f64.powi(digits.abs());
        let (up, down) = if digits >= 0 { (scale, 1.0) } else { (1.0, scale) };
        let scaled = x * up / down;
        let rounded = round_f(args.text(0), scaled) / up * down;
        Ok(Cell::Real(if scaled.is_finite() && rounded.is_finite() { rounded } else { x }))
    })?;
    strict(db, "bq_real", 1, |args| match &args.0[0] {
        Cell::Text(text) => text.parse().map(Cell::Real).map_err(|_| format!("broken FLOAT64: {text}")),
        _ => Ok(Cell::Real(args.float(0))),
    })?;
    strict(db, "bq_json_real", 1, |args| match args.float(0) {
        value if value.is_infinite() => Ok(Cell::Text(value.to_string())),
        value => Ok(Cell::Real(value)),
    })
}

fn round_f(verb: &str, value: f64) -> f64 {
    match verb {
        "TRUNC" => value.trunc(),
        "FLOOR" => value.floor(),
        "CEIL" => value.ceil(),
        _ => value.round(),
    }
}

fn numerics(db: &Connection) -> Result<()> {
    strict(db, "bq_add_n", 2, |args| numeric(args.numeric(0)?.checked_add(args.numeric(1)?)))?;
    strict(db, "bq_sub_n", 2, |args| numeric(args.numeric(0)?.checked_sub(args.numeric(1)?)))?;
    strict(db, "bq_mul_n", 2, |args| {
        numeric(
            args.numeric(0)?.checked_mul(args.numeric(1)?).map(|product| half_away(product, decimal::UNIT)),
        )
    })?;
    strict(db, "bq_div_n", 2, |args| {
        let (a, b) = (args.numeric(0)?, args.numeric(1)?);
        if b == 0 {
            return Err("division by zero".into());
        }
        numeric(a.checked_mul(decimal::UNIT).map(|a| half_away(a, b)))
    })?;
    strict(db, "bq_safe_div_n", 2, |args| {
        let (a, b) = (args.numeric(0)?, args.numeric(1)?);
        if b == 0 {
            return Ok(Cell::Null);
        }
        numeric(a.checked_mul(decimal::UNIT).map(|a| half_away(a, b)))
    })?;
    strict(db, "bq_abs_n", 1, |args| numeric(args.numeric(0)?.checked_abs()))?;
    strict(db, "bq_round_n", 3, |args| {
        let value = args.numeric(1)?;
        let digits = u32::try_from(9 - args.int(2).clamp(-28, 9)).unwrap_or(0);
        let unit = 10_i128.pow(digits);
        let whole = match args.text(0) {
            "TRUNC" => value / unit,
            "FLOOR" => value.div_euclid(unit),
            "CEIL" => -(-value).div_euclid(unit),
            _ => half_away(value, unit),
        };
        numeric(whole.checked_mul(unit))
    })?;
    db.create_aggregate_function("bq_sum_n", 1, FunctionFlags::SQLITE_UTF8, Sum { mean: false })?;
    db.create_aggregate_function("bq_avg_n", 1, FunctionFlags::SQLITE_UTF8, Sum { mean: true })
}

fn numeric(value: Option<i128>) -> Answer {
    let value = value.and_then(decimal::checked).ok_or("numeric overflow")?;
    Ok(Cell::Blob(decimal::encode(value)))
}

/// Divides and rounds half away from zero.
fn half_away(a: i128, b: i128) -> i128 {
    let (quotient, rest) = (a / b, a % b);
    let away = if (a < 0) == (b < 0) { 1 } else { -1 };
    if rest.unsigned_abs() * 2 >= b.unsigned_abs() { quotient + away } else { quotient }
}

/// SUM and AVG of NUMERIC.
struct Sum {
    mean: bool,
}

impl Aggregate<(i128, i128), Cell> for Sum {
    fn init(&self, _: &mut Context<'_>) -> Result<(i128, i128)> {
        Ok((0, 0))
    }

    fn step(&self, ctx: &mut Context<'_>, (sum, count): &mut (i128, i128)) -> Result<()> {
        if let ValueRef::Blob(bytes) = ctx.get_raw(0) {
            let value = decimal::decode(bytes).ok_or_else(|| failure("broken NUMERIC"))?;
            *sum = sum.checked_add(value).ok_or_else(|| failure("numeric overflow"))?;
            *count += 1;
        }
        Ok(())
    }

    fn finalize(&self, _: &mut Context<'_>, sum: Option<(i128, i128)>) -> Result<Cell> {
        match sum {
            None | Some((_, 0)) => Ok(Cell::Null),
            Some((sum, count)) => {
                let value = if self.mean { half_away(sum, count) } else { sum };
                numeric(Some(value)).map_err(failure)
            }
        }
    }
}

fn conversions(db: &Connection) -> Result<()> {
    fn casted(args: &Args<'_>) -> Answer {
        let unknown = || "unknown type".to_string();
        let (from, to) =
            (of_name(args.text(1)).ok_or_else(unknown)?, of_name(args.text(2)).ok_or_else(unknown)?);
        cast_cell(&from, &to, &args.0[0])
    }
    strict(db, "bq_cast", 3, casted)?;
    strict(db, "bq_safe_cast", 3, |args| Ok(casted(args).unwrap_or(Cell::Null)))?;
    strict(db, "bq_hex", 1, |args| Ok(Cell::Text(value::to_hex(args.bytes(0)).to_lowercase())))?;
    strict(db, "bq_json", 1, |args| value::scalar(&Type::Json, args.text(0)))?;
    strict(db, "bq_element", 3, |args| {
        let items: Vec<serde_json::Value> =
            serde_json::from_str(args.text(0)).map_err(|error| error.to_string())?;
        match usize::try_from(args.int(1)).ok().filter(|at| *at < items.len()) {
            Some(at) => Ok(Cell::Text(format!("$[{at}]"))),
            None if args.int(2) == 1 => Ok(Cell::Null),
            None => Err(format!("Array index {} is out of bounds", args.int(1))),
        }
    })?;
    let flags = FunctionFlags::SQLITE_UTF8 | FunctionFlags::SQLITE_DETERMINISTIC;
    db.create_scalar_function("bq_single", 2, flags, |ctx: &Context<'_>| match ctx.get::<i64>(1)? {
        0 | 1 => ctx.get::<Cell>(0),
        _ => Err(failure("Scalar subquery produced more than one element")),
    })?;
    db.create_scalar_function("bq_not_null", 1, flags, |ctx: &Context<'_>| match ctx.get::<Cell>(0)? {
        Cell::Null => Err(failure(
            "Array cannot have a null element; error in ARRAY_AGG: leave them out by IGNORE NULLS",
        )),
        cell => Ok(cell),
    })
}
