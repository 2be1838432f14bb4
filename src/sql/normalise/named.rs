//! Arguments by name: `make_interval(days => 3)` is `make_interval(0, 0, 0, 3)`.

use sqlparser::ast::{
    CastKind, DataType, Expr, Function, FunctionArg, FunctionArgExpr, FunctionArgOperator, FunctionArguments, Value,
};

use crate::base::{ErrorReport, SqlState};

use super::forms::unsupported;

/// The functions whose arguments have names, with the names.
const NAMED: [(&str, &[&str]); 10] = [
    ("make_interval", &["years", "months", "weeks", "days", "hours", "mins", "secs"]),
    ("make_date", &["year", "month", "day"]),
    ("make_time", &["hour", "min", "sec"]),
    ("make_timestamp", &["year", "month", "mday", "hour", "min", "sec"]),
    ("make_timestamptz", &["year", "month", "mday", "hour", "min", "sec", "timezone"]),
    ("jsonb_path_exists", PATH),
    ("jsonb_path_match", PATH),
    ("jsonb_path_query", PATH),
    ("jsonb_path_query_array", PATH),
    ("jsonb_path_query_first", PATH),
];

const PATH: &[&str] = &["target", "path", "vars", "silent"];

/// What is taken for an argument that is left out, if it may be.
fn default_of(function: &str, argument: &str) -> Option<FunctionArgExpr> {
    let (value, data_type) = match (function, argument) {
        ("make_interval", _) => (Value::Number("0".to_owned(), false), DataType::Int4(None)),
        (_, "vars") => (Value::SingleQuotedString("{}".to_owned()), DataType::JSONB),
        _ => return None,
    };
    let expr = Box::new(Expr::Value(value.into()));
    let cast = Expr::Cast { kind: CastKind::Cast, expr, data_type, array: false, format: None };
    Some(FunctionArgExpr::Expr(cast))
}

/// Puts named arguments in their places.
pub(super) fn to_places(name: &str, function: &mut Function) -> Result<(), ErrorReport> {
    let FunctionArguments::List(list) = &mut function.args else { return Ok(()) };
    if !list.args.iter().any(|argument| matches!(argument, FunctionArg::Named { .. })) {
        return Ok(());
    }
    let Some((_, names)) = NAMED.iter().find(|(known, _)| *known == name) else {
        return Err(unsupported(&format!("a call of {name} with named arguments")));
    };
    let mut placed: Vec<Option<FunctionArgExpr>> = Vec::new();
    let mut is_named = false;
    for argument in std::mem::take(&mut list.args) {
        match argument {
            FunctionArg::Named { name: wanted, arg, operator } => {
                is_named = true;
                let place = place_of(name, names, &wanted.value, &operator)?;
                placed.resize(placed.len().max(place + 1), None);
                if placed[place].replace(arg).is_some() {
                    let message = format!("argument name \"{}\" used more than once", wanted.value);
                    return Err(ErrorReport::new(SqlState::SYNTAX_ERROR, message));
                }
            }
            FunctionArg::Unnamed(_) | FunctionArg::ExprNamed { .. } if is_named => {
                let message = "positional argument cannot follow named argument";
                return Err(ErrorReport::new(SqlState::SYNTAX_ERROR, message));
            }
            FunctionArg::Unnamed(arg) | FunctionArg::ExprNamed { arg, .. } => placed.push(Some(arg)),
        }
    }
    let filled = placed.into_iter().zip(*names).map(|(argument, missing)| match argument {
        Some(argument) => Ok(FunctionArg::Unnamed(argument)),
        None => default_of(name, missing).map(FunctionArg::Unnamed).ok_or_else(|| undefined(name, missing)),
    });
    list.args = filled.collect::<Result<_, _>>()?;
    Ok(())
}

fn place_of(name: &str, names: &[&str], wanted: &str, operator: &FunctionArgOperator) -> Result<usize, ErrorReport> {
    let by_name = matches!(operator, FunctionArgOperator::RightArrow | FunctionArgOperator::Assignment);
    let place = names.iter().position(|known| known.eq_ignore_ascii_case(wanted));
    place.filter(|_| by_name).ok_or_else(|| undefined(name, wanted))
}

fn undefined(name: &str, argument: &str) -> ErrorReport {
    let message = format!("function {name}({argument} => integer) does not exist");
    ErrorReport::new(SqlState::UNDEFINED_FUNCTION, message)
}
