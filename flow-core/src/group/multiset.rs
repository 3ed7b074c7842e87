use std::collections::BTreeMap;

/// Counts equal values, and knows the least of them.
#[derive(Debug)]
pub(crate) struct Multiset<T> {
    counts: BTreeMap<T, u64>,
}

impl<T: Ord + Copy> Multiset<T> {
    pub(crate) fn new() -> Self {
        Multiset { counts: BTreeMap::new() }
    }

    pub(crate) fn min(&self) -> Option<T> {
        self.counts.first_key_value().map(|(value, _)| *value)
    }

    /// Puts `after` in the place of `before`; either may be nothing.
    pub(crate) fn change(&mut self, before: Option<T>, after: Option<T>) {
        if before == after {
            return;
        }
        if let Some(value) = after {
            *self.counts.entry(value).or_insert(0) += 1;
        }
        if let Some(value) = before {
            let count = self.counts.get_mut(&value).expect("what is taken out was put in");
            *count -= 1;
            if *count == 0 {
                self.counts.remove(&value);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_least_stays_until_its_last_copy_goes() {
        let mut set = Multiset::new();
        set.change(None, Some(3));
        set.change(None, Some(3));
        set.change(None, Some(5));
        set.change(Some(3), None);
        assert_eq!(set.min(), Some(3));
        set.change(Some(3), Some(7));
        assert_eq!(set.min(), Some(5));
    }
}
