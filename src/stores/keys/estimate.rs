//! Which of two pieces is likely to have fewer keys, told from their plans alone.

use datafusion::common::{Column, ScalarValue};
use datafusion::logical_expr::expr::{BinaryExpr, InList};
use datafusion::logical_expr::utils::split_conjunction;
use datafusion::logical_expr::{Expr, LogicalPlan, Operator};

use crate::base::StoreKind;
use crate::catalog::TableLeaf;
use crate::route::columns::position_of;
use crate::route::{Piece, physical_name};

use super::descend::{Purpose, below};

/// How many keys a piece has, the fewest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Estimate {
    kind: Kind,
    /// No column is asked to have a certain value.
    is_unfiltered: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Kind {
    /// A LIMIT, or one row of all.
    Limited,
    /// The key of the table or of the join has certain values.
    ByKey,
    /// The last row of each key.
    Redis,
    /// What is true now.
    Materialize,
    /// History.
    ClickHouse,
}

/// What a column of a piece's rows is likely to hold. A LIMIT counts up to `most` rows.
pub(super) fn estimate(piece: &Piece, position: usize, most: usize) -> Estimate {
    let kind = match piece.store {
        StoreKind::ClickHouse => Kind::ClickHouse,
        StoreKind::Materialize => Kind::Materialize,
        StoreKind::Redis => Kind::Redis,
    };
    let mut found = Estimate { kind, is_unfiltered: true };
    let mut selected = Vec::new();
    let mut plan = &piece.plan;
    let mut column =
        (position < plan.schema().fields().len()).then(|| Column::from(plan.schema().qualified_field(position)));
    loop {
        if is_limited(plan, most) {
            return Estimate { kind: Kind::Limited, ..found };
        }
        for chosen in chosen_columns(plan, piece) {
            found.is_unfiltered = false;
            if column.as_ref().is_some_and(|column| is_same(column, chosen, plan)) {
                found.kind = found.kind.min(Kind::ByKey);
            }
            selected.push(&chosen.name);
        }
        if let Some(key) = table_key(plan)
            && selected.contains(&key)
        {
            found.kind = found.kind.min(Kind::ByKey);
        }
        let next = column.as_ref().and_then(|column| below(plan, column, Purpose::Values));
        let at = next.as_ref().map_or(0, |(at, _)| *at);
        column = next.and_then(|(_, expr)| match expr.unalias() {
            Expr::Column(column) => Some(column),
            _ => None,
        });
        let inputs = plan.inputs();
        let is_known = column.is_some() || inputs.len() == 1;
        match inputs.get(at) {
            Some(input) if is_known => plan = input,
            Some(_) | None => return found,
        }
    }
}

fn is_limited(plan: &LogicalPlan, most: usize) -> bool {
    match plan {
        LogicalPlan::Limit(limit) => match limit.fetch.as_deref() {
            Some(Expr::Literal(ScalarValue::Int64(Some(rows)), _)) => {
                usize::try_from(*rows).is_ok_and(|rows| rows <= most)
            }
            _ => false,
        },
        LogicalPlan::Sort(sort) => sort.fetch.is_some_and(|rows| rows <= most),
        LogicalPlan::Aggregate(aggregate) => aggregate.group_expr.is_empty(),
        _ => false,
    }
}

/// The columns that a filter of the user's asks to have certain values. The guard asks so of every query, and tells nothing.
fn chosen_columns<'a>(plan: &'a LogicalPlan, piece: &Piece) -> Vec<&'a Column> {
    match plan {
        LogicalPlan::Filter(filter) if !is_guarded_table(&filter.input, piece) => {
            split_conjunction(&filter.predicate).into_iter().filter_map(chosen_column).collect()
        }
        _ => Vec::new(),
    }
}

fn is_same(one: &Column, other: &Column, plan: &LogicalPlan) -> bool {
    position_of(plan.schema(), one, 0) == position_of(plan.schema(), other, 0)
}

/// Whether the filter above is the guard's own: it stands on every table that is not everybody's.
fn is_guarded_table(plan: &LogicalPlan, piece: &Piece) -> bool {
    let LogicalPlan::TableScan(scan) = plan else { return false };
    let physical = physical_name(scan);
    let mut required = piece.requirements.iter().filter(|required| Some(required.physical.as_slice()) == physical);
    required.any(|required| !required.admitted_values().is_empty())
}

/// `column = value` or `column IN (values)`.
fn chosen_column(part: &Expr) -> Option<&Column> {
    match part {
        Expr::BinaryExpr(BinaryExpr { left, op: Operator::Eq, right }) => match (left.as_ref(), right.as_ref()) {
            (Expr::Column(column), value) | (value, Expr::Column(column)) if is_value(value) => Some(column),
            _ => None,
        },
        Expr::InList(InList { expr, list, negated: false }) => match expr.as_ref() {
            Expr::Column(column) if list.iter().all(is_value) => Some(column),
            _ => None,
        },
        _ => None,
    }
}

fn is_value(expr: &Expr) -> bool {
    matches!(expr, Expr::Literal(..) | Expr::Placeholder(_))
}

/// The column by which the store finds a row of the table at once.
fn table_key(plan: &LogicalPlan) -> Option<&String> {
    match plan {
        LogicalPlan::TableScan(scan) => TableLeaf::of(&scan.source)?.table().key.as_ref(),
        _ => None,
    }
}
