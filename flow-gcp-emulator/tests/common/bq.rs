//! BigQuery's client, pointed at an emulator.
#![allow(dead_code, reason = "each file of tests uses its part")]

use std::future::{Future, ready};
use std::pin::Pin;
use std::sync::Arc;

use flow_gcp_emulator::Emulator;
use gcp_bigquery_client::Client;
use gcp_bigquery_client::auth::Authenticator;
use gcp_bigquery_client::client_builder::ClientBuilder;
use gcp_bigquery_client::error::BQError;
use serde_json::Value;

/// Needs no account.
#[derive(Clone)]
struct Nobody;

impl Authenticator for Nobody {
    fn access_token<'a, 'b>(&'a self) -> Pin<Box<dyn Future<Output = Result<String, BQError>> + Send + 'b>>
    where
        'a: 'b,
        Self: 'b,
    {
        Box::pin(ready(Ok("nobody".into())))
    }
}

pub(crate) async fn client(emulator: &Emulator) -> Client {
    let mut builder = ClientBuilder::new();
    builder.with_v2_base_url(format!("{}/bigquery/v2", emulator.endpoint()));
    builder.build_from_authenticator(Arc::new(Nobody)).await.unwrap()
}

/// An emulator with the dataset `shop` and in it one table of these fields.
pub(crate) fn with_table(table: &str, fields: Value) -> Emulator {
    let emulator = Emulator::start().unwrap();
    emulator.bigquery().create_dataset("p", "shop").unwrap();
    emulator.bigquery().create_table("p", "shop", table, fields).unwrap();
    emulator
}

/// The status and the reason of an error that the service answered.
pub(crate) fn refused<T>(result: Result<T, BQError>) -> (i64, String) {
    match result {
        Err(BQError::ResponseError { error }) => {
            let reason = error.error.errors.first().and_then(|one| one.get("reason").cloned());
            (error.error.code, reason.unwrap_or_default())
        }
        Err(other) => panic!("another error: {other:?}"),
        Ok(_) => panic!("it was not refused"),
    }
}

/// A call without a client: what clients do not offer or would not send.
pub(crate) async fn call(emulator: &Emulator, method: &str, path: &str, body: Value) -> (u16, Value) {
    let method = reqwest::Method::from_bytes(method.as_bytes()).unwrap();
    let url = format!("{}/bigquery/v2/projects/p/{path}", emulator.endpoint());
    let response = reqwest::Client::new().request(method, url).json(&body).send().await.unwrap();
    let status = response.status().as_u16();
    (status, serde_json::from_slice(&response.bytes().await.unwrap()).unwrap_or_default())
}
