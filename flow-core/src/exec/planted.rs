use std::sync::LazyLock;

/// Whether a bug is planted, to be asked at the place where a person would make that mistake: in a build with the
/// feature `planted-bugs`, if the environment variable `FLOW_PLANT` names it; in any other build never, at no cost.
///
/// For the tests of the project alone: `.ci/planted` has the bugs, and the tests that must notice them.
///
/// ```
/// assert!(!flow_core::exec::planted("a-bug-that-nobody-planted"));
/// ```
#[inline]
pub fn planted(name: &str) -> bool {
    static PLANT: LazyLock<Option<String>> = LazyLock::new(|| std::env::var("FLOW_PLANT").ok());
    cfg!(feature = "planted-bugs") && PLANT.as_deref() == Some(name)
}
