//! What is split says what its parts are.
use flow_core::prelude::*;

#[derive(Clone)]
enum Event {
    Order(u64),
    Visit(u64),
}

fn main() {
    let p = Pipeline::new();
    let events = p.create([Event::Order(1), Event::Visit(2)]);
    let _ = events.split();
}
