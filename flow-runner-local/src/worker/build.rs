use std::rc::Rc;
use std::sync::Arc;

use flow_core::Result;
use flow_core::exec::{BuildCx, Chains, Cx, Op, guard, owner};
use flow_core::graph::Graph;
use flow_core::scratch::Space;

use super::{Place, Worker};
use crate::crash::point;
use crate::durable::{Restored, check_claimed};
use crate::exchange::{Local, Mail, exchanges};
use crate::gates::Gates;
use crate::scratch::TempFiles;
use crate::source::SourceRun;
use crate::station::Station;

impl Worker {
    /// Builds a copy of every step, with what an earlier run kept of it.
    pub(super) fn build(place: Place, graph: &Graph, mut cx: Cx) -> Result<Worker> {
        let scratch = Arc::new(TempFiles::new(place.options.scratch_dir.clone()));
        let space = Space::new(scratch, place.options.scratch_bytes());
        let mut build = BuildCx::new(place.worker, place.workers, graph.labels())
            .with_space(space)
            .with_grouping_memory(place.options.grouping_bytes(exchanges(graph)));
        if let Some((sinks, _)) = &place.durable {
            build = build.durable(sinks.clone());
        }
        if let Some(restored) = &place.restored {
            restored.give_beside(graph, &mut build);
        }
        let local: Local = Rc::default();
        let mut stations = Vec::new();
        let mut gates = Gates::of_all(graph);
        let chains = guard(&mut cx, |_| {
            Chains::build(graph, &mut build, |step, output, build| {
                let Op::Exchange(exchange) = &step.op else { unreachable!("only exchanges are asked for") };
                let inbox = exchange.receiver(step.id, output, build);
                stations.push(Station::new(
                    step.id,
                    inbox,
                    gates.remove(&step.id).unwrap_or_default(),
                    place.workers,
                ));
                let mail = Mail {
                    exchange: step.id,
                    worker: place.worker,
                    traffic: Arc::clone(&place.traffic),
                    local: Rc::clone(&local),
                };
                exchange.sender(step.id, Box::new(mail), build)
            })
        })?;
        let mut station_of = vec![None; graph.steps.len()];
        for (at, station) in stations.iter().enumerate() {
            station_of[station.step.index()] = Some(at);
        }
        let mut sources = Vec::new();
        for (step, driver) in chains.drivers {
            let Op::Read(read) = &graph.step(step).op else { continue };
            let splits = Arc::clone(&place.splits[step.index()]);
            let gates = gates.remove(&step).unwrap_or_default();
            let mut source = SourceRun::new(step, &**read, driver, place.worker, splits, gates);
            cx.enter(step);
            if let Some(restored) = &place.restored {
                guard(&mut cx, |cx| {
                    let records = restored.remembered(step);
                    let again = source.restore(restored.epoch, restored.watermark(step), &records);
                    again.map_err(|e| cx.error_here(e))
                })?;
            }
            guard(&mut cx, |cx| source.open(place.workers, cx.now).map_err(|e| cx.error_here(e)))?;
            sources.push(source);
        }
        let holding_limit = place.options.holding_bytes();
        let mut worker = Worker {
            place,
            cx,
            stations,
            station_of,
            sources,
            next_source: 0,
            local,
            leaves: chains.leaves,
            barrier: None,
            watermarks: Vec::new(),
            suspended: false,
            settle: None,
            pokes: 0,
            turns: 0,
            dirty: false,
            told_ended: false,
            holding_limit,
        };
        if let Some(restored) = worker.place.restored.clone() {
            check_claimed(graph, &build)?;
            worker.restore(&restored)?;
        }
        Ok(worker)
    }

    /// Takes back what an earlier run kept of the keys that are this worker's now.
    fn restore(&mut self, restored: &Restored) -> Result<()> {
        let Worker { place, cx, stations, station_of, .. } = self;
        restored.each(|step, record| {
            let Some(at) = step.and_then(|step| station_of[step.index()]) else { return Ok(()) };
            if record.hash.is_some_and(|hash| owner(hash, place.workers) != place.worker) {
                return Ok(());
            }
            guard(cx, |cx| stations[at].inbox.restore(record.hash, record.bytes, cx))
        })?;
        for station in stations {
            station.restored(cx)?;
        }
        for source in &mut self.sources {
            source.tell_restored(&mut self.cx)?;
        }
        self.dirty = true;
        point("restored");
        Ok(())
    }
}
