use std::fmt;

use flow_core::{Error, ErrorKind};
use gcp_bigquery_client::error::BQError;
use tonic::{Code, Status};

use crate::gcp::Fault;

/// Why a request to BigQuery failed, without URLs and tokens.
#[derive(Clone, Debug)]
pub(crate) struct Failure {
    /// The HTTP status, where it is known.
    pub(crate) status: Option<i64>,
    text: String,
    fault: Fault,
    /// There was an answer, of which the client says nothing.
    unread: bool,
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl std::error::Error for Failure {}

/// BigQuery says these also with status 403: there they are no denial.
const LIMITS: [&str; 3] = ["jobRateLimitExceeded", "quotaExceeded", "rateLimitExceeded"];

/// BigQuery says these of its own failures, also within a job that is told of with status 200.
const OWN: [&str; 5] =
    ["backendError", "internalError", "jobBackendError", "jobInternalError", "tableUnavailable"];

impl Failure {
    pub(crate) fn lasting(text: impl Into<String>) -> Self {
        Failure { status: None, text: text.into(), fault: Fault::Lasting, unread: false }
    }

    /// By what an answer said.
    pub(crate) fn of_answer(status: i64, reason: &str, message: &str) -> Self {
        let fault = match u16::try_from(status) {
            Ok(400 | 403) if LIMITS.contains(&reason) => Fault::Passing(None),
            Ok(200 | 400) if OWN.contains(&reason) => Fault::Passing(None),
            Ok(status) => Fault::of_http(status, None),
            Err(_) => Fault::Lasting,
        };
        let text = one_line(message);
        let text =
            if reason.is_empty() { format!("{text} ({status})") } else { format!("{text} ({reason})") };
        Failure { status: Some(status), text, fault, unread: false }
    }

    pub(crate) fn of_status(status: &Status) -> Self {
        let http = match status.code() {
            Code::Unauthenticated => Some(401),
            Code::NotFound => Some(404),
            Code::AlreadyExists => Some(409),
            _ => None,
        };
        let text = format!("{} ({:?})", one_line(status.message()), status.code());
        Failure { status: http, text, fault: Fault::of_grpc(status.code() as i32), unread: false }
    }

    fn of_request(error: reqwest::Error) -> Self {
        // An answer that is no JSON, as a proxy's, comes here without its status. Whatever is asked through here may be
        // asked again.
        let fault = if error.is_builder() { Fault::Lasting } else { Fault::Passing(None) };
        let unread = error.is_decode();
        let error = error.without_url();
        let text = match std::error::Error::source(&error) {
            Some(cause) if !unread => format!("{error}: {cause}"),
            _ if unread => "the answer is not BigQuery's".to_owned(),
            _ => error.to_string(),
        };
        Failure { status: None, text: one_line(&text), fault, unread }
    }

    pub(crate) fn fault(&self) -> Fault {
        self.fault
    }

    /// Whether the client lost what the service answered.
    pub(crate) fn is_unread(&self) -> bool {
        self.unread
    }

    pub(crate) fn is_missing(&self) -> bool {
        self.status == Some(404)
    }

    pub(crate) fn is_there_already(&self) -> bool {
        self.status == Some(409)
    }

    pub(crate) fn is_too_large(&self) -> bool {
        self.status == Some(413)
    }

    /// The same failure, of something that will be there.
    pub(crate) fn passing(self) -> Self {
        Failure { fault: Fault::Passing(None), ..self }
    }

    /// As the run's error. That we are not let in is the user's to mend.
    pub(crate) fn into_error(self, kind: ErrorKind, context: impl fmt::Display) -> Error {
        match self.fault {
            Fault::Denied => Error::config(format!("{context}: {self}; {}", self.remedy(kind))),
            _ => Error::new(kind, format!("{context}: {self}")),
        }
    }

    /// What to do when we are not let in.
    fn remedy(&self, kind: ErrorKind) -> &'static str {
        match kind {
            _ if self.status == Some(401) => {
                "run `gcloud auth application-default login`, or look at the key file in GOOGLE_APPLICATION_CREDENTIALS"
            }
            ErrorKind::Sink => "give the account of the credentials the role roles/bigquery.dataEditor",
            _ => {
                "give the account of the credentials the roles roles/bigquery.dataViewer and roles/bigquery.jobUser"
            }
        }
    }
}

impl From<BQError> for Failure {
    fn from(error: BQError) -> Self {
        match error {
            BQError::ResponseError { error } => {
                let error = error.error;
                let reason = error.errors.first().and_then(|first| first.get("reason"));
                Failure::of_answer(error.code, reason.map_or("", String::as_str), &error.message)
            }
            BQError::RequestError(error) => Failure::of_request(error),
            BQError::TonicStatusError(status) => Failure::of_status(&status),
            other => Failure::lasting(one_line(&other.to_string())),
        }
    }
}

/// The first line of a server's message, and not too much of it.
pub(crate) fn one_line(message: &str) -> String {
    let line = message.split_whitespace().collect::<Vec<_>>().join(" ");
    line.chars().take(500).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_limit_is_no_denial() {
        let fault = |status, reason| Failure::of_answer(status, reason, "no").fault();
        assert_eq!(fault(403, "rateLimitExceeded"), Fault::Passing(None));
        assert_eq!(fault(403, "quotaExceeded"), Fault::Passing(None));
        assert_eq!(fault(403, "accessDenied"), Fault::Denied);
        assert_eq!(fault(400, "invalid"), Fault::Lasting);
        assert_eq!(fault(400, "backendError"), Fault::Passing(None));
        assert_eq!(fault(503, ""), Fault::Passing(None));
    }

    #[test]
    fn a_message_is_one_line() {
        assert_eq!(Failure::of_answer(400, "invalid", "a\n  b").to_string(), "a b (invalid)");
        let status = Status::not_found("no stream");
        assert!(Failure::of_status(&status).is_missing());
        assert_eq!(Failure::of_status(&status).to_string(), "no stream (NotFound)");
    }
}
