use std::fmt;
use std::future::Future;
use std::pin::Pin;

use gcp_bigquery_client::auth::Authenticator;
use gcp_bigquery_client::error::BQError;
use google_cloud_auth::credentials::{CacheableResource, Credentials};
use tonic::Status;
use tonic::codegen::http::{Extensions, HeaderMap};

/// Who we are, for clients that want a bearer token: Google's credentials make tokens, keep them, and renew them.
#[derive(Clone)]
pub(crate) struct Token(Credentials);

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token")
    }
}

impl Token {
    pub(crate) fn of(credentials: Credentials) -> Self {
        Token(credentials)
    }

    /// The headers of a request: none for nobody.
    pub(crate) async fn headers(&self) -> Result<HeaderMap, Status> {
        match self.0.headers(Extensions::default()).await {
            Ok(CacheableResource::New { data, .. }) => Ok(data),
            Ok(CacheableResource::NotModified) => Ok(HeaderMap::new()),
            Err(error) if error.is_transient() => Err(Status::unavailable("the credentials' server is away")),
            Err(_) => Err(Status::unauthenticated("the credentials give no token")),
        }
    }

    async fn bearer(&self) -> Result<String, BQError> {
        let headers = self.headers().await?;
        let value = headers.get("authorization").and_then(|value| value.to_str().ok());
        let token = value.and_then(|value| value.strip_prefix("Bearer "));
        // The client cannot go without; who asks nobody in particular does not look at it.
        Ok(token.unwrap_or("anonymous").to_owned())
    }
}

impl Authenticator for Token {
    fn access_token<'a, 'b>(&'a self) -> Pin<Box<dyn Future<Output = Result<String, BQError>> + Send + 'b>>
    where
        'a: 'b,
        Self: 'b,
    {
        Box::pin(self.bearer())
    }
}
