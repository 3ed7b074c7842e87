//! Acknowledging.

use std::future::Future;
use std::time::Duration;

use flow_core::Result;
use futures::future::join_all;
use google_cloud_pubsub::subscriber::MessageStream;
use google_cloud_pubsub::subscriber::handler::{ExactlyOnce, Handler};

use super::closing::Closing;
use super::load::{Delivery, Room};
use super::shared::Counts;

/// The client sends acknowledgements every 100 ms, and does not say when it has: after this and some time for each they
/// have arrived, unless the machine or the server is slow. What has not goes when the reader ends.
const FLUSH: Duration = Duration::from_millis(250);
const EACH: Duration = Duration::from_micros(20);

/// How long an acknowledgement may take to be confirmed: what is not is delivered again, and known then.
const CONFIRMED: Duration = Duration::from_secs(30);

/// Deliveries to be acknowledged together.
#[derive(Debug, Default)]
pub(super) struct Acks {
    told: usize,
    confirmed: Vec<(ExactlyOnce, Room)>,
}

impl Acks {
    /// Acknowledges a delivery: at once, or where the subscription confirms it, once [`done`](Acks::done) is polled.
    pub(super) fn push(&mut self, delivery: Delivery) {
        match delivery.handler {
            Handler::ExactlyOnce(handler) => self.confirmed.push((handler, delivery.room)),
            other => {
                other.ack();
                self.told += 1;
            }
        }
    }

    /// Acknowledges a delivery beside a newer one of the same message: its lease has most likely run out, and it does
    /// not matter.
    pub(super) fn push_old(&mut self, delivery: Delivery) {
        delivery.handler.ack();
        self.told += 1;
    }

    /// Until everything is acknowledged. A failed acknowledgement has the message delivered once more, which is then
    /// known as one that is done.
    pub(super) fn done(
        self,
        counts: Counts,
        ended: Vec<MessageStream>,
        closing: &Closing,
    ) -> impl Future<Output = Result<()>> + Send + 'static {
        let waits = (!self.confirmed.is_empty()).then(|| (closing.confirming(), closing.clone()));
        counts.acks.add(self.told as u64);
        async move {
            let confirmed = self.confirmed.into_iter().map(|(handler, room)| async move {
                let _room = room; // taken until the service has said so
                tokio::time::timeout(CONFIRMED, handler.confirmed_ack()).await
            });
            for outcome in join_all(confirmed).await {
                match outcome {
                    Ok(Ok(())) => counts.acks.inc(),
                    Ok(Err(_)) | Err(_) => counts.failed_acks.inc(),
                }
            }
            if let Some((confirming, closing)) = waits {
                drop(confirming);
                closing.closed().await;
            }
            if self.told > 0 {
                tokio::time::sleep(FLUSH + EACH * u32::try_from(self.told).unwrap_or(u32::MAX)).await;
            }
            drop(ended);
            Ok(())
        }
    }
}
