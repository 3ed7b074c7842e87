//! The task that takes messages from a stream of the client and hands them to the reader.

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use flow_core::Error;
use futures::FutureExt;
use google_cloud_gax::error::rpc::Code;
use google_cloud_pubsub::client::Subscriber;
use google_cloud_pubsub::model;
use google_cloud_pubsub::subscriber::handler::Handler;
use google_cloud_pubsub::subscriber::{MessageStream, ShutdownBehavior};
use tokio::sync::mpsc::Sender;
use tokio::time::Instant;

use super::closing::Closing;
use super::load::{Delivery, Load, Room};
use super::options::EXTENSION;
use super::shared::Shared;
use crate::gcp::{Fault, GoogleCloud, plain};
use crate::pubsub::client;
use crate::pubsub::clock;
use crate::pubsub::message::publish_time;
use crate::pubsub::names::Subscription;

/// At most so many messages are handed over at a time.
const BATCH: usize = 512;

/// The pauses before a stream that has ended is opened again.
const PAUSES: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(30));

/// How long we may be unknown to the service once it has known us: keys may be changing.
const UNKNOWN: Duration = Duration::from_mins(10);

/// What the reader gets.
#[derive(Debug)]
pub(super) enum Pulled {
    Batch(Vec<(model::Message, Delivery)>),
    /// A stream that has ended, to be kept until what came of it is acknowledged.
    Ended(Box<MessageStream>),
    Failed(Error),
}

pub(super) struct Pull {
    pub(super) cloud: GoogleCloud,
    pub(super) subscription: Subscription,
    pub(super) max_lease: Duration,
    pub(super) load: Arc<Load>,
    pub(super) shared: Arc<Shared>,
    pub(super) to: Sender<Pulled>,
    pub(super) closing: Closing,
}

/// Why a stream is read no more.
enum End {
    /// The reader is gone.
    Unwanted,
    /// The server ended it.
    Over,
    Failed(google_cloud_pubsub::Error),
}

type Received = Option<Result<(model::Message, Handler), google_cloud_pubsub::Error>>;

impl Pull {
    /// Until the reader is gone, or there is no hope.
    pub(super) async fn run(self) {
        if let Err(error) = self.pull().await {
            // The reader may be gone.
            let _ = self.to.send(Pulled::Failed(error)).await;
        }
    }

    async fn pull(&self) -> Result<(), Error> {
        let client = client::subscriber(&self.cloud).await?;
        let (mut pause, mut last_read) = (PAUSES.0, None);
        loop {
            let mut stream = self.subscribe(&client);
            let mut has_read = false;
            let end = self.read(&mut stream, &mut has_read).await;
            if has_read {
                (pause, last_read) = (PAUSES.0, Some(Instant::now()));
            }
            match end {
                End::Unwanted => return Ok(()),
                End::Over => {
                    self.broke();
                    if self.to.send(Pulled::Ended(Box::new(stream))).await.is_err() {
                        return Ok(());
                    }
                }
                End::Failed(error) => {
                    self.broke();
                    self.weigh(error, last_read)?;
                }
            }
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(PAUSES.1);
        }
    }

    /// What the stream would have brought comes when it is open again: until then silence says nothing.
    fn broke(&self) {
        self.shared.tide(|tide| tide.no_answer(clock::now()));
    }

    fn subscribe(&self, client: &Subscriber) -> MessageStream {
        let stream = client
            .subscribe(self.subscription.to_string())
            .set_max_outstanding_messages(self.load.max_messages)
            .set_max_outstanding_bytes(self.load.max_bytes)
            .set_max_lease_extension(EXTENSION)
            .set_max_lease(self.max_lease)
            .set_shutdown_behavior(ShutdownBehavior::NackImmediately)
            .build();
        self.closing.opened(&stream);
        stream
    }

    async fn read(&self, stream: &mut MessageStream, has_read: &mut bool) -> End {
        loop {
            // The first is waited for as long as it takes, since dropping the future would begin a connection anew.
            let mut next = tokio::select! {
                next = pin!(stream.next()) => next,
                () = self.to.closed() => return End::Unwanted,
            };
            let mut batch = Vec::new();
            let end = loop {
                match next {
                    Some(Ok(received)) => batch.push(self.delivery(received)),
                    other => break Some(end_of(other)),
                }
                if batch.len() >= BATCH {
                    break None;
                }
                match stream.next().now_or_never() {
                    Some(received) => next = received,
                    None => break None,
                }
            };
            *has_read |= !batch.is_empty();
            if !self.hand_over(batch).await {
                return End::Unwanted;
            }
            if let Some(end) = end {
                return end;
            }
        }
    }

    fn delivery(&self, (message, handler): (model::Message, Handler)) -> (model::Message, Delivery) {
        let attributes: usize = message.attributes.iter().map(|(name, value)| name.len() + value.len()).sum();
        let room = Room::of(&self.load, message.data.len() + attributes);
        (message, Delivery { handler, received: clock::now(), room })
    }

    /// False if the reader is gone.
    async fn hand_over(&self, batch: Vec<(model::Message, Delivery)>) -> bool {
        let Some(oldest) = batch.iter().map(|(message, _)| publish_time(message)).min() else { return true };
        self.load.send(oldest);
        self.to.send(Pulled::Batch(batch)).await.is_ok()
    }

    /// Whether a stream that failed is to be opened again.
    fn weigh(&self, error: google_cloud_pubsub::Error, last_read: Option<Instant>) -> Result<(), Error> {
        let is_forbidden = error.status().is_some_and(|status| status.code == Code::PermissionDenied);
        let was_known = last_read.is_some_and(|read| read.elapsed() < UNKNOWN);
        match Fault::of_gax(&error) {
            Fault::Passing(_) => {}
            Fault::Denied if was_known && !is_forbidden => {}
            Fault::Denied | Fault::Lasting => {
                return Err(client::subscription_failed(&self.subscription, error));
            }
        }
        let error = plain(&error.to_string());
        tracing::warn!(subscription = %self.subscription, error, "a stream of messages broke; opening it again");
        Ok(())
    }
}

fn end_of(received: Received) -> End {
    match received {
        Some(Err(error)) => End::Failed(error),
        _ => End::Over,
    }
}

/// Ends a task with its owner.
#[derive(Debug)]
pub(super) struct Task(tokio::task::JoinHandle<()>);

impl Task {
    pub(super) fn spawn(
        runtime: &tokio::runtime::Handle,
        work: impl Future<Output = ()> + Send + 'static,
    ) -> Self {
        Task(runtime.spawn(work))
    }
}

impl Drop for Task {
    fn drop(&mut self) {
        self.0.abort();
    }
}
