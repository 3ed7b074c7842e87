//! The story as SVG: event time to the right, processing time upwards.

use std::fmt::Write as _;

use flow_core::Timing;

use super::story::{self, Panel, Seconds, Shown};

const WIDTH: f64 = 1000.0;
const HEIGHT: f64 = 590.0;
/// Of a panel's plot.
const LEFT: f64 = 58.0;
const TOP: f64 = 74.0;
const BOTTOM: f64 = 494.0;
const PANEL: f64 = 284.0;
const GAP: f64 = 28.0;
/// What the axes show.
const EVENTS: Seconds = 7 * 60 + 20;
const CLOCK: Seconds = 8 * 60 + 30;
const BOX: f64 = 19.0;
const DOT: f64 = 8.0;

/// Colours that read on light and on dark.
const STYLE: &str = "
  text { font: 12px system-ui, -apple-system, 'Segoe UI', Roboto, 'DejaVu Sans', sans-serif; fill: #24292f }
  .back { fill: #ffffff }
  .plot { fill: #f6f8fa }
  .grid { stroke: #d8dee4; stroke-width: 1 }
  .title { font-size: 14px; font-weight: 600 }
  .quiet { fill: #57606a; font-size: 11px }
  .mark { fill: none; stroke: #cf222e; stroke-width: 2; stroke-linejoin: round }
  .dot { fill: #24292f }
  .value { fill: #ffffff; font-size: 11px; font-weight: 600 }
  .lost { fill: none; stroke: #24292f; stroke-width: 1.5; stroke-dasharray: 3 2 }
  .early { fill: #ddf4ff; stroke: #0969da }
  .ontime { fill: #dafbe1; stroke: #1a7f37 }
  .late { fill: #fff8c5; stroke: #9a6700 }
  @media (prefers-color-scheme: dark) {
    text { fill: #e6edf3 }
    .back { fill: #0d1117 }
    .plot { fill: #161b22 }
    .grid { stroke: #30363d }
    .quiet { fill: #9198a1 }
    .mark { stroke: #ff7b72 }
    .dot { fill: #e6edf3 }
    .value { fill: #0d1117 }
    .lost { stroke: #e6edf3 }
    .early { fill: #0c2d6b; stroke: #58a6ff }
    .ontime { fill: #04381b; stroke: #3fb950 }
    .late { fill: #4b2900; stroke: #d29922 }
  }
";

/// The whole picture.
pub(crate) fn picture() -> String {
    let mut svg = String::new();
    let _ = write!(
        svg,
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {HEIGHT}\" role=\"img\" \
         aria-label=\"One stream under three triggers: panes over event time and processing time\">\n\
         <style>{STYLE}</style>\n<rect class=\"back\" width=\"{WIDTH}\" height=\"{HEIGHT}\"/>\n"
    );
    for (number, panel) in story::panels().iter().enumerate() {
        let left = LEFT + number as f64 * (PANEL + GAP);
        draw(&mut svg, panel, left, number == 0);
    }
    legend(&mut svg);
    svg.push_str("</svg>\n");
    svg
}

fn draw(svg: &mut String, panel: &Panel, left: f64, is_first: bool) {
    text(svg, "title", "start", left, TOP - 32.0, panel.title);
    text(svg, "quiet", "start", left, TOP - 14.0, panel.subtitle);
    let _ = writeln!(
        svg,
        "<rect class=\"plot\" x=\"{left:.1}\" y=\"{TOP}\" width=\"{PANEL}\" height=\"{}\"/>",
        BOTTOM - TOP
    );
    axes(svg, left, is_first);
    watermark(svg, left);
    panel.panes.iter().for_each(|pane| draw_pane(svg, pane, left));
    for (value, time, at) in story::ELEMENTS.into_iter().chain([story::STRAGGLER]) {
        element(svg, value, left + across(time), up(at), panel.dropped.contains(&value));
    }
}

fn axes(svg: &mut String, left: f64, is_first: bool) {
    for minute in 0..=7 {
        let x = left + across(60 * minute);
        if minute % 2 == 0 {
            line(svg, x, TOP, x, BOTTOM);
            text(svg, "quiet", "middle", x, BOTTOM + 16.0, &format!("12:0{minute}"));
        }
    }
    text(svg, "quiet", "middle", left + PANEL / 2.0, BOTTOM + 34.0, "event time");
    if !is_first {
        return;
    }
    for minute in [0, 2, 4, 6, 8] {
        text(svg, "quiet", "end", left - 6.0, up(60 * minute) + 4.0, &format!("12:0{minute}"));
    }
    let (x, y) = (left - 44.0, f64::midpoint(TOP, BOTTOM));
    let _ = writeln!(
        svg,
        "<text class=\"quiet\" text-anchor=\"middle\" transform=\"translate({x:.1} {y:.1}) rotate(-90)\">processing \
         time</text>"
    );
}

/// A pane lies just above its moment, so that it does not hide the element that made it.
fn draw_pane(svg: &mut String, pane: &Shown, left: f64) {
    let (x, end) = (left + across(pane.start), left + across(pane.end.min(EVENTS)));
    let y = up(pane.at) - DOT - 1.0 - BOX;
    let class = class(pane.timing);
    let _ = writeln!(
        svg,
        "<rect class=\"{class}\" x=\"{:.1}\" y=\"{y:.1}\" width=\"{:.1}\" height=\"{BOX}\" rx=\"4\"/>",
        x + 1.5,
        end - x - 3.0
    );
    let values: Vec<String> = pane.values.iter().map(ToString::to_string).collect();
    text(svg, "", "middle", f64::midpoint(x, end), y + 13.5, &values.join(" "));
}

fn watermark(svg: &mut String, left: f64) {
    let mut path = format!("M{:.1} {:.1}", left + across(0), up(0));
    let mut reached = 0;
    for (at, to) in story::WATERMARKS {
        let _ = write!(path, " L{:.1} {:.1}", left + across(reached), up(at));
        let _ = write!(path, " L{:.1} {:.1}", left + across(to), up(at));
        reached = to;
    }
    let _ = writeln!(svg, "<path class=\"mark\" d=\"{path} L{:.1} {TOP}\"/>", left + across(reached));
}

fn element(svg: &mut String, value: i64, x: f64, y: f64, is_lost: bool) {
    let class = if is_lost { "lost" } else { "dot" };
    let _ = writeln!(svg, "<circle class=\"{class}\" cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"{DOT}\"/>");
    let class = if is_lost { "" } else { "value" };
    text(svg, class, "middle", x, y + 4.0, &value.to_string());
}

fn legend(svg: &mut String) {
    let y = HEIGHT - 24.0;
    let panes =
        [(Timing::Early, "early pane"), (Timing::OnTime, "pane on time"), (Timing::Late, "late pane")];
    let mut x = LEFT;
    for (timing, name) in panes {
        let class = class(timing);
        let _ = writeln!(
            svg,
            "<rect class=\"{class}\" x=\"{x:.1}\" y=\"{:.1}\" width=\"26\" height=\"14\" rx=\"4\"/>",
            y - 11.0
        );
        text(svg, "", "start", x + 33.0, y, name);
        x += 130.0;
    }
    element(svg, 5, x + 8.0, y - 4.0, false);
    text(svg, "", "start", x + 23.0, y, "element, at its arrival");
    x += 172.0;
    element(svg, 9, x + 8.0, y - 4.0, true);
    text(svg, "", "start", x + 23.0, y, "dropped as too late");
    x += 156.0;
    let _ = writeln!(svg, "<path class=\"mark\" d=\"M{x:.1} {:.1} h26\"/>", y - 4.0);
    text(svg, "", "start", x + 33.0, y, "watermark");
}

fn class(timing: Timing) -> &'static str {
    match timing {
        Timing::Early => "early",
        Timing::OnTime => "ontime",
        Timing::Late | Timing::Unknown => "late",
    }
}

fn line(svg: &mut String, x1: f64, y1: f64, x2: f64, y2: f64) {
    let _ = writeln!(svg, "<path class=\"grid\" d=\"M{x1:.1} {y1:.1} L{x2:.1} {y2:.1}\"/>");
}

fn text(svg: &mut String, class: &str, anchor: &str, x: f64, y: f64, said: &str) {
    let class = if class.is_empty() { String::new() } else { format!(" class=\"{class}\"") };
    let _ = writeln!(svg, "<text{class} text-anchor=\"{anchor}\" x=\"{x:.1}\" y=\"{y:.1}\">{said}</text>");
}

/// Event time, from the left of a panel.
fn across(time: Seconds) -> f64 {
    PANEL * time as f64 / EVENTS as f64
}

/// Processing time, as a height in the picture.
fn up(at: Seconds) -> f64 {
    BOTTOM - (BOTTOM - TOP) * at as f64 / CLOCK as f64
}
