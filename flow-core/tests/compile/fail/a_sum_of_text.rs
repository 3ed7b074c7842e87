//! Only numbers have a sum.
use flow_core::prelude::*;

fn main() {
    let p = Pipeline::new();
    let _ = p.create([(1, "a".to_string())]).sum_per_key();
}
