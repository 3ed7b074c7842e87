//! Runs the measured programs and those of others one after the other, round by round, and prints a table of medians: so
//! that what a shared machine does to one, it does to all.
//!
//! A program is anything that prints a line `REGION name=.. wall=.. cpu=.. rss_mib=.. events=.. check=..`; equal checks are
//! equal results.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use clap::Parser;

#[derive(Parser)]
struct Args {
    /// Where `text.txt`, `msgs.ndjson` and `trips.csv` are; what reads one that is not there is left out.
    #[arg(long, default_value = ".")]
    data: PathBuf,
    /// Where `w5` writes to.
    #[arg(long, default_value = "target/w5")]
    output: PathBuf,
    /// Programs of others: lines of a workload and a command, in which `{data}` and `{output}` are filled in.
    #[arg(long)]
    peers: Option<PathBuf>,
    #[arg(long, default_value_t = 3)]
    rounds: usize,
    /// Only these workloads, with commas between them.
    #[arg(long, value_delimiter = ',')]
    only: Vec<String>,
    /// Where to draw a picture, as SVG.
    #[arg(long)]
    picture: Option<PathBuf>,
}

/// Each workload: its name, what it is about, and ours.
const OURS: [(&str, &str, &str); 7] = [
    ("w1", "count of each word, 1 GB of text", "w1 {data}/text.txt"),
    ("w2", "sum per key, 100 M pairs, 1 M keys", "w2"),
    ("w4t", "count per key, windows of 10 s, 50 M events", "w4"),
    ("w4s", "the same, sliding by 2 s", "w4 --sliding"),
    ("w5", "JSON to three kinds of files, 10 M events", "w5 {data}/msgs.ndjson {output}"),
    ("w6", "CSV by two keys, 20 M trips", "w6 {data}/trips.csv"),
    ("w7", "100 k events a second: latency", "w7 --seconds 5"),
];

/// What the line of a run says.
type Facts = BTreeMap<String, String>;

/// A program of a workload, and what its runs said.
struct Program {
    workload: String,
    command: Vec<String>,
    runs: Vec<Facts>,
    failed: bool,
}

impl Program {
    fn number(&self, fact: &str) -> Option<f64> {
        let mut values: Vec<f64> = self.runs.iter().filter_map(|run| run.get(fact)?.parse().ok()).collect();
        values.sort_by(f64::total_cmp);
        values.get(values.len() / 2).copied()
    }

    fn text(&self, fact: &str) -> &str {
        self.runs.first().and_then(|run| run.get(fact)).map_or("-", String::as_str)
    }

    fn run(&mut self, args: &Args) {
        let _ = std::fs::remove_dir_all(&args.output); // of the program before
        let ran = Command::new(&self.command[0]).args(&self.command[1..]).stderr(Stdio::null()).output();
        let said = ran.map(|ran| String::from_utf8_lossy(&ran.stdout).into_owned()).unwrap_or_default();
        let facts = said.lines().find_map(|line| line.split_once("REGION ")).map(|(_, facts)| facts);
        match facts {
            Some(facts) => self.runs.push(
                facts
                    .split([' ', ','])
                    .filter_map(|fact| fact.split_once('='))
                    .map(|(name, value)| (name.to_owned(), value.to_owned()))
                    .collect(),
            ),
            None => self.failed = true,
        }
    }
}

fn is_wanted(args: &Args, workload: &str) -> bool {
    args.only.is_empty() || args.only.iter().any(|only| only == workload)
}

fn programs(args: &Args) -> Vec<Program> {
    let beside = std::env::current_exe().expect("a program knows itself");
    let beside = beside.parent().expect("it is in a directory");
    let filled = |command: &str| -> Vec<String> {
        let place = |path: &Path| path.display().to_string();
        let fill =
            |word: &str| word.replace("{data}", &place(&args.data)).replace("{output}", &place(&args.output));
        command.split_whitespace().map(fill).collect()
    };
    let mut all = Vec::new();
    for (workload, _, command) in OURS {
        let mut command = filled(command);
        command[0] = beside.join(&command[0]).display().to_string();
        all.push((workload.to_owned(), command));
    }
    if let Some(peers) = &args.peers {
        let peers = std::fs::read_to_string(peers).unwrap_or_else(|e| panic!("{}: {e}", peers.display()));
        let lines = peers.lines().filter_map(|line| line.split_once(char::is_whitespace));
        all.extend(lines.map(|(workload, command)| (workload.to_owned(), filled(command))));
    }
    all.retain(|(workload, command)| {
        let has_data = command
            .iter()
            .all(|word| !word.starts_with(&*args.data.to_string_lossy()) || Path::new(word).exists());
        is_wanted(args, workload) && (has_data || args.data.as_os_str() == ".")
    });
    let program = |(workload, command)| Program { workload, command, runs: Vec::new(), failed: false };
    all.into_iter().map(program).collect()
}

