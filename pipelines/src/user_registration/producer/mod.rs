//! What fills the topic: answers of the API, asked for at intervals, or made-up ones.
mod api;
mod every;

use std::sync::Arc;
use std::time::Duration;

use flow_core::prelude::*;

use super::generate::{self, answer};
pub use api::{Api, AskError, Pauses};
pub use every::{Every, EveryReader};

/// Asks the API at each interval, and writes its answers as they came. What is no answer is never written: the API is
/// asked again after a pause, and after too many attempts at the next interval; `failed_fetches` counts those.
pub fn produce<S: Sink<Vec<u8>>>(p: &Pipeline, api: Api, interval: Duration, count: Option<u64>, topic: S) {
    let (api, failed) = (Arc::new(api), p.counter("failed_fetches"));
    let ask = move |_| {
        let (api, failed) = (Arc::clone(&api), failed.clone());
        async move {
            let answer = api.answer().await;
            answer
                .inspect_err(|error| {
                    failed.inc();
                    tracing::warn!(%error, "no answer; the API is asked again at the next interval");
                })
                .ok()
        }
    };
    p.read(Every::new(interval, ask).at_most(count)).named("fetch").write(topic);
}

/// Writes made-up answers at each interval.
pub fn make_up<S: Sink<Vec<u8>>>(
    p: &Pipeline,
    (seed, settings): (u64, generate::Settings),
    interval: Duration,
    count: Option<u64>,
    topic: S,
) {
    let make = move |i| std::future::ready(Some(answer(seed, i, &settings)));
    p.read(Every::new(interval, make).at_most(count)).named("make up").write(topic);
}
