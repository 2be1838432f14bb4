//! LIMIT, OFFSET and FETCH where they are more than a number: a constant expression becomes its value, a subquery and
//! WITH TIES become conditions on the place of a row.

use std::sync::Arc;

use datafusion::arrow::datatypes::DataType;
use datafusion::common::tree_node::Transformed;
use datafusion::common::{Column, DFSchema, DataFusionError};
use datafusion::functions_window::rank::rank_udwf;
use datafusion::functions_window::row_number::row_number_udwf;
use datafusion::logical_expr::expr::{Sort as SortKey, WindowFunction};
use datafusion::logical_expr::simplify::SimplifyContext;
use datafusion::logical_expr::{
    Cast, Expr, ExprFunctionExt, Filter, Limit, LogicalPlan, LogicalPlanBuilder, Projection, Sort, WindowUDF, lit,
};
use datafusion::optimizer::simplify_expressions::ExprSimplifier;

type Result<T> = std::result::Result<T, DataFusionError>;

/// The call that FETCH … WITH TIES leaves as the count of rows.
const WITH_TIES: &str = "with_ties";

/// The plan, in which every LIMIT is a number or a parameter.
pub(super) fn plan(plan: LogicalPlan) -> Result<LogicalPlan> {
    Ok(plan.transform_up_with_subqueries(limit_node)?.data)
}

fn limit_node(node: LogicalPlan) -> Result<Transformed<LogicalPlan>> {
    let LogicalPlan::Limit(limit) = node else { return Ok(Transformed::no(node)) };
    let bare = |bound: &Option<Box<Expr>>| bound.as_deref().is_none_or(is_plain);
    if bare(&limit.skip) && bare(&limit.fetch) {
        return Ok(Transformed::no(LogicalPlan::Limit(limit)));
    }
    let (fetch, ties) = match limit.fetch {
        Some(fetch) => {
            let (fetch, ties) = without_ties(*fetch);
            (Some(folded(fetch)?), ties)
        }
        None => (None, false),
    };
    let skip = limit.skip.map(|skip| folded(*skip)).transpose()?;
    let bare = |bound: &Option<Expr>| bound.as_ref().is_none_or(is_plain);
    if !ties && bare(&skip) && bare(&fetch) {
        let limit = Limit { skip: skip.map(Box::new), fetch: fetch.map(Box::new), input: limit.input };
        return Ok(Transformed::yes(LogicalPlan::Limit(limit)));
    }
    let bounds = Bounds { skip, fetch, ties };
    placed(Arc::unwrap_or_clone(limit.input), &bounds).map(Transformed::yes)
}

fn is_plain(expr: &Expr) -> bool {
    match expr {
        Expr::Literal(_, _) | Expr::Placeholder(_) => true,
        Expr::Cast(cast) => matches!(cast.expr.as_ref(), Expr::Placeholder(_)),
        _ => false,
    }
}

fn without_ties(expr: Expr) -> (Expr, bool) {
    match expr {
        Expr::ScalarFunction(mut call) if call.func.name() == WITH_TIES && call.args.len() == 1 => {
            (call.args.swap_remove(0), true)
        }
        Expr::Alias(alias) => without_ties(*alias.expr),
        other => (other, false),
    }
}

/// A constant expression as its value.
fn folded(expr: Expr) -> Result<Expr> {
    if is_plain(&expr) {
        return Ok(expr);
    }
    let context = SimplifyContext::builder().with_schema(Arc::new(DFSchema::empty())).build();
    let simple = ExprSimplifier::new(context).simplify(expr)?;
    Ok(match simple {
        Expr::Literal(value, metadata) => Expr::Literal(value.cast_to(&DataType::Int64)?, metadata),
        other => other,
    })
}

struct Bounds {
    skip: Option<Expr>,
    fetch: Option<Expr>,
    ties: bool,
}

/// The rows of an ordered plan whose places are within the bounds.
fn placed(input: LogicalPlan, bounds: &Bounds) -> Result<LogicalPlan> {
    match input {
        LogicalPlan::Sort(Sort { expr, input, fetch: None }) => within(Arc::unwrap_or_clone(input), expr, bounds),
        // Keys that are not selected stand below the columns that are.
        LogicalPlan::Projection(Projection { expr, input, schema, .. })
            if matches!(input.as_ref(), LogicalPlan::Sort(_)) =>
        {
            let below = placed(Arc::unwrap_or_clone(input), bounds)?;
            Ok(LogicalPlan::Projection(Projection::try_new_with_schema(expr, Arc::new(below), schema)?))
        }
        other => within(other, Vec::new(), bounds),
    }
}

fn place(function: Arc<WindowUDF>, keys: &[SortKey]) -> Result<Expr> {
    let call = Expr::from(WindowFunction::new(function, vec![]));
    if keys.is_empty() { Ok(call) } else { call.order_by(keys.to_vec()).build() }
}

fn within(input: LogicalPlan, keys: Vec<SortKey>, bounds: &Bounds) -> Result<LogicalPlan> {
    let shown: Vec<Expr> = input.schema().columns().into_iter().map(Expr::Column).collect();
    let number = place(row_number_udwf(), &keys)?;
    let mut windows = vec![number.clone()];
    let rank = if bounds.ties {
        let rank = place(rank_udwf(), &keys)?;
        windows.push(rank.clone());
        rank
    } else {
        number.clone()
    };
    let column = |expr: &Expr| {
        let column = Expr::Column(Column::from_name(expr.schema_name().to_string()));
        Expr::Cast(Cast::new(Box::new(column), DataType::Int64))
    };
    let numbered = LogicalPlanBuilder::from(input).window(windows)?.build()?;
    let condition = condition(&column(&number), &column(&rank), bounds);
    let kept = LogicalPlan::Filter(Filter::try_new(condition, Arc::new(numbered))?);
    let builder = LogicalPlanBuilder::from(kept);
    let sorted = if keys.is_empty() { builder } else { builder.sort(keys)? };
    sorted.project(shown)?.build()
}

/// NULL is no bound.
fn condition(number: &Expr, rank: &Expr, bounds: &Bounds) -> Expr {
    let or_zero = |expr: &Expr| datafusion::functions::core::expr_fn::coalesce(vec![expr.clone(), lit(0_i64)]);
    let skip = bounds.skip.as_ref().map_or_else(|| lit(0_i64), or_zero);
    let mut condition = number.clone().gt(skip.clone());
    if let Some(fetch) = &bounds.fetch {
        let all = datafusion::functions::core::expr_fn::coalesce(vec![fetch.clone(), lit(i64::MAX / 2)]);
        condition = condition.and(rank.clone().lt_eq(skip + all.clone()));
        if bounds.ties {
            condition = condition.and(all.gt(lit(0_i64)));
        }
    }
    condition
}
