use std::any::{Any, TypeId};
use std::collections::HashMap;
use std::fmt;
use std::future::Future;
use std::sync::{Arc, Mutex, PoisonError};

use flow_core::Result;
use tokio::runtime::{Handle, Id};
use tokio::sync::OnceCell;

type Cell = Arc<OnceCell<Box<dyn Any + Send + Sync>>>;

/// A builder of one of Google's clients, told where its service is and who we are.
#[cfg(any(feature = "pubsub", feature = "gcs"))]
macro_rules! configured {
    ($cloud:expr, $service:expr, $builder:expr) => {{
        let builder = $builder.with_credentials($cloud.credentials($service)?);
        match $cloud.endpoint($service)? {
            Some(endpoint) => builder.with_endpoint(endpoint),
            None => builder,
        }
    }};
}

#[cfg(any(feature = "pubsub", feature = "gcs"))]
pub(crate) use configured;

/// A client that makes each request once, since we repeat it. It is another than the one that programs get.
#[cfg(feature = "pubsub")]
#[derive(Clone)]
pub(crate) struct Once<C>(pub(crate) C);

/// The clients of the services, one of a type and runtime: a client's connections end with the runtime they began on.
#[derive(Default)]
pub(crate) struct Clients(Mutex<HashMap<(TypeId, Id), Cell, foldhash::fast::FixedState>>);

impl fmt::Debug for Clients {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Clients")
    }
}

impl Clients {
    /// The client of a type, made when it is first asked for. Must be called inside a tokio runtime.
    pub(crate) async fn get<C, F>(&self, make: impl FnOnce() -> F) -> Result<C>
    where
        C: Clone + Send + Sync + 'static,
        F: Future<Output = Result<C>>,
    {
        let cell = self.cell(TypeId::of::<C>());
        let boxed = async || Ok::<_, flow_core::Error>(Box::new(make().await?) as Box<dyn Any + Send + Sync>);
        let client = cell.get_or_try_init(boxed).await?;
        Ok(client.downcast_ref::<C>().expect("a cell holds a client of its type").clone())
    }

    fn cell(&self, client: TypeId) -> Cell {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(all.entry((client, Handle::current().id())).or_default())
    }
}
