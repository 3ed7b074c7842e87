use std::collections::VecDeque;
use std::io;

use flow_core::exec::planted;
use flow_core::{Element, Error, ErrorKind, Result};
use gcp_bigquery_client::google::cloud::bigquery::storage::v1::AppendRowsResponse;
use gcp_bigquery_client::google::cloud::bigquery::storage::v1::write_stream::Type;
use prost_types::DescriptorProto;
use tokio::sync::{OwnedSemaphorePermit, mpsc, oneshot};
use tonic::Status;

use super::Kind;
use super::answer::{Answer, judge};
use super::line::{Line, PIPELINE, request};
use super::spool::Spool;
use crate::bigquery::batch::{Batch, Outcome, Row};
use crate::bigquery::name::TableName;
use crate::bigquery::service::{Failure, Known, Service};
use crate::bigquery::sink::Token;
use crate::gcp::Retrying;

/// What a writer wants of its task.
pub(super) enum Job<T> {
    Append(Sent<T>),
    /// Everything that came before is to be in the stream.
    Prepare(oneshot::Sender<Vec<Token>>),
}

/// A batch on its way.
pub(super) struct Sent<T> {
    batch: Batch<T>,
    credit: Vec<OwnedSemaphorePermit>,
    offset: i64,
    /// Its rows were in another stream before, and are kept already.
    again: bool,
}

impl<T> Sent<T> {
    pub(super) fn new(batch: Batch<T>, credit: Option<OwnedSemaphorePermit>) -> Self {
        Sent { batch, credit: credit.into_iter().collect(), offset: 0, again: false }
    }

    /// Takes in another batch.
    fn absorb(&mut self, other: Sent<T>) {
        self.batch.bytes += other.batch.bytes;
        self.batch.rows.extend(other.batch.rows);
        self.credit.extend(other.credit);
    }

    fn rows(&self) -> Vec<Vec<u8>> {
        self.batch.rows.iter().map(|row| row.bytes.clone()).collect()
    }
}

/// A stream with offsets.
struct Stream {
    name: String,
    /// Where the next rows go.
    next: i64,
    /// Behind the last rows that were acknowledged to us.
    acked: i64,
    /// Where the last epoch ended.
    prepared: i64,
}

/// Keeps a connection up, and has on it what is not acknowledged.
pub(super) struct Appender<T> {
    service: Service,
    retrying: Retrying,
    table: TableName,
    known: Known,
    kind: Kind,
    descriptor: DescriptorProto,
    outcomes: mpsc::UnboundedSender<Outcome<T>>,
    line: Option<Line>,
    stream: Option<Stream>,
    /// To be sent.
    queue: VecDeque<Sent<T>>,
    /// Sent on the line, in order.
    in_flight: VecDeque<Sent<T>>,
    kept: Spool,
    /// Which chunks of what is kept are still to be sent to a new stream.
    replay: std::ops::Range<usize>,
    /// How many streams of this epoch went astray.
    astray: u32,
    /// Pending streams that take no more.
    finished: Vec<Token>,
}

/// How many streams may go astray in an epoch: if all do, it is not by chance.
const MOST_ASTRAY: u32 = 100;

/// How many bytes of several batches go into a request to a new stream: the fewer requests there are, the likelier all
/// of them succeed. A batch that is larger goes by itself.
const MERGED: usize = 4 << 20;

/// How many bytes go into one pending stream: what is in it is kept until it is finished.
const STREAM: usize = 256 << 20;

impl<T: Element> Appender<T> {
    pub(super) fn new(
        service: Service,
        retrying: Retrying,
        table: TableName,
        known: Known,
        kind: Kind,
        descriptor: DescriptorProto,
        outcomes: mpsc::UnboundedSender<Outcome<T>>,
    ) -> Self {
        Appender {
            service,
            retrying,
            table,
            known,
            kind,
            descriptor,
            outcomes,
            line: None,
            stream: None,
            queue: VecDeque::new(),
            in_flight: VecDeque::new(),
            kept: Spool::new(),
            replay: 0..0,
            astray: 0,
            finished: Vec::new(),
        }
    }

