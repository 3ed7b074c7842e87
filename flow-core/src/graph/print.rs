use std::any::type_name;
use std::fmt::{self, Write as _};

use super::{Graph, ScopeId, Step};
use crate::exec::{Op, Routing};

impl fmt::Display for Graph {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for step in &self.steps {
            write!(f, "{}", step.label.name)?;
            if !step.detail.is_empty() {
                write!(f, " ({})", step.detail)?;
            }
            let inputs = self.input_names(step);
            if !inputs.is_empty() {
                write!(f, " <- {}", inputs.join(" + "))?;
            }
            for view in &step.views {
                write!(f, " with {}", self.step(*view).label.name)?;
            }
            writeln!(f)?;
        }
        Ok(())
    }
}

impl Graph {
    /// The plan as a mermaid flowchart, for a README or a terminal that draws it; composites are boxes around their
    /// steps.
    ///
    /// ```
    /// # use flow_core::prelude::*;
    /// let p = Pipeline::new();
    /// p.create([1, 2]).map(|n| n + 1).for_each(|n| println!("{n}"));
    /// assert!(p.to_mermaid().starts_with("flowchart LR\n"));
    /// ```
    pub fn to_mermaid(&self) -> String {
        let mut out = String::from("flowchart LR\n");
        let mut boxes: Vec<ScopeId> = Vec::new();
        for step in &self.steps {
            self.draw_boxes(&mut boxes, &step.scopes, &mut out);
            let (open, close) = shape(&step.op);
            let label = quoted(self.last_part(&step.label.name, boxes.last().copied()));
            let _ = writeln!(out, "{}s{}{open}{label}{close}", indent(boxes.len()), step.id.0);
        }
        self.draw_boxes(&mut boxes, &[], &mut out);
        self.draw_arrows(&mut out);
        out
    }

    /// Closes boxes and opens others until those of the next step are open.
    fn draw_boxes(&self, open: &mut Vec<ScopeId>, wanted: &[ScopeId], out: &mut String) {
        let shared = open.iter().zip(wanted).take_while(|(a, b)| a == b).count();
        while open.len() > shared {
            open.pop();
            let _ = writeln!(out, "{}end", indent(open.len()));
        }
        for scope in &wanted[shared..] {
            let name = self.names.scope(*scope);
            let title = quoted(self.last_part(name, open.last().copied()));
            let _ = writeln!(out, "{}subgraph c{} [{title}]", indent(open.len()), scope.number());
            open.push(*scope);
        }
    }

    fn draw_arrows(&self, out: &mut String) {
        for step in &self.steps {
            for input in &step.inputs {
                for (producer, port) in &self.collection(*input).producers {
                    let output = Self::output_name(self.step(*producer), *port);
                    let arrow = output.map_or_else(|| "-->".to_owned(), |name| format!("-->|{name}|"));
                    let _ = writeln!(out, "    s{} {arrow} s{}", producer.0, step.id.0);
                }
            }
            for view in &step.views {
                let _ = writeln!(out, "    s{} -.-> s{}", view.0, step.id.0);
            }
        }
    }

    fn input_names(&self, step: &Step) -> Vec<String> {
        let producers = step.inputs.iter().flat_map(|input| &self.collection(*input).producers);
        producers
            .map(|(producer, port)| {
                let made_by = self.step(*producer);
                let name = &made_by.label.name;
                Self::output_name(made_by, *port)
                    .map_or_else(|| name.clone(), |output| format!("{name}.{output}"))
            })
            .collect()
    }

    /// What one of several outputs is called.
    fn output_name(step: &Step, port: usize) -> Option<String> {
        let said = step.output_names.get(port).map(ToString::to_string);
        (step.outputs.len() > 1).then(|| said.unwrap_or_else(|| port.to_string()))
    }

    /// A name without that of the composite it stands in.
    fn last_part<'a>(&self, name: &'a str, composite: Option<ScopeId>) -> &'a str {
        let within = composite.and_then(|scope| name.strip_prefix(self.names.scope(scope)));
        within.and_then(|rest| rest.strip_prefix('/')).unwrap_or(name)
    }
}

/// A type's name without its path and parameters.
pub(crate) fn short_name<T: ?Sized>() -> &'static str {
    let name = type_name::<T>();
    let name = name.split_once('<').map_or(name, |(before, _)| before);
    name.rsplit("::").next().unwrap_or(name)
}

fn indent(depth: usize) -> String {
    "    ".repeat(depth + 1)
}

fn quoted(label: &str) -> String {
    format!("\"{}\"", label.replace('"', "'"))
}

fn shape(op: &Op) -> (&'static str, &'static str) {
    match op {
        Op::Read(_) => ("([", "])"),
        Op::Each(_) => ("[", "]"),
        Op::Exchange(e) if e.routing() == Routing::Key => ("{{", "}}"),
        Op::Exchange(_) => ("[/", "/]"),
        Op::Write(_) => ("[(", ")]"),
    }
}
