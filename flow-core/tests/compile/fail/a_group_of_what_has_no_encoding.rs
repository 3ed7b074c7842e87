//! What is grouped may be spilled or sent, so it can be encoded.
use flow_core::prelude::*;

#[derive(Clone)]
struct Order {
    user: u64,
}

fn main() {
    let p = Pipeline::new();
    let _ = p.create([Order { user: 1 }]).key_by(|order| order.user).group_by_key();
}
