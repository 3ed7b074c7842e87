use serde::{Deserialize, Serialize};

use super::CombineFn;
use super::digest::digest;
use super::random::SplitMix64;
use crate::element::Wire;

/// A uniform sample of `n` inputs without replacement, in no particular order; all of them if there are fewer.
///
/// Every set of `n` inputs is as likely as any other, and equal inputs count each. There is no randomness but
/// the seed and the inputs: the same inputs, added and merged in the same order, give the same sample. Another
/// order or another split gives another one, as likely as the first.
///
/// Within an accumulator this is reservoir sampling (Vitter, "Random sampling with a reservoir", 1985). Merging
/// draws from both with the odds of the numbers they have seen. Accumulators start with one seed on every worker, so
/// the generator is stirred with what is kept: they diverge with their first unlike inputs.
///
/// ```
/// use flow_core::combine::{Sample, fold};
/// let sample = fold(&Sample::of(3), 0..1000);
/// assert_eq!(sample.len(), 3);
/// assert_ne!(sample, fold(&Sample::of(3).seed(1), 0..1000));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sample {
    n: usize,
    seed: u64,
}

impl Sample {
    /// A sample of `n`.
    pub fn of(n: usize) -> Self {
        Sample { n, seed: 0 }
    }

    /// Chooses another sample: the seed is 0 unless said.
    pub fn seed(self, seed: u64) -> Self {
        Sample { seed, ..self }
    }
}

/// A sample of what was seen so far.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Reservoir<T> {
    seen: u64,
    kept: Vec<T>,
    random: SplitMix64,
}

impl<T: Wire> Reservoir<T> {
    fn draw(&mut self, random: &mut SplitMix64) -> T {
        self.seen = self.seen.saturating_sub(1);
        self.kept.swap_remove(random.below(self.kept.len() as u64) as usize)
    }
}

impl<T: Wire> CombineFn<T> for Sample {
    type Accumulator = Reservoir<T>;
    type Output = Vec<T>;

    fn create(&self) -> Reservoir<T> {
        Reservoir { seen: 0, kept: Vec::new(), random: SplitMix64::new(self.seed) }
    }

    fn add(&self, reservoir: &mut Reservoir<T>, input: T) {
        reservoir.seen = reservoir.seen.saturating_add(1);
        if reservoir.kept.len() < self.n {
            reservoir.random.stir(digest(&input));
            reservoir.kept.push(input);
            return;
        }
        let at = reservoir.random.below(reservoir.seen) as usize;
        if at < self.n {
            reservoir.random.stir(digest(&input));
            reservoir.kept[at] = input;
        }
    }

    fn merge(&self, into: &mut Reservoir<T>, mut other: Reservoir<T>) {
        if other.seen == 0 {
            return;
        }
        if into.seen == 0 {
            *into = other;
            return;
        }
        let seen = into.seen.saturating_add(other.seen);
        let mut random = into.random;
        random.join(other.random);
        let wanted = self.n.min(into.kept.len() + other.kept.len());
        let kept = (0..wanted)
            .map(|_| {
                let from_into = random.below(into.seen.saturating_add(other.seen)) < into.seen;
                // Only what was stored and damaged has seen inputs and kept none.
                let from_into = other.kept.is_empty() || from_into && !into.kept.is_empty();
                if from_into { into.draw(&mut random) } else { other.draw(&mut random) }
            })
            .collect();
        *into = Reservoir { seen, kept, random };
    }

    fn finish(&self, reservoir: Reservoir<T>) -> Vec<T> {
        reservoir.kept
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::combine::fold;

    /// Of 20 inputs 5 are drawn in each of 4,000 samples: each input 1,000 times, give or take 27 (one sigma).
    fn assert_uniform(sample: impl Fn(Sample) -> Vec<usize>) {
        let mut drawn = [0_u32; 20];
        let mut together = 0;
        for seed in 0..4_000 {
            let sample = sample(Sample::of(5).seed(seed));
            assert_eq!(sample.len(), 5);
            for &input in &sample {
                drawn[input] += 1;
            }
            together += u32::from(sample.contains(&0) && sample.contains(&10));
        }
        assert!(drawn.iter().all(|times| (880..1120).contains(times)), "{drawn:?}");
        // A pair is drawn in 5 * 4 / (20 * 19) of the samples: 210 times, give or take 14.
        assert!((150..270).contains(&together), "{together}");
    }

    fn accumulate(sample: Sample, inputs: std::ops::Range<usize>) -> Reservoir<usize> {
        let mut reservoir = sample.create();
        for input in inputs {
            sample.add(&mut reservoir, input);
        }
        reservoir
    }

    fn merged(sample: Sample, pieces: &[std::ops::Range<usize>]) -> Vec<usize> {
        let mut into = sample.create();
        for piece in pieces {
            sample.merge(&mut into, accumulate(sample, piece.clone()));
        }
        sample.finish(into)
    }

    #[test]
    fn every_input_is_as_likely() {
        assert_uniform(|sample| fold(&sample, 0..20));
    }

    #[test]
    fn merging_keeps_every_input_as_likely() {
        assert_uniform(|sample| merged(sample, &[0..10, 10..20]));
        assert_uniform(|sample| merged(sample, &[0..17, 17..20]));
        assert_uniform(|sample| merged(sample, &[0..2, 2..4, 4..9, 9..18, 18..19, 19..20]));
    }

    #[test]
    fn workers_with_few_distinct_values_do_not_agree_on_what_to_keep() {
        // A hundred workers see three of one value and one of another: a quarter of a sample, not all or nothing.
        let mut counts = Vec::new();
        for seed in 0..200 {
            let sample = Sample::of(20).seed(seed);
            let mut into = sample.create();
            for _ in 0..100 {
                let mut worker = sample.create();
                for value in &["a", "a", "b", "a"] {
                    sample.add(&mut worker, value.to_string());
                }
                sample.merge(&mut into, worker);
            }
            counts.push(sample.finish(into).iter().filter(|value| *value == "b").count());
        }
        let mean = counts.iter().sum::<usize>() as f64 / 200.0;
        assert!((4.5..5.5).contains(&mean), "{mean}");
        assert!(counts.iter().all(|count| (0..=13).contains(count)), "{counts:?}");
    }

    #[test]
    fn fewer_inputs_than_wanted_are_all_kept() {
        let mut sample = merged(Sample::of(9), &[0..3, 3..5]);
        sample.sort_unstable();
        assert_eq!(sample, [0, 1, 2, 3, 4]);
        assert_eq!(fold(&Sample::of(0), 0..5), []);
    }
}
