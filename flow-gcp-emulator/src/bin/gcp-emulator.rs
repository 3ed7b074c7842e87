//! Starts the emulator, and says how programs find it.

use std::error::Error;
use std::path::PathBuf;

use clap::Parser;
use flow_gcp_emulator::Emulator;
use tokio::signal::unix::{SignalKind, signal};

/// Pub/Sub, Cloud Storage and BigQuery on one port of this machine.
#[derive(Debug, Parser)]
#[command(name = "gcp-emulator", version)]
struct Options {
    /// The port; 0 is any that is free
    #[arg(long, default_value_t = 8085)]
    port: u16,
    /// The address to listen on
    #[arg(long, default_value = "127.0.0.1")]
    host: String,
    /// Keeps topics, messages, objects and tables in this folder, instead of in memory
    #[arg(long)]
    folder: Option<PathBuf>,
    /// The project that programs are told to use
    #[arg(long, default_value = "local-project")]
    project: String,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let options = Options::parse();
    let mut builder = Emulator::builder().host(options.host).port(options.port);
    if let Some(folder) = options.folder {
        builder = builder.folder(folder);
    }
    let (mut interrupt, mut terminate) = (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
    let emulator = builder.start()?;
    print(&emulator, &options.project);
    tokio::select! {
        _ = interrupt.recv() => {}
        _ = terminate.recv() => {}
    }
    Ok(())
}

/// Lines that a shell can evaluate.
fn print(emulator: &Emulator, project: &str) {
    let (address, endpoint) = (emulator.address(), emulator.endpoint());
    println!("export GOOGLE_CLOUD_PROJECT={project}");
    println!("export PUBSUB_EMULATOR_HOST={address}");
    println!("export STORAGE_EMULATOR_HOST={endpoint}");
    println!("export STORAGE_CONTROL_EMULATOR_HOST={endpoint}");
    println!("export BIGQUERY_EMULATOR_HOST={endpoint}");
    println!("export BIGQUERY_STORAGE_EMULATOR_HOST={endpoint}");
}
