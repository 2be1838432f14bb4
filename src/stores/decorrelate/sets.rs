//! Several sets of keys (GROUPING SETS, ROLLUP, CUBE) as a union of aggregations that have one set each: so a domain
//! reaches them, and the set without keys has its row for every row of the domain.

use std::sync::Arc;

use datafusion::arrow::datatypes::DataType;
use datafusion::common::{Result, plan_err};
use datafusion::functions_aggregate::expr_fn::count;
use datafusion::logical_expr::utils::powerset;
use datafusion::logical_expr::{Aggregate, Expr, GroupingSet, LogicalPlan, Projection, Union, lit};
use datafusion::scalar::ScalarValue;

use super::{nullability, shared};

/// The aggregation as a union, if it has several sets of keys. Its columns are the same, the hidden number of the set
/// included.
pub(super) fn as_union(aggregate: &Aggregate) -> Result<Option<LogicalPlan>> {
    let [Expr::GroupingSet(sets)] = aggregate.group_expr.as_slice() else { return Ok(None) };
    let keys: Vec<Expr> = sets.distinct_expr().into_iter().cloned().collect();
    let sets = enumerated(sets)?;
    let branches = sets.iter().enumerate().map(|(place, set)| {
        let repeats = sets[..place].iter().filter(|other| *other == set).count();
        branch(aggregate, &keys, set, repeats).map(shared)
    });
    let inputs: Vec<Arc<LogicalPlan>> = branches.collect::<Result<_>>()?;
    if inputs.is_empty() {
        return plan_err!("GROUPING SETS without a set");
    }
    Ok(Some(nullability::of_union(Union { inputs, schema: Arc::clone(&aggregate.schema) })?))
}

fn enumerated(sets: &GroupingSet) -> Result<Vec<Vec<Expr>>> {
    Ok(match sets {
        GroupingSet::GroupingSets(sets) => sets.clone(),
        GroupingSet::Rollup(keys) => (0..=keys.len()).map(|count| keys[..count].to_vec()).collect(),
        GroupingSet::Cube(keys) => powerset(keys)?.into_iter().map(|set| set.into_iter().cloned().collect()).collect(),
    })
}

/// What a column of a set shows.
enum Shown {
    Computed(Expr),
    Bits(u64),
    /// A key that the set leaves out.
    Null,
}

impl Shown {
    fn into_expr(self, data_type: &DataType) -> Result<Expr> {
        match self {
            Self::Computed(column) => Ok(column),
            Self::Bits(bits) => Ok(lit(ScalarValue::UInt64(Some(bits)).cast_to(data_type)?)),
            Self::Null => Ok(lit(ScalarValue::try_from(data_type)?)),
        }
    }
}

/// The groups of one set, with the columns of all sets.
fn branch(aggregate: &Aggregate, keys: &[Expr], set: &[Expr], repeats: usize) -> Result<LogicalPlan> {
    let own: Vec<Expr> = keys.iter().filter(|key| set.contains(key)).cloned().collect();
    let mut calls: Vec<Expr> = aggregate.aggr_expr.iter().filter(|call| grouping(call).is_none()).cloned().collect();
    if calls.is_empty() {
        // What has neither keys nor calls is no aggregation.
        calls.push(count(lit(1_i64)));
    }
    let plan = Aggregate::try_new(Arc::clone(&aggregate.input), own, calls)?;
    let mut computed = plan.schema.columns().into_iter().map(|column| Shown::Computed(Expr::Column(column)));
    let mut next = || computed.next().unwrap_or(Shown::Null);
    let left_out = |keys: &[Expr]| keys.iter().fold(0, |bits, key| (bits << 1) | u64::from(!set.contains(key)));
    let mut shown: Vec<Shown> = keys.iter().map(|key| if set.contains(key) { next() } else { Shown::Null }).collect();
    shown.push(Shown::Bits(left_out(keys) | (u64::try_from(repeats).unwrap_or(u64::MAX) << keys.len())));
    shown.extend(aggregate.aggr_expr.iter().map(|call| match grouping(call) {
        Some(arguments) => Shown::Bits(left_out(arguments)),
        None => next(),
    }));
    let named = aggregate.schema.iter().zip(shown).map(|((qualifier, field), shown)| {
        Ok(shown.into_expr(field.data_type())?.alias_qualified(qualifier.cloned(), field.name()))
    });
    let named = named.collect::<Result<_>>()?;
    Ok(LogicalPlan::Projection(Projection::try_new(named, shared(LogicalPlan::Aggregate(plan)))?))
}

/// The arguments of a call of GROUPING.
fn grouping(call: &Expr) -> Option<&[Expr]> {
    match call {
        Expr::Alias(alias) => grouping(&alias.expr),
        Expr::AggregateFunction(call) if call.func.name() == "grouping" => Some(&call.params.args),
        _ => None,
    }
}
