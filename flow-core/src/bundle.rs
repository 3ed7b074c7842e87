//! Bundles: elements on their way, with time, window and pane as columns that cost nothing while uniform.

use serde::{Deserialize, Serialize};

use crate::window::Window;
use crate::{Pane, Timestamp};

/// The time, window and pane of one element.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Meta {
    /// Event time.
    pub time: Timestamp,
    /// The window that the element is in.
    pub window: Window,
    /// The firing that it came from.
    pub pane: Pane,
}

impl Default for Meta {
    /// That of bounded data without a timestamp.
    fn default() -> Self {
        Meta { time: Timestamp::MIN, window: Window::GLOBAL, pane: Pane::default() }
    }
}

/// A value for each element of a bundle: one for all, or one each.
#[derive(Debug, PartialEq, Eq)]
pub enum Column<C> {
    /// The same for all.
    Uniform(C),
    /// One for each element.
    Each(Vec<C>),
}

impl<C: Clone> Clone for Column<C> {
    fn clone(&self) -> Self {
        match self {
            Column::Uniform(value) => Column::Uniform(value.clone()),
            Column::Each(values) => Column::Each(values.clone()),
        }
    }

    /// Keeps the allocation, which `derive` would not.
    fn clone_from(&mut self, source: &Self) {
        match (self, source) {
            (Column::Each(own), Column::Each(values)) => own.clone_from(values),
            (own, source) => *own = source.clone(),
        }
    }
}

impl<C: Copy + PartialEq> Column<C> {
    /// The value of element `at`.
    #[inline]
    pub fn get(&self, at: usize) -> C {
        match self {
            Column::Uniform(value) => *value,
            Column::Each(values) => values[at],
        }
    }

    /// The one value of all, if uniform.
    #[inline]
    pub fn uniform(&self) -> Option<C> {
        match self {
            Column::Uniform(value) => Some(*value),
            Column::Each(_) => None,
        }
    }

    /// Appends the value of an element that becomes element `at`, the last.
    #[inline]
    pub fn push(&mut self, at: usize, value: C) {
        match self {
            Column::Each(values) if at > 0 => values.push(value),
            Column::Uniform(same) if at > 0 && *same == value => {}
            _ => self.push_other(at, value),
        }
    }

    /// Appends the first value, or the first that differs.
    #[cold]
    fn push_other(&mut self, at: usize, value: C) {
        *self = match self {
            Column::Uniform(same) if at > 0 => {
                let mut values = Vec::with_capacity(2 * at + 256);
                values.resize(at, *same);
                values.push(value);
                Column::Each(values)
            }
            _ => Column::Uniform(value),
        }
    }

    /// Keeps the values whose element `keep` says yes to, asked in order.
    fn retain(&mut self, keep: &[bool]) {
        if let Column::Each(values) = self {
            let mut keep = keep.iter();
            values.retain(|_| *keep.next().expect("one flag for each element"));
        }
    }

    /// Takes off the values from element `at` on.
    fn split_off(&mut self, at: usize) -> Self {
        match self {
            Column::Uniform(value) => Column::Uniform(*value),
            Column::Each(values) => Column::Each(values.split_off(at)),
        }
    }

    /// Empties an own column, keeping its uniform value or its first.
    fn clear(&mut self) {
        if let Column::Each(values) = self
            && let Some(first) = values.first()
        {
            *self = Column::Uniform(*first);
        }
    }
}

/// Elements of one type on their way from step to step.
///
/// ```
/// use flow_core::Bundle;
/// let mut bundle = Bundle::of(vec![1, 2, 3]);
/// bundle.retain(|n| n % 2 == 1);
/// assert_eq!(bundle.values, [1, 3]);
/// ```
#[derive(Debug, PartialEq, Eq)]
pub struct Bundle<T> {
    /// The elements.
    pub values: Vec<T>,
    /// Their event times.
    pub times: Column<Timestamp>,
    /// Their windows.
    pub windows: Column<Window>,
    /// Their panes.
    pub panes: Column<Pane>,
}

impl<T: Clone> Clone for Bundle<T> {
    fn clone(&self) -> Self {
        let Bundle { values, times, windows, panes } = self;
        Bundle {
            values: values.clone(),
            times: times.clone(),
            windows: windows.clone(),
            panes: panes.clone(),
        }
    }

