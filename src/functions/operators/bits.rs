//! Operators of bytes and bits.

use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, AsArray, BinaryArray};
use datafusion::arrow::compute::cast;
use datafusion::arrow::datatypes::{DataType, Int64Type};
use datafusion::common::{DataFusionError, ScalarValue};
use datafusion::logical_expr::ScalarUDF;

use super::super::function::{Function, by_arrays};

type Columns = Result<ArrayRef, DataFusionError>;

pub(super) fn functions() -> Vec<ScalarUDF> {
    vec![
        Function::strict("bytes_concat", bytes, |args| by_arrays(&args, concat)),
        Function::strict("int_not", integer, |args| by_arrays(&args, not)),
    ]
}

fn bytes(types: &[DataType], _literals: &[Option<&ScalarValue>]) -> Option<DataType> {
    matches!(types, [DataType::Binary, DataType::Binary]).then_some(DataType::Binary)
}

fn integer(types: &[DataType], _literals: &[Option<&ScalarValue>]) -> Option<DataType> {
    types.first().filter(|found| matches!(found, DataType::Int16 | DataType::Int32 | DataType::Int64)).cloned()
}

fn concat(arrays: &[ArrayRef]) -> Columns {
    let pairs = arrays[0].as_binary::<i32>().iter().zip(arrays[1].as_binary::<i32>());
    let rows = pairs.map(|(left, right)| Some([left?, right?].concat()));
    Ok(Arc::new(rows.collect::<BinaryArray>()))
}

fn not(arrays: &[ArrayRef]) -> Columns {
    let wide = cast(&arrays[0], &DataType::Int64)?;
    let turned = wide.as_primitive::<Int64Type>().unary::<_, Int64Type>(|value| !value);
    Ok(cast(&turned, arrays[0].data_type())?)
}
