//! Timestamps, dates, times and civil times: whole numbers inside, texts at the edges.

/// Microseconds of a day.
pub(crate) const DAY: i64 = 86_400_000_000;
const SECOND: i64 = 1_000_000;
/// 0001-01-01 and 9999-12-31, in days since 1970.
const FIRST_DAY: i64 = -719_162;
const LAST_DAY: i64 = 2_932_896;

/// Days since 1970-01-01 of a civil date (Howard Hinnant's algorithm).
pub(crate) fn days(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let of_era = year.rem_euclid(400);
    let of_year = (153 * (month + if month > 2 { -3 } else { 9 }) + 2) / 5 + day - 1;
    era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468
}

/// Year, month and day of days since 1970-01-01.
pub(crate) fn civil(days: i64) -> (i64, i64, i64) {
    let days = days + 719_468;
    let era = days.div_euclid(146_097);
    let of_era = days.rem_euclid(146_097);
    let year = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let month = (5 * of_year + 2) / 153;
    let day = of_year - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    (era * 400 + year + i64::from(month <= 2), month, day)
}

/// The date, if the month has such a day and the year is within 1 to 9999.
pub(crate) fn checked_days(year: i64, month: i64, day: i64) -> Option<i64> {
    let fits = (1..=12).contains(&month) && (1..=31).contains(&day);
    let days = fits.then(|| days(year, month, day))?;
    (civil(days) == (year, month, day)).then_some(days).and_then(checked_day)
}

pub(crate) fn checked_day(days: i64) -> Option<i64> {
    (FIRST_DAY..=LAST_DAY).contains(&days).then_some(days)
}

/// Microseconds, if they are within the years 1 to 9999.
pub(crate) fn checked_micros(micros: i64) -> Option<i64> {
    checked_day(micros.div_euclid(DAY)).map(|_| micros)
}

/// Reads a text from its front.
struct Reader<'a>(&'a str);

impl Reader<'_> {
    fn eat(&mut self, any: &[char]) -> bool {
        let rest = self.0.strip_prefix(any);
        self.0 = rest.unwrap_or(self.0);
        rest.is_some()
    }

    /// A number of `least` to `most` digits.
    fn number(&mut self, least: usize, most: usize) -> Option<i64> {
        let length = self.0.bytes().take(most).take_while(u8::is_ascii_digit).count();
        let (digits, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        (length >= least).then(|| digits.parse().ok()).flatten()
    }

    fn date(&mut self) -> Option<i64> {
        let year = self.number(4, 4)?;
        let month = self.eat(&['-']).then(|| self.number(1, 2)).flatten()?;
        let day = self.eat(&['-']).then(|| self.number(1, 2)).flatten()?;
        checked_days(year, month, day)
    }

    fn time(&mut self) -> Option<i64> {
        let hour = self.number(1, 2)?;
        let minute = self.eat(&[':']).then(|| self.number(1, 2)).flatten()?;
        let second = if self.eat(&[':']) { self.number(1, 2)? } else { 0 };
        if hour > 23 || minute > 59 || second > 59 {
            return None;
        }
        let micros = if self.eat(&['.']) { self.fraction()? } else { 0 };
        Some(((hour * 60 + minute) * 60 + second) * SECOND + micros)
    }

    /// Up to six digits count; up to nine are read.
    fn fraction(&mut self) -> Option<i64> {
        let before = self.0.len();
        let value = self.number(1, 9)?;
        let digits = u32::try_from(before - self.0.len()).ok()?;
        Some(if digits <= 6 { value * 10_i64.pow(6 - digits) } else { value / 10_i64.pow(digits - 6) })
    }

    /// Microseconds east of Greenwich.
    fn zone(&mut self) -> Option<i64> {
        let rest = self.0.trim_start();
        if matches!(rest, "" | "Z" | "z") || rest.eq_ignore_ascii_case("utc") {
            self.0 = "";
            return Some(0);
        }
        self.0 = rest;
        let sign = if self.eat(&['-']) { -1 } else { i64::from(self.eat(&['+'])) };
        let hours = self.number(1, 2)?;
        let minutes = if self.eat(&[':']) { self.number(2, 2)? } else { self.number(0, 2).unwrap_or(0) };
        (sign != 0 && hours <= 14 && minutes < 60).then_some(sign * (hours * 60 + minutes) * 60 * SECOND)
    }

    fn end<T>(&self, value: T) -> Option<T> {
        self.0.is_empty().then_some(value)
    }
}

/// `2026-01-31`, as days.
pub(crate) fn parse_date(text: &str) -> Option<i64> {
    let mut reader = Reader(text.trim());
    let date = reader.date()?;
    reader.end(date)
}

/// `12:34:56.789`, as microseconds of the day.
pub(crate) fn parse_time(text: &str) -> Option<i64> {
    let mut reader = Reader(text.trim());
    let time = reader.time()?;
    reader.end(time)
}

