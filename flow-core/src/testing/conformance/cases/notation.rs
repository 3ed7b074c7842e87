//! Times and panes as cases write them.
//!
//! One step of a script stands on a line:
//!
//! ```text
//! in 1@0 a:2@5s        values at event times, of key `a` if said; times in ms, with s or m for more, or as dates
//! wm 10 | wm max       the watermark moves: `end` is the end of the global window, `max` that of the stream
//! clock 6              processing time moves to
//! => {1,2} [0,10) @9 (T,F,ON_TIME,0,0)
//!                      a pane: values, window, timestamp, first, last, timing, index, index among those that are
//!                      not early; `*` in place of one of the four for any
//! => a:{2} * @end *    a pane of key `a`
//! late 3 | closed 1    so many elements have been dropped in the end, for either reason; none unless said
//! ```
//!
//! Panes stand under the step that makes them, for the reader. Compared are all panes of a run, without regard to the
//! order of keys and windows, and of values in a pane; those of one key and window come in the order of their indices.
//!
//! Cases of the engine may also say the following. There, panes are compared after each step, and what is said holds
//! where it is said:
//!
//! ```text
//! both 10 6            the watermark and processing time move in one step
//! outside 4            the output watermark is held back from outside; by `max` no more
//! hold 9 | hold none   what is inside holds the output watermark back to
//! output 10            the output watermark
//! timer 9 | timer none the watermark that, once passed, makes the engine look at a window
//! open [0,10) [5,15)   the windows that take elements, of the key that is not said; `none` for none
//! finished [0,10)      those whose trigger has finished, likewise
//! empty                nothing is left inside
//! ```

use crate::window::Window;
use crate::{Meta, Pane, Timestamp, Timing};

/// One line of a script, read.
pub(crate) enum Line<'a> {
    /// Elements of one step.
    Elements(Vec<(String, i64, Timestamp)>),
    Watermark(Timestamp),
    Clock(Timestamp),
    /// The watermark and the clock.
    Both(Timestamp, Timestamp),
    Outside(Timestamp),
    /// A pane that is wanted.
    Pane(&'a str),
    /// A fact, and what it is to be.
    Fact(&'a str, &'a str),
}

/// The lines of a script.
pub(crate) fn lines(script: &str) -> impl Iterator<Item = Line<'_>> {
    script.lines().map(str::trim).filter(|line| !line.is_empty()).map(line)
}

fn line(line: &str) -> Line<'_> {
    let (verb, rest) = line.split_once(' ').unwrap_or((line, ""));
    match verb {
        "in" => Line::Elements(rest.split_whitespace().map(element).collect()),
        "wm" => Line::Watermark(time(rest)),
        "clock" => Line::Clock(time(rest)),
        "both" => {
            let (watermark, clock) = rest.split_once(' ').expect("a watermark and a clock");
            Line::Both(time(watermark), time(clock))
        }
        "outside" => Line::Outside(time(rest)),
        "=>" => Line::Pane(rest),
        fact => Line::Fact(fact, rest),
    }
}

/// `a:2@5s` as key, value and time.
fn element(text: &str) -> (String, i64, Timestamp) {
    let (value, at) = text.split_once('@').expect("value@time");
    let (key, value) = value.split_once(':').unwrap_or(("", value));
    (key.to_string(), value.parse().expect("a number"), time(at))
}

fn time(text: &str) -> Timestamp {
    let number = |text: &str| text.parse::<i64>().expect("a time");
    match text {
        "min" => Timestamp::MIN,
        "max" => Timestamp::MAX,
        "end" => Timestamp::END_OF_GLOBAL_WINDOW,
        _ if text.ends_with('Z') => text.parse().expect("a time"),
        _ if text.ends_with('m') => Timestamp::from_secs(60 * number(text.trim_end_matches('m'))),
        _ if text.ends_with('s') => Timestamp::from_secs(number(text.trim_end_matches('s'))),
        _ => Timestamp::from_millis(number(text)),
    }
}

pub(crate) fn show(at: Timestamp) -> String {
    match at {
        Timestamp::MIN => "min".to_string(),
        Timestamp::MAX => "max".to_string(),
        Timestamp::END_OF_GLOBAL_WINDOW => "end".to_string(),
        _ => at.millis().to_string(),
    }
}

/// A pane of a key and what it holds.
pub(crate) fn pane(key: &str, holds: &str, meta: Meta) -> String {
    let key = if key.is_empty() { String::new() } else { format!("{key}:") };
    format!("{key}{holds} {} @{} {}", show_window(meta.window), show(meta.time), show_pane(meta.pane))
}

pub(crate) fn show_values(values: impl IntoIterator<Item = i64>) -> String {
    let mut values: Vec<i64> = values.into_iter().collect();
    values.sort_unstable();
    let values: Vec<String> = values.iter().map(ToString::to_string).collect();
    format!("{{{}}}", values.join(","))
}

pub(crate) fn show_window(window: Window) -> String {
    if window.is_global() {
        return "global".to_string();
    }
    format!("[{},{})", show(window.start), show(window.end))
}

fn show_pane(pane: Pane) -> String {
    let flag = |yes| if yes { 'T' } else { 'F' };
    let timing = match pane.timing {
        Timing::Early => "EARLY",
        Timing::OnTime => "ON_TIME",
        Timing::Late => "LATE",
        Timing::Unknown => "UNKNOWN",
    };
    let on_time_index = pane.on_time_index.map_or(-1, i64::from);
    format!("({},{},{timing},{},{on_time_index})", flag(pane.first), flag(pane.last), pane.index)
}
