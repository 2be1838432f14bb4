//! `lag` and `lead` by an offset that changes from row to row.

use datafusion::arrow::array::{Array, ArrayRef, AsArray, UInt64Array};
use datafusion::arrow::compute::take;
use datafusion::arrow::datatypes::{DataType, Field, FieldRef, Int64Type};
use datafusion::common::{DataFusionError, plan_err};
use datafusion::logical_expr::function::{PartitionEvaluatorArgs, WindowUDFFieldArgs};
use datafusion::logical_expr::{PartitionEvaluator, Signature, Volatility, WindowUDF, WindowUDFImpl};
use std::sync::Arc;

pub(super) fn functions() -> Vec<WindowUDF> {
    let function = |name, direction| {
        WindowUDF::from(Shift { name, direction, signature: Signature::user_defined(Volatility::Immutable) })
    };
    vec![function("lag_by", -1), function("lead_by", 1)]
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct Shift {
    name: &'static str,
    /// The sign of an offset.
    direction: i64,
    signature: Signature,
}

impl WindowUDFImpl for Shift {
    fn name(&self) -> &str {
        self.name
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn coerce_types(&self, arguments: &[DataType]) -> Result<Vec<DataType>, DataFusionError> {
        match arguments {
            [value, offset] if offset.is_integer() || offset.is_null() => Ok(vec![value.clone(), DataType::Int64]),
            _ => plan_err!("the offset of {} is no integer", self.name),
        }
    }

    fn field(&self, arguments: WindowUDFFieldArgs<'_>) -> Result<FieldRef, DataFusionError> {
        let data_type = arguments.get_input_field(0).map_or(DataType::Null, |field| field.data_type().clone());
        Ok(Arc::new(Field::new(arguments.name(), data_type, true)))
    }

    fn partition_evaluator(
        &self,
        _: PartitionEvaluatorArgs<'_>,
    ) -> Result<Box<dyn PartitionEvaluator>, DataFusionError> {
        Ok(Box::new(Shifted { direction: self.direction }))
    }
}

#[derive(Debug)]
struct Shifted {
    direction: i64,
}

impl PartitionEvaluator for Shifted {
    fn evaluate_all(&mut self, values: &[ArrayRef], rows: usize) -> Result<ArrayRef, DataFusionError> {
        let [value, offsets] = values else { return plan_err!("a shift has two arguments") };
        let offsets = offsets.as_primitive::<Int64Type>();
        let place = |row: usize| -> Option<u64> {
            let offset = offsets.is_valid(row).then(|| offsets.value(row))?;
            let place = i64::try_from(row).ok()?.checked_add(offset.checked_mul(self.direction)?)?;
            u64::try_from(place).ok().filter(|place| usize::try_from(*place).is_ok_and(|place| place < rows))
        };
        let places: UInt64Array = (0..rows).map(place).collect();
        Ok(take(value, &places, None)?)
    }
}
