use flow_core::metrics::{Counter, Gauge, Metrics};

/// What a connector counts of its requests, for the run's report: `requests`, `retries`, `bytes` and `in_flight`.
#[derive(Clone, Debug, Default)]
pub(crate) struct Traffic {
    /// Requests, with those that repeat one.
    pub(crate) requests: Counter,
    /// Requests that repeat one.
    pub(crate) retries: Counter,
    /// Bytes of bodies, as they were handed to the client.
    pub(crate) bytes: Counter,
    in_flight: Gauge,
}

impl Traffic {
    pub(crate) fn new(metrics: &Metrics) -> Self {
        Traffic {
            requests: metrics.counter("requests"),
            retries: metrics.counter("retries"),
            bytes: metrics.counter("bytes"),
            in_flight: metrics.gauge("in_flight"),
        }
    }

    /// Counts a request that is under way until the returned value is dropped.
    pub(crate) fn begin(&self) -> UnderWay {
        self.requests.inc();
        self.in_flight.add(1);
        UnderWay(self.in_flight.clone())
    }
}

/// A request under way.
#[derive(Debug)]
pub(crate) struct UnderWay(Gauge);

impl Drop for UnderWay {
    fn drop(&mut self) {
        self.0.add(-1);
    }
}
