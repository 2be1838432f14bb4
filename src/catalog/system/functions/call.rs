//! One call: arguments in, a value out, and the way of a whole function into DataFusion.

use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use datafusion::arrow::array::{
    Array, ArrayRef, AsArray, BooleanArray, Int32Array, Int64Array, ListBuilder, StringArray, StringBuilder,
    TimestampMicrosecondArray, UInt32Array,
};
use datafusion::arrow::datatypes::{DataType, Int32Type, Int64Type, UInt32Type};
use datafusion::common::{DataFusionError, Result, ScalarValue, plan_err};
use datafusion::logical_expr::{ColumnarValue, ScalarFunctionArgs, ScalarUDFImpl, Signature, Volatility};

use crate::base::{ErrorReport, SqlType, engine_error};

use super::super::System;

/// The type of an argument.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Argument {
    /// An OID; a literal text is read as one.
    Oid,
    /// A name or any text.
    Text,
    /// An integer.
    Int4,
    /// A bigint.
    Int8,
    /// A boolean.
    Bool,
    /// An object by its OID or by its name.
    OidOrText,
    /// Anything; only its being NULL matters, or its length.
    Any,
    /// Anything, read as its text.
    Shown,
}

/// The type of the result.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Returns {
    /// boolean
    Bool,
    /// integer
    Int4,
    /// bigint
    Int8,
    /// oid
    Oid,
    /// text
    Text,
    /// text[]
    Texts,
    /// timestamptz
    Moment,
}

/// A result.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Datum {
    /// NULL
    Null,
    /// boolean
    Bool(bool),
    /// integer
    Int4(i32),
    /// bigint
    Int8(i64),
    /// oid
    Oid(u32),
    /// text
    Text(String),
    /// text[]
    Texts(Vec<String>),
    /// timestamptz, in microseconds since 1970
    Moment(i64),
}

impl Datum {
    /// The text, or NULL.
    pub(super) fn text(value: Option<impl Into<String>>) -> Self {
        value.map_or(Self::Null, |text| Self::Text(text.into()))
    }

    /// The OID, or NULL.
    pub(super) fn oid(value: Option<u32>) -> Self {
        value.map_or(Self::Null, Self::Oid)
    }

    /// The boolean, or NULL.
    pub(super) fn bool(value: Option<bool>) -> Self {
        value.map_or(Self::Null, Self::Bool)
    }
}

/// What a function does for one row.
pub(super) type Body = fn(&System, &Arguments<'_>) -> std::result::Result<Datum, ErrorReport>;

/// One function.
#[derive(Debug)]
pub(super) struct FunctionRow {
    /// Its name in lower case.
    pub(super) name: &'static str,
    /// What it takes at most.
    pub(super) arguments: &'static [Argument],
    /// How many of them must be there.
    pub(super) required: usize,
    /// What it gives.
    pub(super) returns: Returns,
    /// Whether it may give another value at every call.
    pub(super) volatile: bool,
    /// Whether a NULL argument makes the result NULL without a call.
    pub(super) strict: bool,
    /// What it does.
    pub(super) body: Body,
}

impl FunctionRow {
    /// A strict function whose arguments must all be there.
    pub(super) const fn new(name: &'static str, arguments: &'static [Argument], returns: Returns, body: Body) -> Self {
        Self { name, arguments, required: arguments.len(), returns, volatile: false, strict: true, body }
    }

    /// The same with only so many arguments required.
    pub(super) const fn required(mut self, required: usize) -> Self {
        self.required = required;
        self
    }

    /// The same, called whenever a statement runs.
    pub(super) const fn volatile(mut self) -> Self {
        self.volatile = true;
        self
    }

    /// The same, called with NULL arguments too.
    pub(super) const fn not_strict(mut self) -> Self {
        self.strict = false;
        self
    }
}

/// The arguments of one row.
pub(super) struct Arguments<'a> {
    arrays: &'a [ArrayRef],
    row: usize,
}

impl Arguments<'_> {
    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.arrays.len()
    }

    fn value(&self, index: usize) -> Option<&ArrayRef> {
        self.arrays.get(index).filter(|array| !array.is_null(self.row))
    }

    /// An argument as text; `None` for NULL, for one that was not given, and for one that is an OID.
    pub(super) fn text(&self, index: usize) -> Option<&str> {
        self.value(index)?.as_string_opt::<i32>().map(|array| array.value(self.row))
    }

    /// An argument as an OID.
    pub(super) fn oid(&self, index: usize) -> Option<u32> {
        self.value(index)?.as_primitive_opt::<UInt32Type>().map(|array| array.value(self.row))
    }

    /// An argument as an integer.
    pub(super) fn int(&self, index: usize) -> Option<i64> {
        let array = self.value(index)?;
        let wide = array.as_primitive_opt::<Int64Type>().map(|array| array.value(self.row));
        wide.or_else(|| array.as_primitive_opt::<Int32Type>().map(|array| i64::from(array.value(self.row))))
    }

    /// An argument as a boolean.
    pub(super) fn bool(&self, index: usize) -> Option<bool> {
        self.value(index)?.as_boolean_opt().map(|array| array.value(self.row))
    }

    /// The length of an argument that is an array.
    pub(super) fn list_length(&self, index: usize) -> Option<i32> {
        self.value(index)?.as_list_opt::<i32>().map(|array| array.value_length(self.row))
    }

    fn has_null(&self) -> bool {
        self.arrays.iter().any(|array| array.is_null(self.row))
    }
}

/// A function bound to the system that it reads.
pub(super) struct SystemFunction {
    system: System,
    row: &'static FunctionRow,
    signature: Signature,
}

