use flow_core::{Error, ErrorKind, Result};

/// A runtime for what a program asks of the services beside its pipeline.
pub fn runtime() -> Result<tokio::runtime::Runtime> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.map_err(|e| Error::new(ErrorKind::Internal, "the async runtime does not start").caused_by(e))
}
