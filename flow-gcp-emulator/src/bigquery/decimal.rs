//! NUMERIC and BIGNUMERIC, stored so that their bytes compare as their values do.

/// Digits after the point of a NUMERIC.
const SCALE: usize = 9;
/// A NUMERIC's unit: values are whole multiples of `1 / UNIT`.
pub(crate) const UNIT: i128 = 1_000_000_000;
const LARGEST: i128 = 10_i128.pow(38) - 1;
const BIG_WHOLE: usize = 39;
const BIG_SCALE: usize = 38;

/// A decimal taken apart: sign, digits before and after the point.
struct Parts {
    negative: bool,
    whole: String,
    fraction: String,
}

impl Parts {
    fn parse(text: &str) -> Option<Parts> {
        let text = text.trim();
        let (mantissa, exponent) = match text.split_once(['e', 'E']) {
            Some((mantissa, exponent)) => (mantissa, exponent.parse::<i64>().ok()?),
            None => (text, 0),
        };
        if exponent.abs() > 100 {
            return None;
        }
        let (negative, digits) = match mantissa.strip_prefix('-') {
            Some(rest) => (true, rest),
            None => (false, mantissa.strip_prefix('+').unwrap_or(mantissa)),
        };
        let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
        if whole.len() + fraction.len() == 0
            || !whole.bytes().chain(fraction.bytes()).all(|b| b.is_ascii_digit())
        {
            return None;
        }
        let (mut whole, mut fraction) = (whole.to_string(), fraction.to_string());
        for _ in 0..exponent {
            whole.push(if fraction.is_empty() { '0' } else { fraction.remove(0) });
        }
        for _ in exponent..0 {
            fraction.insert(0, whole.pop().unwrap_or('0'));
        }
        let whole = whole.trim_start_matches('0').to_string();
        Some(Parts { negative, whole, fraction: fraction.trim_end_matches('0').to_string() })
    }
}

/// Reads a NUMERIC exactly; `None` if it is no number or does not fit into 29 and 9 digits.
pub(crate) fn parse(text: &str) -> Option<i128> {
    let parts = Parts::parse(text)?;
    (parts.fraction.len() <= SCALE).then(|| scaled(&parts)).flatten()
}

/// Reads a NUMERIC, rounding what is behind its nine digits half away from zero.
pub(crate) fn parse_rounding(text: &str) -> Option<i128> {
    let mut parts = Parts::parse(text)?;
    let up = parts.fraction.as_bytes().get(SCALE).is_some_and(|digit| *digit >= b'5');
    parts.fraction.truncate(SCALE);
    let value = scaled(&parts)?;
    let away = if parts.negative { -1 } else { 1 };
    checked(if up { value + away } else { value })
}

fn scaled(parts: &Parts) -> Option<i128> {
    if parts.whole.len() > 29 {
        return None;
    }
    let value: i128 = format!("{}{:0<SCALE$}", parts.whole, parts.fraction).parse().ok()?;
    Some(if parts.negative { -value } else { value })
}

/// The value, if it is within NUMERIC's range.
pub(crate) fn checked(value: i128) -> Option<i128> {
    (-LARGEST..=LARGEST).contains(&value).then_some(value)
}

/// As text without needless zeros.
pub(crate) fn print(value: i128) -> String {
    let sign = if value < 0 { "-" } else { "" };
    let (whole, fraction) =
        (value.unsigned_abs() / UNIT.unsigned_abs(), value.unsigned_abs() % UNIT.unsigned_abs());
    let fraction = format!("{fraction:0SCALE$}");
    match fraction.trim_end_matches('0') {
        "" => format!("{sign}{whole}"),
        fraction => format!("{sign}{whole}.{fraction}"),
    }
}

/// Sixteen bytes that sort as the values do.
pub(crate) fn encode(value: i128) -> Vec<u8> {
    (value ^ i128::MIN).to_be_bytes().to_vec()
}

pub(crate) fn decode(bytes: &[u8]) -> Option<i128> {
    Some(i128::from_be_bytes(bytes.try_into().ok()?) ^ i128::MIN)
}

/// Reads a BIGNUMERIC into bytes that sort as the values do: a sign, then the digits, or for negative values their complements.
pub(crate) fn big(text: &str) -> Option<Vec<u8>> {
    let parts = Parts::parse(text)?;
    if parts.whole.len() >= BIG_WHOLE || parts.fraction.len() > BIG_SCALE {
        return None;
    }
    let digits = format!("{:0>BIG_WHOLE$}{:0<BIG_SCALE$}", parts.whole, parts.fraction);
    let negative = parts.negative && digits.bytes().any(|digit| digit != b'0');
    let mut bytes = vec![u8::from(!negative)];
    bytes.extend(digits.bytes().map(|digit| if negative { b'9' - digit } else { digit - b'0' }));
    Some(bytes)
}

/// A BIGNUMERIC as text without needless zeros.
pub(crate) fn print_big(bytes: &[u8]) -> Option<String> {
    let (sign, digits) = bytes.split_first()?;
    if digits.len() != BIG_WHOLE + BIG_SCALE {
        return None;
    }
    let digits: String =
        digits.iter().map(|digit| char::from(b'0' + if *sign == 0 { 9 - digit } else { *digit })).collect();
    let (whole, fraction) = digits.split_at(BIG_WHOLE);
    let whole = whole.trim_start_matches('0');
    let whole = if whole.is_empty() { "0" } else { whole };
    let sign = if *sign == 0 { "-" } else { "" };
    Some(match fraction.trim_end_matches('0') {
        "" => format!("{sign}{whole}"),
        fraction => format!("{sign}{whole}.{fraction}"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numerics_print_as_they_are_written() {
        for text in ["0", "1", "-1", "12.5", "-0.000000001", "99999999999999999999999999999.999999999"] {
            assert_eq!(parse(text).map(print).as_deref(), Some(text));
            assert_eq!(big(text).and_then(|bytes| print_big(&bytes)).as_deref(), Some(text));
        }
        assert_eq!(parse("1.50e1").map(print).as_deref(), Some("15"));
        assert_eq!(parse("25e-1").map(print).as_deref(), Some("2.5"));
    }

    #[test]
    fn what_does_not_fit_is_refused() {
        assert_eq!(parse("0.0000000001"), None);
        assert_eq!(parse("100000000000000000000000000000"), None);
        assert_eq!(parse("ten"), None);
        assert_eq!(parse_rounding("0.0000000015").map(print).as_deref(), Some("0.000000002"));
    }

    #[test]
    fn bytes_sort_as_values_do() {
        let values = ["-100", "-2.5", "-2", "0", "0.1", "3", "20"];
        assert!(values.map(|v| encode(parse(v).unwrap_or_default())).is_sorted());
        assert!(values.map(big).is_sorted());
    }
}
