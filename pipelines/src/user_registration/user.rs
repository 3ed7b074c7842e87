//! A registered user, as far as the warehouse wants to know.

use flow_core::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use uuid::Uuid;

use super::fields::Fields;

/// A user who has just registered. What the API sent as null is none.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct User {
    /// `login.uuid`, as a number: who it is.
    pub uuid: u128,
    /// `login.username`.
    pub username: Option<String>,
    /// `name.first`.
    pub first_name: Option<String>,
    /// `name.last`.
    pub last_name: Option<String>,
    /// `gender`.
    pub gender: Option<String>,
    /// `dob.date`: when the user was born, as it was sent.
    pub born: Option<String>,
    /// `location.country`.
    pub country: Option<String>,
    /// `location.postcode`.
    pub postcode: Option<Postcode>,
    /// `email`.
    pub email: Option<String>,
    /// When the message was published; none for users out of files.
    pub published: Option<Timestamp>,
}

/// A postcode as the API sends it: `"4988 YF"`, or `46389`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Postcode {
    /// As a text.
    Text(String),
    /// As an integer.
    Number(i128),
}

impl Postcode {
    /// As the table has it.
    pub fn into_text(self) -> String {
        match self {
            Postcode::Text(text) => text,
            Postcode::Number(number) => number.to_string(),
        }
    }
}

impl User {
    /// Reads one result of an answer: every key that a column is made of must be there, but may be null.
    ///
    /// ```
    /// use pipelines::user_registration::User;
    ///
    /// let old = serde_json::json!({
    ///     "gender": "female", "name": {"first": "Ann", "last": "Lee"}, "email": null,
    ///     "dob": "1983-07-14 07:29:45", "location": {"postcode": 2500},
    ///     "login": {"uuid": "8c5ad9a8-2b5c-4b3e-9d55-000000000001", "username": "redcat1"}
    /// });
    /// let wrong = User::read(&old, None).unwrap_err();
    /// assert_eq!(wrong, ["dob: is a text, wanted an object", "location.country: is missing"]);
    /// ```
    ///
    /// # Errors
    /// All that is wrong, each with its place.
    pub fn read(result: &Value, published: Option<Timestamp>) -> Result<User, Vec<String>> {
        let mut fields = Fields::of(result);
        let user = User {
            uuid: uuid(&mut fields),
            username: fields.text("login.username"),
            first_name: fields.text("name.first"),
            last_name: fields.text("name.last"),
            gender: fields.text("gender"),
            born: fields.text("dob.date"),
            country: fields.text("location.country"),
            postcode: fields.postcode("location.postcode"),
            email: fields.text("email"),
            published,
        };
        fields.finish().map(|()| user)
    }
}

/// Who it is; 0 beside a note of what is wrong.
fn uuid(fields: &mut Fields<'_>) -> u128 {
    let Some(text) = fields.required_text("login.uuid") else { return 0 };
    let Ok(uuid) = Uuid::parse_str(text) else {
        fields.note(format!("login.uuid: `{}` is no uuid", text.chars().take(64).collect::<String>()));
        return 0;
    };
    uuid.as_u128()
}
