//! Event time: microseconds since the Unix epoch.

use std::fmt;
use std::ops::{Add, Sub};
use std::str::FromStr;
use std::time::Duration;

use serde::de::{self, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A moment of event time or processing time, in microseconds since the Unix epoch.
///
/// The range is Beam's ([`MIN`](Timestamp::MIN) to [`MAX`](Timestamp::MAX)); arithmetic saturates at its
/// ends, as a watermark of plus infinity plus a lateness is still plus infinity.
///
/// ```
/// use flow_core::Timestamp;
/// let at: Timestamp = "2025-02-25T03:56:53.060650Z".parse()?;
/// assert_eq!(at.micros(), 1_740_455_813_060_650);
/// assert_eq!(at.to_string(), "2025-02-25T03:56:53.06065Z");
/// # Ok::<(), flow_core::TimestampError>(())
/// ```
///
/// In text formats as JSON it is an RFC 3339 string; reading also takes microseconds as a number. In binary formats it
/// is the number.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(i64);

impl Timestamp {
    /// Minus infinity: the timestamp of bounded data that has none, and of a watermark that has not moved.
    pub const MIN: Timestamp = Timestamp(-9_223_372_036_854_775_000);
    /// Plus infinity: a watermark that says that nothing more comes.
    pub const MAX: Timestamp = Timestamp(9_223_372_036_854_775_000);
    /// The last moment of the global window, a day before [`MAX`](Timestamp::MAX), as in Beam.
    pub const END_OF_GLOBAL_WINDOW: Timestamp = Timestamp(Self::MAX.0 - 86_400_000_000);

    /// From microseconds since the epoch, clamped to the range.
    pub const fn from_micros(micros: i64) -> Self {
        if micros < Self::MIN.0 {
            Self::MIN
        } else if micros > Self::MAX.0 {
            Self::MAX
        } else {
            Timestamp(micros)
        }
    }

    /// From milliseconds since the epoch, clamped to the range.
    pub const fn from_millis(millis: i64) -> Self {
        Self::from_micros(millis.saturating_mul(1_000))
    }

    /// From seconds since the epoch, clamped to the range.
    pub const fn from_secs(secs: i64) -> Self {
        Self::from_micros(secs.saturating_mul(1_000_000))
    }

    /// Microseconds since the epoch.
    pub const fn micros(self) -> i64 {
        self.0
    }

    /// Milliseconds since the epoch, rounded down: what travels on Beam's wire.
    pub const fn millis(self) -> i64 {
        self.0.div_euclid(1_000)
    }

    /// This moment shifted by a signed number of microseconds, saturating.
    #[must_use]
    pub const fn offset_micros(self, micros: i64) -> Self {
        Self::from_micros(self.0.saturating_add(micros))
    }

    /// The civil date and time in UTC, for names and partitions; `None` outside the years -9999 to 9999.
    pub fn to_utc(self) -> Option<jiff::civil::DateTime> {
        jiff::Timestamp::from_microsecond(self.0).ok().map(|t| jiff::tz::TimeZone::UTC.to_datetime(t))
    }
}

impl Serialize for Timestamp {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match jiff::Timestamp::from_microsecond(self.0) {
            Ok(instant) if serializer.is_human_readable() => serializer.collect_str(&instant),
            _ => serializer.serialize_i64(self.0),
        }
    }
}

impl<'de> Deserialize<'de> for Timestamp {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        if deserializer.is_human_readable() {
            deserializer.deserialize_any(TextOrMicros)
        } else {
            i64::deserialize(deserializer).map(Timestamp::from_micros)
        }
    }
}

struct TextOrMicros;

impl Visitor<'_> for TextOrMicros {
    type Value = Timestamp;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an RFC 3339 timestamp, or microseconds since the epoch")
    }
    fn visit_str<E: de::Error>(self, text: &str) -> Result<Timestamp, E> {
        text.parse().map_err(E::custom)
    }
    fn visit_i64<E>(self, micros: i64) -> Result<Timestamp, E> {
        Ok(Timestamp::from_micros(micros))
    }
    fn visit_u64<E>(self, micros: u64) -> Result<Timestamp, E> {
        Ok(Timestamp::from_micros(i64::try_from(micros).unwrap_or(i64::MAX)))
    }
}

/// The text was not a timestamp.
#[derive(Debug, Clone, thiserror::Error)]
#[error(
    "`{text}` is not a timestamp: wanted RFC 3339 with date and time, as 2025-02-25T03:56:53.060650Z, or the same without zone for UTC"
)]
pub struct TimestampError {
    text: String,
}

