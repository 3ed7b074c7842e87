//! The REST part.

use axum::extract::{Path, State};
use axum::routing::get;
use axum::{Json, Router};
use bytes::Bytes;
use serde_json::{Value, json};

use super::PubSub;
use crate::Refused;
use crate::rest::{Params, object, page};

type Answer = Result<Json<Value>, Refused>;

pub(crate) fn routes() -> Router<PubSub> {
    Router::new()
        .route("/v1/projects/{project}/topics", get(list_topics))
        .route(
            "/v1/projects/{project}/topics/{topic}",
            get(get_topic).put(create_topic).patch(update_topic).delete(delete_topic),
        )
        .route("/v1/projects/{project}/topics/{topic}/subscriptions", get(list_topic_subscriptions))
        .route("/v1/projects/{project}/subscriptions", get(list_subscriptions))
        .route(
            "/v1/projects/{project}/subscriptions/{subscription}",
            get(get_subscription)
                .put(create_subscription)
                .patch(update_subscription)
                .delete(delete_subscription)
                .post(verb_of_subscription),
        )
}

async fn list_topics(
    State(pubsub): State<PubSub>,
    Path(project): Path<String>,
    params: Params,
) -> Json<Value> {
    let prefix = format!("projects/{project}/topics/");
    let state = pubsub.state();
    let topics = state.topics.iter().filter(|(name, _)| name.starts_with(&prefix));
    Json(page("topics", topics.map(|(_, topic)| json!(topic.resource)).collect(), &params))
}

async fn get_topic(State(pubsub): State<PubSub>, Path(path): Path<(String, String)>) -> Answer {
    Ok(Json(json!(pubsub.state().topic(&topic(&path))?.resource)))
}

async fn create_topic(
    State(pubsub): State<PubSub>,
    Path(path): Path<(String, String)>,
    body: Bytes,
) -> Answer {
    Ok(Json(json!(pubsub.put_topic(&topic(&path), object(&body)?)?)))
}

async fn update_topic(
    State(pubsub): State<PubSub>,
    Path(path): Path<(String, String)>,
    body: Bytes,
) -> Answer {
    Ok(Json(json!(pubsub.update_topic(&topic(&path), object(&body)?)?)))
}

async fn delete_topic(State(pubsub): State<PubSub>, Path(path): Path<(String, String)>) -> Answer {
    pubsub.drop_topic(&topic(&path))?;
    Ok(Json(json!({})))
}

async fn list_topic_subscriptions(
    State(pubsub): State<PubSub>,
    Path(path): Path<(String, String)>,
    params: Params,
) -> Answer {
    let mut state = pubsub.state();
    let names = state.topic(&topic(&path))?.subscriptions.iter().map(|name| json!(name)).collect();
    Ok(Json(page("subscriptions", names, &params)))
}

async fn list_subscriptions(
    State(pubsub): State<PubSub>,
    Path(project): Path<String>,
    params: Params,
) -> Json<Value> {
    let prefix = format!("projects/{project}/subscriptions/");
    let state = pubsub.state();
    let all = state.subscriptions.iter().filter(|(name, _)| name.starts_with(&prefix));
    let all = all.map(|(_, subscription)| json!(subscription.settings.resource)).collect();
    Json(page("subscriptions", all, &params))
}

async fn get_subscription(State(pubsub): State<PubSub>, Path(path): Path<(String, String)>) -> Answer {
    Ok(Json(json!(pubsub.state().subscription(&subscription(&path))?.settings.resource)))
}

async fn create_subscription(
    State(pubsub): State<PubSub>,
    Path(path): Path<(String, String)>,
    body: Bytes,
) -> Answer {
    Ok(Json(json!(pubsub.put_subscription(&subscription(&path), object(&body)?)?)))
}

async fn update_subscription(
    State(pubsub): State<PubSub>,
    Path(path): Path<(String, String)>,
    body: Bytes,
) -> Answer {
    Ok(Json(json!(pubsub.update_subscription(&subscription(&path), object(&body)?)?)))
}

async fn delete_subscription(State(pubsub): State<PubSub>, Path(path): Path<(String, String)>) -> Answer {
    pubsub.drop_subscription(&subscription(&path))?;
    Ok(Json(json!({})))
}

/// `.../subscriptions/late:seek`
async fn verb_of_subscription(
    State(pubsub): State<PubSub>,
    Path((project, last)): Path<(String, String)>,
    body: Bytes,
) -> Answer {
    let (id, verb) = last.rsplit_once(':').unwrap_or((&last, ""));
    if verb != "seek" {
        return Err(Refused::new(
            tonic::Code::Unimplemented,
            format!("the emulator does not serve `:{verb}`"),
        ));
    }
    let request = object(&body)?;
    let time =
        request.get("time").and_then(Value::as_str).and_then(|time| time.parse::<jiff::Timestamp>().ok());
    let time = time.ok_or_else(|| Refused::invalid("a seek needs a time like 2024-05-01T12:00:00Z"))?;
    pubsub.seek(&format!("projects/{project}/subscriptions/{id}"), time.as_microsecond())?;
    Ok(Json(json!({})))
}

impl PubSub {
    fn seek(&self, name: &str, moment: i64) -> Result<(), Refused> {
        let (mut state, now) = (self.state(), self.now());
        state.seek(name, moment, now)?;
        state.subscription(name)?.poke.notify_waiters();
        Ok(())
    }
}

fn topic((project, id): &(String, String)) -> String {
    format!("projects/{project}/topics/{id}")
}

fn subscription((project, id): &(String, String)) -> String {
    format!("projects/{project}/subscriptions/{id}")
}
