use std::fmt;
use std::time::Duration;

use jiff::civil::Date;
use jiff::tz::TimeZone;

use super::{Window, WindowFn, WindowInto};
use crate::Timestamp;

/// Windows of whole days, weeks, months or years of a calendar, back to back: what a report for a day or a month is of.
///
/// They begin at midnight in a time zone, UTC unless said. Where clocks change, a day has 23 or 25 hours; where a zone
/// has no midnight on some day, its window begins with the first moment of that day, and where it has two, with the
/// first. The rules of all zones are inside the program, by the feature `time-zones`, which is on by default.
///
/// Before the year −9000 and after 9000, all is in one window.
#[derive(Clone, PartialEq, Eq)]
pub struct Calendar {
    unit: Unit,
    n: i32,
    /// The first day of a window: the others are counted from it.
    from: Date,
    zone: TimeZone,
    /// The numbers of the first and the last window.
    ends: (i64, i64),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Unit {
    Day,
    Week,
    Month,
    Year,
}

const EPOCH: Date = Date::constant(1970, 1, 1);
/// A Monday.
const MONDAY: Date = Date::constant(1970, 1, 5);
/// Days of the first and the last window.
const SPAN: [Date; 2] = [Date::constant(-9000, 1, 1), Date::constant(9000, 1, 1)];

impl Calendar {
    /// Windows of `n` days each, counted from 1 January 1970.
    ///
    /// ```
    /// # use flow_core::prelude::*;
    /// let day = Calendar::days(1).time_zone("America/Los_Angeles");
    /// let mut windows = Vec::new();
    /// let at: Timestamp = "2014-03-09T12:00:00-07:00".parse()?;
    /// WindowFn::<()>::assign(day.function(), &(), at, |window| windows.push(window));
    /// // The clocks went forward: a day of 23 hours.
    /// assert_eq!(windows[0].to_string(), "[2014-03-09T08:00:00Z, 2014-03-10T07:00:00Z)");
    /// # Ok::<(), flow_core::TimestampError>(())
    /// ```
    pub fn days(n: u16) -> WindowInto<Calendar> {
        Self::of(Unit::Day, n, EPOCH)
    }

    /// Windows of `n` weeks each, which begin on Mondays unless [`starting_on`](WindowInto::starting_on) says another
    /// day.
    ///
    /// ```
    /// # use flow_core::prelude::*;
    /// let from_sundays = Calendar::weeks(1).starting_on(2024, 12, 29);
    /// ```
    pub fn weeks(n: u16) -> WindowInto<Calendar> {
        Self::of(Unit::Week, n, MONDAY)
    }

    /// Windows of `n` months each, counted from January 1970.
    ///
    /// ```
    /// # use flow_core::prelude::*;
    /// let quarters = Calendar::months(3).time_zone("Europe/Oslo");
    /// ```
    pub fn months(n: u16) -> WindowInto<Calendar> {
        Self::of(Unit::Month, n, EPOCH)
    }

    /// Windows of `n` years each, counted from 1970.
    ///
    /// ```
    /// # use flow_core::prelude::*;
    /// let fiscal_years = Calendar::years(1).starting_on(1970, 4, 1);
    /// ```
    pub fn years(n: u16) -> WindowInto<Calendar> {
        Self::of(Unit::Year, n, EPOCH)
    }

    fn of(unit: Unit, n: u16, from: Date) -> WindowInto<Calendar> {
        let calendar = Calendar { unit, n: i32::from(n.max(1)), from, zone: TimeZone::UTC, ends: (0, 0) };
        WindowInto::by(calendar.counted())
    }

    /// The same, with the numbers of its first and last window.
    fn counted(mut self) -> Self {
        let [first, last] = SPAN.map(|day| self.number(day));
        self.ends = (first, last);
        self
    }

    /// The number of the window that a day is in.
    fn number(&self, day: Date) -> i64 {
        let n = i64::from(self.n);
        match self.unit {
            Unit::Day => days_between(self.from, day).div_euclid(n),
            Unit::Week => days_between(self.from, day).div_euclid(7 * n),
            Unit::Month => self.number_by_months(day, n),
            Unit::Year => self.number_by_months(day, 12 * n),
        }
    }

    fn number_by_months(&self, day: Date, n: i64) -> i64 {
        let months = |date: Date| i64::from(date.year()) * 12 + i64::from(date.month()) - 1;
        let number = (months(day) - months(self.from)).div_euclid(n);
        // The window of its month may begin later in the month.
        if self.first_day(number).is_some_and(|first| first > day) { number - 1 } else { number }
    }

