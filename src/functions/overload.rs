//! Functions with PostgreSQL's signatures: several under one name, chosen by the types of the arguments.
//!
//! A call is settled once, when its arguments have their types: from then on it has one signature and one result type.

use std::collections::HashMap;
use std::hash::{Hash, Hasher};
use std::sync::{Arc, LazyLock};

use chrono_tz::Tz;
use datafusion::arrow::array::{ArrayRef, new_empty_array};
use datafusion::arrow::datatypes::{DataType, Field, FieldRef};
use datafusion::common::{DataFusionError, ScalarValue};
use datafusion::logical_expr::{
    ColumnarValue, ReturnFieldArgs, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, TypeSignature, Volatility,
};

use crate::base::engine_error::wrap;
use crate::base::limits::FUNCTION_RESULT_BYTES;
use crate::base::{ErrorReport, SqlState, infinite};

use super::function::{Invoke, Returns, by_arrays};
use super::signature::{Argument, CallSignature, Chosen, choose};
use super::{time_columns, value};

/// The arguments of one row.
pub(super) struct Call<'a> {
    pub(super) args: &'a [ScalarValue],
    /// The type of the result.
    pub(super) returns: &'a DataType,
    /// The zone of the session, for functions that ask for it.
    pub(super) zone: Tz,
}

/// What a function makes of one row.
pub(super) type OfRow = fn(&Call<'_>) -> Result<ScalarValue, ErrorReport>;

#[derive(Debug, Clone, Copy)]
enum Kernel {
    Rows(OfRow),
    Columns(Invoke),
}

/// One signature of a function and what runs for it.
#[derive(Debug, Clone)]
pub(super) struct Overload {
    name: &'static str,
    signature: CallSignature,
    kernel: Kernel,
    strict: bool,
    volatility: Volatility,
    zoned: bool,
    returns: Option<Returns>,
}

/// A signature whose result is NULL where an argument is.
pub(super) fn strict(name: &'static str, signature: &str, kernel: OfRow) -> Overload {
    overload(name, signature, Kernel::Rows(kernel), true)
}

/// A signature that looks at NULLs itself.
pub(super) fn lenient(name: &'static str, signature: &str, kernel: OfRow) -> Overload {
    overload(name, signature, Kernel::Rows(kernel), false)
}

/// A signature that works on whole columns; NULL where a constant argument is.
pub(super) fn columns(name: &'static str, signature: &str, kernel: Invoke) -> Overload {
    overload(name, signature, Kernel::Columns(kernel), true)
}

fn overload(name: &'static str, signature: &str, kernel: Kernel, strict: bool) -> Overload {
    let signature = CallSignature::parse(signature);
    Overload { name, signature, kernel, strict, volatility: Volatility::Immutable, zoned: false, returns: None }
}

impl Overload {
    /// Another value each time.
    pub(super) fn volatile(mut self) -> Self {
        self.volatility = Volatility::Volatile;
        self
    }

    /// Depends on the time zone of the session.
    pub(super) fn zoned(mut self) -> Self {
        self.zoned = true;
        self
    }

    /// The result type depends on more than the signature.
    pub(super) fn returning(mut self, returns: Returns) -> Self {
        self.returns = Some(returns);
        self
    }

    fn result(&self, chosen: &Chosen, literals: &[Option<&ScalarValue>]) -> DataType {
        let own = self.returns.and_then(|returns| returns(&chosen.arguments, literals));
        own.unwrap_or_else(|| chosen.result.clone())
    }
}

/// All signatures of one name.
#[derive(Debug)]
struct Definition {
    name: &'static str,
    overloads: Vec<Overload>,
}

impl Definition {
    fn choose(&self, arguments: &[Argument]) -> Result<Chosen, ErrorReport> {
        let signatures: Vec<&CallSignature> = self.overloads.iter().map(|one| &one.signature).collect();
        choose(self.name, &signatures, arguments).map_err(|report| *report)
    }

    /// Constants in quotes are text where that fits, else of open type.
    fn choose_by_types(&self, types: &[DataType], literals: &[Option<&ScalarValue>]) -> Result<Chosen, ErrorReport> {
        let typed: Vec<Argument> = types.iter().map(|one| (!one.is_null()).then(|| one.clone())).collect();
        self.choose(&typed).or_else(|_| {
            let open = |index: usize| matches!(literals.get(index), Some(Some(ScalarValue::Utf8(_))));
            let opened = typed.iter().enumerate().map(|(index, one)| if open(index) { None } else { one.clone() });
            self.choose(&opened.collect::<Vec<_>>())
        })
    }
}

static DEFINITIONS: LazyLock<HashMap<&'static str, Arc<Definition>>> = LazyLock::new(|| {
    let mut found: HashMap<&'static str, Vec<Overload>> = HashMap::new();
    for overload in super::registry::overloads() {
        found.entry(overload.name).or_default().push(overload);
    }
    found.into_iter().map(|(name, overloads)| (name, Arc::new(Definition { name, overloads }))).collect()
});

