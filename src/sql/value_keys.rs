//! Values that the library would order, or tell apart, in another way than PostgreSQL: intervals, arrays, rows and documents.
//!
//! Each has a key, a function of the value: keys are ordered and equal as PostgreSQL says of the values. So what sorts and
//! compares reads the key. `1 day` and `24 hours` are equal: a group of intervals shows the least of them.

use std::collections::HashMap;
use std::sync::Arc;

use datafusion::arrow::datatypes::{DataType, FieldRef};
use datafusion::common::tree_node::Transformed;
use datafusion::common::{Column, DFSchema, DataFusionError, JoinConstraint, ScalarValue, internal_err};
use datafusion::logical_expr::expr::{Case, InList, InSubquery, SetComparison, Sort, WindowFunction};
use datafusion::logical_expr::{
    Aggregate, Distinct, DistinctOn, Expr, ExprSchemable, Join, LogicalPlan, LogicalPlanBuilder, Projection, Subquery,
};

use crate::base::engine_error::wrap;
use crate::base::{ErrorReport, SqlState};

use super::operators::Operators;
use super::settle::each_key;

type Result<T> = std::result::Result<T, DataFusionError>;

/// Begins the names of columns that nothing above reads.
const HIDDEN: &str = "\u{2063}value";

/// The function that makes the key of a type, if its values have one.
fn key_function(data_type: &DataType) -> Option<&'static str> {
    match data_type {
        DataType::LargeBinary => Some("jsonb_order"),
        DataType::Interval(_) => Some("interval_order"),
        DataType::List(_) | DataType::Struct(_) => Some("value_order"),
        _ => None,
    }
}

/// Whether equal values may be different ones for the library's hash tables: `1` and `1.0` of a `jsonb`.
fn has_looks(data_type: &DataType) -> bool {
    let within = |field: &FieldRef| field.data_type().is_floating() || has_looks(field.data_type());
    match data_type {
        DataType::Interval(_) | DataType::LargeBinary => true,
        DataType::List(item) => within(item),
        DataType::Struct(fields) => fields.iter().any(within),
        _ => false,
    }
}

/// Whether the values of an expression are intervals.
pub(super) fn is_interval(expr: &Expr, schema: &DFSchema) -> Result<bool> {
    Ok(matches!(expr.get_type(schema)?, DataType::Interval(_)))
}

/// Whether the values of an expression are compared by their keys.
pub(super) fn has_key(expr: &Expr, schema: &DFSchema) -> Result<bool> {
    Ok(key_function(&expr.get_type(schema)?).is_some())
}

/// Whether those of one of the expressions are.
pub(super) fn any_key<'a>(exprs: impl IntoIterator<Item = &'a Expr>, schema: &DFSchema) -> Result<bool> {
    for expr in exprs {
        if has_key(expr, schema)? {
            return Ok(true);
        }
    }
    Ok(false)
}

/// What a value is ordered and compared by: its key, or the value itself.
pub(super) fn key(expr: Expr, schema: &DFSchema, operators: &Operators) -> Result<Expr> {
    match key_function(&expr.get_type(schema)?) {
        Some(name) => operators.call(name, vec![expr]),
        None => Ok(expr),
    }
}

/// Puts the keys of values in their place. Whether one of them is another now.
pub(super) fn order(sorts: &mut [Sort], schema: &DFSchema, operators: &Operators) -> Result<bool> {
    let mut changed = false;
    for sort in sorts {
        if has_key(&sort.expr, schema)? {
            sort.expr = key(std::mem::take(&mut sort.expr), schema, operators)?;
            changed = true;
        }
    }
    Ok(changed)
}

/// A node whose expressions are finished, with keys for values.
pub(super) fn of_node(node: LogicalPlan, operators: &Operators) -> Result<LogicalPlan> {
    match node {
        LogicalPlan::Aggregate(aggregate) if groups_by_keys(&aggregate)? => groups(aggregate, operators),
        LogicalPlan::Distinct(Distinct::All(input)) if has_key_columns(&input) => {
            let all = input.schema().columns().into_iter().map(Expr::Column).collect();
            groups(Aggregate::try_new(input, all, Vec::new())?, operators)
        }
        LogicalPlan::Distinct(Distinct::On(on)) if orders_by_keys(&on)? => first_of_each(on, operators),
        LogicalPlan::Join(join) => joined(join, operators),
        other => Ok(other),
    }
}

