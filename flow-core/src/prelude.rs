//! What pipelines are written with: `use flow_core::prelude::*`.

pub use crate::combine::{
    All, Any, ApproxDistinct, CombineFn, Count, Latest, Max, Mean, Min, Quantiles, Sample, Sum, TopN, of,
};
pub use crate::metrics::{Counter, Distribution, Gauge};
pub use crate::sink::{Rejected, Sink};
pub use crate::source::{Impulse, Source};
pub use crate::split::Split;
pub use crate::splittable::{OffsetRange, Resume, SplittableCx, SplittableFn, Watch};
pub use crate::state::{Bag, Combining, Merge, Multimap, OrderedList};
pub use crate::testing::apply;
pub use crate::trigger::{
    AtWatermark, Trigger, after_count, after_processing_time, all_of, always, any_of, each_of, never,
    repeatedly,
};
pub use crate::window::{
    Calendar, Existing, Fixed, Global, Sessions, Sliding, TimestampCombiner, Window, WindowFn, WindowInto,
};
pub use crate::{
    Batch, BoxError, BundleEmit, DeadLetter, DeadLetters, DoFn, DoFnWith, Element, Emit, Group, Horizon, Key,
    Lookup, PCollection, Pane, Pipeline, ReferenceRunner, Reified, Runner, StatefulCx, StatefulFn, Timestamp,
    Timing, View, Wire,
};
pub use flow_macros::Split;
