//! Text as values of the types of columns.

use base64::Engine;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use jiff::civil::{Date, DateTime, Time};

use super::RowError;
use crate::bigquery::FieldType;

/// From the year 1 on, in microseconds.
const FIRST: i64 = -62_135_596_800_000_000;
/// To the end of the year 9999.
const LAST: i64 = 253_402_300_799_999_999;
const EPOCH: DateTime = DateTime::constant(1970, 1, 1, 0, 0, 0, 0);

/// Microseconds since the epoch, if they are a moment that the service can hold.
pub(super) fn moment(micros: i64) -> Result<i64, RowError> {
    let held = (FIRST..=LAST).contains(&micros);
    if held { Ok(micros) } else { Err(RowError::range(&FieldType::Timestamp)) }
}

/// Reads a moment as microseconds since the epoch: RFC 3339, or the same without zone for UTC; also with ` UTC` at the
/// end, as the service prints moments.
pub(in crate::bigquery) fn timestamp(text: &str) -> Result<i64, RowError> {
    let bare = text.strip_suffix(" UTC").unwrap_or(text);
    match bare.parse::<flow_core::Timestamp>() {
        Ok(moment) => self::moment(moment.micros()),
        // The last day of the year 9999, which much data has for "never", is past what the core's moments hold as text.
        Err(_) => match datetime(bare.strip_suffix('Z').unwrap_or(bare)) {
            Ok(last) => self::moment(last.duration_since(EPOCH).as_micros() as i64),
            Err(_) => Err(RowError::text(text, &FieldType::Timestamp)),
        },
    }
}

/// The day and time of a moment in UTC.
pub(in crate::bigquery) fn utc(micros: i64) -> Result<DateTime, RowError> {
    let since = jiff::SignedDuration::from_micros(moment(micros)?);
    EPOCH.checked_add(since).map_err(|_| RowError::range(&FieldType::Timestamp))
}

/// Days since the epoch.
pub(super) fn days(date: Date) -> i64 {
    date.duration_since(EPOCH.date()).as_hours() / 24
}

/// `2025-02-25`
pub(super) fn date(text: &str) -> Result<Date, RowError> {
    // jiff also reads a time behind it, and drops that.
    let day = text.len() == 10 && text.bytes().all(|b| b.is_ascii_digit() || b == b'-');
    let parsed = if day { text.parse::<Date>().ok() } else { None };
    parsed.filter(|date| date.year() > 0).ok_or_else(|| RowError::text(text, &FieldType::Date))
}

/// `03:56:53.060650`
pub(super) fn time(text: &str) -> Result<Time, RowError> {
    let plain = text.contains(':') && text.bytes().all(|b| b.is_ascii_digit() || b == b':' || b == b'.');
    let parsed = if plain { text.parse::<Time>().ok() } else { None };
    parsed.map(micros).ok_or_else(|| RowError::text(text, &FieldType::Time))
}

/// `2025-02-25T03:56:53.060650`, also with a space.
pub(super) fn datetime(text: &str) -> Result<DateTime, RowError> {
    // jiff drops an offset, and takes a date alone for its midnight: here both would be a guess.
    let (day, clock) = text.split_once(['T', 't', ' ']).unwrap_or_default();
    match (date(day), time(clock)) {
        (Ok(date), Ok(time)) => Ok(date.to_datetime(time)),
        _ => Err(RowError::text(text, &FieldType::DateTime)),
    }
}

/// Without what is finer than the service's microseconds.
fn micros(time: Time) -> Time {
    let nanos = time.subsec_nanosecond() / 1_000 * 1_000;
    time.with().subsec_nanosecond(nanos).build().expect("fewer nanoseconds are a time, too")
}

