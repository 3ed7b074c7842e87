use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use clap::{Parser, ValueEnum};
use flow_core::{Error, Timestamp};
use flow_io::gcp::GoogleCloud;
use flow_runner_local::Options;
use pipelines::backend_events::decode::Dialect;
use pipelines::backend_events::pipeline::Settings;
use pipelines::backend_events::{
    Catalog, Datasets, Generated, Input, Objects, Output, Subscription, Tables, generate,
};
use pipelines::program::{full_name, parse_time};

/// Keeps a shop's events as JSON objects, and appends them to one table per event type
///
/// Told nothing, it runs on an emulator of Google Cloud in this process: made-up events go through a topic into a bucket
/// and BigQuery. With --project it runs on the cloud; with --input or --output on files. What is no valid event becomes a
/// dead letter, and the rest goes on.
#[derive(Clone, Debug, Parser)]
#[command(name = "backend-events", version, after_help = EXAMPLES)]
#[expect(clippy::struct_excessive_bools, reason = "flags of a command line")]
pub(crate) struct Args {
    /// Files of JSON lines: paths, directories or globs; `-` for standard input
    #[arg(short, long, value_name = "PATTERN", num_args = 1..)]
    pub(crate) input: Vec<String>,

    /// Where everything is written as files; a run that ends replaces what an earlier one wrote there of the same events
    #[arg(short, long, value_name = "DIR", conflicts_with = "project")]
    pub(crate) output: Option<PathBuf>,

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
    pub(crate) schema: bool,

    /// Print the pipeline's steps, and do nothing
    #[arg(long)]
    pub(crate) plan: bool,

    #[clap(flatten)]
    pub(crate) cloud: Cloud,

    #[clap(flatten)]
    pub(crate) generator: Generator,

    #[clap(flatten)]
    pub(crate) runner: Options,
}

const EXAMPLES: &str = "\
Examples:
  backend-events                                          made-up events, on an emulator in this process
  backend-events --count 1000000                          a million of them
  backend-events --rate 1000                              a thousand a second, until Ctrl-C
  backend-events --project shop --bucket shop-events      on Google Cloud, from and to the places of the usual names
  backend-events --project shop --bucket shop-events --backfill 'gs://shop-events/output/*/2025/02/08/**'
  backend-events --project shop --publish events --rate 10 fills the topic with made-up events, ten a second
  backend-events --output out                             made-up events, to files
  backend-events --input 'in/*.jsonl' more/ --output out
  backend-events --input - < events.jsonl
  backend-events --catalog refund.json --input in/
Emulators that run elsewhere are named by PUBSUB_EMULATOR_HOST, STORAGE_EMULATOR_HOST and BIGQUERY_EMULATOR_HOST.";

#[derive(Clone, Debug, clap::Args)]
#[command(next_help_heading = "Google Cloud")]
pub(crate) struct Cloud {
    /// The project of the subscription and the tables
    #[arg(long, value_name = "ID", env = "BACKEND_EVENTS_PROJECT")]
    pub(crate) project: Option<String>,

    /// The subscription that is read, of the project or in full
    #[arg(
        long,
        value_name = "NAME",
        env = "BACKEND_EVENTS_SUBSCRIPTION",
        default_value = "backend-events-topic-sub"
    )]
    subscription: String,

    /// End after so many messages [default: go on until stopped]
    #[arg(long, value_name = "N", requires = "project")]
    pub(crate) messages: Option<u64>,

    /// Publish made-up events to this topic, of the project or in full, and end when they do
    #[arg(long, value_name = "TOPIC", requires = "project", conflicts_with_all = ["input", "messages"])]
    pub(crate) publish: Option<String>,

    /// Add the events of these objects that are not in the tables, and end: `gs://bucket/output/order/2025/02/08/**`
    #[arg(long, value_name = "PATTERN", num_args = 1.., requires = "project", conflicts_with = "input")]
    pub(crate) backfill: Vec<String>,

    /// The bucket of the objects
    #[arg(long, value_name = "NAME", env = "BACKEND_EVENTS_BUCKET", requires = "project")]
    pub(crate) bucket: Option<String>,

    /// What the names of the objects begin with
    #[arg(long, value_name = "PATH", env = "BACKEND_EVENTS_PREFIX", default_value = "output")]
    pub(crate) prefix: String,

    /// The dataset of the raw tables and of the dead letters
    #[arg(long, value_name = "NAME", env = "BACKEND_EVENTS_DATASET", default_value = "raw_events")]
    dataset: String,

    /// The dataset of the curated tables
    #[arg(
        long,
        value_name = "NAME",
        env = "BACKEND_EVENTS_CURATED_DATASET",
        default_value = "curated_events"
    )]
    curated_dataset: String,

    /// Let data travel unencrypted, as to emulators on other machines
    #[arg(long, env = "BACKEND_EVENTS_ALLOW_PLAINTEXT")]
    allow_plaintext: bool,
}

