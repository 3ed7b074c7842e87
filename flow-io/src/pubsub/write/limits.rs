//! What the service takes.

use crate::pubsub::Outgoing;

/// The most bytes of a request, less what is around its only message.
const MESSAGE: usize = 10_000_000 - 1_024;
const ATTRIBUTES: usize = 100;
const NAME: usize = 256;
const VALUE: usize = 1_024;
const KEY: usize = 1_024;

/// Why the service would refuse a message.
pub(super) fn refusal(message: &Outgoing) -> Option<String> {
    let Outgoing { data, attributes, ordering_key } = message;
    if data.is_empty() && attributes.is_empty() {
        return Some("a message needs a payload or an attribute".to_owned());
    }
    if message.size() > MESSAGE {
        return Some(format!("it has {} bytes, and Pub/Sub takes at most 10 MB", message.size()));
    }
    if attributes.len() > ATTRIBUTES {
        return Some(format!(
            "it has {} attributes, and Pub/Sub takes at most {ATTRIBUTES}",
            attributes.len()
        ));
    }
    if ordering_key.len() > KEY {
        return Some(format!(
            "its ordering key has {} bytes, and at most {KEY} are taken",
            ordering_key.len()
        ));
    }
    attributes.iter().find_map(|(name, value)| {
        let shown: String = name.chars().take(40).collect();
        if name.is_empty() || name.len() > NAME {
            Some(format!("an attribute's name has 1 to {NAME} bytes, but `{shown}` has {}", name.len()))
        } else if name.starts_with("goog") {
            Some(format!("attribute `{shown}` begins with `goog`, which Pub/Sub keeps for itself"))
        } else if value.len() > VALUE {
            Some(format!(
                "the value of attribute `{shown}` has {} bytes, and at most {VALUE} are taken",
                value.len()
            ))
        } else {
            None
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_service_takes_is_not_refused() {
        let full =
            (0..100).fold(Outgoing::new("x"), |m, n| m.attribute(format!("{n:0256}"), "v".repeat(1_024)));
        let empty = Outgoing::default().attribute("a", "");
        for fine in [full, empty, Outgoing::new(vec![0; 9_990_000]).ordering_key("k".repeat(1_024))] {
            assert_eq!(refusal(&fine), None);
        }
    }

    #[test]
    fn what_it_does_not_take_is_refused_with_the_reason() {
        let many = (0..101).fold(Outgoing::new("x"), |m, n| m.attribute(n.to_string(), ""));
        let table = [
            (Outgoing::default().ordering_key("k"), "a message needs a payload or an attribute"),
            (Outgoing::new(vec![0; 10_000_000]), "it has 10000016 bytes, and Pub/Sub takes at most 10 MB"),
            (many, "it has 101 attributes, and Pub/Sub takes at most 100"),
            (Outgoing::new("x").attribute("", "v"), "an attribute's name has 1 to 256 bytes, but `` has 0"),
            (
                Outgoing::new("x").attribute("a", "v".repeat(1_025)),
                "the value of attribute `a` has 1025 bytes, and at most 1024 are taken",
            ),
            (
                Outgoing::new("x").attribute("googclient", ""),
                "attribute `googclient` begins with `goog`, which Pub/Sub keeps for itself",
            ),
            (
                Outgoing::new("x").ordering_key("k".repeat(1_025)),
                "its ordering key has 1025 bytes, and at most 1024 are taken",
            ),
        ];
        for (message, reason) in table {
            assert_eq!(refusal(&message).as_deref(), Some(reason));
        }
    }
}
