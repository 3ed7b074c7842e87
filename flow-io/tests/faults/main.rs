//! The fault matrix of the Google connectors: whatever goes wrong with one call at some rate, a pipeline from Pub/Sub to
//! objects and a table loses nothing, adds nothing, and acknowledges everything.
//!
//! A cell is a fault, the call that it meets, and how often. [`cell`] runs one and says what must be true afterwards; the
//! other modules are tables of cells. What a call is named and what a fault does is in the emulator's README.
//!
//! Answers that never come are not among them: the connectors wait for half a minute to two minutes before they ask again,
//! which cannot be set.
#![cfg(all(feature = "pubsub", feature = "gcs", feature = "bigquery"))]

mod appends;
mod cell;
mod denied;
mod exactly_once;
mod inserts;
mod outages;
mod publishing;
mod pulling;
mod secrets;
mod uploads;

use std::time::Duration;

use flow_gcp_emulator::{Emulator, Fault, When};
use flow_io::gcp::{GoogleCloud, Retry};

/// Rates whose second call is met, so that a cell with few calls meets its fault too.
const PERCENT_1: When = When::Rate(0.01, 38);
const PERCENT_10: When = When::Rate(0.1, 33);
const PERCENT_50: When = When::Rate(0.5, 197);

/// At most this many cells of a test run at the same time.
const AT_ONCE: usize = 4;

/// As patient as a program in production, with shorter pauses.
fn cloud(emulator: &Emulator) -> GoogleCloud {
    let retry = Retry::without_end().pausing(Duration::from_millis(2), Duration::from_millis(20));
    GoogleCloud::at(&emulator.endpoint()).with_retry(retry)
}

/// Not before a second has passed.
fn too_many() -> Fault {
    Fault::Status { code: 429, retry_after: Some(1) }
}

/// An answer that comes in pieces.
fn trickle() -> Fault {
    Fault::Trickle(64, Duration::from_millis(1))
}

/// An answer that takes its time.
fn slow() -> Fault {
    Fault::Delay(Duration::from_millis(20))
}

/// Runs cells side by side, and tells of all that fail.
fn all<C: Send>(cells: impl IntoIterator<Item = C>, run: impl Fn(C) -> Result<(), String> + Sync) {
    let cells = std::sync::Mutex::new(cells.into_iter().collect::<Vec<_>>().into_iter());
    let next = || cells.lock().expect("no panic while it is locked").next();
    let work = || {
        let mut wrong = Vec::new();
        while let Some(cell) = next() {
            wrong.extend(run(cell).err());
        }
        wrong
    };
    let wrong: Vec<String> = std::thread::scope(|scope| {
        let workers: Vec<_> = (0..AT_ONCE).map(|_| scope.spawn(work)).collect();
        workers.into_iter().flat_map(|worker| worker.join().expect("a cell tells what is wrong")).collect()
    });
    assert!(wrong.is_empty(), "{} cells are wrong:\n{}", wrong.len(), wrong.join("\n"));
}
