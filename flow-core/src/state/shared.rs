use std::sync::Arc;

use serde::{Deserialize, Serialize};

/// A collection that its clones share until one of them is changed.
#[derive(Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Shared<C>(Arc<C>);

impl<C> Clone for Shared<C> {
    fn clone(&self) -> Self {
        Shared(Arc::clone(&self.0))
    }
}

impl<C: Clone> Shared<C> {
    pub(super) fn get(&self) -> &C {
        &self.0
    }

    /// To change it; what others share is copied first.
    pub(super) fn change(&mut self) -> &mut C {
        Arc::make_mut(&mut self.0)
    }

    /// As it is now, whatever is changed later.
    pub(super) fn snapshot(&self) -> Arc<C> {
        Arc::clone(&self.0)
    }

    pub(super) fn into_inner(self) -> C {
        Arc::unwrap_or_clone(self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clone_does_not_see_what_changes_after_it() {
        let mut numbers = Shared::<Vec<u32>>::default();
        numbers.change().push(1);
        let before = numbers.clone();
        numbers.change().push(2);
        assert_eq!((before.get().as_slice(), numbers.get().as_slice()), (&[1][..], &[1, 2][..]));
    }

    #[test]
    fn what_nobody_shares_is_changed_in_place() {
        let mut numbers = Shared::<Vec<u32>>::default();
        numbers.change().reserve(8);
        let place = numbers.get().as_ptr();
        numbers.change().push(1);
        assert_eq!(numbers.get().as_ptr(), place);
    }
}
