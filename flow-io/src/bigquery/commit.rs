use std::path::PathBuf;
use std::sync::atomic::Ordering;

use flow_core::sink::{Commit, Committed, WriterContext};
use flow_core::{Error, ErrorKind, Result};
use futures::StreamExt;
use gcp_bigquery_client::google::cloud::bigquery::storage::v1::storage_error::StorageErrorCode;

use super::load::{Staging, load};
use super::run::{Asking, Left, Run, lock};
use super::service::{Failure, Service};
use super::settings::{Settings, Way};
use super::sink::{Prepared, Shared, Token};
use super::target::{Disposition, Target};

/// Makes visible what writers prepared. Each part may be repeated.
pub(super) async fn commit<T>(shared: &Shared<T>, commit: Commit<Prepared>) -> Result<Committed<Prepared>> {
    let run = shared.run();
    commit_of(shared, &run, commit).await
}

/// Makes visible what writers of an earlier process prepared, unless that was done.
pub(super) async fn resume<T>(shared: &Shared<T>, commit: Commit<Prepared>) -> Result<Committed<Prepared>> {
    let begun = commit.tokens.iter().any(|prepared| matches!(prepared.token, Token::Begun));
    let streams = commit.tokens.iter().filter_map(|prepared| match &prepared.token {
        Token::Flush { stream, .. } => Some(stream.clone()),
        _ => None,
    });
    let streams = streams.collect();
    let context = WriterContext { durable: Some(PathBuf::new()), ..WriterContext::default() };
    let run = Run::new(&context, Some(Left { begun, streams: Vec::new() }));
    let committed = commit_of(shared, &run, commit).await?;
    let begun = run.begun.load(Ordering::Relaxed);
    *lock(&shared.left) = Some(Left { begun, streams });
    Ok(committed)
}

async fn commit_of<T>(
    shared: &Shared<T>,
    run: &Run,
    commit: Commit<Prepared>,
) -> Result<Committed<Prepared>> {
    let settings = &shared.settings;
    // A bounded collection that had no elements is to leave no rows of an earlier run behind.
    let empties = commit.last && settings.disposition == Disposition::Truncate;
    let retired = std::mem::take(&mut *lock(&run.retired));
    if commit.tokens.is_empty() && retired.is_empty() && !empties {
        return Ok(Committed { carried: carried(settings, run), ..Committed::default() });
    }
    let asking = commit.tokens.iter().find_map(|prepared| run.asking(&prepared.step));
    let asking = asking.unwrap_or_else(|| Asking::for_nobody(settings.cloud.retry()));
    let target = settings.target()?;
    let service = Service::of(&settings.cloud).await?;
    let at = Committing { shared, run, asking: &asking, service: &service, target: &target };
    let (mut flushes, mut streams, mut objects) = (Vec::new(), Vec::new(), Vec::new());
    for Prepared { token, .. } in commit.tokens {
        match token {
            Token::Flush { stream, end, rows } => flushes.push((stream, end, rows)),
            Token::Stream { stream, rows } => streams.push((stream, rows)),
            Token::Object { name, rows, .. } => objects.push((name, rows)),
            Token::Begun => continue,
        }
        run.begun.store(true, Ordering::Relaxed);
    }
    at.flush(flushes, commit.last && !run.durable).await?;
    at.commit_streams(streams).await?;
    at.load(objects, empties).await?;
    for stream in retired {
        // The service ends them by itself if this does not; what is in them and in no manifest is never visible.
        let _ = service.storage().finalize(&stream).await;
    }
    if commit.last {
        service.tables().forget(&target.name);
    }
    Ok(Committed { carried: carried(settings, run), ..Committed::default() })
}

/// What a later process must know where it matters what was in the table before.
fn carried<T>(settings: &Settings<T>, run: &Run) -> Vec<Prepared> {
    let matters = run.durable && settings.disposition != Disposition::Append;
    let begun = matters && run.begun.load(Ordering::Relaxed);
    begun.then(|| Prepared { step: String::new(), token: Token::Begun }).into_iter().collect()
}

