//! A view belongs to all who read it.
use flow_core::prelude::*;

fn main() {
    let p = Pipeline::new();
    let numbers = p.create([1, 2]);
    let list = numbers.as_list();
    let _ = numbers.with(&list).map(|n, list| list.push(n));
}
