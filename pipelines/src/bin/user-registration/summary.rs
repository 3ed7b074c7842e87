use flow_runner_local::Report;
use pipelines::program::{counts, grouped};
use pipelines::user_registration::Output;

/// What came of the messages, where it is, and how soon it was there.
pub(crate) fn summary(report: &Report, output: &Output) -> String {
    let Output { dataset, users, letters, segments, freshness, .. } = output;
    let (dead, by_kind) = counts(report.as_ref(), "dead_letters.");
    let step = |name: &str| report.step(name).unwrap_or_default();
    let messages = step("decode").elements_in;
    let seen = step("new users/deduplicate_by/deduplicate");
    let saved = seen.elements_out.saturating_sub(step("save").elements_out);
    let rate = grouped(report.rate(saved) as u64);
    let segments = segments.as_ref().map_or_else(String::new, |name| format!(", {dataset}.{name}"));
    format!(
        "messages      {}\n\
         users         {}; {rate} a second\n\
         seen before   {}\n\
         dead letters  {} ({by_kind})\n\
         freshness     {freshness}\n\
         tables        {dataset}.{users}, {dataset}.{letters}{segments}",
        grouped(messages),
        grouped(saved),
        grouped(seen.elements_in.saturating_sub(seen.elements_out)),
        grouped(dead),
    )
}
