#![no_main]

libfuzzer_sys::fuzz_target!(|recipe: &[u8]| headroom_fuzz::hold(headroom::compress::blob::compress, recipe));
