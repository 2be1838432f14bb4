//! The frontend-message path: the body of every kind of message, and parameters of every type in both formats.
#![no_main]

use bytes::Bytes;
use flowforge::base::SqlType;
use flowforge::pg::decode::decode;
use flowforge::pg::encode::Format;
use flowforge::pg::message::Incoming;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let Some((kind, body)) = data.split_first() else { return };
    drop(Incoming::decode(*kind, Bytes::copy_from_slice(body)));
    let oids = [16, 17, 20, 21, 23, 25, 26, 114, 700, 701, 1043, 1082, 1083, 1114, 1184, 1186, 1700, 2950, 3802];
    let arrays = [1000, 1001, 1005, 1007, 1009, 1016, 1021, 1022, 1115, 1182, 1183, 1185, 1187, 1231, 2951, 3807];
    for oid in oids.into_iter().chain(arrays) {
        if let Some(sql_type) = SqlType::from_oid(oid) {
            for format in [Format::Text, Format::Binary] {
                drop(decode(Some(body), &sql_type, format, chrono_tz::Tz::Europe__Berlin));
            }
        }
    }
});
