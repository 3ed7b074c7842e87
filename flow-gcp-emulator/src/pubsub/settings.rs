//! What a subscription was asked to be.

use serde_json::{Map, Value, json};

use super::filter::Filter;
use crate::Refused;

/// A resource as JSON.
pub(crate) type Resource = Map<String, Value>;

const WEEK: i64 = 7 * 24 * 3_600 * 1_000_000;

/// Where messages go that were delivered too often.
#[derive(Clone, Debug)]
pub(crate) struct DeadLetter {
    pub(crate) topic: String,
    pub(crate) max_attempts: u32,
}

/// The settings of a subscription, and the resource that they were read from. Times are in microseconds.
#[derive(Clone, Debug)]
pub(crate) struct Settings {
    pub(crate) resource: Resource,
    pub(crate) topic: String,
    pub(crate) ack_deadline: i64,
    pub(crate) ordered: bool,
    pub(crate) exactly_once: bool,
    pub(crate) filter: Option<Filter>,
    pub(crate) dead_letter: Option<DeadLetter>,
    /// The least and the greatest pause before a message comes again.
    retry: Option<(i64, i64)>,
    /// How long messages are kept.
    pub(crate) retention: i64,
    /// Whether that holds for acknowledged ones too.
    pub(crate) retains: bool,
}

impl Settings {
    /// Reads a resource, and fills in what it leaves open.
    pub(crate) fn read(mut resource: Resource) -> Result<Self, Refused> {
        let seconds = number(&resource, "ackDeadlineSeconds").filter(|s| *s != 0).unwrap_or(10);
        if !(10..=600).contains(&seconds) {
            return Err(Refused::invalid(format!("ackDeadlineSeconds is {seconds}; it must be 10 to 600")));
        }
        let retention = duration(resource.get("messageRetentionDuration")).unwrap_or(WEEK);
        resource.insert("ackDeadlineSeconds".into(), json!(seconds));
        resource.insert("messageRetentionDuration".into(), json!(format!("{}s", retention / 1_000_000)));
        resource.insert("state".into(), json!(1));
        Ok(Settings {
            topic: text(&resource, "topic").to_owned(),
            ack_deadline: seconds * 1_000_000,
            ordered: truth(&resource, "enableMessageOrdering"),
            exactly_once: truth(&resource, "enableExactlyOnceDelivery"),
            filter: Some(text(&resource, "filter"))
                .filter(|f| !f.is_empty())
                .map(Filter::parse)
                .transpose()?,
            dead_letter: dead_letter(&resource)?,
            retry: retry(&resource),
            retention,
            retains: truth(&resource, "retainAckedMessages"),
            resource,
        })
    }

    /// The pause before a message comes again that has been delivered so often: doubled each time.
    pub(crate) fn backoff(&self, deliveries: u32) -> i64 {
        let Some((least, greatest)) = self.retry else { return 0 };
        least.saturating_mul(1_i64 << deliveries.saturating_sub(1).min(30)).min(greatest)
    }
}

fn dead_letter(resource: &Resource) -> Result<Option<DeadLetter>, Refused> {
    let Some(policy) = resource.get("deadLetterPolicy").and_then(Value::as_object) else { return Ok(None) };
    let attempts = number(policy, "maxDeliveryAttempts").filter(|n| *n != 0).unwrap_or(5);
    if !(5..=100).contains(&attempts) {
        return Err(Refused::invalid(format!("maxDeliveryAttempts is {attempts}; it must be 5 to 100")));
    }
    Ok(Some(DeadLetter { topic: text(policy, "deadLetterTopic").to_owned(), max_attempts: attempts as u32 }))
}

fn retry(resource: &Resource) -> Option<(i64, i64)> {
    let policy = resource.get("retryPolicy")?.as_object()?;
    let least = duration(policy.get("minimumBackoff")).unwrap_or(10_000_000);
    Some((least, duration(policy.get("maximumBackoff")).unwrap_or(600_000_000).max(least)))
}

/// `"3.5s"` in microseconds.
fn duration(value: Option<&Value>) -> Option<i64> {
    let seconds: f64 = value?.as_str()?.strip_suffix('s')?.parse().ok()?;
    Some((seconds * 1e6) as i64)
}

fn text<'a>(resource: &'a Resource, field: &str) -> &'a str {
    resource.get(field).and_then(Value::as_str).unwrap_or_default()
}

fn truth(resource: &Resource, field: &str) -> bool {
    resource.get(field).and_then(Value::as_bool).unwrap_or(false)
}

/// Numbers of 64 bits are strings in Google's JSON.
fn number(resource: &Resource, field: &str) -> Option<i64> {
    let value = resource.get(field)?;
    value.as_i64().or_else(|| value.as_str()?.parse().ok())
}
