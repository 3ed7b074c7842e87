use std::fmt::Debug;
use std::hash::Hash;
use std::marker::PhantomData;
use std::sync::Arc;

use super::context::StatefulCx;
use crate::BoxError;
use crate::element::Wire;
use crate::steps::Outcome;

/// A step that remembers something for each key and window, and may act later.
///
/// `State` is a plain struct, kept for each key in each window until the window expires (its end plus the allowed
/// lateness). Its fields are values, or of the kinds in [`state`](crate::state): bags, maps, lists in the order of time.
///
/// Timers are told apart by the values of `Timer`: an enum, or `()` for none or one. The variants of an enum are families of
/// timers, and the data of a variant tells those of a family apart: `Remind(OrderId)` is a timer for each order.
///
/// Elements that come when their window has expired do not get here; they count as dropped late. In windows that merge, as
/// sessions do, the function also says how its state does: see [`merging`](StatefulFn::merging).
///
/// ```
/// use flow_core::prelude::*;
///
/// /// Emits a key's total each time that it has grown by ten.
/// #[derive(Clone)]
/// struct EveryTen;
///
/// impl StatefulFn<String, u64, (String, u64)> for EveryTen {
///     type State = (u64, u64);
///     type Timer = ();
///     fn process(&self, key: &String, n: u64, (total, told): &mut (u64, u64), cx: &mut StatefulCx<'_, (), (String, u64)>) -> Result<(), BoxError> {
///         *total += n;
///         if *total >= *told + 10 {
///             *told = *total;
///             cx.emit((key.clone(), *total));
///         }
///         Ok(())
///     }
/// }
/// let totals = apply([4, 5, 6, 7], |numbers: &PCollection<u64>| {
///     numbers.key_by(|_| "all".to_string()).par_do_stateful(EveryTen)
/// });
/// assert_eq!(totals, [("all".to_string(), 15)]);
/// ```
pub trait StatefulFn<K, V, Out>: Clone + Send + Sync + 'static {
    /// What is remembered.
    type State: Wire + Default;
    /// Tells timers apart.
    type Timer: Wire + Ord + Hash + Debug;

    /// Called for each element.
    fn process(
        &self,
        key: &K,
        value: V,
        state: &mut Self::State,
        cx: &mut StatefulCx<'_, Self::Timer, Out>,
    ) -> Result<(), BoxError>;

    /// Called when a timer falls due.
    fn on_timer(
        &self,
        key: &K,
        timer: Self::Timer,
        state: &mut Self::State,
        cx: &mut StatefulCx<'_, Self::Timer, Out>,
    ) -> Result<(), BoxError> {
        let _ = (key, timer, state, cx);
        Ok(())
    }

    /// Called when the window expires, before its state goes; results have the window's last timestamp. All its timers of
    /// event time have fired by then. Those of processing time that are not due yet go with the window, unless the input has
    /// ended, and to set an event timer now is an error: it would never fire.
    fn on_window_expiration(
        &self,
        key: &K,
        state: &mut Self::State,
        cx: &mut StatefulCx<'_, Self::Timer, Out>,
    ) -> Result<(), BoxError> {
        let _ = (key, state, cx);
        Ok(())
    }

    /// Whether elements are lost with the state: then sources are told of what a key has taken, and of all that was read
    /// since, only when its state is gone. A function that has passed on all that it remembers says no.
    fn holds_elements(&self) -> bool {
        true
    }

    /// How the states of two windows become one, where windows merge, as sessions do: `Some(Merge::merge)` for a state
    /// that implements [`Merge`](crate::state::Merge), or any function that takes the state of a later window into that of
    /// an earlier one. Without it, a pipeline that has the step on such windows is refused.
    ///
    /// Windows merge before the elements that bring them together are processed. The function is called with the merged
    /// window; timers move there, and of one that several windows have set, the earliest setting stays. The merged window
    /// expires once, at its own end.
    ///
    /// ```
    /// use flow_core::prelude::*;
    /// use flow_core::testing::stream;
    /// use std::time::Duration;
    ///
    /// /// Says of each visit what was looked at.
    /// #[derive(Clone)]
    /// struct Visits;
    ///
    /// impl StatefulFn<u32, String, Vec<String>> for Visits {
    ///     type State = Bag<String>;
    ///     type Timer = ();
    ///     fn process(&self, _: &u32, page: String, pages: &mut Bag<String>, _: &mut StatefulCx<'_, (), Vec<String>>) -> Result<(), BoxError> {
    ///         pages.add(page);
    ///         Ok(())
    ///     }
    ///     fn on_window_expiration(&self, _: &u32, pages: &mut Bag<String>, cx: &mut StatefulCx<'_, (), Vec<String>>) -> Result<(), BoxError> {
    ///         cx.emit(pages.take());
    ///         Ok(())
    ///     }
    ///     fn merging(&self) -> Option<fn(&mut Bag<String>, Bag<String>)> {
    ///         Some(Merge::merge)
    ///     }
    /// }
    /// let at = Timestamp::from_secs;
    /// let pages = [("home", 0), ("basket", 16), ("pears", 8)].map(|(page, secs)| ((7, page.to_string()), at(secs)));
    /// let visits = stream().add(pages).in_bundles_of(1).run(|pages| {
    ///     pages.window(Sessions::with_gap(Duration::from_secs(10))).par_do_stateful(Visits)
    /// });
    /// assert_eq!(visits.len(), 1);
    /// assert_eq!(visits[0].value, ["home", "basket", "pears"]);
    /// ```
    fn merging(&self) -> Option<fn(&mut Self::State, Self::State)> {
        None
    }
}

/// A closure as a [`StatefulFn`] without timers.
pub(crate) struct ByClosure<F, S, R> {
    f: Arc<F>,
    merging: Option<fn(&mut S, S)>,
    types: PhantomData<fn(S) -> R>,
}

impl<F, S, R> ByClosure<F, S, R> {
    pub(crate) fn new(f: F, merging: Option<fn(&mut S, S)>) -> Self {
        ByClosure { f: Arc::new(f), merging, types: PhantomData }
    }
}

impl<F, S, R> Clone for ByClosure<F, S, R> {
    fn clone(&self) -> Self {
        ByClosure { f: Arc::clone(&self.f), merging: self.merging, types: PhantomData }
    }
}

impl<K, V, Out, S, R, F> StatefulFn<K, V, Out> for ByClosure<F, S, R>
where
    S: Wire + Default,
    R: Outcome + 'static,
    F: Fn(&K, V, &mut S, &mut StatefulCx<'_, (), Out>) -> R + Send + Sync + 'static,
{
    type State = S;
    type Timer = ();

    fn process(
        &self,
        key: &K,
        value: V,
        state: &mut S,
        cx: &mut StatefulCx<'_, (), Out>,
    ) -> Result<(), BoxError> {
        (self.f)(key, value, state, cx).into_result()
    }

    fn merging(&self) -> Option<fn(&mut S, S)> {
        self.merging
    }
}