    /// Works until the writer is gone or there is no hope.
    pub(super) async fn run(mut self, mut jobs: mpsc::Receiver<Job<T>>) -> Result<()> {
        let mut preparing: Option<oneshot::Sender<Vec<Token>>> = None;
        loop {
            self.fill().await?;
            if self.is_idle()
                && let Some(reply) = preparing.take()
            {
                match self.prepare().await? {
                    Some(tokens) => drop(reply.send(tokens)),
                    None => preparing = Some(reply), // the stream went astray
                }
                continue;
            }
            tokio::select! {
                job = jobs.recv(), if preparing.is_none() && self.queue.is_empty() => match job {
                    None => return Ok(()),
                    Some(Job::Append(sent)) => self.queue.push_back(sent),
                    Some(Job::Prepare(reply)) => preparing = Some(reply),
                },
                answer = answer_on(&mut self.line), if !self.in_flight.is_empty() => self.answered(answer)?,
            }
        }
    }

    fn is_idle(&self) -> bool {
        self.queue.is_empty() && self.in_flight.is_empty() && self.replay.is_empty()
    }

    /// Sends what waits, as far as the line takes it.
    async fn fill(&mut self) -> Result<()> {
        loop {
            if self.kind == Kind::Pending && self.kept.bytes() > STREAM && self.replay.is_empty() {
                if !self.in_flight.is_empty() {
                    return Ok(());
                }
                self.finish_stream().await?;
                continue;
            }
            if self.in_flight.len() >= PIPELINE || (self.queue.is_empty() && self.replay.is_empty()) {
                return Ok(());
            }
            if self.kind.has_offsets() && self.stream.is_none() {
                self.stream = Some(self.open_stream().await?);
            }
            let sent = self.next_to_send()?;
            self.retrying.traffic().bytes.add(sent.batch.bytes as u64);
            match &self.line {
                Some(line) => {
                    self.retrying.traffic().requests.inc();
                    line.send(request(&self.stream_name(), self.offset_of(&sent), sent.rows(), None)).await;
                    self.in_flight.push_back(sent);
                }
                None => self.connect_with(sent).await?,
            }
        }
    }

    fn next_to_send(&mut self) -> Result<Sent<T>> {
        let mut sent = if let Some(sent) = self.queue.pop_front() {
            sent
        } else {
            let mut batch = Batch::default();
            while !self.replay.is_empty()
                && (batch.bytes == 0 || batch.bytes + self.kept.size(self.replay.start) <= MERGED)
                && let Some(at) = self.replay.next()
            {
                for bytes in self.kept.get(at).map_err(Self::spool_failed)? {
                    batch.push(Row { bytes, origin: None });
                }
            }
            Sent { again: true, ..Sent::new(batch, None) }
        };
        if let Some(stream) = &mut self.stream {
            sent.offset = stream.next;
            stream.next += sent.batch.len() as i64;
        }
        Ok(sent)
    }

    fn stream_name(&self) -> String {
        match &self.stream {
            Some(stream) => stream.name.clone(),
            None => format!("{}/streams/_default", self.table.path()),
        }
    }

    fn offset_of(&self, sent: &Sent<T>) -> Option<i64> {
        self.kind.has_offsets().then_some(sent.offset)
    }

    async fn open_stream(&self) -> Result<Stream> {
        let kind = if self.kind == Kind::Pending { Type::Pending } else { Type::Buffered };
        let path = self.table.path();
        let create = || async {
            let created = self.service.storage().create(&path, kind).await;
            created.map_err(|failure| self.soon(failure))
        };
        let name = self.retrying.run("opening a stream of BigQuery", Failure::fault, create).await;
        let name = name.map_err(|failure| self.failed(failure))?;
        Ok(Stream { name, next: 0, acked: 0, prepared: 0 })
    }