/// Every function with signatures of its own.
pub(super) fn functions() -> Vec<ScalarUDF> {
    DEFINITIONS.values().map(|definition| ScalarUDF::from(Overloaded::new(Arc::clone(definition), None))).collect()
}

/// A call whose signature is chosen.
pub enum Settled {
    /// The function with one signature; true when it takes the zone of the session as one more argument.
    Call(Arc<ScalarUDF>, bool),
    /// All arguments are constants, and so is the result. Only for numbers, whose digits depend on the values.
    Constant(ScalarValue),
}

/// Whether a call is of one of these functions and its signature is still open. The library has functions of the same
/// names, which its planner calls itself.
#[must_use]
pub fn is_open(function: &ScalarUDF) -> bool {
    let implementation: &dyn std::any::Any = function.inner().as_ref();
    implementation.downcast_ref::<Overloaded>().is_some_and(|own| own.pinned.is_none())
}

/// The types that the arguments of a call must become; `None` for a function of the library.
///
/// # Errors
/// Within: `42883` when no signature takes arguments of these types, `42725` when several do.
#[must_use]
pub fn argument_types(name: &str, arguments: &[Option<DataType>]) -> Option<Result<Vec<DataType>, ErrorReport>> {
    let definition = DEFINITIONS.get(name)?;
    Some(definition.choose(arguments).map(|chosen| chosen.arguments))
}

/// The call of a function whose arguments have the types that [`argument_types`] gave. `is_utc` says whether local time
/// is UTC in this session.
#[must_use]
pub fn settled(name: &str, types: &[DataType], literals: &[Option<&ScalarValue>], is_utc: bool) -> Option<Settled> {
    let definition = DEFINITIONS.get(name)?;
    let typed: Vec<Argument> = types.iter().map(|one| (!one.is_null()).then(|| one.clone())).collect();
    let chosen = definition.choose(&typed).ok()?;
    let overload = definition.overloads.get(chosen.index)?;
    let result = overload.result(&chosen, literals);
    if let Some(constant) = constant(overload, &result, literals) {
        return Some(Settled::Constant(constant));
    }
    let zoned = overload.zoned && !is_utc;
    let pinned = Pinned { index: chosen.index, result, zoned };
    let function = ScalarUDF::from(Overloaded::new(Arc::clone(definition), Some(pinned)));
    Some(Settled::Call(Arc::new(function), zoned))
}

