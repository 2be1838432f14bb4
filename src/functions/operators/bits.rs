//! Operators of bits.

use datafusion::arrow::array::{ArrayRef, AsArray};
use datafusion::arrow::compute::cast;
use datafusion::arrow::compute::kernels::bitwise::bitwise_xor;
use datafusion::arrow::datatypes::{DataType, Int64Type};
use datafusion::common::{DataFusionError, ScalarValue};
use datafusion::logical_expr::ScalarUDF;

use super::super::function::{Function, by_arrays};

type Columns = Result<ArrayRef, DataFusionError>;

pub(super) fn functions() -> Vec<ScalarUDF> {
    vec![
        Function::strict("int_not", integer, |args| by_arrays(&args, not)),
        Function::strict("int_xor", integer, |args| by_arrays(&args, exclusive_or)),
    ]
}

fn integer(types: &[DataType], _literals: &[Option<&ScalarValue>]) -> Option<DataType> {
    types.first().filter(|found| matches!(found, DataType::Int16 | DataType::Int32 | DataType::Int64)).cloned()
}

/// Both of one type.
fn exclusive_or(arrays: &[ArrayRef]) -> Columns {
    let (left, right) = (cast(&arrays[0], &DataType::Int64)?, cast(&arrays[1], &DataType::Int64)?);
    let mixed = bitwise_xor(left.as_primitive::<Int64Type>(), right.as_primitive::<Int64Type>())?;
    Ok(cast(&mixed, arrays[0].data_type())?)
}

fn not(arrays: &[ArrayRef]) -> Columns {
    let wide = cast(&arrays[0], &DataType::Int64)?;
    let turned = wide.as_primitive::<Int64Type>().unary::<_, Int64Type>(|value| !value);
    Ok(cast(&turned, arrays[0].data_type())?)
}
