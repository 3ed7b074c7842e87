//! Google Pub/Sub: topics and subscriptions over REST, messages over gRPC.

mod admin;
mod api;
mod filter;
mod journal;
mod message;
mod order;
mod publish;
mod pull;
mod resources;
mod room;
mod rpc;
mod settings;
mod state;
mod subscription;

use std::borrow::Cow;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::Router;
use axum::http::Method;

pub use self::api::PubsubMessage;
pub(crate) use self::message::timestamp;
use self::state::State;
pub use self::subscription::Backlog;
use crate::{Clock, Error, Faults};

/// The service. Clones are one service.
///
/// Its methods are what a test wants to do beside the program that it tests; resources have their full names,
/// `projects/shop/topics/orders`.
#[derive(Clone, Debug)]
pub struct PubSub(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    clock: Clock,
    faults: Faults,
    state: Mutex<State>,
}

impl PubSub {
    pub(crate) fn new(clock: Clock, faults: Faults, folder: Option<&Path>) -> Result<Self, Error> {
        let state = match folder {
            None => State::default(),
            Some(folder) => State::restore(&folder.join("pubsub.journal"), clock.micros())?,
        };
        Ok(PubSub(Arc::new(Shared { clock, faults, state: Mutex::new(state) })))
    }

    pub(crate) fn routes(&self) -> Router {
        admin::routes().merge(rpc::routes()).with_state(self.clone())
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn now(&self) -> i64 {
        self.0.clock.micros()
    }
}

/// The name of a call of the REST part.
pub(crate) fn call_name(method: &Method, path: &str) -> Option<Cow<'static, str>> {
    let mut parts = path.strip_prefix("/v1/projects/")?.split('/').skip(1);
    let (kind, id, of_it) = (parts.next()?, parts.next(), parts.next());
    let one = match kind {
        "topics" => "Topic",
        "subscriptions" => "Subscription",
        _ => return None,
    };
    let verb = match (method.as_str(), id.map(|id| id.rsplit_once(':'))) {
        _ if of_it.is_some() => return Some(Cow::Borrowed("pubsub.admin.listTopicSubscriptions")),
        ("GET", None) => return Some(Cow::Owned(format!("pubsub.admin.list{one}s"))),
        (_, Some(Some((_, verb)))) => return Some(Cow::Owned(format!("pubsub.admin.{verb}"))),
        ("PUT", _) => "create",
        ("PATCH", _) => "update",
        ("DELETE", _) => "delete",
        _ => "get",
    };
    Some(Cow::Owned(format!("pubsub.admin.{verb}{one}")))
}
