use std::any::TypeId;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use super::{Global, Merged, Sessions, Window, WindowFn};
use crate::time::micros;
use crate::trigger::{Trigger, repeatedly};

/// What a pane holds when a window fires more than once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Accumulation {
    /// Only what came since the last pane.
    Discarding,
    /// Everything that the window has seen.
    Accumulating,
}

/// The timestamp of what a window emits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum TimestampCombiner {
    /// The last moment of the window: results are never late downstream, and hold nothing back.
    #[default]
    EndOfWindow,
    /// That of the earliest element of the pane, which holds the watermark back to it.
    Earliest,
    /// That of the latest element of the pane.
    Latest,
}

/// Whether a window's last pane is emitted although nothing came since the one before.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Closing {
    /// Only if something came.
    #[default]
    FireIfNonEmpty,
    /// Always, so that a consumer sees `pane.last`.
    FireAlways,
}

/// Whether the pane at the end of the window is emitted although nothing came since an early one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum OnTime {
    /// Always: exactly one on-time pane for each window that has fired before.
    #[default]
    FireAlways,
    /// Only if something came.
    FireIfNonEmpty,
}

/// How a collection is windowed from here on: a window function, and what of the rest changes.
///
/// Made by [`Fixed::of`](super::Fixed::of), [`Sliding::of`](super::Sliding::of), [`Calendar::days`](super::Calendar::days)
/// and its neighbours, [`Sessions::with_gap`](super::Sessions::with_gap), [`Global::windows`](super::Global::windows),
/// [`Existing::windows`] and, for a window function of your own, [`WindowInto::by`].
/// What is not said is taken over from the collection's windowing so far.
#[derive(Clone, Debug)]
pub struct WindowInto<F> {
    function: F,
    trigger: Option<Trigger>,
    accumulation: Option<Accumulation>,
    lateness: Option<Duration>,
    combiner: Option<TimestampCombiner>,
    closing: Option<Closing>,
    on_time: Option<OnTime>,
    may_lose_data: bool,
    /// Why these windows cannot be, in the user's words.
    refused: Option<String>,
}

impl<F> WindowInto<F> {
    /// Windows by a function of your own.
    pub fn by(function: F) -> Self {
        WindowInto {
            function,
            trigger: None,
            accumulation: None,
            lateness: None,
            combiner: None,
            closing: None,
            on_time: None,
            may_lose_data: false,
            refused: None,
        }
    }

    /// When a window's content so far is emitted. Without it, once when the watermark passes the end of the
    /// window, and again for each late bundle.
    pub fn trigger(mut self, trigger: impl Into<Trigger>) -> Self {
        self.trigger = Some(trigger.into());
        self
    }

    /// How long after its end a window still takes data: zero unless said.
    pub fn allowed_lateness(mut self, lateness: Duration) -> Self {
        self.lateness = Some(lateness);
        self
    }

    /// A pane holds what came since the last one.
    pub fn discarding(mut self) -> Self {
        self.accumulation = Some(Accumulation::Discarding);
        self
    }

    /// A pane holds everything so far: later panes replace earlier ones.
    pub fn accumulating(mut self) -> Self {
        self.accumulation = Some(Accumulation::Accumulating);
        self
    }

    /// The timestamp of results.
    pub fn timestamp_combiner(mut self, combiner: TimestampCombiner) -> Self {
        self.combiner = Some(combiner);
        self
    }

    /// Whether an empty last pane is emitted.
    pub fn closing(mut self, closing: Closing) -> Self {
        self.closing = Some(closing);
        self
    }

    /// Whether an empty on-time pane is emitted.
    pub fn on_time(mut self, on_time: OnTime) -> Self {
        self.on_time = Some(on_time);
        self
    }

    /// Accepts a trigger that finishes while data may still come, which is then dropped and counted. Without
    /// this, such a trigger is a build error.
    pub fn finishing_trigger_may_lose_data(mut self) -> Self {
        self.may_lose_data = true;
        self
    }

    /// The window function alone, as a test of it needs.
    pub fn function(&self) -> &F {
        &self.function
    }

    pub(super) fn function_mut(&mut self) -> &mut F {
        &mut self.function
    }

    /// Notes what is wrong with the window function, to be reported with the errors of construction.
    pub(super) fn refuse(&mut self, reason: String) {
        self.refused.get_or_insert(reason);
    }

