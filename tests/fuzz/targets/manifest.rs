//! libFuzzer's door to `lexivec_fuzz::manifest`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| lexivec_fuzz::manifest::run(data));
