use std::collections::BTreeMap;
use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;

use flow_core::{Error, Result};
use google_cloud_auth::credentials::{Builder, Credentials, anonymous};

use super::Retry;
use super::clients::Clients;

/// A service of Google Cloud, each with an endpoint of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Service {
    /// Pub/Sub: its admin over HTTP, and its messages over gRPC.
    PubSub,
    /// Cloud Storage's objects, over HTTP.
    Storage,
    /// Cloud Storage's listings and buckets, over gRPC.
    StorageControl,
    /// BigQuery, over HTTP.
    BigQuery,
    /// BigQuery's Storage Write API, over gRPC.
    BigQueryStorage,
}

impl Service {
    const ALL: [Service; 5] = [
        Service::PubSub,
        Service::Storage,
        Service::StorageControl,
        Service::BigQuery,
        Service::BigQueryStorage,
    ];

    /// The variable that says where its emulator is.
    pub fn variable(self) -> &'static str {
        match self {
            Service::PubSub => "PUBSUB_EMULATOR_HOST",
            Service::Storage => "STORAGE_EMULATOR_HOST",
            Service::StorageControl => "STORAGE_CONTROL_EMULATOR_HOST",
            Service::BigQuery => "BIGQUERY_EMULATOR_HOST",
            Service::BigQueryStorage => "BIGQUERY_STORAGE_EMULATOR_HOST",
        }
    }

    /// The service that stands on the same port unless it is said to stand elsewhere.
    fn beside(self) -> Option<Service> {
        match self {
            Service::StorageControl => Some(Service::Storage),
            Service::BigQueryStorage => Some(Service::BigQuery),
            _ => None,
        }
    }
}

impl fmt::Display for Service {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Service::PubSub => "Pub/Sub",
            Service::Storage => "Cloud Storage",
            Service::StorageControl => "Cloud Storage's control",
            Service::BigQuery => "BigQuery",
            Service::BigQueryStorage => "BigQuery Storage",
        })
    }
}

/// Where Google Cloud is, who we are, and how patiently we ask. Clones share their connections.
///
/// ```
/// use std::time::Duration;
/// use flow_io::gcp::{GoogleCloud, Retry, Service};
/// let real = GoogleCloud::new();
/// let emulator = GoogleCloud::at("http://127.0.0.1:8085");
/// let mixed = GoogleCloud::new().with_endpoint(Service::BigQuery, "http://127.0.0.1:9050");
/// let hasty = GoogleCloud::new().with_retry(Retry::for_at_most(Duration::from_secs(10)));
/// ```
#[derive(Clone)]
pub struct GoogleCloud {
    endpoints: BTreeMap<Service, String>,
    credentials: Option<Credentials>,
    plaintext: bool,
    retry: Retry,
    clients: Arc<Clients>,
}

impl Default for GoogleCloud {
    fn default() -> Self {
        GoogleCloud {
            endpoints: BTreeMap::new(),
            credentials: None,
            plaintext: false,
            retry: Retry::without_end(),
            clients: Arc::default(),
        }
    }
}

impl fmt::Debug for GoogleCloud {
    /// Without the credentials, and what is secret in endpoints.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let endpoints: BTreeMap<_, _> =
            self.endpoints.iter().map(|(service, url)| (service, without_secrets(url))).collect();
        f.debug_struct("GoogleCloud").field("endpoints", &endpoints).finish_non_exhaustive()
    }
}

impl GoogleCloud {
    /// The real services, with the application default credentials.
    pub fn new() -> Self {
        Self::default()
    }

    /// As [`new`](GoogleCloud::new), but for services whose emulators the environment names: `PUBSUB_EMULATOR_HOST`,
    /// `STORAGE_EMULATOR_HOST`, `STORAGE_CONTROL_EMULATOR_HOST`, `BIGQUERY_EMULATOR_HOST` and
    /// `BIGQUERY_STORAGE_EMULATOR_HOST`, each a host and port or a URL. The two that few know of are where Storage and
    /// BigQuery are unless they are set.
    pub fn from_env() -> Self {
        Self::from_variables(|name| std::env::var(name).ok())
    }

