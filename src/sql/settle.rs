//! What is left to type once the planner has done its part: casts, CASE, lists, and calls whose arguments must agree.
//!
//! It runs on every operand while the planner resolves operators, and once more over the finished plan.

use std::sync::Arc;

use datafusion::arrow::datatypes::DataType;
use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::common::{DFSchema, DataFusionError, ScalarValue, internal_err};
use datafusion::logical_expr::expr::{InList, Placeholder, ScalarFunction};
use datafusion::logical_expr::expr_rewriter::NamePreserver;
use datafusion::logical_expr::utils::merge_schema;
use datafusion::logical_expr::{
    AggregateUDF, BinaryExpr, Case, Cast, Expr, ExprSchemable, Like, LogicalPlan, LogicalPlanBuilder, Operator,
    ScalarUDF, WindowFunctionDefinition,
};

use crate::base::engine_error::wrap;
use crate::base::types::DEFAULT_NUMERIC;
use crate::base::{ErrorReport, SqlState, SqlType, infinite};
use crate::functions::literal;
use crate::functions::{FunctionKind, differs_as_text, find, type_name};

use super::float_zeros;
use super::groupings;
use super::normalise::internal_name;
use super::operators::{
    Operators, common_number, common_type, convert, is_integer, is_number, no_operator, quoted_type,
};
use super::operators_arrays::{is_list, leaf, with_leaf};
use super::record_types::{self, Difference};
use super::set_operations;
use super::type_of::type_of;

type Rewritten = Result<Transformed<Expr>, DataFusionError>;

/// Types every expression of a plan.
pub(super) fn plan(plan: LogicalPlan, operators: &Operators) -> Result<LogicalPlan, DataFusionError> {
    Ok(plan.transform_up_with_subqueries(|node| settle_node(node, operators))?.data)
}

/// The keys of ROLLUP, CUBE and GROUPING SETS have names of their own; what is around them has none.
pub(super) fn each_key(expr: Expr, change: impl FnMut(Expr) -> Rewritten) -> Rewritten {
    let mut change = change;
    if matches!(expr, Expr::GroupingSet(_)) { expr.map_children(change) } else { change(expr) }
}

fn settle_node(node: LogicalPlan, operators: &Operators) -> Result<Transformed<LogicalPlan>, DataFusionError> {
    let mut schema = merge_schema(&node.inputs());
    if let LogicalPlan::TableScan(scan) = &node {
        schema.merge(&DFSchema::try_from_qualified_schema(scan.table_name.clone(), &scan.source.schema())?);
    }
    let limit = matches!(node, LogicalPlan::Limit(_));
    let is_values = matches!(node, LogicalPlan::Values(_));
    let names = NamePreserver::new(&node);
    let settle = |expr: Expr| {
        if is_values && is_met_constant(&expr) {
            return Ok(Transformed::no(expr));
        }
        let name = names.save(&expr);
        let expr = match expr {
            Expr::Cast(cast) if is_values && cast.field.data_type().is_decimal() => {
                let inner = cast.expr.clone().transform_up(|expr| settle_one(expr, &schema, operators))?.data;
                if inner.get_type(&schema)?.is_floating() {
                    // The planner's: what somebody has written is marked.
                    return Ok(Transformed::yes(inner));
                }
                if has_fewer_digits(&inner, cast.field.data_type()) {
                    return Ok(Transformed::yes(as_cast(inner, cast.field.data_type())));
                }
                Expr::Cast(cast)
            }
            expr => expr,
        };
        let expr = if limit { operators.adopt_parameter(expr, &DataType::Int64)? } else { expr };
        let settled = expr.transform_up(|expr| settle_one(expr, &schema, operators))?;
        Ok(if settled.transformed { settled.update_data(|expr| name.restore(expr)) } else { settled })
    };
    let settled = node.map_expressions(|expr| each_key(expr, settle))?;
    if let LogicalPlan::Values(values) = settled.data {
        // Their schema says what the rows were before.
        return Ok(Transformed::yes(values_of(values.values)?));
    }
    if let LogicalPlan::Aggregate(aggregate) = settled.data {
        let named = groupings::name_keys(aggregate)?;
        return if settled.transformed {
            named.recompute_schema().map(Transformed::yes)
        } else {
            Ok(Transformed::no(named))
        };
    }
    if let LogicalPlan::Union(union) = settled.data {
        // So does theirs: what they have in common is found from what the branches are now.
        return Ok(Transformed::yes(LogicalPlan::Union(set_operations::agreed(union)?)));
    }
    if !settled.transformed && !matches!(settled.data, LogicalPlan::Projection(_) | LogicalPlan::SubqueryAlias(_)) {
        return Ok(settled);
    }
    settled.map_data(LogicalPlan::recompute_schema)
}

