use std::collections::BTreeMap;
use std::time::Duration;

use super::{Bundling, Pairs, Run, notation};
use crate::combine::Sum;
use crate::testing::{Collected, Stream, collect, stream};
use crate::{Element, Group, Meta, Pipeline, Reified, Result, Timestamp};

/// Runs a script through windows and both ways of grouping.
pub(super) fn check(
    run: Run<'_>,
    windows: fn(&Pairs) -> Pairs,
    script: &str,
    bundling: Bundling,
) -> Result<(), String> {
    let script = Script::read(script);
    script.check(run, bundling, "grouped", |pairs| collect(&windows(pairs).group_by_key()), grouped)?;
    let summed = script.summed();
    summed.check(
        run,
        bundling,
        "summed",
        |pairs| collect(&windows(pairs).combine_per_key(Sum)),
        i64::to_string,
    )
}

fn grouped(group: &Group<i64>) -> String {
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
        for line in text.lines().map(str::trim).filter(|line| !line.is_empty()) {
            let (verb, rest) = line.split_once(' ').expect("a verb and what it is about");
            match verb {
                "in" => {
                    let elements = rest.split_whitespace().map(notation::element);
                    script.stream = script.stream.add(elements.map(|(key, value, at)| ((key, value), at)));
                }
                "wm" => script.stream = script.stream.watermark(notation::time(rest)),
                "clock" => {
                    let to = notation::time(rest);
                    let by = Duration::from_micros((to.micros() - now.micros()).unsigned_abs());
                    script.stream = script.stream.clock(by);
                    now = to;
                }
                "=>" => script.panes.push(rest.to_string()),
                "late" => script.late = rest.parse().expect("a number of elements"),
                "closed" => script.closed = rest.parse().expect("a number of elements"),
                _ => panic!("no such step: {line}"),
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
        let seen = seen.reified();
        in_order(&seen)?;
        let panes = seen.iter().map(|r| {
            let meta = Meta { time: r.time, window: r.window, pane: r.pane };
            notation::pane(&r.value.0, &show(&r.value.1), meta)
        });
        self.agrees(panes.collect(), how)?;
        let (late, closed) = (summary.dropped_late(), summary.dropped_closed());
        if (late, closed) != (self.late, self.closed) {
            let wanted = format!("{} late and {} closed", self.late, self.closed);
            return Err(format!("{how}: dropped {late} late and {closed} closed, in place of {wanted}"));
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
fn same(got: &str, wanted: &str) -> bool {
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
