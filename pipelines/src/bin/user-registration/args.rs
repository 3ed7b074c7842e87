use std::time::Duration;

use clap::{Parser, ValueEnum};
use flow_io::bigquery::{Create, Disposition};
use flow_io::gcp::GoogleCloud;
use flow_runner_local::Options;
use pipelines::program::{full_name, parse_time};
use pipelines::user_registration::{Freshness, Input, Output, Settings, Subscription, generate};

/// Puts a shop's new users from a topic into a table
///
/// Told nothing, it runs on an emulator of Google Cloud in this process: made-up users go through a topic into BigQuery.
/// With --project it runs on the cloud, until a signal ends it: then what was read is written and acknowledged, and the
/// rest waits in the subscription. What is no user becomes a dead letter, and the others go on.
#[derive(Clone, Debug, Parser)]
#[command(name = "user-registration", version, after_help = EXAMPLES)]
pub(crate) struct Args {
    /// Files of users of the past, an answer of the API a line: paths, directories or globs
    #[arg(short, long, value_name = "PATTERN", env = "USER_REGISTRATION_INPUT", num_args = 1..)]
    input: Vec<String>,

    /// Read the files alone, and no subscription
    #[arg(long, requires = "input")]
    pub(crate) no_stream: bool,

    /// How long a user is remembered, so that the same one is not saved again
    #[arg(
        long,
        value_name = "TIME",
        env = "USER_REGISTRATION_HORIZON",
        default_value = "10min",
        value_parser = parse_time
    )]
    horizon: Duration,

    /// Print the pipeline's steps, and do nothing
    #[arg(long)]
    pub(crate) plan: bool,

    #[clap(flatten)]
    pub(crate) cloud: Cloud,

    #[clap(flatten)]
    tables: TableArgs,

    #[clap(flatten)]
    pub(crate) users: Users,

    #[clap(flatten)]
    pub(crate) runner: Options,
}

const EXAMPLES: &str = "\
Examples:
  user-registration                                       made-up users, on an emulator in this process
  user-registration --segments user_segments              the same, counted by country, gender and age
  user-registration --project shop                        on Google Cloud, from and to the places of the usual names
  user-registration --project shop --input gs://shop-history/users/ --no-stream
Emulators that run elsewhere are named by PUBSUB_EMULATOR_HOST, STORAGE_EMULATOR_HOST and BIGQUERY_EMULATOR_HOST.
Messages come from user-producer.";

#[derive(Clone, Debug, clap::Args)]
#[command(next_help_heading = "Google Cloud")]
pub(crate) struct Cloud {
    /// The project of the subscription and the tables
    #[arg(long, value_name = "ID", env = "USER_REGISTRATION_PROJECT")]
    pub(crate) project: Option<String>,

    /// The subscription that is read, of the project or in full
    #[arg(
        long,
        value_name = "NAME",
        env = "USER_REGISTRATION_SUBSCRIPTION",
        default_value = "user-input-sub"
    )]
    subscription: String,

    /// The topic that made-up users are published to on the emulator
    #[arg(long, value_name = "NAME", env = "USER_REGISTRATION_TOPIC", default_value = "user-input")]
    topic: String,

    /// Let data travel unencrypted, as to emulators on other machines
    #[arg(long, env = "USER_REGISTRATION_ALLOW_PLAINTEXT")]
    allow_plaintext: bool,
}

#[derive(Clone, Debug, clap::Args)]
#[command(next_help_heading = "Tables")]
struct TableArgs {
    /// The dataset of the tables
    #[arg(long, value_name = "NAME", env = "USER_REGISTRATION_DATASET", default_value = "website")]
    dataset: String,

    /// The users' table
    #[arg(long, value_name = "NAME", env = "USER_REGISTRATION_TABLE", default_value = "users")]
    table: String,

