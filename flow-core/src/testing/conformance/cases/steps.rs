//! Scripts for the engine, looked at step by step.

use super::notation::{self, Line, show};
use super::panes::{grouped, same};
use super::{Bundling, Windowed};
use crate::testing::Engine;
use crate::window::Window;
use crate::{Meta, Timestamp};

type Numbers = Engine<String, i64>;

/// Runs a script, and compares what is seen after each step with what is written there.
pub(super) fn check(windows: Windowed, script: &str, bundling: Bundling) -> Result<(), String> {
    let mut engine = windows.engine();
    let (mut step, mut reached) = (0, Timestamp::MIN);
    let mut wanted: Vec<&str> = Vec::new();
    for line in notation::lines(script) {
        match line {
            Line::Pane(pane) => wanted.push(pane),
            Line::Fact(fact, value) => {
                agrees(&mut engine, &mut wanted, step)?;
                holds(&engine, fact, value).map_err(|said| format!("after step {step}: {said}"))?;
            }
            moves => {
                agrees(&mut engine, &mut wanted, step)?;
                step += 1;
                play(&mut engine, moves, bundling);
                let output = engine.output_watermark();
                if output < reached {
                    return Err(format!("after step {step}: the output watermark went back to {output}"));
                }
                reached = output;
            }
        }
    }
    agrees(&mut engine, &mut wanted, step)
}

/// Does what a line says; one that only wants something does nothing.
pub(super) fn play(engine: &mut Numbers, line: Line<'_>, bundling: Bundling) {
    match line {
        Line::Elements(elements) => {
            for bundle in bundling.cut(elements) {
                engine.add(bundle.into_iter().map(|(key, value, at)| ((key, value), at)));
            }
        }
        Line::Watermark(to) => drop(engine.input_watermark(to)),
        Line::Clock(to) => drop(engine.processing_time(to)),
        Line::Both(watermark, clock) => drop(engine.advance(watermark, clock)),
        Line::Outside(to) => drop(engine.hold_output(to)),
        Line::Pane(_) | Line::Fact(..) => {}
    }
}

/// Whether exactly the wanted panes came, in any order.
fn agrees(engine: &mut Numbers, wanted: &mut Vec<&str>, step: u32) -> Result<(), String> {
    let mut got: Vec<String> = engine
        .panes()
        .iter()
        .map(|pane| {
            let meta = Meta { time: pane.time, window: pane.window, pane: pane.pane };
            notation::pane(&pane.value.0, &grouped(&pane.value.1), meta)
        })
        .collect();
    let all = got.clone();
    let wanted = std::mem::take(wanted);
    for pane in &wanted {
        match got.iter().position(|got| same(got, pane)) {
            Some(at) => drop(got.remove(at)),
            None => return Err(format!("after step {step}: wanted {wanted:?}, got {all:?}")),
        }
    }
    if got.is_empty() { Ok(()) } else { Err(format!("after step {step}: wanted {wanted:?}, got {all:?}")) }
}

/// Whether a fact is as written.
fn holds(engine: &Numbers, fact: &str, wanted: &str) -> Result<(), String> {
    let moment = |at: Option<Timestamp>| at.map_or_else(|| "none".to_string(), show);
    let key = String::new();
    let got = match fact {
        "late" => engine.dropped_late().to_string(),
        "closed" => engine.dropped_closed().to_string(),
        "hold" => moment(engine.hold()),
        "output" => show(engine.output_watermark()),
        "timer" => moment(engine.next_event_timer()),
        "open" => list(&engine.open_windows(&key)),
        "finished" => list(&engine.finished_windows(&key)),
        "empty" if engine.is_empty() => String::new(),
        "empty" => format!("{engine:?}"),
        _ => panic!("no such step: {fact}"),
    };
    if got == wanted { Ok(()) } else { Err(format!("wanted {fact} {wanted}, got {got}")) }
}

fn list(windows: &[Window]) -> String {
    let shown: Vec<String> = windows.iter().map(|window| notation::show_window(*window)).collect();
    if shown.is_empty() { "none".to_string() } else { shown.join(" ") }
}
