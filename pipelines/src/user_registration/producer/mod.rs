//! What fills the topic: answers of the API, asked for at intervals, or made-up ones.
mod api;
mod every;

use std::future::ready;
use std::sync::Arc;
use std::time::Duration;

use flow_core::prelude::*;

use super::generate::{self, answer};
pub use api::{Api, AskError, Pauses};
pub use every::{Every, EveryReader};

/// The answers of the API, which is asked at each interval, so often or without end. They are as they came, and all are
/// answers: what is none has the API asked again after a pause, and after some attempts at the next interval.
/// `failed_fetches` counts the intervals without answer.
pub fn asked(p: &Pipeline, api: Api, interval: Duration, count: Option<u64>) -> PCollection<Vec<u8>> {
    let (api, failed) = (Arc::new(api), p.counter("failed_fetches"));
    let ask = move |_| {
        let (api, failed) = (Arc::clone(&api), failed.clone());
        async move {
            let tell = |error: &AskError| {
                failed.inc();
                tracing::warn!(%error, "no answer; the API is asked again at the next interval");
            };
            api.answer().await.inspect_err(tell).ok()
        }
    };
    p.read(Every::new(interval, ask).at_most(count)).named("fetch")
}

/// Made-up answers of a seed, one at each interval.
pub fn made_up(
    p: &Pipeline,
    (seed, settings): (u64, generate::Settings),
    interval: Duration,
    count: Option<u64>,
) -> PCollection<Vec<u8>> {
    let make = move |i| ready(Some(answer(seed, i, &settings)));
    p.read(Every::new(interval, make).at_most(count)).named("make up")
}
