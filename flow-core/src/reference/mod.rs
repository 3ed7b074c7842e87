//! The reference runner: the semantics in code.

mod wait;

use std::sync::Arc;
use std::task::{Context, Waker};

use crate::exec::{BuildCx, Chains, Cx, Driver, Op, Progress, ReadOp, Signal, StepId, guard};
use crate::graph::Graph;
use crate::sink::Commit;
use crate::{Pipeline, Result, Runner, Summary, Timestamp};
pub(crate) use wait::Parked;

/// Runs a pipeline in one thread, step by step, by the written rules: no workers, no exchange, no aggregation ahead.
///
/// It is what [`apply`](crate::testing::apply) and doc examples run on, and what faster runners are tested against.
/// Its clock stands at 0 until a script moves it. Without a script, it moves to the next moment that something waits for
/// once nothing else is left to do.
#[derive(Clone, Copy, Debug, Default)]
pub struct ReferenceRunner {
    _private: (),
}

impl ReferenceRunner {
    /// The reference runner.
    pub fn new() -> Self {
        Self::default()
    }
}

impl Runner for ReferenceRunner {
    type Report = Summary;

    fn run(&self, pipeline: Pipeline) -> Result<Summary> {
        let mut graph = pipeline.into_graph()?;
        let mut run = Run::new(&graph)?;
        run.all(&graph)?;
        let summary = Summary::of(&graph, [run.cx.counts.as_slice()]);
        drop(run);
        graph.finish().map_err(|mut errors| errors.remove(0))?;
        Ok(summary)
    }
}

struct Run {
    chains: Chains,
    /// Which drivers have not ended.
    open: Vec<bool>,
    cx: Cx,
    parked: Arc<Parked>,
    pokes: u64,
}

impl Run {
    fn new(graph: &Graph) -> Result<Run> {
        let labels = graph.labels();
        let parked = Arc::new(Parked::here());
        let mut cx = Cx::new(Arc::clone(&labels), Waker::from(Arc::clone(&parked)), None);
        cx.now = Timestamp::from_micros(0);
        let mut build = BuildCx::new(0, 1, labels);
        let chains = guard(&mut cx, |_| {
            Chains::build(graph, &mut build, |step, output, build| match &step.op {
                Op::Exchange(exchange) => exchange.inline(step.id, output, build),
                _ => unreachable!("only exchanges are asked for"),
            })
        })?;
        let open = vec![true; chains.drivers.len()];
        Ok(Run { chains, open, cx, parked, pokes: 0 })
    }

    fn all(&mut self, graph: &Graph) -> Result<()> {
        self.check_sinks(graph)?;
        self.open(graph)?;
        self.read(graph)?;
        self.play(graph)?;
        self.wait_out(graph)?;
        self.finish(graph)
    }

    fn open(&mut self, graph: &Graph) -> Result<()> {
        for (step, driver) in &mut self.chains.drivers {
            let Op::Read(read) = &graph.step(*step).op else { continue };
            let label = &graph.step(*step).label;
            for split in read.splits(1).map_err(|e| e.at(label))? {
                driver.open(&split, None, self.cx.now).map_err(|e| e.at(label))?;
            }
        }
        Ok(())
    }

    /// Reads the sources that play no script until they have ended or wait for the clock alone.
    fn read(&mut self, graph: &Graph) -> Result<()> {
        loop {
            let (mut moved, mut waits) = (false, false);
            for at in 0..self.chains.drivers.len() {
                if !self.open[at] || self.is_scripted(graph, at) {
                    continue;
                }
                match self.read_some(at)? {
                    Progress::Done => {
                        self.end(at)?;
                        moved = true;
                    }
                    Progress::Moved => moved = true,
                    Progress::Pending => waits |= self.chains.drivers[at].1.deadline().is_none(),
                }
            }
            self.settle()?;
            match (moved, waits) {
                (true, _) => {}
                (false, true) => self.parked.wait(),
                (false, false) => return Ok(()),
            }
        }
    }

    /// With nothing else to do, it is the moment that is waited for next: until nothing is read any more. A script says
    /// itself what time it is, and with its end the streams end.
    fn wait_out(&mut self, graph: &Graph) -> Result<()> {
        if !graph.script.is_empty() {
            self.cx.draining = true;
            self.end_all(graph, |read| !read.is_auxiliary())?;
            self.poke()?;
            self.settle()?;
        }
        while let Some(at) = self.next_moment(graph)? {
            self.cx.now = self.cx.now.max(at);
            self.read(graph)?;
        }
        self.end_all(graph, |_| true)
    }

