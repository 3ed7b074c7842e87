//! The API that registers users, asked over HTTP.

use std::fmt;
use std::time::Duration;

use backon::{ExponentialBuilder, Retryable};
use flow_core::Error;
use reqwest::header::RETRY_AFTER;
use reqwest::{Client, Response, StatusCode, Url};
use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::Value;

/// How large an answer may be: what a message of the topic may hold.
const MOST_BYTES: usize = 10_000_000;

/// The longest that a server may have us wait.
const LONGEST_WAIT: Duration = Duration::from_mins(10);

/// How patiently the API is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pauses {
    /// The pause before the second attempt, which doubles with each; there is as much again of chance in it.
    pub first: Duration,
    /// The longest pause.
    pub longest: Duration,
    /// How many attempts there are after the first.
    pub repetitions: usize,
}

impl Default for Pauses {
    /// From a quarter of a second to a minute, five times.
    fn default() -> Self {
        Pauses { first: Duration::from_millis(250), longest: Duration::from_mins(1), repetitions: 5 }
    }
}

/// The API. What it shows of itself has no URL, which may have a key in it.
#[derive(Clone)]
pub struct Api {
    client: Client,
    url: Url,
    pauses: Pauses,
}

impl fmt::Debug for Api {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Api").field("pauses", &self.pauses).finish_non_exhaustive()
    }
}

