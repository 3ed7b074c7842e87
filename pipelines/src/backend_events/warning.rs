//! What is odd about an event that goes on nevertheless.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::money::dollars;

/// Something odd about a message, which is counted and reported but stops nothing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Warning {
    /// The attribute `type` names another type than the body, which was believed.
    TypesDisagree {
        /// What the attribute says.
        attribute: String,
        /// What the body says.
        body: String,
    },
    /// A key that the type's entry does not have. It stays in the object and is not in the table.
    ExtraField {
        /// Its place in the event.
        path: String,
    },
    /// A total that is not the sum of its items.
    TotalDiffers {
        /// The total's field.
        field: String,
        /// The total, in cents.
        total: i64,
        /// The sum, in cents.
        sum: i64,
    },
}

impl Warning {
    /// The names to count under.
    pub const NAMES: [&str; 3] = ["types_disagree", "extra_field", "total_differs"];

    /// A name to count under.
    pub fn name(&self) -> &'static str {
        match self {
            Warning::TypesDisagree { .. } => "types_disagree",
            Warning::ExtraField { .. } => "extra_field",
            Warning::TotalDiffers { .. } => "total_differs",
        }
    }
}

impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Warning::TypesDisagree { attribute, body } => {
                write!(f, "the attribute says `{attribute}`, the body `{body}`")
            }
            Warning::ExtraField { path } => write!(f, "{path}: is not a field of this type"),
            Warning::TotalDiffers { field, total, sum } => {
                write!(f, "{field}: is {:.2}, and its items come to {:.2}", dollars(*total), dollars(*sum))
            }
        }
    }
}
