//! NaN is not equal to itself, so a float is no key.
use flow_core::prelude::*;

fn main() {
    let p = Pipeline::new();
    let _ = p.create([1.5_f64, 2.5]).key_by(|amount| amount * 2.0);
}
