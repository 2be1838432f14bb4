//! Recursive queries over numerics: a column has one number of digits after the point in every step.
//!
//! PostgreSQL gives each value its own digits. Here the first rows and the later ones meet in a scale that holds both, as
//! far as there is one: `round(0.5 * x, 6)` has 6 digits however often it is done, `0.5 * x` has one more each time, and
//! is refused.

use std::sync::Arc;

use datafusion::arrow::datatypes::{DataType, Field, FieldRef, Schema};
use datafusion::catalog::cte_worktable::CteWorkTable;
use datafusion::common::tree_node::Transformed;
use datafusion::common::{Column, DataFusionError};
use datafusion::datasource::{provider_as_source, source_as_provider};
use datafusion::logical_expr::logical_plan::TableScanBuilder;
use datafusion::logical_expr::{Cast, Expr, LogicalPlan, Projection, RecursiveQuery, TableScan};

use crate::base::engine_error::wrap;
use crate::base::types::DEFAULT_NUMERIC;
use crate::base::{ErrorReport, SqlState};

use super::operators::Operators;
use super::outer_types;
use super::settle;

type Result<T> = std::result::Result<T, DataFusionError>;

/// How often a wider scale is tried.
const TRIES: usize = 4;

/// The plan, not settled yet, with recursive queries whose columns have the types that the first rows will have once they
/// are settled, and whose numerics have one scale.
pub(super) fn plan(plan: LogicalPlan, operators: &Operators) -> Result<LogicalPlan> {
    let found = plan.transform_up_with_subqueries(|node| match node {
        LogicalPlan::RecursiveQuery(query) => Ok(Transformed::yes(one_scale(query, operators)?)),
        other => Ok(Transformed::no(other)),
    })?;
    // What reads a recursion has its digits.
    if found.transformed { outer_types::plan(outer_types::known_anew(found.data)?) } else { Ok(found.data) }
}

fn one_scale(query: RecursiveQuery, operators: &Operators) -> Result<LogicalPlan> {
    let first = types_of(&query.static_term, operators)?;
    let planned = query.static_term.schema().fields();
    let is_settled = |(planned, first): (&FieldRef, &DataType)| planned.data_type() == first && !is_decimal(first);
    if planned.iter().zip(&first).all(is_settled) {
        return Ok(LogicalPlan::RecursiveQuery(query));
    }
    let written = without_own_casts(query.recursive_term.as_ref().clone(), &query, &first)?;
    let mut met = first.clone();
    for _ in 0..TRIES {
        let recursive = over(written.clone(), &query, &met)?;
        let later = types_of(&recursive, operators)?;
        let wider: Vec<DataType> = met.iter().zip(&later).map(|(a, b)| meet(a, b)).collect();
        if wider == met {
            let one = RecursiveQuery::try_new(
                query.name,
                Arc::new(fixed(Arc::unwrap_or_clone(query.static_term), &first, &met)?),
                Arc::new(fixed(recursive, &later, &met)?),
                query.is_distinct,
            )?;
            return Ok(LogicalPlan::RecursiveQuery(one));
        }
        met = wider;
    }
    Err(wrap(
        ErrorReport::new(
            SqlState::FEATURE_NOT_SUPPORTED,
            "a numeric column that gets more digits in every step of a recursive query is not supported",
        )
        .with_hint("Round it, or cast it to numeric with a precision and a scale."),
    ))
}

/// The recursive term without the casts that the planner itself has put around its columns, so that they have the types of
/// the first rows.
fn without_own_casts(term: LogicalPlan, query: &RecursiveQuery, first: &[DataType]) -> Result<LogicalPlan> {
    let LogicalPlan::Projection(projection) = term else { return Ok(term) };
    let planned = query.static_term.schema().fields();
    let exprs = projection.expr.into_iter().zip(planned).zip(first).map(|((expr, planned), first)| {
        let planned = planned.data_type();
        match expr {
            // A cast to the type that the column will have may have been written.
            expr if planned == first && !is_decimal(planned) => expr,
            Expr::Alias(mut alias) => {
                *alias.expr = without_cast(*alias.expr, planned);
                Expr::Alias(alias)
            }
            other => without_cast(other, planned),
        }
    });
    Ok(LogicalPlan::Projection(Projection::try_new(exprs.collect(), projection.input)?))
}

