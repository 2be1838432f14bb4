//! The library's functions under PostgreSQL's names and with PostgreSQL's result types.

use std::hash::{Hash, Hasher};
use std::sync::Arc;

use datafusion::arrow::datatypes::{DataType, FieldRef};
use datafusion::common::{DataFusionError, ScalarValue, plan_err};
use datafusion::logical_expr::function::{AccumulatorArgs, StateFieldsArgs};
use datafusion::logical_expr::utils::AggregateOrderSensitivity;
use datafusion::logical_expr::{Accumulator, AggregateUDF, AggregateUDFImpl, GroupsAccumulator, Signature, Volatility};

use super::function::type_name;

/// What the arguments of an aggregate become before it sees them; `None` when there is no such aggregate.
type Widen = fn(&DataType) -> Option<DataType>;

/// A library aggregate under another name, or with wider arguments.
#[derive(Debug)]
pub(super) struct Widened {
    name: &'static str,
    inner: Arc<AggregateUDF>,
    widen: Option<Widen>,
    signature: Signature,
}

impl Widened {
    pub(super) fn function(name: &'static str, inner: Arc<AggregateUDF>, widen: Option<Widen>) -> AggregateUDF {
        let signature = match widen {
            Some(_) => Signature::user_defined(Volatility::Immutable),
            None => inner.signature().clone(),
        };
        AggregateUDF::from(Self { name, inner, widen, signature })
    }
}

impl PartialEq for Widened {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
    }
}

impl Eq for Widened {}

impl Hash for Widened {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.name.hash(state);
    }
}

/// `sum`: integers add up to bigint. A sum of bigints is numeric in PostgreSQL: the planner casts them before, so that
/// this is the same whenever it is asked.
pub(super) fn widen_sum(argument: &DataType) -> Option<DataType> {
    match argument {
        DataType::Null => Some(DataType::Int64),
        integer if integer.is_integer() => Some(DataType::Int64),
        DataType::Decimal128(_, scale) => Some(DataType::Decimal128(38, *scale)),
        DataType::Decimal256(precision, scale) => Some(DataType::Decimal256(*precision, *scale)),
        DataType::Float32 | DataType::Float64 => Some(DataType::Float64),
        // Only until the planner has put the sum of intervals in its place.
        DataType::Interval(_) => Some(argument.clone()),
        _ => None,
    }
}

impl AggregateUDFImpl for Widened {
    fn name(&self) -> &str {
        self.name
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, arguments: &[DataType]) -> Result<DataType, DataFusionError> {
        match arguments {
            [interval @ DataType::Interval(_)] if self.name == "sum" => Ok(interval.clone()),
            _ => self.inner.return_type(arguments),
        }
    }

    fn coerce_types(&self, arguments: &[DataType]) -> Result<Vec<DataType>, DataFusionError> {
        let Some(widen) = self.widen else { return self.inner.coerce_types(arguments) };
        let widened: Option<Vec<DataType>> = arguments.iter().map(widen).collect();
        match widened {
            Some(widened) if !widened.is_empty() => Ok(widened),
            Some(_) | None => {
                let types: Vec<String> = arguments.iter().map(type_name).collect();
                plan_err!("function {}({}) does not exist", self.name, types.join(", "))
            }
        }
    }

    fn accumulator(&self, arguments: AccumulatorArgs<'_>) -> Result<Box<dyn Accumulator>, DataFusionError> {
        self.inner.accumulator(arguments)
    }

    fn state_fields(&self, arguments: StateFieldsArgs<'_>) -> Result<Vec<FieldRef>, DataFusionError> {
        self.inner.state_fields(arguments)
    }

    fn groups_accumulator_supported(&self, arguments: AccumulatorArgs<'_>) -> bool {
        // For many groups at once the library compares floats without an order: NaN would win or lose by chance.
        let is_unordered = matches!(self.name, "max" | "min") && arguments.return_field.data_type().is_floating();
        !is_unordered && self.inner.groups_accumulator_supported(arguments)
    }

    fn create_groups_accumulator(
        &self,
        arguments: AccumulatorArgs<'_>,
    ) -> Result<Box<dyn GroupsAccumulator>, DataFusionError> {
        self.inner.create_groups_accumulator(arguments)
    }

    fn create_sliding_accumulator(
        &self,
        arguments: AccumulatorArgs<'_>,
    ) -> Result<Box<dyn Accumulator>, DataFusionError> {
        self.inner.create_sliding_accumulator(arguments)
    }

    fn is_descending(&self) -> Option<bool> {
        self.inner.is_descending()
    }

    fn order_sensitivity(&self) -> AggregateOrderSensitivity {
        self.inner.order_sensitivity()
    }

    fn default_value(&self, data_type: &DataType) -> Result<ScalarValue, DataFusionError> {
        self.inner.default_value(data_type)
    }
}
