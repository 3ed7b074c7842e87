//! Services of gRPC as handlers of axum, without generated code.

use std::future::Future;

use axum::body::Body;
use axum::extract::Request;
use axum::response::Response;
use futures::Stream;
use prost::Message;
use tonic::codec::Streaming;
use tonic::server::Grpc;
use tonic::{Result, Status};
use tonic_prost::ProstCodec;
use tower::service_fn;

/// The largest message that is taken in; the services' own limits are about 10 MB.
const MAX_MESSAGE: usize = 64 << 20;

/// Answers one message with one.
pub(crate) async fn unary<In, Out, F>(request: Request, answer: impl Fn(In) -> F + Send) -> Response
where
    In: Message + Default + 'static,
    Out: Message + 'static,
    F: Future<Output = Result<Out, Status>> + Send,
{
    let service = service_fn(|request: tonic::Request<In>| {
        let answer = answer(request.into_inner());
        async move { answer.await.map(tonic::Response::new) }
    });
    let mut grpc = Grpc::new(ProstCodec::default()).max_decoding_message_size(MAX_MESSAGE);
    grpc.unary(service, request).await.map(Body::new)
}

/// Answers a stream of messages with a stream.
pub(crate) async fn streaming<In, Out, S, F>(
    request: Request,
    answer: impl Fn(Streaming<In>) -> F + Send + Sync,
) -> Response
where
    In: Message + Default + 'static,
    Out: Message + 'static,
    S: Stream<Item = Result<Out, Status>> + Send + 'static,
    F: Future<Output = Result<S, Status>> + Send,
{
    let service = service_fn(|request: tonic::Request<Streaming<In>>| {
        let answer = answer(request.into_inner());
        async move { answer.await.map(tonic::Response::new) }
    });
    let mut grpc = Grpc::new(ProstCodec::default()).max_decoding_message_size(MAX_MESSAGE);
    grpc.streaming(service, request).await.map(Body::new)
}
