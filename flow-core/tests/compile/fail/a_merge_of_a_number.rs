//! Of two numbers nobody knows whether they become their sum or the greater one.
use flow_core::prelude::*;
use serde::{Deserialize, Serialize};

#[derive(Clone, Default, Serialize, Deserialize, Merge)]
struct Visit {
    pages: Bag<String>,
    spent: u64,
}

fn main() {
    let _ = Visit::default();
}
