//! Casts of texts that are read row by row, with the grammar that constants have.

use chrono_tz::Tz;
use datafusion::arrow::array::{ArrayRef, AsArray};
use datafusion::arrow::compute::cast;
use datafusion::arrow::datatypes::DataType;
use datafusion::common::{DataFusionError, ScalarValue};
use datafusion::logical_expr::{ScalarFunctionArgs, ScalarUDF};

use crate::base::SqlType;
use crate::base::engine_error::wrap;

use super::function::{Function, by_arrays};
use super::literal;
use super::value::{defect, zone_of_column};

/// `read_as`: a text, the zone of the session, a NULL of the type that it is read as, and the name of that type.
pub(super) fn functions() -> Vec<ScalarUDF> {
    let wanted = |types: &[DataType], _: &[Option<&ScalarValue>]| types.get(2).cloned();
    vec![Function::lenient("read_as", wanted, |args| read(&args))]
}

fn read(arguments: &ScalarFunctionArgs) -> Result<datafusion::logical_expr::ColumnarValue, DataFusionError> {
    let wanted = arguments.return_type().clone();
    let sql_type = SqlType::from_arrow(&wanted).map_err(|error| wrap(defect(error)))?;
    by_arrays(arguments, |arrays| values(arrays, &sql_type, &wanted))
}

fn values(arrays: &[ArrayRef], sql_type: &SqlType, wanted: &DataType) -> Result<ArrayRef, DataFusionError> {
    let texts = cast(&arrays[0], &DataType::Utf8)?;
    let zone: Tz = zone_of_column(&arrays[1]);
    if texts.is_empty() {
        return Ok(datafusion::arrow::array::new_empty_array(wanted));
    }
    let one = |text: Option<&str>| match text {
        Some(text) => {
            let value = literal::parse(text, sql_type, zone).map_err(wrap)?;
            // The elements of an array of numerics have one scale for all rows.
            if value.data_type() == *wanted { Ok(value) } else { value.cast_to(wanted) }
        }
        None => ScalarValue::try_from(wanted),
    };
    ScalarValue::iter_to_array(texts.as_string::<i32>().iter().map(one).collect::<Result<Vec<_>, _>>()?)
}