fn groups_by_keys(aggregate: &Aggregate) -> Result<bool> {
    for expr in each(&aggregate.group_expr) {
        if has_looks(&expr.get_type(aggregate.input.schema())?) {
            return Ok(true);
        }
    }
    Ok(false)
}

fn orders_by_keys(on: &DistinctOn) -> Result<bool> {
    let sorted = on.sort_expr.iter().flatten().map(|sort| &sort.expr);
    for expr in on.on_expr.iter().chain(sorted) {
        if has_key(expr, on.input.schema())? {
            return Ok(true);
        }
    }
    Ok(false)
}

/// DISTINCT ON: what it keeps one row of, and which row that is.
fn first_of_each(on: DistinctOn, operators: &Operators) -> Result<LogicalPlan> {
    let DistinctOn { mut on_expr, select_expr, mut sort_expr, input, .. } = on;
    let schema = Arc::clone(input.schema());
    for expr in &mut on_expr {
        *expr = key(std::mem::take(expr), &schema, operators)?;
    }
    order(sort_expr.as_deref_mut().unwrap_or_default(), &schema, operators)?;
    let on = DistinctOn::try_new(on_expr, select_expr, sort_expr, input)?;
    Ok(LogicalPlan::Distinct(Distinct::On(on)))
}

/// The keys, those of several sets one by one.
fn each(keys: &[Expr]) -> impl Iterator<Item = &Expr> {
    keys.iter().flat_map(|key| match key {
        Expr::GroupingSet(sets) => sets.distinct_expr(),
        other => vec![other],
    })
}

fn has_key_columns(plan: &LogicalPlan) -> bool {
    plan.schema().fields().iter().any(|field| has_looks(field.data_type()))
}

/// Groups by keys, each of which shows the least of its values.
fn groups(aggregate: Aggregate, operators: &Operators) -> Result<LogicalPlan> {
    let Aggregate { input, group_expr, aggr_expr: mut values, schema, .. } = aggregate;
    let is_of_sets = group_expr.iter().any(|key| matches!(key, Expr::GroupingSet(_)));
    let mut shown: Vec<Expr> = schema.columns().into_iter().map(Expr::Column).collect();
    let mut read: Vec<Expr> = input.schema().columns().into_iter().map(Expr::Column).collect();
    let mut keys = HashMap::new();
    for (index, group) in each(&group_expr).enumerate() {
        if !has_looks(&group.get_type(input.schema())?) {
            continue;
        }
        let name = |part: &str| Column::new_unqualified(format!("{HIDDEN}{index}{part}"));
        let (by, least) = (name(""), name(" shown"));
        read.push(key(group.clone(), input.schema(), operators)?.alias(by.name()));
        values.push(operators.least_value(group.clone())?.alias(least.name()));
        let (qualifier, field) = schema.qualified_field(index);
        let value = if is_of_sets { where_known(&by, least, field.data_type())? } else { Expr::Column(least) };
        shown[index] = value.alias_qualified(qualifier.cloned(), field.name());
        keys.insert(group.clone(), by);
    }
    let by_keys = |expr: Expr| match keys.get(&expr) {
        Some(column) => Transformed::yes(Expr::Column(column.clone())),
        None => Transformed::no(expr),
    };
    let group_expr = group_expr.into_iter().map(|expr| each_key(expr, |key| Ok(by_keys(key))).map(|done| done.data));
    let group_expr = group_expr.collect::<Result<_>>()?;
    let with_keys = Arc::new(LogicalPlan::Projection(Projection::try_new(read, input)?));
    let grouped = LogicalPlan::Aggregate(Aggregate::try_new(with_keys, group_expr, values)?);
    Ok(LogicalPlan::Projection(Projection::try_new(shown, Arc::new(grouped))?))
}

/// The value, where its key is one of those that the row is grouped by.
fn where_known(key: &Column, value: Column, data_type: &DataType) -> Result<Expr> {
    let null = Expr::Literal(ScalarValue::try_from(data_type)?, None);
    let whens = vec![(Box::new(Expr::Column(key.clone()).is_null()), Box::new(null))];
    Ok(Expr::Case(Case::new(None, whens, Some(Box::new(Expr::Column(value))))))
}

