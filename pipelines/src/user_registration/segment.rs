//! Who registers: users counted by country, gender and age, for marketing.

use std::time::Duration;

use flow_core::prelude::*;
use jiff::civil::Date;
use serde::{Deserialize, Serialize};

use super::user::User;

/// Users who are alike to marketing.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Segment {
    /// `location.country`.
    pub country: Option<String>,
    /// `gender`.
    pub gender: Option<String>,
    /// How old they are.
    pub age_band: AgeBand,
}

/// How old someone is, as marketing asks it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum AgeBand {
    /// Below 18.
    #[serde(rename = "under 18")]
    Minor,
    /// 18 to 24.
    #[serde(rename = "18-24")]
    From18,
    /// 25 to 34.
    #[serde(rename = "25-34")]
    From25,
    /// 35 to 44.
    #[serde(rename = "35-44")]
    From35,
    /// 45 to 54.
    #[serde(rename = "45-54")]
    From45,
    /// 55 to 64.
    #[serde(rename = "55-64")]
    From55,
    /// 65 and more.
    #[serde(rename = "65+")]
    From65,
    /// The date of birth is missing, is none, or is still to come.
    #[serde(rename = "unknown")]
    Unknown,
}

impl AgeBand {
    /// Of someone born at a date, on a day.
    ///
    /// ```
    /// use flow_core::Timestamp;
    /// use pipelines::user_registration::AgeBand;
    ///
    /// let day: Timestamp = "2025-03-20T12:00:00Z".parse()?;
    /// assert_eq!(AgeBand::of(Some("1990-03-21T01:24:58.770Z"), day), AgeBand::From25); // 35 tomorrow
    /// # Ok::<(), flow_core::TimestampError>(())
    /// ```
    pub fn of(born: Option<&str>, on: Timestamp) -> Self {
        let born = born.and_then(|text| text.parse::<Timestamp>().ok()).and_then(Timestamp::to_utc);
        let age = born.zip(on.to_utc()).map(|(born, on)| age(born.date(), on.date()));
        match age {
            Some(0..18) => AgeBand::Minor,
            Some(18..25) => AgeBand::From18,
            Some(25..35) => AgeBand::From25,
            Some(35..45) => AgeBand::From35,
            Some(45..55) => AgeBand::From45,
            Some(55..65) => AgeBand::From55,
            Some(65..) => AgeBand::From65,
            _ => AgeBand::Unknown,
        }
    }
}

/// Full years from one day to another.
fn age(born: Date, on: Date) -> i32 {
    let has_not_had_birthday = (on.month(), on.day()) < (born.month(), born.day());
    i32::from(on.year()) - i32::from(born.year()) - i32::from(has_not_had_birthday)
}

/// How many users of a segment registered in a window: a row of the table.
///
/// Counts add up: users who come when the window has been counted, or after a restart within it, are a row of their own.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct SegmentRow {
    /// When the window began.
    pub window_start: Timestamp,
    /// When it was over.
    pub window_end: Timestamp,
    /// Where they live.
    pub country: Option<String>,
    /// `gender`.
    pub gender: Option<String>,
    /// How old they are.
    pub age_band: AgeBand,
    /// How many there were.
    pub users: u64,
}

impl SegmentRow {
    /// The columns.
    pub const SCHEMA: &str = "window_start:TIMESTAMP, window_end:TIMESTAMP, country:STRING, gender:STRING, \
                              age_band:STRING, users:INTEGER";
}

/// Counts the users of each segment in each window of event time, which for a user of a topic is when the message was
/// published. Users out of files are history, and not counted.
pub fn segments(users: &PCollection<User>, window: Duration, lateness: Duration) -> PCollection<SegmentRow> {
    let of_user = |user: User| {
        let published = user.published?;
        let age_band = AgeBand::of(user.born.as_deref(), published);
        Some(Segment { country: user.country, gender: user.gender, age_band })
    };
    let windows = Fixed::of(window).allowed_lateness(lateness).discarding();
    let counts = users.filter_map(of_user).named("segment").window(windows).count();
    counts
        .process(|(segment, users), out| {
            let Window { start: window_start, end: window_end } = out.window();
            let Segment { country, gender, age_band } = segment;
            out.emit(SegmentRow { window_start, window_end, country, gender, age_band, users });
        })
        .named("segment row")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_band_begins_on_the_birthday() {
        let on = |day: &str| format!("{day}T23:59:59Z").parse::<Timestamp>().unwrap();
        let band = |born, day| AgeBand::of(Some(born), on(day));
        assert_eq!(band("2007-02-09T00:00:00.000Z", "2025-02-08"), AgeBand::Minor);
        assert_eq!(band("2007-02-09T00:00:00.000Z", "2025-02-09"), AgeBand::From18);
        assert_eq!(band("1960-02-29T00:00:00.000Z", "2025-02-28"), AgeBand::From55);
        assert_eq!(band("1960-02-29T00:00:00.000Z", "2025-03-01"), AgeBand::From65);
        assert_eq!(band("2025-02-08T00:00:00.000Z", "2025-02-08"), AgeBand::Minor);
    }

    #[test]
    fn who_does_not_say_when_they_were_born_is_of_unknown_age() {
        let on = Timestamp::from_secs(1_739_020_140);
        for born in [None, Some("long ago"), Some("2030-01-01T00:00:00Z")] {
            assert_eq!(AgeBand::of(born, on), AgeBand::Unknown, "{born:?}");
        }
    }
}