fn cell(number: Option<f64>, digits: usize) -> String {
    number.map_or("-".to_owned(), |number| format!("{number:.digits$}"))
}

/// A table of a workload's programs, as markdown; ours is the first.
fn table(title: &str, programs: &[&Program]) -> String {
    let ours = programs[0];
    let mut table = format!("### {title}\n\n");
    if ours.number("p50us").is_some() {
        table += "| program | p50 us | p99 us | CPU s |\n| --- | --- | --- | --- |\n";
    } else {
        table += "| program | wall s | to ours | CPU s | memory MiB | M events/s | result |\n| --- | --- | --- | --- | --- | --- | --- |\n";
    }
    for program in programs {
        let number = |fact, digits| cell(program.number(fact), digits);
        let name = if program.failed { program.command.join(" ") } else { program.text("name").to_owned() };
        let row = if program.failed {
            format!("| {name} | failed |")
        } else if ours.number("p50us").is_some() {
            format!("| {name} | {} | {} | {} |", number("p50us", 0), number("p99us", 0), number("cpu", 2))
        } else {
            let ratio = program.number("wall").zip(ours.number("wall")).map(|(other, ours)| other / ours);
            let is_same = program.text("check") == ours.text("check");
            format!(
                "| {name} | {} | {} | {} | {} | {} | {} |",
                number("wall", 2),
                cell(ratio, 2),
                number("cpu", 2),
                number("rss_mib", 0),
                number("meps", 1),
                if is_same { "equal" } else { "DIFFERS" }
            )
        };
        table += &row;
        table += "\n";
    }
    table
}

const BAR: f64 = 460.0;

/// Bars of the wall times of all programs, in each workload against the slowest of them.
fn picture(groups: &[(&str, Vec<&Program>)]) -> String {
    let (mut bars, mut y) = (String::new(), 8);
    for (title, programs) in groups {
        let slowest = programs.iter().filter_map(|program| program.number("wall")).fold(0.0, f64::max);
        y += 22;
        let _ = writeln!(bars, r#"<text x="8" y="{y}" font-weight="bold">{title}</text>"#);
        y += 6;
        for (at, program) in programs.iter().enumerate() {
            let Some(wall) = program.number("wall") else { continue };
            let (width, color) = (BAR * wall / slowest, if at == 0 { "#1f6feb" } else { "#9aa4af" });
            let _ = writeln!(
                bars,
                r#"<text x="176" y="{}" text-anchor="end">{}</text><rect x="182" y="{y}" width="{width:.0}" height="14" fill="{color}"/><text x="{:.0}" y="{}">{wall:.2} s</text>"#,
                y + 11,
                if at == 0 { "flow" } else { program.text("name") },
                188.0 + width,
                y + 11
            );
            y += 18;
        }
    }
    format!(
        r##"<svg xmlns="http://www.w3.org/2000/svg" width="720" height="{}" font-family="sans-serif" font-size="12" fill="#57606a">
{bars}</svg>
"##,
        y + 12
    )
}

fn main() {
    let args = Args::parse();
    let mut programs = programs(&args);
    for round in 1..=args.rounds {
        for program in &mut programs {
            eprintln!("round {round}: {}", program.command.join(" "));
            program.run(&args);
        }
    }
    let groups: Vec<(&str, Vec<&Program>)> = OURS
        .iter()
        .map(|(workload, title, _)| {
            (*title, programs.iter().filter(|program| program.workload == *workload).collect())
        })
        .filter(|(_, programs): &(_, Vec<_>)| !programs.is_empty())
        .collect();
    for (title, programs) in &groups {
        println!("{}", table(title, programs));
    }
    if let Some(path) = &args.picture {
        let timed: Vec<_> = groups.into_iter().filter(|(_, all)| all[0].number("p50us").is_none()).collect();
        std::fs::write(path, picture(&timed)).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    }
}
