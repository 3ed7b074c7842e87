//! What a trigger thinks, worked out from all that has happened to it.

use crate::Timestamp;
use crate::trigger::{Moment, Trigger};

/// What has happened to a trigger, or to a part of one.
#[derive(Clone, Copy, Debug)]
pub(super) enum Note {
    /// So many elements came in one bundle, at this processing time.
    Elements(u64, Timestamp),
    /// A pane was fired, since it was ready.
    Fired(Moment),
    /// A pane was fired for another reason: what it had counted is gone.
    Forget,
}

/// How a trigger stands.
#[derive(Debug, Default)]
pub(super) struct Status {
    pub(super) ready: bool,
    pub(super) finished: bool,
    /// When delays end that it waits for.
    pub(super) delays: Vec<Timestamp>,
}

/// How a trigger stands now, after all that has happened.
pub(super) fn status(trigger: &Trigger, notes: &[Note], now: Moment) -> Status {
    let fired = notes.iter().any(|note| matches!(note, Note::Fired(_)));
    let pending = notes.rsplit(|note| !matches!(note, Note::Elements(..))).next().unwrap_or_default();
    let count: u64 = pending.iter().map(|note| if let Note::Elements(n, _) = note { *n } else { 0 }).sum();
    let once = |ready: bool| Status { ready: ready && !fired, finished: fired, delays: Vec::new() };
    let always = |ready: bool| Status { ready, ..Status::default() };
    match trigger {
        Trigger::Default => always(now.past_end),
        Trigger::Always => always(true),
        Trigger::Never => always(false),
        Trigger::AtWatermark { early: None, late: None } => once(now.past_end),
        Trigger::AfterCount(n) => once(count >= 1.max(*n)),
        Trigger::AfterSynchronizedProcessingTime => once(count > 0),
        Trigger::AfterProcessingTime { delay, .. } => {
            let due = pending.first().and_then(|note| match note {
                Note::Elements(_, came) => Some(*came + *delay),
                _ => None,
            });
            Status {
                delays: due.filter(|_| !fired).into_iter().collect(),
                ..once(due.is_some_and(|due| now.now > due))
            }
        }
        Trigger::AtWatermark { early, late } => at_watermark(early.as_deref(), late.as_deref(), notes, now),
        Trigger::Repeatedly(inner) => Status { finished: false, ..status(inner, &again(inner, notes), now) },
        Trigger::Each(parts) => each(parts, notes, now),
        Trigger::All(parts) | Trigger::Any(parts) => {
            let parts: Vec<Status> =
                together(parts, notes).map(|(part, notes)| status(part, &notes, now)).collect();
            let ready = match trigger {
                Trigger::All(_) => parts.iter().all(|part| part.ready || part.finished),
                _ => parts.iter().any(|part| part.ready),
            };
            let delays = parts.into_iter().flat_map(|part| part.delays).filter(|_| !fired).collect();
            Status { delays, ..once(ready) }
        }
        Trigger::OrFinally(main, until) => or_finally(main, until, notes, now),
    }
}

/// What a part has seen that starts over each time it finishes: what came since.
fn again(part: &Trigger, notes: &[Note]) -> Vec<Note> {
    let mut seen = Vec::new();
    for note in notes {
        seen.push(*note);
        if let Note::Fired(at) = note
            && status(part, &seen, *at).finished
        {
            seen.clear();
        }
    }
    seen
}

/// Parts that are all asked: those that were ready have fired, the others forget.
fn together<'a>(parts: &'a [Trigger], notes: &'a [Note]) -> impl Iterator<Item = (&'a Trigger, Vec<Note>)> {
    parts.iter().map(move |part| {
        let mut seen: Vec<Note> = Vec::new();
        for note in notes {
            let note = match note {
                Note::Fired(at) if !status(part, &seen, *at).ready => Note::Forget,
                note => *note,
            };
            seen.push(note);
        }
        (part, seen)
    })
}

fn each(parts: &[Trigger], notes: &[Note], now: Moment) -> Status {
    let mut seen: Vec<Vec<Note>> = vec![Vec::new(); parts.len()];
    let current = |seen: &[Vec<Note>], at: Moment| {
        parts.iter().zip(seen).position(|(part, seen)| !status(part, seen, at).finished)
    };
    for note in notes {
        let whose = if let Note::Fired(at) = note { current(&seen, *at) } else { None };
        for (at, seen) in seen.iter_mut().enumerate() {
            let is_fired = matches!(note, Note::Fired(_));
            seen.push(if is_fired && whose != Some(at) { Note::Forget } else { *note });
        }
    }
    let Some(at) = current(&seen, now) else { return Status { finished: true, ..Status::default() } };
    Status { finished: false, ..status(&parts[at], &seen[at], now) }
}

fn at_watermark(early: Option<&Trigger>, late: Option<&Trigger>, notes: &[Note], now: Moment) -> Status {
    let never = Trigger::Never;
    let passes = |note: &Note| matches!(note, Note::Fired(at) if at.past_end);
    match (notes.iter().position(passes), late) {
        (None, _) => {
            let early = early.unwrap_or(&never);
            let before = status(early, &again(early, notes), now);
            Status { ready: now.past_end || before.ready, finished: false, delays: before.delays }
        }
        (Some(_), None) => Status { finished: true, ..Status::default() },
        (Some(at), Some(late)) => {
            Status { finished: false, ..status(late, &again(late, &notes[at + 1..]), now) }
        }
    }
}

fn or_finally(main: &Trigger, until: &Trigger, notes: &[Note], now: Moment) -> Status {
    let (mut of_main, mut of_until): (Vec<Note>, Vec<Note>) = (Vec::new(), Vec::new());
    let mut ended = false;
    for note in notes {
        match note {
            Note::Fired(at) if status(until, &of_until, *at).ready => {
                of_until.push(*note);
                of_main.push(Note::Forget);
                ended = true;
            }
            // What ends it looks at the whole window.
            Note::Fired(_) => of_main.push(*note),
            note => {
                of_main.push(*note);
                of_until.push(*note);
            }
        }
    }
    let (main, until) = (status(main, &of_main, now), status(until, &of_until, now));
    if ended || main.finished {
        return Status { finished: true, ..Status::default() };
    }
    let delays = main.delays.into_iter().chain(until.delays).collect();
    Status { ready: main.ready || until.ready, finished: false, delays }
}
