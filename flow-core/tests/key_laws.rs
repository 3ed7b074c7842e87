//! The standard types keep the law of keys, and the suite catches those that do not.

use std::collections::BTreeMap;
use std::hash::{Hash, Hasher};

use flow_core::prelude::*;
use flow_core::testing::conformance::key;
use proptest::prelude::*;
use serde::{Deserialize, Serialize};

#[test]
fn standard_types() {
    key([0_u8, 1, 127, 128, 255]);
    key([0_i64, -1, 1, i64::MIN, i64::MAX]);
    key([0_u128, u128::MAX]);
    key([true, false]);
    key(['a', 'A', 'ä']);
    key([(), ()]);
    key([None, Some(None), Some(Some(0_u8))]);
    key([Ok::<u8, u8>(1), Err(1)]);
    key([vec![], vec![0_u8], vec![0, 0]]);
    key([(1, String::new()), (1, "1".to_string()), (11, String::new())]);
    key([BTreeMap::from([(1, 2)]), BTreeMap::from([(2, 1)]), BTreeMap::new()]);
    key([Timestamp::MIN, Timestamp::from_secs(0), Timestamp::MAX]);
    key([Window::GLOBAL, Window::new(Timestamp::from_secs(0), Timestamp::from_secs(60))]);
}

proptest! {
    #[test]
    fn texts_and_numbers(texts in proptest::collection::vec((any::<String>(), any::<i64>(), any::<Option<u16>>()), 1..6)) {
        key(texts.iter().cloned().chain(texts.clone()));
    }
}

/// A name by a rule for which are equal, what they hash to, and what is written of them.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Name<const EQUAL: u8>(String, #[serde(skip)] u8);

/// Equal without regard to case.
const CASELESS: u8 = 0;
/// Equal as what is not written says.
const UNWRITTEN: u8 = 1;
/// Equal as text, and hashed by what is not.
const HASHED_APART: u8 = 2;

impl<const EQUAL: u8> PartialEq for Name<EQUAL> {
    fn eq(&self, other: &Self) -> bool {
        match EQUAL {
            CASELESS => self.0.eq_ignore_ascii_case(&other.0),
            UNWRITTEN => self.1 == other.1 && self.0 == other.0,
            _ => self.0 == other.0,
        }
    }
}

impl<const EQUAL: u8> Eq for Name<EQUAL> {}

impl<const EQUAL: u8> Hash for Name<EQUAL> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        if EQUAL == HASHED_APART {
            self.1.hash(state);
        }
    }
}

fn name<const EQUAL: u8>(text: &str, unwritten: u8) -> Name<EQUAL> {
    Name(text.to_string(), unwritten)
}

#[test]
#[should_panic(expected = "are equal, and their encodings are not")]
fn a_key_that_ignores_case_is_caught() {
    key([name::<CASELESS>("Ann", 0), name("ann", 0)]);
}

#[test]
#[should_panic(expected = "are not equal, and their encodings are")]
fn a_key_of_which_something_is_not_written_is_caught() {
    key([name::<UNWRITTEN>("Ann", 0), name("Ann", 1)]);
}

#[test]
#[should_panic(expected = "is not equal to what is read from its encoding")]
fn a_key_that_reads_as_another_is_caught() {
    key([name::<UNWRITTEN>("Ann", 1)]);
}

#[test]
#[should_panic(expected = "are equal, and their hashes are not")]
fn equal_keys_that_hash_apart_are_caught() {
    key([name::<HASHED_APART>("Ann", 0), name("Ann", 1)]);
}
