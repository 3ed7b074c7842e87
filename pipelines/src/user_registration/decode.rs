//! From the bytes of a message to users.

use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;

use super::letter::{DeadLetter, Kind};
use super::received::Received;
use super::user::User;

/// An answer of the API, with its results as they were sent.
#[derive(Deserialize)]
#[serde(expecting = "an answer of the API")]
struct Answer<'a> {
    #[serde(borrow, default)]
    results: Option<Vec<&'a RawValue>>,
    #[serde(default)]
    error: Option<Value>,
}

/// Decodes a message: gives out a user, or a dead letter, for each of its results; one dead letter if the message as a
/// whole is no answer of the API.
///
/// ```
/// use pipelines::user_registration::{Received, decode};
///
/// let mut out = Vec::new();
/// decode(&Received::data(r#"{"error": "Uh oh, something has gone wrong."}"#), |result| out.push(result));
/// let letter = out.remove(0).unwrap_err();
/// assert_eq!(letter.reason, "the API failed: Uh oh, something has gone wrong.");
/// ```
pub fn decode(message: &Received, mut out: impl FnMut(Result<User, DeadLetter>)) {
    let results = match results(&message.data) {
        Ok(results) => results,
        Err((kind, reason)) => return out(Err(letter(message, kind, reason, &message.data, None))),
    };
    for (index, result) in (0..).zip(results) {
        out(user(result, message)
            .map_err(|reason| letter(message, Kind::NoUser, reason, result.get().as_bytes(), Some(index))));
    }
}

/// The results of an answer, or why there are none.
fn results(data: &[u8]) -> Result<Vec<&RawValue>, (Kind, String)> {
    let answer: Answer<'_> = serde_json::from_slice(data).map_err(|error| {
        if error.is_data() {
            (Kind::NoAnswer, format!("no answer of the API: {error}"))
        } else {
            (Kind::NotJson, format!("not JSON: {error}"))
        }
    })?;
    match (answer.results, answer.error) {
        (Some(results), _) => Ok(results),
        (None, Some(Value::String(error))) => Err((Kind::ApiError, format!("the API failed: {error}"))),
        (None, Some(error)) => Err((Kind::ApiError, format!("the API failed: {error}"))),
        (None, None) => Err((Kind::NoAnswer, "results: is missing".to_owned())),
    }
}

fn user(result: &RawValue, message: &Received) -> Result<User, String> {
    let result: Value = serde_json::from_str(result.get()).map_err(|error| format!("not JSON: {error}"))?;
    User::read(&result, message.published).map_err(|wrong| wrong.join("; "))
}

