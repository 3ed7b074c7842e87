use std::io::IsTerminal;

use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::LevelFilter;

/// Has what the library tells written to standard error: warnings, or what RUST_LOG asks for.
pub fn tell_on_stderr() {
    let filter = EnvFilter::builder().with_default_directive(LevelFilter::WARN.into()).from_env_lossy();
    let told = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    // A program that has set another subscriber up keeps it.
    let _ = told.with_target(false).with_ansi(std::io::stderr().is_terminal()).try_init();
}
