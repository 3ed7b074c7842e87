//! Looks into the state directories of durable runs.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use flow_core::Result;
use flow_runner_local::inspect;

/// Looks into the state directories of durable runs; changes nothing
#[derive(Parser)]
#[command(name = "flow")]
enum Args {
    /// What a run has kept
    #[command(subcommand)]
    State(State),
}

#[derive(Subcommand)]
enum State {
    /// Lists the epochs that a directory has
    Ls { directory: PathBuf },
    /// Shows an epoch: sources with their positions and watermarks, what each step keeps, what sinks still hold
    Show {
        directory: PathBuf,
        /// The last, unless set
        #[arg(long)]
        epoch: Option<u64>,
    },
    /// Reads and checks everything
    Verify { directory: PathBuf },
}

fn main() -> ExitCode {
    let Args::State(command) = Args::parse();
    match run(command) {
        Ok(said) => {
            print!("{said}");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("{}", error.report());
            ExitCode::from(error.kind().exit_code())
        }
    }
}

fn run(command: State) -> Result<String> {
    match command {
        State::Ls { directory } => {
            let epochs = inspect::list(&directory)?;
            let shown = epochs.into_iter().map(|epoch| inspect::show(&directory, Some(epoch)));
            let line = |shown: Result<inspect::Epoch>| {
                shown.map(|epoch| epoch.to_string().lines().next().unwrap_or_default().to_owned() + "\n")
            };
            shown.map(line).collect()
        }
        State::Show { directory, epoch } => inspect::show(&directory, epoch).map(|epoch| epoch.to_string()),
        State::Verify { directory } => {
            inspect::verify(&directory).map(|epochs| format!("{epochs} epochs are whole\n"))
        }
    }
}
