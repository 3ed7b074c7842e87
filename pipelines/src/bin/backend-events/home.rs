//! The run of a program that is told nothing: made-up events through a topic, on an emulator.

use std::sync::Arc;

use flow_core::{Pipeline, Result, Timestamp};
use flow_io::gcp::GoogleCloud;
use flow_io::pubsub::PubSub;
use flow_runner_local::{LocalRunner, Options};
use pipelines::backend_events::pipeline::backend_events;
use pipelines::backend_events::{Catalog, EventType, Generated};
use pipelines::cloud::{self, Home};
use pipelines::program::grouped;

use crate::args::Args;
use crate::summary::summary;

const TOPIC: &str = "backend-events-topic";
const BUCKET: &str = "flow-demo-events";

/// Publishes, runs the pipeline until everything is read, and shows what it has written.
pub(crate) fn run(args: &Args, catalog: &Arc<Catalog>) -> Result<()> {
    let home = Home::start(&args.runner)?;
    let (cloud, project) = (&home.cloud, Home::PROJECT);
    let topic = format!("projects/{project}/topics/{TOPIC}");
    let runtime = cloud::runtime()?;
    runtime.block_on(make(args, cloud, &topic))?;

    let events = args.generator.of_now(now());
    println!("on {}", home.describe());
    let settings = args.settings(Arc::clone(catalog), args.cloud.output(cloud, project, BUCKET));
    let p = Pipeline::new();
    backend_events(&p, &args.cloud.input(cloud, project, events.total()), &settings);
    let publisher = publish(&events, cloud, &topic)?;
    let report = LocalRunner::new(args.runner.clone()).run(p);
    publisher.drain();
    let all_published = publisher.wait();
    let report = report?;
    all_published?;
    println!("{report}\n\n{}", summary(&report, catalog, &settings));
    runtime.block_on(show_objects(args, cloud))?;
    catalog.types().try_for_each(|event_type| show_table(args, cloud, event_type))
}

/// The present moment.
pub(crate) fn now() -> Timestamp {
    Timestamp::from_micros(jiff::Timestamp::now().as_microsecond())
}

/// Makes the places, where they are missing.
async fn make(args: &Args, cloud: &GoogleCloud, topic: &str) -> Result<()> {
    let (project, datasets) = (Home::PROJECT, args.cloud.datasets(Home::PROJECT));
    cloud::topic(cloud, topic).await?;
    cloud::subscription(cloud, &args.cloud.subscription(project), topic).await?;
    cloud::bucket(cloud, project, BUCKET).await?;
    cloud::dataset(cloud, project, &datasets.raw).await?;
    cloud::dataset(cloud, project, &datasets.curated).await
}

/// Publishes in the background.
fn publish(events: &Generated, cloud: &GoogleCloud, topic: &str) -> Result<flow_runner_local::Job> {
    let p = Pipeline::new();
    p.read(events.messages()).write(PubSub::publish_to(topic).on(cloud));
    let options = Options { no_progress: true, ..Options::default() };
    LocalRunner::new(options.with_workers(1)).start(p)
}

/// How many objects are shown.
const SHOWN: usize = 12;

async fn show_objects(args: &Args, cloud: &GoogleCloud) -> Result<()> {
    let objects = cloud::objects(cloud, BUCKET, &args.cloud.prefix).await?;
    let row = |(name, bytes): &(String, i64)| vec![name.clone(), bytes.to_string()];
    let rows: Vec<_> = objects.iter().take(SHOWN).map(row).collect();
    print!("\ngs://{BUCKET}, {} objects\n{}", objects.len(), cloud::text_table(&["object", "bytes"], &rows));
    if let further @ 1.. = objects.len().saturating_sub(SHOWN) {
        println!("  and {} more", grouped(further as u64));
    }
    Ok(())
}

/// What a table holds, by the first column that it is clustered by.
fn show_table(args: &Args, cloud: &GoogleCloud, event_type: &EventType) -> Result<()> {
    let table = format!("{}.{}", args.cloud.datasets(Home::PROJECT).raw, event_type.table());
    let by = event_type.cluster_by().first().map_or("event_type", String::as_str);
    let sql = format!(
        "SELECT {by}, COUNT(*) AS events, COUNT(DISTINCT DATE({at})) AS days FROM `{table}` \
         GROUP BY {by} ORDER BY events DESC, {by} LIMIT 5",
        at = event_type.partition_by()
    );
    let columns = [by, "events", "days"];
    let rows = cloud::query(cloud, Home::PROJECT, &sql, &columns)?;
    print!("\n{sql}\n{}", cloud::text_table(&columns, &rows));
    Ok(())
}
