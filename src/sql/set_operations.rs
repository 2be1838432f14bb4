//! UNION, INTERSECT and EXCEPT: columns of one type on both sides, and ALL, which counts how often a row stands on each.

use std::sync::Arc;

use datafusion::arrow::datatypes::{DECIMAL128_MAX_PRECISION, DataType, TimeUnit};
use datafusion::common::tree_node::Transformed;
use datafusion::common::{Column, DataFusionError, JoinType, NullEquality};
use datafusion::functions_window::row_number::row_number_udwf;
use datafusion::logical_expr::expr::WindowFunction;
use datafusion::logical_expr::{
    Cast, Distinct, Expr, ExprFunctionExt, Join, LogicalPlan, LogicalPlanBuilder, Projection, Union,
};

use crate::base::engine_error::wrap;
use crate::base::{ErrorReport, SqlState};
use crate::functions::type_name;

use super::record_types;
use super::settle::meet;

type Result<T> = std::result::Result<T, DataFusionError>;

/// The plan with its set operations as PostgreSQL runs them.
pub(super) fn plan(plan: LogicalPlan) -> Result<LogicalPlan> {
    Ok(plan.transform_up_with_subqueries(set_node)?.data)
}

/// INTERSECT or EXCEPT: no other form of SQL becomes such a join before the optimizer.
pub(super) fn is_set_operation(join: &Join) -> bool {
    matches!(join.join_type, JoinType::LeftSemi | JoinType::LeftAnti)
        && join.null_equality == NullEquality::NullEqualsNull
        && join.filter.is_none()
}

fn set_node(node: LogicalPlan) -> Result<Transformed<LogicalPlan>> {
    let join = match node {
        LogicalPlan::Join(join) => join,
        LogicalPlan::Union(union) => return agreed(union).map(|union| Transformed::yes(LogicalPlan::Union(union))),
        // Unions below may have other types than they had.
        changed @ (LogicalPlan::Projection(_) | LogicalPlan::SubqueryAlias(_)) => {
            return Ok(Transformed::no(changed.recompute_schema()?));
        }
        other => return Ok(Transformed::no(other)),
    };
    if !is_set_operation(&join) {
        return Ok(Transformed::no(LogicalPlan::Join(join)));
    }
    let word = if join.join_type == JoinType::LeftSemi { "INTERSECT" } else { "EXCEPT" };
    let all = !matches!(join.left.as_ref(), LogicalPlan::Distinct(Distinct::All(_)));
    let left = match Arc::unwrap_or_clone(join.left) {
        LogicalPlan::Distinct(Distinct::All(input)) => Arc::unwrap_or_clone(input),
        other => other,
    };
    let (left, right) = one_type(left, Arc::unwrap_or_clone(join.right), word)?;
    let shown: Vec<Expr> = left.schema().columns().into_iter().map(Expr::Column).collect();
    let (left, right) = if all {
        (numbered(left)?, numbered(right)?)
    } else {
        (LogicalPlanBuilder::from(left).distinct()?.build()?, right)
    };
    let keys = (left.schema().columns(), right.schema().columns());
    let joined = LogicalPlanBuilder::from(left)
        .join_detailed(right, join.join_type, keys, None, NullEquality::NullEqualsNull)?
        .build()?;
    let result = if all { LogicalPlanBuilder::from(joined).project(shown)?.build()? } else { joined };
    Ok(Transformed::yes(result))
}

/// Both sides with columns of the types in which they meet.
fn one_type(left: LogicalPlan, right: LogicalPlan, word: &str) -> Result<(LogicalPlan, LogicalPlan)> {
    let mut wanted = Vec::new();
    for (a, b) in left.schema().fields().iter().zip(right.schema().fields()) {
        let (a, b) = (a.data_type(), b.data_type());
        if let Some(common) = record_types::common(a, b) {
            wanted.push(common.map_err(|difference| difference.compared())?);
            continue;
        }
        wanted.push(meet(a, b).ok_or_else(|| {
            let message = format!("{word} types {} and {} cannot be matched", type_name(a), type_name(b));
            wrap(ErrorReport::new(SqlState::DATATYPE_MISMATCH, message))
        })?);
    }
    Ok((typed(left, &wanted)?, typed(right, &wanted)?))
}

/// A plan whose columns have these types.
pub(super) fn typed(plan: LogicalPlan, wanted: &[DataType]) -> Result<LogicalPlan> {
    if plan.schema().fields().iter().zip(wanted).all(|(field, wanted)| field.data_type() == wanted) {
        return Ok(plan);
    }
    let columns = plan.schema().iter().zip(wanted).map(|((qualifier, field), wanted)| {
        let column = Expr::Column(Column::new(qualifier.cloned(), field.name()));
        if field.data_type() == wanted {
            column
        } else {
            Expr::Cast(Cast::new(Box::new(column), wanted.clone())).alias_qualified(qualifier.cloned(), field.name())
        }
    });
    Ok(LogicalPlan::Projection(Projection::try_new(columns.collect(), Arc::new(plan))?))
}

