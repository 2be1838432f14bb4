//! Aggregates over numbers with digits of their own.

use std::cmp::Ordering;
use std::sync::Arc;

use datafusion::arrow::array::ArrayRef;
use datafusion::arrow::datatypes::DataType;
use datafusion::common::{DataFusionError, ScalarValue};
use datafusion::logical_expr::{Accumulator, AggregateUDF, Volatility, create_udaf};

use super::big::Big;
use super::exact::numbers;

type Fold = fn(&Big, &Big) -> Big;

/// `exact_sum`, `exact_min`, `exact_max`: texts in, a text out.
pub(in crate::functions) fn functions() -> Vec<AggregateUDF> {
    vec![
        aggregate("exact_sum", Big::add),
        aggregate(
            "exact_min",
            |best, one| if best.compare(one) == Ordering::Less { best.clone() } else { one.clone() },
        ),
        aggregate(
            "exact_max",
            |best, one| {
                if best.compare(one) == Ordering::Greater { best.clone() } else { one.clone() }
            },
        ),
    ]
}

fn aggregate(name: &str, fold: Fold) -> AggregateUDF {
    create_udaf(
        name,
        vec![DataType::Utf8],
        Arc::new(DataType::Utf8),
        Volatility::Immutable,
        Arc::new(move |_| Ok(Box::new(Running { found: None, fold }))),
        Arc::new(vec![DataType::Utf8]),
    )
}

#[derive(Debug)]
struct Running {
    found: Option<Big>,
    fold: Fold,
}

impl Accumulator for Running {
    fn update_batch(&mut self, values: &[ArrayRef]) -> Result<(), DataFusionError> {
        let Some(column) = values.first() else { return Ok(()) };
        for one in numbers(column)?.into_iter().flatten() {
            self.found = Some(match &self.found {
                Some(found) => (self.fold)(found, &one),
                None => one,
            });
        }
        Ok(())
    }

    fn evaluate(&mut self) -> Result<ScalarValue, DataFusionError> {
        Ok(ScalarValue::Utf8(self.found.as_ref().map(Big::shown)))
    }

    fn size(&self) -> usize {
        let digits = self.found.as_ref().map_or(0, |found| found.digits.bits() / 8);
        size_of_val(self) + usize::try_from(digits).unwrap_or_default()
    }

    fn state(&mut self) -> Result<Vec<ScalarValue>, DataFusionError> {
        Ok(vec![self.evaluate()?])
    }

    fn merge_batch(&mut self, states: &[ArrayRef]) -> Result<(), DataFusionError> {
        self.update_batch(states)
    }
}
