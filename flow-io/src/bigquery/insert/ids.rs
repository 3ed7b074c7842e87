use std::hash::BuildHasher;
use std::sync::Arc;

use crate::bigquery::batch::Row;
use crate::gcp::unique;

/// Insert ids: a row that is sent again has the same.
pub(in crate::bigquery) struct Ids<T> {
    of: Option<Arc<dyn Fn(&T) -> String + Send + Sync>>,
    writer: String,
    next: u64,
}

/// The longest id that the service takes.
const LONGEST: usize = 128;

impl<T> Ids<T> {
    pub(in crate::bigquery) fn new(of: Option<Arc<dyn Fn(&T) -> String + Send + Sync>>) -> Self {
        Ids { of, writer: unique(), next: 0 }
    }

    pub(super) fn of(&mut self, row: &Row<T>) -> String {
        let given = self.of.as_ref().zip(row.origin.as_ref()).map(|(of, (value, _))| of(value));
        match given {
            Some(id) if !id.is_empty() && id.len() <= LONGEST => id,
            // An id that is too long is one all the same.
            Some(id) if !id.is_empty() => {
                let hash = foldhash::quality::FixedState::default();
                format!("{:016x}{:016x}", hash.hash_one(&id), hash.hash_one((&id, 1_u8)))
            }
            _ => {
                self.next += 1;
                format!("{}-{:x}", self.writer, self.next)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use flow_core::Meta;

    use super::*;

    fn row(value: &str) -> Row<String> {
        Row { bytes: Vec::new(), origin: Some((value.to_owned(), Meta::default())) }
    }

    #[test]
    fn ids_tell_all_rows_apart_unless_they_are_given() {
        let mut ids = Ids::new(None);
        let mut others = Ids::new(None);
        let all = [ids.of(&row("a")), ids.of(&row("a")), others.of(&row("a"))];
        assert!(all[0] != all[1] && all[0] != all[2] && all[1] != all[2], "{all:?}");
        let mut given = Ids::new(Some(Arc::new(|value: &String| value.repeat(100))));
        assert_eq!(given.of(&row("a")), "a".repeat(100));
        let long = given.of(&row("ab"));
        assert!(long.len() == 32 && long == given.of(&row("ab")) && long != given.of(&row("ba")), "{long}");
    }
}
