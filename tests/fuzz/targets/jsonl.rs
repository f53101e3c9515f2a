//! libFuzzer's door to `lexivec_fuzz::jsonl`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| lexivec_fuzz::jsonl::run(data));
