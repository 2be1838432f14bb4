//! What this process puts in the place of casts between dates and timestamps, and of `timestamp ± interval`, when it
//! runs a plan: the library's own do not know what is infinite. They are called in process only, and look like what they
//! stand for.

use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, AsArray, Datum, Scalar, TimestampMicrosecondArray};
use datafusion::arrow::compute::kernels::numeric;
use datafusion::arrow::datatypes::{DataType, Field, FieldRef, TimestampMicrosecondType};
use datafusion::arrow::error::ArrowError;
use datafusion::common::DataFusionError;
use datafusion::logical_expr::{
    ColumnarValue, Expr, ReturnFieldArgs, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, TypeSignature,
    Volatility,
};
use datafusion::physical_expr_common::datum::apply;

use crate::base::engine_error::wrap;
use crate::base::{Infinity, InternalError, UserFacing};

use super::function::by_arrays;
use super::time_columns::{any_infinite, converted};

/// A cast between dates, timestamps and times of the day, or of a date to text.
#[must_use]
pub fn time_cast(wanted: DataType) -> ScalarUDF {
    ScalarUDF::from(TimeCall { kind: Kind::Cast { wanted, is_key: false }, signature: any() })
}

/// The same where the column must have the name of what is cast: in a set of keys of groups, where it cannot be given one.
#[must_use]
pub fn time_cast_of_key(wanted: DataType) -> ScalarUDF {
    ScalarUDF::from(TimeCall { kind: Kind::Cast { wanted, is_key: true }, signature: any() })
}

/// A timestamp plus an interval, or minus one.
#[must_use]
pub fn moved_time(subtracted: bool) -> ScalarUDF {
    ScalarUDF::from(TimeCall { kind: Kind::Moved { subtracted }, signature: any() })
}