    fn from_variables(value: impl Fn(&str) -> Option<String>) -> Self {
        Service::ALL.into_iter().fold(Self::new(), |cloud, service| match value(service.variable()) {
            Some(url) if !url.trim().is_empty() => cloud.with_endpoint(service, url.trim()),
            _ => cloud,
        })
    }

    /// All services at one place: an emulator, asked without credentials.
    pub fn at(url: &str) -> Self {
        let mut cloud = Self::new();
        cloud.endpoints = Service::ALL.into_iter().map(|service| (service, with_scheme(url))).collect();
        cloud
    }

    /// One service at a place of its own: a URL, or a host and port.
    #[must_use]
    pub fn with_endpoint(mut self, service: Service, url: &str) -> Self {
        self.endpoints.insert(service, with_scheme(url));
        self.changed()
    }

    /// Other credentials than the application default; places that were named are asked with them too.
    #[must_use]
    pub fn with_credentials(mut self, credentials: Credentials) -> Self {
        self.credentials = Some(credentials);
        self.changed()
    }

    /// Asks without credentials, as for public data.
    #[must_use]
    pub fn anonymous(self) -> Self {
        self.with_credentials(anonymous::Builder::new().build())
    }

    /// Lets data travel unencrypted to other machines than this one, as to an emulator in a network of containers.
    #[must_use]
    pub fn allow_plaintext(mut self) -> Self {
        self.plaintext = true;
        self.changed()
    }

    /// How requests are repeated; without end unless set.
    #[must_use]
    pub fn with_retry(mut self, retry: Retry) -> Self {
        self.retry = retry;
        self
    }

    /// Connections of other settings are not ours.
    fn changed(mut self) -> Self {
        self.clients = Arc::default();
        self
    }

    /// Where a service was said to be; none is Google's own place.
    pub(crate) fn endpoint(&self, service: Service) -> Result<Option<&str>> {
        let beside = || self.endpoints.get(&service.beside()?);
        let Some(url) = self.endpoints.get(&service).or_else(beside) else { return Ok(None) };
        if !self.plaintext && !is_private(url)? {
            return Err(Error::config(format!(
                "{service} at {} would be reached without encryption: use https, or allow plaintext",
                without_secrets(url)
            )));
        }
        Ok(Some(url))
    }

    /// Who we are to a service: at a named place nobody, unless credentials were given.
    pub(crate) fn credentials(&self, service: Service) -> Result<Credentials> {
        match &self.credentials {
            Some(credentials) => Ok(credentials.clone()),
            None if self.endpoint(service)?.is_some() => Ok(anonymous::Builder::new().build()),
            None => Builder::default().build().map_err(|cause| {
                Error::config(
                    "there are no credentials for Google Cloud: run `gcloud auth application-default login`, or \
                     name a key file in GOOGLE_APPLICATION_CREDENTIALS",
                )
                .caused_by(cause)
            }),
        }
    }

    pub(crate) fn retry(&self) -> &Retry {
        &self.retry
    }

    pub(crate) fn clients(&self) -> &Clients {
        &self.clients
    }
}

/// As users write it in the variables, a host and port is enough.
pub(super) fn with_scheme(url: &str) -> String {
    let url = if url.contains("://") { url.to_owned() } else { format!("http://{url}") };
    match url.strip_suffix('/') {
        Some(rest) if !rest.ends_with('/') => rest.to_owned(),
        _ => url,
    }
}