    /// Keeps the allocations, which `derive` would not.
    fn clone_from(&mut self, source: &Self) {
        self.values.clone_from(&source.values);
        self.times.clone_from(&source.times);
        self.windows.clone_from(&source.windows);
        self.panes.clone_from(&source.panes);
    }
}

impl<T> Default for Bundle<T> {
    fn default() -> Self {
        Bundle::of(Vec::new())
    }
}

impl<T> Bundle<T> {
    /// About how many bytes of elements a bundle holds before it is passed on: small enough for the first-level cache.
    pub const TARGET_BYTES: usize = 12 * 1024;

    /// How many elements a bundle of this type holds before it is passed on.
    pub const TARGET_LEN: usize = {
        let size = if size_of::<T>() == 0 { 1 } else { size_of::<T>() };
        let len = Self::TARGET_BYTES / size;
        if len < 16 {
            16
        } else if len > 1024 {
            1024
        } else {
            len
        }
    };

    /// Elements of bounded data: no timestamps, the global window.
    pub fn of(values: Vec<T>) -> Self {
        Self::with(values, Meta::default())
    }

    /// Elements that share time, window and pane.
    pub fn with(values: Vec<T>, meta: Meta) -> Self {
        Bundle {
            values,
            times: Column::Uniform(meta.time),
            windows: Column::Uniform(meta.window),
            panes: Column::Uniform(meta.pane),
        }
    }

    /// How many elements.
    #[inline]
    pub fn len(&self) -> usize {
        self.values.len()
    }

    /// Whether there is none.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.values.is_empty()
    }

    /// Whether it is time to pass it on.
    #[inline]
    pub fn is_full(&self) -> bool {
        self.len() >= Self::TARGET_LEN
    }

    /// Time, window and pane of element `at`.
    #[inline]
    pub fn meta(&self, at: usize) -> Meta {
        Meta { time: self.times.get(at), window: self.windows.get(at), pane: self.panes.get(at) }
    }

    /// Time, window and pane of all elements, if they share all three.
    #[inline]
    pub fn uniform_meta(&self) -> Option<Meta> {
        Some(Meta {
            time: self.times.uniform()?,
            window: self.windows.uniform()?,
            pane: self.panes.uniform()?,
        })
    }

    /// Appends an element.
    #[inline]
    pub fn push(&mut self, value: T, meta: Meta) {
        let at = self.values.len();
        self.times.push(at, meta.time);
        self.windows.push(at, meta.window);
        self.panes.push(at, meta.pane);
        self.values.push(value);
    }

    /// Keeps the elements that `keep` says yes to.
    pub fn retain(&mut self, mut keep: impl FnMut(&T) -> bool) {
        if self.uniform_meta().is_some() {
            self.values.retain(keep);
            return;
        }
        let flags: Vec<bool> = self.values.iter().map(&mut keep).collect();
        self.keep(&flags);
    }

    /// Keeps the elements whose flag is set; one flag for each element.
    pub fn keep(&mut self, flags: &[bool]) {
        self.times.retain(flags);
        self.windows.retain(flags);
        self.panes.retain(flags);
        let mut flags = flags.iter();
        self.values.retain(|_| *flags.next().expect("one flag for each element"));
    }

    /// Empties it, keeping its allocation.
    pub fn clear(&mut self) {
        self.values.clear();
        self.times.clear();
        self.windows.clear();
        self.panes.clear();
    }

    /// Takes the elements out, with the columns, leaving an empty bundle without allocation.
    #[must_use]
    pub fn take(&mut self) -> Bundle<T> {
        std::mem::take(self)
    }

    /// Takes off the elements from `at` on, with their columns.
    #[must_use]
    pub(crate) fn split_off(&mut self, at: usize) -> Bundle<T> {
        Bundle {
            values: self.values.split_off(at),
            times: self.times.split_off(at),
            windows: self.windows.split_off(at),
            panes: self.panes.split_off(at),
        }
    }

    /// Takes the elements out one by one with time, window and pane; the allocation stays.
    pub fn drain(&mut self) -> impl Iterator<Item = (T, Meta)> + '_ {
        let Bundle { values, times, windows, panes } = self;
        values.drain(..).enumerate().map(|(at, value)| {
            (value, Meta { time: times.get(at), window: windows.get(at), pane: panes.get(at) })
        })
    }

    /// Takes over the times, windows and panes of a bundle of as many elements, which is left for reuse.
    pub(crate) fn swap_columns<U>(&mut self, other: &mut Bundle<U>) {
        std::mem::swap(&mut self.times, &mut other.times);
        std::mem::swap(&mut self.windows, &mut other.windows);
        std::mem::swap(&mut self.panes, &mut other.panes);
    }

    /// Moves all of `other` to the end of this one.
    pub fn append(&mut self, other: &mut Bundle<T>) {
        if self.is_empty() {
            std::mem::swap(self, other);
        } else if let (Some(meta), Some(same)) = (other.uniform_meta(), self.uniform_meta())
            && meta == same
        {
            self.values.append(&mut other.values);
        } else {
            self.values.reserve(other.len());
            for (value, meta) in other.drain() {
                self.push(value, meta);
            }
        }
        other.clear();
    }

    /// Bytes of the elements themselves, without what they point to.
    pub fn shallow_bytes(&self) -> usize {
        self.len() * size_of::<T>()
    }
}