impl Operators {
    /// Types an operand: only what the planner did not resolve by this planner's own rules.
    ///
    /// What reads columns stays as it is until the plan is finished, or it would be another expression than the same one
    /// in GROUP BY or in the SELECT list; what is around it sees the type that it will have.
    pub(super) fn settle(&self, expr: Expr, schema: &DFSchema) -> Result<Expr, DataFusionError> {
        match &expr {
            Expr::BinaryExpr(_) | Expr::Column(_) | Expr::Literal(_, _) | Expr::Placeholder(_) => return Ok(expr),
            // What no text can call was made here, of operands that were typed. To look through all of it again at every
            // step of a chain would take a power of its length.
            Expr::ScalarFunction(call) if is_operator(call.func.name()) => return Ok(expr),
            _ => {}
        }
        let settled = expr.clone().transform_up(|part| settle_one(part, schema, self))?.data;
        if !reads_rows(&expr)? {
            return Ok(settled);
        }
        let wanted = type_of(&settled, schema)?;
        Ok(match type_of(&expr, schema) {
            Ok(now) if now == wanted => expr,
            Ok(_) | Err(_) => Expr::Cast(Cast::new(Box::new(expr), wanted)),
        })
    }

    fn adopt_parameter(&self, expr: Expr, wanted: &DataType) -> Result<Expr, DataFusionError> {
        match expr {
            Expr::Placeholder(Placeholder { field: None, .. }) => self.adopt(expr, wanted),
            other => Ok(other),
        }
    }
}

/// Whether a function is what an operator became: the planner writes it, and no text can.
fn is_operator(name: &str) -> bool {
    find(name, FunctionKind::Scalar).is_some_and(|row| !row.is_callable())
}

/// Whether an expression has another value from row to row, or from group to group.
fn reads_rows(expr: &Expr) -> Result<bool, DataFusionError> {
    expr.exists(|part| {
        Ok(matches!(
            part,
            Expr::Column(_) | Expr::OuterReferenceColumn(_, _) | Expr::AggregateFunction(_) | Expr::WindowFunction(_)
        ))
    })
}

