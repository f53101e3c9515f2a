//! libFuzzer's door to `lexivec_fuzz::segment`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| lexivec_fuzz::segment::run(data));
