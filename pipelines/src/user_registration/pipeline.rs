//! The pipeline: from messages to rows.
//!
//! ```text
//! messages -> decode -> users  -> those not seen before -> to row -> save
//! history  ---^    |                `> segments           `> refused
//!                  `-> no users -> dead letters <-----------'
//! ```

use std::time::Duration;

use flow_core::prelude::*;
use flow_io::files::ReadFiles;

use super::decode::decode;
use super::letter::{DeadLetter, Kind, LetterRow};
use super::received::{Lines, Received};
use super::row::UserRow;
use super::segment::{SegmentRow, segments};
use super::user::User;
use crate::tally::Tally;

/// What the pipeline is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Settings {
    /// How long a user is remembered, so that the same one is not saved again.
    pub horizon: Duration,
    /// The windows in which users are counted by segment.
    pub window: Duration,
    /// How long after its end a window still takes users.
    pub lateness: Duration,
}

impl Default for Settings {
    /// Ten minutes; windows of a minute, and no lateness.
    fn default() -> Self {
        Settings {
            horizon: Duration::from_mins(10),
            window: Duration::from_mins(1),
            lateness: Duration::ZERO,
        }
    }
}

/// The tables.
#[derive(Clone, Debug)]
pub struct Tables<U, L, S> {
    /// Of users.
    pub users: U,
    /// Of what is no user.
    pub letters: L,
    /// Of users counted by segment, if that is wanted: messages are acknowledged when their window is over, then.
    pub segments: Option<S>,
}

/// The lines of files, each an answer of the API as it was once published: paths, directories or globs.
pub fn history(p: &Pipeline, patterns: &[String]) -> PCollection<Result<Received, DeadLetter>> {
    let mut patterns = patterns.iter();
    let first = ReadFiles::new(patterns.next().cloned().unwrap_or_default(), Lines);
    p.read(patterns.fold(first, ReadFiles::and)).named("history")
}

/// The pipeline behind its sources: decodes messages, and saves the users that were not seen before.
pub fn register<U: Sink<UserRow>, L: Sink<LetterRow>, S: Sink<SegmentRow>>(
    p: &Pipeline,
    messages: &PCollection<Result<Received, DeadLetter>>,
    settings: Settings,
    tables: Tables<U, L, S>,
) {
    let (users, letters) = decoded(messages).split();
    let users = users.apply("new users", |users| users.deduplicate_by(settings.horizon, |user| user.uuid));
    if let Some(table) = tables.segments {
        users.apply("segments", |users| segments(users, settings.window, settings.lateness).write(table));
    }
    let rows = users.map(UserRow::from).named("to row");
    let refused = rows.try_write(tables.users).named("save").map(DeadLetter::refused).named("refused");
    letters.flatten([&refused]).apply("dead letters", |letters| {
        save_letters(&counted(p, letters), tables.letters);
    });
}

/// A user or a dead letter for each result of each message.
fn decoded(messages: &PCollection<Result<Received, DeadLetter>>) -> PCollection<Result<User, DeadLetter>> {
    let decode =
        |message: Result<Received, DeadLetter>, out: &mut Emit<'_, Result<User, DeadLetter>>| match message {
            Ok(message) => decode(&message, |result| out.emit(result)),
            Err(letter) => out.emit(Err(letter)),
        };
    messages.process(decode).named("decode")
}

/// Counts dead letters by their kind.
fn counted(p: &Pipeline, letters: &PCollection<DeadLetter>) -> PCollection<DeadLetter> {
    let kinds = Tally::new(p, "dead_letters", Kind::ALL.map(Kind::name));
    letters.inspect(move |letter| kinds.inc(letter.kind.name())).named("count")
}

/// A dead letter that is too large for a row is saved without its bytes: it must not stop the others for ever.
fn save_letters<L: Sink<LetterRow>>(letters: &PCollection<DeadLetter>, table: L) {
    let rows = letters.map(LetterRow::from).named("row");
    let refused = rows.try_write(table.clone()).named("save");
    let shortened = refused.map(|Rejected { value, reason, .. }| value.without_data(&reason));
    shortened.named("shortened").write(table);
}
