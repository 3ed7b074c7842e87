use super::breaker::Breaker;

/// When an element is given up, and when a region is: for
/// [`PCollection::with_dead_letters_of`](crate::PCollection::with_dead_letters_of).
///
/// ```
/// use flow_core::prelude::*;
/// let strict = DeadLetters::default().max_attempts(1).breaker(0.01, 10_000);
/// let tolerant = DeadLetters::default().without_breaker();
/// assert_ne!(strict, tolerant);
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
#[must_use = "settings change nothing by themselves: hand them to `with_dead_letters_of`"]
pub struct DeadLetters {
    max_attempts: u32,
    /// The share, and of how many elements.
    breaker: (f64, u32),
}

impl Default for DeadLetters {
    /// Four attempts, and at most 5 % of the last 1,000 elements.
    fn default() -> Self {
        DeadLetters { max_attempts: 4, breaker: (0.05, 1_000) }
    }
}

impl DeadLetters {
    /// An element that has failed so often by itself becomes a dead letter: 4 unless said otherwise. The attempts follow
    /// one another at once, so more of them help where calls fail by chance, and not where a service is away.
    pub fn max_attempts(self, attempts: u32) -> Self {
        DeadLetters { max_attempts: attempts, ..self }
    }

    /// The run fails when more than this share of the last so many elements became dead letters: 0.05 of 1,000 unless
    /// said otherwise. Then it is hardly the elements that are wrong. Each worker counts for itself, and before there
    /// were so many elements the others count as good: a small file of bad lines trips nothing.
    pub fn breaker(self, share: f64, elements: u32) -> Self {
        DeadLetters { breaker: (share, elements), ..self }
    }

    /// The run goes on however many elements become dead letters.
    pub fn without_breaker(self) -> Self {
        self.breaker(1.0, 1)
    }

    /// What is wrong with them, if anything.
    pub(crate) fn wrong(&self) -> Option<String> {
        if self.max_attempts == 0 {
            return Some("an element needs one attempt at least before it is given up".to_owned());
        }
        match self.breaker {
            (share, _) if !(0.0..=1.0).contains(&share) => Some(format!(
                "the breaker's share of dead letters is {share}, and must be from 0.0 to 1.0: 5 % is 0.05"
            )),
            (_, 0) => Some("the breaker looks at the last 0 elements, and needs one at least".to_owned()),
            _ => None,
        }
    }

    pub(super) fn attempts(&self) -> u32 {
        self.max_attempts
    }

    pub(super) fn new_breaker(&self) -> Breaker {
        Breaker::new(self.breaker.0, self.breaker.1)
    }
}
