use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::rc::Rc;
use std::sync::Arc;

use super::kept::{Origin, Published};
use crate::window::{Window, Windowing};
use crate::{BoxError, Timestamp};

/// A view's contents on one worker, by the view's windows.
pub(crate) struct ViewTable<V> {
    windowing: Windowing,
    /// In the order in which windows end, so that those that are over are found without a look at the others.
    pub(super) by_window: RefCell<BTreeMap<(Timestamp, Window), Published<V>>>,
    pub(super) watermark: Cell<Timestamp>,
    /// Windows that end before here are forgotten.
    pub(super) forgotten: Cell<Timestamp>,
    /// Of later windows none is forgotten: other workers may still ask for them when the run goes on after a failure.
    pub(super) floor: Cell<Timestamp>,
    /// For each step that reads the view here, the end of the windows that it will not ask for again.
    readers: RefCell<Vec<Timestamp>>,
    empty: Arc<dyn Fn() -> Result<V, BoxError> + Send + Sync>,
}

impl<V: 'static> ViewTable<V> {
    pub(crate) fn new(
        windowing: Windowing,
        empty: Arc<dyn Fn() -> Result<V, BoxError> + Send + Sync>,
    ) -> Self {
        ViewTable {
            windowing,
            by_window: RefCell::default(),
            watermark: Cell::new(Timestamp::MIN),
            forgotten: Cell::new(Timestamp::MIN),
            floor: Cell::new(Timestamp::MAX),
            readers: RefCell::default(),
            empty,
        }
    }

    /// What an element of a main window sees; none while the view's window may still get its first pane.
    fn lookup(&self, main: Window) -> Result<Option<Arc<V>>, BoxError> {
        let side =
            self.windowing.side_window(main).ok_or("no window of the view belongs to this window of the main input, whose elements would see nothing: put what the \
                 view is made of into windows that cover it")?;
        if let Some(value) = self.by_window.borrow().get(&at(side)) {
            return Ok(Some(Arc::clone(&value.value)));
        }
        if self.watermark.get() <= side.max_timestamp() {
            return Ok(None);
        }
        let empty = Arc::new((self.empty)()?);
        let published = Published { value: Arc::clone(&empty), origin: Origin::Unknown };
        self.by_window.borrow_mut().insert(at(side), published);
        Ok(Some(empty))
    }

    /// Whether no step reads the view here, so that nobody would have anything forgotten.
    pub(super) fn is_unread(&self) -> bool {
        self.readers.borrow().is_empty()
    }

    /// One more step that reads the view; its number.
    fn register(&self) -> usize {
        let mut readers = self.readers.borrow_mut();
        readers.push(Timestamp::MIN);
        readers.len() - 1
    }

    /// No step here asks for windows that end before this.
    pub(super) fn least(&self) -> Timestamp {
        self.readers.borrow().iter().copied().min().unwrap_or(Timestamp::MIN)
    }

    /// A reader's input has come so far; windows that no reader can ask for any more are forgotten.
    fn expire(&self, reader: usize, main_watermark: Timestamp, lateness: i64) {
        self.readers.borrow_mut()[reader] = main_watermark.offset_micros(-lateness);
        let least = self.least().min(self.floor.get());
        self.forgotten.set(least);
        let mut by_window = self.by_window.borrow_mut();
        while let Some(first) = by_window.first_entry()
            && first.key().0 < least
        {
            first.remove();
        }
    }
}

/// A view as one sees it who only waits for it.
pub(crate) trait IsThere {
    /// Whether an element of a main window need not wait for it any more.
    fn is_there(&self, main: Window) -> bool;
}

impl<V: 'static> IsThere for ViewTable<V> {
    fn is_there(&self, main: Window) -> bool {
        // Where no window belongs to it, a look says what is wrong.
        self.windowing.side_window(main).is_none_or(|side| {
            self.watermark.get() > side.max_timestamp() || self.by_window.borrow().contains_key(&at(side))
        })
    }
}

/// Where a window stands among others.
pub(super) fn at(window: Window) -> (Timestamp, Window) {
    (window.max_timestamp(), window)
}

/// A view as one step on one worker reads it.
#[doc(hidden)]
#[expect(missing_debug_implementations, reason = "hidden, and holds closures")]
pub struct ViewReader<V> {
    table: Rc<ViewTable<V>>,
    reader: usize,
}

impl<V: 'static> ViewReader<V> {
    pub(crate) fn new(table: Rc<ViewTable<V>>) -> Self {
        let reader = table.register();
        ViewReader { table, reader }
    }

    pub(crate) fn find(&self, main: Window) -> Result<Option<Arc<V>>, BoxError> {
        self.table.lookup(main)
    }

    pub(crate) fn expire(&self, main_watermark: Timestamp, lateness: i64) {
        self.table.expire(self.reader, main_watermark, lateness);
    }
}
