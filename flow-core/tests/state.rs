//! State and timers for each key and window, and the verbs made of them.

use std::time::Duration;

use flow_core::prelude::*;
use flow_core::testing::stream;
use flow_core::{ErrorKind, StatefulCx};

fn at(secs: i64) -> Timestamp {
    Timestamp::from_secs(secs)
}

fn secs(secs: u64) -> Duration {
    Duration::from_secs(secs)
}

type Fired = (&'static str, Timestamp, Timestamp);

/// What an element asks of its timers.
#[derive(Clone, Copy, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
enum Ask {
    Event(i64),
    EventWithOutput(i64, i64),
    Processing(i64),
    Clear,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
enum Clock {
    Event,
    Processing,
}

/// Sets timers as its elements ask; emits what fired, with the timestamp of the firing and processing time.
#[derive(Clone)]
struct Alarms;

impl StatefulFn<u32, Ask, Fired> for Alarms {
    type State = ();
    type Timer = Clock;

    fn process(
        &self,
        _: &u32,
        ask: Ask,
        (): &mut (),
        cx: &mut StatefulCx<'_, Clock, Fired>,
    ) -> Result<(), BoxError> {
        match ask {
            Ask::Event(to) => cx.set_timer(Clock::Event, at(to)),
            Ask::EventWithOutput(to, output) => cx.timer(Clock::Event).output_at(at(output)).at(at(to)),
            Ask::Processing(to) => cx.set_processing_timer(Clock::Processing, at(to)),
            Ask::Clear => cx.clear_timer(&Clock::Event),
        }
        Ok(())
    }

    fn on_timer(
        &self,
        _: &u32,
        clock: Clock,
        (): &mut (),
        cx: &mut StatefulCx<'_, Clock, Fired>,
    ) -> Result<(), BoxError> {
        let name = if clock == Clock::Event { "event" } else { "processing" };
        cx.emit((name, cx.timestamp(), cx.now()));
        Ok(())
    }

    fn on_window_expiration(
        &self,
        _: &u32,
        (): &mut (),
        cx: &mut StatefulCx<'_, Clock, Fired>,
    ) -> Result<(), BoxError> {
        cx.emit(("expired", cx.timestamp(), cx.now()));
        Ok(())
    }
}

fn minutes(asks: &PCollection<Ask>) -> PCollection<Fired> {
    asks.window(Fixed::of(secs(60))).key_by(|_| 1).par_do_stateful(Alarms)
}

/// The end of the window is that of the last millisecond there, of the last microsecond here.
fn end_of_minute() -> Timestamp {
    at(60).offset_micros(-1)
}

#[test]
fn an_event_timer_fires_when_the_watermark_reaches_it_and_the_window_expires_after() {
    let fired = stream().add([(Ask::Event(20), at(5))]).watermark(at(20)).clock(secs(9)).run(minutes);
    let values: Vec<Fired> = fired.iter().map(|f| f.value).collect();
    assert_eq!(values, [("event", at(20), at(0)), ("expired", end_of_minute(), at(9))]);
}

#[test]
fn a_timer_set_again_fires_once_and_a_cleared_one_never() {
    let fired = stream().add([(Ask::Event(20), at(5)), (Ask::Event(30), at(5))]).run(minutes);
    assert_eq!(fired.iter().map(|f| f.value.1).collect::<Vec<_>>(), [at(30), end_of_minute()]);
    let fired = stream().add([(Ask::Event(20), at(5)), (Ask::Clear, at(5))]).run(minutes);
    assert_eq!(fired.iter().map(|f| f.value.0).collect::<Vec<_>>(), ["expired"]);
}

#[test]
fn a_timer_set_to_a_moment_that_has_passed_fires_at_once_at_the_time_of_its_element() {
    let fired = stream().watermark(at(2)).add([(Ask::Event(1), at(5))]).clock(secs(1)).run(minutes);
    assert_eq!(fired[0].value, ("event", at(5), at(0)));
}

#[test]
fn a_processing_timer_fires_when_the_clock_reaches_it() {
    let fired = stream()
        .add([(Ask::Processing(10), at(5))])
        .clock(secs(9))
        .clock(secs(2))
        .clock(secs(5))
        .run(minutes);
    assert_eq!(fired[0].value, ("processing", at(5), at(11)));
}

#[test]
fn whether_a_timer_of_processing_time_fires_at_the_end_does_not_hang_on_other_keys() {
    let later = [(Ask::Processing(10), at(5)), (Ask::Event(70), at(61))];
    let fired = stream().add(later).run(minutes);
    let names: Vec<&str> = fired.iter().map(|f| f.value.0).collect();
    assert_eq!(names, ["processing", "expired", "event", "expired"]);
}

#[test]
fn timers_fire_in_the_order_of_their_times_over_all_keys() {
    let orders = [(Ask::Event(30), at(1)), (Ask::Event(10), at(2)), (Ask::Event(20), at(3))];
    let fired = stream().add(orders).watermark(at(40)).run(|asks: &PCollection<Ask>| {
        asks.process(|ask, out: &mut Emit<'_, (u32, Ask)>| {
            let key = u32::try_from(out.timestamp().micros() / 1_000_000)?;
            out.emit((key, ask));
            Ok::<(), std::num::TryFromIntError>(())
        })
        .par_do_stateful(Alarms)
    });
    let order: Vec<Timestamp> = fired.iter().filter(|f| f.value.0 == "event").map(|f| f.value.1).collect();
    assert_eq!(order, [at(10), at(20), at(30)]);
}

/// The error of a pipeline of one ask.
fn refused(ask: Ask) -> String {
    let p = Pipeline::new();
    let _ = minutes(&stream().add([(ask, at(5))]).collection(&p)).named("alarms");
    let error = ReferenceRunner::new().run(p).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::User);
    assert_eq!(error.step().map(|step| step.name.as_str()), Some("alarms"));
    error.report()
}

