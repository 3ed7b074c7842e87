use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use google_cloud_gax::backoff_policy::BackoffPolicy;
use google_cloud_gax::error::Error;
use google_cloud_gax::retry_policy::RetryPolicy;
use google_cloud_gax::retry_result::RetryResult;
use google_cloud_gax::retry_state::RetryState;

use crate::gcp::{Fault, Retrying, Tries};

/// Our patience, for requests that the client has to repeat by itself: only it can go on with an upload where it broke.
#[derive(Clone, Debug)]
pub(super) struct Patience(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    retrying: Retrying,
    what: String,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    tries: Tries,
    pause: Option<Duration>,
}

/// Before what is no repetition: the server has taken a part and wants the rest.
const GOING_ON: Duration = Duration::from_millis(10);

impl Patience {
    pub(super) fn new(retrying: &Retrying, what: &str) -> Self {
        let state = Mutex::new(State { tries: retrying.tries(), pause: None });
        Patience(Arc::new(Inner { retrying: retrying.clone(), what: what.to_owned(), state }))
    }
}

impl RetryPolicy for Patience {
    fn on_error(&self, _: &RetryState, error: Error) -> RetryResult {
        let mut state = self.0.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.pause = self.0.retrying.again(&mut state.tries, &self.0.what, Fault::of_gax(&error), &error);
        if state.pause.is_none() {
            return RetryResult::Permanent(error);
        }
        self.0.retrying.traffic().requests.inc();
        self.0.retrying.traffic().retries.inc();
        RetryResult::Continue(error)
    }
}

impl BackoffPolicy for Patience {
    fn on_failure(&self, _: &RetryState) -> Duration {
        let mut state = self.0.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.pause.take().unwrap_or(GOING_ON)
    }
}

#[cfg(test)]
mod tests {
    use flow_core::metrics::{MetricValue, Metrics};
    use google_cloud_gax::error::rpc::{Code, Status};

    use super::*;
    use crate::gcp::{Retry, Traffic};

    #[tokio::test(start_paused = true)]
    async fn what_passes_is_repeated_after_a_pause_and_counted() {
        let metrics = Metrics::default();
        let retrying = Retrying::new(&Retry::without_end(), Traffic::new(&metrics));
        let patience = Patience::new(&retrying, "a test");
        let state = RetryState::new(true);
        let away = Error::service(Status::default().set_code(Code::Unavailable));
        assert!(matches!(patience.on_error(&state, away), RetryResult::Continue(_)));
        assert!(patience.on_failure(&state) >= Duration::from_millis(250));
        assert_eq!(patience.on_failure(&state), GOING_ON);
        let wrong = Error::service(Status::default().set_code(Code::InvalidArgument));
        assert!(matches!(patience.on_error(&state, wrong), RetryResult::Permanent(_)));
        assert_eq!(metrics.read()["retries"], MetricValue::Counter(1));
    }
}
