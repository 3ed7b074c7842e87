use std::fmt::{self, Write as _};
use std::time::Duration;

use flow_core::{Error, Result};
use gcp_bigquery_client::google::cloud::bigquery::storage::v1 as api;
use tonic::metadata::{MetadataMap, MetadataValue};
use tonic::transport::{Channel, ClientTlsConfig, Endpoint};
use tonic::{Request, Status};

use super::Failure;
use super::token::Token;

type Client = api::big_query_write_client::BigQueryWriteClient<Channel>;

/// The Storage Write API, over a channel of our own: the client's wrapper of it knows one endpoint and one kind of
/// stream.
#[derive(Clone)]
pub(crate) struct Storage {
    client: Client,
    token: Token,
}

impl fmt::Debug for Storage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Storage")
    }
}

/// What a unary call may take.
const PATIENCE: Duration = Duration::from_mins(1);

impl Storage {
    /// Makes the channel, which connects when it is first used.
    pub(super) fn connect(endpoint: Option<&str>, token: Token) -> Result<Self> {
        let place = endpoint.unwrap_or("https://bigquerystorage.googleapis.com");
        let wrong = |cause: tonic::transport::Error| {
            Error::config("the endpoint of BigQuery Storage is no URL of a service").caused_by(cause)
        };
        let mut endpoint = Endpoint::from_shared(place.to_owned())
            .map_err(wrong)?
            .connect_timeout(Duration::from_secs(10))
            .tcp_nodelay(true)
            .http2_keep_alive_interval(Duration::from_secs(30))
            .keep_alive_timeout(Duration::from_secs(20));
        if place.starts_with("https:") {
            let tls = ClientTlsConfig::new().with_native_roots();
            endpoint = endpoint.tls_config(tls).map_err(wrong)?;
        }
        let client = Client::new(endpoint.connect_lazy()).max_decoding_message_size(16 << 20);
        Ok(Storage { client, token })
    }

    pub(crate) fn client(&self) -> Client {
        self.client.clone()
    }

    /// A request with what the service wants to be told beside it.
    pub(crate) async fn request<M>(&self, message: M, params: &str) -> Result<Request<M>, Status> {
        let headers = self.token.headers().await?;
        let mut request = with_params(Request::new(message), params)?;
        let metadata = MetadataMap::from_headers(headers);
        for entry in metadata.iter() {
            if let tonic::metadata::KeyAndValueRef::Ascii(key, value) = entry {
                request.metadata_mut().insert(key.clone(), value.clone());
            }
        }
        Ok(request)
    }

    async fn unary<M>(&self, message: M, params: &str) -> Result<Request<M>, Status> {
        let mut request = self.request(message, params).await?;
        request.set_timeout(PATIENCE);
        Ok(request)
    }

    pub(crate) async fn create(&self, table: &str, kind: api::write_stream::Type) -> Result<String, Failure> {
        let stream = api::WriteStream { r#type: kind as i32, ..Default::default() };
        let request = api::CreateWriteStreamRequest { parent: table.to_owned(), write_stream: Some(stream) };
        let answer = async {
            let request = self.unary(request, &format!("parent={table}")).await?;
            self.client().create_write_stream(request).await
        };
        Ok(answer.await.map_err(|status| Failure::of_status(&status))?.into_inner().name)
    }

    /// Makes the rows of a stream visible up to an end, which is behind the last of them.
    pub(crate) async fn flush(&self, stream: &str, end: i64) -> Result<(), Failure> {
        let request = api::FlushRowsRequest { write_stream: stream.to_owned(), offset: Some(end - 1) };
        let answer = async {
            let request = self.unary(request, &format!("write_stream={stream}")).await?;
            self.client().flush_rows(request).await
        };
        answer.await.map(drop).map_err(|status| Failure::of_status(&status))
    }

    /// Lets no more rows into a stream; how many there are.
    pub(crate) async fn finalize(&self, stream: &str) -> Result<i64, Failure> {
        let request = api::FinalizeWriteStreamRequest { name: stream.to_owned() };
        let answer = async {
            let request = self.unary(request, &format!("name={stream}")).await?;
            self.client().finalize_write_stream(request).await
        };
        Ok(answer.await.map_err(|status| Failure::of_status(&status))?.into_inner().row_count)
    }

    /// Makes finalised streams visible, all at once.
    pub(crate) async fn commit(
        &self,
        table: &str,
        streams: Vec<String>,
    ) -> Result<api::BatchCommitWriteStreamsResponse, Failure> {
        let request =
            api::BatchCommitWriteStreamsRequest { parent: table.to_owned(), write_streams: streams };
        let answer = async {
            let request = self.unary(request, &format!("parent={table}")).await?;
            self.client().batch_commit_write_streams(request).await
        };
        Ok(answer.await.map_err(|status| Failure::of_status(&status))?.into_inner())
    }
}

/// The request with the header by which the service finds the resource's place.
fn with_params<M>(mut request: Request<M>, params: &str) -> Result<Request<M>, Status> {
    // Names are checked; what is not ASCII is encoded, since headers hold no more.
    let mut encoded = String::with_capacity(params.len());
    for byte in params.bytes() {
        if byte.is_ascii_graphic() {
            encoded.push(char::from(byte));
        } else {
            let _ = write!(encoded, "%{byte:02X}"); // text takes everything
        }
    }
    let value = MetadataValue::try_from(encoded.as_str())
        .map_err(|_| Status::invalid_argument("the resource's name does not fit into a header"))?;
    request.metadata_mut().insert("x-goog-request-params", value);
    Ok(request)
}
