//! Triggers: when a window's content so far is emitted as a pane.
//!
//! A [`Trigger`] is a value, composed of a few parts; its state machine is pure and private. Without one, a
//! window is emitted once when the watermark passes its end, and again for each bundle of late data.

mod build;
mod loss;
mod machine;
mod spec;
mod stored;

pub use build::{
    AroundWatermark, AtWatermark, after_count, after_processing_time, all_of, always, any_of, each_of, never,
    repeatedly,
};
pub(crate) use machine::{Moment, TriggerState};
pub use spec::Trigger;
