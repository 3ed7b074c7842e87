//! The clients of Pub/Sub, what is asked of its admin, and what is said when something is missing.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use flow_core::{Error, Result};
use google_cloud_gax::error::rpc::Code;
use google_cloud_gax::retry_policy::{NeverRetry, RetryPolicyExt};
use google_cloud_pubsub::client::{BasePublisher, Subscriber, SubscriptionAdmin, TopicAdmin};
use google_cloud_pubsub::model;
use google_cloud_pubsub::retry_policy::RetryableErrors;

use super::names::{Subscription, Topic};
use crate::gcp::{Fault, GoogleCloud, Once, Plain, Retrying, Service, Traffic, configured, plain};

type Failure = google_cloud_pubsub::Error;

/// How long an answer is waited for.
const PATIENCE: Duration = Duration::from_secs(30);

/// How long the client repeats a request to publish before we hear of it.
const WITHIN: Duration = Duration::from_secs(20);

pub(super) async fn subscriber(cloud: &GoogleCloud) -> Result<Subscriber> {
    let make =
        || async { configured!(cloud, Service::PubSub, Subscriber::builder()).build().await.map_err(unmade) };
    cloud.clients().get(make).await
}

pub(super) async fn publisher(cloud: &GoogleCloud) -> Result<BasePublisher> {
    let make = || async {
        let builder = configured!(cloud, Service::PubSub, BasePublisher::builder());
        builder.with_retry_policy(RetryableErrors.with_time_limit(WITHIN)).build().await.map_err(unmade)
    };
    cloud.clients().get(make).await
}

fn unmade(cause: impl std::error::Error + 'static) -> Error {
    Error::config("no client for Pub/Sub can be made").caused_by(Plain::of(&cause))
}

/// Asks about topics and subscriptions.
#[derive(Clone, Debug)]
pub(super) struct Admin {
    cloud: GoogleCloud,
    retrying: Retrying,
}

/// Whether the service is there.
pub(super) enum Answer {
    Some,
    /// And why.
    None(String),
}

impl Admin {
    pub(super) fn new(cloud: &GoogleCloud, traffic: Traffic) -> Self {
        Admin { cloud: cloud.clone(), retrying: Retrying::new(cloud.retry(), traffic) }
    }

    async fn subscriptions(&self) -> Result<SubscriptionAdmin> {
        let make = || async {
            let builder = configured!(self.cloud, Service::PubSub, SubscriptionAdmin::builder());
            builder.with_retry_policy(NeverRetry).build().await.map(Once).map_err(unmade)
        };
        self.cloud.clients().get(make).await.map(|Once(client)| client)
    }

    async fn topics(&self) -> Result<TopicAdmin> {
        let make = || async {
            let builder = configured!(self.cloud, Service::PubSub, TopicAdmin::builder());
            builder.with_retry_policy(NeverRetry).build().await.map(Once).map_err(unmade)
        };
        self.cloud.clients().get(make).await.map(|Once(client)| client)
    }

    /// Makes sure that a subscription is there. Who may read it need not be allowed to look at it.
    pub(super) async fn check_subscription(&self, name: &Subscription) -> Result<()> {
        let client = self.subscriptions().await?;
        let ask = || within(client.get_subscription().set_subscription(name.to_string()).send());
        match self.retrying.run("looking for the subscription", Fault::of_gax, ask).await {
            Err(error) if !is_forbidden(&error) => Err(subscription_failed(name, error)),
            _ => Ok(()),
        }
    }

    /// Makes sure that a topic is there. Who may publish to it need not be allowed to look at it.
    pub(super) async fn check_topic(&self, name: &Topic) -> Result<()> {
        let client = self.topics().await?;
        let ask = || within(client.get_topic().set_topic(name.to_string()).send());
        match self.retrying.run("looking for the topic", Fault::of_gax, ask).await {
            Err(error) if !is_forbidden(&error) => Err(topic_failed(name, error)),
            _ => Ok(()),
        }
    }

    /// Makes a subscription; one that is there already must be of the same topic. True if it was made.
    pub(super) async fn create_subscription(
        &self,
        name: &Subscription,
        topic: &Topic,
        expires_after: Duration,
    ) -> Result<bool> {
        let client = self.subscriptions().await?;
        let ttl =
            google_cloud_wkt::Duration::clamp(i64::try_from(expires_after.as_secs()).unwrap_or(i64::MAX), 0);
        let request = client
            .create_subscription()
            .set_name(name.to_string())
            .set_topic(topic.to_string())
            .set_ack_deadline_seconds(20)
            .set_expiration_policy(model::ExpirationPolicy::new().set_ttl(ttl));
        let make = || within(request.clone().send());
        let outcome = self.retrying.run("making the subscription", Fault::of_gax, make).await;
        let Err(error) = outcome else { return Ok(true) };
        if is(&error, 409, Code::AlreadyExists) {
            return self.check_topic_of(name, topic, &client).await.map(|()| false);
        }
        Err(if is(&error, 404, Code::NotFound) {
            topic_failed(topic, error)
        } else {
            not_made(name, topic, error)
        })
    }

