//! Elements move between threads, so an Rc is no element.
use std::rc::Rc;

use flow_core::prelude::*;

fn main() {
    let p = Pipeline::new();
    let _ = p.create([1, 2]).map(|n: u32| Rc::new(n));
}
