//! Aggregates for which the value so far is enough, such as the lowest of all: nothing else is kept.

use datafusion::arrow::array::{Array, ArrayRef};
use datafusion::arrow::datatypes::DataType;
use datafusion::common::{DataFusionError, ScalarValue};
use datafusion::logical_expr::Accumulator;

use crate::base::engine_error::wrap;

use super::Step;

/// The value of a group so far; NULL before the first one.
#[derive(Debug)]
pub(super) struct Folded {
    step: Step,
    value: ScalarValue,
}

impl Folded {
    pub(super) fn new(step: Step, data_type: &DataType) -> Result<Self, DataFusionError> {
        Ok(Self { step, value: ScalarValue::try_from(data_type)? })
    }

    fn add(&mut self, mut value: ScalarValue) -> Result<(), DataFusionError> {
        if self.value.is_null() {
            // A list would hold on to the lists of all rows of its batch.
            value.compact();
            self.value = value;
            return Ok(());
        }
        let before = std::mem::replace(&mut self.value, ScalarValue::Null);
        let mut found = (self.step)(before, &value).map_err(wrap)?;
        found.compact();
        self.value = found;
        Ok(())
    }
}

impl Accumulator for Folded {
    fn update_batch(&mut self, values: &[ArrayRef]) -> Result<(), DataFusionError> {
        let Some(values) = values.first() else { return Ok(()) };
        for index in (0..values.len()).filter(|index| !values.is_null(*index)) {
            self.add(ScalarValue::try_from_array(values, index)?)?;
        }
        Ok(())
    }

    fn merge_batch(&mut self, states: &[ArrayRef]) -> Result<(), DataFusionError> {
        self.update_batch(states)
    }

    fn evaluate(&mut self) -> Result<ScalarValue, DataFusionError> {
        Ok(self.value.clone())
    }

    fn state(&mut self) -> Result<Vec<ScalarValue>, DataFusionError> {
        Ok(vec![self.value.clone()])
    }

    fn size(&self) -> usize {
        std::mem::size_of_val(self) + self.value.size() - std::mem::size_of_val(&self.value)
    }
}
