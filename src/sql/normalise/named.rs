//! Arguments by name: `make_interval(days => 3)` is `make_interval(0, 0, 0, 3)`.

use sqlparser::ast::{
    CastKind, DataType, Expr, Function, FunctionArg, FunctionArgExpr, FunctionArgOperator, FunctionArguments, Value,
};

use crate::base::{ErrorReport, SqlState};

/// The functions whose arguments have names and defaults of 0.
const NAMED: [(&str, &[&str]); 1] = [("make_interval", &["years", "months", "weeks", "days", "hours", "mins", "secs"])];

/// Puts named arguments in their places; what is left out before them is 0.
pub(super) fn to_places(name: &str, function: &mut Function) -> Result<(), ErrorReport> {
    let Some((_, names)) = NAMED.iter().find(|(known, _)| *known == name) else { return Ok(()) };
    let FunctionArguments::List(list) = &mut function.args else { return Ok(()) };
    if !list.args.iter().any(|argument| matches!(argument, FunctionArg::Named { .. })) {
        return Ok(());
    }
    let mut placed: Vec<Option<FunctionArgExpr>> = Vec::new();
    for argument in std::mem::take(&mut list.args) {
        match argument {
            FunctionArg::Named { name: wanted, arg, operator } => {
                let by_name = matches!(operator, FunctionArgOperator::RightArrow | FunctionArgOperator::Assignment);
                let wanted = wanted.value.to_lowercase();
                let place = names.iter().position(|known| *known == wanted).filter(|_| by_name);
                let place = place.ok_or_else(|| {
                    let message = format!("function {name}({wanted} => integer) does not exist");
                    ErrorReport::new(SqlState::UNDEFINED_FUNCTION, message)
                })?;
                placed.resize(placed.len().max(place + 1), None);
                if placed[place].replace(arg).is_some() {
                    let message = format!("argument name \"{wanted}\" used more than once");
                    return Err(ErrorReport::new(SqlState::SYNTAX_ERROR, message));
                }
            }
            FunctionArg::Unnamed(arg) | FunctionArg::ExprNamed { arg, .. } => placed.push(Some(arg)),
        }
    }
    list.args = placed.into_iter().map(|one| FunctionArg::Unnamed(one.unwrap_or_else(none))).collect();
    Ok(())
}

fn none() -> FunctionArgExpr {
    FunctionArgExpr::Expr(Expr::Cast {
        kind: CastKind::Cast,
        expr: Box::new(Expr::Value(Value::Number("0".to_owned(), false).into())),
        data_type: DataType::Int4(None),
        array: false,
        format: None,
    })
}
