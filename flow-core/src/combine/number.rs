use super::compensated::Compensated;
use super::wide::Wide;
use crate::element::Wire;

/// What [`Sum`](super::Sum) and [`Mean`](super::Mean) take: every integer and float type of the standard
/// library. Sealed.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a number",
    label = "not an integer or a float",
    note = "to aggregate a field of the input, name it: `of(|order: &Order| order.total, Sum)`",
    note = "or take it out first: `.map_values(|order| order.total).sum_per_key()`"
)]
pub trait Number: Wire + Copy + sealed::Sealed {
    /// A sum so far, wider than the type itself.
    #[doc(hidden)]
    type Total: Wire + Default;
    #[doc(hidden)]
    fn add_to(self, total: &mut Self::Total);
    #[doc(hidden)]
    fn merge(total: &mut Self::Total, other: Self::Total);
    #[doc(hidden)]
    fn sum(total: Self::Total) -> Self;
    #[doc(hidden)]
    fn sum_as_f64(total: Self::Total) -> f64;
}

mod sealed {
    pub trait Sealed {}
}

/// Types of up to 64 bits are summed in 128, which no number of inputs that a program lives to see overflows:
/// so addition is exact, and associative, where saturating at each step would be neither.
macro_rules! integers {
    ($($integer:ty)*) => {$(
        impl sealed::Sealed for $integer {}

        impl Number for $integer {
            type Total = i128;

            #[inline]
            fn add_to(self, total: &mut i128) {
                *total = total.wrapping_add(self as i128);
            }

            fn merge(total: &mut i128, other: i128) {
                *total = total.wrapping_add(other);
            }

            fn sum(total: i128) -> Self {
                total.clamp(Self::MIN as i128, Self::MAX as i128) as Self
            }

            fn sum_as_f64(total: i128) -> f64 {
                total as f64
            }
        }
    )*};
}

#[expect(clippy::cast_lossless, reason = "usize and isize have no From into i128")]
mod integers {
    use super::{Number, sealed};
    integers!(i8 i16 i32 i64 isize u8 u16 u32 u64 usize);
}

macro_rules! wide_integers {
    ($($integer:ty: $from:ident, $to:ident;)*) => {$(
        impl sealed::Sealed for $integer {}

        impl Number for $integer {
            type Total = Wide;

            #[inline]
            fn add_to(self, total: &mut Wide) {
                total.add(Wide::$from(self));
            }

            fn merge(total: &mut Wide, other: Wide) {
                total.add(other);
            }

            fn sum(total: Wide) -> Self {
                total.$to()
            }

            fn sum_as_f64(total: Wide) -> f64 {
                total.to_f64()
            }
        }
    )*};
}

wide_integers! {
    i128: from_signed, to_signed;
    u128: from_unsigned, to_unsigned;
}

macro_rules! floats {
    ($($float:ty)*) => {$(
        impl sealed::Sealed for $float {}

        impl Number for $float {
            type Total = Compensated;

            #[inline]
            fn add_to(self, total: &mut Compensated) {
                total.add(self.into());
            }

            fn merge(total: &mut Compensated, other: Compensated) {
                total.merge(other);
            }

            fn sum(total: Compensated) -> Self {
                total.value() as $float
            }

            fn sum_as_f64(total: Compensated) -> f64 {
                total.value()
            }
        }
    )*};
}

floats!(f32 f64);
