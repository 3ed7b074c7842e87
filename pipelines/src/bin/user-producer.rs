//! Fills the topic of new users: with answers of an API, or with made-up ones.

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::{ArgGroup, Parser};
use flow_core::{PCollection, Pipeline, Result};
use flow_io::files::TextFiles;
use flow_io::gcp::GoogleCloud;
use flow_io::pubsub::PubSub;
use flow_runner_local::{LocalRunner, Options};
use pipelines::program::{self, parse_time};
use pipelines::user_registration::generate;
use pipelines::user_registration::producer::{Api, Pauses, asked, made_up};

/// Fills the topic of new users: with answers of an API, or with made-up ones
///
/// An answer is published as it came. What is none, as an error that the API tells, is never published: the API is asked
/// again after a pause, and after some attempts at the next interval.
#[derive(Clone, Debug, Parser)]
#[command(name = "user-producer", version, after_help = EXAMPLES)]
#[command(group(ArgGroup::new("from").required(true).args(["url", "made_up"])))]
#[command(group(ArgGroup::new("to").required(true).args(["project", "output"])))]
struct Args {
    /// The API that is asked
    #[arg(long, value_name = "URL", env = "USER_PRODUCER_URL", hide_env_values = true)]
    url: Option<String>,

    /// Make answers up: the same for the same seed
    #[arg(long, env = "USER_PRODUCER_MADE_UP")]
    made_up: bool,

    /// How often the API is asked
    #[arg(
        long,
        value_name = "TIME",
        env = "USER_PRODUCER_INTERVAL",
        default_value = "20s",
        value_parser = parse_time
    )]
    interval: Duration,

    /// How often in all; without end unless set
    #[arg(long, value_name = "N", env = "USER_PRODUCER_COUNT")]
    count: Option<u64>,

    /// How often an answer is asked for again until the next interval
    #[arg(long, value_name = "N", env = "USER_PRODUCER_REPETITIONS", default_value_t = 5)]
    repetitions: usize,

    /// The project of the topic
    #[arg(long, value_name = "ID", env = "USER_PRODUCER_PROJECT")]
    project: Option<String>,

    /// The topic, of the project or in full
    #[arg(long, value_name = "NAME", env = "USER_PRODUCER_TOPIC", default_value = "user-input")]
    topic: String,

    /// Let data travel unencrypted, as from an API and to emulators on other machines
    #[arg(long, env = "USER_PRODUCER_ALLOW_PLAINTEXT")]
    allow_plaintext: bool,

    /// Write the answers to files instead, a line each, as `user-registration --input` reads them
    #[arg(short, long, value_name = "DIR", env = "USER_PRODUCER_OUTPUT", requires = "count")]
    output: Option<PathBuf>,

    #[clap(flatten)]
    users: MadeUp,

    #[clap(flatten)]
    runner: Options,
}

const EXAMPLES: &str = "\
Examples:
  user-producer --url 'https://randomuser.me/api/?results=5' --project shop
  user-producer --made-up --interval 1s --project shop
  user-producer --made-up --interval 0s --count 100 --output history";

#[derive(Clone, Debug, clap::Args)]
#[command(next_help_heading = "Made-up users")]
struct MadeUp {
    /// How many users an answer has
    #[arg(long, value_name = "N", env = "USER_PRODUCER_USERS", default_value_t = 5)]
    users: u32,

    /// Other users of the same kind
    #[arg(long, value_name = "N", env = "USER_PRODUCER_SEED", default_value_t = 0)]
    seed: u64,

    /// How many of a thousand users are no good
    #[arg(long, value_name = "N", default_value_t = 0, value_parser = clap::value_parser!(u32).range(..=1000))]
    odd_per_mille: u32,

    /// How many of a thousand answers are no good as a whole
    #[arg(long, value_name = "N", default_value_t = 0, value_parser = clap::value_parser!(u32).range(..=1000))]
    bad_per_mille: u32,
}

fn main() -> ExitCode {
    program::main(run)
}

fn run(args: &Args) -> Result<()> {
    let p = Pipeline::new();
    let answers = args.answers(&p)?;
    match (&args.project, &args.output) {
        (Some(project), _) => answers.write(PubSub::publish_to(args.topic(project)).on(&args.cloud())),
        (None, Some(folder)) => lines(&answers).write(TextFiles::under(folder)),
        (None, None) => {}
    }
    println!("{}", LocalRunner::new(args.runner.clone()).run(p)?);
    Ok(())
}

/// Answers as lines of text, which those that are to be no text cannot be.
fn lines(answers: &PCollection<Vec<u8>>) -> PCollection<String> {
    answers.map(|answer| String::from_utf8_lossy(&answer).into_owned()).named("line")
}

impl Args {
    fn answers(&self, p: &Pipeline) -> Result<PCollection<Vec<u8>>> {
        let Some(url) = &self.url else {
            let MadeUp { users, seed, odd_per_mille, bad_per_mille } = self.users;
            let settings = generate::Settings {
                users,
                odd_users_per_mille: odd_per_mille,
                bad_answers_per_mille: bad_per_mille,
            };
            return Ok(made_up(p, (seed, settings), self.interval, self.count));
        };
        let api = if self.allow_plaintext { Api::in_plaintext_at(url)? } else { Api::at(url)? };
        let api = api.pausing(Pauses { repetitions: self.repetitions, ..Pauses::default() });
        Ok(asked(p, api, self.interval, self.count))
    }

    fn cloud(&self) -> GoogleCloud {
        let cloud = GoogleCloud::from_env();
        if self.allow_plaintext { cloud.allow_plaintext() } else { cloud }
    }

    fn topic(&self, project: &str) -> String {
        program::full_name(&self.topic, project, "topics")
    }
}