impl TimestampError {
    fn of(text: &str) -> Self {
        TimestampError { text: text.chars().take(64).collect() }
    }
}

impl FromStr for Timestamp {
    type Err = TimestampError;

    /// Reads RFC 3339 with `Z` or an offset, and the same without either, which means UTC.
    ///
    /// A date alone is refused, since no one said at what time; so is the name of a zone in brackets, since what it
    /// means depends on the zone rules of the machine.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        // jiff reads over the brackets, and takes a date alone for its midnight.
        if text.contains('[') || !text.contains(['T', 't', ' ']) {
            return Err(TimestampError::of(text));
        }
        let instant = text.parse::<jiff::Timestamp>().or_else(|_| {
            text.parse::<jiff::civil::DateTime>()?.to_zoned(jiff::tz::TimeZone::UTC).map(|z| z.timestamp())
        });
        instant.map(|t| Timestamp::from_micros(t.as_microsecond())).map_err(|_| TimestampError::of(text))
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match jiff::Timestamp::from_microsecond(self.0) {
            _ if *self == Self::MIN => f.write_str("-inf"),
            _ if *self == Self::MAX => f.write_str("+inf"),
            Ok(instant) => fmt::Display::fmt(&instant, f),
            Err(_) => write!(f, "{}us", self.0),
        }
    }
}

impl fmt::Debug for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Add<Duration> for Timestamp {
    type Output = Timestamp;
    fn add(self, rhs: Duration) -> Timestamp {
        self.offset_micros(micros(rhs))
    }
}

impl Sub<Duration> for Timestamp {
    type Output = Timestamp;
    fn sub(self, rhs: Duration) -> Timestamp {
        self.offset_micros(-micros(rhs))
    }
}

/// A duration in microseconds, saturating at `i64::MAX`.
pub(crate) fn micros(duration: Duration) -> i64 {
    i64::try_from(duration.as_micros()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn three_forms_of_one_instant_are_equal() {
        let forms =
            ["2025-02-25T03:56:53.060650", "2025-02-25T03:56:53.060650Z", "2025-02-25T05:56:53.060650+02:00"];
        for form in forms {
            assert_eq!(form.parse::<Timestamp>().unwrap().micros(), 1_740_455_813_060_650, "{form}");
        }
    }

    #[test]
    fn binary_encodings_hold_microseconds() {
        let at = Timestamp::from_micros(1_740_455_813_060_650);
        assert_eq!(postcard::to_stdvec(&at).unwrap(), postcard::to_stdvec(&at.micros()).unwrap());
        assert_eq!(
            postcard::from_bytes::<Timestamp>(&postcard::to_stdvec(&Timestamp::MIN).unwrap()).unwrap(),
            Timestamp::MIN
        );
    }

    #[test]
    fn arithmetic_saturates_at_the_ends() {
        assert_eq!(Timestamp::MAX + Duration::from_secs(1), Timestamp::MAX);
        assert_eq!(Timestamp::MIN - Duration::from_secs(1), Timestamp::MIN);
        assert_eq!(Timestamp::from_secs(1) + Duration::MAX, Timestamp::MAX);
    }

    #[test]
    fn milliseconds_round_down_also_before_the_epoch() {
        assert_eq!(Timestamp::from_micros(-1).millis(), -1);
        assert_eq!(Timestamp::from_micros(9_999).millis(), 9);
    }

    #[test]
    fn nonsense_is_an_error_that_shows_the_text() {
        let error = "yesterday".parse::<Timestamp>().unwrap_err();
        assert!(error.to_string().starts_with("`yesterday` is not a timestamp"));
    }

    #[test]
    fn a_zone_in_brackets_is_refused_and_not_taken_for_utc() {
        for text in [
            "2025-02-25T03:56:53[Europe/Oslo]",
            "2025-02-25T03:56:53+01:00[Europe/Oslo]",
            "2025-02-25T03:56:53Z[u-ca=gregory]",
        ] {
            assert!(text.parse::<Timestamp>().is_err(), "{text}");
        }
    }

    #[test]
    fn a_date_without_a_time_is_refused() {
        for text in ["2025-02-25", "20250225", "2025-02-25T", "2025-02-25 ", " 2025-02-25"] {
            assert!(text.parse::<Timestamp>().is_err(), "{text}");
        }
    }
}
