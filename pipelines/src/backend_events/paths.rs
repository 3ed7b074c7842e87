//! The names of the landing tree's objects.
//!
//! ```text
//! order/2025/02/08/13/09/order_2025020813090001.json            a minute's events of one shard
//! order/2025/02/08/13/09/order_202502081309_<identity>.json     one event
//! ```
//! All of it is event time in UTC. Kinds come from a catalog, whose names are safe in paths.

use flow_core::Timestamp;

use super::event::Event;

/// The folder of dead letters.
pub const DEAD_LETTER: &str = "dead-letter";

/// The folder of tables.
pub const TABLES: &str = "tables";

/// The folders of a kind's events of a minute, from the outermost on.
///
/// ```
/// use pipelines::backend_events::paths;
///
/// let at = "2025-02-08T13:09:59Z".parse().unwrap();
/// assert_eq!(paths::folders("order", at), ["order", "2025", "02", "08", "13", "09"]);
/// ```
pub fn folders(kind: &str, at: Timestamp) -> Vec<String> {
    let mut folders = vec![kind.to_owned()];
    match at.to_utc() {
        Some(t) => {
            folders.push(format!("{:04}", t.year()));
            folders.extend([t.month(), t.day(), t.hour(), t.minute()].map(|part| format!("{part:02}")));
        }
        None => folders.push(UNDATED.to_owned()),
    }
    folders
}

/// The object of a kind's events of a window and a shard. The shard has four digits, or more beyond 9999.
///
/// ```
/// use pipelines::backend_events::paths;
///
/// let start = "2025-02-08T13:09:00Z".parse().unwrap();
/// assert_eq!(paths::window_object("order", start, 1), "order_2025020813090001.json");
/// ```
pub fn window_object(kind: &str, start: Timestamp, shard: usize) -> String {
    format!("{kind}_{}{shard:04}.json", minute(start))
}

/// The object of one event. Two events share it only when they are equal in everything, so that a retry writes the
/// same object, and any number of events of one instant are as many objects.
pub fn event_object(event: &Event) -> String {
    format!("{}_{}_{:032x}.json", event.kind, minute(event.at), event.identity())
}

/// The folder of a table's partition: the rows of a day, as of the field that it is partitioned on.
///
/// ```
/// use pipelines::backend_events::paths;
///
/// let at = "2025-02-08T23:59:59Z".parse().unwrap();
/// assert_eq!(paths::partition("order_date", at), "order_date=2025-02-08");
/// ```
pub fn partition(field: &str, at: Timestamp) -> String {
    match at.to_utc() {
        Some(t) => format!("{field}={}", t.date()),
        None => format!("{field}={UNDATED}"),
    }
}

/// In place of a time, for what has none: dead letters out of files that do not say when they were written.
const UNDATED: &str = "undated";

fn minute(at: Timestamp) -> String {
    match at.to_utc() {
        Some(t) => format!("{:04}{:02}{:02}{:02}{:02}", t.year(), t.month(), t.day(), t.hour(), t.minute()),
        None => UNDATED.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use serde_json::json;

    use super::*;

    fn event(at: &str, n: usize) -> Event {
        let body = json!({"event_type": "order", "order_id": n, "order_date": at});
        let serde_json::Value::Object(body) = body else { unreachable!("json! made an object") };
        Event { kind: "order".into(), at: at.parse().unwrap(), body: body.into() }
    }

    #[test]
    fn a_window_and_a_shard_make_the_published_path() {
        let start = "2025-02-08T13:09:00Z".parse().unwrap();
        assert_eq!(
            format!("output/{}/{}", folders("order", start).join("/"), window_object("order", start, 1)),
            "output/order/2025/02/08/13/09/order_2025020813090001.json"
        );
    }

    #[test]
    fn the_path_is_utc() {
        let at = "2025-01-01T00:30:00+01:00".parse().unwrap();
        assert_eq!(folders("user_activity", at), ["user_activity", "2024", "12", "31", "23", "30"]);
        assert_eq!(window_object("user_activity", at, 12_345), "user_activity_20241231233012345.json");
    }

    #[test]
    fn what_has_no_time_has_a_folder_of_its_own() {
        assert_eq!(folders("unknown", Timestamp::MIN), ["unknown", "undated"]);
        assert_eq!(window_object("unknown", Timestamp::MIN, 1), "unknown_undated0001.json");
    }

    #[test]
    fn ten_thousand_events_of_a_millisecond_have_as_many_names() {
        let at = "2025-02-08T13:09:00.123Z";
        let names: BTreeSet<_> = (0..10_000).map(|n| event_object(&event(at, n))).collect();
        assert_eq!(names.len(), 10_000);
    }

    #[test]
    fn an_event_has_the_same_name_for_ever() {
        let name = event_object(&event("2025-02-08T13:09:00.123Z", 7));
        assert_eq!(name, "order_202502081309_fb3553255b1f535e8dfe2f4818e345af.json");
    }
}
