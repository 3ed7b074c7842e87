//! User activity, flattened.

use flow_core::Timestamp;
use serde::{Deserialize, Serialize};

use super::read::{self, NotOfThisKind};
use crate::backend_events::event::Event;
use crate::backend_events::utc;

/// What a user did, with the metadata beside it: one row an activity event.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ActivityRow {
    /// Who.
    pub user_id: String,
    /// What.
    pub activity_type: String,
    /// From where.
    pub ip_address: String,
    /// With what program.
    pub user_agent: String,
    /// When.
    #[serde(with = "utc")]
    pub timestamp: Timestamp,
    /// In which session.
    pub session_id: String,
    /// On which platform.
    pub platform: String,
}

impl ActivityRow {
    /// Reads an event of kind `user_activity`.
    pub fn read(event: &Event) -> Result<Self, NotOfThisKind> {
        let sent: Sent = read::body(event, "user_activity")?;
        Ok(ActivityRow {
            user_id: sent.user_id,
            activity_type: sent.activity_type,
            ip_address: sent.ip_address,
            user_agent: sent.user_agent,
            timestamp: sent.timestamp,
            session_id: sent.metadata.session_id,
            platform: sent.metadata.platform,
        })
    }

    /// The user, who is the customer of an [`OrderHeader`](super::OrderHeader).
    pub fn join_key(&self) -> String {
        self.user_id.clone()
    }
}

/// The event as it is sent.
#[derive(Deserialize)]
struct Sent {
    user_id: String,
    activity_type: String,
    ip_address: String,
    user_agent: String,
    #[serde(with = "utc")]
    timestamp: Timestamp,
    metadata: Metadata,
}

#[derive(Deserialize)]
struct Metadata {
    session_id: String,
    platform: String,
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    #[test]
    fn the_metadata_stands_beside_the_rest() {
        let body = r#"{"event_type": "user_activity", "user_id": "u1", "activity_type": "login",
            "ip_address": "192.168.1.2", "user_agent": "Firefox", "timestamp": "2025-02-25T03:56:53.060650Z",
            "metadata": {"session_id": "s1", "platform": "web"}}"#;
        let body = Arc::new(serde_json::from_str(body).unwrap());
        let event = Event { kind: "user_activity".into(), at: Timestamp::MIN, body };
        let row = ActivityRow::read(&event).unwrap();
        assert_eq!(
            serde_json::to_string(&row).unwrap(),
            r#"{"user_id":"u1","activity_type":"login","ip_address":"192.168.1.2","user_agent":"Firefox","timestamp":"2025-02-25T03:56:53.060650Z","session_id":"s1","platform":"web"}"#
        );
        assert_eq!(row.join_key(), "u1");
    }
}
