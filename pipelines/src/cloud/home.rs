//! Where a program is at home when it is told nothing else.

use flow_core::{Error, ErrorKind, Result};
use flow_gcp_emulator::Emulator;
use flow_io::gcp::{GoogleCloud, Service};
use flow_runner_local::Options;

/// An emulator: the one that the environment names, or else one in this process, which ends with this value.
#[derive(Debug)]
pub struct Home {
    /// How to reach it.
    pub cloud: GoogleCloud,
    emulator: Option<Emulator>,
}

impl Home {
    /// The project of all that is made there.
    pub const PROJECT: &'static str = "flow-demo";

    /// Starts an emulator in this process, unless the environment names one of Pub/Sub.
    ///
    /// # Errors
    /// When the run is to outlive its process, which an emulator in it does not.
    pub fn start(options: &Options) -> Result<Home> {
        if std::env::var_os(Service::PubSub.variable()).is_some() {
            return Ok(Home { cloud: GoogleCloud::from_env(), emulator: None });
        }
        if options.state_dir.is_some() {
            return Err(Error::config(format!(
                "the emulator in this process ends with it, so that there would be nothing to go on with: a run with a state \
                 directory needs a project, files, or an emulator elsewhere ({})",
                Service::PubSub.variable()
            )));
        }
        let emulator = Emulator::start()
            .map_err(|cause| Error::new(ErrorKind::Config, "the emulator does not start").caused_by(cause))?;
        Ok(Home { cloud: GoogleCloud::at(&emulator.endpoint()), emulator: Some(emulator) })
    }

    /// A few words on where this is.
    pub fn describe(&self) -> String {
        match &self.emulator {
            Some(emulator) => format!("an emulator in this process, at {}", emulator.endpoint()),
            None => format!("the emulators of {} and its like", Service::PubSub.variable()),
        }
    }
}
