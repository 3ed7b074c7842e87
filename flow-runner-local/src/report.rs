use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use bytesize::ByteSize;
use flow_core::Summary;
use flow_core::exec::StepCounts;
use flow_core::metrics::MetricValue;
use flow_core::sink::Delivery;

/// What a run did; prints as a table.
#[derive(Clone, Debug)]
pub struct Report {
    /// The counts of the steps, and the pipeline's own metrics.
    pub summary: Summary,
    /// From start to end.
    pub duration: Duration,
    /// How many workers ran it.
    pub workers: usize,
    /// How many epochs were committed.
    pub epochs: u64,
    /// The most memory that the process has taken, in bytes; none where the system does not say.
    pub peak_memory: Option<u64>,
    /// It was ended from outside, by a signal or by [`Job::drain`](crate::Job::drain).
    pub stopped: bool,
    /// An earlier run with this state directory had come to its end, and there was nothing left to do.
    pub was_over: bool,
    /// The sinks by name, and what each promises.
    pub sinks: Vec<(String, Delivery)>,
}

impl AsRef<Summary> for Report {
    fn as_ref(&self) -> &Summary {
        &self.summary
    }
}

impl Report {
    /// The counts of the step of a name.
    pub fn step(&self, name: &str) -> Option<StepCounts> {
        self.summary.step(name)
    }

    /// So many elements, a second of the run.
    pub fn rate(&self, elements: u64) -> f64 {
        elements as f64 / self.duration.as_secs_f64().max(1e-9)
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let widest =
            self.summary.steps.iter().map(|step| step.step.name.chars().count()).max().unwrap_or(0).max(4);
        writeln!(
            f,
            "{:<widest$}  {:>12}  {:>12}  {:>12}  {:>9}  {:>8}",
            "step", "in", "out", "out/s", "time", "dropped"
        )?;
        for step in &self.summary.steps {
            let StepCounts { elements_in, elements_out, dropped_late, dropped_closed, nanos, .. } =
                step.counts;
            let time = format!("{:.2?}", Duration::from_nanos(nanos));
            let dropped = dropped_late + dropped_closed;
            let dropped = if dropped == 0 { String::new() } else { grouped(dropped) };
            writeln!(
                f,
                "{:<widest$}  {:>12}  {:>12}  {:>12}  {time:>9}  {dropped:>8}",
                step.step.name,
                grouped(elements_in),
                grouped(elements_out),
                grouped(self.rate(elements_out) as u64),
            )?;
        }
        let mut own = self.summary.metrics.clone();
        for step in self.summary.steps.iter().map(|step| &step.step.name) {
            let counted = take_of_step(&mut own, step);
            if !counted.is_empty() {
                writeln!(f, "{step}: {}", counted.join(", "))?;
            }
        }
        for (name, value) in own {
            writeln!(f, "{name}: {value}")?;
        }
        for (name, delivery) in &self.sinks {
            writeln!(f, "{name}: written {delivery}")?;
        }
        if self.summary.dead_letters() > 0 {
            writeln!(f, "dead letters: {}", grouped(self.summary.dead_letters()))?;
        }
        if self.summary.dropped_late() > 0 {
            writeln!(f, "dropped as late: {}", grouped(self.summary.dropped_late()))?;
        }
        if self.summary.dropped_closed() > 0 {
            writeln!(f, "dropped in closed windows: {}", grouped(self.summary.dropped_closed()))?;
        }
        let ended = match (self.was_over, self.stopped) {
            (true, _) => "there was nothing left to do: the run of this state directory was over after",
            (false, true) => "stopped",
            (false, false) => "finished",
        };
        write!(f, "{ended} in {:.2?} with {} workers", self.duration, self.workers)?;
        if let Some(bytes) = self.peak_memory {
            write!(f, ", peak memory {}", ByteSize(bytes).display().iec())?;
        }
        Ok(())
    }
}

/// Takes what a step's connector has counted out of the metrics, as texts; what is zero is not worth one.
fn take_of_step(metrics: &mut BTreeMap<String, MetricValue>, step: &str) -> Vec<String> {
    let taken =
        metrics.extract_if(.., |name, _| name.strip_prefix(step).is_some_and(|rest| rest.starts_with('.')));
    let text = |(name, value): (String, MetricValue)| {
        let name = &name[step.len() + 1..];
        match value {
            MetricValue::Counter(0) | MetricValue::Gauge(0) => None,
            MetricValue::Counter(n) => Some(format!("{name} {}", grouped(n))),
            other => Some(format!("{name} {other}")),
        }
    };
    taken.filter_map(text).collect()
}

/// A number with its thousands apart.
pub(crate) fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut out = String::with_capacity(digits.len() + digits.len() / 3);
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// The most memory that this process has taken so far, where `/proc` says.
pub(crate) fn peak_memory() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find(|line| line.starts_with("VmHWM:"))?;
    line.split_whitespace().nth(1)?.parse::<u64>().ok().map(|kib| kib * 1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thousands_stand_apart() {
        assert_eq!([0, 999, 1_000, 1_234_567].map(grouped), ["0", "999", "1,000", "1,234,567"]);
    }

    #[test]
    fn what_a_connector_counts_stands_on_a_line() {
        let counters = [("read.acks", 1_200), ("read.retries", 0), ("read-2.acks", 3), ("reads", 4)];
        let mut metrics: BTreeMap<_, _> =
            counters.iter().map(|(name, n)| ((*name).to_owned(), MetricValue::Counter(*n))).collect();
        assert_eq!(take_of_step(&mut metrics, "read"), ["acks 1,200"]);
        assert_eq!(metrics.keys().collect::<Vec<_>>(), ["read-2.acks", "reads"]);
    }
}