#[test]
fn a_timer_after_the_expiration_of_its_window_is_refused() {
    assert!(refused(Ask::Event(60)).contains(
        "timer Event set to 1970-01-01T00:01:00Z, after the expiration of its window at 1970-01-01T00:00:59.999999Z"
    ));
}

#[test]
fn an_output_of_a_timer_lies_neither_before_its_element_nor_after_its_window() {
    assert!(refused(Ask::EventWithOutput(30, 60)).contains("after the expiration of its window"));
    assert!(refused(Ask::EventWithOutput(30, 4)).contains("before the element or timer that sets it"));
}

/// C31f.
#[test]
fn the_watermark_downstream_waits_for_the_output_of_a_timer() {
    let fired = stream()
        .add([(Ask::EventWithOutput(10, 5), at(0))])
        .watermark(at(9))
        .clock(secs(1))
        .watermark(at(10))
        .run(|asks| {
            let fired = asks.key_by(|_| 1).par_do_stateful(Alarms);
            fired.window(Fixed::of(secs(6))).map(|_| ()).count().process(|((), n), out| {
                let now = out.now();
                out.emit((n, now));
            })
        });
    assert_eq!(fired[0].value, (1, at(1)));
}

#[test]
fn state_is_apart_for_each_key_and_window() {
    let numbered = stream()
        .add([("a", at(1)), ("b", at(2)), ("a", at(3)), ("a", at(61))].map(|(k, t)| (k.to_string(), t)))
        .run(|words| {
            words.window(Fixed::of(secs(60))).key_by(String::clone).stateful(|key, _, seen: &mut u32, out| {
                *seen += 1;
                out.emit(format!("{key}{seen}"));
            })
        });
    assert_eq!(numbered.iter().map(|n| n.value.as_str()).collect::<Vec<_>>(), ["a1", "b1", "a2", "a1"]);
}

/// C58b.
#[test]
fn an_element_after_the_expiration_of_its_window_is_dropped_and_counted() {
    let p = Pipeline::new();
    let late = stream().add([(1_u32, at(1))]).watermark(at(60)).add([(1, at(2))]).collection(&p);
    let counted = late.window(Fixed::of(secs(60))).key_by(|n| *n).stateful(|_, _, n: &mut u32, out| {
        *n += 1;
        out.emit(*n);
    });
    let counted = flow_core::testing::collect(&counted);
    let summary = ReferenceRunner::new().run(p).unwrap();
    assert_eq!((counted.values(), summary.dropped_late()), (vec![1], 1));
}