/// A union in which a float meets a numeric: it is a float, where the library would make a numeric of both. One in which a
/// date meets a timestamp has microseconds: the nanoseconds that the library would count have no room for what is infinite.
/// Numerics have room for all of their digits, so that what reads the union before the library types it sees them. Records
/// meet in one of their kind.
pub(super) fn agreed(union: Union) -> Result<Union> {
    let width = union.schema.fields().len();
    let is_regular = union.inputs.iter().all(|input| input.schema().fields().len() == width);
    let own_type = |column: usize| {
        let types: Vec<DataType> = union.inputs.iter().flat_map(|input| leaf_types(input, column)).collect();
        float_of(&types).or_else(|| time_of(&types)).or_else(|| numeric_of(&types))
    };
    if !is_regular {
        return Ok(union);
    }
    let mut met: Vec<Option<DataType>> = Vec::with_capacity(width);
    for column in 0..width {
        met.push(record_of(&union, column)?.or_else(|| own_type(column)));
    }
    let inputs = union.inputs.into_iter().map(|input| {
        let own = input.schema().fields().iter().map(|field| field.data_type().clone());
        let wanted: Vec<DataType> = own.zip(&met).map(|(own, met)| met.clone().unwrap_or(own)).collect();
        typed(Arc::unwrap_or_clone(input), &wanted).map(Arc::new)
    });
    // A union keeps the schema that it has, also when a union among its inputs became one of other types.
    Union::try_new_with_loose_types(inputs.collect::<Result<Vec<_>>>()?)
}

/// The record in which those of a column meet, NULL among them.
fn record_of(union: &Union, column: usize) -> Result<Option<DataType>> {
    let mut found: Option<DataType> = None;
    for data_type in union.inputs.iter().flat_map(|input| leaf_types(input, column)) {
        let met = found.as_ref().and_then(|before| record_types::common(before, &data_type));
        found = match (found, met) {
            (_, Some(common)) => Some(common.map_err(|difference| difference.compared())?),
            (None, None) if matches!(data_type, DataType::Struct(_)) => Some(data_type),
            (before, None) if data_type.is_null() => before,
            (Some(before), None) => {
                let message =
                    format!("UNION types {} and {} cannot be matched", type_name(&before), type_name(&data_type));
                return Err(wrap(ErrorReport::new(SqlState::DATATYPE_MISMATCH, message)));
            }
            (None, None) => None,
        };
    }
    Ok(found)
}

/// The float that a float and a numeric become.
fn float_of(types: &[DataType]) -> Option<DataType> {
    let is_numeric = |data_type: &DataType| matches!(data_type, DataType::Decimal128(..) | DataType::Decimal256(..));
    let float = [DataType::Float64, DataType::Float32].into_iter().find(|float| types.contains(float));
    float.filter(|_| types.iter().any(is_numeric))
}

/// The numeric that several of them become, integers among them.
fn numeric_of(types: &[DataType]) -> Option<DataType> {
    let mut digits = Vec::with_capacity(types.len());
    for data_type in types {
        digits.push(match data_type {
            DataType::Decimal128(precision, scale) => (i16::from(*precision) - i16::from(*scale), *scale),
            DataType::Int16 => (5, 0),
            DataType::Int32 => (10, 0),
            DataType::Int64 => (19, 0),
            DataType::Null => (0, 0),
            _ => return None,
        });
    }
    if !types.iter().any(|data_type| matches!(data_type, DataType::Decimal128(..))) {
        return None;
    }
    let (whole, scale) = digits.into_iter().reduce(|a, b| (a.0.max(b.0), a.1.max(b.1)))?;
    let precision = u8::try_from(whole + i16::from(scale)).ok()?.min(DECIMAL128_MAX_PRECISION);
    Some(DataType::Decimal128(precision, scale))
}

/// The timestamp that a date and a timestamp become.
fn time_of(types: &[DataType]) -> Option<DataType> {
    let is_time = |data_type: &DataType| {
        matches!(data_type, DataType::Date32 | DataType::Timestamp(TimeUnit::Microsecond, _) | DataType::Null)
    };
    if !types.contains(&DataType::Date32) || !types.iter().all(is_time) {
        return None;
    }
    let rank = |data_type: &&DataType| match data_type {
        DataType::Timestamp(_, Some(_)) => 2,
        DataType::Timestamp(_, None) => 1,
        _ => 0,
    };
    types.iter().max_by_key(rank).filter(|most| **most != DataType::Date32 && **most != DataType::Null).cloned()
}

/// The types that a column has in the branches, also in those of unions within: what they meet in is not known yet.
fn leaf_types(plan: &LogicalPlan, column: usize) -> Vec<DataType> {
    match plan {
        LogicalPlan::Distinct(Distinct::All(input)) => leaf_types(input, column),
        LogicalPlan::Union(union) => union.inputs.iter().flat_map(|input| leaf_types(input, column)).collect(),
        other => vec![other.schema().field(column).data_type().clone()],
    }
}

/// Each row with its number among those that are equal to it.
fn numbered(plan: LogicalPlan) -> Result<LogicalPlan> {
    let columns = plan.schema().columns().into_iter().map(Expr::Column).collect();
    let number = Expr::from(WindowFunction::new(row_number_udwf(), vec![])).partition_by(columns).build()?;
    LogicalPlanBuilder::from(plan).window(vec![number])?.build()
}
