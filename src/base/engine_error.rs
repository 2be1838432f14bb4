//! What the planner and the engine (DataFusion, Arrow) report, as SQLSTATEs.
//!
//! The library's errors are mostly text. What can be told apart by type is told by type; the texts that PostgreSQL has a
//! code for are told by their fixed beginnings; the rest is an [`InternalError`] and reaches no client.

use datafusion::arrow::error::ArrowError;
use datafusion::common::{DataFusionError, SchemaError};

use super::error::{ErrorReport, InternalError, UserFacing};
use super::sqlstate::SqlState;

/// The report of an error of DataFusion. An error that carries an [`ErrorReport`] of ours inside gives that one.
#[must_use]
pub fn report(error: &DataFusionError) -> ErrorReport {
    match error {
        DataFusionError::Context(_, inner) | DataFusionError::Diagnostic(_, inner) => report(inner),
        DataFusionError::Shared(inner) => report(inner),
        DataFusionError::Collection(errors) => match errors.first() {
            Some(first) => report(first),
            None => InternalError::new(error).report(),
        },
        DataFusionError::External(cause) => external(cause.as_ref()),
        DataFusionError::ArrowError(arrow, _) => arrow_report(arrow),
        DataFusionError::SchemaError(schema, _) => schema_report(schema),
        DataFusionError::SQL(parser, _) => ErrorReport::new(SqlState::SYNTAX_ERROR, parser.to_string()),
        DataFusionError::NotImplemented(text) => ErrorReport::new(SqlState::FEATURE_NOT_SUPPORTED, first_line(text)),
        DataFusionError::Plan(text) => plan_report(text),
        DataFusionError::Execution(text) => execution_report(text),
        DataFusionError::ResourcesExhausted(_) => ErrorReport::new(SqlState::OUT_OF_MEMORY, "out of memory")
            .with_detail("The query needs more memory than query_memory_per_tenant_bytes and query_memory_bytes allow.")
            .with_hint("Read fewer rows or columns, or group by fewer keys."),
        DataFusionError::Configuration(_)
        | DataFusionError::IoError(_)
        | DataFusionError::Internal(_)
        | DataFusionError::ExecutionJoin(_)
        | DataFusionError::Substrait(_)
        | DataFusionError::Ffi(_)
        | DataFusionError::ObjectStore(_) => InternalError::new(error).report(),
        // Variants of features that are not built in.
        #[allow(unreachable_patterns, reason = "the set of variants depends on the features of the library")]
        _ => InternalError::new(error).report(),
    }
}

/// The code of an error, for counting it. Unlike [`report`] it logs nothing of what nobody foresaw.
#[must_use]
pub fn sqlstate(error: &DataFusionError) -> SqlState {
    match error {
        DataFusionError::Context(_, inner) | DataFusionError::Diagnostic(_, inner) => sqlstate(inner),
        DataFusionError::Shared(inner) => sqlstate(inner),
        DataFusionError::External(cause) => {
            cause.downcast_ref::<ErrorReport>().map_or(SqlState::INTERNAL_ERROR, |ours| ours.sqlstate)
        }
        DataFusionError::ArrowError(arrow, _) => match arrow.as_ref() {
            ArrowError::ExternalError(cause) => {
                cause.downcast_ref::<ErrorReport>().map_or(SqlState::INTERNAL_ERROR, |ours| ours.sqlstate)
            }
            ArrowError::DivideByZero => SqlState::DIVISION_BY_ZERO,
            ArrowError::ArithmeticOverflow(_) => SqlState::NUMERIC_VALUE_OUT_OF_RANGE,
            ArrowError::CastError(text) | ArrowError::ParseError(text) => cast_report(text).sqlstate,
            ArrowError::InvalidArgumentError(text) | ArrowError::ComputeError(text) => execution_report(text).sqlstate,
            ArrowError::MemoryError(_) => SqlState::OUT_OF_MEMORY,
            _ => SqlState::INTERNAL_ERROR,
        },
        DataFusionError::Execution(text) => execution_report(text).sqlstate,
        DataFusionError::ResourcesExhausted(_) => SqlState::OUT_OF_MEMORY,
        _ => SqlState::INTERNAL_ERROR,
    }
}