fn settle_one(expr: Expr, schema: &DFSchema, operators: &Operators) -> Rewritten {
    match expr {
        Expr::Cast(cast) => settle_cast(cast, schema, operators),
        // The planner names a call by the name that it was written with, which no one sees.
        Expr::Alias(alias)
            if internal_name(&alias.name).is_some() && matches!(*alias.expr, Expr::ScalarFunction(_)) =>
        {
            Ok(Transformed::yes(*alias.expr))
        }
        Expr::Negative(inner) => Ok(settle_negative(*inner)),
        Expr::InList(list) => settle_list(list, schema, operators),
        Expr::Case(case) => settle_case(case, schema, operators),
        Expr::InSubquery(mut membership) => {
            let (expr, subquery) = (*membership.expr, membership.subquery);
            let (expr, subquery) = record_types::beside_query(expr, subquery, schema)?;
            (membership.expr, membership.subquery) = (Box::new(expr), subquery);
            Ok(Transformed::yes(Expr::InSubquery(membership)))
        }
        Expr::SetComparison(mut comparison) => {
            let (expr, subquery) = (*comparison.expr, comparison.subquery);
            let (expr, subquery) = record_types::beside_query(expr, subquery, schema)?;
            (comparison.expr, comparison.subquery) = (Box::new(expr), subquery);
            Ok(Transformed::yes(Expr::SetComparison(comparison)))
        }
        Expr::Like(like) => settle_like(like, schema, operators, true),
        Expr::SimilarTo(like) => settle_like(like, schema, operators, false),
        Expr::BinaryExpr(BinaryExpr {
            left,
            op: op @ (Operator::IsDistinctFrom | Operator::IsNotDistinctFrom),
            right,
        }) => {
            let (left, right) = operators.comparable("IS DISTINCT FROM", *left, *right, schema)?;
            Ok(Transformed::yes(Expr::BinaryExpr(BinaryExpr::new(Box::new(left), op, Box::new(right)))))
        }
        Expr::ScalarFunction(mut call) => match call.func.name() {
            "coalesce" | "greatest" | "least" | "value_greatest" | "value_least" => {
                let word = call.func.name().trim_start_matches("value_").to_uppercase();
                call.args = unify_results(call.args, &word, schema, operators)?;
                Ok(Transformed::yes(Expr::ScalarFunction(call)))
            }
            "make_array" => {
                call.args = unify_items(call.args, schema, operators)?;
                Ok(Transformed::yes(Expr::ScalarFunction(call)))
            }
            "compare_any" | "compare_all" => {
                let name = call.func.name().to_owned();
                operators.quantified(&name, call.args, schema).map(Transformed::yes)
            }
            "array_subscript" => operators.subscript(call.args, schema).map(Transformed::yes),
            "series_of" => operators.series(call.args, schema).map(Transformed::yes),
            "array_part" => operators.array_part(call.args, schema).map(Transformed::yes),
            "overlaps" => operators.overlaps(call.args, schema).map(Transformed::yes),
            "nullif" if call.args.len() == 2 => {
                let (name, args) = (call.func, call.args);
                settle_nullif(name, args, schema, operators)
            }
            _ => super::calls::settle(call, schema, operators),
        },
        Expr::AggregateFunction(mut call)
            if let Some(own) = by_key(call.func.name(), &call.params.args, schema, operators)? =>
        {
            call.func = own;
            Ok(Transformed::yes(Expr::AggregateFunction(call)))
        }
        Expr::WindowFunction(mut call)
            if let Some(own) = by_key(call.fun.name(), &call.params.args, schema, operators)? =>
        {
            call.fun = WindowFunctionDefinition::AggregateUDF(own);
            Ok(Transformed::yes(Expr::WindowFunction(call)))
        }
        Expr::AggregateFunction(mut call) if call.func.name() == "sum" => {
            let changed = widen_sum(&mut call.params.args, schema)?;
            Ok(Transformed::new_transformed(Expr::AggregateFunction(call), changed))
        }
        Expr::WindowFunction(mut call) if call.fun.name() == "sum" => {
            let changed = widen_sum(&mut call.params.args, schema)?;
            Ok(Transformed::new_transformed(Expr::WindowFunction(call), changed))
        }
        Expr::AggregateFunction(mut call) => {
            let changed = super::calls::settle_arguments(&call.func, &mut call.params.args, schema, operators)?;
            Ok(Transformed::new_transformed(Expr::AggregateFunction(call), changed))
        }
        Expr::WindowFunction(mut call) => {
            let changed = match &call.fun {
                WindowFunctionDefinition::AggregateUDF(function) => {
                    super::calls::settle_arguments(function, &mut call.params.args, schema, operators)?
                }
                WindowFunctionDefinition::WindowUDF(function) => match function.name() {
                    "lag" | "lead" | "nth_value" => adopt_rows_away(&mut call.params.args, schema, operators)?,
                    _ => false,
                },
            };
            Ok(Transformed::new_transformed(Expr::WindowFunction(call), changed))
        }
        other => Ok(Transformed::no(other)),
    }
}

/// Constants in quotes of a call that asks for another row: how far away it is, and what is taken where there is none.
fn adopt_rows_away(arguments: &mut [Expr], schema: &DFSchema, operators: &Operators) -> Result<bool, DataFusionError> {
    let mut changed = false;
    if let [value, _, default @ Expr::Literal(ScalarValue::Utf8(Some(_)), _)] = arguments {
        let own = value.get_type(schema)?;
        let wanted = with_digits_of(default, own.clone());
        if wanted != own {
            *value = convert(std::mem::take(value), &wanted);
        }
        // A store wants the very type, digits and all.
        *default = match operators.adopt(std::mem::take(default), &wanted)? {
            Expr::Literal(value, metadata) => Expr::Literal(infinite::converted(&value, &wanted)?, metadata),
            other => other,
        };
        changed = true;
    }
    Ok(changed | adopt_number(arguments.get_mut(1), operators)?)
}

/// A constant in quotes where a number of rows is due.
fn adopt_number(argument: Option<&mut Expr>, operators: &Operators) -> Result<bool, DataFusionError> {
    let Some(argument @ Expr::Literal(ScalarValue::Utf8(Some(_)), _)) = argument else { return Ok(false) };
    *argument = operators.adopt(std::mem::take(argument), &DataType::Int64)?;
    Ok(true)
}

/// The aggregate of this server's own that an aggregate means for values that are ordered by keys.
fn by_key(
    name: &str,
    arguments: &[Expr],
    schema: &DFSchema,
    operators: &Operators,
) -> Result<Option<Arc<AggregateUDF>>, DataFusionError> {
    let (Some(own), Some(argument)) = (operators.of_keys(name), arguments.first()) else { return Ok(None) };
    match argument.get_type(schema)? {
        DataType::Interval(_) => Ok(Some(own)),
        DataType::List(_) if name != "sum" => Ok(Some(own)),
        row @ DataType::Struct(_) => {
            let message = format!("function {name}({}) does not exist", type_name(&row));
            Err(wrap(ErrorReport::new(SqlState::UNDEFINED_FUNCTION, message).with_hint(
                "No function matches the given name and argument types. You might need to add explicit type casts.",
            )))
        }
        _ => Ok(None),
    }
}

