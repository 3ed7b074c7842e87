//! The two ways in which the service writes a TIMESTAMP.

use crate::bigquery::encode::{RowError, timestamp};

/// Microseconds since the epoch of `1740455813060650`, which are these, and of `1.74045581306065E9`, which are seconds.
///
/// The seconds are not read as a float, which would be off by a part of a microsecond and then round.
pub(super) fn micros(text: &str) -> Result<i64, RowError> {
    if let Ok(micros) = text.parse() {
        return Ok(micros);
    }
    match seconds(text) {
        Some(micros) => Ok(micros),
        None => timestamp(text),
    }
}

/// Decimal seconds, perhaps with an exponent, as microseconds, rounded.
fn seconds(text: &str) -> Option<i64> {
    let (number, exponent) = match text.split_once(['E', 'e']) {
        Some((number, exponent)) => (number, exponent.parse::<i32>().ok()?),
        None => (text, 0),
    };
    let (sign, plain) = number.strip_prefix('-').map_or((1, number), |plain| (-1, plain));
    let (whole, part) = plain.split_once('.').unwrap_or((plain, ""));
    let only_digits = !whole.is_empty() && whole.bytes().chain(part.bytes()).all(|b| b.is_ascii_digit());
    if !only_digits || whole.len() + part.len() > 30 || !(-30..=30).contains(&exponent) {
        return None;
    }
    let digits: i128 = format!("{whole}{part}").parse().ok()?;
    let shift = exponent + 6 - part.len() as i32;
    let power = 10_i128.checked_pow(shift.unsigned_abs())?;
    let micros = if shift < 0 { (digits + power / 2) / power } else { digits.checked_mul(power)? };
    i64::try_from(sign * micros).ok()
}

#[cfg(test)]
mod tests {
    use super::micros;

    #[test]
    fn seconds_are_exact_to_the_microsecond() {
        let cases = [
            ("1.7672256E9", 1_767_225_600_000_000),
            ("1.74045581306065E9", 1_740_455_813_060_650),
            ("1.740455813060651E9", 1_740_455_813_060_651),
            ("1740455813.060651", 1_740_455_813_060_651),
            ("0.0", 0),
            ("1.0E-6", 1),
            ("-1.0E-6", -1),
            ("-1.5", -1_500_000),
            ("-6.21355968E10", -62_135_596_800_000_000),
            ("2.53402300799E11", 253_402_300_799_000_000),
            ("1.4999999E-6", 1),
            ("1.5E-6", 2),
        ];
        for (text, wanted) in cases {
            assert_eq!(micros(text), Ok(wanted), "{text}");
        }
    }

    #[test]
    fn whole_numbers_are_microseconds() {
        assert_eq!(micros("1740455813060650"), Ok(1_740_455_813_060_650));
        assert_eq!(micros("-1"), Ok(-1));
        assert_eq!(micros("2025-02-25T03:56:53.060650Z"), Ok(1_740_455_813_060_650));
        for wrong in ["", "E9", "1.0E99", "1.0Ex", ".", "now", "--1.0"] {
            assert!(micros(wrong).is_err(), "{wrong}");
        }
    }
}
