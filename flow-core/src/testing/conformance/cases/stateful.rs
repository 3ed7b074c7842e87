//! What the cases of state and of timers share.

use std::fmt::Debug;
use std::hash::Hash;
use std::time::Duration;

use super::Bundling;
use crate::element::Wire;
use crate::testing::stream;
use crate::{BoxError, PCollection, Pipeline, StatefulCx, StatefulFn, Timestamp};

pub(super) const fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

pub(super) fn at(millis: i64) -> Timestamp {
    Timestamp::from_millis(millis)
}

/// The last moment before a number of milliseconds.
pub(super) fn before(millis: i64) -> Timestamp {
    at(millis).offset_micros(-1)
}

/// A number of one key, at its own time.
pub(super) fn hello_at(millis: i64) -> ((String, i64), Timestamp) {
    (("hello".to_string(), millis), at(millis))
}

/// A stream of numbers of one key at their own times.
pub(super) fn hello(p: &Pipeline, bundling: Bundling, numbers: &[i64]) -> PCollection<(String, i64)> {
    bundling.of(stream().add(numbers.iter().map(|n| hello_at(*n)))).collection(p)
}

/// A stateful function of plain ones.
pub(super) struct Fns<S, T, Out> {
    process: fn(i64, &mut S, &mut StatefulCx<'_, T, Out>),
    on_timer: fn(T, &mut S, &mut StatefulCx<'_, T, Out>),
    on_window_expiration: fn(&mut S, &mut StatefulCx<'_, T, Out>),
    merging: Option<fn(&mut S, S)>,
}

impl<S, T, Out> Fns<S, T, Out> {
    pub(super) fn process(process: fn(i64, &mut S, &mut StatefulCx<'_, T, Out>)) -> Self {
        Fns { process, on_timer: |_, _, _| (), on_window_expiration: |_, _| (), merging: None }
    }

    pub(super) fn on_timer(self, on_timer: fn(T, &mut S, &mut StatefulCx<'_, T, Out>)) -> Self {
        Fns { on_timer, ..self }
    }

    pub(super) fn on_window_expiration(self, f: fn(&mut S, &mut StatefulCx<'_, T, Out>)) -> Self {
        Fns { on_window_expiration: f, ..self }
    }

    pub(super) fn merging(self, merge: fn(&mut S, S)) -> Self {
        Fns { merging: Some(merge), ..self }
    }
}

impl<S, T, Out> Clone for Fns<S, T, Out> {
    fn clone(&self) -> Self {
        Fns { ..*self }
    }
}

impl<S, T, Out> StatefulFn<String, i64, Out> for Fns<S, T, Out>
where
    S: Wire + Default,
    T: Wire + Ord + Hash + Debug,
    Out: 'static,
{
    type State = S;
    type Timer = T;

    fn process(
        &self,
        _: &String,
        n: i64,
        state: &mut S,
        cx: &mut StatefulCx<'_, T, Out>,
    ) -> Result<(), BoxError> {
        (self.process)(n, state, cx);
        Ok(())
    }

    fn on_timer(
        &self,
        _: &String,
        timer: T,
        state: &mut S,
        cx: &mut StatefulCx<'_, T, Out>,
    ) -> Result<(), BoxError> {
        (self.on_timer)(timer, state, cx);
        Ok(())
    }

    fn on_window_expiration(
        &self,
        _: &String,
        state: &mut S,
        cx: &mut StatefulCx<'_, T, Out>,
    ) -> Result<(), BoxError> {
        (self.on_window_expiration)(state, cx);
        Ok(())
    }

    fn merging(&self) -> Option<fn(&mut S, S)> {
        self.merging
    }
}

/// A result with the timestamp that the function saw.
pub(super) type Seen = (i64, Timestamp);

/// Emits its elements, and 42 when its timer fires.
pub(super) fn echo<T>(process: fn(i64, &mut (), &mut StatefulCx<'_, T, Seen>)) -> Fns<(), T, Seen>
where
    T: Clone + Ord + Debug,
{
    Fns::process(process).on_timer(|_, (), cx| cx.emit((42, cx.timestamp())))
}
