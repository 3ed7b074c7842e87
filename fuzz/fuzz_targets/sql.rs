#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| flow_gcp_emulator::fuzzing::sql(data));
