//! Text in the program lives long enough, but cannot be read back from where it was stored.
use flow_core::prelude::*;

fn main() {
    let p = Pipeline::new();
    let _ = p.create(["to", "be"]).count();
}