    /// The first day of a window; none beyond the calendar.
    fn first_day(&self, number: i64) -> Option<Date> {
        let n = number.checked_mul(i64::from(self.n))?;
        let span = match self.unit {
            Unit::Day => jiff::Span::new().try_days(n),
            Unit::Week => jiff::Span::new().try_weeks(n),
            Unit::Month => jiff::Span::new().try_months(n),
            Unit::Year => jiff::Span::new().try_years(n),
        };
        self.from.checked_add(span.ok()?).ok()
    }

    /// The first moment of a window.
    fn start(&self, number: i64) -> Timestamp {
        let (first, last) = self.ends;
        let midnight = || {
            let day = self.first_day(number)?;
            let zoned = day.to_zoned(self.zone.clone()).ok()?;
            Some(Timestamp::from_micros(zoned.timestamp().as_microsecond()))
        };
        match number {
            _ if number <= first => Timestamp::MIN,
            _ if number > last => Timestamp::MAX,
            _ => midnight().unwrap_or(Timestamp::MAX),
        }
    }

    /// The day of a moment, in the years that windows are counted in.
    fn day(&self, at: Timestamp) -> Date {
        let [first, last] = SPAN;
        let day = jiff::Timestamp::from_microsecond(at.micros()).map(|at| self.zone.to_datetime(at).date());
        day.map_or(if at.micros() < 0 { first } else { last }, |day| day.clamp(first, last))
    }

    fn window_at(&self, at: Timestamp) -> Window {
        let number = self.number(self.day(at));
        let (start, end) = (self.start(number), self.start(number + 1));
        // Clocks that go back over midnight show the evening before once more: it is of the day that has begun.
        if at >= end && number < self.ends.1 {
            return Window::new(end, self.start(number + 2));
        }
        Window::new(start, end)
    }
}

fn days_between(from: Date, to: Date) -> i64 {
    from.until(to).map_or(0, |span| i64::from(span.get_days()))
}

impl fmt::Debug for Calendar {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let unit = match self.unit {
            Unit::Day => "day",
            Unit::Week => "week",
            Unit::Month => "month",
            Unit::Year => "year",
        };
        let plural = if self.n == 1 { "" } else { "s" };
        write!(f, "Calendar of {} {unit}{plural} from {}", self.n, self.from)?;
        match self.zone.iana_name() {
            Some(name) if self.zone != TimeZone::UTC => write!(f, " in {name}"),
            _ => Ok(()),
        }
    }
}

impl WindowInto<Calendar> {
    /// Begins windows at midnight in a time zone, by its IANA name as `Europe/Oslo`; one that is not known is an error of
    /// construction.
    pub fn time_zone(mut self, name: &str) -> Self {
        match TimeZone::get(name) {
            Ok(zone) => self.function_mut().zone = zone,
            Err(_) if !cfg!(feature = "time-zones") && name != "UTC" => self.refuse(format!(
                "this program knows no time zone `{name}`: build flow-core with its feature `time-zones`"
            )),
            Err(_) => self.refuse(format!(
                "there is no time zone `{name}`: windows of a calendar need an IANA name, as `Europe/Oslo`"
            )),
        }
        self
    }

    /// Counts windows from this day, on which one begins; a day that does not exist is an error of construction. Where
    /// a month has no such day, its window begins on its last.
    pub fn starting_on(mut self, year: i16, month: i8, day: i8) -> Self {
        match Date::new(year, month, day) {
            Ok(from) if SPAN[0] <= from && from <= SPAN[1] => {
                let function = self.function_mut();
                function.from = from;
                *function = function.clone().counted();
            }
            _ => self.refuse(format!(
                "there is no day {year}-{month}-{day} for windows of a calendar to start on, from the year -9000 to 9000"
            )),
        }
        self
    }
}

impl<T> WindowFn<T> for Calendar {
    fn assign(&self, _: &T, at: Timestamp, mut emit: impl FnMut(Window)) {
        emit(self.window_at(at));
    }

    fn is_partition(&self) -> bool {
        true
    }

    /// Of the shortest, by two hours for clocks that change: no zone of today changes them by more.
    fn length(&self) -> Option<Duration> {
        let n = u64::from(self.n.unsigned_abs());
        let days = match self.unit {
            Unit::Day => n,
            Unit::Week => 7 * n,
            Unit::Month => 30 * n - 2,
            Unit::Year => 365 * n,
        };
        let moved = if self.zone == TimeZone::UTC { 0 } else { 2 };
        Some(Duration::from_hours(24 * days - moved))
    }

    fn side_window(&self, main: Window) -> Option<Window> {
        (!main.is_global()).then(|| self.window_at(main.max_timestamp()))
    }
}

#[cfg(test)]
#[path = "calendar_tests.rs"]
mod tests;