/// Why there is no answer. It never holds the URL, which may have a key in it.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AskError {
    /// The server was not reached, or the answer did not come to its end.
    #[error("the API is not reached")]
    Away(#[source] reqwest::Error),
    /// The server says that it did not work.
    #[error("the API answers {status}")]
    Status {
        /// What it says.
        status: StatusCode,
        /// How long it wants us to wait.
        retry_after: Option<Duration>,
    },
    /// The API says, in an answer of its usual form, that it has failed.
    #[error("the API failed: {0}")]
    Failed(String),
    /// It is something else than an answer.
    #[error("the API's answer is none: {0}")]
    NoAnswer(#[source] serde_json::Error),
    /// There are no results in it.
    #[error("the API's answer has no results")]
    NoResults,
    /// No message can hold it.
    #[error("the API's answer is larger than {MOST_BYTES} bytes: ask for fewer results")]
    TooLarge,
}

impl AskError {
    /// Whether asking again may help.
    fn passes(&self) -> bool {
        match self {
            AskError::Status { status, .. } => {
                status.is_server_error() || matches!(status.as_u16(), 408 | 429)
            }
            AskError::TooLarge => false,
            _ => true,
        }
    }

    fn retry_after(&self) -> Duration {
        match self {
            AskError::Status { retry_after: Some(time), .. } => (*time).min(LONGEST_WAIT),
            _ => Duration::ZERO,
        }
    }
}

impl From<reqwest::Error> for AskError {
    fn from(error: reqwest::Error) -> Self {
        AskError::Away(error.without_url())
    }
}

/// As much of an answer as tells it from what is none.
#[derive(Deserialize)]
#[serde(expecting = "an answer of the API")]
struct Shape {
    #[serde(default)]
    results: Option<Vec<IgnoredAny>>,
    #[serde(default)]
    error: Option<Value>,
}

impl Api {
    /// The API at a URL, which is reached without encryption only on this machine.
    ///
    /// # Errors
    /// The URL is none, or would be reached without encryption.
    pub fn at(url: &str) -> Result<Self, Error> {
        let api = Self::in_plaintext_at(url)?;
        if api.url.scheme() == "http" && !is_here(&api.url) {
            return Err(Error::config(
                "the API would be asked without encryption, so that anybody on the way reads its key and changes its \
                 answers: use https, or allow plaintext",
            ));
        }
        Ok(api)
    }

    /// The API at a URL, be it reached without encryption.
    ///
    /// # Errors
    /// The URL is none.
    pub fn in_plaintext_at(url: &str) -> Result<Self, Error> {
        let wrong = |cause: &dyn fmt::Display| Error::config(format!("the API's URL is none: {cause}"));
        let url: Url = url.parse().map_err(|cause| wrong(&cause))?;
        if !matches!(url.scheme(), "http" | "https") {
            return Err(wrong(&"it begins neither with https:// nor with http://"));
        }
        // Where we are sent on to learns no key from the URL, and nothing goes back to plaintext.
        let client = Client::builder().referer(false).https_only(url.scheme() == "https");
        let client = client.timeout(Duration::from_secs(30)).connect_timeout(Duration::from_secs(10));
        let client =
            client.build().map_err(|cause| Error::config("there is no HTTP client").caused_by(cause))?;
        Ok(Api { client, url, pauses: Pauses::default() })
    }

    /// Asked more or less patiently.
    #[must_use]
    pub fn pausing(self, pauses: Pauses) -> Self {
        Api { pauses, ..self }
    }

    /// An answer with results, in the bytes in which it came. What passes is tried again.
    ///
    /// # Errors
    /// Of the last attempt.
    pub async fn answer(&self) -> Result<Vec<u8>, AskError> {
        let Pauses { first, longest, repetitions } = self.pauses;
        let pauses = ExponentialBuilder::new().with_factor(2.0).with_jitter().with_max_times(repetitions);
        (|| self.ask())
            .retry(pauses.with_min_delay(first).with_max_delay(longest))
            .when(AskError::passes)
            .adjust(|error, pause| pause.map(|pause| pause.max(error.retry_after())))
            .notify(|error, pause| tracing::info!(%error, ?pause, "no answer; trying again"))
            .await
    }

    async fn ask(&self) -> Result<Vec<u8>, AskError> {
        let response = self.client.get(self.url.clone()).send().await?;
        let status = response.status();
        if !status.is_success() {
            return Err(AskError::Status { status, retry_after: retry_after(&response) });
        }
        let body = body(response).await?;
        check(&body).map(|()| body)
    }
}

fn is_here(url: &Url) -> bool {
    let host = url.host_str().unwrap_or_default();
    let ip = host.trim_matches(['[', ']']).parse::<std::net::IpAddr>();
    host == "localhost" || ip.is_ok_and(|ip| ip.is_loopback())
}

/// The body, as far as a message holds it.
async fn body(mut response: Response) -> Result<Vec<u8>, AskError> {
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await? {
        if body.len() + chunk.len() > MOST_BYTES {
            return Err(AskError::TooLarge);
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}

/// Whether a body is an answer with results.
fn check(body: &[u8]) -> Result<(), AskError> {
    let shape: Shape = serde_json::from_slice(body).map_err(AskError::NoAnswer)?;
    match shape {
        Shape { error: Some(Value::String(error)), .. } => Err(AskError::Failed(error)),
        Shape { error: Some(error), .. } => Err(AskError::Failed(error.to_string())),
        Shape { results: None, .. } => Err(AskError::NoResults),
        Shape { results: Some(_), .. } => Ok(()),
    }
}

/// When the server wants to be asked again, if it says so in seconds.
fn retry_after(response: &Response) -> Option<Duration> {
    let value = response.headers().get(RETRY_AFTER)?.to_str().ok()?;
    value.trim().parse().ok().map(Duration::from_secs)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_has_results_and_no_error_is_an_answer() {
        assert!(check(br#"{"results": [{}], "info": {}}"#).is_ok());
        assert!(check(br#"{"results": []}"#).is_ok());
        let wrong = |body: &str| check(body.as_bytes()).unwrap_err().to_string();
        assert_eq!(wrong(r#"{"error": "Uh oh."}"#), "the API failed: Uh oh.");
        assert_eq!(wrong(r#"{"results": [], "error": {"code": 1}}"#), r#"the API failed: {"code":1}"#);
        assert_eq!(wrong("{}"), "the API's answer has no results");
        assert!(wrong("<html>").starts_with("the API's answer is none: "));
        assert!(wrong(r#"{"results": "#).starts_with("the API's answer is none: "));
    }

    #[test]
    fn a_url_of_another_kind_is_refused() {
        for wrong in ["randomuser", "file:///etc/passwd", ""] {
            let error = Api::at(wrong).unwrap_err().to_string();
            assert!(error.starts_with("the API's URL is none: "), "{error}");
        }
    }

    #[test]
    fn plaintext_leaves_the_machine_only_when_it_is_allowed() {
        let wrong = Api::at("http://example.com/api?key=s3cret").unwrap_err().to_string();
        assert!(wrong.starts_with("the API would be asked without encryption"), "{wrong}");
        assert!(Api::in_plaintext_at("http://example.com/api").is_ok());
        for fine in ["http://localhost:1/x", "http://127.0.0.1/", "http://[::1]:8080/", "https://example.com"]
        {
            assert!(Api::at(fine).is_ok(), "{fine}");
        }
    }

    #[test]
    fn the_key_in_a_url_is_not_shown() {
        let api = Api::at("https://user:s3cret@example.com/api?key=s3cret").unwrap();
        assert!(!format!("{api:?} {api:#?}").contains("s3cret"));
    }
}