fn constant(overload: &Overload, result: &DataType, literals: &[Option<&ScalarValue>]) -> Option<ScalarValue> {
    let Kernel::Rows(kernel) = overload.kernel else { return None };
    let numeric = matches!(result, DataType::Decimal128(_, _)) && overload.volatility == Volatility::Immutable;
    if !numeric || overload.zoned {
        return None;
    }
    let args: Vec<ScalarValue> = literals.iter().map(|one| one.cloned()).collect::<Option<_>>()?;
    if overload.strict && args.iter().any(ScalarValue::is_null) {
        return None;
    }
    // An error waits until the row is there.
    kernel(&Call { args: &args, returns: result, zone: Tz::UTC }).ok().filter(|value| !value.is_null())
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Pinned {
    index: usize,
    result: DataType,
    zoned: bool,
}

#[derive(Debug)]
struct Overloaded {
    /// Another one where the zone of the session is an argument: no dialect writes that.
    name: String,
    definition: Arc<Definition>,
    pinned: Option<Pinned>,
    signature: Signature,
}

impl Overloaded {
    fn new(definition: Arc<Definition>, pinned: Option<Pinned>) -> Self {
        let any = TypeSignature::OneOf(vec![TypeSignature::VariadicAny, TypeSignature::Nullary]);
        let volatile = definition.overloads.iter().any(|one| one.volatility == Volatility::Volatile);
        let volatility = if volatile { Volatility::Volatile } else { Volatility::Immutable };
        let zoned = pinned.as_ref().is_some_and(|pinned| pinned.zoned);
        let name = if zoned { format!("{} in a zone", definition.name) } else { definition.name.to_owned() };
        Self { name, definition, pinned, signature: Signature::new(any, volatility) }
    }

    fn field(&self, types: &[DataType], literals: &[Option<&ScalarValue>]) -> Result<DataType, DataFusionError> {
        if let Some(pinned) = &self.pinned {
            return Ok(pinned.result.clone());
        }
        let chosen = self.definition.choose_by_types(types, literals).map_err(wrap)?;
        Ok(self.definition.overloads[chosen.index].result(&chosen, literals))
    }

    /// The signature that runs, and the arguments as it takes them.
    fn ready(&self, arguments: &mut ScalarFunctionArgs) -> Result<&Overload, DataFusionError> {
        let types: Vec<DataType> = arguments.args.iter().map(ColumnarValue::data_type).collect();
        if let Some(pinned) = &self.pinned
            && let Some(overload) = self.definition.overloads.get(pinned.index)
        {
            return Ok(overload);
        }
        let literals: Vec<Option<&ScalarValue>> = arguments.args.iter().map(scalar).collect();
        let chosen = self.definition.choose_by_types(&types, &literals).map_err(wrap)?;
        for (argument, wanted) in arguments.args.iter_mut().zip(&chosen.arguments) {
            if argument.data_type() != *wanted {
                *argument = as_type(argument, wanted)?;
            }
        }
        Ok(&self.definition.overloads[chosen.index])
    }
}

fn as_type(value: &ColumnarValue, wanted: &DataType) -> Result<ColumnarValue, DataFusionError> {
    match value {
        ColumnarValue::Scalar(value) => Ok(ColumnarValue::Scalar(infinite::converted(value, wanted)?)),
        ColumnarValue::Array(array) => Ok(ColumnarValue::Array(time_columns::converted(array, wanted)?)),
    }
}

fn scalar(value: &ColumnarValue) -> Option<&ScalarValue> {
    match value {
        ColumnarValue::Scalar(value) => Some(value),
        ColumnarValue::Array(_) => None,
    }
}

impl PartialEq for Overloaded {
    fn eq(&self, other: &Self) -> bool {
        self.definition.name == other.definition.name && self.pinned == other.pinned
    }
}

impl Eq for Overloaded {}

impl Hash for Overloaded {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.definition.name.hash(state);
        self.pinned.hash(state);
    }
}

impl ScalarUDFImpl for Overloaded {
    fn name(&self) -> &str {
        &self.name
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, arguments: &[DataType]) -> Result<DataType, DataFusionError> {
        self.field(arguments, &vec![None; arguments.len()])
    }

    fn return_field_from_args(&self, arguments: ReturnFieldArgs<'_>) -> Result<FieldRef, DataFusionError> {
        let types: Vec<DataType> = arguments.arg_fields.iter().map(|field| field.data_type().clone()).collect();
        let found = self.field(&types, arguments.scalar_arguments)?;
        Ok(Field::new(self.definition.name, found, true).into())
    }

