use std::collections::BTreeMap;

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::names::{Subscription, Topic};
use super::{BadMessage, Message, Outgoing};

/// Names are refused or are what they say, and fit for a shell; messages that were stored come back as they were. The first
/// byte chooses.
pub fn pubsub(data: &[u8]) {
    let Some((choice, data)) = data.split_first() else { return };
    match choice % 4 {
        0 => stored::<Message>(data),
        1 => stored::<BadMessage>(data),
        2 => stored::<(Outgoing, BTreeMap<String, String>)>(data),
        _ => std::str::from_utf8(data).ok().into_iter().for_each(name),
    }
}

fn name(text: &str) {
    let is_plain = |text: &str| text.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.:~+%/ ".contains(&b));
    if let Ok(topic) = Topic::parse(text) {
        assert_eq!(topic.to_string(), text);
        assert!(is_plain(&topic.create()) && is_plain(&topic.allow()));
        let beside = topic.subscription(u64::MAX).to_string();
        assert!(Subscription::parse(&beside).is_ok(), "{beside}");
    }
    if let Ok(subscription) = Subscription::parse(text) {
        assert_eq!(subscription.to_string(), text);
        assert!(is_plain(&subscription.create()) && is_plain(&subscription.allow()));
    }
}

fn stored<T: Serialize + DeserializeOwned>(data: &[u8]) {
    let Ok(value) = serde_json::from_slice::<T>(data) else { return };
    let once = serde_json::to_vec(&value).expect("a message is written");
    let again: T = serde_json::from_slice(&once).expect("what was written is read");
    assert_eq!(once, serde_json::to_vec(&again).expect("a message is written"));
}