/// Checks that text is a decimal that a type can hold.
pub(super) fn decimal(text: &str, kind: &FieldType) -> Result<(), RowError> {
    let (before, behind) = digits(kind);
    let plain = text.strip_prefix(['-', '+']).unwrap_or(text);
    let (whole, part) = plain.split_once('.').unwrap_or((plain, ""));
    let only_digits = |text: &str| text.bytes().all(|b| b.is_ascii_digit());
    if !only_digits(whole) || !only_digits(part) || (whole.is_empty() && part.is_empty()) {
        return Err(RowError::text(text, kind));
    }
    if whole.trim_start_matches('0').len() > before || part.trim_end_matches('0').len() > behind {
        return Err(RowError::text(text, kind));
    }
    Ok(())
}

/// A float as a decimal that a type can hold, rounded to its digits.
pub(super) fn decimal_of(value: f64, kind: &FieldType) -> Result<String, RowError> {
    // The shortest text that means the float, if it has few enough digits: 0.1 and not 0.1000000000000000055.
    let mut text = value.to_string();
    let behind = text.split_once('.').map_or(0, |(_, part)| part.len());
    if behind > digits(kind).1 {
        text = format!("{value:.*}", digits(kind).1);
    }
    let fits = value.is_finite() && decimal(&text, kind).is_ok();
    if fits { Ok(text) } else { Err(RowError::range(kind)) }
}

/// Digits before the point and behind it.
fn digits(kind: &FieldType) -> (usize, usize) {
    match kind {
        FieldType::BigNumeric => (38, 38),
        _ => (29, 9),
    }
}

/// A number, or the names of what is none.
pub(in crate::bigquery) fn float(text: &str) -> Result<f64, RowError> {
    match text {
        "NaN" => Ok(f64::NAN),
        "Infinity" | "+Infinity" | "inf" | "+inf" => Ok(f64::INFINITY),
        "-Infinity" | "-inf" => Ok(f64::NEG_INFINITY),
        // Rust reads other spellings of these, too.
        _ if text.ends_with(|c: char| c.is_ascii_digit() || c == '.') => {
            text.parse().map_err(|_| RowError::text(text, &FieldType::Float64))
        }
        _ => Err(RowError::text(text, &FieldType::Float64)),
    }
}

/// Bytes of base64, with or without padding, in the usual or the URL's letters.
pub(in crate::bigquery) fn base64(text: &str) -> Result<Vec<u8>, RowError> {
    let either = |engine: &GeneralPurpose| engine.decode(text).ok();
    either(&USUAL).or_else(|| either(&URL)).ok_or_else(|| RowError::text(text, &FieldType::Bytes))
}

