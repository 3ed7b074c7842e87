use std::cmp::Ordering;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::digest::digest;
use super::order::Order;
use super::random::SplitMix64;
use super::{By, CombineFn, Natural};
use crate::element::Wire;

/// About the values at given quantiles, in memory that hardly grows with the inputs: the KLL sketch.
///
/// The result has one value for each quantile asked for, each of them an input; it is empty if there was none. The
/// quantile `q` is the least input that at least `q` of the inputs do not exceed: 0 is the least input and
/// 1 the greatest, both exactly; quantiles outside of 0 to 1 count as these.
///
/// The error is one of rank: with 99 % confidence, the value given for a quantile is the true value of one at most
/// 0.0133 away (so for 0.5, of one between 0.4867 and 0.5133), unless [`within`](Quantiles::within) says
/// otherwise. Up to 200 inputs the result is exact; an accumulator then holds at most some 600.
///
/// Karnin, Lang and Liberty, "Optimal quantile approximation in streams", 2016, with the error as Apache DataSketches
/// measured it. Its coins are a generator with a fixed seed, stirred with the inputs: the same inputs,
/// added and merged in the same order, give the same result, and another order one within the same error.
///
/// ```
/// use flow_core::combine::{Quantiles, fold};
/// assert_eq!(fold(&Quantiles::of([0.5, 1.0]), [5, 1, 9]), [5, 9]);
///
/// let latencies = (0..100_000).map(f64::from);
/// let p99 = fold(&Quantiles::of([0.99]).by(f64::total_cmp), latencies)[0];
/// assert!((97_670.0..100_000.0).contains(&p99));
/// ```
#[derive(Clone, Debug)]
pub struct Quantiles<O = Natural> {
    points: Arc<[f64]>,
    k: u32,
    order: O,
}

impl Quantiles {
    /// The values at these quantiles, in this order.
    pub fn of(points: impl IntoIterator<Item = f64>) -> Quantiles {
        Quantiles { points: points.into_iter().collect(), k: 200, order: Natural }
    }

    /// Orders by a comparison, which must be a total order, in place of `Ord`: floats need it.
    pub fn by<T, F>(self, compare: F) -> Quantiles<By<F>>
    where
        F: Fn(&T, &T) -> Ordering + Clone + Send + Sync + 'static,
    {
        Quantiles { points: self.points, k: self.k, order: By(compare) }
    }
}

impl<O> Quantiles<O> {
    /// With another error of rank, from 0.0001 to 0.2. Memory grows as its inverse: 0.001 holds some 9,000 inputs.
    ///
    /// ```
    /// use flow_core::combine::{Quantiles, fold};
    /// let median = fold(&Quantiles::of([0.5]).within(0.001), 0..100_000)[0];
    /// assert!((49_900..50_100).contains(&median));
    /// ```
    pub fn within(self, rank_error: f64) -> Self {
        // The curve that DataSketches fitted: error = 2.296 / k^0.9723.
        let k = (2.296 / rank_error.clamp(0.0001, 0.2)).powf(1.0 / 0.9723);
        Quantiles { k: k.ceil() as u32, ..self }
    }
}

/// A level holds at least so many inputs, or compacting it would lose more than it saves.
const LEAST: u32 = 8;

/// Inputs in levels: one at level `l` stands for 2^l of those seen.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Stored<T>")]
pub struct Sketch<T> {
    levels: Vec<Vec<T>>,
    /// How many more inputs fit before something must be compacted.
    room: usize,
    ends: Option<(T, T)>,
    coins: SplitMix64,
}

/// A sketch as it was stored, which damage may have changed.
#[derive(Deserialize)]
struct Stored<T> {
    levels: Vec<Vec<T>>,
    room: usize,
    ends: Option<(T, T)>,
    coins: SplitMix64,
}

/// No sketch has more levels: its inputs would be more than 2^64.
const MOST_LEVELS: usize = 64;

impl<T> TryFrom<Stored<T>> for Sketch<T> {
    type Error = &'static str;

    fn try_from(stored: Stored<T>) -> Result<Self, &'static str> {
        let Stored { levels, room, ends, coins } = stored;
        if levels.is_empty() || levels.len() > MOST_LEVELS {
            return Err("a sketch of quantiles has 1 to 64 levels");
        }
        Ok(Sketch { levels, room, ends, coins })
    }
}

