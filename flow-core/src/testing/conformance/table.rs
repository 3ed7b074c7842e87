use std::fmt::Write as _;

use super::cases::{Case, cases, engine_cases};

/// The table of `docs/conformance.md`: every case, in the order of its capability.
///
/// `cargo run -p flow-core --example conformance` prints it.
pub fn table() -> String {
    let rows: Vec<(&Case, &str)> =
        cases().map(|case| (case, "pipeline")).chain(engine_cases().map(|case| (case, "engine"))).collect();
    let mut capabilities: Vec<&str> = Vec::new();
    for (case, _) in &rows {
        if !capabilities.contains(&case.capability) {
            capabilities.push(case.capability);
        }
    }
    let mut table = String::from("| capability | case | tested | Beam |\n| --- | --- | --- | --- |\n");
    for capability in capabilities {
        for (case, tested) in rows.iter().filter(|(case, _)| case.capability == capability) {
            let _ = writeln!(table, "| {capability} | {} | {tested} | {} |", case.name, case.beam);
        }
    }
    table
}
