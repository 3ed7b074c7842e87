use std::fmt::Write;

use flow_runner_local::Report;
use pipelines::backend_events::pipeline::Settings;
use pipelines::backend_events::{Catalog, Tables};
use pipelines::program::{counts, grouped};

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
