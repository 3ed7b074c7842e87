//! Groupings, with all windowings and triggers.

use proptest::prelude::*;

use super::{Pair, breaks};
use crate::Group;
use crate::group::Collect;
use crate::group::tests::properties::{Step, Windows, script, settings, windowing, windows};
use crate::keyed::grouped::Grouped;
use crate::keyed::hash::{key_hash, owner};

type Grouping = Pair<i64, (u8, Group<i64>), Grouped<u8, i64, Collect<i64>>>;

proptest! {
    #![proptest_config(ProptestConfig { cases: 1000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_grouping_goes_on(
        windows in windows(), settings in settings(), script in script(), breaks in breaks()
    ) {
        let windowing = windowing(&windows, &settings);
        let pair = Grouping::new(move |_, _| Grouped::new(Collect::new(), windowing.clone(), None));
        pair.run(&windows, &script, &breaks, |value| value)?;
    }

    #[test]
    fn the_result_of_an_empty_global_window_comes_once(
        settings in settings(), mut script in script(), has_elements in any::<bool>(), breaks in breaks()
    ) {
        all_of_one_key(&mut script);
        let windowing = windowing(&Windows::Global, &settings);
        let pair = Grouping::new(move |worker, workers| {
            let default = (owner(key_hash(&0_u8), workers) == worker).then_some(0);
            Grouped::new(Collect::new(), windowing.clone(), default)
        });
        let script = if has_elements { script } else { Vec::new() };
        pair.run(&Windows::Global, &script, &breaks, |value| value)?;
    }
}

/// Where a default result may be wanted, all elements have its key.
fn all_of_one_key(script: &mut [Step]) {
    for step in script {
        if let Step::Elements(elements) = step {
            for (key, _) in elements {
                *key = 0;
            }
        }
    }
}