/// A sum of bigints is numeric.
fn widen_sum(arguments: &mut [Expr], schema: &DFSchema) -> Result<bool, DataFusionError> {
    let Some(argument) = arguments.first_mut() else { return Ok(false) };
    if !matches!(argument.get_type(schema)?, DataType::Int64 | DataType::UInt64) {
        return Ok(false);
    }
    let bare = std::mem::replace(argument, Expr::Literal(ScalarValue::Null, None));
    *argument = convert(bare, &DataType::Decimal128(38, 0));
    Ok(true)
}

fn is_default_numeric(data_type: &DataType) -> bool {
    *data_type == DataType::Decimal128(DEFAULT_NUMERIC.0, DEFAULT_NUMERIC.1)
}

fn settle_cast(cast: Cast, schema: &DFSchema, operators: &Operators) -> Rewritten {
    let wanted = cast.field.data_type().clone();
    let expr = *cast.expr;
    match &expr {
        Expr::Literal(ScalarValue::Utf8(Some(text)), _) => {
            if wanted == DataType::Utf8 {
                return Ok(Transformed::no(Expr::Cast(Cast::new(Box::new(expr), wanted))));
            }
            let sql_type = SqlType::from_arrow(&wanted).map_err(|error| DataFusionError::Plan(error.to_string()))?;
            if let Some(moment) = literal::relative(text, &sql_type) {
                return Ok(Transformed::yes(operators.told_by_clock(moment, &sql_type)?));
            }
            let value = literal::parse(text, &sql_type, operators.zone()).map_err(wrap)?;
            return Ok(Transformed::yes(Expr::Literal(value, None)));
        }
        // The type is all that tells it from a NULL that has none.
        Expr::Literal(ScalarValue::Null | ScalarValue::Utf8(None), _) if wanted == DataType::Utf8 => {
            return Ok(Transformed::no(Expr::Cast(Cast::new(Box::new(expr), wanted))));
        }
        Expr::Literal(ScalarValue::Null | ScalarValue::Utf8(None), _) => {
            return Ok(Transformed::yes(Expr::Literal(ScalarValue::try_from(&wanted)?, None)));
        }
        Expr::Placeholder(Placeholder { field: None, .. }) => {
            return Ok(Transformed::yes(operators.adopt(expr, &wanted)?));
        }
        _ => {}
    }
    let from = expr.get_type(schema)?;
    if is_default_numeric(&wanted) && rank_is_exact(&from) {
        let digits = plain_numeric(&from);
        if digits != from {
            return Ok(Transformed::yes(convert(expr, &digits)));
        }
        // It has the same values, and no modifier any more.
        let may_have_one = matches!(expr, Expr::Column(_) | Expr::Case(_) | Expr::ScalarFunction(_));
        return Ok(Transformed::yes(if may_have_one { operators.call("as_written", vec![expr])? } else { expr }));
    }
    if from == wanted {
        // A text that was a varchar is one no more.
        let was_kept =
            matches!(&expr, Expr::ScalarFunction(call) if super::announced::told_by_call(call.func.name()).is_some());
        return Ok(Transformed::yes(if was_kept { operators.call("as_written", vec![expr])? } else { expr }));
    }
    if wanted == DataType::Utf8 {
        return Ok(Transformed::yes(match &expr {
            Expr::Cast(inner) if is_default_numeric(&from) && is_text(&inner.expr, schema)? => {
                operators.call("exact_read", vec![(*inner.expr).clone()])?
            }
            _ => operators.text_cast(expr, &from)?,
        }));
    }
    if (&from, &wanted) == (&DataType::LargeUtf8, &DataType::LargeBinary) {
        // A constant, too, is read anew: each key is to be there once.
        return Ok(Transformed::no(as_cast(expr, &wanted)));
    }
    if from.is_floating() && matches!(wanted, DataType::Decimal128(..)) {
        // Digits that a float only seems to have are none of the number's.
        return Ok(Transformed::yes(as_cast(operators.call("exact_of_float", vec![expr])?, &wanted)));
    }
    if (&from, &wanted) == (&DataType::Float64, &DataType::Float32) {
        return Ok(Transformed::yes(operators.call("narrow_float", vec![expr])?));
    }
    if is_integer(&wanted)
        && !is_rounded(&expr)
        && (from.is_floating() || matches!(from, DataType::Decimal128(_, _) | DataType::Decimal256(_, _)))
    {
        // The library would cut the digits off, PostgreSQL rounds.
        let rounded = operators.call("round", vec![expr])?;
        return Ok(Transformed::yes(Expr::Cast(Cast::new(Box::new(rounded), wanted))));
    }
    if let (DataType::List(from), DataType::List(to)) = (&from, &wanted)
        && matches!(from.data_type(), DataType::Decimal128(..) | DataType::Decimal256(..))
        && is_integer(to.data_type())
    {
        // The library would cut the digits of the elements off, too.
        let whole = DataType::List(Arc::new(from.as_ref().clone().with_data_type(DataType::Decimal128(38, 0))));
        return Ok(Transformed::yes(as_cast(as_cast(expr, &whole), &wanted)));
    }
    if is_list(&from) && is_list(&wanted) && leaf(&from) != leaf(&wanted) {
        let own = leaf(&wanted).clone();
        if leaf(&from).is_floating() && is_integer(&own) {
            let whole = operators.call("round_items", vec![expr])?;
            return Ok(Transformed::yes(as_cast(whole, &with_leaf(&from, &own))));
        }
        if (leaf(&from), &own) == (&DataType::Float64, &DataType::Float32) {
            return Ok(Transformed::yes(operators.call("narrow_items", vec![expr])?));
        }
        if leaf(&from) == &DataType::Utf8 || (own == DataType::Utf8 && differs_as_text(leaf(&from))) {
            // The library writes and reads texts in its own way.
            return Ok(Transformed::yes(as_cast(operators.text_cast(expr, &from)?, &with_leaf(&from, &own))));
        }
        if is_nested(&from) && !is_nested(&wanted) {
            // A type has no dimensions: an array keeps those that it has.
            let kept = with_leaf(&from, &own);
            return Ok(Transformed::yes(if kept == from { expr } else { as_cast(expr, &kept) }));
        }
    }
    refuse_cast(&from, &wanted)?;
    Ok(Transformed::yes(if keeps_digits(&expr, &wanted) { as_cast(expr, &wanted) } else { convert(expr, &wanted) }))
}