impl<T: Wire> Sketch<T> {
    fn widen(&mut self, least: &T, greatest: &T, order: &impl Order<T>) {
        let Some(ends) = &mut self.ends else {
            self.ends = Some((least.clone(), greatest.clone()));
            return;
        };
        if order.compare(least, &ends.0).is_lt() {
            ends.0 = least.clone();
        }
        if order.compare(greatest, &ends.1).is_gt() {
            ends.1 = greatest.clone();
        }
    }

    /// The highest level holds `k`, each one below it two thirds of the one above.
    fn capacity(&self, level: usize, k: u32) -> usize {
        let below = (self.levels.len() - 1 - level) as i32;
        (f64::from(k) * (2.0_f64 / 3.0).powi(below)).ceil().max(f64::from(LEAST)) as usize
    }

    /// Compacts, lowest level first, until everything fits.
    fn compress(&mut self, k: u32, order: &impl Order<T>) {
        loop {
            let held: usize = self.levels.iter().map(Vec::len).sum();
            let fits: usize = (0..self.levels.len()).map(|level| self.capacity(level, k)).sum();
            if held <= fits {
                self.room = fits - held;
                return;
            }
            let full =
                (0..self.levels.len()).find(|&level| self.levels[level].len() >= self.capacity(level, k));
            self.compact(full.expect("more is held than the levels' capacities, so one is full"), order);
        }
    }

    /// Halves a level: of its inputs in order, every other one rises, by a coin the even or the odd ones.
    fn compact(&mut self, level: usize, order: &impl Order<T>) {
        let mut items = std::mem::take(&mut self.levels[level]);
        let odd_one = if items.len().is_multiple_of(2) { None } else { items.pop() };
        items.sort_unstable_by(|a, b| order.compare(a, b));
        if let Some(first) = items.first() {
            self.coins.stir(digest(first));
        }
        let skipped = usize::from(self.coins.coin());
        if level + 1 == self.levels.len() {
            self.levels.push(Vec::new());
        }
        self.levels[level + 1].extend(items.into_iter().skip(skipped).step_by(2));
        self.levels[level].extend(odd_one);
    }

    /// What is held, in order, each with the number of inputs that it and those before it stand for.
    fn ranked(self, order: &impl Order<T>) -> Vec<(T, u64)> {
        let weighted = |(level, items): (usize, Vec<T>)| {
            let weight = 1_u64.checked_shl(level as u32).unwrap_or(u64::MAX);
            items.into_iter().map(move |item| (item, weight))
        };
        let mut ranked: Vec<(T, u64)> = self.levels.into_iter().enumerate().flat_map(weighted).collect();
        ranked.sort_unstable_by(|a, b| order.compare(&a.0, &b.0));
        let mut rank = 0_u64;
        for (_, weight) in &mut ranked {
            rank = rank.saturating_add(*weight);
            *weight = rank;
        }
        ranked
    }
}

impl<T: Wire, O: Order<T>> CombineFn<T> for Quantiles<O> {
    type Accumulator = Sketch<T>;
    type Output = Vec<T>;

    fn create(&self) -> Sketch<T> {
        Sketch { levels: vec![Vec::new()], room: self.k as usize, ends: None, coins: SplitMix64::new(0) }
    }

    fn add(&self, sketch: &mut Sketch<T>, input: T) {
        sketch.widen(&input, &input, &self.order);
        sketch.levels[0].push(input);
        match sketch.room.checked_sub(1) {
            Some(room) => sketch.room = room,
            None => sketch.compress(self.k, &self.order),
        }
    }

    fn merge(&self, into: &mut Sketch<T>, other: Sketch<T>) {
        let Some((least, greatest)) = &other.ends else { return };
        if into.ends.is_none() {
            *into = other;
            return;
        }
        into.widen(least, greatest, &self.order);
        into.coins.join(other.coins);
        let height = into.levels.len().max(other.levels.len());
        into.levels.resize_with(height, Vec::new);
        into.levels.iter_mut().zip(other.levels).for_each(|(into, items)| into.extend(items));
        into.compress(self.k, &self.order);
    }

