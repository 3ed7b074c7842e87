//! Instants as text: UTC with six digits of a second, so that texts compare as the instants do.

use flow_core::Timestamp;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serializer};

/// The first instant of the year 1: what tables hold, and what four digits of a year can name, begins here.
const FIRST: Timestamp = Timestamp::from_micros(-62_135_596_800_000_000);

/// The instant of a text in RFC 3339, or without zone, which means UTC; `None` also before the year 1.
pub(super) fn parse(text: &str) -> Option<Timestamp> {
    // `2025-02-25T03:56:53[Europe/Oslo]` is no form of ours, and without its zone it would be another instant.
    if text.contains('[') {
        return None;
    }
    text.parse::<Timestamp>().ok().filter(|at| *at >= FIRST)
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
    String::deserialize(deserializer)?.parse().map_err(D::Error::custom)
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
