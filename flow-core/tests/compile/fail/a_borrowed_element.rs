//! Elements outlive the code that made them, so text from a local variable is no element.
use flow_core::prelude::*;

fn main() {
    let text = String::from("to be or not to be");
    let p = Pipeline::new();
    let _ = p.create(text.split(' ')).map(|word| word.len());
}