/// Wraps a report so that it survives the way through DataFusion.
#[must_use]
pub fn wrap(report: ErrorReport) -> DataFusionError {
    DataFusionError::External(Box::new(report))
}

fn external(cause: &(dyn std::error::Error + Send + Sync + 'static)) -> ErrorReport {
    if let Some(ours) = cause.downcast_ref::<ErrorReport>() {
        return ours.clone();
    }
    if let Some(inner) = cause.downcast_ref::<DataFusionError>() {
        return report(inner);
    }
    if let Some(arrow) = cause.downcast_ref::<ArrowError>() {
        return arrow_report(arrow);
    }
    InternalError::new(cause).report()
}

fn arrow_report(error: &ArrowError) -> ErrorReport {
    match error {
        ArrowError::DivideByZero => ErrorReport::new(SqlState::DIVISION_BY_ZERO, "division by zero"),
        ArrowError::ArithmeticOverflow(text) => overflow_report(text),
        ArrowError::CastError(text) | ArrowError::ParseError(text) => cast_report(text),
        ArrowError::ExternalError(cause) => external(cause.as_ref()),
        ArrowError::InvalidArgumentError(text) | ArrowError::ComputeError(text) => execution_report(text),
        ArrowError::MemoryError(_) => ErrorReport::new(SqlState::OUT_OF_MEMORY, "out of memory"),
        ArrowError::NotYetImplemented(text) => ErrorReport::new(SqlState::FEATURE_NOT_SUPPORTED, first_line(text)),
        ArrowError::SchemaError(_)
        | ArrowError::CsvError(_)
        | ArrowError::JsonError(_)
        | ArrowError::AvroError(_)
        | ArrowError::IoError(_, _)
        | ArrowError::IpcError(_)
        | ArrowError::ParquetError(_)
        | ArrowError::CDataInterface(_)
        | ArrowError::DictionaryKeyOverflowError
        | ArrowError::RunEndIndexOverflowError
        | ArrowError::OffsetOverflowError(_) => InternalError::new(error).report(),
    }
}

/// `Overflow happened on: 2147483647 + 1`: the operands tell the type, since no wider one would overflow.
fn overflow_report(text: &str) -> ErrorReport {
    let operands = text.rsplit(':').next().unwrap_or_default().split_whitespace();
    let operands: Vec<i128> = operands.filter_map(|word| word.parse().ok()).collect();
    let all_in = |least: i128, most: i128| operands.iter().all(|operand| (least..=most).contains(operand));
    let name = if operands.is_empty() {
        "value"
    } else if all_in(i16::MIN.into(), i16::MAX.into()) {
        "smallint"
    } else if all_in(i32::MIN.into(), i32::MAX.into()) {
        "integer"
    } else if all_in(i64::MIN.into(), i64::MAX.into()) {
        "bigint"
    } else {
        "value"
    };
    ErrorReport::new(SqlState::NUMERIC_VALUE_OUT_OF_RANGE, format!("{name} out of range"))
}

/// The library's names of types, and PostgreSQL's.
const CAST_TYPES: [(&str, &str); 11] = [
    ("Int16", "smallint"),
    ("Int32", "integer"),
    ("Int64", "bigint"),
    ("UInt32", "oid"),
    ("Float32", "real"),
    ("Float64", "double precision"),
    ("Decimal", "numeric"),
    ("Date32", "date"),
    ("Timestamp", "timestamp"),
    ("Time64", "time"),
    ("Boolean", "boolean"),
];

fn cast_type(text: &str) -> Option<&'static str> {
    CAST_TYPES.into_iter().find_map(|(arrow, name)| text.contains(arrow).then_some(name))
}

/// `Cannot cast string 'x' to value of Int32 type`: the text and the type.
fn refused_text(text: &str) -> Option<(&str, &'static str)> {
    let (_, rest) = text.split_once("Cannot cast string '").or_else(|| text.split_once("Cannot cast value '"))?;
    let (value, wanted) = rest.rsplit_once("' to value of ")?;
    Some((value, cast_type(wanted)?))
}

/// Whether a number, in either direction, has more digits than its type holds.
fn is_too_long_decimal(lower: &str) -> bool {
    lower.contains("too large to store in a decimal") || lower.contains("too small to store in a decimal")
}