fn is_nested(list: &DataType) -> bool {
    matches!(list, DataType::List(item) if is_list(item.data_type()))
}

fn is_text(expr: &Expr, schema: &DFSchema) -> Result<bool, DataFusionError> {
    Ok(expr.get_type(schema)? == DataType::Utf8)
}

/// A constant that meets numbers with more digits is shown with its own: it stays as it was written, below a cast.
fn keeps_digits(expr: &Expr, wanted: &DataType) -> bool {
    matches!(wanted, DataType::Decimal128(38, _)) && has_fewer_digits(expr, wanted)
}

fn has_fewer_digits(expr: &Expr, wanted: &DataType) -> bool {
    let Expr::Literal(value, _) = expr else { return false };
    let own = match value.data_type() {
        DataType::Decimal128(_, scale) => scale,
        found if is_integer(&found) => 0,
        _ => return false,
    };
    !value.is_null() && matches!(wanted, DataType::Decimal128(_, scale) if *scale > own)
}

/// Rows of VALUES. The library makes numerics of numerics and floats; PostgreSQL makes floats of them.
pub(super) fn values_of(mut rows: Vec<Vec<Expr>>) -> Result<LogicalPlan, DataFusionError> {
    let none = DFSchema::empty();
    for column in 0..rows.first().map_or(0, Vec::len) {
        let types = rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.get_type(&none));
        let types = types.collect::<Result<Vec<_>, _>>()?;
        let is_mixed = types.iter().any(DataType::is_floating) && types.iter().any(DataType::is_decimal);
        let numbers = types.iter().filter(|one| is_number(one)).cloned();
        let Some(wanted) = numbers.reduce(|a, b| common_number(&a, &b)).filter(|_| is_mixed) else { continue };
        for (cell, own) in rows.iter_mut().filter_map(|row| row.get_mut(column)).zip(&types) {
            if is_number(own) && *own != wanted {
                *cell = convert(std::mem::take(cell), &wanted);
            }
        }
    }
    LogicalPlanBuilder::values(rows)?.build()
}

/// A constant of VALUES, cast to the type of its column.
fn is_met_constant(expr: &Expr) -> bool {
    matches!(expr, Expr::Cast(cast) if has_fewer_digits(&cast.expr, cast.field.data_type()))
}

fn as_cast(expr: Expr, wanted: &DataType) -> Expr {
    Expr::Cast(Cast::new(Box::new(expr), wanted.clone()))
}

/// As [`fit`], for results: a constant keeps its digits.
fn fit_result(
    expr: Expr,
    wanted: &DataType,
    schema: &DFSchema,
    operators: &Operators,
) -> Result<Expr, DataFusionError> {
    if keeps_digits(&expr, wanted) { Ok(as_cast(expr, wanted)) } else { fit(expr, wanted, schema, operators) }
}

