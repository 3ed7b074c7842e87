use std::any::Any;
use std::sync::Arc;

use super::link::{Transform, Typed, each, link, one};
use crate::exec::{Cx, Receiver, StepId};
use crate::{Bundle, Element, Result};

pub(crate) fn map<T: Element, U: Element>(f: impl Fn(T) -> U + Send + Sync + 'static) -> Typed<T, U> {
    let f = Arc::new(f);
    Typed::from(each(move |step, outputs, _| {
        Ok(link::<T, U>(step, Map { step, f: Arc::clone(&f), out: Bundle::default() }, one(outputs)))
    }))
}

struct Map<U, F> {
    step: StepId,
    f: Arc<F>,
    out: Bundle<U>,
}

impl<T: Element, U: Element, F: Fn(T) -> U> Transform<T, U> for Map<U, F> {
    fn bundle(&mut self, bundle: &mut Bundle<T>, next: &mut dyn Receiver<U>, cx: &mut Cx) -> Result<()> {
        cx.emitted(self.step, bundle.len());
        let f = &*self.f;
        let values = std::mem::take(&mut bundle.values);
        // Between values of one size the standard library collects in place, and the allocation goes on with them.
        if size_of::<T>() == size_of::<U>() {
            let mapped: Vec<U> = values.into_iter().map(f).collect();
            if let Some(same) = (bundle as &mut dyn Any).downcast_mut::<Bundle<U>>() {
                same.values = mapped;
                return next.bundle(same, cx);
            }
            self.out.values = mapped;
        } else {
            let mut values = values;
            self.out.values.clear();
            self.out.values.extend(values.drain(..).map(f));
            bundle.values = values;
        }
        self.out.swap_columns(bundle);
        next.bundle(&mut self.out, cx)
    }

    fn is_blind_to_windows(&self) -> bool {
        true
    }
}

pub(crate) fn filter<T: Element>(keep: impl Fn(&T) -> bool + Send + Sync + 'static) -> Typed<T, T> {
    let keep = Arc::new(keep);
    Typed::from(each(move |step, outputs, _| {
        Ok(link::<T, T>(step, Filter { step, keep: Arc::clone(&keep) }, one(outputs)))
    }))
}

struct Filter<F> {
    step: StepId,
    keep: Arc<F>,
}

impl<T: Element, F: Fn(&T) -> bool> Transform<T, T> for Filter<F> {
    fn bundle(&mut self, bundle: &mut Bundle<T>, next: &mut dyn Receiver<T>, cx: &mut Cx) -> Result<()> {
        bundle.retain(&*self.keep);
        cx.emitted(self.step, bundle.len());
        if bundle.is_empty() { Ok(()) } else { next.bundle(bundle, cx) }
    }

    fn is_blind_to_windows(&self) -> bool {
        true
    }
}

pub(crate) fn inspect<T: Element>(look: impl Fn(&T) + Send + Sync + 'static) -> Typed<T, T> {
    let look = Arc::new(look);
    Typed::from(each(move |step, outputs, _| {
        Ok(link::<T, T>(step, Inspect { step, look: Arc::clone(&look) }, one(outputs)))
    }))
}

struct Inspect<F> {
    step: StepId,
    look: Arc<F>,
}

impl<T: Element, F: Fn(&T)> Transform<T, T> for Inspect<F> {
    fn bundle(&mut self, bundle: &mut Bundle<T>, next: &mut dyn Receiver<T>, cx: &mut Cx) -> Result<()> {
        bundle.values.iter().for_each(&*self.look);
        cx.emitted(self.step, bundle.len());
        next.bundle(bundle, cx)
    }
}

pub(crate) fn filter_map<T: Element, U: Element>(
    f: impl Fn(T) -> Option<U> + Send + Sync + 'static,
) -> Typed<T, U> {
    super::process::process(move |value: T, out: &mut super::Emit<'_, U>| {
        if let Some(value) = f(value) {
            out.emit(value);
        }
    })
}
