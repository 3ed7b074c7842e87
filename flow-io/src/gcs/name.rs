use flow_core::{Error, Result};

use crate::gcp::check_id;

/// A bucket, and what comes after it: `gs://bucket/key`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) bucket: String,
    /// Without a slash at its start.
    pub(super) key: String,
}

/// The longest name of an object, in bytes.
const LONGEST: usize = 1024;

impl Place {
    /// Takes a URL apart.
    pub(super) fn parse(url: &str) -> Result<Self> {
        let rest = url.strip_prefix("gs://").unwrap_or(url);
        let (bucket, key) = rest.split_once('/').unwrap_or((rest, ""));
        check_bucket(bucket)?;
        Ok(Place { bucket: bucket.to_owned(), key: key.to_owned() })
    }

    /// The URL of an object of the bucket.
    pub(super) fn url(&self, name: &str) -> String {
        format!("gs://{}/{name}", self.bucket)
    }

    /// The name of an object beneath the key, or why there is none.
    pub(super) fn beneath(&self, parts: &[String]) -> Result<String, String> {
        let key = self.key.trim_end_matches('/');
        let slash = if key.is_empty() { "" } else { "/" };
        let name = format!("{key}{slash}{}", parts.join("/"));
        check_object(&name).map(|()| name)
    }

    /// The bucket as the API calls it.
    pub(super) fn resource(&self) -> String {
        resource(&self.bucket)
    }
}

/// A bucket as the API calls it.
pub(super) fn resource(bucket: &str) -> String {
    format!("projects/_/buckets/{bucket}")
}

fn check_bucket(bucket: &str) -> Result<()> {
    check_id("bucket", bucket, "-_.", 222)?;
    let is_end = |c: Option<char>| c.is_some_and(|c| c.is_ascii_lowercase() || c.is_ascii_digit());
    let ends = is_end(bucket.chars().next()) && is_end(bucket.chars().next_back());
    if bucket.len() < 3 || !ends || bucket.contains("..") || bucket.chars().any(|c| c.is_ascii_uppercase()) {
        return Err(Error::config(format!(
            "{bucket:?} is no bucket: three small letters and digits or more, with `-_.` in between"
        )));
    }
    Ok(())
}

/// Whether an object may have this name; or why not.
pub(super) fn check_object(name: &str) -> Result<(), String> {
    if name.len() > LONGEST {
        return Err(format!(
            "the object's name would have {} bytes, more than the allowed {LONGEST}",
            name.len()
        ));
    }
    let is_wrong = name.is_empty() || matches!(name, "." | "..") || name.chars().any(char::is_control);
    if is_wrong || name.starts_with(".well-known/acme-challenge/") {
        return Err(format!("{name:?} is no name of an object"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_is_a_bucket_and_a_key() {
        let place = Place::parse("gs://shop-data/in/2025").unwrap();
        assert_eq!((place.bucket.as_str(), place.key.as_str()), ("shop-data", "in/2025"));
        assert_eq!(place.url("in/a"), "gs://shop-data/in/a");
        assert_eq!(Place::parse("gs://shop-data").unwrap().key, "");
    }

    #[test]
    fn what_is_no_bucket_is_told() {
        for wrong in
            ["gs://", "gs:///a", "gs://ab/x", "gs://Shop/x", "gs://shop-/x", "gs://a..b/x", "gs://a?b/x"]
        {
            assert!(Place::parse(wrong).unwrap_err().to_string().contains("is no bucket"), "{wrong}");
        }
    }

    #[test]
    fn names_beneath_a_key_have_one_slash() {
        let parts = ["day=1".to_owned(), "a.txt".to_owned()];
        for key in ["out", "out/"] {
            let place = Place::parse(&format!("gs://shop/{key}")).unwrap();
            assert_eq!(place.beneath(&parts).unwrap(), "out/day=1/a.txt");
        }
        assert_eq!(Place::parse("gs://shop").unwrap().beneath(&parts).unwrap(), "day=1/a.txt");
    }

    #[test]
    fn names_that_are_too_long_or_mean_something_else_are_refused() {
        let place = Place::parse("gs://shop").unwrap();
        assert!(place.beneath(&["x".repeat(1024)]).is_ok());
        let reason = place.beneath(&["x".repeat(1025)]).unwrap_err();
        assert_eq!(reason, "the object's name would have 1025 bytes, more than the allowed 1024");
        for wrong in ["", ".", "..", "a\nb", ".well-known/acme-challenge/a"] {
            assert!(check_object(wrong).is_err(), "{wrong:?}");
        }
    }
}
