//! Named points at which a process dies if it is told to, for tests of what that leaves behind.
//!
//! A build with debug assertions reads `FLOW_CRASH_AT`, as `manifest-renamed:3`: at the third time that it comes there, it
//! aborts. Several are separated by commas. Other builds have nothing of it.

/// All of them, in the order of an epoch.
#[cfg(debug_assertions)]
pub(crate) const POINTS: [&str; 15] = [
    "restored",
    "resuming",
    "resumed",
    "epoch-begun",
    "segment-written",
    "segment-synced",
    "manifest-written",
    "manifest-synced",
    "manifest-renamed",
    "manifest-durable",
    "garbage-removed",
    "sink-committed",
    "sinks-committed",
    "acknowledging",
    "over",
];

#[cfg(not(debug_assertions))]
#[inline]
pub(crate) fn point(_: &str) {}

/// Dies here, if it is told to.
#[cfg(debug_assertions)]
pub(crate) fn point(name: &str) {
    debug_assert!(POINTS.contains(&name), "{name} is no point");
    planned::PLAN.with_left(name, |left| {
        *left -= 1;
        if *left == 0 {
            std::process::abort();
        }
    });
}

#[cfg(debug_assertions)]
mod planned {
    use std::collections::BTreeMap;
    use std::sync::{LazyLock, Mutex, PoisonError};

    /// How many more times a point is passed before it is the end.
    pub(super) struct Plan(Mutex<BTreeMap<String, u64>>);

    pub(super) static PLAN: LazyLock<Plan> = LazyLock::new(|| {
        let text = std::env::var("FLOW_CRASH_AT").unwrap_or_default();
        let points = text.split(',').filter(|point| !point.is_empty()).map(|point| {
            let (name, times) = point.split_once(':').unwrap_or((point, "1"));
            (name.to_owned(), times.parse().unwrap_or(1))
        });
        Plan(Mutex::new(points.collect()))
    });

    impl Plan {
        pub(super) fn with_left(&self, name: &str, act: impl FnOnce(&mut u64)) {
            if let Some(left) = self.0.lock().unwrap_or_else(PoisonError::into_inner).get_mut(name) {
                act(left);
            }
        }
    }
}
