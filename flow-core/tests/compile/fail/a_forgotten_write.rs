//! A collection that nobody reads is a mistake.
#![deny(unused_must_use)]
use flow_core::prelude::*;

fn main() {
    let p = Pipeline::new();
    p.create([1, 2]).map(|n| n + 1);
}
