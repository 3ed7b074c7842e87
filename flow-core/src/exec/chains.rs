use super::{AnyOutput, BuildCx, Driver, Op, StepId, guard_step};
use crate::Result;
use crate::graph::{Graph, Step};

/// One worker's copy of a graph: steps linked to each other, ready to run.
pub struct Chains {
    /// The sources' drivers, in front of everything.
    pub drivers: Vec<(StepId, Box<dyn Driver>)>,
    /// How many ends the chains have: a barrier has passed everything when it has reached them all.
    pub leaves: usize,
}

impl std::fmt::Debug for Chains {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let steps: Vec<StepId> = self.drivers.iter().map(|(step, _)| *step).collect();
        f.debug_tuple("Chains").field(&steps).finish()
    }
}

impl Chains {
    /// Links the steps of a graph from its ends to its sources. `exchange` is asked for the input of each step that
    /// moves elements between workers, given what stands behind it.
    pub fn build(
        graph: &Graph,
        cx: &mut BuildCx,
        mut exchange: impl FnMut(&Step, AnyOutput, &mut BuildCx) -> AnyOutput,
    ) -> Result<Chains> {
        let mut inputs = Inputs::new(graph);
        inputs.leaves = graph.steps.iter().filter(|step| step.outputs.is_empty()).count();
        let mut drivers = Vec::new();
        for step in graph.steps.iter().rev() {
            let mut outputs = inputs.outputs_of(graph, step);
            if let Op::Read(read) = &step.op {
                drivers.push((step.id, read.driver(step.id, &step.label, outputs.remove(0))));
                continue;
            }
            let input = guard_step(&step.label, || match &step.op {
                Op::Read(_) => unreachable!("built above"),
                Op::Each(each) => each.build(step.id, outputs, cx),
                Op::Write(write) => write.build(step.id, outputs, cx),
                Op::Exchange(_) => {
                    let output = outputs.pop().unwrap_or_else(|| Box::new(()));
                    Ok(exchange(step, output, cx))
                }
            });
            inputs.reads(step, input?);
        }
        drivers.reverse();
        Ok(Chains { drivers, leaves: inputs.leaves })
    }
}

/// The inputs of the steps built so far, by the collection that they read.
struct Inputs {
    by_collection: Vec<Vec<AnyOutput>>,
    /// For collections made by several steps: what is left of their merged input.
    merged: Vec<Option<Vec<AnyOutput>>>,
    leaves: usize,
}

impl Inputs {
    fn new(graph: &Graph) -> Self {
        let count = graph.collections.len();
        Inputs {
            by_collection: (0..count).map(|_| Vec::new()).collect(),
            merged: (0..count).map(|_| None).collect(),
            leaves: 0,
        }
    }

    fn reads(&mut self, step: &Step, input: AnyOutput) {
        if let Some(collection) = step.inputs.first() {
            self.by_collection[collection.index()].push(input);
        }
    }

    /// What stands behind each output of a step: the readers of the collections made of it.
    fn outputs_of(&mut self, graph: &Graph, step: &Step) -> Vec<AnyOutput> {
        let outputs = step.outputs.iter().enumerate();
        outputs
            .map(|(port, own)| {
                let mut readers = Vec::new();
                for collection in &graph.collections {
                    let times = collection.producers.iter().filter(|made| **made == (step.id, port)).count();
                    for _ in 0..times {
                        readers.push(self.port_of(graph, collection.id.index()));
                    }
                }
                graph.collection(*own).op.tee(readers)
            })
            .collect()
    }

    /// One more input of a collection; all readers of it exist by now, since they stand behind its makers.
    fn port_of(&mut self, graph: &Graph, collection: usize) -> AnyOutput {
        let made = &graph.collections[collection];
        let ports = self.merged[collection].get_or_insert_with(|| {
            let mut readers = std::mem::take(&mut self.by_collection[collection]);
            readers.reverse();
            self.leaves += usize::from(readers.is_empty());
            let all = made.op.tee(readers);
            if made.producers.len() == 1 { vec![all] } else { made.op.merge(all, made.producers.len()) }
        });
        ports.pop().expect("a port for each maker")
    }
}
