//! Every standard aggregation keeps the laws of a `CombineFn`, and the suite catches those that do not.

use flow_core::Timestamp;
use flow_core::combine::{
    All, Any, ApproxDistinct, CombineFn, Count, Latest, Max, Mean, Min, Quantiles, Sample, Sum, TopN, of,
};
use flow_core::testing::conformance::{combine_fn, combine_fn_by};

const INTEGERS: [i64; 9] = [0, 1, -1, 7, 7, i64::MAX, i64::MAX, i64::MIN, i64::MIN];
const FLOATS: [f64; 8] = [0.1, -0.2, 1e16, 1.0, -1e16, 3.5, 0.1, 1e-9];

#[expect(clippy::trivially_copy_pass_by_ref, reason = "the suite compares results by reference")]
fn near(a: &f64, b: &f64) -> bool {
    (a - b).abs() <= 1e-12 * a.abs()
}

#[test]
fn sums_of_integers() {
    combine_fn(&Sum, INTEGERS);
    combine_fn(&Sum, [u64::MAX, 1, 0, u64::MAX]);
    combine_fn(&Sum, [i8::MAX, i8::MAX, i8::MIN, 1]);
    combine_fn(&Sum, [i128::MAX, i128::MAX, i128::MIN, i128::MIN, 5]);
    combine_fn(&Sum, [u128::MAX, u128::MAX, 5]);
}

#[test]
fn sums_and_means_of_floats() {
    combine_fn_by(&Sum, FLOATS, near);
    combine_fn_by(&Mean, FLOATS, near);
    combine_fn_by(&Sum, [0.1_f32, 0.2, 1e9], |a, b| near(&f64::from(*a), &f64::from(*b)));
}

#[test]
fn counts_and_means_of_integers() {
    combine_fn(&Count, ["a", "b"]);
    combine_fn(&Mean, INTEGERS);
}

#[test]
fn extremes() {
    combine_fn(&Min, INTEGERS);
    combine_fn(&Max, INTEGERS);
    combine_fn(&Min::by(f64::total_cmp), FLOATS);
    combine_fn(&Max::by(|a: &(u8, u8), b: &(u8, u8)| a.0.cmp(&b.0)), [(1, 1), (1, 3), (1, 2), (0, 9)]);
}

#[test]
fn best_few() {
    combine_fn(&TopN::largest(3), INTEGERS);
    combine_fn(&TopN::smallest(2).by(f64::total_cmp), FLOATS);
    combine_fn(&TopN::largest(2).by(|a: &(u8, u8), b: &(u8, u8)| a.0.cmp(&b.0)), [(1, 1), (1, 3), (1, 2)]);
}

#[test]
fn latest_also_at_one_timestamp() {
    let at = Timestamp::from_secs;
    combine_fn(
        &Latest,
        [(at(1), "a"), (at(3), "b"), (at(3), "c"), (at(3), "aa")].map(|(t, v)| (t, v.to_string())),
    );
}

#[test]
fn logic() {
    combine_fn(&All, [true, false, true]);
    combine_fn(&Any, [false, false, true]);
}

#[test]
fn samples_differ_only_in_what_they_drew() {
    combine_fn_by(&Sample::of(4), 0..20, |a, b| a.len() == b.len());
    combine_fn_by(&Sample::of(40), 0..20, |a, b| sorted(a) == sorted(b));
}

fn sorted(values: &[i32]) -> Vec<i32> {
    let mut values = values.to_vec();
    values.sort_unstable();
    values
}

#[test]
fn distinct_values_are_counted_alike_before_and_after_the_sketch() {
    combine_fn(&ApproxDistinct::default(), [1, 1, 2, 3]);
    combine_fn(&ApproxDistinct::within(0.1), (0..200).chain(0..50));
}

#[test]
fn quantiles_of_few_are_exact_and_of_many_are_near() {
    combine_fn(&Quantiles::of([0.0, 0.5, 1.0]), INTEGERS);
    let near = |a: &Vec<u32>, b: &Vec<u32>| a.iter().zip(b).all(|(a, b)| a.abs_diff(*b) < 200);
    combine_fn_by(&Quantiles::of([0.1, 0.5]).within(0.1), 0..400, near);
}

