//! BigQuery as the sinks and sources ask it: clients over our credentials, and tables that are made once.

mod failure;
mod service;
mod storage;
mod tables;
mod token;

pub(crate) use failure::{Failure, one_line};
pub(crate) use service::Service;
pub(crate) use storage::Storage;
pub(crate) use tables::{Known, Tables, Trouble};