    fn finish(&self, sketch: Sketch<T>) -> Vec<T> {
        let Some((least, greatest)) = sketch.ends.clone() else { return Vec::new() };
        let ranked = sketch.ranked(&self.order);
        let seen = ranked.last().map_or(0, |(_, rank)| *rank);
        let value = |&point: &f64| {
            // 0.07 is a little more than seven hundredths, but means them: of 100 inputs, the seventh.
            let wanted = (point * seen as f64 * (1.0 - 2.0 * f64::EPSILON)).ceil() as u64;
            match ranked.partition_point(|(_, rank)| *rank < wanted) {
                _ if point >= 1.0 => greatest.clone(),
                _ if wanted == 0 => least.clone(),
                at => ranked.get(at).map_or_else(|| greatest.clone(), |(item, _)| item.clone()),
            }
        };
        self.points.iter().map(value).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::combine::fold;

    const INPUTS: u64 = 60_000;

    fn points() -> impl Iterator<Item = f64> {
        (1..100).map(|percent| f64::from(percent) / 100.0)
    }

    /// The inputs are the numbers under INPUTS, so that a value is its own rank.
    fn worst_error(values: &[u64]) -> f64 {
        let errors =
            values.iter().zip(points()).map(|(&value, point)| (value as f64 / INPUTS as f64 - point).abs());
        errors.fold(0.0, f64::max)
    }

    fn shuffled() -> Vec<u64> {
        let mut inputs: Vec<u64> = (0..INPUTS).collect();
        SplitMix64::new(7).shuffle(&mut inputs);
        inputs
    }

    fn merged(combine: &Quantiles, inputs: &[u64], pieces: usize) -> Sketch<u64> {
        let mut into = combine.create();
        for piece in inputs.chunks(inputs.len() / pieces) {
            let mut sketch = combine.create();
            for &input in piece {
                combine.add(&mut sketch, input);
            }
            combine.merge(&mut into, sketch);
        }
        into
    }

    #[test]
    fn the_error_is_as_stated_whatever_the_order() {
        let combine = Quantiles::of(points());
        for error in [
            worst_error(&fold(&combine, 0..INPUTS)),
            worst_error(&fold(&combine, (0..INPUTS).rev())),
            worst_error(&fold(&combine, shuffled())),
        ] {
            assert!(error < 0.0133, "{error}");
        }
    }

    #[test]
    fn the_error_is_as_stated_after_many_merges() {
        let combine = Quantiles::of(points());
        let sorted: Vec<u64> = (0..INPUTS).collect();
        for inputs in [sorted, shuffled()] {
            for pieces in [2, 10, 300] {
                let sketch = merged(&combine, &inputs, pieces);
                assert!(sketch.levels.iter().map(Vec::len).sum::<usize>() < 650);
                let error = worst_error(&combine.finish(sketch));
                assert!(error < 0.0133, "{pieces}: {error}");
            }
        }
    }

    #[test]
    fn a_smaller_error_can_be_asked_for() {
        let error = worst_error(&fold(&Quantiles::of(points()).within(0.002), shuffled()));
        assert!(error < 0.002, "{error}");
    }

    #[test]
    fn few_inputs_give_exact_quantiles() {
        assert_eq!(fold(&Quantiles::of([0.0, 0.25, 0.5, 0.75, 1.0]), [4, 1, 3, 2]), [1, 1, 2, 3, 4]);
        assert_eq!(fold(&Quantiles::of([-1.0, f64::NAN, 2.0]), 0..100), [0, 0, 99]);
    }

    #[test]
    fn a_percentage_of_a_hundred_inputs_is_the_one_it_names() {
        let percentiles = fold(&Quantiles::of(points()), 1..=100);
        assert!(percentiles.into_iter().eq(1..100));
    }

    #[test]
    fn the_ends_are_exact_however_many_the_inputs() {
        assert_eq!(fold(&Quantiles::of([0.0, 1.0]), shuffled()), [0, INPUTS - 1]);
    }

    #[test]
    fn no_input_gives_no_quantile() {
        assert_eq!(fold(&Quantiles::of([0.5]), [] as [u8; 0]), []);
    }
}
