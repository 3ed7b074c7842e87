//! BigQuery as the sinks and sources ask it: clients over our credentials, and tables that are made once.

mod failure;
mod shared;
mod storage;
mod tables;
mod token;

pub(crate) use failure::{Failure, one_line};
pub(crate) use shared::Service;
pub(crate) use storage::Storage;
pub(crate) use tables::{Known, Tables, Trouble};
