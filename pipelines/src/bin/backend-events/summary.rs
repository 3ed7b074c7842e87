use std::fmt::Write;

use flow_core::Summary;
use flow_runner_local::Report;
use pipelines::backend_events::pipeline::Settings;
use pipelines::backend_events::{Catalog, Tables};

/// What came of the messages, and where it is.
pub(crate) fn summary(report: &Report, catalog: &Catalog, settings: &Settings) -> String {
    let (events, by_kind) = counts(report.as_ref(), "events.");
    let (letters, by_reason) = counts(report.as_ref(), "dead_letters.");
    let (warnings, by_name) = counts(report.as_ref(), "warnings.");
    let rate = grouped(report.rate(events + letters) as u64);
    let kinds: Vec<_> = catalog.types().map(|event_type| event_type.name().to_string()).collect();
    let mut text = format!(
        "events        {} ({by_kind}); {rate} messages a second\n\
         dead letters  {} ({by_reason})\n\
         warnings      {} ({by_name})\n\
         objects       {}/{{{},unknown,dead-letter}}\n",
        grouped(events),
        grouped(letters),
        grouped(warnings),
        settings.output.objects.display(),
        kinds.join(","),
    );
    let _ = match &settings.output.tables {
        Tables::Files(root) => write!(text, "tables        {}", root.display()),
        Tables::BigQuery(datasets) => {
            let curated = if settings.curated { format!(" and {}", datasets.curated) } else { String::new() };
            write!(text, "tables        {} of {}{curated}", datasets.raw, datasets.project)
        }
    };
    text
}

/// The counters whose names begin alike: their sum, and those that have counted something.
fn counts(summary: &Summary, prefix: &str) -> (u64, String) {
    let names = summary.metrics.keys().filter_map(|name| Some((name, name.strip_prefix(prefix)?)));
    let counts = names.map(|(name, rest)| (summary.counter(name), rest)).filter(|(count, _)| *count > 0);
    let counts: Vec<_> = counts.collect();
    let texts: Vec<_> = counts.iter().map(|(count, name)| format!("{name} {}", grouped(*count))).collect();
    let text = if texts.is_empty() { "none".to_owned() } else { texts.join(", ") };
    (counts.iter().map(|(count, _)| count).sum(), text)
}

/// A number with its thousands apart.
pub(crate) fn grouped(number: u64) -> String {
    match number {
        0..1_000 => number.to_string(),
        _ => format!("{},{:03}", grouped(number / 1_000), number % 1_000),
    }
}
