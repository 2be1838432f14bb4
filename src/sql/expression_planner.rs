//! What the planner asks of the operators while it reads expressions: operators, arrays, aggregates and window functions.

use std::sync::Arc;

use datafusion::arrow::datatypes::DataType;
use datafusion::common::{DFSchema, DataFusionError, ScalarValue};
use datafusion::logical_expr::expr::{AggregateFunction, WindowFunction, WindowFunctionParams};
use datafusion::logical_expr::planner::{ExprPlanner, PlannerResult, RawAggregateExpr, RawBinaryExpr, RawWindowExpr};
use datafusion::logical_expr::utils::COUNT_STAR_EXPANSION;
use datafusion::logical_expr::{Cast, Expr, WindowFunctionDefinition};

use crate::base::engine_error::wrap;
use crate::functions::check_window_arguments;

use super::operators::Operators;
use super::settle;

impl ExprPlanner for Operators {
    fn plan_binary_op(
        &self,
        raw: RawBinaryExpr,
        schema: &DFSchema,
    ) -> Result<PlannerResult<RawBinaryExpr>, DataFusionError> {
        let left = self.operand(raw.left, schema)?;
        let right = self.operand(raw.right, schema)?;
        let (left_again, right_again) = (left.expr.clone(), right.expr.clone());
        match self.binary(&raw.op, left, right)? {
            Some(planned) => Ok(PlannerResult::Planned(planned)),
            None => Ok(PlannerResult::Original(RawBinaryExpr { op: raw.op, left: left_again, right: right_again })),
        }
    }

    fn plan_array_literal(
        &self,
        items: Vec<Expr>,
        schema: &DFSchema,
    ) -> Result<PlannerResult<Vec<Expr>>, DataFusionError> {
        // What reads the array is planned with its type, long before types are settled.
        settle::unify_items(items, schema, self).map(PlannerResult::Original)
    }

    fn plan_extract(&self, args: Vec<Expr>) -> Result<PlannerResult<Vec<Expr>>, DataFusionError> {
        let lower = args.into_iter().enumerate().map(|(index, arg)| match arg {
            Expr::Literal(ScalarValue::Utf8(Some(field)), metadata) if index == 0 => {
                Expr::Literal(ScalarValue::Utf8(Some(field.to_lowercase())), metadata)
            }
            other => other,
        });
        self.call("extract", lower.collect()).map(PlannerResult::Planned)
    }

    fn plan_position(&self, args: Vec<Expr>) -> Result<PlannerResult<Vec<Expr>>, DataFusionError> {
        self.call("position", args).map(PlannerResult::Planned)
    }

    fn plan_substring(&self, args: Vec<Expr>) -> Result<PlannerResult<Vec<Expr>>, DataFusionError> {
        self.call("substring", args).map(PlannerResult::Planned)
    }

    fn plan_overlay(&self, args: Vec<Expr>) -> Result<PlannerResult<Vec<Expr>>, DataFusionError> {
        self.call("overlay", args).map(PlannerResult::Planned)
    }

    fn plan_aggregate(&self, mut raw: RawAggregateExpr) -> Result<PlannerResult<RawAggregateExpr>, DataFusionError> {
        if raw.func.name() == "count" && !raw.distinct && counts_rows(&raw.args) {
            raw.args = vec![Expr::Literal(COUNT_STAR_EXPANSION, None)];
        }
        if raw.distinct && raw.order_by.is_empty() && matches!(raw.func.name(), "array_agg" | "string_agg") {
            // PostgreSQL sorts to find what is distinct, and clients see that order.
            raw.order_by = raw.args.first().map(|item| item.clone().sort(true, false)).into_iter().collect();
        }
        let (true, Some(sum), Some(count)) = (raw.func.name() == "avg", &self.sum, &self.count) else {
            return Ok(PlannerResult::Original(raw));
        };
        let of = |function: &Arc<_>, args: Vec<Expr>| {
            Expr::AggregateFunction(AggregateFunction::new_udf(
                Arc::clone(function),
                args,
                raw.distinct,
                raw.filter.clone(),
                Vec::new(),
                None,
            ))
        };
        let counted = counted_for_average(&raw.args, raw.distinct);
        self.call("avg_of", vec![of(sum, raw.args.clone()), of(count, counted)]).map(PlannerResult::Planned)
    }