#[derive(Clone, Debug, clap::Args)]
#[command(next_help_heading = "Made-up events")]
pub(crate) struct Generator {
    /// How many events [default: 100000 on the emulator, 1000000 to files, or without end at a --rate]
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

/// Where a run takes place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// On an emulator.
    Home,
    /// On Google Cloud, or wherever the environment says that it is.
    Cloud,
    /// On files.
    Files,
}

impl Args {
    pub(crate) fn place(&self) -> Place {
        match (&self.cloud.project, &self.output, self.input.as_slice()) {
            (Some(_), _, _) => Place::Cloud,
            (None, None, []) => Place::Home,
            (None, _, _) => Place::Files,
        }
    }

    pub(crate) fn catalog(&self) -> Result<Catalog, Error> {
        self.catalog.iter().try_fold(Catalog::builtin(), |known, file| {
            let wrong = |cause| Error::config(format!("--catalog {}", file.display())).caused_by(cause);
            known.with_file(file).map_err(wrong)
        })
    }

    pub(crate) fn settings(&self, catalog: Arc<Catalog>, output: Output) -> Settings {
        Settings {
            catalog,
            dialect: if self.python { Dialect::JsonOrPython } else { Dialect::Json },
            // With a state directory nothing is doubled on the way there; so it is not doubled there either.
            output: Output { exactly_once: self.runner.state_dir.is_some(), ..output },
            objects: match self.objects {
                PerObject::Minute => Objects::Minute,
                PerObject::Event => Objects::Event,
            },
            allowed_lateness: self.allowed_lateness,
            curated: !self.no_curated,
        }
    }

    /// The input of a run on files.
    pub(crate) fn files(&self) -> Input {
        match self.input.as_slice() {
            [] => Input::Generated(self.generator.of_the_past()),
            [dash] if dash == "-" => Input::Stdin,
            patterns => Input::Files(patterns.to_vec()),
        }
    }
}

impl Cloud {
    /// The project, in a run on the cloud.
    pub(crate) fn project(&self) -> &str {
        self.project.as_deref().unwrap_or_default()
    }

    /// The cloud of the environment.
    pub(crate) fn reach(&self) -> GoogleCloud {
        let cloud = GoogleCloud::from_env();
        if self.allow_plaintext { cloud.allow_plaintext() } else { cloud }
    }

    /// The full name of the subscription.
    pub(crate) fn subscription(&self, project: &str) -> String {
        full_name(&self.subscription, project, "subscriptions")
    }

    pub(crate) fn input(&self, cloud: &GoogleCloud, project: &str, ends_after: Option<u64>) -> Input {
        Input::Subscription(Subscription {
            name: self.subscription(project),
            cloud: cloud.clone(),
            ends_after,
        })
    }

    pub(crate) fn output(&self, cloud: &GoogleCloud, project: &str, bucket: &str) -> Output {
        Output {
            objects: format!("gs://{bucket}/{}", self.prefix).into(),
            tables: Tables::BigQuery(self.datasets(project)),
            cloud: cloud.clone(),
            exactly_once: false,
        }
    }

    pub(crate) fn datasets(&self, project: &str) -> Datasets {
        let (project, raw) = (project.to_owned(), self.dataset.clone());
        Datasets { project, raw, curated: self.curated_dataset.clone() }
    }
}

/// The events of an hour and more, if there are a million.
const EVENTS_PER_SECOND: u32 = 250;

/// How long the events of a run on the emulator took to happen.
const SPAN: u32 = 20;

impl Generator {
    /// Events of one day long ago, always the same.
    fn of_the_past(&self) -> Generated {
        let count = self.count.or(self.rate.is_none().then_some(1_000_000));
        let shop = generate::Settings {
            per_second: self.rate.unwrap_or(EVENTS_PER_SECOND),
            ..generate::Settings::default()
        };
        self.generated(count, shop)
    }

    /// Events that happen as they are published, or have happened in the last seconds if they are published at once.
    pub(crate) fn of_now(&self, now: Timestamp) -> Generated {
        let count = self.count.or(self.rate.is_none().then_some(100_000));
        let at_once = || u32::try_from(count.unwrap_or(0) / u64::from(SPAN)).unwrap_or(u32::MAX).max(1);
        let shop = generate::Settings {
            start: if self.rate.is_some() { now } else { now - Duration::from_secs(SPAN.into()) },
            per_second: self.rate.unwrap_or_else(at_once),
            ..generate::Settings::default()
        };
        self.generated(count, shop)
    }

    fn generated(&self, count: Option<u64>, shop: generate::Settings) -> Generated {
        let shop = generate::Settings {
            lateness: Duration::from_secs(30),
            late_per_mille: self.late_per_mille.unwrap_or(1),
            invalid_per_mille: self.invalid_per_mille.unwrap_or(5),
            ..shop
        };
        let during = self.seconds.map(Duration::from_secs);
        Generated { seed: self.seed.unwrap_or(0), count, rate: self.rate.map(u64::from), during, shop }
    }
}
