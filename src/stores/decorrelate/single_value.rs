//! The one value of a subquery that is used as an expression; more than one row is PostgreSQL's error `21000`.

use std::sync::{Arc, LazyLock};

use datafusion::arrow::array::{ArrayRef, UInt64Array};
use datafusion::arrow::datatypes::{DataType, Field, FieldRef};
use datafusion::common::{Result, ScalarValue};
use datafusion::logical_expr::function::{AccumulatorArgs, StateFieldsArgs};
use datafusion::logical_expr::{Accumulator, AggregateUDF, AggregateUDFImpl, Signature, Volatility};

use crate::base::{ErrorReport, SqlState, engine_error};

static SINGLE_VALUE: LazyLock<Arc<AggregateUDF>> = LazyLock::new(|| {
    let signature = Signature::any(1, Volatility::Immutable);
    Arc::new(AggregateUDF::new_from_impl(SingleValue { signature }))
});

/// The aggregate.
pub(super) fn single_value() -> Arc<AggregateUDF> {
    Arc::clone(&SINGLE_VALUE)
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct SingleValue {
    signature: Signature,
}

impl AggregateUDFImpl for SingleValue {
    fn name(&self) -> &'static str {
        "__single_value"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, argument_types: &[DataType]) -> Result<DataType> {
        Ok(argument_types.first().cloned().unwrap_or(DataType::Null))
    }

    fn accumulator(&self, arguments: AccumulatorArgs) -> Result<Box<dyn Accumulator>> {
        let value = ScalarValue::try_from(arguments.return_field.data_type())?;
        Ok(Box::new(SingleAccumulator { value, rows: 0 }))
    }

    fn state_fields(&self, arguments: StateFieldsArgs) -> Result<Vec<FieldRef>> {
        Ok(vec![
            Arc::new(Field::new("value", arguments.return_type().clone(), true)),
            Arc::new(Field::new("rows", DataType::UInt64, true)),
        ])
    }
}

#[derive(Debug)]
struct SingleAccumulator {
    value: ScalarValue,
    rows: u64,
}

impl SingleAccumulator {
    fn add(&mut self, rows: u64) -> Result<()> {
        self.rows += rows;
        if self.rows <= 1 {
            return Ok(());
        }
        let message = "more than one row returned by a subquery used as an expression";
        Err(engine_error::wrap(ErrorReport::new(SqlState::CARDINALITY_VIOLATION, message)))
    }
}

impl Accumulator for SingleAccumulator {
    fn update_batch(&mut self, values: &[ArrayRef]) -> Result<()> {
        let Some(values) = values.first().filter(|values| !values.is_empty()) else { return Ok(()) };
        self.add(u64::try_from(values.len()).unwrap_or(u64::MAX))?;
        self.value = ScalarValue::try_from_array(values, 0)?;
        Ok(())
    }

    fn merge_batch(&mut self, states: &[ArrayRef]) -> Result<()> {
        let [values, counts] = states else { return Ok(()) };
        let counts = counts.as_any().downcast_ref::<UInt64Array>();
        for (index, rows) in counts.into_iter().flatten().enumerate() {
            if let Some(rows) = rows.filter(|rows| *rows > 0) {
                self.add(rows)?;
                self.value = ScalarValue::try_from_array(values, index)?;
            }
        }
        Ok(())
    }

    fn state(&mut self) -> Result<Vec<ScalarValue>> {
        Ok(vec![self.value.clone(), ScalarValue::UInt64(Some(self.rows))])
    }

    fn evaluate(&mut self) -> Result<ScalarValue> {
        Ok(self.value.clone())
    }

    fn size(&self) -> usize {
        size_of_val(self) + self.value.size()
    }
}
