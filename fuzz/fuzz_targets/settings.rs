#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| flow_runner_local::fuzzing::settings(data));