/// As [`unify`], for expressions of which one is the result.
fn unify_results(
    exprs: Vec<Expr>,
    word: &str,
    schema: &DFSchema,
    operators: &Operators,
) -> Result<Vec<Expr>, DataFusionError> {
    let wanted = agreed(&exprs, word, schema)?;
    unify_to(exprs, &wanted, schema, operators)
}

fn unify_to(
    exprs: Vec<Expr>,
    wanted: &DataType,
    schema: &DFSchema,
    operators: &Operators,
) -> Result<Vec<Expr>, DataFusionError> {
    exprs.into_iter().map(|expr| fit_result(expr, wanted, schema, operators)).collect()
}

/// The items of an array in one type, where the library would find another one: of records it compares the names of columns,
/// and exact numbers beside floats it would make numeric. Items may be arrays themselves.
pub(super) fn unify_items(
    items: Vec<Expr>,
    schema: &DFSchema,
    operators: &Operators,
) -> Result<Vec<Expr>, DataFusionError> {
    let known = items.iter().map(|item| known_type(item, schema)).collect::<Result<Vec<_>, _>>()?;
    let leaves: Vec<&DataType> = known.iter().flatten().map(leaf).collect();
    if known.iter().flatten().any(is_record) {
        let wanted = agreed(&items, "ARRAY", schema)?;
        return unify_to(items, &wanted, schema, operators);
    }
    if !leaves.iter().all(|one| is_number(one)) || leaves.iter().all(|one| one.is_floating()) {
        return Ok(items);
    }
    let Some(float) = [DataType::Float64, DataType::Float32].into_iter().find(|float| leaves.contains(&float)) else {
        return Ok(items);
    };
    let wanted = |known: Option<DataType>| known.map_or_else(|| float.clone(), |known| with_leaf(&known, &float));
    let one = |(item, known)| fit_result(item, &wanted(known), schema, operators);
    items.into_iter().zip(known).map(one).collect()
}

fn is_rounded(expr: &Expr) -> bool {
    matches!(expr, Expr::ScalarFunction(call) if matches!(call.func.name(), "round" | "trunc" | "ceil" | "ceiling" | "floor"))
}

fn rank_is_exact(from: &DataType) -> bool {
    is_integer(from) || matches!(from, DataType::Decimal128(_, _) | DataType::Decimal256(_, _))
}

/// `numeric` without digits keeps those that the value has.
fn plain_numeric(from: &DataType) -> DataType {
    match from {
        DataType::Decimal128(_, _) | DataType::Decimal256(_, _) => from.clone(),
        DataType::Int64 | DataType::UInt64 | DataType::UInt32 => DataType::Decimal128(20, 0),
        _ => DataType::Decimal128(10, 0),
    }
}

/// Casts that PostgreSQL has not, and the library would do somehow.
fn refuse_cast(from: &DataType, to: &DataType) -> Result<(), DataFusionError> {
    let is_date = |one: &DataType| matches!(one, DataType::Date32 | DataType::Timestamp(_, _) | DataType::Time64(_));
    let wrong = (is_date(from) && is_number(to))
        || (is_number(from) && is_date(to))
        || (*from == DataType::Boolean && is_number(to) && *to != DataType::Int32)
        || (*to == DataType::Boolean && is_number(from) && !is_integer(from));
    if wrong {
        let message = format!("cannot cast type {} to {}", type_name(from), type_name(to));
        return Err(wrap(ErrorReport::new(SqlState::CANNOT_COERCE, message)));
    }
    Ok(())
}

fn settle_negative(inner: Expr) -> Transformed<Expr> {
    if let Expr::Literal(value, _) = &inner
        && is_number(&value.data_type())
        && !is_nan(value)
        && let Ok(negative) = value.arithmetic_negate()
    {
        return Transformed::yes(Expr::Literal(negative, None));
    }
    Transformed::no(Expr::Negative(Box::new(inner)))
}

/// A NaN has no sign: what negates it is written as it is, and told from nothing later.
fn is_nan(value: &ScalarValue) -> bool {
    match value {
        ScalarValue::Float64(Some(float)) => float.is_nan(),
        ScalarValue::Float32(Some(float)) => float.is_nan(),
        _ => false,
    }
}

/// Whether the type of an expression is still open.
fn is_open(expr: &Expr) -> bool {
    matches!(
        expr,
        Expr::Literal(ScalarValue::Utf8(_) | ScalarValue::Null, _) | Expr::Placeholder(Placeholder { field: None, .. })
    )
}

