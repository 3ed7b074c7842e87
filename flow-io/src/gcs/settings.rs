use std::path::PathBuf;
use std::sync::{Arc, OnceLock};

use flow_core::metrics::Metrics;
use tokio::sync::Semaphore;

use super::access::Access;
use super::staging::Staging;
use crate::gcp::GoogleCloud;

/// How Cloud Storage is reached, as far as the user said. Clones share connections, limits and the staging directory.
#[derive(Clone, Debug)]
pub(crate) struct Settings {
    cloud: Option<GoogleCloud>,
    staging: Option<PathBuf>,
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    access: OnceLock<Access>,
    staging: OnceLock<Arc<Staging>>,
    uploads: Arc<Semaphore>,
}

/// How many objects are uploaded at the same time.
const UPLOADS: usize = 8;

impl Default for Settings {
    fn default() -> Self {
        Settings { cloud: None, staging: None, shared: Shared::new() }
    }
}

impl Shared {
    fn new() -> Arc<Self> {
        let uploads = Arc::new(Semaphore::new(UPLOADS));
        Arc::new(Shared { access: OnceLock::new(), staging: OnceLock::new(), uploads })
    }
}

impl Settings {
    pub(crate) fn on(self, cloud: &GoogleCloud) -> Self {
        Settings { cloud: Some(cloud.clone()), shared: Shared::new(), ..self }
    }

    pub(crate) fn staging(self, directory: PathBuf) -> Self {
        Settings { staging: Some(directory), shared: Shared::new(), ..self }
    }

    pub(super) fn access(&self, metrics: &Metrics) -> Access {
        let cloud = || self.cloud.clone().unwrap_or_else(GoogleCloud::from_env);
        self.shared.access.get_or_init(|| Access::new(cloud())).counted_by(metrics)
    }

    /// Where files are staged.
    pub(super) fn staging_place(&self) -> Arc<Staging> {
        let place = || Arc::new(Staging::within(self.staging.clone().unwrap_or_else(std::env::temp_dir)));
        Arc::clone(self.shared.staging.get_or_init(place))
    }

    pub(super) fn uploads(&self) -> Arc<Semaphore> {
        Arc::clone(&self.shared.uploads)
    }
}
