//! Who must pause for whom.

use std::collections::{BTreeMap, BTreeSet};

use flow_core::exec::{Cx, Op, StepId};
use flow_core::graph::Graph;

use crate::exchange::Traffic;

/// What stands between a head of a chain (a source, or the receiving end of an exchange) and going on: the exchanges
/// that the chain ends in, and the steps that may keep elements waiting.
#[derive(Clone, Debug, Default)]
pub(crate) struct Gates {
    exchanges: Vec<StepId>,
    holders: Vec<StepId>,
}

impl Gates {
    /// Of every head of a graph.
    ///
    /// Steps that wait for the outside, as sinks do, pause the head of their chain. Steps that wait for a view pause
    /// sources only, through exchanges too: an exchange that stood still for a view would keep barriers back, and with
    /// them all epochs. And they pause only sources that the view can do without.
    pub(crate) fn of_all(graph: &Graph) -> BTreeMap<StepId, Gates> {
        let heads = graph.steps.iter().filter(|step| matches!(step.op, Op::Read(_) | Op::Exchange(_)));
        let mut all: BTreeMap<StepId, Gates> =
            heads.map(|head| (head.id, Gates::of_chain(graph, head.id))).collect();
        let mut waits: BTreeMap<StepId, BTreeSet<StepId>> = BTreeMap::new();
        for source in graph.steps.iter().filter(|step| matches!(step.op, Op::Read(_))) {
            for reader in readers_of_views(graph, source.id) {
                let needed = sources_of_views(graph, reader);
                if !reaches(&waits, &needed, source.id) {
                    waits.entry(source.id).or_default().extend(&needed);
                    all.entry(source.id).or_default().holders.push(reader);
                }
            }
        }
        all
    }

    fn of_chain(graph: &Graph, head: StepId) -> Gates {
        let mut gates = Gates::default();
        for step in behind(graph, head, |step| !is_exchange(graph, step)) {
            if is_exchange(graph, step) {
                gates.exchanges.push(step);
            } else if graph.step(step).views.is_empty() {
                gates.holders.push(step);
            }
        }
        gates
    }

    /// Whether the head may go on: no exchange is over its credit, no step keeps more than `limit` bytes waiting.
    pub(crate) fn are_open(&self, traffic: &Traffic, cx: &Cx, limit: usize) -> bool {
        self.exchanges.iter().all(|exchange| traffic.has_credit(*exchange))
            && self.holders.iter().all(|step| cx.holding[step.index()] < limit)
    }
}

fn is_exchange(graph: &Graph, step: StepId) -> bool {
    matches!(graph.step(step).op, Op::Exchange(_))
}

/// The steps behind a step, looking further behind those that `further` says yes to.
fn behind(graph: &Graph, head: StepId, further: impl Fn(StepId) -> bool) -> BTreeSet<StepId> {
    let mut found = BTreeSet::new();
    let mut open = vec![head];
    while let Some(step) = open.pop() {
        for port in 0..graph.step(step).outputs.len() {
            for (reader, _) in graph.readers(step, port) {
                if found.insert(reader) && further(reader) {
                    open.push(reader);
                }
            }
        }
    }
    found
}

/// The steps that a source's elements may wait in for a view.
fn readers_of_views(graph: &Graph, source: StepId) -> impl Iterator<Item = StepId> {
    behind(graph, source, |_| true).into_iter().filter(|step| !graph.step(*step).views.is_empty())
}

/// The sources that must go on until the views of a step are there: those of their elements, and those of the views
/// that these look at.
fn sources_of_views(graph: &Graph, reader: StepId) -> BTreeSet<StepId> {
    let mut found = BTreeSet::new();
    let mut open = graph.step(reader).views.clone();
    while let Some(id) = open.pop() {
        if found.insert(id) {
            let step = graph.step(id);
            open.extend(&step.views);
            for input in &step.inputs {
                open.extend(graph.collection(*input).producers.iter().map(|(producer, _)| *producer));
            }
        }
    }
    found.retain(|step| matches!(graph.step(*step).op, Op::Read(_)));
    found
}

/// Whether one of `from` may stand still until `to` goes on.
fn reaches(waits: &BTreeMap<StepId, BTreeSet<StepId>>, from: &BTreeSet<StepId>, to: StepId) -> bool {
    let mut seen = BTreeSet::new();
    let mut open: Vec<StepId> = from.iter().copied().collect();
    while let Some(step) = open.pop() {
        if step == to {
            return true;
        }
        if seen.insert(step) {
            open.extend(waits.get(&step).into_iter().flatten());
        }
    }
    false
}
