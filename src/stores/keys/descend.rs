//! One column, followed from a node down to the scan that it comes from.

use datafusion::arrow::datatypes::{DataType, TimeUnit};
use datafusion::common::{Column, DFSchema};
use datafusion::logical_expr::logical_plan::{Aggregate, Distinct, Join, TableScan};
use datafusion::logical_expr::{Expr, ExprSchemable, JoinType, LogicalPlan};

use crate::route::columns::position_of;

/// For what a column is followed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Purpose {
    /// Every value of the column above, but for NULL, is a value of the column below.
    Values,
    /// Besides, rows below with other values may go: above, only rows with these values go with them.
    Filter,
}

/// The column of a scan that the expression is, in a type that holds all its values; `None` where it is none, or where
/// something between stands in the way of the purpose.
pub(super) fn to_scan<'a>(plan: &'a LogicalPlan, expr: &Expr, purpose: Purpose) -> Option<(&'a TableScan, Column)> {
    let mut plan = plan;
    let mut column = column_of(expr, plan.schema())?;
    loop {
        if let LogicalPlan::TableScan(scan) = plan {
            let is_whole = purpose == Purpose::Values || scan.fetch.is_none();
            return is_whole.then_some((scan, column));
        }
        let (at, inner) = below(plan, &column, purpose)?;
        plan = plan.inputs().get(at).copied()?;
        column = column_of(&inner, plan.schema())?;
    }
}

/// The column under casts that lose nothing.
fn column_of(expr: &Expr, schema: &DFSchema) -> Option<Column> {
    match expr {
        Expr::Column(column) => Some(column.clone()),
        Expr::Alias(alias) => column_of(&alias.expr, schema),
        Expr::Cast(cast) => {
            let is_kept = holds(&cast.expr.get_type(schema).ok()?, cast.field.data_type());
            is_kept.then(|| column_of(&cast.expr, schema)).flatten()
        }
        _ => None,
    }
}

/// The input and the expression over it that a column of a node is; `None` where it is none, or where the purpose ends.
pub(super) fn below(node: &LogicalPlan, column: &Column, purpose: Purpose) -> Option<(usize, Expr)> {
    let position = position_of(node.schema(), column, 0)?;
    let anyway = || input_column(node, 0, position);
    let only_values = || if purpose == Purpose::Values { anyway() } else { None };
    match node {
        LogicalPlan::Projection(projection) => Some((0, projection.expr.get(position)?.clone())),
        LogicalPlan::Filter(_) | LogicalPlan::SubqueryAlias(_) | LogicalPlan::Distinct(Distinct::All(_)) => anyway(),
        LogicalPlan::Sort(sort) if sort.fetch.is_none() => anyway(),
        LogicalPlan::Sort(_) | LogicalPlan::Limit(_) | LogicalPlan::Window(_) => only_values(),
        LogicalPlan::Distinct(Distinct::On(distinct)) if purpose == Purpose::Values => {
            Some((0, distinct.select_expr.get(position)?.clone()))
        }
        LogicalPlan::Aggregate(aggregate) => group_key(aggregate, position).map(|key| (0, key)),
        LogicalPlan::Join(join) => of_join(join, node, position, purpose),
        LogicalPlan::Distinct(Distinct::On(_))
        | LogicalPlan::TableScan(_)
        | LogicalPlan::Repartition(_)
        | LogicalPlan::Union(_)
        | LogicalPlan::EmptyRelation(_)
        | LogicalPlan::Subquery(_)
        | LogicalPlan::Statement(_)
        | LogicalPlan::Values(_)
        | LogicalPlan::Explain(_)
        | LogicalPlan::Analyze(_)
        | LogicalPlan::Extension(_)
        | LogicalPlan::Dml(_)
        | LogicalPlan::Ddl(_)
        | LogicalPlan::Copy(_)
        | LogicalPlan::DescribeTable(_)
        | LogicalPlan::Unnest(_)
        | LogicalPlan::RecursiveQuery(_) => None,
    }
}

