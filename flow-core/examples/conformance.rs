//! Prints the table of conformance cases, as `docs/conformance.md` has it.

fn main() {
    print!("{}", flow_core::testing::conformance::table());
}
