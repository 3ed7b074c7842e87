//! What SQLite is given for dates and times; all moments are microseconds since 1970 in UTC.

use rusqlite::types::Value as Cell;
use rusqlite::{Connection, Result};

use super::super::time::{DAY, checked_day, checked_days, checked_micros, civil, days, print_date};
use super::udf::{Answer, Args, strict};

const SECOND: i64 = 1_000_000;
const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];
const WEEKDAYS: [&str; 7] = ["Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"];

pub(super) fn register(db: &Connection) -> Result<()> {
    strict(db, "bq_trunc", 2, |args| moment(Some(truncated(args.int(0), args.text(1)))))?;
    strict(db, "bq_part", 2, |args| Ok(Cell::Integer(part(args.int(0), args.text(1)))))?;
    strict(db, "bq_shift", 3, shifted)?;
    strict(db, "bq_diff", 3, |args| {
        let unit = args.text(2);
        let index = |micros: i64| ordinal(truncated(micros, unit), unit);
        Ok(Cell::Integer(index(args.int(0)) - index(args.int(1))))
    })?;
    strict(db, "bq_elapsed", 3, |args| match length(args.text(2)) {
        Some(length) => Ok(Cell::Integer((args.int(0) - args.int(1)) / length)),
        None => Err(format!("TIMESTAMP_DIFF does not support the {} date part", args.text(2))),
    })?;
    strict(db, "bq_moment", 1, |args| moment(Some(args.int(0))))?;
    strict(db, "bq_day", 1, |args| {
        checked_day(args.int(0)).map(Cell::Integer).ok_or_else(|| "date overflow".into())
    })?;
    strict(db, "bq_date", 3, |args| {
        let date = checked_days(args.int(0), args.int(1), args.int(2));
        let text =
            || format!("Input calculates to invalid date: {}-{}-{}", args.int(0), args.int(1), args.int(2));
        date.map(Cell::Integer).ok_or_else(text)
    })?;
    strict(db, "bq_format", 2, |args| formatted(args.text(0), args.int(1)).map(Cell::Text))
}

fn moment(micros: Option<i64>) -> Answer {
    micros.and_then(checked_micros).map(Cell::Integer).ok_or_else(|| "timestamp overflow".into())
}

/// Microseconds of a unit that is always equally long.
fn length(unit: &str) -> Option<i64> {
    Some(match unit {
        "MICROSECOND" => 1,
        "MILLISECOND" => 1000,
        "SECOND" => SECOND,
        "MINUTE" => 60 * SECOND,
        "HOUR" => 3600 * SECOND,
        "DAY" => DAY,
        _ => return None,
    })
}

/// 0 for Sunday.
fn weekday(day: i64) -> i64 {
    (day + 4).rem_euclid(7)
}

fn truncated(micros: i64, unit: &str) -> i64 {
    if let Some(length) = length(unit) {
        return micros - micros.rem_euclid(length);
    }
    let day = micros.div_euclid(DAY);
    let (year, month, _) = civil(day);
    let day = match unit {
        "WEEK" => day - weekday(day),
        "ISOWEEK" => day - (weekday(day) + 6) % 7,
        "MONTH" => days(year, month, 1),
        "QUARTER" => days(year, (month - 1) / 3 * 3 + 1, 1),
        _ => days(year, 1, 1),
    };
    day * DAY
}

/// The number of a unit, counted through from some beginning.
fn ordinal(truncated: i64, unit: &str) -> i64 {
    if let Some(length) = length(unit) {
        return truncated / length;
    }
    let (year, month, _) = civil(truncated / DAY);
    match unit {
        "WEEK" | "ISOWEEK" => (truncated / DAY).div_euclid(7),
        "MONTH" => year * 12 + month,
        "QUARTER" => year * 4 + (month - 1) / 3,
        _ => year,
    }
}

fn shifted(args: &Args<'_>) -> Answer {
    let (micros, by) = (args.int(0), args.int(1));
    let unit = args.text(2);
    let fixed = if unit == "WEEK" { Some(7 * DAY) } else { length(unit) };
    if let Some(length) = fixed {
        return moment(by.checked_mul(length).and_then(|by| micros.checked_add(by)));
    }
    let months = match unit {
        "MONTH" => Some(by),
        "QUARTER" => by.checked_mul(3),
        "YEAR" => by.checked_mul(12),
        _ => return Err(format!("adding the date part {unit} is not known to the emulator")),
    };
    let (year, month, day) = civil(micros.div_euclid(DAY));
    let months =
        months.filter(|months| months.abs() < 240_000).ok_or("date overflow")? + year * 12 + month - 1;
    let (year, month) = (months.div_euclid(12), months.rem_euclid(12) + 1);
    // The last day of a month stays within a shorter month.
    let date = (0..4).find_map(|less| checked_days(year, month, day - less)).ok_or("date overflow")?;
    moment(Some(date * DAY + micros.rem_euclid(DAY)))
}

fn part(micros: i64, name: &str) -> i64 {
    let day = micros.div_euclid(DAY);
    let of_day = micros.rem_euclid(DAY);
    let (year, month, of_month) = civil(day);
    let first = days(year, 1, 1);
    match name {
        "YEAR" => year,
        "QUARTER" => (month - 1) / 3 + 1,
        "MONTH" => month,
        "DAY" => of_month,
        "DAYOFWEEK" => weekday(day) + 1,
        "DAYOFYEAR" => day - first + 1,
        // Weeks begin on Sunday; the days before the first Sunday are in week 0.
        "WEEK" => (day - first + 7 - weekday(day)) / 7,
        "ISOWEEK" => iso_week(day).1,
        "ISOYEAR" => iso_week(day).0,
        "HOUR" => of_day / (3600 * SECOND),
        "MINUTE" => of_day / (60 * SECOND) % 60,
        "SECOND" => of_day / SECOND % 60,
        "MILLISECOND" => of_day % SECOND / 1000,
        _ => of_day % SECOND,
    }
}

