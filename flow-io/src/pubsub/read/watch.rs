//! The task that watches over a subscription: whether silence is silence, whether it is stuck, how old leases are.

use std::sync::Arc;
use std::time::Duration;

use flow_core::Timestamp;
use tokio::time::{Instant, MissedTickBehavior};

use super::options::Options;
use super::shared::{Counts, Shared};
use crate::pubsub::client::{Admin, Answer};
use crate::pubsub::clock::{self, since};
use crate::pubsub::names::Subscription;

/// How often the same thing is told.
const TELL: Duration = Duration::from_mins(1);

/// How long nothing is acknowledged, with a stream full, before that is told.
const STUCK: Duration = Duration::from_mins(1);

pub(super) struct Watch {
    pub(super) shared: Arc<Shared>,
    pub(super) admin: Admin,
    pub(super) subscription: Subscription,
    pub(super) options: Options,
    pub(super) counts: Counts,
}

/// What has been told, and when.
#[derive(Default)]
struct Told {
    away: Option<Instant>,
    stuck: Option<Instant>,
    leases: Option<Instant>,
}

impl Watch {
    pub(super) async fn run(self) {
        let span = self.options.pace.span;
        let every = (span / 2).clamp(Duration::from_millis(50), Duration::from_secs(1));
        let mut tick = tokio::time::interval(every);
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let ask_every = span.clamp(every, Duration::from_secs(5));
        let (mut asked, mut told) = (None, Told::default());
        let mut progress = (0, Instant::now());
        loop {
            tick.tick().await;
            self.look_at_leases(&mut told);
            self.look_for_progress(&mut progress, &mut told);
            let is_due = asked.is_none_or(|asked: Instant| asked.elapsed() >= ask_every);
            if is_due && self.is_silent() {
                asked = Some(Instant::now());
                self.ask(&mut told).await;
            }
        }
    }

    fn look_at_leases(&self, told: &mut Told) {
        let oldest = self.shared.loads().iter().filter_map(|load| load.oldest()).min();
        let age = oldest.map_or(Duration::ZERO, |oldest| since(oldest, clock::now()));
        self.counts.oldest_lease.set(i64::try_from(age.as_millis()).unwrap_or(i64::MAX));
        if age > self.options.max_lease / 2 && is_due(&mut told.leases) {
            let (subscription, max_lease) = (&self.subscription, self.options.max_lease);
            tracing::warn!(%subscription, ?age, ?max_lease, "messages are held for more than half of their leases");
        }
    }

    /// Tells when a stream is full and nothing is acknowledged: windows that hold more than fits wait for a watermark
    /// that waits for them.
    fn look_for_progress(&self, (commits, at): &mut (u64, Instant), told: &mut Told) {
        let loads = self.shared.loads();
        let now_committed = loads.iter().map(|load| load.commits()).sum();
        if *commits != now_committed || loads.iter().all(|load| load.has_room()) {
            (*commits, *at) = (now_committed, Instant::now());
        } else if at.elapsed() > STUCK && is_due(&mut told.stuck) {
            let (subscription, messages) = (&self.subscription, self.counts.outstanding_messages.value());
            let bytes = self.counts.outstanding_bytes.value();
            tracing::warn!(
                %subscription, messages, bytes,
                "as much as may be outstanding is held, and nothing is acknowledged: if windows hold it, allow more \
                 with `max_outstanding`"
            );
        }
    }

    /// Whether nothing comes although it could.
    fn is_silent(&self) -> bool {
        let could_come = |load: &Arc<super::load::Load>| load.has_room() && load.waits().is_none();
        self.shared.loads().iter().all(could_come) && self.tide_is_silent(clock::now())
    }

    fn tide_is_silent(&self, now: Timestamp) -> bool {
        self.shared.tide(|tide| tide.is_silent(now)).unwrap_or(false)
    }

    /// Asks the service for anything, to know that it is there.
    async fn ask(&self, told: &mut Told) {
        let asked = clock::now();
        match self.admin.ask(&self.subscription).await {
            Answer::Some => {
                told.away = None;
                self.shared.tide(|tide| tide.answer(asked));
            }
            Answer::None(error) => {
                self.shared.tide(|tide| tide.no_answer(clock::now()));
                if is_due(&mut told.away) {
                    let subscription = &self.subscription;
                    tracing::warn!(%subscription, %error, "Pub/Sub does not answer; waiting for it");
                }
            }
        }
    }
}

/// Whether something is to be told again; it is then as good as told.
fn is_due(told: &mut Option<Instant>) -> bool {
    let due = told.is_none_or(|told| told.elapsed() >= TELL);
    if due {
        *told = Some(Instant::now());
    }
    due
}
