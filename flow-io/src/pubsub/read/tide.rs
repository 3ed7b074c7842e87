//! The watermark: how far event time has come, as told by the messages that were received and by silence.

use std::collections::VecDeque;
use std::time::Duration;

use flow_core::Timestamp;

/// How far the watermark keeps behind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Pace {
    /// The messages of the last so long count.
    pub(super) span: Duration,
    /// How far behind the clock it is when nothing comes.
    pub(super) margin: Duration,
    /// How long after the start it stands still.
    pub(super) hold: Duration,
}

/// How long the client may take to come back to a server that was away: it waits for at most a minute between attempts.
const RETURN: Duration = Duration::from_secs(90);

/// The watermark of a subscription, whatever number of streams read it. All times but those of events are the clock's.
#[derive(Debug)]
pub(super) struct Tide {
    pace: Pace,
    /// Not before this does it move.
    opens: Timestamp,
    /// What was received lately, in slices of time: when each began, and its oldest event.
    slices: VecDeque<(Timestamp, Timestamp)>,
    received: Timestamp,
    /// When the service was asked last, of what it has answered.
    answered: Timestamp,
    /// Answers to earlier questions say nothing.
    trusts: Timestamp,
    reached: Timestamp,
}

impl Tide {
    pub(super) fn new(pace: Pace, now: Timestamp) -> Self {
        Tide {
            pace,
            opens: now + pace.hold,
            slices: VecDeque::new(),
            received: now,
            answered: Timestamp::MIN,
            trusts: Timestamp::MIN,
            reached: Timestamp::MIN,
        }
    }

    /// Messages were received, the oldest of which happened at `oldest`.
    pub(super) fn receive(&mut self, now: Timestamp, oldest: Timestamp) {
        self.received = self.received.max(now);
        self.trusts = Timestamp::MIN;
        match self.slices.back_mut() {
            Some((began, least)) if now < *began + self.pace.span / 16 => *least = oldest.min(*least),
            _ => self.slices.push_back((now, oldest)),
        }
    }

    /// The service, asked at `asked`, has answered. To be told when no message waits to be taken in and no stream has as
    /// many as it may have: then nothing has come because there is nothing.
    pub(super) fn answer(&mut self, asked: Timestamp) {
        self.answered = self.answered.max(asked);
    }

    /// The service was asked and has not answered: silence says nothing until its streams have surely come back.
    pub(super) fn no_answer(&mut self, now: Timestamp) {
        self.trusts = now + RETURN;
    }

    /// Whether nothing has come for so long that the service should be asked.
    pub(super) fn is_silent(&self, now: Timestamp) -> bool {
        now >= self.received + self.pace.span
    }

    /// The watermark now.
    pub(super) fn at(&mut self, now: Timestamp) -> Timestamp {
        // A slice counts until its end is out of the span.
        let begins = now - self.pace.span - self.pace.span / 16;
        while self.slices.front().is_some_and(|(began, _)| *began < begins) {
            self.slices.pop_front();
        }
        if now >= self.opens {
            self.reached = self.reached.max(self.estimate(now));
        }
        self.reached
    }

    fn estimate(&self, now: Timestamp) -> Timestamp {
        if let Some(oldest) = self.slices.iter().map(|(_, oldest)| *oldest).min() {
            return oldest.min(now - self.pace.span);
        }
        if self.is_silent(self.answered) && self.answered >= self.trusts {
            return self.answered - self.pace.margin;
        }
        Timestamp::MIN
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    enum Event {
        Receive(i64),
        Answer,
        NoAnswer,
        Look(Option<i64>),
    }
    use Event::{Answer, Look, NoAnswer, Receive};

    /// Plays events at seconds of the clock; looks say what the watermark should be.
    fn play(pace: (u64, u64, u64), events: &[(i64, Event)]) {
        let (span, margin, hold) = pace;
        let pace = [span, margin, hold].map(Duration::from_secs);
        let pace = Pace { span: pace[0], margin: pace[1], hold: pace[2] };
        let mut tide = Tide::new(pace, Timestamp::from_secs(0));
        for (second, event) in events {
            let now = Timestamp::from_secs(*second);
            match event {
                Receive(oldest) => tide.receive(now, Timestamp::from_secs(*oldest)),
                Answer => tide.answer(now),
                NoAnswer => tide.no_answer(now),
                Look(None) => assert_eq!(tide.at(now), Timestamp::MIN, "at {second} s"),
                Look(Some(wanted)) => {
                    assert_eq!(tide.at(now), Timestamp::from_secs(*wanted), "at {second} s");
                }
            }
        }
    }

    #[test]
    fn it_is_unknown_until_something_has_come_or_silence_is_sure() {
        play((10, 30, 0), &[(5, Look(None)), (100, Look(None)), (100, Answer), (100, Look(Some(70)))]);
        play((10, 30, 0), &[(5, Receive(4)), (5, Look(Some(-5)))]);
    }

    #[test]
    fn it_is_the_oldest_of_the_span_and_at_least_the_span_behind() {
        play(
            (10, 30, 0),
            &[
                (100, Receive(99)),
                (100, Look(Some(90))),
                (101, Receive(70)),
                (101, Look(Some(90))), // it has been passed on, and does not go back
                (105, Receive(95)),
                (111, Look(Some(90))),
                (112, Look(Some(95))),
                (116, Look(Some(95))),
            ],
        );
    }

    #[test]
    fn it_waits_at_an_old_message_for_the_span() {
        play((10, 30, 0), &[(100, Receive(20)), (109, Receive(108)), (110, Look(Some(20)))]);
        play((10, 30, 0), &[(100, Receive(20)), (109, Receive(108)), (111, Look(Some(101)))]);
    }

    #[test]
    fn silence_moves_it_only_as_far_as_the_service_has_answered() {
        play(
            (10, 30, 0),
            &[
                (100, Receive(99)),
                (101, Look(Some(91))),
                (105, Answer), // too early: something had come within the span
                (130, Look(Some(91))),
                (140, Answer),
                (150, Look(Some(110))),
                (160, Look(Some(110))),
                (160, Answer),
                (160, Look(Some(130))),
            ],
        );
    }

    #[test]
    fn a_server_that_was_away_is_not_taken_for_silence() {
        play(
            (10, 10, 0),
            &[
                (50, Answer),
                (50, Look(Some(40))),
                (60, NoAnswer),
                (70, Answer),
                (149, Answer),
                (149, Look(Some(40))),
                (150, Answer),
                (150, Look(Some(140))),
            ],
        );
        // A message says that the streams are back.
        play((10, 10, 0), &[(60, NoAnswer), (70, Receive(65)), (85, Answer), (85, Look(Some(75)))]);
    }

    #[test]
    fn it_stands_still_after_the_start_for_what_others_hold() {
        play((10, 10, 30), &[(5, Receive(4)), (29, Look(None)), (29, Receive(2)), (30, Look(Some(2)))]);
    }

    #[test]
    fn times_in_the_future_do_not_carry_it_away() {
        play((10, 30, 0), &[(100, Receive(9_999)), (100, Look(Some(90)))]);
    }
}
