//! Pub/Sub, Cloud Storage and BigQuery in one process on one port, for tests and examples.
