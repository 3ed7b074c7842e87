//! Where messages come from.

use std::time::Duration;

use flow_core::prelude::*;
use flow_io::Generator;
use flow_io::files::{ReadFiles, Stdin};
use flow_io::gcp::GoogleCloud;
use flow_io::pubsub::{Outgoing, PubSub};

use super::event::DeadLetter;
use super::generate;
use super::received::{Lines, Received};

/// Where messages come from.
#[derive(Clone, Debug)]
pub enum Input {
    /// Made up.
    Generated(Generated),
    /// The lines of files: paths, directories or globs.
    Files(Vec<String>),
    /// The lines of objects: `gs://bucket/pattern`.
    Objects(Vec<String>, GoogleCloud),
    /// The lines of standard input.
    Stdin,
    /// The messages of a subscription.
    Subscription(Subscription),
}

/// A subscription of Pub/Sub.
#[derive(Clone, Debug)]
pub struct Subscription {
    /// Its name: `projects/shop/subscriptions/events`.
    pub name: String,
    /// How to reach it.
    pub cloud: GoogleCloud,
    /// After how many messages the run ends; it does not unless set.
    pub ends_after: Option<u64>,
}

/// How events are made up.
#[derive(Clone, Debug, Default)]
pub struct Generated {
    /// Which events.
    pub seed: u64,
    /// How many, if they end.
    pub count: Option<u64>,
    /// How many a second; as fast as they can be made if not set.
    pub rate: Option<u64>,
    /// How long events are made at the rate.
    pub during: Option<Duration>,
    /// What they are like.
    pub shop: generate::Settings,
}

impl Input {
    /// The messages of this input: `Err` is a line that could not even be read.
    pub fn read(&self, p: &Pipeline) -> PCollection<Result<Received, DeadLetter>> {
        match self {
            Input::Generated(generated) => p.read(generated.source()),
            Input::Stdin => p.read(Stdin::new(Lines)),
            Input::Files(patterns) => p.read(lines(patterns)),
            Input::Objects(patterns, cloud) => p.read(lines(patterns).on(cloud)),
            Input::Subscription(subscription) => subscription.read(p),
        }
    }
}

fn lines(patterns: &[String]) -> ReadFiles<Lines> {
    let mut patterns = patterns.iter();
    let first = ReadFiles::new(patterns.next().cloned().unwrap_or_default(), Lines);
    patterns.fold(first, ReadFiles::and)
}

impl Subscription {
    fn read(&self, p: &Pipeline) -> PCollection<Result<Received, DeadLetter>> {
        // A message is held until its minute's object is there: at ten thousand a second, for more than a minute.
        let source = PubSub::subscription(&self.name).on(&self.cloud).max_outstanding(2_000_000, 1 << 30);
        let messages = match self.ends_after {
            Some(messages) => p.read(source.ending_after(messages)),
            None => p.read(source),
        };
        messages.map(|message| Ok(Received::from_pubsub(message))).named("message")
    }
}

impl Generated {
    /// How many they are, if they end.
    pub fn total(&self) -> Option<u64> {
        let in_time = self.rate.zip(self.during).map(|(rate, time)| rate * time.as_secs());
        self.count.or(in_time)
    }

    /// The messages, to be published.
    pub fn messages(&self) -> Generator<Outgoing> {
        let shop = self.shop.clone();
        let message = move |i, seed| {
            let message = Outgoing::new(generate::event(seed, i, &shop));
            message.attribute("type", generate::kind(seed, i))
        };
        self.limited(Generator::of(message))
    }

    fn source(&self) -> Generator<Result<Received, DeadLetter>> {
        let (shop, clock) = (self.shop.clone(), self.shop.clone());
        let received = move |i, seed| Ok(Received::data(generate::event(seed, i, &shop)));
        self.limited(Generator::of(received).watermark(move |i| generate::watermark(i, &clock)))
    }

    fn limited<T: Element>(&self, source: Generator<T>) -> Generator<T> {
        let mut source = source.seed(self.seed);
        if let Some(count) = self.count {
            source = source.count(count);
        }
        if let Some(rate) = self.rate {
            source = source.rate(rate);
        }
        if let Some(time) = self.during {
            source = source.during(time);
        }
        source
    }
}
