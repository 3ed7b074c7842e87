//! Keeps a shop's events as JSON objects, and appends them to one table per event type.

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use clap::{Parser, ValueEnum};
use flow_core::{Error, Pipeline, Summary};
use flow_runner_local::{LocalRunner, Options, Report};
use pipelines::backend_events::decode::Dialect;
use pipelines::backend_events::pipeline::{Settings, backend_events};
use pipelines::backend_events::{Catalog, Generated, Input, Objects, generate, schema};

/// Keeps a shop's events as JSON objects, and appends them to one table per event type
///
/// Reads JSON lines; without --input, events are made up. What is no valid event becomes a dead letter, and the rest
/// goes on.
#[derive(Debug, Parser)]
#[command(name = "backend-events", version, after_help = EXAMPLES)]
#[expect(clippy::struct_excessive_bools, reason = "flags of a command line")]
struct Args {
    /// Files of JSON lines: paths, directories or globs; `-` for standard input
    #[arg(short, long, value_name = "PATTERN", num_args = 1..)]
    input: Vec<String>,

    /// Where everything is written; a run that ends replaces what an earlier one wrote there of the same events
    #[arg(short, long, value_name = "DIR", default_value = "output")]
    output: PathBuf,

    /// Further event types, in the form of the built-in catalog
    #[arg(long, value_name = "FILE")]
    catalog: Vec<PathBuf>,

    /// How many events an object holds
    #[arg(long, value_enum, default_value_t = PerObject::Minute)]
    objects: PerObject,

    /// How long after its end a minute still takes events, e.g. 90s
    #[arg(long, value_name = "TIME", default_value = "10min", value_parser = parse_time)]
    allowed_lateness: Duration,

    /// Do not write the curated tables
    #[arg(long)]
    no_curated: bool,

    /// Also read events written as Python dicts
    #[arg(long)]
    python: bool,

    /// Print the tables' schemas, and do nothing
    #[arg(long)]
    schema: bool,

    /// Print the pipeline's steps, and do nothing
    #[arg(long)]
    plan: bool,

    #[clap(flatten)]
    generator: Generator,

    #[clap(flatten)]
    runner: Options,
}

const EXAMPLES: &str = "\
Examples:
  backend-events                                          a million events, as fast as they can be made
  backend-events --rate 1000 --seconds 60                 sixty thousand, in a minute
  backend-events --rate 1000                              until Ctrl-C
  backend-events --input 'in/*.jsonl' more/ --output out
  backend-events --input - < events.jsonl
  backend-events --catalog refund.json --input in/";

#[derive(Clone, Debug, clap::Args)]
#[command(next_help_heading = "Made-up events")]
struct Generator {
    /// How many events [default: 1000000, or without end at a --rate]
    #[arg(long, value_name = "N", conflicts_with = "input")]
    count: Option<u64>,

    /// How many events a second [default: as fast as they can be made]
    #[arg(long, value_name = "N", conflicts_with = "input", value_parser = clap::value_parser!(u32).range(1..))]
    rate: Option<u32>,

    /// For how many seconds events are made at the --rate
    #[arg(long, value_name = "N", requires = "rate", conflicts_with_all = ["input", "count"])]
    seconds: Option<u64>,

    /// Other events of the same kind [default: 0]
    #[arg(long, value_name = "N", conflicts_with = "input")]
    seed: Option<u64>,

    /// How many of a thousand messages are no valid events [default: 5]
    #[arg(long, value_name = "N", conflicts_with = "input", value_parser = clap::value_parser!(u32).range(..=1000))]
    invalid_per_mille: Option<u32>,

    /// How many of a thousand events come an hour or two late [default: 1]
    #[arg(long, value_name = "N", conflicts_with = "input", value_parser = clap::value_parser!(u32).range(..=1000))]
    late_per_mille: Option<u32>,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum PerObject {
    /// Those of a minute, a line each
    Minute,
    /// One
    Event,
}

/// The events of an hour and more, if there are a million.
const EVENTS_PER_SECOND: u32 = 250;

fn main() -> ExitCode {
    let args = match Args::try_parse() {
        Ok(args) => args,
        Err(help) if !help.use_stderr() => help.exit(),
        Err(wrong) => {
            eprintln!("{} (`--help` lists the options)", in_a_line(&wrong.to_string()));
            return ExitCode::from(2);
        }
    };
    match run(args) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {}", error.report());
            ExitCode::FAILURE
        }
    }
}

/// What is wrong with the options, without the usage that clap prints behind it.
fn in_a_line(message: &str) -> String {
    let lines = message.lines().map(str::trim).take_while(|line| !line.is_empty());
    lines.collect::<Vec<_>>().join(" ")
}

