//! Functions of no one type.

use datafusion::common::ScalarValue;

use crate::base::{ErrorReport, SqlState};

use super::function::type_name;
use super::overload::{Call, Overload, lenient, strict};
use super::value::{fail, int4, text};

pub(super) fn functions() -> Vec<Overload> {
    vec![
        lenient("num_nulls", "(variadic any) int4", |call| counted(call, true)),
        lenient("num_nonnulls", "(variadic any) int4", |call| counted(call, false)),
        lenient("pg_typeof", "(variadic any) text", |call| Ok(text(type_name(&call.args[0].data_type())))),
        lenient("gen_random_uuid", "() uuid", |_| {
            Ok(ScalarValue::FixedSizeBinary(16, Some(uuid::Uuid::new_v4().as_bytes().to_vec())))
        })
        .volatile(),
        strict("bit_count", "(bytea) int8", |call| {
            let bits: u32 = call.bytes(0).iter().map(|byte| byte.count_ones()).sum();
            Ok(ScalarValue::Int64(Some(i64::from(bits))))
        }),
    ]
}

fn counted(call: &Call<'_>, nulls: bool) -> Result<ScalarValue, ErrorReport> {
    let count = call.args.iter().filter(|one| one.is_null() == nulls).count();
    int4(i64::try_from(count).unwrap_or(i64::MAX))
}

/// Checks the arguments of a window function that are constants.
///
/// # Errors
/// `22014` and `22016` for a number of rows that is less than one.
pub fn check_window_arguments(name: &str, arguments: &[Option<ScalarValue>]) -> Result<(), ErrorReport> {
    let (index, state) = match name {
        "ntile" => (0, SqlState::INVALID_ARGUMENT_FOR_NTILE_FUNCTION),
        "nth_value" => (1, SqlState::INVALID_ARGUMENT_FOR_NTH_VALUE_FUNCTION),
        _ => return Ok(()),
    };
    let number = match arguments.get(index) {
        Some(Some(ScalarValue::Int64(Some(number)))) => *number,
        Some(Some(ScalarValue::Int32(Some(number)))) => i64::from(*number),
        Some(Some(ScalarValue::Int16(Some(number)))) => i64::from(*number),
        _ => return Ok(()),
    };
    if number > 0 { Ok(()) } else { Err(fail(state, format!("argument of {name} must be greater than zero"))) }
}