#[test]
fn an_error_of_a_stateful_function_names_its_step() {
    let p = Pipeline::new();
    let failing = |_: &u32, _: u32, (): &mut (), _: &mut StatefulCx<'_, (), u32>| Err::<(), _>("no more");
    let _ = p.create([(1, 1)]).stateful(failing).named("limit");
    let error = ReferenceRunner::new().run(p).unwrap_err();
    assert_eq!((error.kind(), error.step().unwrap().name.as_str()), (ErrorKind::User, "limit"));
    assert!(error.report().ends_with("failed: no more"), "{}", error.report());
}

#[test]
fn a_duplicate_is_one_within_the_horizon_and_none_after_it() {
    let once = stream()
        .add([(7, at(1)), (7, at(1))])
        .clock(secs(9))
        .add([(7, at(2))])
        .clock(secs(1))
        .add([(7, at(3))])
        .run(|n: &PCollection<u32>| n.deduplicate(secs(10)));
    assert_eq!(once.iter().map(|o| o.time).collect::<Vec<_>>(), [at(1), at(3)]);
}

#[test]
fn of_several_elements_with_a_key_the_first_goes_on() {
    let named = [(7, "a"), (8, "b"), (7, "c")].map(|(id, name)| (id, name.to_owned()));
    let firsts = apply(named, |n: &PCollection<(u32, String)>| n.deduplicate_by(secs(10), |(id, _)| *id));
    assert_eq!(firsts, [(7, "a".to_owned()), (8, "b".to_owned())]);
}

#[test]
fn remembering_duplicates_does_not_hold_up_the_watermark() {
    let counts = stream().add([(7, at(1))]).watermark(at(60)).clock(secs(5)).run(|n: &PCollection<u32>| {
        let minutes = n.window(Fixed::of(secs(60)).allowed_lateness(secs(600)).discarding());
        minutes.deduplicate(secs(3600)).count().process(|(_, count), out| {
            let now = out.now();
            out.emit((count, now));
        })
    });
    assert_eq!(counts[0].value, (1, at(0)));
}

#[test]
fn batches_are_full_or_end_with_their_window() {
    let elements = (0..5).map(|n| (n, at(i64::from(n)))).chain([(9, at(61))]);
    let batches = stream().add(elements).run(|n: &PCollection<u32>| {
        n.window(Fixed::of(secs(60)))
            .key_by(|_| 'k')
            .group_into_batches(2)
            .map_values(|batch| batch.into_iter().collect::<Vec<_>>())
    });
    let seen: Vec<_> = batches.iter().map(|b| (b.value.1.clone(), b.window.start)).collect();
    assert_eq!(seen, [(vec![0, 1], at(0)), (vec![2, 3], at(0)), (vec![4], at(0)), (vec![9], at(60))]);
}

#[test]
fn a_late_value_does_not_make_the_others_of_its_batch_late() {
    for values in [[('a', at(55)), ('b', at(5))], [('b', at(5)), ('a', at(55))]] {
        let seen = stream().watermark(at(50)).add(values).in_bundles_of(1).run(|n: &PCollection<char>| {
            let batches = n.window(Fixed::of(secs(60))).key_by(|_| 'k').group_into_batches(2);
            batches.window(Fixed::of(secs(10))).group_by_key()
        });
        assert_eq!(seen.iter().map(|batch| batch.window.start).collect::<Vec<_>>(), [at(50)]);
    }
}