const LAX: GeneralPurposeConfig =
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent);
const USUAL: GeneralPurpose = GeneralPurpose::new(&alphabet::STANDARD, LAX);
const URL: GeneralPurpose = GeneralPurpose::new(&alphabet::URL_SAFE, LAX);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_in_all_forms_are_one() {
        for text in [
            "2025-02-25T03:56:53.060650",
            "2025-02-25T03:56:53.060650Z",
            "2025-02-25T05:56:53.060650+02:00",
            "2025-02-25 03:56:53.060650 UTC",
        ] {
            assert_eq!(timestamp(text), Ok(1_740_455_813_060_650), "{text}");
        }
        assert_eq!(utc(1_740_455_813_060_650).unwrap().to_string(), "2025-02-25T03:56:53.06065");
    }

    #[test]
    fn moments_are_of_the_years_that_the_service_knows() {
        assert_eq!(timestamp("0001-01-01T00:00:00Z"), Ok(FIRST));
        assert_eq!(timestamp("9999-12-31T23:59:59.999999Z"), Ok(LAST));
        assert_eq!(utc(LAST).unwrap().to_string(), "9999-12-31T23:59:59.999999");
        assert_eq!(utc(FIRST).unwrap().to_string(), "0001-01-01T00:00:00");
        assert_eq!(timestamp("0000-12-31T23:59:59Z"), Err(RowError::range(&FieldType::Timestamp)));
        assert!(moment(LAST + 1).is_err() && moment(FIRST - 1).is_err());
        for text in ["", "2025-02-25", "today", "2025-02-30T00:00:00Z", "1740455813"] {
            assert!(timestamp(text).is_err(), "{text}");
        }
    }

    #[test]
    fn days_are_counted_from_the_epoch() {
        assert_eq!(days(jiff::civil::date(1970, 1, 1)), 0);
        assert_eq!(days(jiff::civil::date(1969, 12, 31)), -1);
        assert_eq!(days(jiff::civil::date(1, 1, 1)), -719_162);
        assert_eq!(days(jiff::civil::date(9999, 12, 31)), 2_932_896);
    }

    #[test]
    fn days_have_no_time_and_times_no_day() {
        assert_eq!(date("2024-02-29"), Ok(jiff::civil::date(2024, 2, 29)));
        for wrong in ["2023-02-29", "2024-2-9", "20240229", "2024-02-29T00:00:00", "0000-01-01", ""] {
            assert!(date(wrong).is_err(), "{wrong}");
        }
        assert_eq!(time("03:56:53.0606509"), Ok(jiff::civil::time(3, 56, 53, 60_650_000)));
        for wrong in ["24:00:00", "035653", "T03:56:53", "03:56:53Z", "2024-02-29 03:56:53", ""] {
            assert!(time(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_datetime_has_no_zone() {
        let wanted = jiff::civil::datetime(2025, 2, 25, 3, 56, 53, 0);
        assert_eq!(datetime("2025-02-25T03:56:53"), Ok(wanted));
        assert_eq!(datetime("2025-02-25 03:56:53"), Ok(wanted));
        for wrong in ["2025-02-25T03:56:53Z", "2025-02-25T03:56:53+01:00", "2025-02-25", "03:56:53"] {
            assert!(datetime(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn decimals_have_the_digits_of_their_type() {
        let (nines, twenty_nine) = ("9".repeat(38), "9".repeat(29));
        for right in ["0", "-1.5", "+.5", "5.", "00001.100000000000", &twenty_nine, "0.123456789"] {
            assert_eq!(decimal(right, &FieldType::Numeric), Ok(()), "{right}");
        }
        for wrong in ["", "-", ".", "1e3", "1,5", "--1", "NaN", "0.1234567891", &nines] {
            assert!(decimal(wrong, &FieldType::Numeric).is_err(), "{wrong}");
        }
        assert_eq!(decimal(&nines, &FieldType::BigNumeric), Ok(()));
    }

    #[test]
    fn floats_are_rounded_to_the_digits_of_a_decimal() {
        let numeric = |value| decimal_of(value, &FieldType::Numeric);
        assert_eq!(numeric(0.1).as_deref(), Ok("0.1"));
        assert_eq!(numeric(0.1 + 0.2).as_deref(), Ok("0.300000000"));
        assert_eq!(numeric(1e-12).as_deref(), Ok("0.000000000"));
        assert_eq!(decimal_of(0.1 + 0.2, &FieldType::BigNumeric).as_deref(), Ok("0.30000000000000004"));
        for wrong in [f64::NAN, f64::INFINITY, 1e30] {
            assert!(numeric(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn floats_are_read_with_their_special_values() {
        assert_eq!(float("-1.5e3"), Ok(-1500.0));
        assert_eq!(float("Infinity"), Ok(f64::INFINITY));
        assert_eq!(float("-Infinity"), Ok(f64::NEG_INFINITY));
        assert!(float("NaN").unwrap().is_nan());
        for wrong in ["", "one", "nan", "infinity", "1 "] {
            assert!(float(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn base64_is_read_in_its_usual_spellings() {
        for text in ["+/8=", "+/8", "-_8=", "-_8"] {
            assert_eq!(base64(text).as_deref(), Ok(&[0xfb, 0xff][..]), "{text}");
        }
        assert_eq!(base64(""), Ok(Vec::new()));
        for wrong in ["+_8=", "a", "ä", "a b="] {
            assert!(base64(wrong).is_err(), "{wrong}");
        }
    }
}
