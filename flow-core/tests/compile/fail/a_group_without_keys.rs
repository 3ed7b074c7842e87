//! Only pairs can be grouped by key.
use flow_core::prelude::*;

fn main() {
    let p = Pipeline::new();
    let _ = p.create(["to", "be"].map(String::from)).group_by_key();
}
