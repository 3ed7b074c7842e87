//! Where messages come from.

use flow_core::prelude::*;
use flow_io::files::ReadFiles;
use flow_io::gcp::GoogleCloud;
use flow_io::pubsub::PubSub;

use super::letter::DeadLetter;
use super::received::{Lines, Received};

/// Where messages come from.
#[derive(Clone, Debug)]
pub enum Input {
    /// A subscription.
    Stream(Subscription),
    /// The lines of files, each a message that was once published: paths, directories or globs.
    History(Vec<String>),
    /// The lines of files, and a subscription beside them.
    Both(Vec<String>, Subscription),
}

/// A subscription of Pub/Sub.
#[derive(Clone, Debug)]
pub struct Subscription {
    /// Its name: `projects/shop/subscriptions/user-input-sub`.
    pub name: String,
    /// How to reach it.
    pub cloud: GoogleCloud,
    /// After how many messages the run ends; it does not unless set.
    pub ends_after: Option<u64>,
}

impl Input {
    /// The messages of this input: `Err` is a line that could not even be read.
    pub fn read(&self, p: &Pipeline) -> PCollection<Result<Received, DeadLetter>> {
        match self {
            Input::Stream(subscription) => subscription.read(p),
            Input::History(patterns) => history(p, patterns),
            Input::Both(patterns, subscription) => subscription.read(p).flatten([&history(p, patterns)]),
        }
    }
}

impl Subscription {
    fn read(&self, p: &Pipeline) -> PCollection<Result<Received, DeadLetter>> {
        let source = PubSub::subscription(&self.name).on(&self.cloud);
        let messages = match self.ends_after {
            Some(messages) => p.read(source.ending_after(messages)),
            None => p.read(source),
        };
        messages.named("read").map(|message| Ok(message.into())).named("message")
    }
}

fn history(p: &Pipeline, patterns: &[String]) -> PCollection<Result<Received, DeadLetter>> {
    let mut patterns = patterns.iter();
    let first = ReadFiles::new(patterns.next().cloned().unwrap_or_default(), Lines);
    p.read(patterns.fold(first, ReadFiles::and)).named("history")
}
