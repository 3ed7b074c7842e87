use super::*;
use crate::testing::conformance;
use crate::window::Windowing;

fn window(windows: &WindowInto<Calendar>, at: &str) -> String {
    windows.function().window_at(at.parse().expect("a moment")).to_string()
}

fn hours(windows: &WindowInto<Calendar>, at: &str) -> i64 {
    let window = windows.function().window_at(at.parse().expect("a moment"));
    (window.end.micros() - window.start.micros()) / 3_600_000_000
}

#[test]
fn a_day_begins_at_midnight_where_it_is() {
    let days = Calendar::days(1).time_zone("America/Los_Angeles");
    assert_eq!(window(&days, "2014-01-01T08:00:00Z"), "[2014-01-01T08:00:00Z, 2014-01-02T08:00:00Z)");
    assert_eq!(window(&days, "2014-01-01T07:59:59.999999Z"), "[2013-12-31T08:00:00Z, 2014-01-01T08:00:00Z)");
    assert_eq!(
        window(&Calendar::days(1), "2014-01-01T07:59:59Z"),
        "[2014-01-01T00:00:00Z, 2014-01-02T00:00:00Z)"
    );
}

#[test]
fn a_day_on_which_clocks_change_has_23_or_25_hours() {
    let oslo = Calendar::days(1).time_zone("Europe/Oslo");
    assert_eq!(hours(&oslo, "2024-03-31T10:00:00Z"), 23);
    assert_eq!(hours(&oslo, "2024-10-27T10:00:00Z"), 25);
    assert_eq!(hours(&oslo, "2024-10-28T10:00:00Z"), 24);
}

#[test]
fn a_day_without_a_midnight_begins_with_its_first_moment() {
    // Clocks went from 23:59:59 on the 20th to 01:00 on the 21st.
    let sao_paulo = Calendar::days(1).time_zone("America/Sao_Paulo");
    assert_eq!(window(&sao_paulo, "2012-10-21T12:00:00Z"), "[2012-10-21T03:00:00Z, 2012-10-22T02:00:00Z)");
    assert_eq!(window(&sao_paulo, "2012-10-21T02:59:59Z"), "[2012-10-20T03:00:00Z, 2012-10-21T03:00:00Z)");
}

#[test]
fn a_day_with_two_midnights_begins_with_the_first() {
    // Clocks went from 00:01 on the 7th back to 23:01 on the 6th.
    let days = Calendar::days(1).time_zone("America/St_Johns");
    let seventh = "[2010-11-07T02:30:00Z, 2010-11-08T03:30:00Z)";
    for at in ["2010-11-07T02:30:30Z", "2010-11-07T02:40:00Z", "2010-11-07T03:30:00Z"] {
        assert_eq!(window(&days, at), seventh, "{at}");
    }
    assert_eq!(window(&days, "2010-11-07T02:29:59Z"), "[2010-11-06T02:30:00Z, 2010-11-07T02:30:00Z)");
}

#[test]
fn a_zone_may_leave_out_a_day() {
    // Samoa went from the evening of 29 December to the morning of 31 December 2011.
    let apia = Calendar::days(1).time_zone("Pacific/Apia");
    assert_eq!(window(&apia, "2011-12-30T09:59:59Z"), "[2011-12-29T10:00:00Z, 2011-12-30T10:00:00Z)");
    assert_eq!(window(&apia, "2011-12-30T10:00:00Z"), "[2011-12-30T10:00:00Z, 2011-12-31T10:00:00Z)");
}

/// Beam: CalendarWindowsTest.testDaysCompatibility, testMultiDays.
#[test]
fn several_days_are_counted_from_the_day_that_is_said() {
    let sevens = Calendar::days(7).starting_on(2012, 12, 31);
    assert_eq!(window(&sevens, "2014-01-05T23:59:59Z"), "[2013-12-30T00:00:00Z, 2014-01-06T00:00:00Z)");
    assert_eq!(window(&sevens, "2014-01-06T00:00:00Z"), "[2014-01-06T00:00:00Z, 2014-01-13T00:00:00Z)");
    assert_eq!(window(&sevens, "2012-12-30T12:00:00Z"), "[2012-12-24T00:00:00Z, 2012-12-31T00:00:00Z)");
}

/// Beam: CalendarWindowsTest.testWeeks.
#[test]
fn weeks_begin_on_mondays_or_on_the_day_that_is_said() {
    let mondays = Calendar::weeks(1);
    assert_eq!(window(&mondays, "2024-02-29T12:00:00Z"), "[2024-02-26T00:00:00Z, 2024-03-04T00:00:00Z)");
    let sundays = Calendar::weeks(1).starting_on(1970, 1, 4).time_zone("America/New_York");
    assert_eq!(window(&sundays, "2024-03-10T12:00:00Z"), "[2024-03-10T05:00:00Z, 2024-03-17T04:00:00Z)");
}

/// Beam: CalendarWindowsTest.testMonths, testMultiMonths.
#[test]
fn months_are_as_long_as_they_are() {
    let months = Calendar::months(1);
    assert_eq!(window(&months, "2024-02-29T23:00:00Z"), "[2024-02-01T00:00:00Z, 2024-03-01T00:00:00Z)");
    let sevens = Calendar::months(7).starting_on(2014, 3, 5);
    assert_eq!(window(&sevens, "2014-10-04T23:59:59Z"), "[2014-03-05T00:00:00Z, 2014-10-05T00:00:00Z)");
    assert_eq!(window(&sevens, "2014-10-05T00:00:00Z"), "[2014-10-05T00:00:00Z, 2015-05-05T00:00:00Z)");
    assert_eq!(window(&sevens, "2014-03-04T00:00:00Z"), "[2013-08-05T00:00:00Z, 2014-03-05T00:00:00Z)");
}

