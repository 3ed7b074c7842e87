use std::fmt::{self, Write as _};

use super::{Graph, Step};
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
    /// The plan as a mermaid flowchart, for a README or a terminal that draws it.
    ///
    /// ```
    /// # use flow_core::prelude::*;
    /// let p = Pipeline::new();
    /// p.create([1, 2]).map(|n| n + 1).for_each(|n| println!("{n}"));
    /// assert!(p.to_mermaid().starts_with("flowchart LR\n"));
    /// ```
    pub fn to_mermaid(&self) -> String {
        let mut out = String::from("flowchart LR\n");
        for step in &self.steps {
            let (open, close) = shape(&step.op);
            let label = step.label.name.replace('"', "'");
            let _ = writeln!(out, "    s{}{open}\"{label}\"{close}", step.id.0);
        }
        for step in &self.steps {
            for input in &step.inputs {
                for (producer, port) in &self.collection(*input).producers {
                    let several = self.step(*producer).outputs.len() > 1;
                    let arrow = if several { format!("-->|{port}|") } else { "-->".to_owned() };
                    let _ = writeln!(out, "    s{} {arrow} s{}", producer.0, step.id.0);
                }
            }
            for view in &step.views {
                let _ = writeln!(out, "    s{} -.-> s{}", view.0, step.id.0);
            }
        }
        out
    }

    fn input_names(&self, step: &Step) -> Vec<String> {
        let producers = step.inputs.iter().flat_map(|input| &self.collection(*input).producers);
        producers
            .map(|(producer, port)| {
                let made_by = self.step(*producer);
                let name = &made_by.label.name;
                if made_by.outputs.len() > 1 { format!("{name}.{port}") } else { name.clone() }
            })
            .collect()
    }
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
