use super::CombineFn;

macro_rules! logic {
    ($(#[$docs:meta])* $name:ident, $empty:literal, $operator:tt) => {
        $(#[$docs])*
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
        pub struct $name;

        impl CombineFn<bool> for $name {
            type Accumulator = bool;
            type Output = bool;

            fn create(&self) -> bool {
                $empty
            }

            #[inline]
            fn add(&self, so_far: &mut bool, input: bool) {
                *so_far $operator input;
            }

            fn merge(&self, so_far: &mut bool, other: bool) {
                *so_far $operator other;
            }

            fn finish(&self, so_far: bool) -> bool {
                so_far
            }
        }
    };
}

logic! {
    /// Whether every input is true; true of none.
    ///
    /// ```
    /// use flow_core::combine::{All, fold, of};
    /// assert!(!fold(&All, [true, false]));
    /// assert!(fold(&of(|n: &u32| n.is_power_of_two(), All), [1, 2, 8]));
    /// ```
    All, true, &=
}

logic! {
    /// Whether some input is true; false of none.
    ///
    /// ```
    /// use flow_core::combine::{Any, fold, of};
    /// assert!(fold(&Any, [true, false]));
    /// assert!(!fold(&of(|name: &&str| name.is_empty(), Any), ["ada", "grace"]));
    /// ```
    Any, false, |=
}
