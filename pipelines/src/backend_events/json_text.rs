//! Serde for JSON values inside other structs: as they are in JSON, and as JSON text in binary formats.
//!
//! A JSON value says what it is only while it is read, which postcard, the encoding of `Wire`, cannot serve.

use serde::de::{DeserializeOwned, Error as _};
use serde::ser::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

pub(super) fn serialize<T: Serialize, S: Serializer>(json: &T, serializer: S) -> Result<S::Ok, S::Error> {
    if serializer.is_human_readable() {
        json.serialize(serializer)
    } else {
        serializer.serialize_str(&serde_json::to_string(json).map_err(S::Error::custom)?)
    }
}

pub(super) fn deserialize<'de, T: DeserializeOwned, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<T, D::Error> {
    if deserializer.is_human_readable() {
        T::deserialize(deserializer)
    } else {
        let text = String::deserialize(deserializer)?;
        serde_json::from_str(&text).map_err(D::Error::custom)
    }
}
