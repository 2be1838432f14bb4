//! ROLLUP and CUBE within GROUPING SETS, which the parser takes for calls.

use sqlparser::ast::{Expr, FunctionArg, FunctionArgExpr, FunctionArguments, ObjectNamePart};

/// Which sets of keys the steps make.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// The first n steps, for every n.
    Rollup,
    /// Every choice of steps.
    Cube,
}

/// The steps of a set of GROUPING SETS that is a ROLLUP or a CUBE itself.
pub(super) fn nested_steps(set: &[Expr]) -> Option<(Kind, Vec<&[Expr]>)> {
    let [Expr::Function(function)] = set else { return None };
    let [ObjectNamePart::Identifier(name)] = function.name.0.as_slice() else { return None };
    let kind = match name.value.to_ascii_lowercase().as_str() {
        "rollup" => Kind::Rollup,
        "cube" => Kind::Cube,
        _ => return None,
    };
    let FunctionArguments::List(list) = &function.args else { return None };
    let is_quoted = name.quote_style.is_some();
    list.args.iter().map(step).collect::<Option<Vec<_>>>().filter(|_| !is_quoted).map(|steps| (kind, steps))
}

fn step(argument: &FunctionArg) -> Option<&[Expr]> {
    match argument {
        FunctionArg::Unnamed(FunctionArgExpr::Expr(Expr::Tuple(keys))) => Some(keys),
        FunctionArg::Unnamed(FunctionArgExpr::Expr(key)) => Some(std::slice::from_ref(key)),
        _ => None,
    }
}

/// How many sets of keys so many steps make.
pub(super) fn count(kind: Kind, steps: usize) -> u64 {
    match kind {
        Kind::Rollup => steps as u64 + 1,
        Kind::Cube => 1_u64.checked_shl(u32::try_from(steps).unwrap_or(u32::MAX)).unwrap_or(u64::MAX),
    }
}
