//! What a README shows: parse, part, window, sum, join, look up, write.
use std::time::Duration;

use flow_core::prelude::*;
use flow_core::testing::MemorySinks;
use serde::{Deserialize, Serialize};

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Order {
    user: String,
    cents: u64,
    at: i64,
}

#[derive(Clone, Split)]
enum Event {
    Order(Order),
    Visit(String),
}

fn parse(line: String) -> Result<Event, String> {
    let [kind, user, cents, at] = *line.split(' ').collect::<Vec<_>>() else { return Err(line) };
    match (kind, cents.parse(), at.parse()) {
        ("order", Ok(cents), Ok(at)) => Ok(Event::Order(Order { user: user.into(), cents, at })),
        ("visit", ..) => Ok(Event::Visit(user.into())),
        _ => Err(line),
    }
}

fn spent_per_minute(orders: &PCollection<Order>) -> PCollection<(String, u64)> {
    orders
        .with_timestamps(|order| Timestamp::from_secs(order.at))
        .key_by(|order| order.user.clone())
        .map_values(|order| order.cents)
        .window(Fixed::of(Duration::from_mins(1)).allowed_lateness(Duration::from_mins(5)).accumulating())
        .sum_per_key()
}

fn main() {
    let (spent, refused) = (MemorySinks::new(), MemorySinks::new());
    let p = Pipeline::new();
    let lines = p.create(["order ann 250 5", "visit bob 0 9", "order ann 150 7", "?"].map(String::from));
    let (events, rejects) = lines.map(parse).split();
    let EventOutputs { order, visit } = events.split();
    let visitors = visit.distinct().as_list();
    let by_customers = order.with(&visitors).filter(|order, visitors| !visitors.contains(&order.user));
    by_customers.apply("spent per minute", spent_per_minute).write(spent.sink("spent"));
    rejects.write(refused.sink("refused"));
    ReferenceRunner::new().run(p).unwrap();
    assert_eq!(spent.values("spent"), [("ann".to_string(), 400)]);
    assert_eq!(refused.values("refused"), ["?"]);
}
