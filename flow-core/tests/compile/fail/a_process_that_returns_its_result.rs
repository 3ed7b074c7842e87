//! What `process` returns says whether it failed; results are emitted.
use flow_core::prelude::*;

fn main() {
    let p = Pipeline::new();
    let _: PCollection<u32> = p.create([1, 2]).process(|n: u32, _out| n + 1);
}
