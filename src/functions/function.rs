//! The one shape that this server's own scalar functions have.

use std::hash::{Hash, Hasher};

use datafusion::arrow::array::ArrayRef;
use datafusion::arrow::datatypes::{DataType, Field, FieldRef};
use datafusion::common::{DataFusionError, ScalarValue};
use datafusion::logical_expr::{
    ColumnarValue, ReturnFieldArgs, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, TypeSignature, Volatility,
};

use crate::base::engine_error::wrap;
use crate::base::{ErrorReport, SqlState, SqlType};

/// The result type for these argument types and literal arguments.
pub(super) type Returns = fn(&[DataType], &[Option<&ScalarValue>]) -> Option<DataType>;
/// The implementation.
pub(super) type Invoke = fn(ScalarFunctionArgs) -> Result<ColumnarValue, DataFusionError>;

/// A scalar function. Arguments come as they are: the function casts them itself, so that a call is resolved in one
/// place and with PostgreSQL's message when no signature fits.
#[derive(Debug)]
pub(super) struct Function {
    name: &'static str,
    returns: Returns,
    invoke: Invoke,
    strict: bool,
    signature: Signature,
}

impl Function {
    /// A function that is NULL when an argument is.
    pub(super) fn strict(name: &'static str, returns: Returns, invoke: Invoke) -> ScalarUDF {
        Self::build(name, returns, invoke, true)
    }

    /// A function that looks at NULLs itself.
    pub(super) fn lenient(name: &'static str, returns: Returns, invoke: Invoke) -> ScalarUDF {
        Self::build(name, returns, invoke, false)
    }

    /// A lenient function whose calls stay where they are, also over constants.
    pub(super) fn kept(name: &'static str, returns: Returns, invoke: Invoke) -> ScalarUDF {
        ScalarUDF::from(Self { name, returns, invoke, strict: false, signature: any(Volatility::Volatile) })
    }

    fn build(name: &'static str, returns: Returns, invoke: Invoke, strict: bool) -> ScalarUDF {
        ScalarUDF::from(Self { name, returns, invoke, strict, signature: any(Volatility::Immutable) })
    }
}

fn any(volatility: Volatility) -> Signature {
    Signature::new(TypeSignature::OneOf(vec![TypeSignature::VariadicAny, TypeSignature::Nullary]), volatility)
}

impl PartialEq for Function {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
    }
}

impl Eq for Function {}

impl Hash for Function {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.name.hash(state);
    }
}

impl ScalarUDFImpl for Function {
    fn name(&self) -> &str {
        self.name
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, arguments: &[DataType]) -> Result<DataType, DataFusionError> {
        (self.returns)(arguments, &vec![None; arguments.len()]).ok_or_else(|| wrap(undefined(self.name, arguments)))
    }

    fn return_field_from_args(&self, arguments: ReturnFieldArgs<'_>) -> Result<FieldRef, DataFusionError> {
        let types: Vec<DataType> = arguments.arg_fields.iter().map(|field| field.data_type().clone()).collect();
        match (self.returns)(&types, arguments.scalar_arguments) {
            Some(found) => Ok(Field::new(self.name, found, true).into()),
            None => Err(wrap(undefined(self.name, &types))),
        }
    }

    fn invoke_with_args(&self, arguments: ScalarFunctionArgs) -> Result<ColumnarValue, DataFusionError> {
        let null = |value: &ColumnarValue| match value {
            ColumnarValue::Scalar(value) => value.is_null(),
            ColumnarValue::Array(array) => array.data_type().is_null(),
        };
        if self.strict && arguments.args.iter().any(null) {
            return Ok(ColumnarValue::Scalar(ScalarValue::try_from(arguments.return_type())?));
        }
        (self.invoke)(arguments)
    }
}

/// `function f(integer, text) does not exist`
pub(super) fn undefined(name: &str, arguments: &[DataType]) -> ErrorReport {
    undefined_names(name, &arguments.iter().map(type_name).collect::<Vec<_>>())
}

/// The same with the names of the types.
pub(super) fn undefined_names(name: &str, types: &[String]) -> ErrorReport {
    ErrorReport::new(SqlState::UNDEFINED_FUNCTION, format!("function {name}({}) does not exist", types.join(", ")))
        .with_hint("No function matches the given name and argument types. You might need to add explicit type casts.")
}

/// A type as PostgreSQL names it in messages.
#[must_use]
pub fn type_name(data_type: &DataType) -> String {
    match SqlType::from_arrow(data_type) {
        Ok(_) if data_type.is_null() => "unknown".to_owned(),
        Ok(SqlType::Numeric { .. }) => "numeric".to_owned(),
        Ok(SqlType::Array(element)) if matches!(*element, SqlType::Numeric { .. }) => "numeric[]".to_owned(),
        Ok(sql_type) => sql_type.name(),
        Err(error) => error.0.to_string(),
    }
}

/// Runs an implementation that works on arrays of equal length. Scalars in give a scalar out.
pub(super) fn by_arrays(
    arguments: &ScalarFunctionArgs,
    run: impl FnOnce(&[ArrayRef]) -> Result<ArrayRef, DataFusionError>,
) -> Result<ColumnarValue, DataFusionError> {
    let scalar = arguments.args.iter().all(|argument| matches!(argument, ColumnarValue::Scalar(_)));
    let result = run(&ColumnarValue::values_to_arrays(&arguments.args)?)?;
    if scalar && result.len() == 1 {
        return Ok(ColumnarValue::Scalar(ScalarValue::try_from_array(&result, 0)?));
    }
    Ok(ColumnarValue::Array(result))
}

/// A function that no table has. It exists so that the message can name the argument types.
#[must_use]
pub fn unknown_function(name: &str) -> ScalarUDF {
    let any = TypeSignature::OneOf(vec![TypeSignature::VariadicAny, TypeSignature::Nullary]);
    ScalarUDF::from(Unknown { name: name.to_owned(), signature: Signature::new(any, Volatility::Immutable) })
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct Unknown {
    name: String,
    signature: Signature,
}

impl ScalarUDFImpl for Unknown {
    fn name(&self) -> &str {
        &self.name
    }
    fn signature(&self) -> &Signature {
        &self.signature
    }
    fn return_type(&self, arguments: &[DataType]) -> Result<DataType, DataFusionError> {
        Err(wrap(undefined(&self.name, arguments)))
    }
    fn return_field_from_args(&self, arguments: ReturnFieldArgs<'_>) -> Result<FieldRef, DataFusionError> {
        let name = |(field, literal): (&FieldRef, &Option<&ScalarValue>)| match literal {
            Some(ScalarValue::Utf8(_)) => "unknown".to_owned(),
            Some(_) | None => type_name(field.data_type()),
        };
        let types = arguments.arg_fields.iter().zip(arguments.scalar_arguments).map(name);
        Err(wrap(undefined_names(&self.name, &types.collect::<Vec<_>>())))
    }
    fn invoke_with_args(&self, _arguments: ScalarFunctionArgs) -> Result<ColumnarValue, DataFusionError> {
        Err(wrap(undefined(&self.name, &[])))
    }
}
