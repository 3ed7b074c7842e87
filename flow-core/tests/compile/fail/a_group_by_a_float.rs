//! A pair may have any first part, but only one whose first part is a key can be grouped.
use flow_core::prelude::*;

fn main() {
    let p = Pipeline::new();
    let _ = p.create([(1.5_f64, 7)]).group_by_key();
}
