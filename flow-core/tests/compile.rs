//! What compiles, and what the compiler says of what does not.
//!
//! The wanted messages stand beside the cases, as `.stderr`. After a change of a message, or of the toolchain, write
//! them anew with `TRYBUILD=overwrite cargo test -p flow-core --test compile`, and read the difference: each message
//! is to teach what to do. The first run compiles the crate once more, for trybuild's own target; later ones reuse it.

#[test]
fn the_compiler_says_what_to_do() {
    let cases = trybuild::TestCases::new();
    cases.pass("tests/compile/pass/*.rs");
    cases.compile_fail("tests/compile/fail/*.rs");
}