struct Committing<'a, T> {
    shared: &'a Shared<T>,
    run: &'a Run,
    asking: &'a Asking,
    service: &'a Service,
    target: &'a Target,
}

/// How many streams are flushed at a time.
const FLUSHES: usize = 16;

impl<T> Committing<'_, T> {
    /// Makes the rows of buffered streams visible, up to where the epoch ended.
    async fn flush(&self, flushes: Vec<(String, i64, u64)>, ends: bool) -> Result<()> {
        let all = flushes.into_iter().map(|(stream, end, rows)| async move {
            let flush = || async {
                match self.service.storage().flush(&stream, end).await {
                    // The answer of an attempt was lost, or the commit is repeated.
                    Err(failure) if failure.is_there_already() => Ok(()),
                    done => done,
                }
            };
            let done = self.asking.retrying.run("flushing a stream of BigQuery", Failure::fault, flush).await;
            done.map_err(|failure| self.failed(failure))?;
            self.run.became_visible(self.asking, &stream, end, rows);
            if ends {
                // Streams that nobody writes to any more; the service ends them by itself if this does not.
                let _ = self.service.storage().finalize(&stream).await;
            }
            Ok::<(), Error>(())
        });
        let mut under_way = futures::stream::iter(all).buffer_unordered(FLUSHES);
        let mut failed = None;
        while let Some(done) = under_way.next().await {
            failed = done.err().or(failed); // the others end: nothing happens behind our back
        }
        failed.map_or(Ok(()), Err)
    }

    /// Makes pending streams visible, all at once.
    async fn commit_streams(&self, streams: Vec<(String, u64)>) -> Result<()> {
        if streams.is_empty() {
            return Ok(());
        }
        let path = self.target.name.path();
        let names: Vec<String> = streams.iter().map(|(stream, _)| stream.clone()).collect();
        let commit = || self.service.storage().commit(&path, names.clone());
        let answer = self.asking.retrying.run("committing streams of BigQuery", Failure::fault, commit).await;
        let answer = answer.map_err(|failure| self.failed(failure))?;
        let committed = |code| code == StorageErrorCode::StreamAlreadyCommitted as i32;
        if let Some(error) = answer.stream_errors.iter().find(|error| !committed(error.code)) {
            return Err(self.failed(Failure::lasting(error.error_message.clone())));
        }
        // All or none: that some are committed already and others are not has no meaning of ours.
        if answer.commit_time.is_none() && answer.stream_errors.len() < names.len() {
            return Err(
                self.failed(Failure::lasting("some of its streams are committed, and others are not"))
            );
        }
        for (stream, rows) in streams {
            self.run.became_visible(self.asking, &stream, rows as i64, rows);
        }
        Ok(())
    }

    /// Loads staged objects. What the run has loaded before stays.
    async fn load(&self, objects: Vec<(String, u64)>, empties: bool) -> Result<()> {
        let mut loaded = self.run.loaded.lock().await;
        let empties = empties && objects.is_empty() && !*loaded;
        if objects.is_empty() && !empties {
            return Ok(());
        }
        let settings = &self.shared.settings;
        debug_assert_eq!(settings.way(true), Way::Loads);
        let staging = Staging::of(&settings.cloud, settings.staging.as_deref().unwrap_or_default()).await?;
        let mut names: Vec<String> = objects.iter().map(|(name, _)| name.clone()).collect();
        if empties {
            names.push(staging.put_nothing(&self.target.name.table).await?);
        }
        let disposition = if *loaded { Disposition::Append } else { settings.disposition };
        load(self.service, &self.asking.retrying, &staging, self.target, disposition, names).await?;
        *loaded = true;
        for (name, rows) in objects {
            self.run.became_visible(self.asking, &name, rows as i64, rows);
        }
        Ok(())
    }

    fn failed(&self, failure: Failure) -> Error {
        let context = format!("rows of the table {} cannot be committed", self.target.name);
        failure.into_error(ErrorKind::Sink, context)
    }
}