fn letter(message: &Received, kind: Kind, reason: String, data: &[u8], result: Option<u32>) -> DeadLetter {
    let (data, message, published) = (data.to_vec(), message.id.clone(), message.published);
    DeadLetter { kind, reason, data, message, result, published }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use flow_core::Timestamp;
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    /// The user whose number it is, with all that a column is made of.
    fn result(n: u32) -> Value {
        json!({
            "gender": "female",
            "name": {"title": "Ms", "first": "Ann", "last": "Lee"},
            "location": {"country": "Norway", "postcode": "0150"},
            "email": "ann.lee@example.com",
            "login": {"uuid": format!("8c5ad9a8-2b5c-4b3e-9d55-{n:012}"), "username": "redcat1"},
            "dob": {"date": "1983-07-14T07:29:45.000Z", "age": 41}
        })
    }

    fn decoded(data: impl Into<Bytes>) -> Vec<Result<User, DeadLetter>> {
        let published = Some(Timestamp::from_secs(1_739_020_140));
        let mut out = Vec::new();
        decode(&Received { data: data.into(), id: "m1".into(), published }, |result| out.push(result));
        out
    }

    /// The only dead letter of a message that is one as a whole.
    fn whole(data: impl AsRef<[u8]>) -> (Kind, String) {
        let letter = decoded(data.as_ref().to_vec()).remove(0).unwrap_err();
        assert_eq!((letter.data.as_slice(), letter.result), (data.as_ref(), None));
        assert_eq!((letter.message.as_str(), letter.published.is_some()), ("m1", true));
        (letter.kind, letter.reason)
    }

    /// The reason for which a result is refused between two good ones, which are not.
    fn refused(result_between: &Value) -> String {
        let text = format!(r#"{{"results": [{},{result_between},{}], "info": {{}}}}"#, result(1), result(2));
        let mut all = decoded(text);
        let letter = all.remove(1).unwrap_err();
        assert_eq!((letter.kind, letter.result), (Kind::NoUser, Some(1)));
        assert_eq!(letter.data, result_between.to_string().into_bytes());
        assert_eq!(all.into_iter().filter_map(Result::ok).count(), 2);
        letter.reason
    }

    fn without(parent: &str, key: &str) -> Value {
        let mut user = result(3);
        user.pointer_mut(parent).unwrap().as_object_mut().unwrap().remove(key);
        user
    }

    #[test]
    fn every_result_is_a_user() {
        for n in [0, 1, 5, 5_000] {
            let results: Vec<_> = (0..n).map(result).collect();
            let users = decoded(json!({"results": results}).to_string());
            assert_eq!(users.len(), n as usize);
            assert!(users.iter().all(Result::is_ok));
        }
    }

    #[test]
    fn bytes_that_are_no_text_are_a_dead_letter() {
        let wanted = "not JSON: invalid unicode code point at line 1 column 14";
        assert_eq!(whole(b"{\"results\":[\"\xff\"]}"), (Kind::NotJson, wanted.to_owned()));
    }

    #[test]
    fn what_is_not_json_is_a_dead_letter() {
        assert_eq!(
            whole("<html>"),
            (Kind::NotJson, "not JSON: expected value at line 1 column 1".to_owned())
        );
        let cut = "not JSON: EOF while parsing a list at line 1 column 12";
        assert_eq!(whole(r#"{"results":["#), (Kind::NotJson, cut.to_owned()));
    }

    #[test]
    fn an_error_of_the_api_is_a_dead_letter() {
        let (kind, reason) = whole(r#"{"error": "Uh oh, something has gone wrong. Please tweet us."}"#);
        assert_eq!(kind, Kind::ApiError);
        assert_eq!(reason, "the API failed: Uh oh, something has gone wrong. Please tweet us.");
    }

    #[test]
    fn json_that_is_no_answer_is_a_dead_letter() {
        assert_eq!(whole("{}"), (Kind::NoAnswer, "results: is missing".to_owned()));
        let (kind, reason) = whole("[1]");
        assert_eq!(kind, Kind::NoAnswer);
        assert!(reason.starts_with("no answer of the API: "), "{reason}");
    }

    #[test]
    fn a_missing_key_is_said_with_its_place_and_the_others_of_the_message_are_users() {
        assert_eq!(refused(&without("/name", "first")), "name.first: is missing");
        assert_eq!(refused(&without("/login", "username")), "login.username: is missing");
        assert_eq!(refused(&without("", "location")), "location: is missing");
        assert_eq!(refused(&without("", "email")), "email: is missing");
        assert_eq!(refused(&json!(null)), "the result: is null, wanted an object");
    }

    #[test]
    fn the_older_shape_is_said_with_all_that_differs() {
        let mut old = without("/location", "country");
        old["dob"] = json!("1983-07-14 07:29:45");
        old["location"]["postcode"] = json!(2500);
        assert_eq!(refused(&old), "dob: is a text, wanted an object; location.country: is missing");
    }

    #[test]
    fn who_cannot_be_told_from_others_is_no_user() {
        let mut user = result(3);
        user["login"]["uuid"] = json!("17");
        assert_eq!(refused(&user), "login.uuid: `17` is no uuid");
        user["login"]["uuid"] = json!(null);
        assert_eq!(refused(&user), "login.uuid: is null, wanted a text");
    }

    #[test]
    fn the_bytes_of_a_refused_result_are_those_that_were_sent() {
        let odd = r#"{ "gender" : "f\u00e9",  "b":1.50, "a":1e2 }"#;
        let letter = decoded(format!(r#"{{"results": [ {odd} ]}}"#)).remove(0).unwrap_err();
        assert_eq!(String::from_utf8(letter.data).unwrap(), odd);
    }

    proptest! {
        #[test]
        fn no_bytes_panic(data in prop::collection::vec(any::<u8>(), 0..200)) {
            decoded(data);
        }
    }
}
