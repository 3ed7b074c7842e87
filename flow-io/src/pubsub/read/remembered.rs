//! What readers of a durable run tell a later process: the messages that are in what the run keeps.

use std::time::Duration;

use flow_core::{Error, ErrorKind, Result, Timestamp};
use serde::{Deserialize, Serialize};

use super::seen::Identity;
use crate::pubsub::clock::since;

/// The messages that a reader handed out between two barriers, or all that may come again.
#[derive(Debug, Serialize, Deserialize)]
struct Record {
    at: Timestamp,
    ids: Vec<Identity>,
}

pub(super) fn encode(at: Timestamp, ids: Vec<Identity>) -> Vec<u8> {
    postcard::to_stdvec(&Record { at, ids }).expect("numbers encode")
}

/// The ids in records, oldest first, but for those that the last process would have forgotten. Measured by its own last
/// word: for as long as none ran, nothing was acknowledged.
///
/// # Errors
/// A record does not decode.
pub(super) fn decode(records: &[Vec<u8>], horizon: Duration) -> Result<Vec<Identity>> {
    let records: Result<Vec<Record>, _> = records.iter().map(|record| postcard::from_bytes(record)).collect();
    let records = records.map_err(|cause| {
        Error::new(
            ErrorKind::State,
            "the messages that were read cannot be told: a record of them does not decode",
        )
        .caused_by(cause)
    })?;
    let last = records.iter().map(|record| record.at).max().unwrap_or(Timestamp::MIN);
    let young = records.into_iter().filter(|record| since(record.at, last) <= horizon * 3 / 2);
    Ok(young.flat_map(|record| record.ids).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_forgotten_when_the_process_ended_stays_so() {
        let at = Timestamp::from_secs;
        let records = [encode(at(0), vec![1]), encode(at(6), vec![2, u128::MAX]), encode(at(20), vec![3])];
        let ids = decode(&records, Duration::from_secs(10)).unwrap();
        assert_eq!(ids, [2, u128::MAX, 3]);
        assert!(decode(&[vec![0xff]], Duration::from_secs(10)).is_err());
    }
}
