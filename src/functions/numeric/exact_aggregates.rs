//! Aggregates over numbers with digits of their own.

use std::cmp::Ordering;
use std::collections::{BTreeMap, VecDeque};

use datafusion::arrow::array::{Array, ArrayRef};
use datafusion::arrow::datatypes::DataType;
use datafusion::common::{DataFusionError, ScalarValue};
use datafusion::logical_expr::function::AccumulatorArgs;
use datafusion::logical_expr::{Accumulator, AggregateUDF, AggregateUDFImpl, Signature, Volatility};

use super::big::Big;
use super::exact::numbers;

/// `exact_sum`, `exact_min`, `exact_max`: texts in, a text out.
pub(in crate::functions) fn functions() -> Vec<AggregateUDF> {
    let function = |name, kind| {
        AggregateUDF::new_from_impl(ExactAggregate {
            name,
            kind,
            signature: Signature::exact(vec![DataType::Utf8], Volatility::Immutable),
        })
    };
    vec![function("exact_sum", Kind::Sum), function("exact_min", Kind::Min), function("exact_max", Kind::Max)]
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Kind {
    Sum,
    Min,
    Max,
}

impl Kind {
    /// What two numbers give: of equal ones the later, with its digits.
    fn fold(self, found: &Big, one: &Big) -> Big {
        match self {
            Self::Sum => found.add(one),
            Self::Min | Self::Max if self.stays(found, one) => found.clone(),
            Self::Min | Self::Max => one.clone(),
        }
    }

    /// For the frames of a window.
    fn sliding(self) -> Box<dyn Accumulator> {
        match self {
            Self::Sum => Box::new(SlidingSum { sum: Big::new(0, 0), scales: BTreeMap::new() }),
            Self::Min | Self::Max => {
                Box::new(SlidingExtreme { kind: self, best: VecDeque::new(), added: 0, removed: 0 })
            }
        }
    }

    /// Whether the least or greatest number so far is that still.
    fn stays(self, found: &Big, one: &Big) -> bool {
        let wanted = if self == Self::Min { Ordering::Less } else { Ordering::Greater };
        found.compare(one) == wanted
    }
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct ExactAggregate {
    name: &'static str,
    kind: Kind,
    signature: Signature,
}

impl AggregateUDFImpl for ExactAggregate {
    fn name(&self) -> &str {
        self.name
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _arguments: &[DataType]) -> Result<DataType, DataFusionError> {
        Ok(DataType::Utf8)
    }

    fn accumulator(&self, _arguments: AccumulatorArgs<'_>) -> Result<Box<dyn Accumulator>, DataFusionError> {
        Ok(Box::new(Running { found: None, kind: self.kind }))
    }

    fn create_sliding_accumulator(
        &self,
        _arguments: AccumulatorArgs<'_>,
    ) -> Result<Box<dyn Accumulator>, DataFusionError> {
        Ok(self.kind.sliding())
    }
}

#[derive(Debug)]
struct Running {
    found: Option<Big>,
    kind: Kind,
}

impl Accumulator for Running {
    fn update_batch(&mut self, values: &[ArrayRef]) -> Result<(), DataFusionError> {
        let Some(column) = values.first() else { return Ok(()) };
        for one in numbers(column)?.into_iter().flatten() {
            self.found = Some(match &self.found {
                Some(found) => self.kind.fold(found, &one),
                None => one,
            });
        }
        Ok(())
    }

    fn evaluate(&mut self) -> Result<ScalarValue, DataFusionError> {
        Ok(ScalarValue::Utf8(self.found.as_ref().map(Big::shown)))
    }

    fn size(&self) -> usize {
        size_of_val(self) + self.found.as_ref().map_or(0, bytes)
    }

    fn state(&mut self) -> Result<Vec<ScalarValue>, DataFusionError> {
        Ok(vec![self.evaluate()?])
    }

    fn merge_batch(&mut self, states: &[ArrayRef]) -> Result<(), DataFusionError> {
        self.update_batch(states)
    }
}

fn bytes(number: &Big) -> usize {
    usize::try_from(number.digits.bits() / 8).unwrap_or_default()
}

/// The sum of the rows of a frame that moves.
#[derive(Debug)]
struct SlidingSum {
    /// With the digits of all numbers that were ever added.
    sum: Big,
    /// How many numbers of the frame have how many digits after the point.
    scales: BTreeMap<i64, usize>,
}

impl Accumulator for SlidingSum {
    fn update_batch(&mut self, values: &[ArrayRef]) -> Result<(), DataFusionError> {
        let Some(column) = values.first() else { return Ok(()) };
        for one in numbers(column)?.into_iter().flatten() {
            self.sum = self.sum.add(&one);
            *self.scales.entry(one.scale).or_default() += 1;
        }
        Ok(())
    }

    fn retract_batch(&mut self, values: &[ArrayRef]) -> Result<(), DataFusionError> {
        let Some(column) = values.first() else { return Ok(()) };
        for one in numbers(column)?.into_iter().flatten() {
            self.sum = self.sum.subtract(&one);
            if let Some(count) = self.scales.get_mut(&one.scale) {
                *count -= 1;
                if *count == 0 {
                    self.scales.remove(&one.scale);
                }
            }
        }
        Ok(())
    }

    fn supports_retract_batch(&self) -> bool {
        true
    }

    fn evaluate(&mut self) -> Result<ScalarValue, DataFusionError> {
        let most = self.scales.last_key_value().map(|(scale, _)| *scale);
        Ok(ScalarValue::Utf8(most.map(|scale| self.sum.at(scale).shown())))
    }

    fn size(&self) -> usize {
        size_of_val(self) + bytes(&self.sum) + self.scales.len() * size_of::<(i64, usize)>()
    }

    fn state(&mut self) -> Result<Vec<ScalarValue>, DataFusionError> {
        Ok(vec![self.evaluate()?])
    }

    fn merge_batch(&mut self, states: &[ArrayRef]) -> Result<(), DataFusionError> {
        self.update_batch(states)
    }
}

/// The least or greatest number of a frame that moves.
#[derive(Debug)]
struct SlidingExtreme {
    kind: Kind,
    /// The numbers that are the best of what is left once those before them are gone, with their places.
    best: VecDeque<(usize, Big)>,
    /// How many numbers came into the frame so far.
    added: usize,
    /// How many left it.
    removed: usize,
}

impl Accumulator for SlidingExtreme {
    fn update_batch(&mut self, values: &[ArrayRef]) -> Result<(), DataFusionError> {
        let Some(column) = values.first() else { return Ok(()) };
        for one in numbers(column)?.into_iter().flatten() {
            while self.best.back().is_some_and(|(_, last)| !self.kind.stays(last, &one)) {
                self.best.pop_back();
            }
            self.best.push_back((self.added, one));
            self.added += 1;
        }
        Ok(())
    }

    fn retract_batch(&mut self, values: &[ArrayRef]) -> Result<(), DataFusionError> {
        let Some(column) = values.first() else { return Ok(()) };
        self.removed += column.len() - column.null_count();
        while self.best.front().is_some_and(|(place, _)| *place < self.removed) {
            self.best.pop_front();
        }
        Ok(())
    }

    fn supports_retract_batch(&self) -> bool {
        true
    }

    fn evaluate(&mut self) -> Result<ScalarValue, DataFusionError> {
        Ok(ScalarValue::Utf8(self.best.front().map(|(_, found)| found.shown())))
    }

    fn size(&self) -> usize {
        let each = size_of::<(usize, Big)>();
        size_of_val(self) + self.best.iter().map(|(_, number)| each + bytes(number)).sum::<usize>()
    }

    fn state(&mut self) -> Result<Vec<ScalarValue>, DataFusionError> {
        Ok(vec![self.evaluate()?])
    }

    fn merge_batch(&mut self, states: &[ArrayRef]) -> Result<(), DataFusionError> {
        self.update_batch(states)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use datafusion::arrow::array::StringArray;
    use proptest::prelude::*;

    use super::*;

    fn column(values: &[Option<Big>]) -> [ArrayRef; 1] {
        let texts: StringArray = values.iter().map(|one| one.as_ref().map(Big::shown)).collect();
        [Arc::new(texts)]
    }

    proptest! {
        #[test]
        fn a_frame_that_moves_gives_what_its_rows_give(
            numbers in prop::collection::vec(prop::option::of((-50_i64..50, 0_i64..4)), 1..40),
            steps in prop::collection::vec((1_usize..4, 0_usize..4), 1..40),
        ) {
            let numbers: Vec<_> =
                numbers.into_iter().map(|one| one.map(|(digits, scale)| Big::new(digits, scale))).collect();
            for kind in [Kind::Sum, Kind::Min, Kind::Max] {
                let mut moving = kind.sliding();
                let (mut start, mut end) = (0, 0);
                for (grow, shrink) in &steps {
                    let next = (end + grow).min(numbers.len());
                    moving.update_batch(&column(&numbers[end..next])).unwrap();
                    end = next;
                    let next = (start + shrink).min(end);
                    moving.retract_batch(&column(&numbers[start..next])).unwrap();
                    start = next;
                    let mut whole = Running { found: None, kind };
                    whole.update_batch(&column(&numbers[start..end])).unwrap();
                    prop_assert_eq!(moving.evaluate().unwrap(), whole.evaluate().unwrap());
                }
            }
        }
    }
}
