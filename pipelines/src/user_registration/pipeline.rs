//! The pipeline: from messages to rows.
//!
//! ```text
//! messages -> decode -> users  -> those not seen before -> to row -> save
//! history  ---^    |                `> segments           `> refused
//!                  `-> no users -> dead letters <-----------'
//! ```

use std::time::Duration;

use flow_core::prelude::*;

use super::decode::decode;
use super::input::Input;
use super::letter::{DeadLetter, Kind, LetterRow};
use super::output::Output;
use super::received::Received;
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

/// The pipeline from its input to BigQuery.
pub fn user_registration(p: &Pipeline, input: &Input, settings: Settings, output: &Output) {
    register(p, &input.read(p), settings, output.tables());
}

/// The pipeline between its sources and its tables: decodes messages, and saves the users that were not seen before.
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
        counted(p, letters).map(LetterRow::from).named("row").write(tables.letters);
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
