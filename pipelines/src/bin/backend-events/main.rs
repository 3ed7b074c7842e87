//! Keeps a shop's events as JSON objects, and appends them to one table per event type.

mod args;
mod home;
mod summary;

use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;

use flow_core::{Error, Pipeline};
use flow_io::pubsub::PubSub;
use flow_runner_local::LocalRunner;
use pipelines::backend_events::pipeline::{Settings, backend_events};
use pipelines::backend_events::{Catalog, Input, Output, backfill, schema};
use pipelines::program;

use args::{Args, Place};
use summary::summary;

fn main() -> ExitCode {
    program::main(run)
}

fn run(args: &Args) -> Result<(), Error> {
    let catalog = Arc::new(args.catalog()?);
    if args.schema {
        let tables: Vec<_> = catalog.types().map(|event_type| schema::text(event_type)).collect();
        print!("{}", tables.join("\n"));
        return Ok(());
    }
    let (input, output) = match args.place() {
        Place::Home if !args.plan => return home::run(args, &catalog),
        Place::Home | Place::Files => files(args),
        Place::Cloud if args.cloud.publish.is_some() => return publish(args),
        Place::Cloud if !args.cloud.backfill.is_empty() => return past(args, &catalog),
        Place::Cloud => cloud(args)?,
    };
    let settings = args.settings(Arc::clone(&catalog), output);
    let p = Pipeline::new();
    backend_events(&p, &input, &settings);
    if args.plan {
        print!("{p}");
        return Ok(());
    }
    execute(args, p, &settings)
}

/// Runs the pipeline, and tells what came of it.
fn execute(args: &Args, p: Pipeline, settings: &Settings) -> Result<(), Error> {
    let report = LocalRunner::new(args.runner.clone()).run(p)?;
    println!("{report}\n\n{}", summary(&report, &settings.catalog, settings));
    Ok(())
}

/// Fills the tables from the objects of the past.
fn past(args: &Args, catalog: &Arc<Catalog>) -> Result<(), Error> {
    let (_, output) = cloud(args)?;
    let datasets = args.cloud.datasets(args.cloud.project());
    let there =
        pipelines::cloud::runtime()?.block_on(backfill::existing(&output.cloud, &datasets, catalog))?;
    let input = Input::Objects(args.cloud.backfill.clone(), output.cloud.clone());
    let settings = args.settings(Arc::clone(catalog), output);
    let p = Pipeline::new();
    backfill::backfill(&p, &input, &settings, &datasets, &there);
    if args.plan {
        print!("{p}");
        return Ok(());
    }
    execute(args, p, &settings)
}

fn files(args: &Args) -> (Input, Output) {
    (args.files(), Output::under(args.output.as_deref().unwrap_or(Path::new("output"))))
}

fn cloud(args: &Args) -> Result<(Input, Output), Error> {
    let (cloud, project) = (args.cloud.reach(), args.cloud.project());
    let Some(bucket) = &args.cloud.bucket else {
        return Err(Error::config("--project wants to know the --bucket of the objects"));
    };
    let input = args.cloud.input(&cloud, project, args.cloud.messages);
    Ok((input, args.cloud.output(&cloud, project, bucket)))
}

/// Fills a topic with made-up events.
fn publish(args: &Args) -> Result<(), Error> {
    let topic = args.cloud.publish.as_deref().unwrap_or_default();
    let topic = program::full_name(topic, args.cloud.project(), "topics");
    let p = Pipeline::new();
    let events = args.generator.of_now(home::now());
    p.read(events.messages()).write(PubSub::publish_to(topic).on(&args.cloud.reach()));
    println!("{}", LocalRunner::new(args.runner.clone()).run(p)?);
    Ok(())
}
