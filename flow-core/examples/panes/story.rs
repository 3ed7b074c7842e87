//! What happens: elements that arrive, a watermark that moves, and the panes that three triggers make of it.

use std::time::Duration;

use flow_core::prelude::*;
use flow_core::testing::Engine;
use flow_core::window::OnTime;

/// Seconds: of event time, or of processing time since the start.
pub(crate) type Seconds = i64;

/// A value, when it was, and when it arrives.
pub(crate) const ELEMENTS: [(i64, Seconds, Seconds); 8] = [
    (5, 30, 60),
    (7, 70, 110),
    (3, 140, 160),
    (8, 100, 200),
    (4, 210, 270),
    (9, 50, 280),
    (2, 260, 310),
    (6, 330, 360),
];

/// One more, which is later than all.
pub(crate) const STRAGGLER: (i64, Seconds, Seconds) = (1, 180, 400);

/// Where the watermark is from a moment on.
pub(crate) const WATERMARKS: [(Seconds, Seconds); 10] = [
    (30, 0),
    (80, 20),
    (130, 60),
    (180, 90),
    (230, 120),
    (270, 170),
    (355, 240),
    (380, 280),
    (440, 360),
    (470, 420),
];

/// A pane, and when it came out.
pub(crate) struct Shown {
    pub(crate) at: Seconds,
    pub(crate) start: Seconds,
    pub(crate) end: Seconds,
    pub(crate) timing: Timing,
    pub(crate) values: Vec<i64>,
}

/// What came of the story under one trigger.
pub(crate) struct Panel {
    pub(crate) title: &'static str,
    pub(crate) subtitle: &'static str,
    pub(crate) panes: Vec<Shown>,
    /// The values that came too late.
    pub(crate) dropped: Vec<i64>,
}

/// The three panels, from left to right.
pub(crate) fn panels() -> [Panel; 3] {
    let minutes = |n: u64| Duration::from_secs(60 * n);
    let fixed = Fixed::of(minutes(2)).allowed_lateness(minutes(10)).accumulating();
    let early_and_late = AtWatermark.early(after_processing_time(minutes(1))).late(after_count(1));
    let by_twos = Sessions::with_gap(minutes(1)).trigger(repeatedly(after_count(2)));
    let by_twos = by_twos.allowed_lateness(Duration::ZERO).on_time(OnTime::FireIfNonEmpty).discarding();
    [
        told("No trigger said", "fixed windows of 2 min, lateness, accumulating", Engine::new(fixed.clone())),
        told(
            "Early each minute, on time, late",
            "fixed windows of 2 min, lateness, accumulating",
            Engine::new(fixed.trigger(early_and_late)),
        ),
        told("For every two elements", "sessions, gap 1 min, no lateness, discarding", Engine::new(by_twos)),
    ]
}

enum Event {
    Arrives(i64, Seconds),
    Watermark(Seconds),
}

/// Everything in the order of processing time.
fn events() -> Vec<(Seconds, Event)> {
    let elements = ELEMENTS.into_iter().chain([STRAGGLER]);
    let arrivals = elements.map(|(value, time, at)| (at, Event::Arrives(value, time)));
    let watermarks = WATERMARKS.into_iter().map(|(at, to)| (at, Event::Watermark(to)));
    let mut events: Vec<(Seconds, Event)> = arrivals.chain(watermarks).collect();
    events.sort_by_key(|(at, _)| *at);
    events
}

fn told(title: &'static str, subtitle: &'static str, mut engine: Engine<(), i64>) -> Panel {
    let mut panel = Panel { title, subtitle, panes: Vec::new(), dropped: Vec::new() };
    for (at, event) in events() {
        let now = Timestamp::from_secs(at);
        while let Some(due) = engine.next_processing_timer().filter(|due| *due <= now) {
            engine.processing_time(due);
            panel.take(&mut engine, due.millis() / 1000);
        }
        engine.processing_time(now);
        match event {
            Event::Watermark(to) => drop(engine.input_watermark(Timestamp::from_secs(to))),
            Event::Arrives(value, time) => {
                let before = engine.dropped_late();
                engine.add([(((), value), Timestamp::from_secs(time))]);
                if engine.dropped_late() > before {
                    panel.dropped.push(value);
                }
            }
        }
        panel.take(&mut engine, at);
    }
    panel
}

impl Panel {
    fn take(&mut self, engine: &mut Engine<(), i64>, at: Seconds) {
        self.panes.extend(engine.panes().into_iter().map(|pane| Shown {
            at,
            start: pane.window.start.millis() / 1000,
            end: pane.window.end.millis() / 1000,
            timing: pane.pane.timing,
            values: pane.value.1.iter().collect(),
        }));
    }
}
