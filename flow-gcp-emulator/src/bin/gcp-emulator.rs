//! Starts the emulator.

fn main() {}
