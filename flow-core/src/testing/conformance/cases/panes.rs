use std::collections::BTreeMap;
use std::time::Duration;

use super::notation::Line;
use super::windowed::{Pairs, Windowed};
use super::{Bundling, Run, notation, steps};
use crate::combine::Sum;
use crate::testing::{Collected, Stream, collect, stream};
use crate::{Element, Group, Meta, Pipeline, Reified, Result, Timestamp};

/// Runs a script through windows and both ways of grouping.
pub(super) fn check(
    run: Run<'_>,
    windows: fn() -> Windowed,
    script: &str,
    bundling: Bundling,
) -> Result<(), String> {
    let script = Script::read(script);
    let windowed = |pairs: &Pairs| windows().collection(pairs);
    script.check(run, bundling, "grouped", |pairs| collect(&windowed(pairs).group_by_key()), grouped)?;
    let summed = script.summed();
    let sums = |pairs: &Pairs| collect(&windowed(pairs).combine_per_key(Sum));
    summed.check(run, bundling, "summed", sums, i64::to_string)
}

/// Runs a script through the engine alone, to the end of its stream.
pub(super) fn check_engine(windows: Windowed, script: &str, bundling: Bundling) -> Result<(), String> {
    let mut engine = windows.engine();
    for line in notation::lines(script).chain([Line::Watermark(Timestamp::MAX)]) {
        steps::play(&mut engine, line, bundling);
    }
    let seen = engine.panes();
    let script = Script::read(script);
    script.agrees_with(&seen, "in the engine", grouped, (engine.dropped_late(), engine.dropped_closed()))?;
    if engine.is_empty() { Ok(()) } else { Err(format!("in the engine something is left: {engine:?}")) }
}

pub(super) fn grouped(group: &Group<i64>) -> String {
    notation::show_values(group.iter())
}

/// A script, read: its stream, and what comes of it.
struct Script {
    stream: Stream<(String, i64)>,
    panes: Vec<String>,
    late: u64,
    closed: u64,
}

impl Script {
    fn read(text: &str) -> Script {
        let mut script = Script { stream: stream(), panes: Vec::new(), late: 0, closed: 0 };
        let mut now = Timestamp::from_micros(0);
        for line in notation::lines(text) {
            match line {
                Line::Elements(elements) => {
                    script.stream =
                        script.stream.add(elements.into_iter().map(|(key, value, at)| ((key, value), at)));
                }
                Line::Watermark(to) => script.stream = script.stream.watermark(to),
                Line::Clock(to) => {
                    let by = Duration::from_micros((to.micros() - now.micros()).unsigned_abs());
                    script.stream = script.stream.clock(by);
                    now = to;
                }
                Line::Pane(pane) => script.panes.push(pane.to_string()),
                Line::Fact("late", number) => script.late = number.parse().expect("a number of elements"),
                Line::Fact("closed", number) => script.closed = number.parse().expect("a number of elements"),
                Line::Both(..) | Line::Outside(_) => panic!("is for the engine alone"),
                Line::Fact(fact, _) => panic!("no such step: {fact}"),
            }
        }
        script
    }

    /// The same stream with the sums of the panes' values.
    fn summed(self) -> Script {
        let summed = |pane: &String| {
            let (before, rest) = pane.split_once('{').expect("a pane with values");
            let (values, rest) = rest.split_once('}').expect("a pane with values");
            let values = values.split(',').filter(|value| !value.is_empty());
            let sum: i64 = values.map(|value| value.parse::<i64>().expect("a number")).sum();
            format!("{before}{sum}{rest}")
        };
        Script { panes: self.panes.iter().map(summed).collect(), ..self }
    }

    fn check<V: Element>(
        &self,
        run: Run<'_>,
        bundling: Bundling,
        how: &str,
        group: impl FnOnce(&Pairs) -> Collected<(String, V)>,
        show: impl Fn(&V) -> String,
    ) -> Result<(), String> {
        let p = Pipeline::new();
        let seen = group(&bundling.of(self.stream.clone()).collection(&p));
        let summary = run(p).map_err(|error| error.report())?;
        let dropped = (summary.dropped_late(), summary.dropped_closed());
        self.agrees_with(&seen.reified(), how, show, dropped)
    }

    /// Whether panes, and how many elements were dropped, late and closed, are as written.
    fn agrees_with<V>(
        &self,
        seen: &[Reified<(String, V)>],
        how: &str,
        show: impl Fn(&V) -> String,
        dropped: (u64, u64),
    ) -> Result<(), String> {
        in_order(seen)?;
        let panes = seen.iter().map(|r| {
            let meta = Meta { time: r.time, window: r.window, pane: r.pane };
            notation::pane(&r.value.0, &show(&r.value.1), meta)
        });
        self.agrees(panes.collect(), how)?;
        if dropped != (self.late, self.closed) {
            let wanted = format!("{} late and {} closed", self.late, self.closed);
            return Err(format!(
                "{how}: dropped {} late and {} closed, in place of {wanted}",
                dropped.0, dropped.1
            ));
        }
        Ok(())
    }

    fn agrees(&self, got: Vec<String>, how: &str) -> Result<(), String> {
        let mut surplus = got;
        let mut missing = Vec::new();
        for wanted in &self.panes {
            match surplus.iter().position(|got| same(got, wanted)) {
                Some(at) => drop(surplus.remove(at)),
                None => missing.push(wanted.as_str()),
            }
        }
        if missing.is_empty() && surplus.is_empty() {
            return Ok(());
        }
        let list = |panes: &[&str]| panes.iter().fold(String::new(), |list, pane| list + "\n    " + pane);
        let surplus: Vec<&str> = surplus.iter().map(String::as_str).collect();
        Err(format!("{how}\n  missing:{}\n  surplus:{}", list(&missing), list(&surplus)))
    }
}

/// Whether a pane is as written, part by part.
pub(super) fn same(got: &str, wanted: &str) -> bool {
    let (got, wanted) = (got.split(' '), wanted.split(' '));
    got.clone().count() == wanted.clone().count()
        && got.zip(wanted).all(|(got, wanted)| wanted == "*" || got == wanted)
}

/// Panes of one key and window come one after the other.
fn in_order<V>(seen: &[Reified<(String, V)>]) -> Result<(), String> {
    let mut next: BTreeMap<_, u32> = BTreeMap::new();
    for element in seen {
        let next = next.entry((&element.value.0, element.window)).or_default();
        if element.pane.first {
            *next = 0;
        }
        if element.pane.index != *next {
            let (key, window) = (&element.value.0, element.window);
            return Err(format!("pane {} of {key} in {window} comes in place of {next}", element.pane.index));
        }
        *next += 1;
    }
    Ok(())
}
