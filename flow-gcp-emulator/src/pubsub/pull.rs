//! Streams of messages.

use std::pin::pin;
use std::sync::Arc;

use futures::{Stream, stream};
use googleapis_tonic_google_pubsub_v1::google::pubsub::v1::StreamingPullRequest;
use googleapis_tonic_google_pubsub_v1::google::pubsub::v1::streaming_pull_response::SubscriptionProperties;
use tokio::sync::Notify;
use tonic::Status;
use tonic::codec::Streaming;

use super::PubSub;
use super::message::{PullResponse, Received};
use super::room::Room;
use crate::{Fault, Refused};

/// The stream of those who do not stream.
const NO_STREAM: u64 = 0;

/// One open stream.
#[derive(Debug)]
struct Pull {
    pubsub: PubSub,
    subscription: String,
    stream: u64,
    /// For how long messages are leased, in microseconds.
    lease: i64,
    incoming: Streaming<StreamingPullRequest>,
    poke: Arc<Notify>,
}

/// What a stream does next.
enum Step {
    Send(PullResponse),
    /// Until a moment, if nobody pokes before.
    Wait(Option<i64>),
    End,
}

impl PubSub {
    /// Opens a stream by its first request.
    pub(crate) async fn streaming_pull(
        self,
        mut incoming: Streaming<StreamingPullRequest>,
    ) -> Result<impl Stream<Item = Result<PullResponse, Status>> + use<>, Status> {
        let first = incoming.message().await?;
        let first = first.ok_or_else(|| Status::invalid_argument("a stream begins with a request"))?;
        let pull = self.open(first, incoming)?;
        Ok(stream::unfold(pull, |mut pull| async move { pull.next().await.map(|response| (response, pull)) }))
    }

    fn open(
        self,
        first: StreamingPullRequest,
        incoming: Streaming<StreamingPullRequest>,
    ) -> Result<Pull, Refused> {
        let seconds = first.stream_ack_deadline_seconds;
        if seconds != 0 && !(10..=600).contains(&seconds) {
            return Err(Refused::invalid(format!("stream_ack_deadline_seconds is {seconds}, not 10 to 600")));
        }
        let mut state = self.state();
        let stream = state.next_stream();
        let subscription = state.subscription(&first.subscription)?;
        subscription.open(stream, Room::of(first.max_outstanding_messages, first.max_outstanding_bytes));
        let poke = subscription.poke.clone();
        let lease =
            if seconds == 0 { subscription.settings.ack_deadline } else { i64::from(seconds) * 1_000_000 };
        drop(state);
        Ok(Pull { pubsub: self, subscription: first.subscription, stream, lease, incoming, poke })
    }

    /// Leases what one unary pull may have.
    pub(crate) fn pull(&self, name: &str, room: Room) -> Result<PullResponse, Refused> {
        let (mut state, now) = (self.state(), self.now());
        let dead = state.subscription(name)?.expire(now);
        state.bury(name, &dead, now);
        let mut ids = state.last_lease;
        let subscription = state.subscription(name)?;
        subscription.open(NO_STREAM, room);
        let deadline = now + subscription.settings.ack_deadline;
        let received_messages = subscription.deliver(NO_STREAM, now, deadline, &mut ids);
        subscription.close(NO_STREAM);
        state.last_lease = ids;
        Ok(PullResponse { received_messages, subscription_properties: None })
    }
}

impl Pull {
    async fn next(&mut self) -> Option<Result<PullResponse, Status>> {
        loop {
            let poke = self.poke.clone();
            let mut poked = pin!(poke.notified());
            poked.as_mut().enable();
            let until = match self.step() {
                Err(status) => return Some(Err(status)),
                Ok(Step::Send(response)) => return Some(Ok(response)),
                Ok(Step::End) => return None,
                Ok(Step::Wait(until)) => until,
            };
            tokio::select! {
                () = poked => {}
                () = self.pubsub.0.clock.until(until) => {}
                request = self.incoming.message() => match request {
                    Ok(Some(request)) => self.hear(request),
                    Ok(None) | Err(_) => return None,
                },
            }
        }
    }

    fn step(&self) -> Result<Step, Status> {
        let (mut state, now) = (self.pubsub.state(), self.pubsub.now());
        let dead = state.subscription(&self.subscription)?.expire(now);
        state.bury(&self.subscription, &dead, now);
        let mut ids = state.last_lease;
        let subscription = state.subscription(&self.subscription)?;
        let mut received = subscription.deliver(self.stream, now, now + self.lease, &mut ids);
        if received.is_empty() {
            return Ok(Step::Wait(subscription.next_moment()));
        }
        let met = match self.pubsub.0.faults.next("pubsub.StreamingPull.response") {
            None => None,
            Some(Fault::Duplicate) => {
                subscription.duplicate(&mut received, &mut ids);
                None
            }
            Some(Fault::Reverse) => {
                received.reverse();
                None
            }
            Some(Fault::ExpireLeases) => {
                subscription.expire_leases(&received, now);
                None
            }
            Some(fault) => Some(fault),
        };
        let properties = SubscriptionProperties {
            exactly_once_delivery_enabled: subscription.settings.exactly_once,
            message_ordering_enabled: subscription.settings.ordered,
        };
        state.last_lease = ids;
        drop(state);
        match met {
            None => Ok(Step::Send(response(received, properties))),
            Some(Fault::EndStream) => Ok(Step::End),
            Some(Fault::Grpc(code)) => Err(Status::new(code, "planned fault")),
            Some(_) => Err(Status::unavailable("planned fault")),
        }
    }

    /// Clients of other languages acknowledge on the stream.
    fn hear(&self, request: StreamingPullRequest) {
        let _ = self.pubsub.acknowledge(&self.subscription, request.ack_ids);
        for (id, seconds) in request.modify_deadline_ack_ids.into_iter().zip(request.modify_deadline_seconds)
        {
            let _ = self.pubsub.modify_ack_deadline(&self.subscription, vec![id], seconds);
        }
    }
}

impl Drop for Pull {
    fn drop(&mut self) {
        if let Ok(subscription) = self.pubsub.state().subscription(&self.subscription) {
            subscription.close(self.stream);
        }
    }
}

fn response(received_messages: Vec<Received>, properties: SubscriptionProperties) -> PullResponse {
    PullResponse { received_messages, subscription_properties: Some(properties) }
}
