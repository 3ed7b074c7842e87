use std::io;
use std::path::PathBuf;

/// Why an emulator did not start.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The address is not free or not of this machine.
    #[error("cannot listen on {host}:{port}; choose another port, or 0 for any")]
    Listen {
        /// The host that was asked for.
        host: String,
        /// The port that was asked for.
        port: u16,
        /// What the system said.
        source: io::Error,
    },
    /// The folder for its state cannot be read or written.
    #[error("cannot keep state in {}; choose another folder, or none", path.display())]
    Folder {
        /// The file or folder.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// BigQuery's rows cannot be opened.
    #[error("cannot open the rows of BigQuery; choose another folder, or none")]
    BigQuery(#[from] crate::bigquery::Error),
    /// The system has no threads or no events for it.
    #[error("cannot start the threads of the emulator")]
    Start(#[source] io::Error),
}
