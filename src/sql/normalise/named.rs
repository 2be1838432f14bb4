//! Arguments by name: `make_interval(days => 3)` is `make_interval(0, 0, 0, 3)`.

use sqlparser::ast::{
    CastKind, DataType, Expr, Function, FunctionArg, FunctionArgExpr, FunctionArgOperator, FunctionArguments, Value,
};

use crate::base::{ErrorReport, SqlState};

use super::forms::unsupported;

/// The functions whose arguments have names, with the names.
const NAMED: [(&str, &[&str]); 5] = [
    ("make_interval", &["years", "months", "weeks", "days", "hours", "mins", "secs"]),
    ("make_date", &["year", "month", "day"]),
    ("make_time", &["hour", "min", "sec"]),
    ("make_timestamp", &["year", "month", "mday", "hour", "min", "sec"]),
    ("make_timestamptz", &["year", "month", "mday", "hour", "min", "sec", "timezone"]),
];

/// The one function of them whose arguments may be left out; each is 0 then.
const ALL_OPTIONAL: &str = "make_interval";

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
        None if name != ALL_OPTIONAL => Err(undefined(name, missing)),
        argument => Ok(FunctionArg::Unnamed(argument.unwrap_or_else(zero))),
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

fn zero() -> FunctionArgExpr {
    FunctionArgExpr::Expr(Expr::Cast {
        kind: CastKind::Cast,
        expr: Box::new(Expr::Value(Value::Number("0".to_owned(), false).into())),
        data_type: DataType::Int4(None),
        array: false,
        format: None,
    })
}