    /// The table of dead letters
    #[arg(
        long,
        value_name = "NAME",
        env = "USER_REGISTRATION_DEAD_LETTERS",
        default_value = "user_dead_letters"
    )]
    dead_letters: String,

    /// A table for users counted by country, gender and age; messages are then acknowledged when their window is over
    #[arg(long, value_name = "NAME", env = "USER_REGISTRATION_SEGMENTS")]
    segments: Option<String>,

    /// The windows in which users are counted
    #[arg(
        long,
        value_name = "TIME",
        env = "USER_REGISTRATION_WINDOW",
        default_value = "1min",
        value_parser = parse_time
    )]
    window: Duration,

    /// How long after its end a window still takes users
    #[arg(
        long,
        value_name = "TIME",
        env = "USER_REGISTRATION_LATENESS",
        default_value = "1min",
        value_parser = parse_time
    )]
    lateness: Duration,

    /// What is done if a table is missing
    #[arg(long, value_enum, env = "USER_REGISTRATION_CREATE", default_value_t = CreateArg::IfNeeded)]
    create: CreateArg,

    /// What is done with the users that are in the table; without a stream it may be replaced, or have to be empty
    #[arg(long, value_enum, env = "USER_REGISTRATION_WRITE", default_value_t = WriteArg::Append)]
    write: WriteArg,

    /// Where files are staged to be loaded, which users that are replaced have to be
    #[arg(long, value_name = "gs://BUCKET/PREFIX", env = "USER_REGISTRATION_STAGING")]
    staging: Option<String>,

    /// Write so that what has failed and is repeated leaves no row twice
    #[arg(long, env = "USER_REGISTRATION_EXACTLY_ONCE")]
    exactly_once: bool,
}

#[derive(Clone, Debug, clap::Args)]
#[command(next_help_heading = "Messages")]
pub(crate) struct Users {
    /// After how many messages the run ends, which on the emulator in this process are made up [default: 20 there]
    #[arg(long, value_name = "N", env = "USER_REGISTRATION_MESSAGES", conflicts_with = "no_stream")]
    pub(crate) messages: Option<u64>,

    /// How many users a made-up message has
    #[arg(long, value_name = "N", conflicts_with = "project", default_value_t = 300)]
    per_message: u32,

    /// Other made-up users of the same kind
    #[arg(long, value_name = "N", conflicts_with = "project", default_value_t = 0)]
    pub(crate) seed: u64,

    /// How many of a thousand made-up users are no good
    #[arg(long, value_name = "N", conflicts_with = "project", default_value_t = 10, value_parser = clap::value_parser!(u32).range(..=1000))]
    odd_per_mille: u32,

    /// How many of a thousand made-up messages are no good as a whole
    #[arg(long, value_name = "N", conflicts_with = "project", default_value_t = 100, value_parser = clap::value_parser!(u32).range(..=1000))]
    bad_per_mille: u32,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum CreateArg {
    /// It is made
    IfNeeded,
    /// The run fails
    Never,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum WriteArg {
    /// They stay
    Append,
    /// They are replaced
    Truncate,
    /// There must be none
    Empty,
}

impl Args {
    pub(crate) fn settings(&self) -> Settings {
        Settings { horizon: self.horizon, window: self.tables.window, lateness: self.tables.lateness }
    }

    pub(crate) fn input(&self, cloud: &GoogleCloud, project: &str, ends_after: Option<u64>) -> Input {
        let name = full_name(&self.cloud.subscription, project, "subscriptions");
        let subscription = Subscription { name, cloud: cloud.clone(), ends_after };
        match (self.input.as_slice(), self.no_stream) {
            ([], _) => Input::Stream(subscription),
            (_, true) => Input::History(self.input.clone()),
            (_, false) => Input::Both(self.input.clone(), subscription),
        }
    }

    pub(crate) fn output(&self, cloud: &GoogleCloud, project: &str) -> Output {
        let tables = &self.tables;
        Output {
            cloud: cloud.clone(),
            dataset: format!("{project}.{}", tables.dataset),
            users: tables.table.clone(),
            letters: tables.dead_letters.clone(),
            segments: tables.segments.clone(),
            create: match tables.create {
                CreateArg::IfNeeded => Create::IfNeeded,
                CreateArg::Never => Create::Never,
            },
            write: match tables.write {
                WriteArg::Append => Disposition::Append,
                WriteArg::Truncate => Disposition::Truncate,
                WriteArg::Empty => Disposition::Empty,
            },
            staging: tables.staging.clone(),
            exactly_once: tables.exactly_once,
            freshness: Freshness::by_system_clock(),
        }
    }

    /// The dataset's name in its project.
    pub(crate) fn dataset(&self) -> &str {
        &self.tables.dataset
    }
}

impl Cloud {
    /// The cloud of the environment.
    pub(crate) fn reach(&self) -> GoogleCloud {
        let cloud = GoogleCloud::from_env();
        if self.allow_plaintext { cloud.allow_plaintext() } else { cloud }
    }

    /// The full names of the topic and of the subscription.
    pub(crate) fn names(&self, project: &str) -> (String, String) {
        (full_name(&self.topic, project, "topics"), full_name(&self.subscription, project, "subscriptions"))
    }
}

impl Users {
    pub(crate) fn made_up(&self) -> generate::Settings {
        generate::Settings {
            users: self.per_message,
            odd_users_per_mille: self.odd_per_mille,
            bad_answers_per_mille: self.bad_per_mille,
        }
    }
}
