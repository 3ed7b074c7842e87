//! The insert ids of the last minute.

use std::collections::{BTreeSet, VecDeque};

/// How long an insert id is remembered, in microseconds.
const MINUTE: i64 = 60_000_000;

/// Which rows were there already, by their insert ids.
#[derive(Debug, Default)]
pub(crate) struct Seen {
    ids: BTreeSet<Box<str>>,
    by_age: VecDeque<(i64, Box<str>)>,
}

impl Seen {
    /// Forgets what is older than a minute.
    pub(crate) fn expire(&mut self, now: i64) {
        while self.by_age.front().is_some_and(|(at, _)| now - at >= MINUTE) {
            if let Some((_, id)) = self.by_age.pop_front() {
                self.ids.remove(&id);
            }
        }
    }

    /// Whether the id is new; remembers it.
    pub(crate) fn is_new(&mut self, id: &str, now: i64) -> bool {
        let new = self.ids.insert(id.into());
        if new {
            self.by_age.push_back((now, id.into()));
        }
        new
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_remembered_for_a_minute() {
        let mut seen = Seen::default();
        assert!(seen.is_new("a", 0));
        seen.expire(59_999_999);
        assert!(!seen.is_new("a", 59_999_999));
        seen.expire(60_000_000);
        assert!(seen.is_new("a", 60_000_000));
    }
}
