//! A message of the topic, and what it becomes.

use std::sync::Arc;

use flow_core::Timestamp;
use serde_json::{Map, Value};

use super::catalog::{Catalog, EventType};
use super::decode::{Dialect, decode};
use super::event::{DeadLetter, Event, UNKNOWN};
use super::normalise::normalise;
use super::utc;
use super::validate::Findings;
use super::warning::Warning;

/// The field of a body that says its type.
const TYPE: &str = "event_type";

/// A message as it came.
#[derive(Clone, Copy, Debug)]
pub struct Message<'a> {
    /// Its bytes.
    pub data: &'a [u8],
    /// Its attribute `type`, if it has one.
    pub attribute: Option<&'a str>,
    /// When it was published: the time of messages that do not say when they happened.
    pub published: Timestamp,
}

/// A message after the check.
#[derive(Clone, Debug, PartialEq)]
pub struct Checked {
    /// An event, or all that is wrong with the message.
    pub outcome: Result<Event, DeadLetter>,
    /// What is odd about it, whichever it is.
    pub warnings: Vec<Warning>,
}

impl Message<'_> {
    /// Decodes the message and compares it with its type's entry in the catalog.
    ///
    /// The body's `event_type` says the type; the attribute does where the body has none, and is written into it.
    /// Where the two disagree, that is a warning, and the body is believed. A message of no known type, like any
    /// that breaks a rule, is a dead letter.
    ///
    /// ```
    /// use flow_core::Timestamp;
    /// use pipelines::backend_events::{Catalog, Message, decode::Dialect};
    ///
    /// let message = Message {
    ///     data: br#"{"inventory_id": "17", "quantity_change": 101}"#,
    ///     attribute: Some("inventory"),
    ///     published: Timestamp::from_secs(0),
    /// };
    /// let letter = message.check(&Catalog::builtin(), Dialect::Json).outcome.unwrap_err();
    /// assert_eq!(*letter.kind, *"inventory");
    /// assert_eq!(letter.errors[0], "inventory_id: `17` is not a uuid");
    /// assert_eq!(letter.errors[3], "quantity_change: 101 is not in -100 to 100");
    /// ```
    pub fn check(&self, catalog: &Catalog, dialect: Dialect) -> Checked {
        match decode(self.data, dialect) {
            Ok(Value::Object(body)) => self.check_body(catalog, body),
            Ok(other) => self.refuse_whole(catalog, "the event is not an object".to_owned(), other),
            Err(error) => {
                let text = String::from_utf8_lossy(self.data).into_owned();
                self.refuse_whole(catalog, error.to_string(), Value::String(text))
            }
        }
    }

    fn check_body(&self, catalog: &Catalog, mut body: Map<String, Value>) -> Checked {
        let mut warnings = Vec::new();
        let event_type = match self.type_of(catalog, &body, &mut warnings) {
            Ok(event_type) => event_type,
            Err(error) => {
                let at = self.time_of(&body, "timestamp");
                return refused(UNKNOWN.into(), at, vec![error], body, warnings);
            }
        };
        let has_type = body.get(TYPE).is_some_and(|value| !value.is_null());
        let replaced =
            if has_type { None } else { body.insert(TYPE.to_owned(), (**event_type.name()).into()) };
        let findings = Findings::of(event_type, &body);
        warnings.extend(findings.warnings);
        if findings.errors.is_empty() {
            return Checked { outcome: Ok(event(event_type, body)), warnings };
        }
        // A dead letter holds what was sent.
        match replaced {
            Some(null) => drop(body.insert(TYPE.to_owned(), null)),
            None if !has_type => drop(body.remove(TYPE)),
            None => {}
        }
        let at = self.time_of(&body, event_type.event_time());
        refused(Arc::clone(event_type.name()), at, findings.errors, body, warnings)
    }

    /// The body's type, otherwise the attribute's; an error if that is no type of the catalog.
    fn type_of<'a>(
        &self,
        catalog: &'a Catalog,
        body: &Map<String, Value>,
        warnings: &mut Vec<Warning>,
    ) -> Result<&'a Arc<EventType>, String> {
        let name = match (body.get(TYPE), self.attribute) {
            (Some(Value::String(stated)), attribute) => {
                warnings.extend(disagreement(stated, attribute));
                stated
            }
            (None | Some(Value::Null), Some(attribute)) => attribute,
            (None | Some(Value::Null), None) => return Err(format!("{TYPE}: is missing")),
            (Some(_), _) => return Err(format!("{TYPE}: is not a text")),
        };
        catalog.get(name).ok_or_else(|| not_in(catalog, name))
    }

    /// A dead letter of a message without fields. Only its attribute can say its type.
    fn refuse_whole(&self, catalog: &Catalog, error: String, event: Value) -> Checked {
        let event_type = self.attribute.and_then(|name| catalog.get(name));
        let kind = event_type.map_or_else(|| UNKNOWN.into(), |t| Arc::clone(t.name()));
        let letter = DeadLetter { kind, at: self.published, errors: vec![error], event };
        Checked { outcome: Err(letter), warnings: Vec::new() }
    }

    /// When a refused event says that it happened.
    fn time_of(&self, body: &Map<String, Value>, field: &str) -> Timestamp {
        body.get(field).and_then(Value::as_str).and_then(utc::parse).unwrap_or(self.published)
    }
}

