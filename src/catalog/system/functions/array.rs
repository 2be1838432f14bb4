//! Arrays, as far as the catalogs' own queries need them.

use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, AsArray, Int32Array, ListArray, Scalar, StructArray};
use datafusion::arrow::compute::is_not_null;
use datafusion::arrow::compute::kernels::zip::zip;
use datafusion::arrow::datatypes::{DataType, Field, Fields};
use datafusion::common::{Result, ScalarValue, plan_err};
use datafusion::functions_nested::all_default_nested_functions;
use datafusion::logical_expr::{ColumnarValue, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility};

/// `ARRAY(SELECT …)` over no rows is an empty array, where the aggregate that stands for it gives NULL. The SQL front
/// calls it by this name.
pub(super) const NAME: &str = "array_or_empty";

/// What `information_schema._pg_expandarray` returns the rows of: an array of pairs, the item `x` and its number `n`.
const EXPAND: &str = "_pg_expandarray";

/// A field of such a pair.
const FIELD: &str = "get_field";

/// Functions of the engine's library that mean the same here: PostgreSQL's name, the library's.
const LIBRARY: [(&str, &str); 4] = [
    ("array_to_string", "array_to_string"),
    ("array_remove", "array_remove_all"),
    ("generate_series", "generate_series"),
    ("cardinality", "cardinality"),
];

/// The names of what [`find`] finds.
pub(super) fn names() -> impl Iterator<Item = &'static str> {
    LIBRARY.iter().map(|(name, _)| *name).chain([NAME, EXPAND, FIELD])
}

/// A function on arrays.
pub(super) fn find(name: &str) -> Option<Arc<ScalarUDF>> {
    match name {
        NAME => return Some(array_or_empty()),
        EXPAND => return Some(expand_array()),
        FIELD => return Some(datafusion::functions::core::get_field()),
        _ => {}
    }
    let (_, library) = LIBRARY.iter().find(|(known, _)| *known == name)?;
    all_default_nested_functions().into_iter().find(|function| function.name() == *library)
}

/// The function.
fn array_or_empty() -> Arc<ScalarUDF> {
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

fn expand_array() -> Arc<ScalarUDF> {
    Arc::new(ScalarUDF::new_from_impl(ExpandArray { signature: Signature::any(1, Volatility::Immutable) }))
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct ExpandArray {
    signature: Signature,
}

impl ExpandArray {
    fn pair(item: &DataType) -> Fields {
        Fields::from(vec![Field::new("x", item.clone(), true), Field::new("n", DataType::Int32, true)])
    }
}

impl ScalarUDFImpl for ExpandArray {
    fn name(&self) -> &str {
        EXPAND
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, argument_types: &[DataType]) -> Result<DataType> {
        match argument_types {
            [DataType::List(item)] => {
                let pair = DataType::Struct(Self::pair(item.data_type()));
                Ok(DataType::List(Arc::new(Field::new_list_field(pair, true))))
            }
            _ => plan_err!("No function matches the given name and argument types: {EXPAND}"),
        }
    }

    fn invoke_with_args(&self, call: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let arrays = ColumnarValue::values_to_arrays(&call.args)?;
        let Some(lists) = arrays.first().and_then(|array| array.as_list_opt::<i32>()) else {
            return plan_err!("No function matches the given name and argument types: {EXPAND}");
        };
        let mut numbers = vec![0_i32; lists.values().len()];
        for range in lists.offsets().windows(2) {
            let (start, end) =
                (usize::try_from(range[0]).unwrap_or_default(), usize::try_from(range[1]).unwrap_or_default());
            numbers[start..end].iter_mut().zip(1..).for_each(|(number, position)| *number = position);
        }
        let pair = Self::pair(lists.values().data_type());
        let columns: Vec<ArrayRef> = vec![Arc::clone(lists.values()), Arc::new(Int32Array::from(numbers))];
        let pairs = StructArray::try_new(pair.clone(), columns, None)?;
        let item = Arc::new(Field::new_list_field(DataType::Struct(pair), true));
        let expanded = ListArray::try_new(item, lists.offsets().clone(), Arc::new(pairs), lists.nulls().cloned())?;
        Ok(ColumnarValue::Array(Arc::new(expanded)))
    }
}

#[cfg(test)]
mod tests {
    use datafusion::arrow::array::{ListBuilder, StringBuilder};
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