    async fn check_topic_of(
        &self,
        name: &Subscription,
        topic: &Topic,
        client: &SubscriptionAdmin,
    ) -> Result<()> {
        let ask = || within(client.get_subscription().set_subscription(name.to_string()).send());
        match self.retrying.run("looking for the subscription", Fault::of_gax, ask).await {
            Ok(found) if found.topic != topic.to_string() => Err(Error::config(format!(
                "{name} is a subscription of {}, not of {topic}: name another",
                found.topic
            ))),
            Err(error) if !is_forbidden(&error) => Err(subscription_failed(name, error)),
            _ => Ok(()),
        }
    }

    /// Asks once. Any answer of the service to us will do, a refusal too.
    pub(super) async fn ask(&self, name: &Subscription) -> Answer {
        let client = match self.subscriptions().await {
            Ok(client) => client,
            Err(error) => return Answer::None(error.report()),
        };
        let _under_way = self.retrying.traffic().begin();
        let Err(error) = within(client.get_subscription().set_subscription(name.to_string()).send()).await
        else {
            return Answer::Some;
        };
        // Who is not known to the service (401) is not told of messages either: that says nothing of them.
        let is_refusal = error.http_status_code().is_some_and(|status| status != 401)
            && !matches!(Fault::of_gax(&error), Fault::Passing(_));
        if is_refusal { Answer::Some } else { Answer::None(plain(&error.to_string())) }
    }
}

async fn within<R>(request: impl Future<Output = Result<R, Failure>>) -> Result<R, Failure> {
    tokio::time::timeout(PATIENCE, request).await.unwrap_or_else(|late| Err(Failure::timeout(late)))
}

/// Whether a failure is the one that has this status in HTTP, or this code in gRPC.
fn is(error: &Failure, http: u16, code: Code) -> bool {
    error.http_status_code() == Some(http) || error.status().is_some_and(|status| status.code == code)
}

fn is_forbidden(error: &Failure) -> bool {
    is(error, 403, Code::PermissionDenied)
}

/// Of a subscription that cannot be read, with what to do.
pub(super) fn subscription_failed(name: &Subscription, error: Failure) -> Error {
    if is(&error, 404, Code::NotFound) {
        Error::config(format!("there is no {name}: make it with `{}`", name.create()))
            .caused_by(Plain::of(&error))
    } else if is_forbidden(&error) {
        Error::config(format!("{name} may not be read by us: allow it with `{}`", name.allow()))
            .caused_by(Plain::of(&error))
    } else if Fault::of_gax(&error) == Fault::Denied {
        denied(&error)
    } else {
        Error::source_failed(format!("{name} cannot be read"), Plain::of(&error))
    }
}

/// Of a topic that cannot be published to, with what to do.
pub(super) fn topic_failed(name: &Topic, error: impl Into<Arc<Failure>>) -> Error {
    let error = error.into();
    if is(&error, 404, Code::NotFound) {
        Error::config(format!("there is no {name}: make it with `{}`", name.create()))
            .caused_by(Plain::of(&*error))
    } else if is_forbidden(&error) {
        Error::config(format!("we may not publish to {name}: allow it with `{}`", name.allow()))
            .caused_by(Plain::of(&*error))
    } else if Fault::of_gax(&error) == Fault::Denied {
        denied(&error)
    } else {
        Error::sink_failed(format!("nothing can be published to {name}"), Plain::of(&*error))
    }
}

fn not_made(name: &Subscription, topic: &Topic, error: Failure) -> Error {
    if Fault::of_gax(&error) != Fault::Denied {
        return Error::source_failed(format!("{name} of {topic} cannot be made"), Plain::of(&error));
    }
    let made = name.create().replace(" TOPIC", &format!(" {topic}"));
    Error::config(format!("we may not make {name}: have somebody make it with `{made}`, and read that"))
        .caused_by(Plain::of(&error))
}

fn denied(error: &Failure) -> Error {
    Error::config(
        "Pub/Sub does not know us: run `gcloud auth application-default login`, or look at the key file in \
         GOOGLE_APPLICATION_CREDENTIALS",
    )
    .caused_by(Plain::of(error))
}