    /// A table that was just made is not found everywhere at once.
    fn soon(&self, failure: Failure) -> Failure {
        if failure.is_missing() && self.known.is_new() { failure.passing() } else { failure }
    }

    /// Makes a line with a batch, until the batch is answered.
    async fn connect_with(&mut self, sent: Sent<T>) -> Result<()> {
        let name = self.stream_name();
        let append = || async {
            let first = request(&name, self.offset_of(&sent), sent.rows(), Some(&self.descriptor));
            let is_new = self.known.is_new();
            match Line::open(self.service.storage(), &name, first).await {
                Ok(mut line) => {
                    let answer = judge(line.answer().await, self.kind, is_new)?;
                    Ok((Some(line), answer))
                }
                Err(status) => Ok((None, judge(Err(status), self.kind, is_new)?)),
            }
        };
        let answered = self.retrying.run("appending rows to BigQuery", Failure::fault, append).await;
        let (line, answer) = answered.map_err(|failure| self.failed(failure))?;
        self.line = line;
        self.in_flight.push_back(sent);
        self.settle(answer)
    }

    /// Takes the answer to the oldest batch on the line.
    fn answered(&mut self, answer: Result<Option<AppendRowsResponse>, Status>) -> Result<()> {
        match judge(answer, self.kind, self.known.is_new()) {
            Ok(answer) => self.settle(answer),
            Err(failure) => {
                // Whatever it is, the next line meets it again if it lasts.
                tracing::debug!(table = %self.table, %failure, "a connection to BigQuery broke");
                self.hang_up();
                Ok(())
            }
        }
    }

    fn settle(&mut self, answer: Answer) -> Result<()> {
        let sent = self.in_flight.pop_front().expect("what is answered was sent");
        match answer {
            Answer::Taken(offset)
                if self.kind.has_offsets() && offset.is_some_and(|at| at != sent.offset) =>
            {
                let why = format!("rows for offset {} are at {offset:?}", sent.offset);
                self.in_flight.push_front(sent);
                self.go_astray(&why)
            }
            Answer::Taken(_) => self.taken(sent),
            Answer::Wrong(wrong) => self.without(sent, &wrong),
            Answer::Astray(why) => {
                self.in_flight.push_front(sent);
                self.go_astray(&why)
            }
        }
    }

    fn taken(&mut self, sent: Sent<T>) -> Result<()> {
        let rows = sent.batch.len();
        let Some(stream) = &mut self.stream else {
            let _ = self.outcomes.send(Outcome { written: rows as u64, refused: Vec::new() });
            return Ok(());
        };
        stream.acked = sent.offset + rows as i64;
        if sent.again {
            return Ok(());
        }
        let rows = sent.batch.rows.into_iter().map(|row| row.bytes).collect();
        self.kept.push(rows).map_err(Self::spool_failed)
    }

    /// Refuses the wrong rows of a batch, and has the others sent again.
    fn without(&mut self, mut sent: Sent<T>, wrong: &[(usize, String)]) -> Result<()> {
        let (mut outcome, mut rest) = (Outcome::default(), Batch::default());
        for (at, row) in std::mem::take(&mut sent.batch).rows.into_iter().enumerate() {
            match wrong.iter().find(|(index, _)| *index == at) {
                Some((_, reason)) => outcome.refuse(row, reason),
                None => rest.push(row),
            }
        }
        if outcome.refused.is_empty() {
            let reason = wrong.first().map_or("", |(_, reason)| reason.as_str());
            return Err(
                self.failed(Failure::lasting(format!("rows are refused that cannot be told: {reason}")))
            );
        }
        let _ = self.outcomes.send(outcome);
        if self.kind.has_offsets() {
            self.hang_up(); // what was sent behind it has offsets that are wrong now
        }
        if rest.len() > 0 {
            sent.batch = rest;
            self.queue.push_front(sent);
        }
        Ok(())
    }

