use super::{CollectionId, Graph, Step};
use crate::dead_letters::Members;
use crate::exec::{Manner, Op, StepId};

/// A region of dead letters: what is read of its head's first output, up to its tails.
#[derive(Debug)]
pub(crate) struct Region {
    pub(crate) head: StepId,
    pub(crate) tails: Vec<StepId>,
    pub(crate) letters: CollectionId,
    pub(crate) members: Members,
}

impl Graph {
    /// Finds out what stands in each region, and keeps an error for all that may not.
    pub(super) fn check_regions(&mut self) {
        for at in 0..self.regions.len() {
            let region = &self.regions[at];
            let members = self.members(region);
            let mut wrong = self.wrong_members(&members);
            wrong.extend(self.wrong_inputs(region, &members));
            if !self.is_read(region.letters) {
                wrong.push((region.head, UNREAD.to_owned()));
            }
            // Whoever checks again finds the same.
            let _ = region.members.set(members.into_boxed_slice());
            for (step, message) in wrong {
                let label = self.step(step).label.clone();
                self.error(format!("step `{}`: {message}", label.name), label.location);
            }
        }
    }

    /// The steps between a region's head and its tails, in order of construction: every step stands behind those that
    /// it reads from.
    fn members(&self, region: &Region) -> Vec<StepId> {
        let mut members = Vec::new();
        for step in self.steps.iter().filter(|step| !region.tails.contains(&step.id)) {
            if self.inputs_inside(region, &members, step).any(|inside| inside) {
                members.push(step.id);
            }
        }
        members
    }

    /// For each output that a step reads, whether it is in the region.
    fn inputs_inside<'a>(
        &'a self,
        region: &'a Region,
        members: &'a [StepId],
        step: &'a Step,
    ) -> impl Iterator<Item = bool> + 'a {
        let made_by = step.inputs.iter().flat_map(|input| &self.collection(*input).producers);
        made_by.map(|(by, port)| (*by, *port) == (region.head, 0) || members.contains(by))
    }

    fn wrong_members(&self, members: &[StepId]) -> Vec<(StepId, String)> {
        let steps = members.iter().map(|member| self.step(*member));
        steps.filter_map(|step| Some((step.id, self.why_not_inside(step)?))).collect()
    }

    fn why_not_inside(&self, step: &Step) -> Option<String> {
        let what = match &step.op {
            Op::Exchange(_) => "moves elements to other workers, from where they could not be taken back",
            Op::Write(_) => "writes elements, which could not be taken back",
            Op::Each(each) if each.manner() == Manner::Waits => {
                "passes elements on when others have long gone on, and these could not be taken back"
            }
            Op::Each(_) if !step.views.is_empty() => {
                "lets elements wait for what they are looked up in, while others go on that could not be taken back"
            }
            Op::Each(_) | Op::Read(_) => return None,
        };
        Some(format!(
            "it {what} when one of them fails: `with_dead_letters` has steps in it that work where the elements are; let \
             its closure return what this step reads, and put it behind"
        ))
    }

    /// Steps that read elements both from the region and from elsewhere, and ends that nothing of the region comes to.
    fn wrong_inputs(&self, region: &Region, members: &[StepId]) -> Vec<(StepId, String)> {
        let touching = members.iter().chain(&region.tails).map(|step| self.step(*step));
        let mixed = touching.filter(|step| !self.inputs_inside(region, members, step).all(|inside| inside));
        mixed.map(|step| (step.id, MIXED.to_owned())).collect()
    }

    fn is_read(&self, collection: CollectionId) -> bool {
        let made_by = &self.collection(collection).producers;
        made_by.iter().all(|(step, port)| !self.readers(*step, *port).is_empty())
    }
}

const MIXED: &str = "it takes elements that did not come in through `with_dead_letters`, whose failures could not be told \
                     from those of its own: read and return what is made of the closure's input alone, and flatten \
                     behind it";

const UNREAD: &str =
    "its dead letters are read by no step, and would be lost: write them, or look at them with `for_each`";