/// Whether nobody between can read along.
pub(super) fn is_private(url: &str) -> Result<bool> {
    let wrong = || Error::config(format!("`{}` is no URL of a service", without_secrets(url)));
    let (scheme, rest) = url.split_once("://").ok_or_else(wrong)?;
    // Some take a backslash for a slash, and pass over blanks: they would find another host than this does.
    if rest.contains(|c: char| c == '\\' || c.is_whitespace() || c.is_control()) {
        return Err(wrong());
    }
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let host = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
    let host = match host.strip_prefix('[') {
        Some(v6) => {
            let closed = v6.split_once(']').filter(|(_, port)| port.is_empty() || port.starts_with(':'));
            closed.map_or("", |(address, _)| address)
        }
        None => host.split(':').next().unwrap_or_default(),
    };
    if host.is_empty() {
        return Err(wrong());
    }
    let is_loopback = host == "localhost" || host.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback());
    match scheme {
        "https" => Ok(true),
        "http" => Ok(is_loopback),
        _ => Err(wrong()),
    }
}

/// A URL without user, password and query.
pub(super) fn without_secrets(url: &str) -> String {
    let (scheme, rest) = url.split_once("://").unwrap_or(("", url));
    let colon = if scheme.is_empty() { "" } else { "://" };
    let (place, hidden) = rest.split_at(rest.find(['?', '#']).unwrap_or(rest.len()));
    if hidden.contains('@') {
        return format!("{scheme}{colon}..."); // a password with a sign that should be encoded: who knows where it ends
    }
    let place = place.rsplit_once('@').map_or(place, |(_, place)| place);
    format!("{scheme}{colon}{place}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_usual_variables_name_emulators() {
        let cloud = GoogleCloud::from_variables(|name| match name {
            "PUBSUB_EMULATOR_HOST" => Some("localhost:8085".to_owned()),
            "STORAGE_EMULATOR_HOST" => Some("http://127.0.0.1:4443/".to_owned()),
            "BIGQUERY_EMULATOR_HOST" => Some(String::new()),
            _ => None,
        });
        assert_eq!(cloud.endpoint(Service::PubSub).unwrap(), Some("http://localhost:8085"));
        assert_eq!(cloud.endpoint(Service::Storage).unwrap(), Some("http://127.0.0.1:4443"));
        assert_eq!(cloud.endpoint(Service::StorageControl).unwrap(), Some("http://127.0.0.1:4443"));
        assert_eq!(cloud.endpoint(Service::BigQuery).unwrap(), None);
    }

    #[test]
    fn plaintext_leaves_the_machine_only_when_it_is_allowed() {
        let cloud = GoogleCloud::at("http://user:hunter2@emulator:8085?key=s3cret");
        let error = cloud.endpoint(Service::PubSub).unwrap_err().to_string();
        assert_eq!(
            error,
            "Pub/Sub at http://emulator:8085 would be reached without encryption: use https, or allow plaintext"
        );
        assert!(cloud.allow_plaintext().endpoint(Service::PubSub).is_ok());
        assert!(GoogleCloud::at("https://emulator:8085").endpoint(Service::PubSub).is_ok());
        assert!(GoogleCloud::at("http://[::1]:8085").endpoint(Service::PubSub).is_ok());
        assert!(GoogleCloud::at("http://127.0.0.1.example.com").endpoint(Service::PubSub).is_err());
    }

    #[test]
    fn a_url_that_others_would_read_as_of_another_host_is_refused() {
        for wrong in ["http://example.com\\@localhost", "http://localhost\t.example.com", "http://local host"]
        {
            assert!(GoogleCloud::at(wrong).endpoint(Service::PubSub).is_err(), "{wrong:?}");
        }
        assert!(GoogleCloud::at("http://localhost@example.com").endpoint(Service::PubSub).is_err());
    }

    #[test]
    fn a_password_is_not_told_whatever_signs_it_has() {
        assert_eq!(without_secrets("http://u:a/b@h:1/x?k=s#f"), "http://h:1/x");
        assert_eq!(without_secrets("http://u:a?b@h"), "http://...");
        assert_eq!(without_secrets("h?k=s"), "h");
    }

    #[test]
    fn what_is_no_url_is_said() {
        for wrong in ["ftp://localhost", "http://", "http:///x"] {
            let error = GoogleCloud::at(wrong).endpoint(Service::BigQuery).unwrap_err().to_string();
            assert!(error.ends_with("is no URL of a service"), "{error}");
        }
    }
}
