//! What goes wrong, and when.

mod door;

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

pub(crate) use door::Door;
pub use tonic::Code;

/// Which calls a fault meets, of those that its plan names. The first call is number 1.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum When {
    /// One call alone.
    Nth(u64),
    /// Each call whose number can be divided by this.
    Every(u64),
    /// The first so many.
    First(u64),
    /// All calls, until [`Faults::stop`].
    Always,
    /// A share of the calls between 0 and 1, chosen by a seed.
    Rate(f64, u64),
}

/// One thing that goes wrong.
///
/// On a call of gRPC, a status is answered with the code of its like, and what breaks a connection is answered with
/// `UNAVAILABLE`. Delays are in real time, whatever clock the services see.
#[derive(Clone, Debug, PartialEq)]
pub enum Fault {
    /// Answered with this HTTP status and an error in JSON, without being applied.
    Status {
        /// The status.
        code: u16,
        /// The seconds of a `Retry-After` header.
        retry_after: Option<u64>,
    },
    /// Answered with this code, without being applied.
    Grpc(Code),
    /// Answered with status 503 and a page of HTML, as by a proxy, without being applied.
    Html,
    /// The connection breaks before anything is answered; not applied.
    Reset,
    /// Applied, and then the connection breaks before anything is answered.
    LostAnswer,
    /// Applied; the connection breaks when half of the answer has been sent.
    CutAnswer,
    /// Applied, and then never answered.
    LateAnswer,
    /// Neither applied nor answered.
    Hang,
    /// Applied and answered after this time.
    Delay(Duration),
    /// Applied; the answer comes in pieces of this many bytes, each after this time.
    Trickle(usize, Duration),
    /// Of `pubsub.StreamingPull.response`: the leases of the messages in it expire at once.
    ExpireLeases,
    /// Of `pubsub.StreamingPull.response`: each message in it is there twice.
    Duplicate,
    /// Of `pubsub.StreamingPull.response`: its messages are in reverse order.
    Reverse,
    /// Of `pubsub.StreamingPull.response`: the stream ends with OK in its place.
    EndStream,
    /// Of `storage.resumable.put.chunk`: only the first 256 KiB of the chunk are kept.
    Partial,
    /// Some rows of a request are refused.
    RowErrors,
    /// Whatever a service understands by this word.
    Custom(&'static str),
}

impl Fault {
    /// Answered with an HTTP status, without being applied.
    pub fn status(code: u16) -> Self {
        Fault::Status { code, retry_after: None }
    }
}

/// The plan of what goes wrong. Clones are one plan.
///
/// A plan names a call as the counters do (`pubsub.Publish`, `storage.resumable.put`), or all calls that begin alike
/// (`storage.*`). A few names are of points inside a call, for faults that the call itself has to know about:
/// `pubsub.StreamingPull.response`, `storage.resumable.put.chunk`; those have to be named in full.
#[derive(Clone, Debug, Default)]
pub struct Faults(Arc<Plans>);

#[derive(Debug, Default)]
struct Plans {
    /// So that nothing is locked while nothing is planned.
    any: AtomicBool,
    list: Mutex<Vec<Plan>>,
}

#[derive(Debug)]
struct Plan {
    call: String,
    when: When,
    fault: Fault,
    seen: u64,
    met: u64,
}

impl Faults {
    /// Plans a fault. When several meet the same call, the one planned first is done; all count the call.
    pub fn add(&self, call: &str, when: When, fault: Fault) {
        self.list().push(Plan { call: call.to_owned(), when, fault, seen: 0, met: 0 });
        self.0.any.store(true, Ordering::Release);
    }

    /// Ends all plans that were made with exactly this name.
    pub fn stop(&self, call: &str) {
        self.list().retain(|plan| plan.call != call);
    }

    /// Ends all plans.
    pub fn clear(&self) {
        self.list().clear();
        self.0.any.store(false, Ordering::Release);
    }

    /// How often plans of exactly this name were carried out.
    pub fn met(&self, call: &str) -> u64 {
        self.list().iter().filter(|plan| plan.call == call).map(|plan| plan.met).sum()
    }

    /// Counts a visit to a point inside a call, and says what goes wrong there.
    pub fn next(&self, point: &str) -> Option<Fault> {
        self.meet(|name| name == point)
    }

    /// Counts a call, and says what goes wrong with it.
    pub(crate) fn of_call(&self, call: &str) -> Option<Fault> {
        self.meet(|name| match name.strip_suffix('*') {
            Some(prefix) => call.starts_with(prefix),
            None => call == name,
        })
    }

    fn meet(&self, named: impl Fn(&str) -> bool) -> Option<Fault> {
        if !self.0.any.load(Ordering::Acquire) {
            return None;
        }
        let mut found = None;
        for plan in self.list().iter_mut().filter(|plan| named(&plan.call)) {
            plan.seen += 1;
            if found.is_none() && plan.when.meets(plan.seen) {
                plan.met += 1;
                found = Some(plan.fault.clone());
            }
        }
        found
    }

    fn list(&self) -> std::sync::MutexGuard<'_, Vec<Plan>> {
        self.0.list.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl When {
    fn meets(self, number: u64) -> bool {
        match self {
            When::Nth(n) => number == n,
            When::Every(n) => n > 0 && number.is_multiple_of(n),
            When::First(n) => number <= n,
            When::Always => true,
            When::Rate(share, seed) => unit(seed, number) < share,
        }
    }
}

/// A number in [0, 1) that looks random: splitmix64.
fn unit(seed: u64, number: u64) -> f64 {
    let mut z = seed.wrapping_add(number.wrapping_mul(0x9e37_79b9_7f4a_7c15));
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    ((z ^ (z >> 31)) >> 11) as f64 / (1_u64 << 53) as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn met(when: When, calls: u64) -> Vec<u64> {
        (1..=calls).filter(|n| when.meets(*n)).collect()
    }

    #[test]
    fn each_when_meets_its_calls() {
        assert_eq!(met(When::Nth(3), 6), [3]);
        assert_eq!(met(When::Every(2), 6), [2, 4, 6]);
        assert_eq!(met(When::Every(0), 6), Vec::<u64>::new());
        assert_eq!(met(When::First(2), 6), [1, 2]);
        assert_eq!(met(When::Always, 3), [1, 2, 3]);
    }

    #[test]
    fn a_rate_meets_its_share_and_the_same_calls_again() {
        let first = met(When::Rate(0.25, 7), 10_000);
        assert_eq!(first, met(When::Rate(0.25, 7), 10_000));
        assert_ne!(first, met(When::Rate(0.25, 8), 10_000));
        assert!((2_300..2_700).contains(&first.len()), "{}", first.len());
    }

    #[test]
    fn a_star_names_calls_but_no_points_inside() {
        let faults = Faults::default();
        faults.add("storage.*", When::First(1), Fault::Hang);
        assert_eq!(faults.next("storage.resumable.put.chunk"), None);
        assert_eq!(faults.of_call("pubsub.Publish"), None);
        assert_eq!(faults.of_call("storage.insert"), Some(Fault::Hang));
        assert_eq!(faults.of_call("storage.insert"), None);
        assert_eq!(faults.met("storage.*"), 1);
    }
}