impl<T> FromIterator<(T, Meta)> for Bundle<T> {
    fn from_iter<I: IntoIterator<Item = (T, Meta)>>(elements: I) -> Self {
        let mut bundle = Bundle::default();
        for (value, meta) in elements {
            bundle.push(value, meta);
        }
        bundle
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Meta {
        Meta { time: Timestamp::from_secs(seconds), ..Meta::default() }
    }

    #[test]
    fn columns_stay_uniform_until_an_element_differs() {
        let mut bundle: Bundle<u8> = [(1, at(5)), (2, at(5))].into_iter().collect();
        assert_eq!(bundle.times, Column::Uniform(Timestamp::from_secs(5)));
        bundle.push(3, at(6));
        assert_eq!(bundle.times.get(1), Timestamp::from_secs(5));
        assert_eq!(bundle.times.get(2), Timestamp::from_secs(6));
        assert_eq!(bundle.windows, Column::Uniform(Window::GLOBAL));
    }

    #[test]
    fn retain_keeps_columns_in_step() {
        let mut bundle: Bundle<i64> = (0..6).map(|n| (n, at(n))).collect();
        bundle.retain(|n| n % 2 == 0);
        assert_eq!(bundle.values, [0, 2, 4]);
        assert_eq!(bundle.meta(2).time, Timestamp::from_secs(4));
    }

    #[test]
    fn a_cleared_bundle_takes_the_next_element_s_columns() {
        let mut bundle: Bundle<i64> = (0..3).map(|n| (n, at(n))).collect();
        bundle.clear();
        bundle.push(9, at(9));
        assert_eq!(bundle.uniform_meta(), Some(at(9)));
    }

    #[test]
    fn halves_of_a_bundle_keep_their_columns() {
        let mut left: Bundle<i64> = (0..5).map(|n| (n, at(n))).collect();
        let right = left.split_off(2);
        assert_eq!((left.values, left.times), (vec![0, 1], Column::Each(vec![at(0).time, at(1).time])));
        assert_eq!((right.meta(0), right.values), (at(2), vec![2, 3, 4]));
    }

    #[test]
    fn a_bundle_cloned_into_another_is_equal_to_it() {
        let each: Bundle<i64> = (0..3).map(|n| (n, at(n))).collect();
        let uniform = Bundle::with(vec![7, 8, 9, 10], at(7));
        for (from, into) in [(&each, &uniform), (&uniform, &each), (&each, &each)] {
            let mut into = into.clone();
            into.clone_from(from);
            assert_eq!(&into, from);
        }
    }

    #[test]
    fn append_moves_everything() {
        let mut left: Bundle<i64> = [(1, at(1))].into_iter().collect();
        let mut right: Bundle<i64> = [(2, at(2)), (3, at(3))].into_iter().collect();
        left.append(&mut right);
        assert!(right.is_empty());
        assert_eq!(
            left.drain().map(|(v, m)| (v, m.time.millis() / 1000)).collect::<Vec<_>>(),
            [(1, 1), (2, 2), (3, 3)]
        );
    }
}
