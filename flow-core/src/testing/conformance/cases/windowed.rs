use std::fmt;

use crate::PCollection;
use crate::testing::Engine;
use crate::window::{WindowFn, WindowInto};

/// What is grouped in cases of panes.
pub(super) type Pairs = PCollection<(String, i64)>;

/// How a case windows its elements: the same for a collection and for the engine alone.
pub struct Windowed {
    collection: Box<dyn Fn(&Pairs) -> Pairs>,
    engine: Box<dyn Fn() -> Engine<String, i64>>,
}

/// Windows, trigger and mode of a case.
pub(super) fn windowed<F: WindowFn<(String, i64)> + Clone>(windows: WindowInto<F>) -> Windowed {
    let alone = windows.clone();
    Windowed {
        collection: Box::new(move |pairs| pairs.window(windows.clone())),
        engine: Box::new(move || Engine::new(alone.clone())),
    }
}

impl Windowed {
    pub(super) fn collection(&self, pairs: &Pairs) -> Pairs {
        (self.collection)(pairs)
    }

    pub(super) fn engine(&self) -> Engine<String, i64> {
        (self.engine)()
    }
}

impl fmt::Debug for Windowed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Windowed")
    }
}
