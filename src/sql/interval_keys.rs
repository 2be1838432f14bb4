//! Intervals as keys: of groups, of DISTINCT, of joins, of windows and of lists.
//!
//! `1 day` and `24 hours` are equal, and the library takes them for different values. So the key is the length of the
//! interval, and a group shows the least of its intervals, all of which are equal.

use std::sync::Arc;

use datafusion::arrow::datatypes::DataType;
use datafusion::common::{Column, DFSchema, DataFusionError, ScalarValue};
use datafusion::logical_expr::expr::{Case, InList, InSubquery, SetComparison, WindowFunction};
use datafusion::logical_expr::{
    Aggregate, Distinct, Expr, ExprSchemable, Join, LogicalPlan, LogicalPlanBuilder, Projection, Subquery, lit,
};

use crate::base::engine_error::wrap;
use crate::base::{ErrorReport, SqlState};

use super::operators::Operators;

type Result<T> = std::result::Result<T, DataFusionError>;

/// Begins the names of columns that nothing above reads.
const HIDDEN: &str = "\u{2063}length";

/// Whether the values of an expression are intervals.
pub(super) fn is_interval(expr: &Expr, schema: &DFSchema) -> Result<bool> {
    Ok(matches!(expr.get_type(schema)?, DataType::Interval(_)))
}

/// Whether those of one of the expressions are.
pub(super) fn any_interval<'a>(exprs: impl IntoIterator<Item = &'a Expr>, schema: &DFSchema) -> Result<bool> {
    for expr in exprs {
        if is_interval(expr, schema)? {
            return Ok(true);
        }
    }
    Ok(false)
}

/// The length of an interval, which is what it is compared by.
pub(super) fn length(expr: Expr, operators: &Operators) -> Result<Expr> {
    operators.call("interval_order", vec![expr])
}

/// A node whose expressions are finished, with lengths for keys.
pub(super) fn of_node(node: LogicalPlan, operators: &Operators) -> Result<LogicalPlan> {
    match node {
        LogicalPlan::Aggregate(aggregate) if any_interval(each(&aggregate.group_expr), aggregate.input.schema())? => {
            groups(aggregate, operators)
        }
        LogicalPlan::Distinct(Distinct::All(input)) if has_intervals(&input) => {
            let all = input.schema().columns().into_iter().map(Expr::Column).collect();
            groups(Aggregate::try_new(input, all, Vec::new())?, operators)
        }
        LogicalPlan::Distinct(Distinct::On(on)) if any_interval(&on.on_expr, on.input.schema())? => {
            Err(no_interval_key("DISTINCT ON"))
        }
        LogicalPlan::Join(join) => joined(join, operators),
        other => Ok(other),
    }
}

/// The keys, those of several sets one by one.
fn each(keys: &[Expr]) -> impl Iterator<Item = &Expr> {
    keys.iter().flat_map(|key| match key {
        Expr::GroupingSet(sets) => sets.distinct_expr(),
        other => vec![other],
    })
}

fn has_intervals(plan: &LogicalPlan) -> bool {
    plan.schema().fields().iter().any(|field| matches!(field.data_type(), DataType::Interval(_)))
}

fn groups(aggregate: Aggregate, operators: &Operators) -> Result<LogicalPlan> {
    if aggregate.group_expr.iter().any(|key| matches!(key, Expr::GroupingSet(_))) {
        return Err(no_interval_key("GROUP BY with several sets of keys"));
    }
    let schema = Arc::clone(&aggregate.schema);
    let mut shown: Vec<Expr> = schema.columns().into_iter().map(Expr::Column).collect();
    let (mut keys, mut values) = (aggregate.group_expr, aggregate.aggr_expr);
    for (index, key) in keys.iter_mut().enumerate() {
        if !is_interval(key, aggregate.input.schema())? {
            continue;
        }
        let interval = std::mem::replace(key, lit(true));
        let (qualifier, field) = schema.qualified_field(index);
        let value = format!("{HIDDEN}{index} shown");
        shown[index] = Expr::Column(Column::new_unqualified(&value)).alias_qualified(qualifier.cloned(), field.name());
        values.push(operators.least_interval(interval.clone())?.alias(value));
        *key = length(interval, operators)?.alias(format!("{HIDDEN}{index}"));
    }
    let grouped = LogicalPlan::Aggregate(Aggregate::try_new(aggregate.input, keys, values)?);
    Ok(LogicalPlan::Projection(Projection::try_new(shown, Arc::new(grouped))?))
}

