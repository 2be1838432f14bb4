//! Messages of WebSocket clients.
#![no_main]

use flowforge::live::parse_client_message;
use flowforge_fuzz::LIMITS;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    if let Ok(text) = std::str::from_utf8(data) {
        drop(parse_client_message(text, &LIMITS));
    }
});