fn joined(mut join: Join, operators: &Operators) -> Result<LogicalPlan> {
    for (left, right) in &mut join.on {
        if has_key(left, join.left.schema())? {
            *left = key(std::mem::take(left), join.left.schema(), operators)?;
            *right = key(std::mem::take(right), join.right.schema(), operators)?;
            // The columns have been merged by now, and the library takes the keys of USING for columns.
            join.join_constraint = JoinConstraint::On;
        }
    }
    Ok(LogicalPlan::Join(join))
}

/// The keys of a window's partitions.
pub(super) fn partitions(call: &mut WindowFunction, schema: &DFSchema, operators: &Operators) -> Result<bool> {
    let mut changed = false;
    for expr in &mut call.params.partition_by {
        if has_key(expr, schema)? {
            *expr = key(std::mem::take(expr), schema, operators)?;
            changed = true;
        }
    }
    Ok(changed)
}

/// `i IN (…)`
pub(super) fn list(list: InList, schema: &DFSchema, operators: &Operators) -> Result<Expr> {
    let keys = list.list.into_iter().map(|item| key(item, schema, operators)).collect::<Result<Vec<_>>>()?;
    Ok(Expr::InList(InList::new(Box::new(key(*list.expr, schema, operators)?), keys, list.negated)))
}

/// `i IN (SELECT …)`
pub(super) fn membership(membership: InSubquery, schema: &DFSchema, operators: &Operators) -> Result<Expr> {
    let subquery = keys_of(membership.subquery, operators)?;
    let expr = key(*membership.expr, schema, operators)?;
    Ok(Expr::InSubquery(InSubquery::new(Box::new(expr), subquery, membership.negated)))
}

/// `i = ANY (SELECT …)`
pub(super) fn quantified(comparison: SetComparison, schema: &DFSchema, operators: &Operators) -> Result<Expr> {
    let subquery = keys_of(comparison.subquery, operators)?;
    let expr = Box::new(key(*comparison.expr, schema, operators)?);
    Ok(Expr::SetComparison(SetComparison { expr, subquery, ..comparison }))
}

/// The keys of the one column of a subquery.
fn keys_of(subquery: Subquery, operators: &Operators) -> Result<Subquery> {
    let schema = Arc::clone(subquery.subquery.schema());
    let columns = schema.columns();
    let [column] = columns.as_slice() else { return internal_err!("a membership in {} columns", columns.len()) };
    let keys = vec![key(Expr::Column(column.clone()), &schema, operators)?.alias(HIDDEN)];
    let plan = LogicalPlanBuilder::from(Arc::unwrap_or_clone(subquery.subquery)).project(keys)?.build()?;
    Ok(Subquery { subquery: Arc::new(plan), ..subquery })
}

/// `CASE i WHEN …`
pub(super) fn case(mut case: Case, schema: &DFSchema, operators: &Operators) -> Result<Expr> {
    let of = |expr: Box<Expr>| key(*expr, schema, operators).map(Box::new);
    case.expr = case.expr.map(of).transpose()?;
    case.when_then_expr =
        case.when_then_expr.into_iter().map(|(when, then)| Ok((of(when)?, then))).collect::<Result<_>>()?;
    Ok(Expr::Case(case))
}

/// `nullif(a, b)`, `greatest(…)` and `least(…)`.
pub(super) fn choice(name: &str, arguments: Vec<Expr>, schema: &DFSchema, operators: &Operators) -> Result<Expr> {
    match (name, arguments.as_slice()) {
        ("nullif", [first, second]) => {
            let (left, right) = (key(first.clone(), schema, operators)?, key(second.clone(), schema, operators)?);
            let null = Expr::Literal(ScalarValue::try_from(&first.get_type(schema)?)?, None);
            let whens = vec![(Box::new(left.eq(right)), Box::new(null))];
            Ok(Expr::Case(Case::new(None, whens, Some(Box::new(first.clone())))))
        }
        _ => operators.call(&format!("value_{name}"), arguments),
    }
}

/// Why a value with a key may not be where only values are.
pub(super) fn no_key(place: &str) -> DataFusionError {
    let message = format!("{place} is not supported on values of type interval");
    let report = ErrorReport::new(SqlState::FEATURE_NOT_SUPPORTED, message);
    wrap(report.with_hint("Use extract(epoch FROM …) instead."))
}