impl SystemFunction {
    /// The function of a row.
    pub(super) fn new(system: System, row: &'static FunctionRow) -> Self {
        let volatility = if row.volatile { Volatility::Volatile } else { Volatility::Stable };
        let signature = match row.arguments {
            [] => Signature::nullary(volatility),
            _ => Signature::user_defined(volatility),
        };
        Self { system, row, signature }
    }

    fn evaluate(&self, arrays: &[ArrayRef], count: usize) -> Result<ArrayRef> {
        let mut values = Vec::with_capacity(count);
        for row in 0..count {
            let arguments = Arguments { arrays, row };
            if self.row.strict && arguments.has_null() {
                values.push(Datum::Null);
            } else {
                values.push((self.row.body)(&self.system, &arguments).map_err(engine_error::wrap)?);
            }
        }
        Ok(collect(self.row.returns, values))
    }
}

impl fmt::Debug for SystemFunction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SystemFunction({})", self.row.name)
    }
}

impl PartialEq for SystemFunction {
    fn eq(&self, other: &Self) -> bool {
        self.row.name == other.row.name && self.system.is_same(&other.system)
    }
}

impl Eq for SystemFunction {}

impl Hash for SystemFunction {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.row.name.hash(state);
    }
}

impl ScalarUDFImpl for SystemFunction {
    fn name(&self) -> &str {
        self.row.name
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _argument_types: &[DataType]) -> Result<DataType> {
        Ok(match self.row.returns {
            Returns::Bool => DataType::Boolean,
            Returns::Int4 => DataType::Int32,
            Returns::Int8 => DataType::Int64,
            Returns::Oid => DataType::UInt32,
            Returns::Text => DataType::Utf8,
            Returns::Texts => SqlType::Array(Box::new(SqlType::Text)).arrow(),
            Returns::Moment => SqlType::Timestamptz.arrow(),
        })
    }

    fn coerce_types(&self, given: &[DataType]) -> Result<Vec<DataType>> {
        if given.len() < self.row.required || given.len() > self.row.arguments.len() {
            return plan_err!("No function matches the given name and argument types: {}", self.row.name);
        }
        given.iter().zip(self.row.arguments).map(|(given, wanted)| self.coerce(*wanted, given)).collect()
    }

    fn invoke_with_args(&self, call: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let constant = call.args.iter().all(|argument| matches!(argument, ColumnarValue::Scalar(_)));
        let count = if constant { 1 } else { call.number_rows };
        let arrays = call.args.into_iter().map(|argument| argument.into_array(count)).collect::<Result<Vec<_>>>()?;
        let values = self.evaluate(&arrays, count)?;
        if constant {
            return Ok(ColumnarValue::Scalar(ScalarValue::try_from_array(&values, 0)?));
        }
        Ok(ColumnarValue::Array(values))
    }
}

impl SystemFunction {
    fn coerce(&self, wanted: Argument, given: &DataType) -> Result<DataType> {
        let is_text = matches!(given, DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View);
        let is_number = given.is_integer() || *given == DataType::Null;
        let coerced = match wanted {
            Argument::Oid if is_text || is_number => Some(DataType::UInt32),
            Argument::Text if is_text || *given == DataType::Null => Some(DataType::Utf8),
            Argument::Int4 if is_text || is_number => Some(DataType::Int32),
            Argument::Int8 if is_text || is_number => Some(DataType::Int64),
            Argument::Bool if is_text || matches!(given, DataType::Boolean | DataType::Null) => Some(DataType::Boolean),
            // What is not known yet, a parameter, may be a name; the OID of a name is its number as text too.
            Argument::OidOrText if is_text || *given == DataType::Null => Some(DataType::Utf8),
            Argument::OidOrText if is_number => Some(DataType::UInt32),
            Argument::Any => Some(given.clone()),
            Argument::Shown => Some(DataType::Utf8),
            Argument::Oid | Argument::Text | Argument::Int4 | Argument::Int8 | Argument::Bool | Argument::OidOrText => {
                None
            }
        };
        coerced.ok_or_else(|| {
            DataFusionError::Plan(format!("No function matches the given name and argument types: {}", self.row.name))
        })
    }
}

fn collect(returns: Returns, values: Vec<Datum>) -> ArrayRef {
    let values = values.into_iter();
    match returns {
        Returns::Bool => Arc::new(
            values.map(|value| if let Datum::Bool(it) = value { Some(it) } else { None }).collect::<BooleanArray>(),
        ),
        Returns::Int4 => Arc::new(
            values.map(|value| if let Datum::Int4(it) = value { Some(it) } else { None }).collect::<Int32Array>(),
        ),
        Returns::Int8 => Arc::new(
            values.map(|value| if let Datum::Int8(it) = value { Some(it) } else { None }).collect::<Int64Array>(),
        ),
        Returns::Oid => Arc::new(
            values.map(|value| if let Datum::Oid(it) = value { Some(it) } else { None }).collect::<UInt32Array>(),
        ),
        Returns::Text => Arc::new(
            values.map(|value| if let Datum::Text(it) = value { Some(it) } else { None }).collect::<StringArray>(),
        ),
        Returns::Texts => collect_lists(values),
        Returns::Moment => {
            let moments = values.map(|value| if let Datum::Moment(it) = value { Some(it) } else { None });
            let moments: TimestampMicrosecondArray = moments.collect();
            Arc::new(moments.with_data_type(SqlType::Timestamptz.arrow()))
        }
    }
}

fn collect_lists(values: impl Iterator<Item = Datum>) -> ArrayRef {
    let mut builder = ListBuilder::new(StringBuilder::new());
    for value in values {
        if let Datum::Texts(items) = value {
            items.iter().for_each(|item| builder.values().append_value(item));
            builder.append(true);
        } else {
            builder.append(false);
        }
    }
    Arc::new(builder.finish())
}
