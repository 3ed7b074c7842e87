use super::CombineFn;

/// Several aggregations of the same inputs in one pass. Every part but the last is shown the input, and clones it
/// only if it must own it; the last part is given it.
macro_rules! tuple {
    ($($part:ident $index:tt),+; $last:ident $last_index:tt) => {
        impl<In: Clone, $($part: CombineFn<In>,)+ $last: CombineFn<In>> CombineFn<In> for ($($part,)+ $last) {
            type Accumulator = ($($part::Accumulator,)+ $last::Accumulator);
            type Output = ($($part::Output,)+ $last::Output);

            fn create(&self) -> Self::Accumulator {
                ($(self.$index.create(),)+ self.$last_index.create())
            }

            #[inline]
            fn add(&self, accumulator: &mut Self::Accumulator, input: In) {
                $(self.$index.add_ref(&mut accumulator.$index, &input);)+
                self.$last_index.add(&mut accumulator.$last_index, input);
            }

            #[inline]
            fn add_ref(&self, accumulator: &mut Self::Accumulator, input: &In) {
                $(self.$index.add_ref(&mut accumulator.$index, input);)+
                self.$last_index.add_ref(&mut accumulator.$last_index, input);
            }

            fn merge(&self, into: &mut Self::Accumulator, other: Self::Accumulator) {
                $(self.$index.merge(&mut into.$index, other.$index);)+
                self.$last_index.merge(&mut into.$last_index, other.$last_index);
            }

            fn finish(&self, accumulator: Self::Accumulator) -> Self::Output {
                ($(self.$index.finish(accumulator.$index),)+ self.$last_index.finish(accumulator.$last_index))
            }
        }
    };
}

tuple!(A 0; B 1);
tuple!(A 0, B 1; C 2);
tuple!(A 0, B 1, C 2; D 3);
tuple!(A 0, B 1, C 2, D 3; E 4);
tuple!(A 0, B 1, C 2, D 3, E 4; F 5);
tuple!(A 0, B 1, C 2, D 3, E 4, F 5; G 6);
tuple!(A 0, B 1, C 2, D 3, E 4, F 5, G 6; H 7);

#[cfg(test)]
mod tests {
    use crate::combine::{Count, Max, Min, Sum, fold, of};

    /// A value whose clones are errors.
    struct Precious(u32);

    impl Clone for Precious {
        fn clone(&self) -> Self {
            unreachable!("parts that look at a field do not clone the input")
        }
    }

    #[test]
    fn parts_that_look_at_a_field_do_not_clone_the_input() {
        let summary = (of(|p: &Precious| p.0, Sum), Count, (Count, of(|p: &Precious| p.0, Max)));
        assert_eq!(fold(&summary, [Precious(3), Precious(4)]), (7, 2, (2, Some(4))));
    }

    #[test]
    fn eight_parts_see_every_input() {
        let all = (Sum, Count, Min, Max, Sum, Count, Min, Max);
        assert_eq!(fold(&all, [3, 1]), (4, 2, Some(1), Some(3), 4, 2, Some(1), Some(3)));
    }
}