/// Year and week of ISO 8601: those of the week's Thursday.
fn iso_week(day: i64) -> (i64, i64) {
    let thursday = day - (weekday(day) + 6) % 7 + 3;
    let (year, _, _) = civil(thursday);
    (year, (thursday - days(year, 1, 1)) / 7 + 1)
}

fn formatted(format: &str, micros: i64) -> std::result::Result<String, String> {
    let mut text = String::new();
    let mut rest = format;
    while let Some((before, after)) = rest.split_once('%') {
        text.push_str(before);
        // `%E6S`: seconds with so many digits behind them; `%E*S`: as many as there are.
        if let Some((digits, after)) = after.strip_prefix('E').and_then(|after| after.split_once('S')) {
            text.push_str(&exact_seconds(micros, digits).ok_or_else(|| unknown(format))?);
            rest = after;
            continue;
        }
        let mut chars = after.chars();
        let element = chars.next().and_then(|letter| element(letter, micros));
        text.push_str(&element.ok_or_else(|| unknown(format))?);
        rest = chars.as_str();
    }
    text.push_str(rest);
    Ok(text)
}

fn unknown(format: &str) -> String {
    format!("the format \"{format}\" has an element that the emulator does not know")
}

fn exact_seconds(micros: i64, digits: &str) -> Option<String> {
    let second = part(micros, "SECOND");
    let fraction = format!("{:06}", part(micros, "MICROSECOND"));
    let fraction = match digits {
        "*" => fraction.trim_end_matches('0'),
        digits => fraction.get(..digits.parse().ok()?)?,
    };
    Some(if fraction.is_empty() { format!("{second:02}") } else { format!("{second:02}.{fraction}") })
}

fn element(letter: char, micros: i64) -> Option<String> {
    let number = |name: &str| part(micros, name);
    let two = |name: &str| format!("{:02}", part(micros, name));
    let month = MONTHS[(number("MONTH") - 1) as usize];
    let weekday = WEEKDAYS[(number("DAYOFWEEK") - 1) as usize];
    let hour = number("HOUR");
    Some(match letter {
        'Y' => number("YEAR").to_string(),
        'y' => format!("{:02}", number("YEAR") % 100),
        'm' => two("MONTH"),
        'd' => two("DAY"),
        'e' => format!("{:2}", number("DAY")),
        'H' => two("HOUR"),
        'I' => format!("{:02}", (hour + 11) % 12 + 1),
        'M' => two("MINUTE"),
        'S' => two("SECOND"),
        'p' => if hour < 12 { "AM" } else { "PM" }.into(),
        'j' => format!("{:03}", number("DAYOFYEAR")),
        'F' => print_date(micros.div_euclid(DAY)),
        'T' => format!("{}:{}:{}", two("HOUR"), two("MINUTE"), two("SECOND")),
        'R' => format!("{}:{}", two("HOUR"), two("MINUTE")),
        'D' => format!("{}/{}/{:02}", two("MONTH"), two("DAY"), number("YEAR") % 100),
        'B' => month.into(),
        'b' | 'h' => month[..3].into(),
        'A' => weekday.into(),
        'a' => weekday[..3].into(),
        'u' => ((number("DAYOFWEEK") + 5) % 7 + 1).to_string(),
        'w' => (number("DAYOFWEEK") - 1).to_string(),
        'G' => number("ISOYEAR").to_string(),
        'V' => two("ISOWEEK"),
        'U' => two("WEEK"),
        'Q' => number("QUARTER").to_string(),
        's' => micros.div_euclid(SECOND).to_string(),
        'Z' => "UTC".into(),
        'z' => "+0000".into(),
        'n' => "\n".into(),
        't' => "\t".into(),
        '%' => "%".into(),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::super::super::time::parse_timestamp;
    use super::*;

    fn at(text: &str) -> i64 {
        parse_timestamp(text).expect("a timestamp")
    }

    #[test]
    fn moments_are_cut_to_their_units() {
        let moment = at("2026-08-19 13:45:56.789");
        for (unit, wanted) in [
            ("HOUR", "2026-08-19 13:00:00"),
            ("DAY", "2026-08-19"),
            ("WEEK", "2026-08-16"),
            ("ISOWEEK", "2026-08-17"),
            ("MONTH", "2026-08-01"),
            ("QUARTER", "2026-07-01"),
            ("YEAR", "2026-01-01"),
        ] {
            assert_eq!(truncated(moment, unit), at(wanted), "{unit}");
        }
        assert_eq!(truncated(at("1969-12-31 23:59:59"), "DAY"), at("1969-12-31"));
    }

    #[test]
    fn weeks_are_numbered_as_both_calendars_do() {
        let numbers =
            |text: &str| ["WEEK", "ISOWEEK", "ISOYEAR", "DAYOFWEEK"].map(|name| part(at(text), name));
        assert_eq!(numbers("2026-01-01"), [0, 1, 2026, 5]);
        assert_eq!(numbers("2026-01-04"), [1, 1, 2026, 1]);
        assert_eq!(numbers("2027-01-01"), [0, 53, 2026, 6]);
    }

    #[test]
    fn usual_formats_are_written() {
        let moment = at("2026-08-09 03:04:05.678");
        assert_eq!(formatted("%Y-%m-%d %H:%M:%E3S", moment).as_deref(), Ok("2026-08-09 03:04:05.678"));
        assert_eq!(formatted("%A, %e %b %I%p 100%%", moment).as_deref(), Ok("Sunday,  9 Aug 03AM 100%"));
        assert!(formatted("%O", moment).is_err());
    }
}
