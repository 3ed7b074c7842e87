//! Instants as text: UTC with six digits of a second, so that texts compare as the instants do.

use std::fmt;

use flow_core::Timestamp;
use serde::de::{Error, Unexpected, Visitor};
use serde::{Deserializer, Serializer};

/// The first instant of the year 1: what tables hold, and what four digits of a year can name, begins here.
const FIRST: Timestamp = Timestamp::from_micros(-62_135_596_800_000_000);

/// The instant of a text in RFC 3339, or without zone, which means UTC; `None` also before the year 1.
pub(super) fn parse(text: &str) -> Option<Timestamp> {
    // `2025-02-25T03:56:53[Europe/Oslo]` is no form of ours, and without its zone it would be another instant.
    let at = match plain(text.as_bytes()) {
        Some(at) => at,
        None if text.contains('[') => return None,
        None => text.parse().ok()?,
    };
    (at >= FIRST).then_some(at)
}

/// What nearly all texts are, many times faster than the general form: `2025-02-25T03:56:53.060650`, with or without
/// `Z` and fraction. None for anything else, be it wrong or right.
fn plain(text: &[u8]) -> Option<Timestamp> {
    let text = text.strip_suffix(b"Z").unwrap_or(text);
    let (seconds, micros) = match text.split_at_checked(19)? {
        (seconds, []) => (seconds, 0),
        (seconds, [b'.', digits @ ..]) if digits.len() == 6 => (seconds, number(digits)?),
        _ => return None,
    };
    let marks = [4, 7, 10, 13, 16].map(|at| seconds[at]);
    if marks != *b"--T::" {
        return None;
    }
    let (year, month, day) = (number(&seconds[..4])?, number(&seconds[5..7])?, number(&seconds[8..10])?);
    let (hour, minute, second) =
        (number(&seconds[11..13])?, number(&seconds[14..16])?, number(&seconds[17..])?);
    // The 29th and later are left to those who know the calendar, but for the months that all have them.
    let is_a_day =
        (1..=12).contains(&month) && (1..=28).contains(&day) || matches!((month, day), (1 | 3..=12, 29 | 30));
    if !is_a_day || hour > 23 || minute > 59 || second > 59 {
        return None;
    }
    let seconds = days(year, month, day) * 86_400 + hour * 3_600 + minute * 60 + second;
    Some(Timestamp::from_micros(seconds * 1_000_000 + micros))
}

fn number(digits: &[u8]) -> Option<i64> {
    digits
        .iter()
        .try_fold(0, |number, digit| digit.is_ascii_digit().then(|| number * 10 + i64::from(digit - b'0')))
}

/// Days since the epoch in the Gregorian calendar, counted from March on, so that the leap day is a year's last.
fn days(year: i64, month: i64, day: i64) -> i64 {
    let (year, month) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let leap_days = year.div_euclid(4) - year.div_euclid(100) + year.div_euclid(400);
    year * 365 + leap_days + (month * 153 + 2) / 5 + day - 1 - 719_468
}

/// Rewrites the text of an instant in its one form: `2025-02-25T03:56:53.060650Z`.
pub(super) fn normalise(form: &mut String) {
    let is_plain = form.is_char_boundary(26) && plain(&form.as_bytes()[..26]).is_some();
    match form.len() {
        26 if is_plain => form.push('Z'),
        27 if is_plain && form.ends_with('Z') => {}
        _ => {
            if let Some(at) = parse(form) {
                *form = text(at);
            }
        }
    }
}

/// The text of an instant: `2025-02-25T03:56:53.060650Z`.
pub(super) fn text(at: Timestamp) -> String {
    match jiff::Timestamp::from_microsecond(at.micros()) {
        Ok(instant) => format!("{instant:.6}"),
        Err(_) => at.to_string(),
    }
}

/// Serde's `with` for fields of curated rows.
#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes fields by reference")]
pub(super) fn serialize<S: Serializer>(at: &Timestamp, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&text(*at))
}

/// Serde's `with` for fields of curated rows.
pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Timestamp, D::Error> {
    deserializer.deserialize_str(Text)
}

/// Reads an instant from a text without taking a copy of it.
struct Text;

impl Visitor<'_> for Text {
    type Value = Timestamp;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a timestamp")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Timestamp, E> {
        parse(text).ok_or_else(|| E::invalid_value(Unexpected::Str(text), &self))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_has_six_digits_of_a_second() {
        assert_eq!(text(Timestamp::from_secs(1_740_455_813)), "2025-02-25T03:56:53.000000Z");
        assert_eq!(text(Timestamp::from_micros(1_740_455_813_060_650)), "2025-02-25T03:56:53.060650Z");
    }

    #[test]
    fn the_fast_way_agrees_with_the_calendar() {
        for (year, month) in
            (0..=2500).step_by(4).chain(1890..=2110).flat_map(|y| (0..=13).map(move |m| (y, m)))
        {
            for day in [0, 1, 28, 29, 30, 31] {
                let text = format!("{year:04}-{month:02}-{day:02}T03:56:53.060650Z");
                if let Some(at) = plain(text.as_bytes()) {
                    assert_eq!(text.parse::<Timestamp>().unwrap(), at, "{text}");
                }
            }
        }
        assert_eq!(plain(b"2025-02-25T03:56:53"), Some(Timestamp::from_secs(1_740_455_813)));
        let not_plain = [
            "2025-02-25T24:00:00",
            "2025-02-25T03:56:60Z",
            "2025-02-25 03:56:53",
            "2025-02-25T03:56:53.06",
            "2025-02-25T03:56:53.06065é",
            "+025-02-25T03:56:53",
            "2025-02-25T03:56:53+02:00",
            "",
        ];
        assert_eq!(not_plain.map(|text| plain(text.as_bytes())), [None; 8]);
    }

    #[test]
    fn an_instant_has_one_form() {
        for form in
            ["2025-02-25T03:56:53.060650", "2025-02-25T03:56:53.060650Z", "2025-02-25T05:56:53.06065+02:00"]
        {
            let mut text = form.to_owned();
            normalise(&mut text);
            assert_eq!(text, "2025-02-25T03:56:53.060650Z");
        }
        let mut whole = "2025-02-25T03:56:53".to_owned();
        normalise(&mut whole);
        assert_eq!(whole, "2025-02-25T03:56:53.000000Z");
    }

    #[test]
    fn the_year_one_is_the_first() {
        assert_eq!(parse("0001-01-01T00:00:00Z"), Some(FIRST));
        assert_eq!(parse("0000-12-31T23:59:59.999999Z"), None);
        assert_eq!(parse("-000001-01-01T00:00:00Z"), None);
    }

    #[test]
    fn the_name_of_a_zone_is_refused() {
        assert_eq!(parse("2025-02-25T03:56:53[Europe/Oslo]"), None);
    }
}
