use super::{Fixed, Sliding, Window, WindowFn};
use crate::Timestamp;

/// The pieces of time that all windows of a [`Sliding`] are made of: elements of one piece are in the same windows, so that
/// an aggregation takes each of them in once, and what came of the piece once in each window.
#[derive(Clone, Copy, Debug)]
pub struct Slices {
    windows: Sliding,
    pieces: Fixed,
}

/// Nearer to the ends of time than this, in microseconds from the epoch, windows may be cut off.
const FAR: i64 = 1 << 62;

impl Slices {
    /// Of windows that overlap; none where each element has one at the most, and none of windows as long as time.
    pub(super) fn of(windows: Sliding, size: i64, period: i64, offset: i64) -> Option<Self> {
        let pieces = Fixed::sized(greatest_divisor(size, period), offset);
        (period < size && size < FAR).then_some(Slices { windows, pieces })
    }

    /// The piece that a moment is in; none near the ends of time, where windows are cut off.
    #[inline]
    pub(crate) fn of_time(self, at: Timestamp) -> Option<Window> {
        (at.micros().abs() < FAR).then(|| self.pieces.window_at(at))
    }

    /// The windows that a moment is in: the same for all moments of a piece.
    #[inline]
    pub(crate) fn windows_at(self, at: Timestamp, emit: impl FnMut(Window)) {
        WindowFn::<()>::assign(&self.windows, &(), at, emit);
    }
}

fn greatest_divisor(a: i64, b: i64) -> i64 {
    if b == 0 { a } else { greatest_divisor(b, a % b) }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use proptest::prelude::*;

    use super::*;
    use crate::window::WindowInto;

    fn windows_at(sliding: &WindowInto<Sliding>, at: Timestamp) -> Vec<Window> {
        let mut windows = Vec::new();
        WindowFn::<()>::assign(sliding.function(), &(), at, |window| windows.push(window));
        windows
    }

    proptest! {
        #[test]
        fn all_moments_of_a_piece_are_in_the_windows_of_its_first(
            size in 1_u64..60,
            period in 1_u64..60,
            offset in 0_u64..60,
            at in -1_000_i64..1_000,
        ) {
            let micros = Duration::from_micros;
            let sliding = Sliding::of(micros(size), micros(period)).offset(micros(offset));
            let Some(slices) = WindowFn::<()>::slices(sliding.function()) else {
                prop_assert!(size <= period);
                return Ok(());
            };
            let at = Timestamp::from_micros(at);
            let piece = slices.of_time(at).expect("not at the end of time");
            prop_assert!(piece.contains(at));
            prop_assert_eq!(windows_at(&sliding, at), windows_at(&sliding, piece.start));
            let mut of_slices = Vec::new();
            slices.windows_at(piece.start, |window| of_slices.push(window));
            prop_assert_eq!(of_slices, windows_at(&sliding, at));
        }
    }

    #[test]
    fn the_ends_of_time_are_in_no_piece() {
        let sliding = Sliding::of(Duration::from_secs(10), Duration::from_secs(2));
        let slices = WindowFn::<()>::slices(sliding.function()).expect("they overlap");
        for at in [Timestamp::MIN, Timestamp::MAX, Timestamp::END_OF_GLOBAL_WINDOW] {
            assert_eq!(slices.of_time(at), None);
        }
    }
}