    fn invoke_with_args(&self, mut arguments: ScalarFunctionArgs) -> Result<ColumnarValue, DataFusionError> {
        let overload = self.ready(&mut arguments)?;
        let null = |value: &ColumnarValue| scalar(value).is_some_and(ScalarValue::is_null);
        if overload.strict && arguments.args.iter().any(null) {
            return Ok(ColumnarValue::Scalar(ScalarValue::try_from(arguments.return_type())?));
        }
        match overload.kernel {
            Kernel::Columns(kernel) => kernel(arguments),
            Kernel::Rows(kernel) => {
                row_by_row(overload, kernel, self.pinned.as_ref().is_some_and(|pinned| pinned.zoned), &arguments)
            }
        }
    }
}

fn row_by_row(
    overload: &Overload,
    kernel: OfRow,
    zoned: bool,
    arguments: &ScalarFunctionArgs,
) -> Result<ColumnarValue, DataFusionError> {
    let result = arguments.return_type().clone();
    if arguments.args.is_empty() {
        // Without arguments nothing else says how many rows there are.
        let rows = if overload.volatility == Volatility::Volatile { arguments.number_rows } else { 1 };
        let call = Call { args: &[], returns: &result, zone: Tz::UTC };
        let values = (0..rows).map(|_| kernel(&call).map_err(wrap)).collect::<Result<Vec<_>, _>>()?;
        return match values.as_slice() {
            [one] => Ok(ColumnarValue::Scalar(one.clone())),
            _ => Ok(ColumnarValue::Array(gather(values, &result)?)),
        };
    }
    by_arrays(arguments, |arrays| {
        let (arrays, zone) = match arrays.split_last() {
            Some((last, others)) if zoned => (others, value::zone_of_column(last)),
            _ => (arrays, Tz::UTC),
        };
        let mut values = Vec::with_capacity(arrays.first().map_or(0, |array| array.len()));
        let mut bytes = 0_usize;
        for row in 0..arrays.first().map_or(0, |array| array.len()) {
            let args = arrays.iter().map(|array| ScalarValue::try_from_array(array, row));
            let args = args.collect::<Result<Vec<_>, _>>()?;
            if overload.strict && args.iter().any(ScalarValue::is_null) {
                values.push(ScalarValue::try_from(&result)?);
                continue;
            }
            let found = kernel(&Call { args: &args, returns: &result, zone }).map_err(wrap)?;
            bytes = bytes.saturating_add(found.size());
            if bytes > FUNCTION_RESULT_BYTES && row > 0 {
                return Err(wrap(too_much()));
            }
            values.push(value::fitted(found, &result).map_err(wrap)?);
        }
        gather(values, &result)
    })
}

fn too_much() -> ErrorReport {
    ErrorReport::new(SqlState::OUT_OF_MEMORY, "out of memory")
        .with_detail(format!(
            "The results of a function for the rows that are computed at once take more than {FUNCTION_RESULT_BYTES} bytes."
        ))
        .with_hint("Make shorter texts, or read fewer rows.")
}

fn gather(values: Vec<ScalarValue>, result: &DataType) -> Result<ArrayRef, DataFusionError> {
    if values.is_empty() { Ok(new_empty_array(result)) } else { ScalarValue::iter_to_array(values) }
}

#[cfg(test)]
mod tests {
    use super::super::signature::Parameter;

    #[test]
    fn every_word_of_a_signature_is_a_type() {
        for overload in super::super::registry::overloads() {
            let all = overload.signature.parameters.iter().chain([&overload.signature.result]);
            let anything = all.filter(|one| **one == Parameter::Any).count();
            let variadic = matches!(overload.signature.parameters.last(), Some(Parameter::Any));
            assert!(anything == usize::from(variadic), "{}: {:?}", overload.name, overload.signature);
        }
    }
}
