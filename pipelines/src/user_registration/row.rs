//! Rows of the users' table.

use flow_core::Timestamp;
use serde::{Deserialize, Serialize};

use super::user::{Postcode, User};

/// A row: the columns, in their order.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct UserRow {
    /// `login.username`.
    pub login_username: Option<String>,
    /// `name.first`.
    pub first_name: Option<String>,
    /// `name.last`.
    pub last_name: Option<String>,
    /// `gender`.
    pub gender: Option<String>,
    /// `dob.date`.
    pub dob: Option<String>,
    /// `location.country`.
    pub country: Option<String>,
    /// `location.postcode`, also where it is an integer.
    pub postcode: Option<String>,
    /// `email`.
    pub email: Option<String>,
    /// When the user's message was published: no column, but what freshness is measured by.
    #[serde(skip)]
    pub published: Option<Timestamp>,
}

impl UserRow {
    /// The columns.
    pub const SCHEMA: &str = "login_username:STRING, first_name:STRING, last_name:STRING, gender:STRING, dob:STRING, \
                              country:STRING, postcode:STRING, email:STRING";
}

impl From<User> for UserRow {
    fn from(user: User) -> Self {
        UserRow {
            login_username: user.username,
            first_name: user.first_name,
            last_name: user.last_name,
            gender: user.gender,
            dob: user.born,
            country: user.country,
            postcode: user.postcode.map(Postcode::into_text),
            email: user.email,
            published: user.published,
        }
    }
}
