//! What tests of processes share.

use std::process::{Child, Command, Output};
use std::time::Duration;

/// Ends a process as a service manager does, and waits for its end.
pub(crate) fn terminated(program: Child) -> Output {
    let killed = Command::new("kill").args(["-TERM", &program.id().to_string()]).status().unwrap();
    assert!(killed.success());
    program.wait_with_output().unwrap()
}

/// Waits until something is so: what another process does is seen by looking.
#[track_caller]
pub(crate) fn until(what: &str, is_so: impl Fn() -> bool) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    let seen = runtime.block_on(async {
        for _ in 0..1_500 {
            if is_so() {
                return true;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        false
    });
    assert!(seen, "{what}: not within half a minute");
}
