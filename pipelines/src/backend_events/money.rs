//! Amounts in cents, rounded as people round decimals.

/// `quantity * price` in cents; a half cent rounds away from zero.
///
/// The price counts as the decimal that is written for it: 1.005 is a cent and a half a cent more than a dollar,
/// though the nearest float is a little less. Amounts that no integer holds saturate.
pub(super) fn line_total(quantity: i64, price: f64) -> i64 {
    let (digits, scale) = match decimal(price) {
        Some(decimal) => decimal,
        None if (price > 0.0) == (quantity > 0) => return if quantity == 0 { 0 } else { i64::MAX },
        None => return if quantity == 0 { 0 } else { i64::MIN },
    };
    let total = i128::from(quantity).saturating_mul(digits);
    let cents = match scale {
        0..=2 => total.saturating_mul(10_i128.pow(2 - scale)),
        // Below the smallest power that i128 lacks, nothing is left of any product.
        3..=40 => divide_rounding(total, 10_i128.pow(scale - 2)),
        _ => 0,
    };
    i64::try_from(cents).unwrap_or(if cents < 0 { i64::MIN } else { i64::MAX })
}

/// An amount in cents.
pub(super) fn cents(amount: f64) -> i64 {
    line_total(1, amount)
}

/// Cents as the float that is written with two decimals.
pub(super) fn dollars(cents: i64) -> f64 {
    cents as f64 / 100.0
}

/// A float as `digits / 10^scale`, by its shortest decimal form; `None` when the digits are too many.
fn decimal(value: f64) -> Option<(i128, u32)> {
    // Nearly all amounts are whole cents. A float has fifteen digits that are sure: of so many cents, no two are one.
    let cents = (value * 100.0).round();
    if cents.abs() < 1e15 && (cents / 100.0).to_bits() == value.to_bits() {
        return Some((cents as i128, 2));
    }
    let text = value.to_string();
    let (whole, fraction) = text.split_once('.').unwrap_or((&text, ""));
    let scale = fraction.len() as u32;
    // A small number has few digits behind many zeros, so its length says nothing; a large one overflows here.
    let digits = format!("{whole}{fraction}").parse().ok()?;
    Some((digits, scale))
}

fn divide_rounding(dividend: i128, divisor: i128) -> i128 {
    let (quotient, rest) = (dividend / divisor, dividend % divisor);
    if rest.abs() >= divisor - rest.abs() { quotient + rest.signum() } else { quotient }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_quantity_times_price() {
        assert_eq!(line_total(3, 19.99), 5_997);
        assert_eq!(line_total(10, 100.0), 100_000);
        assert_eq!(line_total(0, 5.0), 0);
        assert_eq!(line_total(-2, 0.1), -20);
    }

    #[test]
    fn half_a_cent_rounds_away_from_zero() {
        assert_eq!(line_total(1, 1.005), 101);
        assert_eq!(line_total(-1, 1.005), -101);
        assert_eq!(line_total(1, 1.004_999), 100);
        assert_eq!(line_total(3, 0.335), 101);
        assert_eq!(line_total(1, 2.675), 268);
    }

    #[test]
    fn whole_cents_are_read_as_they_are_written() {
        for cents in (0..2_000_000).step_by(37).chain(99_999_999_999_000..100_000_000_000_000) {
            let amount: f64 = format!("{}.{:02}", cents / 100, cents % 100).parse().unwrap();
            assert_eq!(line_total(1, amount), cents);
        }
    }

    #[test]
    fn amounts_beyond_all_measure_saturate() {
        assert_eq!(line_total(1, 1e300), i64::MAX);
        assert_eq!(line_total(-1, 1e300), i64::MIN);
        assert_eq!(line_total(1, -1e300), i64::MIN);
        assert_eq!(line_total(0, 1e300), 0);
        assert_eq!(line_total(i64::MAX, 1e18), i64::MAX);
        assert_eq!(line_total(1, 1e-300), 0);
        assert_eq!(line_total(1, f64::MIN_POSITIVE), 0);
    }

    #[test]
    fn cents_are_written_with_two_decimals() {
        assert_eq!(dollars(5_997).to_string(), "59.97");
        assert_eq!(cents(59.97), 5_997);
    }
}