#[test]
fn a_reshuffle_keeps_time_window_and_pane() {
    let counted = |shuffled: bool| {
        stream().add([(7, at(1))]).watermark(at(60)).add([(7, at(2))]).run(|n: &PCollection<u32>| {
            let late = Fixed::of(secs(60)).allowed_lateness(secs(60)).accumulating();
            let counts = n.window(late).count();
            if shuffled { counts.reshuffle() } else { counts }
        })
    };
    assert_eq!(counted(true), counted(false));
    assert_eq!(counted(true)[1].pane.timing, Timing::Late);
    assert_eq!(counted(true)[1].window, Window::new(at(0), at(60)));
}

/// Emits on every tick of a clock that it winds itself.
#[derive(Clone)]
struct Ticking;

impl StatefulFn<u32, u32, u32> for Ticking {
    type State = u32;
    type Timer = ();

    fn process(
        &self,
        _: &u32,
        _: u32,
        _: &mut u32,
        cx: &mut StatefulCx<'_, (), u32>,
    ) -> Result<(), BoxError> {
        cx.set_processing_timer((), cx.now() + Duration::from_secs(1));
        Ok(())
    }

    fn on_timer(
        &self,
        _: &u32,
        (): (),
        ticks: &mut u32,
        cx: &mut StatefulCx<'_, (), u32>,
    ) -> Result<(), BoxError> {
        *ticks += 1;
        cx.emit(*ticks);
        cx.set_processing_timer((), cx.now() + Duration::from_secs(1));
        Ok(())
    }
}

#[test]
fn a_clock_that_winds_itself_stops_when_the_input_ends() {
    let ticks = stream::<u32>()
        .add([(7, Timestamp::from_secs(0))])
        .clock(Duration::from_secs(1))
        .clock(Duration::from_secs(1))
        .run(|n| n.key_by(|n| *n).par_do_stateful(Ticking));
    assert_eq!(ticks.iter().map(|t| t.value).collect::<Vec<_>>(), [1, 2, 3]);
}

#[test]
fn a_key_that_was_forgotten_starts_anew() {
    let seen = apply([1, 1, 1, 1], |n: &PCollection<u32>| {
        n.key_by(|n| *n).stateful(|_, _, count: &mut u32, out| {
            *count += 1;
            out.emit(*count);
            if *count == 3 {
                out.forget();
            }
        })
    });
    assert_eq!(seen, [1, 2, 3, 1]);
}

/// What the timer of an element is set to.
#[derive(Clone, Copy, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
enum Setting {
    Aligned { period: u64, offset: u64 },
    AlignedByClock { period: u64 },
    SilentThenAnother,
    EmitAt(i64),
}

/// Emits the seconds for which its timer was set, and of its results.
#[derive(Clone)]
struct Settings;

type SettingsCx<'a> = StatefulCx<'a, bool, (i64, i64)>;

impl StatefulFn<u32, Setting, (i64, i64)> for Settings {
    type State = ();
    /// Whether it is the first.
    type Timer = bool;

    fn process(
        &self,
        _: &u32,
        setting: Setting,
        (): &mut (),
        cx: &mut SettingsCx<'_>,
    ) -> Result<(), BoxError> {
        match setting {
            Setting::Aligned { period, offset } => {
                cx.timer(false).aligned_to(secs(period)).after(secs(offset));
            }
            Setting::AlignedByClock { period } => {
                cx.timer(false).aligned_to(secs(period)).after_processing_time(secs(0));
            }
            Setting::SilentThenAnother => cx.timer(true).without_output().after(secs(10)),
            Setting::EmitAt(to) => cx.emit_at((to, 0), at(to)),
        }
        Ok(())
    }

    fn on_timer(&self, _: &u32, first: bool, (): &mut (), cx: &mut SettingsCx<'_>) -> Result<(), BoxError> {
        if first {
            cx.timer(false).after(secs(1));
        } else {
            let seconds = |at: Timestamp| at.micros() / 1_000_000;
            cx.emit((seconds(cx.fire_timestamp()), seconds(cx.now())));
        }
        Ok(())
    }
}

fn set_at(start: i64, setting: Setting, clock: u64) -> Vec<(i64, i64)> {
    let fired = stream().clock(secs(clock)).add([((1, setting), at(start))]).clock(secs(90));
    fired.run(|settings| settings.par_do_stateful(Settings)).iter().map(|fired| fired.value).collect()
}

