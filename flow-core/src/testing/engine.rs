use std::fmt;

use crate::element::{Key, Wire};
use crate::group::{Collect, Dropped, Group, Groups};
use crate::window::{Window, WindowFn, WindowInto, Windowing};
use crate::{Bundle, Meta, Pane, Reified, Timestamp};

/// The one place where windows' contents become panes, alone: for tests of window functions and triggers of your own.
///
/// A test of a pipeline sees what comes out. Here the input watermark, processing time and what the readers behind know
/// of the output watermark move one by one, and holds, timers, dropped elements and finished windows can be looked at.
/// Elements are pairs, whose values meet by key and window. A trigger that loses data is not refused.
///
/// ```
/// use flow_core::prelude::*;
/// use flow_core::testing::Engine;
/// use std::time::Duration;
///
/// let at = Timestamp::from_secs;
/// let minutes = Fixed::of(Duration::from_secs(60)).trigger(AtWatermark.late(after_count(2)));
/// let mut engine = Engine::new(minutes.allowed_lateness(Duration::from_secs(600)).discarding());
///
/// engine.add([((7, 1), at(3)), ((7, 2), at(5))]).input_watermark(at(60));
/// let pane = &engine.panes()[0];
/// assert_eq!((pane.value.1.iter().sum::<i32>(), pane.pane.timing), (3, Timing::OnTime));
///
/// engine.add([((7, 4), at(7))]);
/// assert!(engine.panes().is_empty());
/// assert_eq!(engine.hold(), Some(Timestamp::from_micros(659_999_999)));
/// ```
pub struct Engine<K: Key, V: Wire> {
    assign: Assign<K, V>,
    groups: Groups<K, V, Collect<V>>,
    panes: Vec<Reified<(K, Group<V>)>>,
    dropped: Dropped,
    input: Timestamp,
    now: Timestamp,
}

type Assign<K, V> = Box<dyn Fn(&(K, V), Timestamp) -> Vec<Window> + Send>;

impl<K: Key, V: Wire> Engine<K, V> {
    /// An engine without elements: the watermark is at [`Timestamp::MIN`], processing time at 0.
    ///
    /// # Panics
    /// When the windowing is refused, with the reason: as where a trigger does not say what its panes hold.
    #[track_caller]
    pub fn new<F: WindowFn<(K, V)>>(windows: WindowInto<F>) -> Self {
        let (function, windowing) = match windows.resolve::<(K, V)>(&Windowing::default()) {
            Ok(resolved) => resolved,
            Err(reason) => panic!("{reason}"),
        };
        let assign = move |element: &(K, V), at: Timestamp| {
            let mut windows = Vec::new();
            function.assign(element, at, |window| windows.push(window));
            windows
        };
        let mut groups = Groups::new(Collect::new(), windowing);
        let (input, now) = (Timestamp::MIN, Timestamp::from_micros(0));
        groups.advance(input, now);
        Engine {
            assign: Box::new(assign),
            groups,
            panes: Vec::new(),
            dropped: Dropped::default(),
            input,
            now,
        }
    }

    /// Elements with their event times arrive, in one bundle: triggers are asked once they are all in.
    pub fn add(&mut self, elements: impl IntoIterator<Item = ((K, V), Timestamp)>) -> &mut Self {
        let mut bundle = Bundle::default();
        for (element, time) in elements {
            for window in (self.assign)(&element, time) {
                bundle.push(element.clone(), Meta { time, window, pane: Pane::default() });
            }
        }
        let dropped = self.groups.add(&mut bundle, 1);
        self.dropped.late += dropped.late;
        self.dropped.closed += dropped.closed;
        self.fire()
    }

    /// The input watermark moves forward, to [`Timestamp::MAX`] at the end of the input.
    pub fn input_watermark(&mut self, to: Timestamp) -> &mut Self {
        self.advance(to, self.now)
    }

    /// Processing time moves forward.
    pub fn processing_time(&mut self, to: Timestamp) -> &mut Self {
        self.advance(self.input, to)
    }

    /// The input watermark and processing time move forward in one step, so that what both make due comes together.
    pub fn advance(&mut self, input_watermark: Timestamp, processing_time: Timestamp) -> &mut Self {
        self.input = self.input.max(input_watermark);
        self.now = self.now.max(processing_time);
        self.groups.advance(self.input, self.now);
        self.fire()
    }

    /// Holds the output watermark back to a moment from outside, as a runner does whose readers have not been told of
    /// more; [`Timestamp::MAX`] lets go. Whether a pane is late depends on it.
    pub fn hold_output(&mut self, to: Timestamp) -> &mut Self {
        self.groups.hold_output(to);
        self
    }

    /// Takes out the panes that have come so far, in their order.
    pub fn panes(&mut self) -> Vec<Reified<(K, Group<V>)>> {
        std::mem::take(&mut self.panes)
    }

    /// No pane before this is to come, but for late ones: the least of the input watermark and what holds it.
    pub fn output_watermark(&self) -> Timestamp {
        self.groups.output_watermark()
    }

    /// What is inside holds the output watermark back to this.
    pub fn hold(&self) -> Option<Timestamp> {
        self.groups.hold()
    }

    /// Once the input watermark has passed this, a window is looked at: at its end, then at its expiry.
    pub fn next_event_timer(&self) -> Option<Timestamp> {
        self.groups.event_deadline()
    }

    /// Once processing time has come to this, a window is looked at because of its trigger.
    pub fn next_processing_timer(&self) -> Option<Timestamp> {
        self.groups.deadline()
    }

    /// Elements that were not taken since their window had expired, each counted once for each such window.
    pub fn dropped_late(&self) -> u64 {
        self.dropped.late
    }

    /// Elements that were not taken since the trigger of their window had finished, counted likewise.
    pub fn dropped_closed(&self) -> u64 {
        self.dropped.closed
    }

    /// The windows of a key that take elements, in the order of their starts.
    pub fn open_windows(&self, key: &K) -> Vec<Window> {
        self.groups.open_windows(key)
    }

    /// The windows of a key whose trigger has finished, until they expire.
    pub fn finished_windows(&self, key: &K) -> Vec<Window> {
        self.groups.closed_windows(key)
    }

    /// Whether nothing is left inside: no window, timer or hold.
    pub fn is_empty(&self) -> bool {
        self.groups.is_empty()
    }

    fn fire(&mut self) -> &mut Self {
        let mut out = Bundle::default();
        let mut more = true;
        while more {
            more = self.groups.poll(&mut out);
            self.panes.extend(out.drain().map(|(value, meta)| {
                let Meta { time, window, pane } = meta;
                Reified { value, time, window, pane }
            }));
        }
        self
    }
}

impl<K: Key + fmt::Debug, V: Wire> fmt::Debug for Engine<K, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Engine")
            .field("input_watermark", &self.input)
            .field("output_watermark", &self.output_watermark())
            .field("processing_time", &self.now)
            .field("hold", &self.hold())
            .field("panes", &self.panes.len())
            .field("dropped_late", &self.dropped.late)
            .field("dropped_closed", &self.dropped.closed)
            .finish_non_exhaustive()
    }
}
