//! The gRPC part: publish, pull, acknowledge.

use std::future::ready;

use axum::Router;
use axum::extract::{Request, State};
use axum::response::Response;
use axum::routing::post;
use googleapis_tonic_google_pubsub_v1::google::pubsub::v1::{
    AcknowledgeRequest, ModifyAckDeadlineRequest, PullRequest, StreamingPullRequest,
};
use prost::Message as _;
use prost_types::Any;
use tonic::codec::Streaming;
use tonic::{Code, Status};

use super::PubSub;
use super::message::PublishRequest;
use crate::grpc;

pub(crate) fn routes() -> Router<PubSub> {
    Router::new()
        .route("/google.pubsub.v1.Publisher/Publish", post(publish))
        .route("/google.pubsub.v1.Subscriber/StreamingPull", post(streaming_pull))
        .route("/google.pubsub.v1.Subscriber/Pull", post(pull))
        .route("/google.pubsub.v1.Subscriber/Acknowledge", post(acknowledge))
        .route("/google.pubsub.v1.Subscriber/ModifyAckDeadline", post(modify_ack_deadline))
}

async fn publish(State(pubsub): State<PubSub>, request: Request) -> Response {
    let answer = |r: PublishRequest| ready(pubsub.publish_request(r).map_err(Status::from));
    grpc::unary(request, answer).await
}

async fn streaming_pull(State(pubsub): State<PubSub>, request: Request) -> Response {
    let answer = |incoming: Streaming<StreamingPullRequest>| pubsub.clone().streaming_pull(incoming);
    grpc::streaming(request, answer).await
}

async fn pull(State(pubsub): State<PubSub>, request: Request) -> Response {
    let answer = |r: PullRequest| {
        let room = super::room::Room::of(i64::from(r.max_messages.max(1)), 0);
        ready(pubsub.pull(&r.subscription, room).map_err(Status::from))
    };
    grpc::unary(request, answer).await
}

async fn acknowledge(State(pubsub): State<PubSub>, request: Request) -> Response {
    let answer = |r: AcknowledgeRequest| ready(pubsub.acknowledge(&r.subscription, r.ack_ids));
    grpc::unary(request, answer).await
}

async fn modify_ack_deadline(State(pubsub): State<PubSub>, request: Request) -> Response {
    let answer = |r: ModifyAckDeadlineRequest| {
        ready(pubsub.modify_ack_deadline(&r.subscription, r.ack_ids, r.ack_deadline_seconds))
    };
    grpc::unary(request, answer).await
}

impl PubSub {
    pub(crate) fn acknowledge(&self, name: &str, ack_ids: Vec<String>) -> Result<(), Status> {
        let (mut state, now) = (self.state(), self.now());
        let subscription = state.subscription(name)?;
        let (done, bad) = subscription.acknowledge(ack_ids, now);
        subscription.poke.notify_waiters();
        let exactly_once = subscription.settings.exactly_once;
        state.note_acknowledged(name, &done);
        if exactly_once { settled(bad) } else { Ok(()) }
    }

    pub(crate) fn modify_ack_deadline(
        &self,
        name: &str,
        ack_ids: Vec<String>,
        seconds: i32,
    ) -> Result<(), Status> {
        if !(0..=600).contains(&seconds) {
            return Err(Status::invalid_argument(format!(
                "a deadline of {seconds} s is not within 0 to 600"
            )));
        }
        let (mut state, now) = (self.state(), self.now());
        let deadline = (seconds > 0).then(|| now + i64::from(seconds) * 1_000_000);
        let subscription = state.subscription(name)?;
        let extended = subscription.extend(ack_ids, deadline, now);
        subscription.poke.notify_waiters();
        let exactly_once = subscription.settings.exactly_once;
        state.bury(name, &extended.dead, now);
        if exactly_once { settled(extended.bad) } else { Ok(()) }
    }
}

/// `google.rpc.Status`
#[derive(Clone, PartialEq, prost::Message)]
struct RpcStatus {
    #[prost(int32, tag = "1")]
    code: i32,
    #[prost(string, tag = "2")]
    message: String,
    #[prost(message, repeated, tag = "3")]
    details: Vec<Any>,
}

/// `google.rpc.ErrorInfo`
#[derive(Clone, PartialEq, prost::Message)]
struct ErrorInfo {
    #[prost(string, tag = "1")]
    reason: String,
    #[prost(string, tag = "2")]
    domain: String,
    #[prost(map = "string, string", tag = "3")]
    metadata: std::collections::HashMap<String, String>,
}

/// With exactly-once delivery, the ack ids that are not good any more are an error with details.
fn settled(bad: Vec<String>) -> Result<(), Status> {
    if bad.is_empty() {
        return Ok(());
    }
    let message = "Some acknowledgement ids in the request were invalid.".to_owned();
    let info = ErrorInfo {
        reason: "EXACTLY_ONCE_ACKID_FAILURE".to_owned(),
        domain: "pubsub.googleapis.com".to_owned(),
        metadata: bad.into_iter().map(|id| (id, "PERMANENT_FAILURE_INVALID_ACK_ID".to_owned())).collect(),
    };
    let info =
        Any { type_url: "type.googleapis.com/google.rpc.ErrorInfo".to_owned(), value: info.encode_to_vec() };
    let code = Code::FailedPrecondition;
    let details = RpcStatus { code: code.into(), message: message.clone(), details: vec![info] };
    Err(Status::with_details(code, message, details.encode_to_vec().into()))
}
