//! Which paths lead to other places than this machine. Whatever else depends on that stands behind two traits:
//! [`Origin`] for what is read, [`Target`] for what is written.

use std::path::Path;
use std::sync::Arc;

use super::read::{Local, Origin};
use super::write::{Directory, Nowhere, Target};

const SCHEME: &str = "gs://";

/// How places elsewhere are reached, as far as the user said.
#[derive(Clone, Debug, Default)]
pub(super) struct Remote {
    #[cfg(feature = "gcs")]
    pub(super) storage: crate::gcs::Settings,
}

impl Remote {
    /// Where the files of a path, or of a pattern, are.
    pub(super) fn origin(&self, path: &str) -> flow_core::Result<Arc<dyn Origin>> {
        if path.starts_with(SCHEME) { self.objects(path) } else { Ok(Arc::new(Local)) }
    }

    /// Where the files beneath a root go. What is wrong with it is said when the run starts.
    pub(super) fn target(&self, root: &Path) -> Arc<dyn Target> {
        let there = root.to_string_lossy();
        if !there.starts_with(SCHEME) {
            return Arc::new(Directory::new(root));
        }
        self.bucket(&there).unwrap_or_else(|error| Arc::new(Nowhere::new(&there, &error)))
    }
}

#[cfg(feature = "gcs")]
impl Remote {
    fn objects(&self, path: &str) -> flow_core::Result<Arc<dyn Origin>> {
        Ok(Arc::new(crate::gcs::Objects::new(&self.storage, path)?))
    }

    fn bucket(&self, root: &str) -> flow_core::Result<Arc<dyn Target>> {
        Ok(Arc::new(crate::gcs::Bucket::new(&self.storage, root)?))
    }
}

#[cfg(not(feature = "gcs"))]
impl Remote {
    #[expect(clippy::unused_self, reason = "as with the feature")]
    fn objects(&self, path: &str) -> flow_core::Result<Arc<dyn Origin>> {
        Err(missing(path))
    }

    #[expect(clippy::unused_self, reason = "as with the feature")]
    fn bucket(&self, root: &str) -> flow_core::Result<Arc<dyn Target>> {
        Err(missing(root))
    }
}

#[cfg(not(feature = "gcs"))]
fn missing(path: &str) -> flow_core::Error {
    flow_core::Error::config(format!(
        "{path} is in Cloud Storage, which this program cannot reach: build it with the feature `gcs` of flow-io"
    ))
}

#[cfg(all(test, not(feature = "gcs")))]
mod tests {
    use super::*;

    #[test]
    fn without_the_feature_a_bucket_is_an_error_that_says_so() {
        let error = Remote::default().origin("gs://b/in/*").err().unwrap();
        let wanted = "gs://b/in/* is in Cloud Storage, which this program cannot reach: build it with the feature \
                      `gcs` of flow-io";
        assert_eq!(error.to_string(), wanted);
        let target = Remote::default().target(Path::new("gs://b/out"));
        assert!(
            target.locate(&["a".to_owned()]).unwrap_err().to_string().starts_with("gs://b/out is in Cloud")
        );
    }
}
