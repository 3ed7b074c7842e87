//! A schema prepared for rows.

use std::cmp::Ordering;

use crate::bigquery::{Field, FieldType, Mode};

/// The columns of a table or record, to be found by name.
#[derive(Clone, Debug)]
pub(super) struct Plan {
    pub(super) slots: Vec<Slot>,
    /// Places of the columns, in the order of their names without regard to case.
    by_name: Vec<usize>,
    /// The REQUIRED ones.
    required: Seen,
}

/// A column prepared for rows.
#[derive(Clone, Debug)]
pub(super) struct Slot {
    pub(super) name: String,
    /// The name in JSON, with its colon.
    pub(super) key: Vec<u8>,
    /// Its number in messages.
    pub(super) number: u32,
    pub(super) mode: Mode,
    /// A record's columns are not in here, but in `inner`.
    pub(super) kind: FieldType,
    pub(super) inner: Plan,
}

impl Plan {
    pub(super) fn of(fields: &[Field]) -> Self {
        let slots: Vec<Slot> =
            fields.iter().zip(1..).map(|(field, number)| Slot::of(field, number)).collect();
        let mut by_name: Vec<usize> = (0..slots.len()).collect();
        by_name.sort_by(|a, b| caseless(&slots[*a].name, &slots[*b].name));
        let mut required = Seen::default();
        for (at, _) in slots.iter().enumerate().filter(|(_, slot)| slot.mode == Mode::Required) {
            required.mark(at);
        }
        Plan { slots, by_name, required }
    }

    /// The place of a column. Rows mostly have their columns in the table's order, so the one at `likely` is looked at
    /// first.
    #[inline]
    pub(super) fn find(&self, name: &str, likely: usize) -> Option<usize> {
        if self.slots.get(likely).is_some_and(|slot| slot.name == name) {
            return Some(likely);
        }
        let found = self.by_name.binary_search_by(|&at| caseless(&self.slots[at].name, name));
        found.ok().map(|at| self.by_name[at])
    }

    /// The first REQUIRED column that a row did not have.
    pub(super) fn missing(&self, seen: &Seen) -> Option<&Slot> {
        let at = self.required.first_not_in(seen)?;
        self.slots.get(at)
    }
}

impl Slot {
    fn of(field: &Field, number: u32) -> Self {
        let Field { name, kind, mode, .. } = field;
        let mut key = serde_json::to_vec(name).expect("text has a form in JSON");
        key.push(b':');
        let inner = Plan::of(kind.fields());
        let kind = match kind {
            FieldType::Record(_) => FieldType::Record(Vec::new()),
            kind => kind.clone(),
        };
        Slot { name: name.clone(), key, number, mode: *mode, kind, inner }
    }

    /// The row itself, as a column of this plan.
    pub(super) fn row(inner: Plan) -> Self {
        let field = Field::required("", FieldType::Record(Vec::new()));
        Slot { inner, ..Slot::of(&field, 0) }
    }
}

fn caseless(a: &str, b: &str) -> Ordering {
    a.bytes().map(|byte| byte.to_ascii_lowercase()).cmp(b.bytes().map(|byte| byte.to_ascii_lowercase()))
}

/// A set of columns: those that a row had, or must have.
#[derive(Clone, Debug, Default)]
pub(super) struct Seen {
    first: u64,
    /// Of the columns past the 64th, so that most rows need none.
    rest: Vec<u64>,
}

impl Seen {
    /// Puts a column in; false if it was in already.
    #[inline]
    pub(super) fn mark(&mut self, at: usize) -> bool {
        let word = match at / 64 {
            0 => &mut self.first,
            n => {
                if self.rest.len() < n {
                    self.rest.resize(n, 0);
                }
                &mut self.rest[n - 1]
            }
        };
        let bit = 1 << (at % 64);
        let new = *word & bit == 0;
        *word |= bit;
        new
    }

    fn first_not_in(&self, other: &Seen) -> Option<usize> {
        let theirs =
            std::iter::once(other.first).chain(other.rest.iter().copied().chain(std::iter::repeat(0)));
        let mine = std::iter::once(self.first).chain(self.rest.iter().copied());
        let (word, lacking) =
            mine.zip(theirs).map(|(mine, theirs)| mine & !theirs).enumerate().find(|(_, w)| *w != 0)?;
        Some(word * 64 + lacking.trailing_zeros() as usize)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_found_in_any_order_and_case() {
        let names = ["b", "A", "c_1", "C", "_z"];
        let fields: Vec<Field> = names.iter().map(|name| Field::nullable(*name, FieldType::Bool)).collect();
        let plan = Plan::of(&fields);
        for (name, wanted) in [("b", 0), ("B", 0), ("a", 1), ("C_1", 2), ("c", 3), ("_Z", 4)] {
            for likely in 0..6 {
                assert_eq!(plan.find(name, likely), Some(wanted), "{name}");
            }
        }
        assert_eq!(plan.find("d", 0), None);
        assert_eq!(plan.find("", 0), None);
    }

    #[test]
    fn the_first_required_column_that_is_missing_is_found_among_many() {
        let column = |at: usize| {
            let mode = if at % 100 == 7 { Mode::Required } else { Mode::Nullable };
            Field { mode, ..Field::nullable(format!("c{at}"), FieldType::Bool) }
        };
        let plan = Plan::of(&(0..300).map(column).collect::<Vec<_>>());
        let mut seen = Seen::default();
        let missing = |seen: &Seen| plan.missing(seen).map(|slot| slot.name.as_str());
        assert_eq!(missing(&seen), Some("c7"));
        assert!(seen.mark(7) && seen.mark(207));
        assert!(!seen.mark(207));
        assert_eq!(missing(&seen), Some("c107"));
        seen.mark(107);
        assert_eq!(missing(&seen), None);
    }
}
