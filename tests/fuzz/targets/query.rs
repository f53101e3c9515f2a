//! libFuzzer's door to `lexivec_fuzz::query`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| lexivec_fuzz::query::run(data));