fn any() -> Signature {
    Signature::new(TypeSignature::VariadicAny, Volatility::Immutable)
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Kind {
    Cast { wanted: DataType, is_key: bool },
    Moved { subtracted: bool },
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct TimeCall {
    kind: Kind,
    signature: Signature,
}

impl TimeCall {
    fn type_for(&self, first: Option<&DataType>) -> Result<DataType, DataFusionError> {
        match (&self.kind, first) {
            (Kind::Cast { wanted, .. }, _) => Ok(wanted.clone()),
            (Kind::Moved { .. }, Some(moment)) => Ok(moment.clone()),
            (Kind::Moved { .. }, None) => Err(wrap(InternalError::new("nothing is moved in time").report())),
        }
    }

    fn shown(&self, arguments: &[String], is_name: bool) -> String {
        match (&self.kind, arguments) {
            // The library does not show casts in names.
            (Kind::Cast { is_key: true, .. }, [value]) if is_name => value.clone(),
            (Kind::Cast { wanted, .. }, [value]) => format!("CAST({value} AS {wanted})"),
            (Kind::Moved { subtracted }, [moment, span]) => {
                format!("{moment} {} {span}", if *subtracted { "-" } else { "+" })
            }
            _ => format!("{}({})", self.name(), arguments.join(", ")),
        }
    }
}

impl ScalarUDFImpl for TimeCall {
    fn name(&self) -> &str {
        match &self.kind {
            Kind::Cast { .. } => "time_cast",
            Kind::Moved { subtracted: false } => "time_plus",
            Kind::Moved { subtracted: true } => "time_minus",
        }
    }

    fn display_name(&self, arguments: &[Expr]) -> Result<String, DataFusionError> {
        Ok(self.shown(&arguments.iter().map(ToString::to_string).collect::<Vec<_>>(), false))
    }

    fn schema_name(&self, arguments: &[Expr]) -> Result<String, DataFusionError> {
        Ok(self.shown(&arguments.iter().map(|one| one.schema_name().to_string()).collect::<Vec<_>>(), true))
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, arguments: &[DataType]) -> Result<DataType, DataFusionError> {
        self.type_for(arguments.first())
    }

    fn return_field_from_args(&self, arguments: ReturnFieldArgs<'_>) -> Result<FieldRef, DataFusionError> {
        let found = self.type_for(arguments.arg_fields.first().map(|field| field.data_type()))?;
        // What is infinite has no time of the day.
        let nullable = matches!(found, DataType::Time64(_)) || arguments.arg_fields.iter().any(|one| one.is_nullable());
        Ok(Arc::new(Field::new(self.name(), found, nullable)))
    }

    fn is_strict(&self) -> bool {
        true
    }

    fn invoke_with_args(&self, arguments: ScalarFunctionArgs) -> Result<ColumnarValue, DataFusionError> {
        match (&self.kind, arguments.args.as_slice()) {
            (Kind::Cast { wanted, .. }, [_]) => by_arrays(&arguments, |arrays| converted(&arrays[0], wanted)),
            (Kind::Moved { subtracted }, [moment, span]) => {
                apply(moment, span, |moment, span| moved(moment, span, *subtracted))
            }
            _ => Err(wrap(InternalError::new(format!("{} has other arguments", self.name())).report())),
        }
    }
}

/// What is infinite is computed as any other moment, and put in its place again.
fn moved(moment: &dyn Datum, span: &dyn Datum, subtracted: bool) -> Result<ArrayRef, ArrowError> {
    let kernel = if subtracted { numeric::sub } else { numeric::add };
    let (array, is_scalar) = moment.get();
    let Some(moments) = array.as_primitive_opt::<TimestampMicrosecondType>().filter(|moments| any_infinite(moments))
    else {
        return kernel(moment, span);
    };
    let finite: TimestampMicrosecondArray =
        moments.unary(|micros| if Infinity::of_micros(micros).is_some() { 0 } else { micros });
    let finite = finite.with_timezone_opt(moments.timezone());
    let computed = if is_scalar { kernel(&Scalar::new(finite), span) } else { kernel(&finite, span) }?;
    let computed = computed.as_primitive::<TimestampMicrosecondType>();
    let restored = computed.iter().enumerate().map(|(row, found)| {
        let micros = moments.value(if is_scalar { 0 } else { row });
        found.map(|found| Infinity::of_micros(micros).map_or(found, Infinity::micros))
    });
    let restored: TimestampMicrosecondArray = restored.collect();
    Ok(Arc::new(restored.with_timezone_opt(moments.timezone())))
}

#[cfg(test)]
mod tests {
    use datafusion::arrow::array::IntervalMonthDayNanoArray;
    use datafusion::arrow::datatypes::IntervalMonthDayNano;

    use super::*;

    #[test]
    fn only_what_is_finite_is_moved() {
        let moments = TimestampMicrosecondArray::from(vec![Some(i64::MAX), Some(0), None, Some(i64::MIN)]);
        let day = IntervalMonthDayNanoArray::from(vec![IntervalMonthDayNano::new(0, 1, 0)]);
        let later = moved(&moments, &Scalar::new(day.clone()), false).unwrap();
        let wanted = vec![Some(i64::MAX), Some(86_400_000_000), None, Some(i64::MIN)];
        assert_eq!(later.as_primitive::<TimestampMicrosecondType>(), &TimestampMicrosecondArray::from(wanted));
        let late = Scalar::new(TimestampMicrosecondArray::from(vec![i64::MAX]));
        let earlier = moved(&late, &day, true).unwrap();
        assert_eq!(earlier.as_primitive::<TimestampMicrosecondType>().value(0), i64::MAX);
    }

    #[test]
    fn they_look_like_what_they_stand_for() {
        let column = datafusion::logical_expr::col("d");
        let cast = time_cast_of_key(DataType::Date32).schema_name(std::slice::from_ref(&column)).unwrap();
        let sum = moved_time(true).schema_name(&[column.clone(), column]).unwrap();
        assert_eq!((cast.as_str(), sum.as_str()), ("d", "d - d"));
    }
}
