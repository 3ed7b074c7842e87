//! What a call is answered with when it cannot be served.

use axum::Json;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

/// Why a call was refused, in the service's own words.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct Error {
    pub(crate) code: u16,
    pub(crate) reason: &'static str,
    pub(crate) message: String,
}

pub(crate) type Result<T> = std::result::Result<T, Error>;

impl Error {
    pub(crate) fn new(code: u16, reason: &'static str, message: impl Into<String>) -> Self {
        Self { code, reason, message: message.into() }
    }

    pub(crate) fn not_found(what: impl std::fmt::Display) -> Self {
        Self::new(404, "notFound", format!("Not found: {what}"))
    }

    pub(crate) fn duplicate(what: impl std::fmt::Display) -> Self {
        Self::new(409, "duplicate", format!("Already Exists: {what}"))
    }

    pub(crate) fn invalid(message: impl Into<String>) -> Self {
        Self::new(400, "invalid", message)
    }

    pub(crate) fn query(message: impl Into<String>) -> Self {
        Self::new(400, "invalidQuery", message)
    }

    /// The reason of the service's errors: `notFound`, `duplicate`, `invalid`, `invalidQuery`, ...
    pub fn reason(&self) -> &'static str {
        self.reason
    }

    /// The HTTP status that the call is answered with.
    pub fn code(&self) -> u16 {
        self.code
    }

    /// As it stands in a job's `errorResult`.
    pub(crate) fn proto(&self) -> Value {
        json!({"reason": self.reason, "message": self.message})
    }

    fn status(&self) -> &'static str {
        match self.code {
            404 => "NOT_FOUND",
            409 => "ALREADY_EXISTS",
            413 => "OUT_OF_RANGE",
            500 => "INTERNAL",
            503 => "UNAVAILABLE",
            _ => "INVALID_ARGUMENT",
        }
    }
}

/// SQLite fails on a full disk or a broken file: a fault of the server.
impl From<rusqlite::Error> for Error {
    fn from(error: rusqlite::Error) -> Self {
        Self::new(500, "internalError", error.to_string())
    }
}

impl IntoResponse for Error {
    fn into_response(self) -> Response {
        let body = json!({"error": {
            "code": self.code,
            "message": self.message,
            "errors": [{"message": self.message, "domain": "global", "reason": self.reason}],
            "status": self.status(),
        }});
        let code = StatusCode::from_u16(self.code).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        (code, Json(body)).into_response()
    }
}