/// The event of a body without errors.
fn event(event_type: &EventType, mut body: Map<String, Value>) -> Event {
    normalise(event_type.fields(), &mut body);
    let at = body[event_type.event_time()].as_str().and_then(utc::parse);
    let at = at.expect("the event time is a required timestamp, which was validated");
    Event { kind: Arc::clone(event_type.name()), at, body: Arc::new(body) }
}

fn refused(
    kind: Arc<str>,
    at: Timestamp,
    errors: Vec<String>,
    body: Map<String, Value>,
    warnings: Vec<Warning>,
) -> Checked {
    Checked { outcome: Err(DeadLetter { kind, at, errors, event: Value::Object(body) }), warnings }
}

fn disagreement(stated: &str, attribute: Option<&str>) -> Option<Warning> {
    let attribute = attribute.filter(|attribute| *attribute != stated)?;
    Some(Warning::TypesDisagree { attribute: attribute.to_owned(), body: stated.to_owned() })
}

fn not_in(catalog: &Catalog, name: &str) -> String {
    let known: Vec<_> = catalog.types().map(|t| &**t.name()).collect();
    let name: String = name.chars().take(64).collect();
    format!("{TYPE}: `{name}` is none of {}", known.join(", "))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::backend_events::generate;

    const ID: &str = "8c5ad9a8-2b5c-4b3e-9d55-1d2a3b4c5d6e";
    const PUBLISHED: Timestamp = Timestamp::from_secs(1_740_000_000);

    fn check(data: &str, attribute: Option<&str>) -> Checked {
        check_in(&Catalog::builtin(), data, attribute)
    }

    fn check_in(catalog: &Catalog, data: &str, attribute: Option<&str>) -> Checked {
        Message { data: data.as_bytes(), attribute, published: PUBLISHED }.check(catalog, Dialect::Json)
    }

    fn inventory(event_type: &str, timestamp: &str) -> String {
        format!(
            r#"{{{event_type} "inventory_id": "{ID}", "product_id": "{ID}", "warehouse_id": "{ID}",
                "quantity_change": 5, "reason": "sale", "timestamp": "{timestamp}"}}"#
        )
    }

    const TYPED: &str = r#""event_type": "inventory","#;
    const AT: &str = "2025-02-25T03:56:53.060650";

    #[test]
    fn the_body_says_the_type() {
        let checked = check(&inventory(TYPED, AT), None);
        assert_eq!(*checked.outcome.unwrap().kind, *"inventory");
        assert_eq!(checked.warnings, []);
        assert_eq!(check(&inventory(TYPED, AT), Some("inventory")).warnings, []);
    }

    #[test]
    fn the_attribute_says_the_type_where_the_body_has_none() {
        for body in [inventory("", AT), inventory(r#""event_type": null,"#, AT)] {
            let checked = check(&body, Some("inventory"));
            assert_eq!(checked.outcome.unwrap().body["event_type"], "inventory");
            assert_eq!(checked.warnings, []);
        }
    }

    #[test]
    fn where_the_two_disagree_the_body_is_believed_and_it_is_reported() {
        let checked = check(&inventory(TYPED, AT), Some("order"));
        assert_eq!(*checked.outcome.unwrap().kind, *"inventory");
        assert_eq!(checked.warnings[0].to_string(), "the attribute says `order`, the body `inventory`");
    }

    #[test]
    fn three_forms_of_one_instant_are_the_same_event() {
        let forms = [AT, "2025-02-25T03:56:53.060650Z", "2025-02-25T05:56:53.060650+02:00"];
        let events = forms.map(|form| check(&inventory(TYPED, form), None).outcome.unwrap());
        assert_eq!(events[0].at, Timestamp::from_micros(1_740_455_813_060_650));
        assert_eq!(events[0].body["timestamp"], "2025-02-25T03:56:53.060650Z");
        assert_eq!(events[1], events[0]);
        assert_eq!(events[2], events[0]);
    }

    #[test]
    fn checking_an_event_again_changes_nothing() {
        let event = check(&inventory(TYPED, AT).replace(ID, &ID.to_uppercase()), None).outcome.unwrap();
        assert_eq!(event.body["product_id"], ID);
        let again = check(&serde_json::to_string(&event.body).unwrap(), None).outcome.unwrap();
        assert_eq!(again, event);
    }

    #[test]
    fn an_event_read_back_from_its_object_is_the_same_event() {
        let made = |i| generate::event(1, i, &generate::Settings::default());
        for event in (0..1_000).map(|i| check(&made(i), None).outcome.unwrap()) {
            let again = check(&serde_json::to_string(&event.body).unwrap(), None).outcome.unwrap();
            assert_eq!(again.identity(), event.identity());
            assert_eq!(again, event);
        }
    }

    #[test]
    fn an_unknown_type_is_a_dead_letter_of_its_own_kind() {
        let letter = check(r#"{"event_type": "refund", "timestamp": "2025-02-25T00:00:00"}"#, Some("order"));
        let letter = letter.outcome.unwrap_err();
        assert!(letter.is_unknown());
        assert_eq!(letter.errors, ["event_type: `refund` is none of order, inventory, user_activity"]);
        assert_eq!(letter.at, Timestamp::from_secs(1_740_441_600));
        assert_eq!(letter.event["event_type"], "refund");
    }

    #[test]
    fn a_missing_type_is_a_dead_letter_of_the_time_it_was_published() {
        let letter = check("{}", None).outcome.unwrap_err();
        assert!(letter.is_unknown());
        assert_eq!(letter.errors, ["event_type: is missing"]);
        assert_eq!(letter.at, PUBLISHED);
        assert_eq!(
            check(r#"{"event_type": 7}"#, None).outcome.unwrap_err().errors,
            ["event_type: is not a text"]
        );
        let attribute_only = check("{}", Some("refund")).outcome.unwrap_err();
        assert_eq!(
            attribute_only.errors,
            ["event_type: `refund` is none of order, inventory, user_activity"]
        );
    }

    #[test]
    fn what_is_no_object_is_a_dead_letter_as_it_was_sent() {
        let letter = check("[1]", Some("order")).outcome.unwrap_err();
        assert_eq!(*letter.kind, *"order");
        assert_eq!(letter.errors, ["the event is not an object"]);
        assert_eq!(letter.event, serde_json::json!([1]));

        let letter = check("{oops", None).outcome.unwrap_err();
        assert!(letter.is_unknown());
        assert_eq!(letter.errors, ["not JSON: key must be a string at line 1 column 2"]);
        assert_eq!(letter.event, "{oops");
    }

    #[test]
    fn a_dead_letter_holds_what_was_sent() {
        let sent = inventory("", "2025-02-25T05:56:53+02:00").replace("\"sale\"", "\"theft\"");
        for sent in [sent.clone(), sent.replacen('{', r#"{"event_type": null,"#, 1)] {
            let letter = check(&sent, Some("inventory")).outcome.unwrap_err();
            assert_eq!(letter.errors, ["reason: `theft` is none of restock, sale, return, damage"]);
            assert_eq!(letter.event, serde_json::from_str::<Value>(&sent).unwrap());
            assert_eq!(letter.at, Timestamp::from_secs(1_740_455_813));
        }
    }

    #[test]
    fn a_fourth_type_needs_only_an_entry() {
        let entry = r#"[{"name": "refund", "event_time": "refunded_at", "fields": [
            {"name": "event_type", "type": "STRING"},
            {"name": "order_id", "type": "STRING", "uuid": true},
            {"name": "refunded_at", "type": "TIMESTAMP"},
            {"name": "cents", "type": "INTEGER", "range": [1, 100000]}]}]"#;
        let catalog = Catalog::builtin().with(entry).unwrap();
        let refund =
            format!(r#"{{"event_type": "refund", "order_id": "{ID}", "refunded_at": "{AT}", "cents": 1}}"#);
        let event = check_in(&catalog, &refund, None).outcome.unwrap();
        assert_eq!(*event.kind, *"refund");
        assert_eq!(event.at, Timestamp::from_micros(1_740_455_813_060_650));
        let letter =
            check_in(&catalog, &refund.replace("\"cents\": 1", "\"cents\": 0"), None).outcome.unwrap_err();
        assert_eq!(letter.errors, ["cents: 0 is not in 1 to 100000"]);
    }

    proptest! {
        #[test]
        fn no_damage_to_an_event_panics(i in 0_u64..1_000, at in 0_usize..200, to in any::<u8>(), cut in 1_usize..600) {
            let mut data = generate::event(1, i, &generate::Settings::default()).into_bytes();
            data[at] = to;
            data.truncate(cut);
            for dialect in [Dialect::Json, Dialect::JsonOrPython] {
                Message { data: &data, attribute: None, published: PUBLISHED }.check(&Catalog::builtin(), dialect);
            }
        }
    }
}