fn cast_report(text: &str) -> ErrorReport {
    if let Some((_, wanted)) = text.split_once("Can't cast value ") {
        let message = format!("{} out of range", cast_type(wanted).unwrap_or("value"));
        return ErrorReport::new(SqlState::NUMERIC_VALUE_OUT_OF_RANGE, message);
    }
    if let Some((value, name)) = refused_text(text) {
        let state = match name {
            "date" | "timestamp" | "time" => SqlState::INVALID_DATETIME_FORMAT,
            _ => SqlState::INVALID_TEXT_REPRESENTATION,
        };
        return ErrorReport::new(state, format!("invalid input syntax for type {name}: \"{value}\""));
    }
    if is_too_long_decimal(&text.to_lowercase()) {
        return ErrorReport::new(SqlState::NUMERIC_VALUE_OUT_OF_RANGE, "numeric field overflow");
    }
    if text.contains("verflow") || text.contains("out of range") || text.contains("too large to store") {
        let name = ["smallint", "integer", "bigint"].into_iter().find(|name| cast_type(text) == Some(*name));
        let message = format!("{} out of range", name.unwrap_or("value"));
        return ErrorReport::new(SqlState::NUMERIC_VALUE_OUT_OF_RANGE, message).with_detail(first_line(text));
    }
    if let Some((_, rest)) = text.split_once("Error parsing timestamp from '")
        && let Some((value, _)) = rest.rsplit_once('\'')
    {
        let message = format!("invalid input syntax for type timestamp: \"{value}\"");
        return ErrorReport::new(SqlState::INVALID_DATETIME_FORMAT, message);
    }
    if text.contains("timestamp") || text.contains("date") || text.contains("Date") || text.contains("Time") {
        return ErrorReport::new(SqlState::INVALID_DATETIME_FORMAT, "invalid input syntax for a date or time")
            .with_detail(first_line(text));
    }
    ErrorReport::new(SqlState::INVALID_TEXT_REPRESENTATION, "invalid input syntax").with_detail(first_line(text))
}

fn schema_report(error: &SchemaError) -> ErrorReport {
    match error {
        SchemaError::AmbiguousReference { field } => {
            ErrorReport::new(SqlState::AMBIGUOUS_COLUMN, format!("column reference \"{}\" is ambiguous", field.name))
        }
        SchemaError::DuplicateQualifiedField { name, .. } | SchemaError::DuplicateUnqualifiedField { name } => {
            ErrorReport::new(SqlState::DUPLICATE_COLUMN, format!("column \"{name}\" specified more than once"))
        }
        SchemaError::FieldNotFound { field, valid_fields } => {
            let name = match &field.relation {
                Some(relation) => format!("{}.{}", relation.table(), field.name),
                None => format!("\"{}\"", field.name),
            };
            let report = ErrorReport::new(SqlState::UNDEFINED_COLUMN, format!("column {name} does not exist"));
            match nearest(&field.name, valid_fields.iter().map(|column| column.name.as_str())) {
                Some(near) => report.with_hint(format!("Perhaps you meant to reference the column \"{near}\".")),
                None => report,
            }
        }
    }
}

/// The candidate that looks most like the name, if one is near enough to be a slip of the pen.
pub fn nearest<'a>(name: &str, candidates: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    candidates
        .map(|candidate| (strsim::damerau_levenshtein(name, candidate), candidate))
        .filter(|(distance, candidate)| *distance <= 1 + candidate.len() / 4)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

/// `function f(integer) does not exist`, wherever the library put it.
fn undefined_function(text: &str) -> Option<ErrorReport> {
    let (_, rest) = text.split_once("function ")?;
    let (call, _) = rest.split_once(") does not exist")?;
    if call.len() > 500 || !call.contains('(') {
        return None;
    }
    let report = ErrorReport::new(SqlState::UNDEFINED_FUNCTION, format!("function {call}) does not exist"));
    Some(
        report.with_hint(
            "No function matches the given name and argument types. You might need to add explicit type casts.",
        ),
    )
}

/// The first name in quotes of the library's text.
fn quoted(text: &str) -> Option<&str> {
    text.split(['\'', '"']).nth(1)
}

fn grouping_report(line: &str) -> ErrorReport {
    let column = quoted(line).unwrap_or_default();
    let message = format!("column \"{column}\" must appear in the GROUP BY clause or be used in an aggregate function");
    ErrorReport::new(SqlState::GROUPING_ERROR, message)
}