    fn plan_window(&self, mut raw: RawWindowExpr) -> Result<PlannerResult<RawWindowExpr>, DataFusionError> {
        let name = raw.func_def.name().to_owned();
        let constants: Vec<Option<ScalarValue>> = raw.args.iter().map(constant).collect();
        check_window_arguments(&name, &constants).map_err(wrap)?;
        if name == "count" && !raw.distinct && counts_rows(&raw.args) {
            raw.args = vec![Expr::Literal(COUNT_STAR_EXPANSION, None)];
        }
        let of = |function: WindowFunctionDefinition, args: Vec<Expr>| {
            Expr::WindowFunction(Box::new(WindowFunction {
                fun: function,
                params: WindowFunctionParams {
                    args,
                    partition_by: raw.partition_by.clone(),
                    order_by: raw.order_by.clone(),
                    window_frame: raw.window_frame.clone(),
                    filter: raw.filter.clone(),
                    null_treatment: raw.null_treatment,
                    distinct: raw.distinct,
                },
            }))
        };
        if let ("avg", Some(sum), Some(count)) = (name.as_str(), &self.sum, &self.count) {
            let of = |part: &Arc<_>, args| of(WindowFunctionDefinition::AggregateUDF(Arc::clone(part)), args);
            let counted = counted_for_average(&raw.args, raw.distinct);
            return self
                .call("avg_of", vec![of(sum, raw.args.clone()), of(count, counted)])
                .map(PlannerResult::Planned);
        }
        // The library counts ranks without sign.
        let result = match name.as_str() {
            "row_number" | "rank" | "dense_rank" => DataType::Int64,
            "ntile" => DataType::Int32,
            _ => return Ok(PlannerResult::Original(raw)),
        };
        Ok(PlannerResult::Planned(Expr::Cast(Cast::new(Box::new(of(raw.func_def.clone(), raw.args.clone())), result))))
    }
}

/// Whether a count of these arguments is one of all rows: `count(*)`, and `count` of a constant that is not NULL. They
/// are one call in all places of a query, so that the planner does not take them for two columns of one name.
#[expect(deprecated, reason = "the planner still writes count(*) with a wildcard")]
fn counts_rows(arguments: &[Expr]) -> bool {
    match arguments {
        [] | [Expr::Wildcard { .. }] => true,
        [Expr::Literal(value, _)] => !value.is_null(),
        // A number in the text, in the type that it has in PostgreSQL.
        [Expr::Cast(Cast { expr, .. })] => {
            matches!(expr.as_ref(), Expr::Literal(value, _) if value.data_type().is_numeric() && !value.is_null())
        }
        _ => false,
    }
}

/// What the count of an average is of.
fn counted_for_average(arguments: &[Expr], is_distinct: bool) -> Vec<Expr> {
    if !is_distinct && counts_rows(arguments) {
        return vec![Expr::Literal(COUNT_STAR_EXPANSION, None)];
    }
    arguments.iter().cloned().map(unwidened).collect()
}

/// The value of a constant, also below casts: a number in the text is cast to the type that it has in PostgreSQL.
fn constant(expr: &Expr) -> Option<ScalarValue> {
    match expr {
        Expr::Literal(value, _) => Some(value.clone()),
        Expr::Cast(cast) => constant(&cast.expr)?.cast_to(cast.field.data_type()).ok(),
        _ => None,
    }
}

/// What was made a whole number of any size for its sum: to count it, that makes no difference.
fn unwidened(argument: Expr) -> Expr {
    match argument {
        Expr::Cast(cast) if *cast.field.data_type() == DataType::Decimal128(38, 0) => *cast.expr,
        argument => argument,
    }
}
