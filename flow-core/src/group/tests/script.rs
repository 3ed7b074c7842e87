//! The little language of the conformance cases, for groups alone. One step a line:
//!
//! ```text
//! in 1@0 a:2@5s        a bundle: values at event times, of key `a` if said; times in ms, with s or m for more
//! wm 10 | wm max       the input watermark moves
//! clock 6              processing time moves
//! both 10 6            the watermark and processing time move in one step
//! => {1,2} [0,10) @9 (T,F,ON_TIME,0,0)
//!                      a pane that the step above emitted: values, window, timestamp, first, last, timing, index,
//!                      index among those that are not early; a step without such lines emits nothing
//! => a:*               a pane of key `a`, whatever it says
//! late 3 | closed 1    so many elements have been dropped so far, for either reason
//! hold 9 | hold none   what is inside holds the output watermark back to
//! output 10            the output watermark
//! empty                nothing is left inside
//! ```
//!
//! Panes are compared without regard to order, and so are values in a pane: where order matters, tests look at it.

use std::sync::Arc;

use crate::group::{Collect, Dropped, Groups};
use crate::testing::conformance::notation::{element, pane, show, show_values, time};
use crate::window::{WindowFn, WindowInto, Windowing};
use crate::{Bundle, Meta, Pane, Timestamp};

/// How a bundle of the script is cut up, each cut being a bundle.
#[derive(Clone, Copy, Debug)]
pub(super) enum Cut {
    AsWritten,
    Into(usize),
    Reversed,
}

/// Runs a script with its bundles as they are written.
#[track_caller]
pub(super) fn as_written<F: WindowFn<i64> + Clone>(windows: WindowInto<F>, script: &str) {
    run(windows, script, Cut::AsWritten);
}

/// Runs a script whose panes do not depend on how elements are bundled, and in which order they come in a bundle.
#[track_caller]
pub(super) fn however_bundled<F: WindowFn<i64> + Clone>(windows: WindowInto<F>, script: &str) {
    for cut in [Cut::AsWritten, Cut::Into(1), Cut::Into(2), Cut::Into(3), Cut::Reversed] {
        run(windows.clone(), script, cut);
    }
}

#[track_caller]
fn run<F: WindowFn<i64>>(windows: WindowInto<F>, script: &str, cut: Cut) {
    let mut case = Case::new(windows);
    let lines: Vec<&str> = script.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    let mut at = 0;
    while at < lines.len() {
        let step = lines[at];
        case.step(step, cut);
        let wanted: Vec<&str> = lines[at + 1..].iter().map_while(|line| line.strip_prefix("=> ")).collect();
        at += 1 + wanted.len();
        let got = std::mem::take(&mut case.panes);
        assert!(
            agree(&got, &wanted),
            "after `{step}`, {cut:?}\nwanted: {}\n   got: {}",
            wanted.join("\n        "),
            got.join("\n        ")
        );
    }
}

fn agree(got: &[String], wanted: &[&str]) -> bool {
    let by_key = |text: &str| text.split_once(':').map(|(key, _)| key.to_string());
    let (mut got, mut wanted) = (got.to_vec(), wanted.to_vec());
    got.sort();
    wanted.sort_unstable();
    got.len() == wanted.len()
        && got
            .iter()
            .zip(&wanted)
            .all(|(got, wanted)| got == wanted || (wanted.ends_with(":*") && by_key(got) == by_key(wanted)))
}

/// A [`Groups`] with what a runner would do around it.
struct Case<F> {
    function: Arc<F>,
    groups: Groups<String, i64, Collect<i64>>,
    panes: Vec<String>,
    dropped: Dropped,
    input: Timestamp,
    now: Timestamp,
    seen_output: Timestamp,
}

impl<F: WindowFn<i64>> Case<F> {
    fn new(windows: WindowInto<F>) -> Self {
        let (function, windowing) = windows.resolve::<i64>(&Windowing::default()).expect("a valid windowing");
        let mut groups = Groups::new(Collect::new(), windowing);
        groups.advance(Timestamp::MIN, Timestamp::from_micros(0));
        Case {
            function,
            groups,
            panes: Vec::new(),
            dropped: Dropped::default(),
            input: Timestamp::MIN,
            now: Timestamp::from_micros(0),
            seen_output: Timestamp::MIN,
        }
    }

    fn step(&mut self, step: &str, cut: Cut) {
        let (verb, rest) = step.split_once(' ').unwrap_or((step, ""));
        match verb {
            "in" => self.elements(&rest.split_whitespace().map(element).collect::<Vec<_>>(), cut),
            "wm" => self.advance(time(rest), self.now),
            "clock" => self.advance(self.input, time(rest)),
            "both" => {
                let (input, now) = rest.split_once(' ').expect("a watermark and a clock");
                self.advance(time(input), time(now));
            }
            "late" => assert_eq!(self.dropped.late.to_string(), rest, "{step}"),
            "closed" => assert_eq!(self.dropped.closed.to_string(), rest, "{step}"),
            "hold" => assert_eq!(self.groups.holds.min().map_or("none".to_string(), show), rest),
            "output" => assert_eq!(show(self.groups.output_watermark()), rest),
            "empty" => assert!(self.is_empty(), "{:?}", self.groups),
            _ => panic!("no such step: {step}"),
        }
    }

    fn is_empty(&self) -> bool {
        let g = &self.groups;
        g.cells.is_empty() && g.keys.len() == 0 && g.held_since().is_none() && g.deadline().is_none()
    }

    fn elements(&mut self, elements: &[(String, i64, Timestamp)], cut: Cut) {
        let mut elements = elements.to_vec();
        let size = match cut {
            Cut::AsWritten => elements.len(),
            Cut::Into(size) => size,
            Cut::Reversed => {
                elements.reverse();
                1
            }
        };
        for chunk in elements.chunks(size) {
            self.bundle(chunk);
        }
    }

    fn bundle(&mut self, elements: &[(String, i64, Timestamp)]) {
        let mut bundle = Bundle::default();
        for (key, value, time) in elements {
            self.function.assign(value, *time, |window| {
                bundle.push((key.clone(), *value), Meta { time: *time, window, pane: Pane::default() });
            });
        }
        let dropped = self.groups.add(&mut bundle, 1);
        self.dropped.late += dropped.late;
        self.dropped.closed += dropped.closed;
        self.poll();
    }

    fn advance(&mut self, input: Timestamp, now: Timestamp) {
        (self.input, self.now) = (input, now);
        self.groups.advance(input, now);
        self.poll();
    }

    fn poll(&mut self) {
        let mut out = Bundle::default();
        let mut more = true;
        while more {
            self.see_output();
            more = self.groups.poll(&mut out);
            self.panes.extend(
                out.drain().map(|((key, values), meta)| pane(&key, &show_values(values.iter()), meta)),
            );
        }
        self.see_output();
    }

    fn see_output(&mut self) {
        let output = self.groups.output_watermark();
        assert!(output >= self.seen_output, "the output watermark went back to {output}");
        self.seen_output = output;
    }
}