fn joined(mut join: Join, operators: &Operators) -> Result<LogicalPlan> {
    for (left, right) in &mut join.on {
        if is_interval(left, join.left.schema())? {
            *left = length(std::mem::replace(left, lit(true)), operators)?;
            *right = length(std::mem::replace(right, lit(true)), operators)?;
        }
    }
    Ok(LogicalPlan::Join(join))
}

/// The keys of a window's partitions.
pub(super) fn partitions(call: &mut WindowFunction, schema: &DFSchema, operators: &Operators) -> Result<bool> {
    let mut changed = false;
    for key in &mut call.params.partition_by {
        if is_interval(key, schema)? {
            *key = length(std::mem::replace(key, lit(true)), operators)?;
            changed = true;
        }
    }
    Ok(changed)
}

/// `i IN (…)`
pub(super) fn list(list: InList, operators: &Operators) -> Result<Expr> {
    let lengths = list.list.into_iter().map(|item| length(item, operators)).collect::<Result<Vec<_>>>()?;
    Ok(Expr::InList(InList::new(Box::new(length(*list.expr, operators)?), lengths, list.negated)))
}

/// `i IN (SELECT …)`
pub(super) fn membership(membership: InSubquery, operators: &Operators) -> Result<Expr> {
    let subquery = lengths(membership.subquery, operators)?;
    let expr = length(*membership.expr, operators)?;
    Ok(Expr::InSubquery(InSubquery::new(Box::new(expr), subquery, membership.negated)))
}

/// `i = ANY (SELECT …)`
pub(super) fn quantified(comparison: SetComparison, operators: &Operators) -> Result<Expr> {
    let subquery = lengths(comparison.subquery, operators)?;
    let expr = Box::new(length(*comparison.expr, operators)?);
    Ok(Expr::SetComparison(SetComparison { expr, subquery, ..comparison }))
}

/// The lengths of the one column of a subquery.
fn lengths(subquery: Subquery, operators: &Operators) -> Result<Subquery> {
    let columns = subquery.subquery.schema().columns();
    let [column] = columns.as_slice() else { return Err(no_interval_key("a subquery")) };
    let lengths = vec![length(Expr::Column(column.clone()), operators)?.alias(HIDDEN)];
    let plan = LogicalPlanBuilder::from(Arc::unwrap_or_clone(subquery.subquery)).project(lengths)?.build()?;
    Ok(Subquery { subquery: Arc::new(plan), ..subquery })
}

/// `CASE i WHEN …`
pub(super) fn case(mut case: Case, operators: &Operators) -> Result<Expr> {
    let of = |expr: Box<Expr>| length(*expr, operators).map(Box::new);
    case.expr = case.expr.map(of).transpose()?;
    case.when_then_expr =
        case.when_then_expr.into_iter().map(|(when, then)| Ok((of(when)?, then))).collect::<Result<_>>()?;
    Ok(Expr::Case(case))
}

/// `nullif(a, b)`, `greatest(…)` and `least(…)`.
pub(super) fn choice(name: &str, arguments: Vec<Expr>, operators: &Operators) -> Result<Expr> {
    match (name, arguments.as_slice()) {
        ("nullif", [first, second]) => {
            let (left, right) = (length(first.clone(), operators)?, length(second.clone(), operators)?);
            let null = Expr::Literal(ScalarValue::IntervalMonthDayNano(None), None);
            let whens = vec![(Box::new(left.eq(right)), Box::new(null))];
            Ok(Expr::Case(Case::new(None, whens, Some(Box::new(first.clone())))))
        }
        _ => operators.call(&format!("interval_{name}"), arguments),
    }
}

/// Why an interval may not be a key here.
pub(super) fn no_interval_key(place: &str) -> DataFusionError {
    let message = format!("{place} is not supported on values of type interval");
    let report = ErrorReport::new(SqlState::FEATURE_NOT_SUPPORTED, message);
    wrap(report.with_hint("Use extract(epoch FROM …) instead."))
}