/// A column of an input as an expression. What a node adds itself stands behind the columns of its input.
fn input_column(node: &LogicalPlan, at: usize, position: usize) -> Option<(usize, Expr)> {
    let input = node.inputs().get(at).copied()?;
    let is_there = position < input.schema().fields().len();
    is_there.then(|| (at, Expr::Column(Column::from(input.schema().qualified_field(position)))))
}

/// A key of a plain GROUP BY: without a value of it, the whole group goes.
fn group_key(aggregate: &Aggregate, position: usize) -> Option<Expr> {
    let is_plain = aggregate.schema.fields().len() == aggregate.group_expr.len() + aggregate.aggr_expr.len()
        && !aggregate.group_expr.iter().any(|key| matches!(key, Expr::GroupingSet(_)));
    is_plain.then(|| aggregate.group_expr.get(position).cloned()).flatten()
}

/// A row of a side may go where all that it is joined to goes with it: the other side's rows must not stay without it.
fn of_join(join: &Join, node: &LogicalPlan, position: usize, purpose: Purpose) -> Option<(usize, Expr)> {
    let left_width = join.left.schema().fields().len();
    let has_left = !matches!(join.join_type, JoinType::RightSemi | JoinType::RightAnti | JoinType::RightMark);
    let is_left = has_left && position < left_width;
    let may_go = match join.join_type {
        JoinType::Inner => true,
        JoinType::Left | JoinType::LeftSemi | JoinType::LeftAnti => is_left,
        JoinType::Right | JoinType::RightSemi | JoinType::RightAnti => !is_left,
        JoinType::Full | JoinType::LeftMark | JoinType::RightMark => false,
    };
    if purpose == Purpose::Filter && !may_go {
        return None;
    }
    let has_both = matches!(join.join_type, JoinType::Inner | JoinType::Left | JoinType::Right | JoinType::Full);
    match (is_left, has_both) {
        (true, _) => input_column(node, 0, position),
        (false, true) => input_column(node, 1, position - left_width),
        // What a mark join adds is no column of a side.
        (false, false) if has_left => None,
        (false, false) => input_column(node, 1, position),
    }
}

/// Whether the type holds every value of the other one, and tells any two of them apart.
fn holds(from: &DataType, to: &DataType) -> bool {
    match (from, to) {
        (from, to) if from == to => true,
        (DataType::Int16, DataType::Int32 | DataType::Int64)
        | (DataType::Int32, DataType::Int64)
        | (DataType::Date32, DataType::Timestamp(TimeUnit::Microsecond, None)) => true,
        (from, to) => match (digits(from), digits(to)) {
            (Some((whole, fraction)), Some((more_whole, more_fraction))) => {
                let to_decimal = matches!(to, DataType::Decimal128(..) | DataType::Decimal256(..));
                to_decimal && whole <= more_whole && fraction <= more_fraction
            }
            _ => false,
        },
    }
}

/// Digits before and after the point.
fn digits(data_type: &DataType) -> Option<(i16, i16)> {
    match data_type {
        DataType::Int16 => Some((5, 0)),
        DataType::Int32 => Some((10, 0)),
        DataType::Int64 => Some((19, 0)),
        DataType::Decimal128(precision, scale) | DataType::Decimal256(precision, scale) => {
            Some((i16::from(*precision) - i16::from(*scale), i16::from(*scale)))
        }
        _ => None,
    }
}

/// Whether every store compares values of the type for equality as this process does.
pub(super) fn compares_alike(data_type: &DataType) -> bool {
    matches!(
        data_type,
        DataType::Utf8
            | DataType::Int16
            | DataType::Int32
            | DataType::Int64
            | DataType::Decimal128(..)
            | DataType::Date32
            | DataType::Timestamp(TimeUnit::Microsecond, _)
            | DataType::FixedSizeBinary(16)
    )
}