    /// The next moment at which something goes on by itself; none if all has been read.
    fn next_moment(&mut self, graph: &Graph) -> Result<Option<Timestamp>> {
        (self.cx.wake_at, self.cx.reading) = (None, false);
        self.poke()?;
        self.settle()?;
        let open = (0..self.open.len()).filter(|at| self.open[*at]);
        let (serving, reading): (Vec<usize>, Vec<usize>) =
            open.partition(|at| self.read_op(graph, *at).is_auxiliary());
        if reading.is_empty() && !self.cx.reading {
            return Ok(None);
        }
        let deadline = |at: usize| self.chains.drivers[at].1.deadline();
        let Some(next) = reading.into_iter().filter_map(deadline).chain(self.cx.wake_at).min() else {
            self.parked.wait(); // for a future in front of what is still reading
            return Ok(Some(self.cx.now));
        };
        Ok(serving.into_iter().filter_map(deadline).chain([next]).min())
    }

    fn end(&mut self, at: usize) -> Result<()> {
        self.open[at] = false;
        self.signal(at, Signal::Watermark(Timestamp::MAX))
    }

    /// Ends the sources that are still open, of those that `of` says yes to.
    fn end_all(&mut self, graph: &Graph, of: impl Fn(&dyn ReadOp) -> bool) -> Result<()> {
        for at in 0..self.open.len() {
            if self.open[at] && of(self.read_op(graph, at)) {
                self.end(at)?;
            }
        }
        self.settle()
    }

    fn read_some(&mut self, at: usize) -> Result<Progress> {
        let (_, driver) = &mut self.chains.drivers[at];
        let waker = self.cx.waker.clone();
        let progress = guard(&mut self.cx, |cx| driver.poll(&mut Context::from_waker(&waker), cx))?;
        if let crate::exec::SourceWatermark::At(to) = driver.watermark(self.cx.now, Timestamp::MIN)
            && to > Timestamp::MIN
        {
            self.signal(at, Signal::Watermark(to))?;
        }
        Ok(progress)
    }

    /// Plays the script, and lets everything come to rest after each of its steps.
    fn play(&mut self, graph: &Graph) -> Result<()> {
        let scripted: Vec<usize> =
            (0..self.chains.drivers.len()).filter(|at| self.is_scripted(graph, *at)).collect();
        for (step, clock) in graph.script.iter().enumerate() {
            if let Some(by) = clock {
                self.cx.now = self.cx.now + *by;
            }
            for at in &scripted {
                let (_, driver) = &mut self.chains.drivers[*at];
                guard(&mut self.cx, |cx| driver.play(step, true, cx))?;
            }
            self.poke()?;
            self.settle()?;
            self.read(graph)?;
        }
        self.end_all(graph, |read| read.is_scripted())
    }

    /// Has every sink make sure that its place is there.
    fn check_sinks(&self, graph: &Graph) -> Result<()> {
        for step in &graph.steps {
            if let Op::Write(write) = &step.op {
                self.parked.block_on(write.check()).map_err(|e| e.at(&step.label))?;
            }
        }
        Ok(())
    }

    fn finish(&mut self, graph: &Graph) -> Result<()> {
        for at in 0..self.chains.drivers.len() {
            self.signal(at, Signal::Barrier { epoch: 1, last: true, since: 2 })?;
        }
        while self.cx.leaves_passed < self.chains.leaves {
            self.poke()?;
            self.settle()?;
            if self.cx.leaves_passed < self.chains.leaves {
                self.parked.wait();
            }
        }
        self.commit(graph)
    }

    fn commit(&mut self, graph: &Graph) -> Result<()> {
        let mut prepared = std::mem::take(&mut self.cx.prepared);
        for step in &graph.steps {
            let Op::Write(write) = &step.op else { continue };
            let at = prepared.iter().position(|p| p.step == step.id);
            let tokens = at.map(|at| prepared.remove(at).tokens).into_iter().collect();
            let commit = Commit { epoch: 1, last: true, watermark: Timestamp::MAX, tokens };
            self.parked.block_on(write.commit(commit)).map_err(|e| e.at(&step.label))?;
        }
        for (step, driver) in &mut self.chains.drivers {
            for commit in driver.commit(1) {
                self.parked.block_on(commit).map_err(|e| e.at(&graph.step(*step).label))?;
            }
        }
        Ok(())
    }

    /// Pokes until no view changes any more.
    fn settle(&mut self) -> Result<()> {
        while std::mem::take(&mut self.cx.views_changed) {
            self.poke()?;
        }
        Ok(())
    }

    fn poke(&mut self) -> Result<()> {
        self.pokes += 1;
        let poke = Signal::Poke(self.pokes);
        (0..self.chains.drivers.len()).try_for_each(|at| self.signal(at, poke))
    }

    fn signal(&mut self, at: usize, signal: Signal) -> Result<()> {
        let (_, driver): &mut (StepId, Box<dyn Driver>) = &mut self.chains.drivers[at];
        guard(&mut self.cx, |cx| driver.signal(signal, cx))
    }

    fn is_scripted(&self, graph: &Graph, at: usize) -> bool {
        self.read_op(graph, at).is_scripted()
    }

    fn read_op<'a>(&self, graph: &'a Graph, at: usize) -> &'a dyn ReadOp {
        match &graph.step(self.chains.drivers[at].0).op {
            Op::Read(read) => &**read,
            _ => unreachable!("drivers are made by sources"),
        }
    }
}
