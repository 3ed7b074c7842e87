//! State in windows that merge is what a plain reading of the rules gives, whatever the order and the bundles.

use std::time::Duration;

use flow_core::prelude::*;
use flow_core::testing::{Stream, stream};
use proptest::collection::vec;
use proptest::prelude::*;

const GAP: i64 = 10;

type Element = (u32, u64);

/// What is said of a session when it expires, and of each element five seconds after it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Said {
    Session { key: u32, window: Window, values: Vec<u64>, sum: u64 },
    Element { key: u32, value: u64, at: Timestamp },
}

#[derive(Clone, Default, serde::Serialize, serde::Deserialize, Merge)]
struct Visit {
    values: Bag<u64>,
    sum: Combining<u64, Sum>,
}

#[derive(Clone)]
struct Visits;

type Cx<'a> = StatefulCx<'a, u64, Said>;

impl StatefulFn<u32, u64, Said> for Visits {
    type State = Visit;
    type Timer = u64;

    fn process(&self, _: &u32, value: u64, visit: &mut Visit, cx: &mut Cx<'_>) -> Result<(), BoxError> {
        visit.values.add(value);
        visit.sum.add(value);
        cx.timer(value).after(Duration::from_secs(5));
        Ok(())
    }

    fn on_timer(&self, key: &u32, value: u64, _: &mut Visit, cx: &mut Cx<'_>) -> Result<(), BoxError> {
        cx.emit(Said::Element { key: *key, value, at: cx.timestamp() });
        Ok(())
    }

    fn on_window_expiration(&self, key: &u32, visit: &mut Visit, cx: &mut Cx<'_>) -> Result<(), BoxError> {
        let mut values = visit.values.take();
        values.sort_unstable();
        cx.emit(Said::Session { key: *key, window: cx.window(), values, sum: visit.sum.read() });
        Ok(())
    }

    fn merging(&self) -> Option<fn(&mut Visit, Visit)> {
        Some(Merge::merge)
    }
}

/// Elements that come together, and the watermark behind them.
type Step = (Vec<(Element, i64)>, i64);

fn at(secs: i64) -> Timestamp {
    Timestamp::from_secs(secs)
}

fn script(steps: &[Step]) -> Stream<Element> {
    let mut watermark = i64::MIN;
    steps.iter().fold(stream(), |script, (elements, to)| {
        watermark = watermark.max(*to);
        script.add(elements.iter().map(|(e, secs)| (*e, at(*secs)))).watermark(at(watermark))
    })
}

/// The same, one element after the other, without an index of anything.
fn model(steps: &[Step]) -> Vec<Said> {
    let mut sessions: Vec<(u32, Window, Vec<u64>)> = Vec::new();
    let mut said = Vec::new();
    let mut watermark = Timestamp::MIN;
    for (elements, to) in steps {
        for ((key, value), secs) in elements {
            let mut window = Window::new(at(*secs), at(secs + GAP));
            if window.max_timestamp() < watermark {
                continue;
            }
            said.push(Said::Element { key: *key, value: *value, at: at(secs + 5) });
            let mut values = vec![*value];
            sessions.retain_mut(|(of, other, theirs)| {
                let merges = of == key && other.max_timestamp() >= watermark && other.overlaps(window);
                if merges {
                    window = window.span(*other);
                    values.append(theirs);
                }
                !merges
            });
            sessions.push((*key, window, values));
        }
        watermark = watermark.max(at(*to));
    }
    said.extend(sessions.into_iter().map(|(key, window, mut values)| {
        values.sort_unstable();
        Said::Session { key, window, sum: values.iter().sum(), values }
    }));
    said.sort_unstable();
    said
}

fn run(stream: Stream<Element>) -> Vec<Said> {
    let said =
        stream.run(|e| e.window(Sessions::with_gap(Duration::from_secs(GAP as u64))).par_do_stateful(Visits));
    let mut said: Vec<Said> = said.into_iter().map(|said| said.value).collect();
    said.sort_unstable();
    said
}

/// Steps of a few elements each; values are unique, since they name timers.
fn steps() -> impl Strategy<Value = Vec<Step>> {
    let element = (0..2_u32, 0..100_i64);
    vec((vec(element, 0..8), 0..60_i64), 0..8).prop_map(|steps| {
        let mut value = 0;
        let mut numbered = |(key, secs)| {
            value += 1;
            ((key, value), secs)
        };
        steps.into_iter().map(|(e, to)| (e.into_iter().map(&mut numbered).collect(), to)).collect()
    })
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn states_and_timers_of_sessions_do_not_depend_on_order_and_bundles(steps in steps()) {
        let wanted = model(&steps);
        prop_assert_eq!(&run(script(&steps)), &wanted);
        prop_assert_eq!(&run(script(&steps).in_bundles_of(1)), &wanted);
        prop_assert_eq!(&run(script(&steps).in_bundles_of(3)), &wanted);
        prop_assert_eq!(&run(script(&steps).reversed()), &wanted);
    }
}
