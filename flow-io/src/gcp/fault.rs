use std::error::Error as _;
use std::time::Duration;

use google_cloud_gax::error::Error as GaxError;
use google_cloud_gax::error::rpc::Code;

/// What a failed request means for the next one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// The service is overloaded or away, or the answer was lost: the same again, but not before the given time.
    Passing(Option<Duration>),
    /// We are not who we should be. At the start it is the user's to mend; later, keys may be changing.
    Denied,
    /// The same request will fail again.
    Lasting,
}

impl Fault {
    /// By the status of an HTTP answer.
    pub(crate) fn of_http(status: u16, retry_after: Option<Duration>) -> Fault {
        match status {
            408 | 429 | 500 | 502 | 503 | 504 => Fault::Passing(retry_after),
            401 | 403 => Fault::Denied,
            _ => Fault::Lasting,
        }
    }

    /// By the code of a gRPC answer, as its number.
    pub(crate) fn of_grpc(code: i32) -> Fault {
        match Code::from(code) {
            Code::Unavailable
            | Code::Aborted
            | Code::DeadlineExceeded
            | Code::ResourceExhausted
            | Code::Internal
            | Code::Unknown
            | Code::Cancelled => Fault::Passing(None),
            Code::Unauthenticated | Code::PermissionDenied => Fault::Denied,
            _ => Fault::Lasting,
        }
    }

    /// Of an error of Google's own clients.
    pub(crate) fn of_gax(error: &GaxError) -> Fault {
        if error.is_authentication() {
            return Fault::Denied;
        }
        // The client hides whatever prevents the start of a resumable upload behind one that passes.
        if error.is_io()
            && let Some(hidden) = error.source().and_then(|cause| cause.downcast_ref::<GaxError>())
        {
            return Fault::of_gax(hidden);
        }
        if let Some(status) = error.http_status_code() {
            return Fault::of_http(status, retry_after(error));
        }
        if let Some(status) = error.status() {
            return Fault::of_grpc(status.code as i32);
        }
        let ours = error.is_binding() || error.is_serialization();
        if ours { Fault::Lasting } else { Fault::Passing(None) }
    }
}

fn retry_after(error: &GaxError) -> Option<Duration> {
    parse_retry_after(error.http_headers()?.get("retry-after")?.to_str().ok()?)
}

/// The value of the header in seconds; the form with a date is left to the backoff.
pub(crate) fn parse_retry_after(value: &str) -> Option<Duration> {
    value.trim().parse().ok().map(Duration::from_secs)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_passes_is_repeated() {
        let passing: Vec<u16> =
            (400..600).filter(|s| matches!(Fault::of_http(*s, None), Fault::Passing(_))).collect();
        assert_eq!(passing, [408, 429, 500, 502, 503, 504]);
        assert_eq!(Fault::of_http(403, None), Fault::Denied);
        assert_eq!(Fault::of_http(412, None), Fault::Lasting);
        assert_eq!(Fault::of_grpc(14), Fault::Passing(None));
        assert_eq!(Fault::of_grpc(7), Fault::Denied);
        assert_eq!(Fault::of_grpc(6), Fault::Lasting);
    }

    #[test]
    fn what_is_hidden_behind_a_broken_connection_counts() {
        assert_eq!(Fault::of_gax(&GaxError::io("reset")), Fault::Passing(None));
        assert_eq!(Fault::of_gax(&GaxError::io(GaxError::io("reset"))), Fault::Passing(None));
        assert_eq!(Fault::of_gax(&GaxError::io(GaxError::ser("no such file"))), Fault::Lasting);
    }

    #[test]
    fn a_server_says_when_to_come_back() {
        assert_eq!(parse_retry_after(" 7 "), Some(Duration::from_secs(7)));
        assert_eq!(parse_retry_after("Wed, 21 Oct 2015 07:28:00 GMT"), None);
    }
}
