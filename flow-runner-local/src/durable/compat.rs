//! Whether what an earlier run kept fits the pipeline that is to go on with it.

use std::collections::BTreeMap;

use flow_core::exec::{Op, StepId, hash_probe};
use flow_core::graph::{Graph, Step};
use flow_core::{Error, ErrorKind, Result};

use crate::options::Options;
use crate::store::{Manifest, StepShape};

/// Refuses pipelines that cannot go on after a restart.
pub(super) fn check_graph(graph: &Graph) -> Result<()> {
    let scripted = graph.steps.iter().find(|step| matches!(&step.op, Op::Read(read) if read.is_scripted()));
    scripted.map_or(Ok(()), |step| {
        let message = "a script cannot go on where it was, so that a run with a state directory cannot play it";
        Err(Error::config(message).at(&step.label))
    })
}

/// The steps of a graph, as a manifest has them.
pub(super) fn shapes(graph: &Graph) -> Vec<StepShape> {
    let shape = |step: &Step| StepShape { name: step.label.name.clone(), shape: shape_of(&step.op) };
    graph.steps.iter().map(shape).collect()
}

fn shape_of(op: &Op) -> String {
    match op {
        Op::Exchange(exchange) => format!("Exchange {}", exchange.shape()),
        other => format!("{other:?}"),
    }
}

/// For each step that an earlier run had, the one that takes its place.
pub(super) fn places(manifest: &Manifest, graph: &Graph, options: &Options) -> Result<Vec<Option<StepId>>> {
    if manifest.hash_probe != hash_probe() {
        let message = "keys have other hashes in this program than in the one that wrote the state, so that it cannot \
                       tell which worker a key belongs to: use the program that wrote it, drain, and start anew";
        return Err(Error::new(ErrorKind::State, message));
    }
    let now: BTreeMap<String, (StepId, String)> = graph
        .steps
        .iter()
        .map(|step| (step.label.name.clone(), (step.id, shape_of(&step.op))))
        .collect();
    let unknown = options.rename_step.iter().find(|(_, new)| !now.contains_key(new));
    if let Some((old, new)) = unknown {
        return Err(Error::config(format!(
            "`--rename-step {old}={new}`: the pipeline has no step `{new}`; its steps are {}",
            now.keys().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
        )));
    }
    let place = |step: &StepShape| -> Result<Option<StepId>> {
        let renamed = options.rename_step.iter().find(|(old, _)| *old == step.name).map(|(_, new)| new);
        let Some((id, shape)) = now.get(renamed.unwrap_or(&step.name)) else { return Ok(None) };
        if *shape == step.shape || options.allow_state_migration {
            return Ok(Some(*id));
        }
        Err(Error::new(
            ErrorKind::State,
            format!(
                "step `{}` was `{}` and is `{shape}` now: what it kept may not fit. Give the new step another name \
                 and run with `--allow-state-migration`, which forgets what the old one kept; or, if the types encode \
                 alike, only with `--allow-state-migration`",
                step.name, step.shape
            ),
        ))
    };
    manifest.steps.iter().map(place).collect()
}

/// Refuses to forget what steps kept that the pipeline has no longer, unless that is allowed.
pub(super) fn check_lost(lost: &[String], options: &Options) -> Result<()> {
    if lost.is_empty() {
        return Ok(());
    }
    let names = lost.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
    if options.allow_state_migration {
        tracing::warn!("the pipeline has no longer {names}: what these steps kept is forgotten");
        return Ok(());
    }
    Err(Error::new(
        ErrorKind::State,
        format!(
            "the pipeline has no longer {names}, for which the state has elements, positions or writes that would be \
             lost: say what a step is called now with `--rename-step OLD=NEW`, or forget them with \
             `--allow-state-migration`"
        ),
    ))
}
