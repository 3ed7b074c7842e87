//! Who must pause for whom.

use std::collections::BTreeSet;

use flow_core::exec::{Cx, Op, StepId};
use flow_core::graph::Graph;

use crate::exchange::Traffic;

/// What stands between a head of a chain (a source, or the receiving end of an exchange) and going on: the exchanges
/// that the chain ends in, and the steps in it that may keep elements waiting.
#[derive(Clone, Debug, Default)]
pub(crate) struct Gates {
    exchanges: Vec<StepId>,
    holders: Vec<StepId>,
}

impl Gates {
    /// Of the chain behind a step.
    pub(crate) fn of(graph: &Graph, head: StepId) -> Gates {
        let mut gates = Gates::default();
        let mut seen = BTreeSet::new();
        let mut open = vec![head];
        while let Some(step) = open.pop() {
            for port in 0..graph.step(step).outputs.len() {
                for (reader, _) in graph.readers(step, port) {
                    if !seen.insert(reader) {
                        continue;
                    }
                    if let Op::Exchange(_) = graph.step(reader).op {
                        gates.exchanges.push(reader);
                        continue;
                    }
                    if may_pause_for(graph, head, reader) {
                        gates.holders.push(reader);
                    }
                    open.push(reader);
                }
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

/// Whether a head may pause while a step keeps elements waiting: not if the step waits for a view that the head
/// itself must feed.
fn may_pause_for(graph: &Graph, head: StepId, holder: StepId) -> bool {
    !graph.step(holder).views.iter().any(|view| ancestors(graph, *view).contains(&head))
}

/// Everything that a step's input comes from, through views too.
fn ancestors(graph: &Graph, step: StepId) -> BTreeSet<StepId> {
    let mut found = BTreeSet::new();
    let mut open = vec![step];
    while let Some(step) = open.pop() {
        if !found.insert(step) {
            continue;
        }
        let step = graph.step(step);
        open.extend(&step.views);
        for input in &step.inputs {
            open.extend(graph.collection(*input).producers.iter().map(|(producer, _)| *producer));
        }
    }
    found
}