#[test]
fn a_month_without_the_day_begins_on_its_last() {
    let from_the_31st = Calendar::months(1).starting_on(2024, 1, 31);
    assert_eq!(
        window(&from_the_31st, "2024-02-28T00:00:00Z"),
        "[2024-01-31T00:00:00Z, 2024-02-29T00:00:00Z)"
    );
    assert_eq!(
        window(&from_the_31st, "2024-02-29T00:00:00Z"),
        "[2024-02-29T00:00:00Z, 2024-03-31T00:00:00Z)"
    );
}

/// Beam: CalendarWindowsTest.testYears.
#[test]
fn years_may_begin_in_april() {
    let years = Calendar::years(1).starting_on(2000, 4, 1).time_zone("Asia/Tokyo");
    assert_eq!(window(&years, "2014-03-31T14:59:59Z"), "[2013-03-31T15:00:00Z, 2014-03-31T15:00:00Z)");
    assert_eq!(window(&years, "2014-03-31T15:00:00Z"), "[2014-03-31T15:00:00Z, 2015-03-31T15:00:00Z)");
}

#[test]
fn the_ends_of_time_are_in_one_window_each() {
    for windows in [Calendar::days(1), Calendar::years(7).time_zone("Asia/Tokyo"), Calendar::months(60_000)] {
        let at = |at| windows.function().window_at(at);
        assert_eq!(at(Timestamp::MIN).start, Timestamp::MIN);
        assert_eq!(at(Timestamp::MIN), at(Timestamp::MIN + Duration::from_hours(1_000_000)));
        assert_eq!(at(Timestamp::END_OF_GLOBAL_WINDOW).max_timestamp(), Timestamp::END_OF_GLOBAL_WINDOW);
    }
}

#[test]
fn the_shortest_window_is_no_shorter_than_it_says() {
    let days = Calendar::days(1).time_zone("Europe/Oslo");
    assert_eq!(WindowFn::<()>::length(days.function()), Some(Duration::from_hours(22)));
    let months = Calendar::months(1);
    assert_eq!(WindowFn::<()>::length(months.function()), Some(Duration::from_hours(28 * 24)));
}

#[test]
fn what_does_not_exist_is_an_error_of_construction() {
    let said =
        |windows: WindowInto<Calendar>| windows.resolve::<()>(&Windowing::default()).expect_err("refused");
    assert_eq!(
        said(Calendar::days(1).time_zone("Europe/Atlantis")),
        "there is no time zone `Europe/Atlantis`: windows of a calendar need an IANA name, as `Europe/Oslo`"
    );
    assert_eq!(
        said(Calendar::months(1).starting_on(2023, 2, 29)),
        "there is no day 2023-2-29 for windows of a calendar to start on, from the year -9000 to 9000"
    );
}

#[test]
fn it_prints_as_it_was_said() {
    let shown = |windows: WindowInto<Calendar>| format!("{:?}", windows.function());
    assert_eq!(shown(Calendar::days(1)), "Calendar of 1 day from 1970-01-01");
    assert_eq!(shown(Calendar::weeks(2).time_zone("UTC")), "Calendar of 2 weeks from 1970-01-05");
    let quarters = Calendar::months(3).time_zone("Europe/Oslo");
    assert_eq!(shown(quarters), "Calendar of 3 months from 1970-01-01 in Europe/Oslo");
}

#[test]
fn it_keeps_the_laws_of_windows() {
    let moments = [
        "2012-10-21T02:59:59.999999Z",
        "2012-10-21T03:00:00Z",
        "2011-12-30T10:00:00Z",
        "2011-12-30T09:59:59.999999Z",
        "2024-02-29T00:00:00Z",
        "2024-03-31T01:00:00Z",
        "2024-10-27T01:00:00Z",
        "1969-12-31T23:59:59.999999Z",
        "1970-01-01T00:00:00Z",
        "0000-01-01T00:00:00Z",
        "9000-01-01T00:00:00Z",
        "8999-12-31T23:59:59.999999Z",
        "-009000-01-01T00:00:00Z",
        "-009000-01-01T23:59:59Z",
    ];
    let ends = [Timestamp::MIN, Timestamp::END_OF_GLOBAL_WINDOW];
    let moments: Vec<((), Timestamp)> =
        moments.iter().map(|at| at.parse().expect("a moment")).chain(ends).map(|at| ((), at)).collect();
    for zone in
        ["UTC", "Europe/Oslo", "America/Sao_Paulo", "Pacific/Apia", "Antarctica/Troll", "Africa/Monrovia"]
    {
        for windows in [
            Calendar::days(1),
            Calendar::days(10),
            Calendar::weeks(2),
            Calendar::months(1).starting_on(2024, 1, 31),
            Calendar::months(u16::MAX),
            Calendar::years(1).starting_on(2024, 2, 29),
            Calendar::years(u16::MAX),
        ] {
            conformance::window_fn(windows.time_zone(zone).function(), &moments);
        }
    }
}
