//! A lookup is sorted by its keys.
use flow_core::prelude::*;

#[derive(Clone, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
struct Place(String);

fn main() {
    let p = Pipeline::new();
    let places = p.create([(Place("here".into()), 1)]);
    let _ = places.as_lookup();
}
