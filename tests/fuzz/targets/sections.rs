//! libFuzzer's door to `lexivec_fuzz::sections`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| lexivec_fuzz::sections::run(data));
