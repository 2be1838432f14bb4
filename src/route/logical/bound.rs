//! Which columns a query asks for by value: `column = constant` and `column IN (constants)`.

use datafusion::common::DFSchema;
use datafusion::common::tree_node::TreeNode;
use datafusion::logical_expr::expr::InList;
use datafusion::logical_expr::logical_plan::{Aggregate, Distinct, Join};
use datafusion::logical_expr::utils::split_conjunction;
use datafusion::logical_expr::{BinaryExpr, Expr, JoinType, LogicalPlan, Operator};

use crate::route::columns::{ColumnSet, position_of};

/// The columns of each input (in the order of [`LogicalPlan::inputs`]) that are asked for by value, when these of the
/// node's own columns are.
///
/// It decides which placement is read, never which rows: what is not known is not bound.
pub(super) fn below(node: &LogicalPlan, bound: &ColumnSet) -> Vec<ColumnSet> {
    match node {
        LogicalPlan::Filter(filter) => {
            let mut set = bound.clone();
            add_conditions(&filter.predicate, filter.input.schema(), &mut set);
            vec![set]
        }
        LogicalPlan::Projection(projection) => vec![behind(&projection.expr, projection.input.schema(), bound)],
        LogicalPlan::Aggregate(aggregate) => vec![of_keys(aggregate, bound)],
        LogicalPlan::Sort(sort) if sort.fetch.is_none() => vec![bound.clone()],
        LogicalPlan::SubqueryAlias(_) | LogicalPlan::Subquery(_) | LogicalPlan::Distinct(Distinct::All(_)) => {
            vec![bound.clone()]
        }
        LogicalPlan::Union(union) => vec![bound.clone(); union.inputs.len()],
        LogicalPlan::Join(join) => of_join(join, bound),
        LogicalPlan::Sort(_)
        | LogicalPlan::Window(_)
        | LogicalPlan::Limit(_)
        | LogicalPlan::Distinct(Distinct::On(_))
        | LogicalPlan::Repartition(_)
        | LogicalPlan::TableScan(_)
        | LogicalPlan::EmptyRelation(_)
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
        | LogicalPlan::RecursiveQuery(_) => node.inputs().iter().map(|input| none(input.schema())).collect(),
    }
}

fn none(schema: &DFSchema) -> ColumnSet {
    ColumnSet::none(schema.fields().len())
}

/// The input's columns that stand as they are behind bound columns of a select list.
fn behind<'a>(exprs: impl IntoIterator<Item = &'a Expr>, input: &DFSchema, bound: &ColumnSet) -> ColumnSet {
    let mut set = none(input);
    for (position, expr) in exprs.into_iter().enumerate() {
        if bound.contains(position)
            && let Some(column) = column_at(expr, input)
        {
            set.insert(column);
        }
    }
    set
}

fn of_keys(aggregate: &Aggregate, bound: &ColumnSet) -> ColumnSet {
    // A grouping set has more columns than expressions.
    let is_plain = !aggregate.group_expr.iter().any(|key| matches!(key, Expr::GroupingSet(_)));
    let keys = if is_plain { aggregate.group_expr.as_slice() } else { &[] };
    behind(keys, aggregate.input.schema(), bound)
}

/// A condition above a join holds for either side: rows that it drops were asked for by nobody.
fn of_join(join: &Join, bound: &ColumnSet) -> Vec<ColumnSet> {
    let (left_schema, right_schema) = (join.left.schema(), join.right.schema());
    let (mut left, mut right) = (none(left_schema), none(right_schema));
    let width = left_schema.fields().len();
    for position in bound.positions() {
        match join.join_type {
            JoinType::Inner | JoinType::Left | JoinType::Right | JoinType::Full if position >= width => {
                right.insert(position - width);
            }
            JoinType::RightSemi | JoinType::RightAnti | JoinType::RightMark => right.insert(position),
            JoinType::Inner
            | JoinType::Left
            | JoinType::Right
            | JoinType::Full
            | JoinType::LeftSemi
            | JoinType::LeftAnti
            | JoinType::LeftMark => left.insert(position),
        }
    }
    if let Some(condition) = &join.filter {
        // A condition of an outer join leaves the side whole that it keeps.
        if matches!(join.join_type, JoinType::Inner | JoinType::Right | JoinType::LeftSemi | JoinType::RightSemi) {
            add_conditions(condition, left_schema, &mut left);
        }
        if matches!(join.join_type, JoinType::Inner | JoinType::Left | JoinType::LeftSemi | JoinType::RightSemi) {
            add_conditions(condition, right_schema, &mut right);
        }
    }
    vec![left, right]
}

fn add_conditions(condition: &Expr, schema: &DFSchema, set: &mut ColumnSet) {
    for part in split_conjunction(condition) {
        if let Some(column) = asked_by_value(part, schema) {
            set.insert(column);
        }
    }
}

/// The column that a condition compares with constants. `OR` over one column is a list of its values.
fn asked_by_value(condition: &Expr, schema: &DFSchema) -> Option<usize> {
    match condition {
        Expr::InList(InList { expr, list, negated: false }) => {
            list.iter().all(is_constant).then(|| column_at(expr, schema)).flatten()
        }
        Expr::BinaryExpr(BinaryExpr { left, op: Operator::Eq, right }) => {
            let of = |side: &Expr, other: &Expr| is_constant(other).then(|| column_at(side, schema)).flatten();
            of(left, right).or_else(|| of(right, left))
        }
        Expr::BinaryExpr(BinaryExpr { left, op: Operator::Or, right }) => {
            let column = asked_by_value(left, schema)?;
            (asked_by_value(right, schema)? == column).then_some(column)
        }
        _ => None,
    }
}

fn column_at(expr: &Expr, schema: &DFSchema) -> Option<usize> {
    match expr {
        Expr::Alias(alias) => column_at(&alias.expr, schema),
        Expr::Column(column) => position_of(schema, column, 0),
        _ => None,
    }
}

/// A literal, a parameter, or what is computed from such.
fn is_constant(expr: &Expr) -> bool {
    let varies = expr.exists(|node| {
        Ok(matches!(
            node,
            Expr::Column(_)
                | Expr::OuterReferenceColumn(..)
                | Expr::ScalarSubquery(_)
                | Expr::Exists(_)
                | Expr::InSubquery(_)
                | Expr::SetComparison(_)
        ) || node.is_volatile_node())
    });
    matches!(varies, Ok(false))
}
