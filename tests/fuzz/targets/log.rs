//! libFuzzer's door to `lexivec_fuzz::log`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| lexivec_fuzz::log::run(data));
