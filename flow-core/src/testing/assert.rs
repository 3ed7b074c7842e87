use std::fmt::{Debug, Write as _};
use std::panic::{AssertUnwindSafe, Location, catch_unwind};
use std::sync::{Arc, Mutex, PoisonError};

use crate::exec::{StepId, panicked};
use crate::graph::Expectation;
use crate::steps;
use crate::window::Window;
use crate::{Element, Emit, PCollection, Reified, Timing};

/// Says what a collection holds when its pipeline has run; the run fails where that is not so.
///
/// It sees the whole collection, or what [`That::in_window`] and its neighbours leave of it. The failure names the
/// line of the assertion, and what was expected, found, missing and too much. An assertion on a pipeline that is
/// never run panics when the pipeline is dropped.
///
/// ```
/// use flow_core::prelude::*;
/// use flow_core::testing::assert_that;
/// use std::time::Duration;
/// let p = Pipeline::new();
/// let counts = p.create([5, 10, 65])
///     .with_timestamps(|s| Timestamp::from_secs(*s))
///     .window(Fixed::of(Duration::from_secs(60)))
///     .map(|_| "events".to_string())
///     .count();
/// let second_minute = Window::new(Timestamp::from_secs(60), Timestamp::from_secs(120));
/// assert_that(&counts).contains_in_any_order([("events".to_string(), 1), ("events".to_string(), 2)]);
/// assert_that(&counts).in_on_time_pane(second_minute).contains_only(("events".to_string(), 1));
/// ReferenceRunner::new().run(p)?;
/// # Ok::<(), flow_core::Error>(())
/// ```
#[track_caller]
pub fn assert_that<T: Element + Debug>(collection: &PCollection<T>) -> That<'_, T> {
    That { collection, place: Place::default(), location: Location::caller() }
}

/// An assertion under construction; made by [`assert_that`].
#[derive(Debug)]
#[must_use = "say what the collection holds: contains_in_any_order, contains_only, contains_multimap, is_empty or satisfies"]
pub struct That<'a, T> {
    collection: &'a PCollection<T>,
    place: Place,
    location: &'static Location<'static>,
}