    /// Gives up the line: what is on it has to be sent again.
    fn hang_up(&mut self) {
        self.line = None;
        self.retrying.traffic().retries.add(self.in_flight.len() as u64);
        while let Some(sent) = self.in_flight.pop_back() {
            self.queue.push_front(sent);
        }
        if let Some(stream) = &mut self.stream {
            stream.next = stream.acked;
        }
    }

    /// Gives up the stream: all rows of the epoch go into another. Nothing of it becomes visible that is not committed
    /// already.
    fn go_astray(&mut self, why: &str) -> Result<()> {
        self.hang_up();
        self.stream = None;
        let mut merged: VecDeque<Sent<T>> = VecDeque::new();
        for sent in self.queue.drain(..).filter(|sent| !sent.again) {
            match merged.back_mut() {
                Some(last) if last.batch.bytes + sent.batch.bytes <= MERGED => last.absorb(sent),
                _ => merged.push_back(sent),
            }
        }
        self.queue = merged;
        // Planted: what the lost stream had acknowledged is in no other.
        let first = if planted("append-alone-on-new-stream") { self.kept.len() } else { 0 };
        self.replay = first..self.kept.len();
        self.astray += 1;
        tracing::info!(table = %self.table, why, "a stream of BigQuery is replaced by another");
        if self.astray > MOST_ASTRAY {
            return Err(self.failed(Failure::lasting(format!("no stream keeps its rows: {why}"))));
        }
        Ok(())
    }

    /// What there is to commit, now that everything is acknowledged; none if the stream went astray.
    async fn prepare(&mut self) -> Result<Option<Vec<Token>>> {
        match self.kind {
            Kind::Default => {}
            Kind::Buffered => {
                if let Some(stream) = &mut self.stream
                    && stream.acked > stream.prepared
                {
                    let rows = (stream.acked - stream.prepared) as u64;
                    stream.prepared = stream.acked;
                    self.finished.push(Token::Flush { stream: stream.name.clone(), end: stream.acked, rows });
                }
                self.kept.clear().map_err(Self::spool_failed)?;
            }
            Kind::Pending => {
                if !self.finish_stream().await? {
                    return Ok(None);
                }
            }
        }
        self.astray = 0;
        Ok(Some(std::mem::take(&mut self.finished)))
    }

    /// Lets no more rows into the pending stream; false if it went astray.
    async fn finish_stream(&mut self) -> Result<bool> {
        let Some(stream) = &self.stream else { return Ok(true) };
        let (name, acked) = (stream.name.clone(), stream.acked);
        let finalize = || self.service.storage().finalize(&name);
        match self.retrying.run("finishing a stream of BigQuery", Failure::fault, finalize).await {
            Ok(rows) if rows == acked => {
                self.line = None;
                self.stream = None;
                self.finished.push(Token::Stream { stream: name, rows: acked as u64 });
                self.kept.clear().map_err(Self::spool_failed)?;
                Ok(true)
            }
            Ok(rows) => {
                self.go_astray(&format!("{acked} rows were taken and {rows} are there")).map(|()| false)
            }
            Err(failure) if failure.is_missing() => self.go_astray(&failure.to_string()).map(|()| false),
            Err(failure) => Err(self.failed(failure)),
        }
    }

    fn failed(&self, failure: Failure) -> Error {
        if failure.is_missing() {
            self.service.tables().forget(&self.table);
        }
        failure.into_error(ErrorKind::Sink, format!("rows cannot be appended to the table {}", self.table))
    }

    fn spool_failed(cause: io::Error) -> Error {
        Error::sink_failed("the temporary file for rows on their way to BigQuery fails", cause)
    }
}

/// The next answer on the line.
async fn answer_on(line: &mut Option<Line>) -> Result<Option<AppendRowsResponse>, Status> {
    match line {
        Some(line) => line.answer().await,
        None => Ok(None),
    }
}