#[test]
fn several_at_once() {
    combine_fn(&(Sum, Count, Min, of(|n: &i64| n.is_positive(), Any)), INTEGERS);
}

#[derive(Clone, Default, serde::Serialize, serde::Deserialize)]
struct Total {
    sum: i64,
    #[serde(skip)]
    unsaved: i64,
}

/// A sum, of which each test below breaks one part.
#[derive(Clone)]
struct Custom {
    start: i64,
    add: fn(&mut Total, i64),
    add_ref: fn(&mut Total, i64),
    merge: fn(i64, i64) -> i64,
}

const LAWFUL: Custom =
    Custom { start: 0, add: |t, n| t.sum += n, add_ref: |t, n| t.sum += n, merge: |a, b| a + b };

const INPUTS: [i64; 5] = [1, 20, 300, 4_000, 50_000];

impl CombineFn<i64> for Custom {
    type Accumulator = Total;
    type Output = i64;

    fn create(&self) -> Total {
        Total { sum: self.start, unsaved: 0 }
    }
    fn add(&self, total: &mut Total, input: i64) {
        (self.add)(total, input);
    }
    fn add_ref(&self, total: &mut Total, input: &i64) {
        (self.add_ref)(total, *input);
    }
    fn merge(&self, into: &mut Total, other: Total) {
        into.sum = (self.merge)(into.sum, other.sum);
    }
    fn finish(&self, total: Total) -> i64 {
        total.sum + total.unsaved
    }
}

#[test]
fn a_custom_sum() {
    combine_fn(&LAWFUL, INPUTS);
    combine_fn(&LAWFUL, []);
}

#[test]
#[should_panic(expected = "an accumulator does not survive its encoding")]
fn an_accumulator_that_forgets_is_caught() {
    combine_fn(&Custom { add: |total, input| total.unsaved += input, ..LAWFUL }, INPUTS);
}

#[test]
#[should_panic(expected = "`add_ref` does not do what `add` does")]
fn adding_two_things_in_two_ways_is_caught() {
    combine_fn(&Custom { add_ref: |_, _| (), ..LAWFUL }, INPUTS);
}

#[test]
#[should_panic(expected = "merging into a fresh accumulator changes the result")]
fn a_fresh_accumulator_that_counts_is_caught() {
    combine_fn(&Custom { start: 1, ..LAWFUL }, INPUTS);
}

#[test]
#[should_panic(expected = "merging a fresh accumulator changes the result")]
fn merging_that_forgets_what_was_there_is_caught() {
    combine_fn(&Custom { merge: |_, b| b, ..LAWFUL }, INPUTS);
}

#[test]
#[should_panic(expected = "merging is not commutative")]
fn merging_that_keeps_the_first_is_caught() {
    combine_fn(&Custom { merge: |a, b| if a == 0 { b } else { a }, ..LAWFUL }, INPUTS);
}

#[test]
#[should_panic(expected = "merging is not associative")]
fn averages_of_averages_are_caught() {
    let average = |a, b| if a == 0 || b == 0 { a + b } else { i64::midpoint(a, b) };
    combine_fn(&Custom { merge: average, ..LAWFUL }, INPUTS);
}

#[test]
#[should_panic(expected = "another order or split of the inputs gives another result")]
fn inputs_that_count_more_when_they_come_late_are_caught() {
    let weighted = |total: &mut Total, input| total.sum = 2 * total.sum + input;
    combine_fn(&Custom { add: weighted, add_ref: weighted, ..LAWFUL }, INPUTS);
}

#[test]
#[should_panic(expected = "another order or split of the inputs gives another result")]
fn saturating_at_each_step_is_caught() {
    let add = |total: &mut Total, input| total.sum = total.sum.saturating_add(input);
    combine_fn(&Custom { add, add_ref: add, merge: i64::saturating_add, ..LAWFUL }, INTEGERS);
}
