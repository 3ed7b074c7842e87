//! The server.

use std::collections::BTreeMap;
use std::net::{SocketAddr, TcpListener};
use std::path::PathBuf;

use axum::Router;
use axum::middleware;
use axum::serve::ListenerExt;
use tokio::runtime::{self, Runtime};

use crate::bigquery;
use crate::calls::{CallCount, Calls};
use crate::faults::{Door, Faults};
use crate::gcs::{Gcs, Objects};
use crate::pubsub::PubSub;
use crate::{Clock, Error};

/// A running emulator. It ends when this is dropped.
///
/// It has threads of its own, so that it serves plain and asynchronous tests alike.
///
/// ```
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let emulator = flow_gcp_emulator::Emulator::start()?;
/// emulator.pubsub().create_topic("projects/shop/topics/orders")?;
/// emulator.gcs().create_bucket("reports")?;
/// println!("serving on {}", emulator.endpoint());
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct Emulator {
    address: SocketAddr,
    clock: Clock,
    calls: Calls,
    faults: Faults,
    pubsub: PubSub,
    objects: Objects,
    bigquery: bigquery::Service,
    /// Here as long as the emulator runs.
    runtime: Option<Runtime>,
}

/// How an emulator is to be.
#[derive(Clone, Debug, Default)]
pub struct Builder {
    host: Option<String>,
    port: u16,
    folder: Option<PathBuf>,
    clock: Clock,
}

impl Emulator {
    /// Starts one in memory, on a free port of this machine.
    pub fn start() -> Result<Self, Error> {
        Emulator::builder().start()
    }

    /// One with a port, a folder or a clock of your choice.
    pub fn builder() -> Builder {
        Builder::default()
    }

    /// Where all services are: `http://127.0.0.1:8085`.
    pub fn endpoint(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Its address, for variables that want no scheme: `127.0.0.1:8085`.
    pub fn address(&self) -> String {
        self.address.to_string()
    }

    /// The plan of what goes wrong.
    pub fn faults(&self) -> Faults {
        self.faults.clone()
    }

    /// The time that all services see.
    pub fn clock(&self) -> Clock {
        self.clock.clone()
    }

    /// How often something was called: `calls("pubsub.Publish")`.
    pub fn calls(&self, name: &str) -> u64 {
        self.calls.counter(name).read().calls
    }

    /// All that was called, by name, with the bytes that went in and out.
    pub fn call_counts(&self) -> BTreeMap<String, CallCount> {
        self.calls.all()
    }

    /// Pub/Sub, for what a test wants to do beside the program that it tests.
    pub fn pubsub(&self) -> PubSub {
        self.pubsub.clone()
    }

    /// Cloud Storage, for what a test wants to do beside the program that it tests.
    pub fn gcs(&self) -> Objects {
        self.objects.clone()
    }

    /// BigQuery, for what a test wants to do beside the program that it tests.
    pub fn bigquery(&self) -> bigquery::Service {
        self.bigquery.clone()
    }

    /// The objects of Cloud Storage: the same as [`Emulator::gcs`].
    pub fn objects(&self) -> Objects {
        self.objects.clone()
    }
}

impl Drop for Emulator {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

impl Builder {
    /// The port; 0, as when nothing is said, is any that is free.
    pub fn port(mut self, port: u16) -> Self {
        self.port = port;
        self
    }

    /// The address to listen on, instead of 127.0.0.1.
    pub fn host(mut self, host: impl Into<String>) -> Self {
        self.host = Some(host.into());
        self
    }

    /// Keeps what it knows in a folder, and begins with what is there.
    pub fn folder(mut self, folder: impl Into<PathBuf>) -> Self {
        self.folder = Some(folder.into());
        self
    }

    /// A clock instead of the system's.
    pub fn clock(mut self, clock: Clock) -> Self {
        self.clock = clock;
        self
    }

    /// Starts it.
    pub fn start(self) -> Result<Emulator, Error> {
        let Builder { host, port, folder, clock } = self;
        let (listener, address) = listen(host.as_deref().unwrap_or("127.0.0.1"), port)?;
        let (calls, faults) = (Calls::default(), Faults::default());
        let pubsub = PubSub::new(clock.clone(), faults.clone(), folder.as_deref())?;
        let objects = Objects::new(clock.clone(), pubsub.clone(), folder.as_deref())?;
        let gcs = Gcs::new(objects.clone(), faults.clone(), format!("http://{address}"));
        let bigquery =
            bigquery::Service::new(folder.as_deref(), clock.clone(), faults.clone(), objects.clone())?;
        let routes = pubsub.routes().merge(gcs.routes()).merge(bigquery.routes());
        let door = Door { calls: calls.clone(), faults: faults.clone() };
        let app = routes.layer(middleware::from_fn_with_state(door, Door::pass));
        let runtime = Some(serve(listener, app).map_err(Error::Start)?);
        Ok(Emulator { address, clock, calls, faults, pubsub, objects, bigquery, runtime })
    }
}

fn listen(host: &str, port: u16) -> Result<(TcpListener, SocketAddr), Error> {
    let failed = |source| Error::Listen { host: host.to_owned(), port, source };
    let listener = TcpListener::bind((host, port)).map_err(failed)?;
    listener.set_nonblocking(true).map_err(failed)?;
    let address = listener.local_addr().map_err(failed)?;
    Ok((listener, address))
}

fn serve(listener: TcpListener, app: Router) -> std::io::Result<Runtime> {
    let runtime = runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .thread_name("gcp-emulator")
        .enable_all()
        .build()?;
    let entered = runtime.enter();
    let listener = tokio::net::TcpListener::from_std(listener)?.tap_io(|stream| {
        // Without it, small answers wait for acknowledgements of TCP.
        let _ = stream.set_nodelay(true);
    });
    runtime.spawn(async move { axum::serve(listener, app).await });
    drop(entered);
    Ok(runtime)
}
