use super::{Graph, Step};
use crate::dead_letters::{Inside, Members};
use crate::exec::{Manner, Op, StepId};

/// A region of dead letters: what is read of its head's first output, up to its tails.
#[derive(Debug)]
pub(crate) struct Region {
    pub(crate) head: StepId,
    pub(crate) tails: Vec<StepId>,
    pub(crate) members: Members,
}

impl Graph {
    /// Finds out what stands in each region, and keeps an error for all that may not.
    pub(super) fn check_regions(&mut self) {
        let regions = std::mem::take(&mut self.regions);
        for region in &regions {
            let steps = self.members(region);
            for (step, message) in self.wrong_in(region, &steps) {
                let label = self.step(step).label.clone();
                self.error(format!("step `{}`: {message}", label.name), label.location);
            }
            self.fill(region, steps);
        }
        self.regions = regions;
    }

    /// The steps between a region's head and its tails, in order of construction: every step stands behind those that
    /// it reads from.
    fn members(&self, region: &Region) -> Vec<StepId> {
        let mut members = Vec::new();
        for step in self.steps.iter().filter(|step| !region.tails.contains(&step.id)) {
            if self.is_inside(region, &members, step).any(|inside| inside) {
                members.push(step.id);
            }
        }
        members
    }

    /// For each output that a step reads, whether it is in the region.
    fn is_inside<'a>(
        &'a self,
        region: &'a Region,
        members: &'a [StepId],
        step: &'a Step,
    ) -> impl Iterator<Item = bool> + 'a {
        self.made_by(step).map(|(by, port)| (by, port) == (region.head, 0) || members.contains(&by))
    }

    /// The outputs that a step reads.
    fn made_by<'a>(&'a self, step: &'a Step) -> impl Iterator<Item = (StepId, usize)> + 'a {
        step.inputs.iter().flat_map(|input| &self.collection(*input).producers).copied()
    }

    fn wrong_in(&self, region: &Region, members: &[StepId]) -> Vec<(StepId, String)> {
        let mut wrong = Vec::new();
        // Steps whose elements are in other windows than those that came in.
        let mut moved = Vec::new();
        for step in members.iter().map(|member| self.step(*member)) {
            let is_moved = self.made_by(step).any(|(by, _)| moved.contains(&by));
            if is_moved || step.manner() == Manner::Windows {
                moved.push(step.id);
            }
            if is_moved && !step.views.is_empty() {
                wrong.push((step.id, MOVED.to_owned()));
            }
            wrong.extend(step.why_not_inside().map(|why| (step.id, why)));
        }
        let touching = members.iter().chain(&region.tails).map(|step| self.step(*step));
        let mixed = touching.filter(|step| !self.is_inside(region, members, step).all(|inside| inside));
        wrong.extend(mixed.map(|step| (step.id, MIXED.to_owned())));
        if self.readers(region.head, 1).is_empty() {
            wrong.push((region.head, UNREAD.to_owned()));
        }
        wrong
    }

    /// Tells a region's head what stands behind it. It is the head that waits for all the views.
    fn fill(&mut self, region: &Region, steps: Vec<StepId>) {
        let looking: Vec<&Step> = steps.iter().map(|step| self.step(*step)).collect();
        let awaited = looking.iter().filter_map(|step| step.awaited.clone()).collect();
        let mut views: Vec<StepId> = looking.iter().flat_map(|step| step.views.iter().copied()).collect();
        views.sort();
        views.dedup();
        self.steps[region.head.index()].views = views;
        // A graph that is checked again is the same.
        let _ = region.members.set(Inside { steps, views: awaited });
    }
}

impl Step {
    fn manner(&self) -> Manner {
        if let Op::Each(each) = &self.op { each.manner() } else { Manner::AtOnce }
    }

    /// Why it may not stand in a region, if that is so.
    fn why_not_inside(&self) -> Option<String> {
        let what = match &self.op {
            Op::Exchange(_) => "moves elements to other workers, from where they could not be taken back",
            Op::Write(_) => "writes elements, which could not be taken back",
            Op::Each(_) if self.manner() == Manner::Waits => {
                "passes elements on when others have long gone on, and these could not be taken back"
            }
            Op::Each(_) | Op::Read(_) => return None,
        };
        Some(format!(
            "it {what} when one of them fails: `with_dead_letters` has steps in it that work where the elements are; let \
             its closure return what this step reads, and put it behind"
        ))
    }
}

const MOVED: &str = "it looks things up by windows that are set within `with_dead_letters`, which could wait for what it \
                     looks up only in front of it: put `window` there";

const MIXED: &str = "it takes elements that did not come in through `with_dead_letters`, whose failures could not be told \
                     from those of its own: read and return what is made of the closure's input alone, and flatten \
                     behind it";

const UNREAD: &str =
    "its dead letters are read by no step, and would be lost: write them, or look at them with `for_each`";