fn plan_report(text: &str) -> ErrorReport {
    if let Some(report) = undefined_function(text) {
        return report;
    }
    let line = first_line(text);
    if line.contains("must be in GROUP BY") || line.contains("must appear in the GROUP BY") {
        return grouping_report(&line);
    }
    let has = |needle: &str| line.contains(needle);
    if has("Incompatible inputs for Union") {
        // The types meet by PostgreSQL's rules, or it would have been told before: they are arrays of unlike dimensions.
        let message = "arrays with other numbers of dimensions in one column are not supported";
        return ErrorReport::new(SqlState::FEATURE_NOT_SUPPORTED, message);
    }
    let state = if has("non-aggregate") {
        SqlState::GROUPING_ERROR
    } else if has("Invalid function") || has("No function matches") || has("does not support") && has("function") {
        SqlState::UNDEFINED_FUNCTION
    } else if has("table '") && has("not found") {
        SqlState::UNDEFINED_TABLE
    } else if has("Cannot infer common argument type") || has("Cannot coerce") || has("type_coercion") {
        SqlState::UNDEFINED_FUNCTION
    } else if has("recursion limit") {
        SqlState::STATEMENT_TOO_COMPLEX
    } else {
        SqlState::SYNTAX_ERROR
    };
    ErrorReport::new(state, line)
}

fn execution_report(text: &str) -> ErrorReport {
    if let Some(report) = undefined_function(text) {
        return report;
    }
    let lower = text.to_lowercase();
    let state = if lower.contains("divide by zero") || lower.contains("division by zero") {
        return ErrorReport::new(SqlState::DIVISION_BY_ZERO, "division by zero");
    } else if is_too_long_decimal(&lower) {
        return cast_report(text);
    } else if lower.contains("overflow") || lower.contains("out of range") {
        return ErrorReport::new(SqlState::NUMERIC_VALUE_OUT_OF_RANGE, "value out of range");
    } else if lower.contains("more than one row") {
        return ErrorReport::new(
            SqlState::CARDINALITY_VIOLATION,
            "more than one row returned by a subquery used as an expression",
        );
    } else if lower.contains("regular expression") || lower.contains("regex") {
        SqlState::INVALID_REGULAR_EXPRESSION
    } else if lower.contains("error parsing timestamp") || lower.contains("error parsing date") {
        SqlState::INVALID_DATETIME_FORMAT
    } else if lower.contains("cast") || lower.contains("parse") {
        return cast_report(text);
    } else {
        SqlState::INVALID_PARAMETER_VALUE
    };
    ErrorReport::new(state, first_line(text))
}

fn first_line(text: &str) -> String {
    text.lines().next().unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn our_own_report_survives_the_library() {
        let ours = ErrorReport::new(SqlState::UNDEFINED_TABLE, "relation \"x\" does not exist").with_position(15);
        let error = DataFusionError::Context("while planning".into(), Box::new(wrap(ours.clone())));
        assert_eq!(report(&error), ours);
    }

    #[test]
    fn casts_and_overflows_name_postgresqls_types() {
        let told = |error: ArrowError| report(&DataFusionError::ArrowError(Box::new(error), None)).message;
        let cast = |text: &str| told(ArrowError::CastError(text.to_owned()));
        assert_eq!(
            cast("Cannot cast string 'it''s' to value of Int32 type"),
            "invalid input syntax for type integer: \"it''s\""
        );
        assert_eq!(cast("Can't cast value 40000 to type Int16"), "smallint out of range");
        let overflow = |text: &str| told(ArrowError::ArithmeticOverflow(text.to_owned()));
        assert_eq!(overflow("Overflow happened on: 32767 + 1"), "smallint out of range");
        assert_eq!(overflow("Overflow happened on: -2147483648 / -1"), "integer out of range");
        assert_eq!(overflow("Overflow happened on: 9223372036854775807 + 1"), "bigint out of range");
        assert_eq!(overflow("Overflow"), "value out of range");
    }

    #[test]
    fn division_by_zero_is_told_from_both_layers() {
        let arrow = DataFusionError::ArrowError(Box::new(ArrowError::DivideByZero), None);
        assert_eq!(report(&arrow).sqlstate, SqlState::DIVISION_BY_ZERO);
    }
}
