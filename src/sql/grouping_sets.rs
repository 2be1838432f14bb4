//! ROLLUP and CUBE within GROUPING SETS, which the parser takes for calls.

use sqlparser::ast::{Expr, FunctionArg, FunctionArgExpr, FunctionArguments, ObjectNamePart};

use crate::base::limits;

/// Which sets of keys the steps make.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// The first n steps, for every n.
    Rollup,
    /// Every choice of steps.
    Cube,
}

impl Kind {
    /// As it is written.
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::Rollup => "rollup",
            Self::Cube => "cube",
        }
    }
}

/// Whether an item of GROUP BY stands for several sets of keys.
pub(super) fn is_of_sets(item: &Expr) -> bool {
    matches!(item, Expr::GroupingSets(_) | Expr::Cube(_) | Expr::Rollup(_))
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

/// The sets of one of GROUPING SETS.
pub(super) fn sets_of(set: &[Expr]) -> Vec<Vec<Expr>> {
    let Some((kind, steps)) = nested_steps(set) else { return vec![set.to_vec()] };
    let steps: Vec<Vec<Expr>> = steps.into_iter().map(<[Expr]>::to_vec).collect();
    match kind {
        Kind::Rollup => first_steps(&steps),
        Kind::Cube => subsets(&steps),
    }
}

/// The first n steps, for every n.
pub(super) fn first_steps(steps: &[Vec<Expr>]) -> Vec<Vec<Expr>> {
    (0..=steps.len()).rev().map(|n| steps[..n].concat()).collect()
}

/// A set has a column once.
pub(super) fn without_repeats(set: Vec<Expr>) -> Vec<Expr> {
    let mut kept: Vec<Expr> = Vec::with_capacity(set.len());
    for key in set {
        if !kept.contains(&key) {
            kept.push(key);
        }
    }
    kept
}

/// Every choice of steps.
pub(super) fn subsets(steps: &[Vec<Expr>]) -> Vec<Vec<Expr>> {
    let of = |chosen: u32| {
        let steps = steps.iter().enumerate().filter(|(place, _)| chosen & (1 << (steps.len() - 1 - place)) != 0);
        steps.flat_map(|(_, step)| step.clone()).collect()
    };
    (0..1_u32 << steps.len()).rev().map(of).collect()
}

/// The different sets that the keys of a GROUP BY make together; `None` where they make one, or more than a statement may
/// have, which the planner says.
pub(super) fn distinct(keys: &[Expr]) -> Option<Vec<Vec<Expr>>> {
    let is_set = |key: &Expr| matches!(key, Expr::Rollup(_) | Expr::Cube(_) | Expr::GroupingSets(_));
    if !keys.iter().any(is_set) || count_of(keys) > limits::GROUPING_SETS {
        return None;
    }
    let mut found = vec![Vec::new()];
    for key in keys {
        let sets: Vec<Vec<Expr>> = match key {
            Expr::Rollup(steps) => first_steps(steps),
            Expr::Cube(steps) => subsets(steps),
            Expr::GroupingSets(sets) => sets.iter().flat_map(|set| sets_of(set)).collect(),
            Expr::Tuple(keys) => vec![keys.clone()],
            key => vec![vec![key.clone()]],
        };
        found = found.iter().flat_map(|before| sets.iter().map(move |set| [before.as_slice(), set].concat())).collect();
    }
    let mut different: Vec<Vec<Expr>> = Vec::with_capacity(found.len());
    for set in found.into_iter().map(without_repeats) {
        let is_same = |other: &Vec<Expr>| other.len() == set.len() && set.iter().all(|key| other.contains(key));
        if !different.iter().any(is_same) {
            different.push(set);
        }
    }
    Some(different)
}

/// How many sets the keys of a GROUP BY make.
pub(super) fn count_of(keys: &[Expr]) -> u64 {
    keys.iter().fold(1, |product: u64, key| {
        let sets = match key {
            Expr::Rollup(steps) => count(Kind::Rollup, steps.len()),
            Expr::Cube(steps) => count(Kind::Cube, steps.len()),
            Expr::GroupingSets(sets) => sets.iter().fold(0, |sum: u64, set| {
                let sets = nested_steps(set).map_or(1, |(kind, steps)| count(kind, steps.len()));
                sum.saturating_add(sets)
            }),
            _ => 1,
        };
        product.saturating_mul(sets)
    })
}
