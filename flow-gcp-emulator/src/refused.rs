//! How the services say no, in both of their languages.

use axum::Json;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde_json::json;
use tonic::{Code, Status};

/// What a service refused to do, and why.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{message}")]
pub struct Refused {
    code: Code,
    message: String,
}

impl Refused {
    pub(crate) fn new(code: Code, message: impl Into<String>) -> Self {
        Refused { code, message: message.into() }
    }

    pub(crate) fn not_found(resource: &str) -> Self {
        Refused::new(Code::NotFound, format!("Resource not found (resource={resource})."))
    }

    pub(crate) fn exists(resource: &str) -> Self {
        let message = format!("Resource already exists in the project (resource={resource}).");
        Refused::new(Code::AlreadyExists, message)
    }

    pub(crate) fn invalid(message: impl Into<String>) -> Self {
        Refused::new(Code::InvalidArgument, message)
    }

    /// The code that gRPC has for it.
    pub fn code(&self) -> Code {
        self.code
    }
}

impl From<Refused> for Status {
    fn from(refused: Refused) -> Self {
        Status::new(refused.code, refused.message)
    }
}

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        json(http_of(self.code), &self.message, reason_of(self.code))
    }
}

/// An error as all of Google's REST services write it.
pub(crate) fn json(http: u16, message: &str, reason: &str) -> Response {
    let status = StatusCode::from_u16(http).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let errors = json!([{ "message": message, "domain": "global", "reason": reason }]);
    let error = json!({ "code": http, "message": message, "status": name_of(http), "errors": errors });
    (status, Json(json!({ "error": error }))).into_response()
}

pub(crate) fn http_of(code: Code) -> u16 {
    match code {
        Code::Ok => 200,
        Code::InvalidArgument | Code::FailedPrecondition | Code::OutOfRange => 400,
        Code::Unauthenticated => 401,
        Code::PermissionDenied => 403,
        Code::NotFound => 404,
        Code::AlreadyExists | Code::Aborted => 409,
        Code::ResourceExhausted => 429,
        Code::Cancelled => 499,
        Code::Unimplemented => 501,
        Code::Unavailable => 503,
        Code::DeadlineExceeded => 504,
        _ => 500,
    }
}

fn reason_of(code: Code) -> &'static str {
    match code {
        Code::NotFound => "notFound",
        Code::AlreadyExists => "conflict",
        Code::InvalidArgument => "invalid",
        _ => "backendError",
    }
}

fn name_of(http: u16) -> &'static str {
    match http {
        400 => "INVALID_ARGUMENT",
        401 => "UNAUTHENTICATED",
        403 => "PERMISSION_DENIED",
        404 => "NOT_FOUND",
        409 => "ALREADY_EXISTS",
        412 => "FAILED_PRECONDITION",
        429 => "RESOURCE_EXHAUSTED",
        501 => "UNIMPLEMENTED",
        503 => "UNAVAILABLE",
        504 => "DEADLINE_EXCEEDED",
        _ => "INTERNAL",
    }
}