#[test]
fn an_aligned_timer_fires_at_the_next_moment_so_long_before_a_multiple_and_never_now() {
    let aligned = |start, period, offset| set_at(start, Setting::Aligned { period, offset }, 0)[0].0;
    assert_eq!([aligned(5, 60, 1), aligned(5, 60, 0), aligned(59, 60, 1)], [59, 60, 119]);
    assert_eq!(aligned(60, 60, 0), 120);
    assert_eq!(aligned(5, 0, 7), 12, "a period of zero is none");
    assert_eq!(aligned(-5, 60, 0), 60, "before the epoch a multiple is passed over, as in Beam");
}

#[test]
fn a_timer_of_processing_time_is_aligned_to_the_clock() {
    assert_eq!(set_at(5, Setting::AlignedByClock { period: 60 }, 20), [(5, 110)]);
}

#[test]
fn a_firing_without_output_may_set_a_timer_with_one() {
    assert_eq!(set_at(5, Setting::SilentThenAnother, 0), [(16, 90)]);
}

#[test]
fn a_result_at_a_time_of_its_own_has_it() {
    let moved = stream().add([((1, Setting::EmitAt(9)), at(5))]).run(|s| s.par_do_stateful(Settings));
    assert_eq!((moved[0].value.0, moved[0].time), (9, at(9)));
}

#[test]
fn a_stateful_function_sees_the_pane_of_its_element() {
    let timings =
        stream().add([(7, at(1))]).watermark(at(60)).add([(7, at(2))]).run(|n: &PCollection<u32>| {
            let counts = n.window(Fixed::of(secs(60)).allowed_lateness(secs(60)).accumulating()).count();
            counts.stateful(|_, _, (): &mut (), out| {
                let pane = out.pane();
                out.emit((pane.timing, pane.index));
            })
        });
    let timings: Vec<_> = timings.iter().map(|t| t.value).collect();
    assert_eq!(timings, [(Timing::OnTime, 0), (Timing::Late, 1)]);
}

/// Forgets its keys when their windows expire, though they are forgotten then anyway.
#[derive(Clone)]
struct Thorough;

impl StatefulFn<u32, u32, u32> for Thorough {
    type State = u32;
    type Timer = ();

    fn process(
        &self,
        _: &u32,
        n: u32,
        sum: &mut u32,
        _: &mut StatefulCx<'_, (), u32>,
    ) -> Result<(), BoxError> {
        *sum += n;
        Ok(())
    }

    fn on_window_expiration(
        &self,
        _: &u32,
        sum: &mut u32,
        cx: &mut StatefulCx<'_, (), u32>,
    ) -> Result<(), BoxError> {
        cx.emit(*sum);
        cx.forget();
        Ok(())
    }
}

#[test]
fn a_key_may_be_forgotten_when_its_window_expires() {
    let sums = apply([(1, 2), (1, 3), (4, 5)], |n: &PCollection<(u32, u32)>| n.par_do_stateful(Thorough));
    assert_eq!(sums, [5, 5]);
}

/// Sets a timer when it is over.
#[derive(Clone)]
struct TooLate;

impl StatefulFn<u32, u32, u32> for TooLate {
    type State = ();
    type Timer = ();

    fn process(&self, _: &u32, _: u32, (): &mut (), _: &mut StatefulCx<'_, (), u32>) -> Result<(), BoxError> {
        Ok(())
    }

    fn on_window_expiration(
        &self,
        _: &u32,
        (): &mut (),
        cx: &mut StatefulCx<'_, (), u32>,
    ) -> Result<(), BoxError> {
        cx.set_timer((), cx.timestamp());
        Ok(())
    }
}

#[test]
fn a_timer_that_would_never_fire_is_an_error() {
    let p = Pipeline::new();
    p.create([7]).key_by(|n: &u32| *n).par_do_stateful(TooLate).for_each(|_| {});
    let error = ReferenceRunner::new().run(p).unwrap_err();
    assert!(error.report().contains("it would never fire: emit what is left at once"), "{}", error.report());
}