fn run(args: Args) -> Result<(), Error> {
    let catalog = Arc::new(args.catalog()?);
    if args.schema {
        let tables: Vec<_> = catalog.types().map(|event_type| schema::text(event_type)).collect();
        print!("{}", tables.join("\n"));
        return Ok(());
    }
    let settings = args.settings(Arc::clone(&catalog));
    let p = Pipeline::new();
    backend_events(&p, &args.input(), &settings);
    if args.plan {
        print!("{p}");
        return Ok(());
    }
    let report = LocalRunner::new(args.runner).run(p)?;
    println!("{report}\n\n{}", summary(&report, &catalog, &settings));
    Ok(())
}

impl Args {
    fn catalog(&self) -> Result<Catalog, Error> {
        self.catalog.iter().try_fold(Catalog::builtin(), |known, file| {
            let wrong = |cause| Error::config(format!("--catalog {}", file.display())).caused_by(cause);
            known.with_file(file).map_err(wrong)
        })
    }

    fn settings(&self, catalog: Arc<Catalog>) -> Settings {
        Settings {
            catalog,
            dialect: if self.python { Dialect::JsonOrPython } else { Dialect::Json },
            output: self.output.clone(),
            objects: match self.objects {
                PerObject::Minute => Objects::Minute,
                PerObject::Event => Objects::Event,
            },
            allowed_lateness: self.allowed_lateness,
            curated: !self.no_curated,
        }
    }

    fn input(&self) -> Input {
        match self.input.as_slice() {
            [] => Input::Generated(self.generator.generated()),
            [dash] if dash == "-" => Input::Stdin,
            patterns => Input::Files(patterns.to_vec()),
        }
    }
}

impl Generator {
    fn generated(&self) -> Generated {
        let count = match (self.count, self.rate) {
            (None, None) => Some(1_000_000),
            (count, _) => count,
        };
        let shop = generate::Settings {
            per_second: self.rate.unwrap_or(EVENTS_PER_SECOND),
            lateness: Duration::from_secs(30),
            late_per_mille: self.late_per_mille.unwrap_or(1),
            invalid_per_mille: self.invalid_per_mille.unwrap_or(5),
            ..generate::Settings::default()
        };
        let during = self.seconds.map(Duration::from_secs);
        Generated { seed: self.seed.unwrap_or(0), count, rate: self.rate.map(u64::from), during, shop }
    }
}

/// What came of the messages, and where it is.
fn summary(report: &Report, catalog: &Catalog, settings: &Settings) -> String {
    let (events, by_kind) = counts(report.as_ref(), "events.");
    let (letters, by_reason) = counts(report.as_ref(), "dead_letters.");
    let (warnings, by_name) = counts(report.as_ref(), "warnings.");
    let rate = grouped(report.rate(events + letters) as u64);
    let kinds: Vec<_> = catalog.types().map(|event_type| event_type.name().to_string()).collect();
    let output = settings.output.display();
    format!(
        "events        {} ({by_kind}); {rate} messages a second\n\
         dead letters  {} ({by_reason})\n\
         warnings      {} ({by_name})\n\
         objects       {output}/{{{},unknown,dead-letter}}\n\
         tables        {output}/tables",
        grouped(events),
        grouped(letters),
        grouped(warnings),
        kinds.join(","),
    )
}

/// The counters whose names begin alike: their sum, and those that have counted something.
fn counts(summary: &Summary, prefix: &str) -> (u64, String) {
    let names = summary.metrics.keys().filter_map(|name| Some((name, name.strip_prefix(prefix)?)));
    let counts = names.map(|(name, rest)| (summary.counter(name), rest)).filter(|(count, _)| *count > 0);
    let counts: Vec<_> = counts.collect();
    let texts: Vec<_> = counts.iter().map(|(count, name)| format!("{name} {}", grouped(*count))).collect();
    let text = if texts.is_empty() { "none".to_owned() } else { texts.join(", ") };
    (counts.iter().map(|(count, _)| count).sum(), text)
}

/// A number with its thousands apart.
fn grouped(number: u64) -> String {
    match number {
        0..1_000 => number.to_string(),
        _ => format!("{},{:03}", grouped(number / 1_000), number % 1_000),
    }
}

fn parse_time(text: &str) -> Result<Duration, String> {
    let time = text.parse::<jiff::SignedDuration>().ok().and_then(|time| Duration::try_from(time).ok());
    time.ok_or_else(|| "wanted a time, as 90s or 10min".to_owned())
}