fn without_cast(expr: Expr, wanted: &DataType) -> Expr {
    match expr {
        Expr::Cast(cast) if cast.field.data_type() == wanted => *cast.expr,
        other => other,
    }
}

/// The plan with columns of the types that were met, also where it is settled: then they will be of the types `own`.
fn fixed(plan: LogicalPlan, own: &[DataType], met: &[DataType]) -> Result<LogicalPlan> {
    let differs = own.iter().zip(met).map(|(own, met)| is_decimal(met) && own != met);
    let columns = plan.schema().iter().zip(met).zip(differs).map(|(((qualifier, field), met), differs)| {
        let column = Expr::Column(Column::new(qualifier.cloned(), field.name()));
        if differs || field.data_type() != met {
            Expr::Cast(Cast::new(Box::new(column), met.clone())).alias_qualified(qualifier.cloned(), field.name())
        } else {
            column
        }
    });
    let columns: Vec<Expr> = columns.collect();
    if columns.iter().all(|column| matches!(column, Expr::Column(_))) {
        return Ok(plan);
    }
    Ok(LogicalPlan::Projection(Projection::try_new(columns, Arc::new(plan))?))
}

/// The types that the columns will have.
fn types_of(plan: &LogicalPlan, operators: &Operators) -> Result<Vec<DataType>> {
    let settled = outer_types::plan(outer_types::known_anew(settle::plan(plan.clone(), operators)?)?)?;
    Ok(settled.schema().fields().iter().map(|field| field.data_type().clone()).collect())
}

fn is_decimal(data_type: &DataType) -> bool {
    matches!(data_type, DataType::Decimal128(..) | DataType::Decimal256(..))
}

/// The numeric that holds the digits of both; the first type where that is none.
fn meet(a: &DataType, b: &DataType) -> DataType {
    let scale = |one: &DataType| match one {
        DataType::Decimal128(_, scale) | DataType::Decimal256(_, scale) => Some(*scale),
        one if one.is_integer() => Some(0),
        _ => None,
    };
    match (scale(a), scale(b)) {
        _ if a == b => a.clone(),
        (Some(left), Some(right)) if is_decimal(a) => {
            let scale = left.max(right);
            // The numeric that a cast without digits asks for is another one.
            let precision = if scale == DEFAULT_NUMERIC.1 { DEFAULT_NUMERIC.0 - 1 } else { DEFAULT_NUMERIC.0 };
            DataType::Decimal128(precision, scale.min(DEFAULT_NUMERIC.0.cast_signed()))
        }
        _ => a.clone(),
    }
}

/// The recursive term over rows of these types.
fn over(term: LogicalPlan, query: &RecursiveQuery, types: &[DataType]) -> Result<LogicalPlan> {
    let fields = query.static_term.schema().fields().iter().zip(types);
    // What the first rows have in every column, the later ones may not have.
    let of_type = |(field, data_type): (&FieldRef, &DataType)| field.as_ref().clone().with_data_type(data_type.clone());
    let fields: Vec<Field> = fields.map(|one| of_type(one).with_nullable(true)).collect();
    let rows = provider_as_source(Arc::new(CteWorkTable::new(&query.name, Arc::new(Schema::new(fields)))));
    let replaced = term.transform_up_with_subqueries(|node| match node {
        LogicalPlan::TableScan(scan) if reads(&scan, &query.name) => {
            let scan = TableScanBuilder::new(scan.table_name, Arc::clone(&rows)).build()?;
            Ok(Transformed::yes(LogicalPlan::TableScan(scan)))
        }
        other => Ok(Transformed::yes(other.recompute_schema()?)),
    })?;
    outer_types::plan(replaced.data)
}

/// Whether a scan reads the rows of the recursion of that name.
fn reads(scan: &TableScan, name: &str) -> bool {
    source_as_provider(&scan.source)
        .is_ok_and(|provider| provider.downcast_ref::<CteWorkTable>().is_some_and(|table| table.name() == name))
}
