#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| drill_fuzz::token::bytes::run(data));