/// `2026-01-31 12:34:56.789` with a space or `T`; the time may be left out.
pub(crate) fn parse_datetime(text: &str) -> Option<i64> {
    let mut reader = Reader(text.trim());
    let micros = date_and_time(&mut reader)?;
    reader.end(micros)
}

/// As a civil time, and a zone after it: `Z`, `UTC`, `+01:00`; without one it is UTC.
pub(crate) fn parse_timestamp(text: &str) -> Option<i64> {
    let mut reader = Reader(text.trim());
    let micros = date_and_time(&mut reader)?;
    let micros = micros.checked_sub(reader.zone()?)?;
    reader.end(micros).and_then(checked_micros)
}

fn date_and_time(reader: &mut Reader<'_>) -> Option<i64> {
    let date = reader.date()?;
    let timed = reader.0.as_bytes().get(1).is_some_and(u8::is_ascii_digit) && reader.eat(&['T', 't', ' ']);
    let time = if timed { reader.time()? } else { 0 };
    Some(date * DAY + time)
}

/// Seconds since 1970 with a fraction, as clients send timestamps in numbers.
pub(crate) fn from_seconds(seconds: f64) -> Option<i64> {
    let micros = (seconds * 1e6).round();
    (micros.abs() < 9e18).then_some(micros as i64).and_then(checked_micros)
}

pub(crate) fn print_date(days: i64) -> String {
    let (year, month, day) = civil(days);
    format!("{year:04}-{month:02}-{day:02}")
}

pub(crate) fn print_time(micros: i64) -> String {
    let seconds = micros / SECOND;
    let text = format!("{:02}:{:02}:{:02}", seconds / 3600, seconds / 60 % 60, seconds % 60);
    match micros % SECOND {
        0 => text,
        part => format!("{text}.{}", format!("{part:06}").trim_end_matches('0')),
    }
}

/// A civil time with `separator` between date and time.
pub(crate) fn print_datetime(micros: i64, separator: char) -> String {
    format!("{}{separator}{}", print_date(micros.div_euclid(DAY)), print_time(micros.rem_euclid(DAY)))
}

/// RFC 3339 in UTC.
pub(crate) fn print_timestamp(micros: i64) -> String {
    format!("{}Z", print_datetime(micros, 'T'))
}

/// Seconds as a floating-point text, in the service's form: `1.7672256E9`.
pub(crate) fn print_seconds(micros: i64) -> String {
    if micros == 0 {
        return "0.0".into();
    }
    let digits = micros.unsigned_abs().to_string();
    let exponent = digits.len() as i64 - 1 - 6;
    let (first, rest) = digits.split_at(1);
    let rest = match rest.trim_end_matches('0') {
        "" => "0",
        rest => rest,
    };
    let sign = if micros < 0 { "-" } else { "" };
    if exponent == 0 { format!("{sign}{first}.{rest}") } else { format!("{sign}{first}.{rest}E{exponent}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn timestamps_are_read_in_their_usual_forms() {
        let wanted = Some(1_767_225_600_000_000);
        for text in [
            "2026-01-01",
            "2026-01-01T00:00:00Z",
            "2026-01-01 00:00:00 UTC",
            "2026-01-01 00:00:00.000+00",
            "2026-01-01T01:30:00+01:30",
            "2025-12-31 23:00:00-01:00",
        ] {
            assert_eq!(parse_timestamp(text), wanted, "{text}");
        }
        assert_eq!(parse_timestamp("2026-01-01T00:00:00.000001Z"), Some(1_767_225_600_000_001));
    }

    #[test]
    fn what_is_no_date_is_refused() {
        for text in ["2026-02-29", "2026-13-01", "26-01-01", "2026-01-01x", "", "0000-01-01"] {
            assert_eq!(parse_date(text), None, "{text}");
        }
        assert_eq!(parse_timestamp("2026-01-01 Europe/Berlin"), None);
        assert_eq!(parse_time("24:00:00"), None);
    }

    #[test]
    fn dates_survive_the_way_there_and_back() {
        for text in ["0001-01-01", "1582-10-15", "1969-12-31", "2000-02-29", "9999-12-31"] {
            assert_eq!(parse_date(text).map(print_date).as_deref(), Some(text));
        }
        assert_eq!(print_timestamp(-1), "1969-12-31T23:59:59.999999Z");
    }

    #[test]
    fn seconds_are_printed_as_the_service_does() {
        assert_eq!(print_seconds(1_767_225_600_000_000), "1.7672256E9");
        assert_eq!(print_seconds(1_767_225_600_123_456), "1.767225600123456E9");
        assert_eq!(print_seconds(1_000_000), "1.0");
        assert_eq!(print_seconds(-500_000), "-5.0E-1");
    }
}
