//! libFuzzer's door to `lexivec_fuzz::filter`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| lexivec_fuzz::filter::run(data));
