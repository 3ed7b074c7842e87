use std::fmt;
use std::time::Duration;

/// When a window's content so far is emitted. Composed with the functions of this module.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Trigger {
    /// When the watermark passes the end of the window, then for every late bundle.
    Default,
    /// When the watermark passes the end of the window; `early` fires before it, `late` after it.
    AtWatermark {
        /// Fires repeatedly until the watermark passes the end of the window.
        early: Option<Box<Trigger>>,
        /// Fires repeatedly after that; without it, the window takes nothing more.
        late: Option<Box<Trigger>>,
    },
    /// Once at least so many elements have come since the last firing.
    AfterCount(u64),
    /// Once so much processing time has passed since the first element of the pane, then rounded up to a
    /// multiple of `align` since the epoch and `offset`, if `align` is not zero.
    AfterProcessingTime {
        /// From the first element of the pane.
        delay: Duration,
        /// The period that firings are aligned to; zero for none.
        align: Duration,
        /// Shifts the moments that firings are aligned to.
        offset: Duration,
    },
    /// What follows a processing-time trigger downstream of its grouping: fires as soon as data comes.
    AfterSynchronizedProcessingTime,
    /// Starts over each time it finishes.
    Repeatedly(Box<Trigger>),
    /// Each in turn.
    Each(Vec<Trigger>),
    /// Once all are ready.
    All(Vec<Trigger>),
    /// Once any is ready.
    Any(Vec<Trigger>),
    /// As the first, until the second fires and finishes it.
    OrFinally(Box<Trigger>, Box<Trigger>),
    /// For every bundle.
    Always,
    /// Not before the window expires.
    Never,
}

impl Trigger {
    /// As this trigger, but finished for good once `until` fires.
    #[must_use]
    pub fn or_finally(self, until: impl Into<Trigger>) -> Trigger {
        Trigger::OrFinally(Box::new(self), Box::new(until.into()))
    }

    /// As this trigger, with the end of each delay in it rounded up to the next multiple of `period`, shifted by
    /// `offset`: `aligned_to(minute, ten_seconds)` is ten seconds past each minute. An end that is there already
    /// stays. A period of zero aligns nothing.
    #[must_use]
    pub fn aligned_to(self, period: Duration, offset: Duration) -> Trigger {
        let inside = |trigger: Box<Trigger>| Box::new(trigger.aligned_to(period, offset));
        let each =
            |triggers: Vec<Trigger>| triggers.into_iter().map(|t| t.aligned_to(period, offset)).collect();
        match self {
            Trigger::AfterProcessingTime { delay, .. } => {
                Trigger::AfterProcessingTime { delay, align: period, offset }
            }
            Trigger::AtWatermark { early, late } => {
                Trigger::AtWatermark { early: early.map(inside), late: late.map(inside) }
            }
            Trigger::Repeatedly(inner) => Trigger::Repeatedly(inside(inner)),
            Trigger::Each(parts) => Trigger::Each(each(parts)),
            Trigger::All(parts) => Trigger::All(each(parts)),
            Trigger::Any(parts) => Trigger::Any(each(parts)),
            Trigger::OrFinally(main, until) => Trigger::OrFinally(inside(main), inside(until)),
            other => other,
        }
    }

    /// Whether nothing is emitted before the watermark has passed the end of the window.
    pub(crate) fn waits_for_the_end(&self) -> bool {
        match self {
            Trigger::Default | Trigger::AtWatermark { early: None, .. } | Trigger::Never => true,
            Trigger::Repeatedly(inner) => inner.waits_for_the_end(),
            Trigger::Each(parts) => parts.first().is_some_and(Trigger::waits_for_the_end),
            Trigger::All(parts) => parts.iter().any(Trigger::waits_for_the_end),
            Trigger::Any(parts) => parts.iter().all(Trigger::waits_for_the_end),
            Trigger::OrFinally(main, until) => main.waits_for_the_end() && until.waits_for_the_end(),
            Trigger::AtWatermark { early: Some(_), .. }
            | Trigger::AfterCount(_)
            | Trigger::AfterProcessingTime { .. }
            | Trigger::AfterSynchronizedProcessingTime
            | Trigger::Always => false,
        }
    }

    /// The trigger downstream of a grouping that fired by this one: it passes panes on as they come.
    #[must_use]
    pub fn continuation(&self) -> Trigger {
        let boxed = |t: &Trigger| Box::new(t.continuation());
        let each = |ts: &[Trigger]| ts.iter().map(Trigger::continuation).collect();
        match self {
            Trigger::Default => Trigger::Default,
            Trigger::AtWatermark { early, late } => {
                Trigger::AtWatermark { early: early.as_deref().map(boxed), late: late.as_deref().map(boxed) }
            }
            Trigger::AfterCount(_) => Trigger::AfterCount(1),
            Trigger::AfterProcessingTime { .. } | Trigger::AfterSynchronizedProcessingTime => {
                Trigger::AfterSynchronizedProcessingTime
            }
            Trigger::Repeatedly(inner) => Trigger::Repeatedly(boxed(inner)),
            Trigger::Each(parts) => Trigger::Repeatedly(Box::new(Trigger::Any(each(parts)))),
            Trigger::All(parts) => Trigger::All(each(parts)),
            Trigger::Any(parts) => Trigger::Any(each(parts)),
            // Again and again, since what finished it once passes here for each key and pane that came together.
            Trigger::OrFinally(main, until) => {
                Trigger::Repeatedly(Box::new(Trigger::OrFinally(boxed(main), boxed(until))))
            }
            Trigger::Always => Trigger::Always,
            Trigger::Never => Trigger::Never,
        }
    }
}

impl fmt::Display for Trigger {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let list = |f: &mut fmt::Formatter<'_>, name: &str, parts: &[Trigger]| {
            let parts: Vec<String> = parts.iter().map(ToString::to_string).collect();
            write!(f, "{name}({})", parts.join(", "))
        };
        match self {
            Trigger::Default => f.write_str("default trigger"),
            Trigger::AtWatermark { early, late } => {
                f.write_str("at watermark")?;
                if let Some(early) = early {
                    write!(f, " early {early}")?;
                }
                late.as_ref().map_or(Ok(()), |late| write!(f, " late {late}"))
            }
            Trigger::AfterCount(n) => write!(f, "after count {n}"),
            Trigger::AfterProcessingTime { delay, align, offset } => {
                write!(f, "after processing time {delay:?}")?;
                if !align.is_zero() {
                    write!(f, " aligned to {align:?}")?;
                }
                if !align.is_zero() && !offset.is_zero() {
                    write!(f, " and {offset:?}")?;
                }
                Ok(())
            }
            Trigger::AfterSynchronizedProcessingTime => f.write_str("after synchronized processing time"),
            Trigger::Repeatedly(inner) => write!(f, "repeatedly({inner})"),
            Trigger::Each(parts) => list(f, "each", parts),
            Trigger::All(parts) => list(f, "all", parts),
            Trigger::Any(parts) => list(f, "any", parts),
            Trigger::OrFinally(main, until) => write!(f, "{main} or finally {until}"),
            Trigger::Always => f.write_str("always"),
            Trigger::Never => f.write_str("never"),
        }
    }
}
