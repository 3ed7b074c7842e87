//! The layer in front of all services: it counts calls, and does what the plan says.

use std::convert::Infallible;
use std::future;
use std::io;
use std::time::Duration;

use axum::body::{Body, Bytes, to_bytes};
use axum::extract::{Request, State};
use axum::http::{HeaderValue, header};
use axum::middleware::Next;
use axum::response::{Html, IntoResponse, Response};
use futures::{StreamExt, stream};
use tonic::{Code, Status};

use super::{Fault, Faults};
use crate::calls::{Calls, Counted};
use crate::refused;

/// What the layer needs.
#[derive(Clone, Debug, Default)]
pub(crate) struct Door {
    pub(crate) calls: Calls,
    pub(crate) faults: Faults,
}

impl Door {
    /// The layer.
    pub(crate) async fn pass(State(door): State<Door>, request: Request, next: Next) -> Response {
        let call = crate::names::of(request.method(), request.uri());
        let counter = door.calls.counter(&call);
        counter.called();
        let request = request.map(|body| Body::new(Counted::incoming(body, counter.clone())));
        let response = match door.faults.of_call(&call) {
            None => next.run(request).await,
            Some(fault) => meet(fault, request, next).await,
        };
        response.map(|body| Body::new(Counted::outgoing(body, counter)))
    }
}

async fn meet(fault: Fault, request: Request, next: Next) -> Response {
    let grpc = is_grpc(&request);
    match fault {
        Fault::Hang => future::pending().await,
        Fault::LateAnswer => {
            next.run(request).await;
            future::pending().await
        }
        Fault::LostAnswer => {
            next.run(request).await;
            broken(grpc)
        }
        Fault::Reset => broken(grpc),
        Fault::CutAnswer if grpc => {
            next.run(request).await;
            broken(grpc)
        }
        Fault::CutAnswer => cut(next.run(request).await).await,
        Fault::Delay(by) => {
            tokio::time::sleep(by).await;
            next.run(request).await
        }
        Fault::Trickle(bytes, every) => trickle(next.run(request).await, bytes.max(1), every).await,
        Fault::Grpc(code) if grpc => Status::new(code, "planned fault").into_http(),
        Fault::Grpc(code) => instead(request, refused::http_of(code), None).await,
        Fault::Status { code, .. } if grpc => Status::new(code_of(code), "planned fault").into_http(),
        Fault::Status { code, retry_after } => instead(request, code, retry_after).await,
        Fault::Html if grpc => Status::unavailable("planned fault").into_http(),
        Fault::Html => {
            drain(request).await;
            let page = Html("<html><body><h1>503 Service Unavailable</h1></body></html>");
            (axum::http::StatusCode::SERVICE_UNAVAILABLE, page).into_response()
        }
        _ => next.run(request).await,
    }
}

fn is_grpc(request: &Request) -> bool {
    let kind = request.headers().get(header::CONTENT_TYPE);
    kind.is_some_and(|kind| kind.as_bytes().starts_with(b"application/grpc"))
}

/// The connection breaks before anything is answered.
fn broken(grpc: bool) -> Response {
    if grpc {
        return Status::unavailable("planned fault: the connection broke").into_http();
    }
    Response::new(Body::from_stream(stream::once(async { Err::<Bytes, _>(reset()) })))
}

/// The connection breaks when half of the answer has been sent.
async fn cut(response: Response) -> Response {
    let (parts, body) = response.into_parts();
    let Ok(whole) = to_bytes(body, usize::MAX).await else { return broken(false) };
    let half = stream::iter([Ok(whole.slice(..whole.len() / 2))]);
    let end = stream::once(async {
        // The half is sent when nothing more is ready.
        tokio::task::yield_now().await;
        Err(reset())
    });
    let mut response = Response::from_parts(parts, Body::from_stream(half.chain(end)));
    response.headers_mut().insert(header::CONTENT_LENGTH, HeaderValue::from(whole.len().max(1)));
    response
}

fn reset() -> io::Error {
    io::Error::from(io::ErrorKind::ConnectionReset)
}

async fn instead(request: Request, code: u16, retry_after: Option<u64>) -> Response {
    drain(request).await;
    let mut response = refused::json(code, "planned fault", "backendError");
    if let Some(seconds) = retry_after {
        response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
    }
    response
}

/// Reads what the client still sends, so that it gets to read the answer.
async fn drain(request: Request) {
    let _ = to_bytes(request.into_body(), usize::MAX).await;
}

async fn trickle(response: Response, bytes: usize, every: Duration) -> Response {
    let (parts, body) = response.into_parts();
    let Ok(whole) = to_bytes(body, usize::MAX).await else { return broken(false) };
    let pieces: Vec<Bytes> = whole.chunks(bytes).map(|piece| whole.slice_ref(piece)).collect();
    let slowly = stream::iter(pieces).then(move |piece| async move {
        tokio::time::sleep(every).await;
        Ok::<_, Infallible>(piece)
    });
    Response::from_parts(parts, Body::from_stream(slowly))
}

/// The code of gRPC that is most like an HTTP status.
fn code_of(status: u16) -> Code {
    match status {
        400 => Code::InvalidArgument,
        401 => Code::Unauthenticated,
        403 => Code::PermissionDenied,
        404 => Code::NotFound,
        409 => Code::Aborted,
        412 => Code::FailedPrecondition,
        429 => Code::ResourceExhausted,
        500 => Code::Internal,
        501 => Code::Unimplemented,
        504 => Code::DeadlineExceeded,
        _ => Code::Unavailable,
    }
}
