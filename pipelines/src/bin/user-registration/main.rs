//! Puts a shop's new users from a topic into a table.

mod args;
mod home;
mod summary;

use std::process::ExitCode;

use flow_core::{Pipeline, Result};
use flow_runner_local::LocalRunner;
use pipelines::program;
use pipelines::user_registration::pipeline::user_registration;

use args::Args;
use summary::summary;

fn main() -> ExitCode {
    program::main(run)
}

fn run(args: &Args) -> Result<()> {
    let Some(project) = &args.cloud.project else { return home::run(args) };
    let cloud = args.cloud.reach();
    let output = args.output(&cloud, project);
    let p = Pipeline::new();
    user_registration(&p, &args.input(&cloud, project, args.users.messages), args.settings(), &output);
    if args.plan {
        print!("{p}");
        return Ok(());
    }
    let report = LocalRunner::new(args.runner.clone()).run(p)?;
    println!("{report}\n\n{}", summary(&report, &output));
    Ok(())
}
