use flow_core::{Error, Result};

/// Checks the id of a resource, which goes into URLs: letters, digits and some signs, and no way out of its place.
///
/// # Errors
/// What is wrong with it, in the user's words.
pub(crate) fn check_id(kind: &str, id: &str, signs: &str, longest: usize) -> Result<()> {
    let allowed = |c: char| c.is_ascii_alphanumeric() || signs.contains(c);
    if id.is_empty() || id.len() > longest || !id.chars().all(allowed) || matches!(id, "." | "..") {
        let shown: String = id.chars().take(80).collect();
        return Err(Error::config(format!(
            "{shown:?} is no {kind}: letters, digits and `{signs}` only, at most {longest}"
        )));
    }
    Ok(())
}

/// A name that nobody else has: not in this process, not in another, and not in another run.
#[cfg(any(feature = "gcs", feature = "bigquery"))]
pub(crate) fn unique() -> String {
    uuid::Uuid::new_v4().simple().to_string()
}

#[cfg(test)]
mod tests {
    use super::check_id;

    #[test]
    fn an_id_stays_in_its_place() {
        assert!(check_id("bucket", "my-bucket.example", "-_.", 63).is_ok());
        for wrong in ["", ".", "..", "a/b", "a b", "a\n", "ä", "a?b", "a%2Fb"] {
            assert!(check_id("bucket", wrong, "-_.", 63).is_err(), "{wrong:?}");
        }
        let error = check_id("bucket", "a/b", "-_.", 63).unwrap_err().to_string();
        assert_eq!(error, "\"a/b\" is no bucket: letters, digits and `-_.` only, at most 63");
    }
}