pub(super) fn known_type(expr: &Expr, schema: &DFSchema) -> Result<Option<DataType>, DataFusionError> {
    if is_open(expr) {
        return Ok(None);
    }
    Ok(Some(expr.get_type(schema)?).filter(|found| !found.is_null()))
}

/// The type that all of some expressions get; text when none says anything.
fn agreed(exprs: &[Expr], word: &str, schema: &DFSchema) -> Result<DataType, DataFusionError> {
    let mut found: Option<DataType> = None;
    for expr in exprs {
        let Some(one) = known_type(expr, schema)? else { continue };
        found = Some(match found {
            None => one,
            Some(before) if is_record(&before) && is_record(&one) => {
                meet(&before, &one).ok_or_else(Difference::united)?
            }
            Some(before) => meet(&before, &one).ok_or_else(|| {
                let message = format!("{word} types {} and {} cannot be matched", type_name(&before), type_name(&one));
                wrap(ErrorReport::new(SqlState::DATATYPE_MISMATCH, message))
            })?,
        });
    }
    let found = found.unwrap_or(DataType::Utf8);
    Ok(exprs.iter().fold(found, |found, expr| with_digits_of(expr, found)))
}

/// Numerics that hold the digits of a quoted constant, too. One that cannot be read is refused where it gets its type.
pub(super) fn with_digits_of(expr: &Expr, found: DataType) -> DataType {
    let Expr::Literal(ScalarValue::Utf8(Some(text)), _) = expr else { return found };
    match constant_of(text, &found) {
        Some(value) => meet(&found, &value.data_type()).unwrap_or(found),
        None => found,
    }
}

/// A quoted constant among numerics or arrays of them.
fn constant_of(text: &str, found: &DataType) -> Option<ScalarValue> {
    fn is_numeric(data_type: &DataType) -> bool {
        match data_type {
            DataType::List(element) => is_numeric(element.data_type()),
            other => matches!(other, DataType::Decimal128(..)),
        }
    }
    let sql_type = SqlType::from_arrow(found).ok().filter(|_| is_numeric(found))?;
    literal::parse(text, &quoted_type(&sql_type), chrono_tz::UTC).ok()
}

fn is_record(data_type: &DataType) -> bool {
    matches!(data_type, DataType::Struct(_))
}

/// As `common_type`, with the digits of both decimals.
pub(super) fn meet(a: &DataType, b: &DataType) -> Option<DataType> {
    if a != b && is_number(a) && is_number(b) && matches!(common_number(a, b), DataType::Decimal128(_, _)) {
        let scale = |one: &DataType| match one {
            DataType::Decimal128(_, scale) | DataType::Decimal256(_, scale) => *scale,
            _ => 0,
        };
        return Some(DataType::Decimal128(38, scale(a).max(scale(b))));
    }
    common_type(a, b)
}

fn unify(exprs: Vec<Expr>, word: &str, schema: &DFSchema, operators: &Operators) -> Result<Vec<Expr>, DataFusionError> {
    let wanted = agreed(&exprs, word, schema)?;
    exprs.into_iter().map(|expr| fit(expr, &wanted, schema, operators)).collect()
}

pub(super) fn fit(
    expr: Expr,
    wanted: &DataType,
    schema: &DFSchema,
    operators: &Operators,
) -> Result<Expr, DataFusionError> {
    match known_type(&expr, schema)? {
        None => {
            let typed = operators.adopt(expr, wanted)?;
            Ok(if typed.get_type(schema)? == *wanted { typed } else { convert(typed, wanted) })
        }
        Some(known) if known == *wanted => Ok(expr),
        Some(_) => Ok(convert(expr, wanted)),
    }
}