impl<T: Element + Debug> That<'_, T> {
    /// Of the elements in a window, in all its panes.
    pub fn in_window(self, window: Window) -> Self {
        self.at(window, Panes::All)
    }

    /// Of the elements in a window's on-time pane: the first after the watermark passed its end.
    pub fn in_on_time_pane(self, window: Window) -> Self {
        self.at(window, Panes::OnTime)
    }

    /// Of the elements in a window whose trigger fires once for each key: the assertion fails if one came in a second
    /// pane.
    pub fn in_only_pane(self, window: Window) -> Self {
        self.at(window, Panes::Only)
    }

    /// Of the elements in a window's panes up to its on-time one, together.
    pub fn in_non_late_panes(self, window: Window) -> Self {
        self.at(window, Panes::NonLate)
    }

    /// Of the elements in the last pane of a window.
    pub fn in_final_pane(self, window: Window) -> Self {
        self.at(window, Panes::Final)
    }

    /// Of the elements in a window's panes before its on-time one.
    pub fn in_early_panes(self, window: Window) -> Self {
        self.at(window, Panes::Early)
    }

    /// Of the elements in a window's panes after its on-time one.
    pub fn in_late_panes(self, window: Window) -> Self {
        self.at(window, Panes::Late)
    }

    /// Exactly these elements, equal ones as often as given.
    pub fn contains_in_any_order(self, expected: impl IntoIterator<Item = T>)
    where
        T: PartialEq,
    {
        let expected: Vec<T> = expected.into_iter().collect();
        self.check(move |found| {
            let (missing, surplus) = difference(&expected, found);
            if missing.is_empty() && surplus.is_empty() {
                return None;
            }
            let mut wrong = "the elements are not those that were expected".to_string();
            line(&mut wrong, "expected:", expected.iter());
            line(&mut wrong, "found:   ", found.iter());
            if !missing.is_empty() {
                line(&mut wrong, "missing: ", missing.iter());
            }
            if !surplus.is_empty() {
                line(&mut wrong, "too much:", surplus.iter());
            }
            Some(wrong)
        });
    }

    /// Exactly one element, this.
    pub fn contains_only(self, expected: T)
    where
        T: PartialEq,
    {
        self.contains_in_any_order([expected]);
    }

    /// No element.
    pub fn is_empty(self) {
        self.check(|found| {
            let mut wrong = "no element was expected".to_string();
            line(&mut wrong, "found:   ", found.iter());
            (!found.is_empty()).then_some(wrong)
        });
    }

    /// Elements that a function of them, in order of arrival, says yes to; or of which it asserts what it likes:
    /// a panic in it fails the run with its message.
    ///
    /// ```
    /// use flow_core::prelude::*;
    /// use flow_core::testing::{assert_that, run};
    /// let p = Pipeline::new();
    /// let sums = p.create([0.1, 0.2]).combine(Sum);
    /// assert_that(&sums).satisfies(|sums| (sums[0] - 0.3_f64).abs() < 1e-9);
    /// assert_that(&sums).satisfies(|sums| assert_eq!(sums.len(), 1));
    /// run(p);
    /// ```
    pub fn satisfies<R: Verdict>(self, holds: impl FnOnce(&[T]) -> R + Send + 'static) {
        self.check(|found| {
            let verdict = catch_unwind(AssertUnwindSafe(|| holds(found).holds()));
            let mut wrong = match verdict {
                Ok(true) => return None,
                Ok(false) => "the elements do not satisfy the test".to_string(),
                Err(panic) => format!("the test of the elements {}", panicked(&*panic)),
            };
            line(&mut wrong, "found:   ", found.iter());
            Some(wrong)
        });
    }

    fn at(mut self, window: Window, panes: Panes) -> Self {
        self.place = Place { window: Some(window), panes };
        self
    }

    /// Adds the step that sees the elements, and what is expected of them: `wrong` says in words what is not so.
    fn check(self, wrong: impl FnOnce(&[T]) -> Option<String> + Send + 'static) {
        let seen: Arc<Mutex<Vec<Reified<T>>>> = Arc::default();
        let step = self.see(Arc::clone(&seen));
        let place = self.place;
        let mut graph = self.collection.graph.lock();
        let label = graph.step(step).label.clone();
        graph.expectations.push(Expectation::new(label, move || {
            let seen = std::mem::take(&mut *seen.lock().unwrap_or_else(PoisonError::into_inner));
            let (found, elsewhere): (Vec<_>, Vec<_>) = seen.into_iter().partition(|e| place.holds(e));
            place.check(&found)?;
            let found: Vec<T> = found.into_iter().map(|element| element.value).collect();
            wrong(&found).map_or(Ok(()), |wrong| Err(place.report(&wrong, &elsewhere)))
        }));
    }

    fn see(&self, seen: Arc<Mutex<Vec<Reified<T>>>>) -> StepId {
        let look = steps::process(move |value: T, out: &mut Emit<'_, ()>| {
            let element = Reified { value, time: out.timestamp(), window: out.window(), pane: out.pane() };
            seen.lock().unwrap_or_else(PoisonError::into_inner).push(element);
        });
        let step = self.collection.add_step("assert_that", String::new(), self.location, look.op);
        let _ = self.collection.output::<()>(step, self.collection.windowing());
        step
    }
}

impl<K: Element + Debug + PartialEq, V: Element + Debug + PartialEq> That<'_, (K, V)> {
    /// Exactly these keys, each with exactly these values in any order.
    ///
    /// ```
    /// use flow_core::prelude::*;
    /// use flow_core::testing::{assert_that, run};
    /// let p = Pipeline::new();
    /// let pairs = p.create([1_u64, 2, 3]).key_by(|n| n % 2);
    /// assert_that(&pairs).contains_multimap([(0, vec![2]), (1, vec![3, 1])]);
    /// run(p);
    /// ```
    pub fn contains_multimap(self, expected: impl IntoIterator<Item = (K, Vec<V>)>) {
        let pairs = expected
            .into_iter()
            .flat_map(|(key, values)| values.into_iter().map(move |value| (key.clone(), value)));
        self.contains_in_any_order(pairs);
    }
}

/// What a function of [`That::satisfies`] may return: whether it is satisfied, or nothing if it asserts.
pub trait Verdict: sealed::Sealed {
    #[doc(hidden)]
    fn holds(self) -> bool;
}

impl Verdict for bool {
    fn holds(self) -> bool {
        self
    }
}