    /// The function, and the windowing that follows from it and the one before; an error in the user's words.
    pub(crate) fn resolve<T>(self, before: &Windowing) -> Result<(Arc<F>, Windowing), String>
    where
        F: WindowFn<T>,
        T: 'static,
    {
        if let Some(reason) = self.refused {
            return Err(reason);
        }
        let keeps_windows = TypeId::of::<F>() == TypeId::of::<Existing>();
        let function = Arc::new(self.function);
        let windows: Arc<dyn AnyWindows> = if keeps_windows {
            Arc::clone(&before.windows)
        } else {
            Arc::new(Typed { function: Arc::clone(&function), element: std::marker::PhantomData::<fn(T)> })
        };
        let global = windows.is_global();
        let said_lateness = self.lateness.map(micros);
        let lateness = said_lateness.unwrap_or(0).max(before.lateness);
        if self.accumulation.is_none() && !before.accumulation_said {
            if self.trigger.is_some() {
                return Err(
                    "a trigger needs `.accumulating()` or `.discarding()`: say what its panes hold".into()
                );
            }
            if said_lateness.is_some_and(|l| l > 0) {
                return Err("`allowed_lateness` needs `.accumulating()` or `.discarding()`: say what a late pane holds".into());
            }
        }
        if self.trigger.is_some() && !global && said_lateness.is_none() && !before.lateness_said {
            return Err("a trigger on windows that end needs `.allowed_lateness(..)`, if only of zero".into());
        }
        let windowing = Windowing {
            windows,
            trigger: self.trigger.unwrap_or_else(|| before.trigger.clone()),
            accumulation: self.accumulation.unwrap_or(before.accumulation),
            accumulation_said: self.accumulation.is_some() || before.accumulation_said,
            lateness,
            lateness_said: said_lateness.is_some() || before.lateness_said,
            combiner: self.combiner.unwrap_or(before.combiner),
            closing: self.closing.unwrap_or(before.closing),
            on_time: self.on_time.unwrap_or(before.on_time),
            may_lose_data: self.may_lose_data || (keeps_windows && before.may_lose_data),
        };
        Ok((function, windowing))
    }
}

/// The windows that elements are in already: for changing a trigger or a lateness alone.
#[derive(Clone, Copy, Debug)]
pub struct Existing;

impl Existing {
    /// Keeps the windows as they are.
    ///
    /// ```
    /// # use flow_core::prelude::*;
    /// let spec = Existing::windows().trigger(repeatedly(after_count(1))).allowed_lateness(std::time::Duration::ZERO).discarding();
    /// ```
    pub fn windows() -> WindowInto<Existing> {
        WindowInto::by(Existing)
    }
}

impl<T> WindowFn<T> for Existing {
    fn assign(&self, _: &T, _: crate::Timestamp, _: impl FnMut(Window)) {
        unreachable!("a collection that keeps its windows is not assigned any");
    }
}

/// A collection's windowing in full: what runners read.
#[derive(Clone)]
pub struct Windowing {
    pub(crate) windows: Arc<dyn AnyWindows>,
    /// When panes are emitted.
    pub trigger: Trigger,
    /// What panes hold.
    pub accumulation: Accumulation,
    accumulation_said: bool,
    /// Allowed lateness in microseconds.
    pub lateness: i64,
    lateness_said: bool,
    /// The timestamp of results.
    pub combiner: TimestampCombiner,
    /// Whether an empty last pane is emitted.
    pub closing: Closing,
    /// Whether an empty on-time pane is emitted.
    pub on_time: OnTime,
    /// A finishing trigger was accepted by name.
    pub(crate) may_lose_data: bool,
}

impl Default for Windowing {
    /// The windowing of every new collection: the global window, the default trigger.
    fn default() -> Self {
        Windowing {
            windows: Arc::new(Typed {
                function: Arc::new(Global),
                element: std::marker::PhantomData::<fn(())>,
            }),
            trigger: Trigger::Default,
            accumulation: Accumulation::Discarding,
            accumulation_said: false,
            lateness: 0,
            lateness_said: false,
            combiner: TimestampCombiner::default(),
            closing: Closing::default(),
            on_time: OnTime::default(),
            may_lose_data: false,
        }
    }
}

impl Windowing {
    /// The windowing of what a grouping under this one emits: as it, with the continuation of its trigger, and with
    /// windows that have merged for good.
    pub(crate) fn continued(&self) -> Windowing {
        let windows: Arc<dyn AnyWindows> = if self.is_merging() {
            Arc::new(AfterMerging(Arc::clone(&self.windows)))
        } else {
            Arc::clone(&self.windows)
        };
        Windowing { trigger: self.continued_trigger(), windows, ..self.clone() }
    }

    /// The continuation of the trigger. If it finishes, it starts over: the loss that the trigger was accepted with is that
    /// of its own grouping, and its panes of several keys may come together further down.
    fn continued_trigger(&self) -> Trigger {
        let trigger = self.trigger.continuation();
        if trigger.may_lose_data(self.lateness).is_some() { repeatedly(trigger) } else { trigger }
    }

    /// The same windows, each emitted once, at its end, with nothing late.
    pub(crate) fn at_its_end(&self) -> Windowing {
        Windowing { windows: Arc::clone(&self.windows), ..Windowing::default() }
    }

