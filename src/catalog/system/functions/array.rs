//! `ARRAY(SELECT …)` over no rows is an empty array, where the aggregate that stands for it gives NULL.

use std::sync::Arc;

use datafusion::arrow::array::{Array, Scalar};
use datafusion::arrow::compute::is_not_null;
use datafusion::arrow::compute::kernels::zip::zip;
use datafusion::arrow::datatypes::DataType;
use datafusion::common::{Result, ScalarValue, plan_err};
use datafusion::logical_expr::{ColumnarValue, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility};

/// The name that the SQL front calls it by.
pub(super) const NAME: &str = "array_or_empty";

/// The function.
pub(super) fn array_or_empty() -> Arc<ScalarUDF> {
    Arc::new(ScalarUDF::new_from_impl(ArrayOrEmpty { signature: Signature::any(1, Volatility::Immutable) }))
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct ArrayOrEmpty {
    signature: Signature,
}

impl ScalarUDFImpl for ArrayOrEmpty {
    fn name(&self) -> &str {
        NAME
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, argument_types: &[DataType]) -> Result<DataType> {
        match argument_types {
            [list @ DataType::List(_)] => Ok(list.clone()),
            _ => plan_err!("No function matches the given name and argument types: {NAME}"),
        }
    }

    fn invoke_with_args(&self, call: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let DataType::List(element) = call.return_field.data_type() else {
            return plan_err!("No function matches the given name and argument types: {NAME}");
        };
        let lists = ColumnarValue::values_to_arrays(&call.args)?;
        let [lists] = lists.as_slice() else { return plan_err!("{NAME} takes one argument") };
        if lists.null_count() == 0 {
            return Ok(ColumnarValue::Array(Arc::clone(lists)));
        }
        let empty = ScalarValue::List(ScalarValue::new_list(&[], element.data_type(), true)).to_array()?;
        Ok(ColumnarValue::Array(zip(&is_not_null(lists)?, lists, &Scalar::new(empty))?))
    }
}

#[cfg(test)]
mod tests {
    use datafusion::arrow::array::{AsArray, ListBuilder, StringBuilder};
    use datafusion::arrow::datatypes::Field;
    use datafusion::common::config::ConfigOptions;

    use super::*;

    #[test]
    fn null_becomes_empty_and_the_rest_stays() {
        let mut builder = ListBuilder::new(StringBuilder::new());
        builder.values().append_value("a");
        builder.append(true);
        builder.append(false);
        let lists = Arc::new(builder.finish());
        let field = Arc::new(Field::new("list", lists.data_type().clone(), true));
        let call = ScalarFunctionArgs {
            args: vec![ColumnarValue::Array(lists)],
            arg_fields: vec![Arc::clone(&field)],
            number_rows: 2,
            return_field: field,
            config_options: Arc::new(ConfigOptions::default()),
        };
        let result = array_or_empty().invoke_with_args(call).unwrap().into_array(2).unwrap();
        let result = result.as_list::<i32>();
        assert_eq!((result.null_count(), result.value_length(0), result.value_length(1)), (0, 1, 0));
    }
}
