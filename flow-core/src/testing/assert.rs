use std::fmt::{Debug, Write as _};
use std::panic::Location;
use std::sync::{Arc, Mutex, PoisonError};

use crate::exec::StepId;
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
#[must_use = "say what the collection holds: contains_in_any_order, contains_only, is_empty or satisfies"]
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
            Some(format!("expected {expected:?}, found {found:?}, missing {missing:?}, surplus {surplus:?}"))
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
        self.check(|found| (!found.is_empty()).then(|| format!("expected none, found {found:?}")));
    }

    /// Elements that a function of them, in order of arrival, says yes to.
    pub fn satisfies(self, holds: impl FnOnce(&[T]) -> bool + Send + 'static) {
        self.check(|found| {
            (!holds(found)).then(|| format!("found {found:?}, which does not satisfy the test"))
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
    Final,
}

impl Place {
    fn holds<T>(self, element: &Reified<T>) -> bool {
        let pane = element.pane;
        let in_panes = match self.panes {
            Panes::All => true,
            Panes::Early => pane.timing == Timing::Early,
            Panes::OnTime => pane.timing == Timing::OnTime,
            Panes::Late => pane.timing == Timing::Late,
            Panes::Final => pane.last,
        };
        in_panes && self.window.is_none_or(|window| window == element.window)
    }

    /// What is wrong, where, and what there is in other places, in which the elements may have been expected.
    fn report<T: Debug>(self, wrong: &str, elsewhere: &[Reified<T>]) -> String {
        let mut report = format!("{}{wrong}", self.name());
        for (number, element) in elsewhere.iter().enumerate() {
            let Reified { value, window, pane, .. } = element;
            let before = if number == 0 { "; elsewhere" } else { "," };
            let last = if pane.last { ", last" } else { "" };
            let _ = write!(
                report,
                "{before} {value:?} in {window} ({:?} pane {}{last})",
                pane.timing, pane.index
            );
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
            Panes::Final => format!("in the final pane of {window}: "),
        }
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
