use std::fmt;

use serde::{Deserialize, Serialize};

/// An object that one was told of.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct ObjectRef {
    /// The bucket's name.
    pub bucket: String,
    /// The object's name.
    pub name: String,
    /// Which version; the one that is there when it is read, if not set.
    pub generation: Option<i64>,
}

impl ObjectRef {
    /// The object that a bucket's notification to Pub/Sub tells of, by the message's attributes: one that was just
    /// made (`OBJECT_FINALIZE`). None for other events and other messages.
    ///
    /// ```
    /// use std::collections::BTreeMap;
    /// use flow_io::gcs::ObjectRef;
    /// let attributes: BTreeMap<String, String> = [
    ///     ("eventType", "OBJECT_FINALIZE"),
    ///     ("bucketId", "shop"),
    ///     ("objectId", "in/a.json"),
    ///     ("objectGeneration", "1700000000000001"),
    /// ]
    /// .map(|(name, value)| (name.to_owned(), value.to_owned()))
    /// .into();
    /// let object = ObjectRef::notified(&attributes).unwrap();
    /// assert_eq!(object.to_string(), "gs://shop/in/a.json#1700000000000001");
    /// ```
    pub fn notified<'a>(attributes: impl IntoIterator<Item = (&'a String, &'a String)>) -> Option<Self> {
        let (mut event, mut bucket, mut name, mut generation) = (None, None, None, None);
        for (attribute, value) in attributes {
            match attribute.as_str() {
                "eventType" => event = Some(value.as_str()),
                "bucketId" => bucket = Some(value.clone()),
                "objectId" => name = Some(value.clone()),
                "objectGeneration" => generation = Some(value.parse().ok()?),
                _ => {}
            }
        }
        (event == Some("OBJECT_FINALIZE")).then_some(())?;
        Some(ObjectRef { bucket: bucket?, name: name?, generation })
    }

    /// Its URL, whatever the version: `gs://bucket/name`.
    pub fn url(&self) -> String {
        format!("gs://{}/{}", self.bucket, self.name)
    }
}

/// As `gsutil` writes a version: `gs://bucket/name#generation`.
impl fmt::Display for ObjectRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "gs://{}/{}", self.bucket, self.name)?;
        self.generation.map_or(Ok(()), |generation| write!(f, "#{generation}"))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::*;

    fn notified(attributes: &[(&str, &str)]) -> Option<ObjectRef> {
        let attributes: HashMap<String, String> =
            attributes.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        ObjectRef::notified(&attributes)
    }

    #[test]
    fn only_a_new_object_is_one_to_read() {
        let place = [("bucketId", "shop"), ("objectId", "a b/é.json")];
        let finalized = [&[("eventType", "OBJECT_FINALIZE")], &place[..]].concat();
        let wanted = ObjectRef { bucket: "shop".into(), name: "a b/é.json".into(), generation: None };
        assert_eq!(notified(&finalized), Some(wanted));
        assert_eq!(notified(&[&[("eventType", "OBJECT_DELETE")], &place[..]].concat()), None);
        assert_eq!(notified(&place), None);
        assert_eq!(notified(&[("eventType", "OBJECT_FINALIZE"), ("bucketId", "shop")]), None);
        assert_eq!(notified(&[&finalized[..], &[("objectGeneration", "x")]].concat()), None);
    }
}