impl Verdict for () {
    fn holds(self) -> bool {
        true
    }
}

mod sealed {
    pub trait Sealed {}
    impl Sealed for bool {}
    impl Sealed for () {}
}

/// Which elements of a collection an assertion is about.
#[derive(Clone, Copy, Debug, Default)]
struct Place {
    window: Option<Window>,
    panes: Panes,
}

#[derive(Clone, Copy, Debug, Default)]
enum Panes {
    #[default]
    All,
    Early,
    OnTime,
    Late,
    NonLate,
    Only,
    Final,
}

impl Place {
    fn holds<T>(self, element: &Reified<T>) -> bool {
        let pane = element.pane;
        let in_panes = match self.panes {
            Panes::All | Panes::Only => true,
            Panes::Early => pane.timing == Timing::Early,
            Panes::OnTime => pane.timing == Timing::OnTime,
            Panes::Late => pane.timing == Timing::Late,
            Panes::NonLate => pane.timing != Timing::Late,
            Panes::Final => pane.last,
        };
        in_panes && self.window.is_none_or(|window| window == element.window)
    }

    /// Whether the place is what it is said to be, apart from what is in it.
    fn check<T: Debug>(self, found: &[Reified<T>]) -> Result<(), String> {
        let is_only = found.iter().all(|element| element.pane.first);
        if is_only || !matches!(self.panes, Panes::Only) {
            return Ok(());
        }
        let mut report = format!("{}a key has more than one pane\n  found:", self.name());
        elements(&mut report, found);
        Err(report)
    }

    /// What is wrong, where, and what there is in other places, in which the elements may have been expected.
    fn report<T: Debug>(self, wrong: &str, elsewhere: &[Reified<T>]) -> String {
        let mut report = format!("{}{wrong}", self.name());
        if !elsewhere.is_empty() {
            report.push_str("\n  elsewhere:");
            elements(&mut report, elsewhere);
        }
        report
    }

    fn name(self) -> String {
        let Some(window) = self.window else { return String::new() };
        match self.panes {
            Panes::All => format!("in {window}: "),
            Panes::Early => format!("in the early panes of {window}: "),
            Panes::OnTime => format!("in the on-time pane of {window}: "),
            Panes::Late => format!("in the late panes of {window}: "),
            Panes::NonLate => format!("in the panes of {window} that are not late: "),
            Panes::Only => format!("in the only pane of {window}: "),
            Panes::Final => format!("in the final pane of {window}: "),
        }
    }
}

/// So many elements of a kind are shown: a failure is to be read.
const SHOWN: usize = 20;

/// A line of a report, which is read in the output of a test: one for what was expected, one for what was found.
fn line<T: Debug>(report: &mut String, name: &str, elements: impl ExactSizeIterator<Item = T>) {
    let more = elements.len().saturating_sub(SHOWN);
    let shown: Vec<T> = elements.take(SHOWN).collect();
    let _ = write!(report, "\n  {name} {shown:?}");
    and_more(report, " ", more);
}

/// A line for each element, with the place where it is.
fn elements<T: Debug>(report: &mut String, elements: &[Reified<T>]) {
    for Reified { value, window, pane, .. } in elements.iter().take(SHOWN) {
        let timing = match pane.timing {
            Timing::Early => "early pane",
            Timing::OnTime => "on-time pane",
            Timing::Late => "late pane",
            Timing::Unknown => "pane",
        };
        let last = if pane.last { ", the last" } else { "" };
        let _ = write!(report, "\n    {value:?} in {window}, {timing} {}{last}", pane.index);
    }
    and_more(report, "\n    ", elements.len().saturating_sub(SHOWN));
}

fn and_more(report: &mut String, before: &str, more: usize) {
    if more > 0 {
        let _ = write!(report, "{before}and {more} more");
    }
}

/// What of `expected` is not found, and what of `found` is not expected, counting equal elements.
pub(super) fn difference<'a, T: PartialEq>(expected: &'a [T], found: &'a [T]) -> (Vec<&'a T>, Vec<&'a T>) {
    let mut surplus: Vec<&T> = found.iter().collect();
    let mut missing = Vec::new();
    for element in expected {
        match surplus.iter().position(|other| *other == element) {
            Some(at) => {
                surplus.remove(at);
            }
            None => missing.push(element),
        }
    }
    (missing, surplus)
}
