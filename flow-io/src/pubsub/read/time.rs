//! Event times in attributes.

use flow_core::Timestamp;

use crate::pubsub::Message;

/// The event time that an attribute says: RFC 3339, or milliseconds since the epoch.
///
/// # Errors
/// What is wrong with it.
pub(super) fn of_attribute(message: &Message, name: &str) -> Result<Timestamp, String> {
    let Some(text) = message.attributes.get(name) else {
        return Err(format!("it has no attribute `{name}` with its event time"));
    };
    let time = match text.parse::<i64>() {
        Ok(millis) => Some(Timestamp::from_millis(millis)),
        Err(_) => text.parse().ok(),
    };
    // Milliseconds beyond the calendar are something else, as microseconds are.
    time.filter(|time| time.to_utc().is_some()).ok_or_else(|| {
        let shown: String = text.chars().take(64).collect();
        format!(
            "`{shown}` in attribute `{name}` is no event time: wanted RFC 3339, or milliseconds since 1970"
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<String, String> {
        let mut message = Message::default();
        message.attributes.insert("at".into(), text.into());
        of_attribute(&message, "at").map(|time| time.to_string())
    }

    #[test]
    fn both_forms_of_beam_are_read() {
        assert_eq!(read("2015-10-29T23:41:41.123Z"), Ok("2015-10-29T23:41:41.123Z".into()));
        assert_eq!(read("1446162101123"), Ok("2015-10-29T23:41:41.123Z".into()));
        assert_eq!(read("2015-10-30T00:41:41+01:00"), Ok("2015-10-29T23:41:41Z".into()));
        assert_eq!(read("-1"), Ok("1969-12-31T23:59:59.999Z".into()));
    }

    #[test]
    fn what_is_no_time_is_said() {
        for wrong in ["", "yesterday", "2015-10-29", "9223372036854775807", "1.5"] {
            assert!(read(wrong).unwrap_err().contains("is no event time"), "{wrong:?}");
        }
        assert_eq!(
            of_attribute(&Message::default(), "at").unwrap_err(),
            "it has no attribute `at` with its event time"
        );
    }
}
