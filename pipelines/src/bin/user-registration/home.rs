//! The run of a program that is told nothing: made-up users through a topic, on an emulator.

use std::time::Duration;

use flow_core::{Pipeline, Result};
use flow_io::gcp::GoogleCloud;
use flow_io::pubsub::PubSub;
use flow_runner_local::{Job, LocalRunner, Options};
use pipelines::cloud::{self, Home};
use pipelines::user_registration::Output;
use pipelines::user_registration::pipeline::user_registration;
use pipelines::user_registration::producer::made_up;

use crate::args::Args;
use crate::summary::summary;

/// How many messages are made up unless it is said.
const MESSAGES: u64 = 20;

/// Publishes, runs the pipeline until everything is read, and shows what it has written.
pub(crate) fn run(args: &Args) -> Result<()> {
    let home = Home::start(&args.runner)?;
    let (cloud, project) = (&home.cloud, Home::PROJECT);
    let messages = args.users.messages.unwrap_or(MESSAGES);
    let output = args.output(cloud, project);
    let p = Pipeline::new();
    user_registration(&p, &args.input(cloud, project, Some(messages)), args.settings(), &output);
    if args.plan {
        print!("{p}");
        return Ok(());
    }
    let (topic, subscription) = args.cloud.names(project);
    let runtime = cloud::runtime()?;
    runtime.block_on(async {
        cloud::topic(cloud, &topic).await?;
        cloud::subscription(cloud, &subscription, &topic).await?;
        cloud::dataset(cloud, project, args.dataset()).await
    })?;

    println!("on {}", home.describe());
    let publisher = if args.no_stream { None } else { Some(publish(args, cloud, &topic, messages)?) };
    let report = LocalRunner::new(args.runner.clone()).run(p);
    let publication = publisher.map(|job| {
        job.drain();
        job.wait()
    });
    let report = report?;
    publication.transpose()?;
    println!("{report}\n\n{}", summary(&report, &output));
    show(cloud, &output)
}

/// Publishes in the background.
fn publish(args: &Args, cloud: &GoogleCloud, topic: &str, messages: u64) -> Result<Job> {
    let p = Pipeline::new();
    let answers = made_up(&p, (args.users.seed, args.users.made_up()), Duration::ZERO, Some(messages));
    answers.write(PubSub::publish_to(topic).on(cloud));
    LocalRunner::new(Options::default().with_workers(1)).start(p)
}

/// A few rows, and what marketing and operations would ask.
fn show(cloud: &GoogleCloud, output: &Output) -> Result<()> {
    let Output { dataset, users, letters, .. } = output;
    let users = format!("{dataset}.{users}");
    let row = ["login_username", "first_name", "last_name", "gender", "dob", "country", "postcode", "email"];
    let all = row.join(", ");
    ask(cloud, &format!("SELECT {all} FROM `{users}` ORDER BY login_username LIMIT 5"), &row)?;
    let by_country = format!(
        "SELECT country, COUNT(*) AS users FROM `{users}` GROUP BY country ORDER BY users DESC, country"
    );
    ask(cloud, &by_country, &["country", "users"])?;
    let by_reason = format!(
        "SELECT kind, reason, COUNT(*) AS letters FROM `{dataset}.{letters}` GROUP BY kind, reason \
         ORDER BY letters DESC, reason LIMIT 5"
    );
    ask(cloud, &by_reason, &["kind", "reason", "letters"])?;
    let Some(segments) = &output.segments else { return Ok(()) };
    let by_segment = format!(
        "SELECT country, gender, age_band, SUM(users) AS users FROM `{dataset}.{segments}` \
         GROUP BY country, gender, age_band ORDER BY users DESC, country, gender, age_band LIMIT 5"
    );
    ask(cloud, &by_segment, &["country", "gender", "age_band", "users"])
}

fn ask(cloud: &GoogleCloud, sql: &str, columns: &[&str]) -> Result<()> {
    let rows = cloud::query(cloud, Home::PROJECT, sql, columns)?;
    print!("\n{sql}\n{}", cloud::text_table(columns, &rows));
    Ok(())
}
