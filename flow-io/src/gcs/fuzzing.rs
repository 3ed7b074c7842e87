use std::collections::BTreeMap;

use super::ObjectRef;
use super::name::{Place, check_object};

/// Buckets and objects are refused or are one name, and notifications of objects are read or are none.
pub fn storage_name(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    if let Ok(place) = Place::parse(text) {
        assert!(!place.bucket.contains(['/', '?', '#', '%', '@']) && !place.bucket.contains(".."));
        assert_eq!(place.resource(), format!("projects/_/buckets/{}", place.bucket));
        if let Ok(name) = place.beneath(&["day=1".to_owned(), "a%2Fb".to_owned()]) {
            assert!(name.ends_with("day=1/a%2Fb") && check_object(&name).is_ok());
            assert!(name.starts_with(place.key.trim_end_matches('/')));
        }
    }
    let lines: Vec<&str> = text.split('\n').collect();
    let attributes: BTreeMap<String, String> = lines
        .chunks(2)
        .filter_map(|pair| Some((pair.first()?.to_string(), pair.get(1)?.to_string())))
        .collect();
    if let Some(object) = ObjectRef::notified(&attributes) {
        assert!(object.to_string().starts_with(&object.url()));
    }
}