    /// The windowing of what is aggregated in parts, to be put together under this one: each pane of a part holds what
    /// came since the last, and there is none without anything.
    pub(crate) fn of_parts(&self) -> Windowing {
        Windowing {
            accumulation: Accumulation::Discarding,
            closing: Closing::FireIfNonEmpty,
            on_time: OnTime::FireIfNonEmpty,
            ..self.clone()
        }
    }

    /// Whether windows of one key may merge.
    pub fn is_merging(&self) -> bool {
        self.windows.is_merging()
    }

    /// Whether every element is in the global window.
    pub fn is_global(&self) -> bool {
        self.windows.is_global()
    }

    /// How long a grouping keeps an element, by event time and at least: none where that is not known, or where panes
    /// that come before the end of the window take their elements with them.
    pub fn hold(&self) -> Option<Duration> {
        if self.is_global() && self.accumulation == Accumulation::Accumulating {
            return Some(Duration::MAX);
        }
        let length = self.windows.length()?;
        match self.accumulation {
            Accumulation::Accumulating => Some(length + Duration::from_micros(self.lateness.unsigned_abs())),
            Accumulation::Discarding => self.trigger.waits_for_the_end().then_some(length),
        }
    }

    /// Merges a key's windows, given in ascending order.
    pub fn merge(&self, windows: &[Window]) -> Vec<Merged> {
        self.windows.merge(windows)
    }

    /// The window of a view in this windowing for a main input's window.
    pub fn side_window(&self, main: Window) -> Option<Window> {
        self.windows.side_window(main)
    }

    /// Why a grouping would lose data by its trigger, unless that was accepted by name.
    pub(crate) fn data_loss(&self) -> Option<String> {
        if self.may_lose_data { None } else { self.trigger.may_lose_data(self.lateness) }
    }

    /// Whether these are sessions.
    pub(crate) fn is_sessions(&self) -> bool {
        self.windows.function_type() == TypeId::of::<Sessions>()
    }

    /// Whether collections of these two windowings may be flattened into one.
    pub(crate) fn is_compatible(&self, other: &Windowing) -> bool {
        self.windows.function_type() == other.windows.function_type()
            && (self.is_sessions() || format!("{:?}", self.windows) == format!("{:?}", other.windows))
    }
}

impl fmt::Debug for Windowing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.windows)?;
        if self.trigger != Trigger::Default {
            write!(f, ", {}", self.trigger)?;
        }
        if self.lateness > 0 {
            write!(f, ", lateness {:?}", Duration::from_micros(self.lateness.unsigned_abs()))?;
        }
        if self.accumulation_said {
            write!(
                f,
                ", {}",
                if self.accumulation == Accumulation::Discarding { "discarding" } else { "accumulating" }
            )?;
        }
        Ok(())
    }
}

/// A window function without its element type: all that is asked after assignment.
pub(crate) trait AnyWindows: fmt::Debug + Send + Sync {
    fn is_merging(&self) -> bool;
    fn is_global(&self) -> bool;
    fn length(&self) -> Option<Duration>;
    fn merge(&self, windows: &[Window]) -> Vec<Merged>;
    fn side_window(&self, main: Window) -> Option<Window>;
    fn function_type(&self) -> TypeId;
}

/// Windows that a grouping has merged: they are as they are.
struct AfterMerging(Arc<dyn AnyWindows>);

impl fmt::Debug for AfterMerging {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl AnyWindows for AfterMerging {
    fn is_merging(&self) -> bool {
        false
    }
    fn is_global(&self) -> bool {
        false
    }
    fn length(&self) -> Option<Duration> {
        self.0.length()
    }
    fn merge(&self, _: &[Window]) -> Vec<Merged> {
        Vec::new()
    }
    fn side_window(&self, main: Window) -> Option<Window> {
        self.0.side_window(main)
    }
    fn function_type(&self) -> TypeId {
        self.0.function_type()
    }
}

struct Typed<T, F> {
    function: Arc<F>,
    element: std::marker::PhantomData<fn(T)>,
}

impl<T, F: fmt::Debug> fmt::Debug for Typed<T, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.function.fmt(f)
    }
}

impl<T, F: WindowFn<T>> AnyWindows for Typed<T, F> {
    fn is_merging(&self) -> bool {
        self.function.is_merging()
    }
    fn is_global(&self) -> bool {
        TypeId::of::<F>() == TypeId::of::<Global>()
    }
    fn length(&self) -> Option<Duration> {
        self.function.length()
    }
    fn merge(&self, windows: &[Window]) -> Vec<Merged> {
        self.function.merge(windows)
    }
    fn side_window(&self, main: Window) -> Option<Window> {
        self.function.side_window(main)
    }
    fn function_type(&self) -> TypeId {
        TypeId::of::<F>()
    }
}