/// The result has the type of the operator's left side: for two integers, floats or times of different types, which are
/// compared as they are, that of the first argument.
fn settle_nullif(
    function: Arc<ScalarUDF>,
    arguments: Vec<Expr>,
    schema: &DFSchema,
    operators: &Operators,
) -> Rewritten {
    let Ok([first, second]) = <[Expr; 2]>::try_from(arguments) else {
        return internal_err!("nullif has two arguments");
    };
    let types = (known_type(&first, schema)?, known_type(&second, schema)?);
    let (left, right) = operators.comparable("=", first.clone(), second, schema)?;
    let compared = left.get_type(schema)?;
    // Of numerics with other digits the first one's: the call has arguments of one type, as all functions have.
    let other = right.get_type(schema)?;
    if matches!(&compared, DataType::Decimal128(..)) && other != compared && types.0.as_ref() == Some(&compared) {
        let equal = Expr::BinaryExpr(BinaryExpr::new(Box::new(left), Operator::Eq, Box::new(right)));
        let when = vec![(Box::new(equal), Box::new(first.clone()))];
        let call = ScalarFunction::new_udf(function, vec![first, Expr::Case(Case::new(None, when, None))]);
        return Ok(Transformed::yes(Expr::ScalarFunction(call)));
    }
    let keeps_own = matches!(&types, (Some(own), Some(other)) if own != &compared && is_compared_as_is(own, other));
    // The library's function takes -0 and 0 for different values; its operator does not.
    if !keeps_own && !compared.is_floating() {
        // The operator knows nothing of the digits that a cast was written with.
        let value = if types.0.as_ref() == Some(&compared) { first } else { left };
        let call = ScalarFunction::new_udf(function, vec![value, right]);
        return Ok(Transformed::yes(Expr::ScalarFunction(call)));
    }
    let value = if keeps_own { first } else { left.clone() };
    let equal = Expr::BinaryExpr(BinaryExpr::new(Box::new(left), Operator::Eq, Box::new(right)));
    let arms = vec![(Box::new(equal), Box::new(Expr::Literal(ScalarValue::Null, None)))];
    Ok(Transformed::yes(Expr::Case(Case::new(None, arms, Some(Box::new(value))))))
}

fn is_compared_as_is(left: &DataType, right: &DataType) -> bool {
    let is_time = |data_type: &DataType| matches!(data_type, DataType::Date32 | DataType::Timestamp(_, _));
    (left.is_integer() && right.is_integer())
        || (left.is_floating() && right.is_numeric())
        || (is_time(left) && is_time(right))
}

fn settle_list(list: InList, schema: &DFSchema, operators: &Operators) -> Rewritten {
    let expr = *list.expr;
    let Some(own) = known_type(&expr, schema)? else {
        let mut all = vec![expr];
        all.extend(list.list);
        let mut all = unify(all, "IN", schema, operators)?;
        let expr = all.remove(0);
        return Ok(Transformed::yes(Expr::InList(InList::new(Box::new(expr), all, list.negated))));
    };
    // Constants take the type of what they are compared with, one by one where they fit.
    let mut items = Vec::with_capacity(list.list.len());
    let mut wanted = own.clone();
    for item in list.list {
        let (_, item) = match known_type(&item, schema)? {
            None => (expr.clone(), operators.adopt(item, &own)?),
            Some(known) if known == own => (expr.clone(), item),
            Some(_) => operators.comparable("=", expr.clone(), item, schema)?,
        };
        let found = item.get_type(schema)?;
        wanted = meet(&wanted, &found).ok_or_else(|| no_operator("=", &wanted, &found))?;
        items.push(item);
    }
    let items = items.into_iter().map(|item| fit(item, &wanted, schema, operators)).collect::<Result<Vec<_>, _>>()?;
    let expr = if wanted == own { expr } else { convert(expr, &wanted) };
    let list = InList::new(Box::new(expr), items, list.negated);
    Ok(Transformed::yes(Expr::InList(if wanted.is_floating() { float_zeros::late(list, &wanted) } else { list })))
}

fn settle_case(case: Case, schema: &DFSchema, operators: &Operators) -> Rewritten {
    let (mut whens, thens): (Vec<Expr>, Vec<Expr>) =
        case.when_then_expr.into_iter().map(|(when, then)| (*when, *then)).unzip();
    let mut results = thens;
    let has_else = case.else_expr.is_some();
    results.extend(case.else_expr.map(|expr| *expr));
    let mut results = unify_results(results, "CASE", schema, operators)?;
    let else_expr = if has_else { results.pop().map(Box::new) } else { None };
    let mut operand = case.expr.map(|expr| *expr);
    if let Some(expr) = operand {
        let mut all = vec![expr];
        all.append(&mut whens);
        let mut all = unify(all, "CASE/WHEN", schema, operators)?;
        operand = Some(all.remove(0));
        whens = all;
    }
    let pairs = whens.into_iter().zip(results).map(|(when, then)| (Box::new(when), Box::new(then)));
    Ok(Transformed::yes(Expr::Case(Case::new(operand.map(Box::new), pairs.collect(), else_expr))))
}

fn settle_like(mut like: Like, schema: &DFSchema, operators: &Operators, is_like: bool) -> Rewritten {
    let text = |expr: Expr| match known_type(&expr, schema)? {
        None => operators.adopt(expr, &DataType::Utf8),
        Some(DataType::Utf8) => Ok(expr),
        Some(other) => Err(no_operator("~~", &other, &DataType::Utf8)),
    };
    like.expr = Box::new(text(*like.expr)?);
    like.pattern = Box::new(text(*like.pattern)?);
    Ok(Transformed::yes(if is_like { Expr::Like(like) } else { Expr::SimilarTo(like) }))
}
