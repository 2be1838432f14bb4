//! The last pass over a typed plan: what PostgreSQL decides by the zone of the session, by the order of values, or by
//! a NULL in an array, and the library in another way. What cannot be put right is refused.
//!
//! It runs once, when every cast is explicit.

use datafusion::arrow::array::Array;
use datafusion::arrow::datatypes::{DataType, IntervalMonthDayNano};
use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::common::{DFSchema, DataFusionError, ScalarValue, internal_err};
use datafusion::logical_expr::expr::{AggregateFunction, ScalarFunction, WindowFunction};
use datafusion::logical_expr::expr_rewriter::NamePreserver;
use datafusion::logical_expr::utils::merge_schema;
use datafusion::logical_expr::{BinaryExpr, Case, Cast, Expr, ExprSchemable, LogicalPlan, Operator, lit};

use crate::base::engine_error::wrap;
use crate::base::{ErrorReport, SqlState, SqlType, infinite};
use crate::functions::{is_own_aggregate, type_name};

use super::float_zeros;
use super::operators::{Operators, crosses_zones};
use super::record_types;
use super::settle::each_key;
use super::value_keys::{self, any_key, has_key, is_interval, key, no_key};

type Rewritten = Result<Transformed<Expr>, DataFusionError>;

/// Finishes every expression of a plan.
pub(super) fn plan(plan: LogicalPlan, operators: &Operators) -> Result<LogicalPlan, DataFusionError> {
    Ok(plan.transform_up_with_subqueries(|node| finish_node(node, operators))?.data)
}

fn finish_node(node: LogicalPlan, operators: &Operators) -> Result<Transformed<LogicalPlan>, DataFusionError> {
    check_scales(&node)?;
    let mut schema = merge_schema(&node.inputs());
    if let LogicalPlan::TableScan(scan) = &node {
        schema.merge(&DFSchema::try_from_qualified_schema(scan.table_name.clone(), &scan.source.schema())?);
    }
    let is_sort = matches!(node, LogicalPlan::Sort(_));
    let names = NamePreserver::new(&node);
    let finish = |expr: Expr| {
        let name = names.save(&expr);
        let done = expr.transform_up(|expr| finish_one(expr, &schema, operators))?;
        if is_sort {
            return done.transform_data(|expr| key(expr, &schema, operators).map(Transformed::yes));
        }
        Ok(if done.transformed { done.update_data(|expr| name.restore(expr)) } else { done })
    };
    let finished = node.map_expressions(|expr| each_key(expr, finish))?;
    let finished = if finished.transformed { finished.map_data(LogicalPlan::recompute_schema)? } else { finished };
    if !matches!(finished.data, LogicalPlan::Aggregate(_) | LogicalPlan::Distinct(_) | LogicalPlan::Join(_)) {
        return Ok(finished);
    }
    finished.transform_data(|node| value_keys::of_node(node, operators).map(Transformed::yes))
}

fn finish_one(expr: Expr, schema: &DFSchema, operators: &Operators) -> Rewritten {
    match expr {
        Expr::Cast(cast) => finish_cast(cast, schema, operators),
        Expr::ScalarFunction(call) => finish_call(call, schema, operators),
        Expr::BinaryExpr(operation) if is_comparison(operation.op) => compare(operation, schema, operators),
        Expr::BinaryExpr(operation) if matches!(operation.op, Operator::Plus | Operator::Minus) => {
            moved(operation, schema, operators)
        }
        Expr::BinaryExpr(operation) if matches!(operation.op, Operator::Multiply | Operator::Modulo) => {
            numeric_of_constant(operation, schema, operators)
        }
        Expr::Negative(inner) => negative(*inner, schema, operators),
        Expr::WindowFunction(call) => order_window(call, schema, operators),
        Expr::AggregateFunction(mut call) => {
            let sorted = value_keys::order(&mut call.params.order_by, schema, operators)?;
            if call.params.distinct && any_key(&call.params.args, schema)? {
                return distinct_keys(call, schema, operators);
            }
            Ok(Transformed::new_transformed(Expr::AggregateFunction(call), sorted))
        }
        Expr::SetComparison(comparison) if has_key(&comparison.expr, schema)? => {
            value_keys::quantified(comparison, schema, operators).map(Transformed::yes)
        }
        Expr::InList(list) if has_key(&list.expr, schema)? => {
            value_keys::list(list, schema, operators).map(Transformed::yes)
        }
        Expr::InList(list) => Ok(float_zeros::list(list)),
        Expr::InSubquery(membership) if has_key(&membership.expr, schema)? => {
            value_keys::membership(membership, schema, operators).map(Transformed::yes)
        }
        Expr::Case(case) => match &case.expr {
            Some(operand) if has_key(operand, schema)? => {
                value_keys::case(case, schema, operators).map(Transformed::yes)
            }
            Some(operand) => {
                let operand = operand.get_type(schema)?;
                Ok(float_zeros::case(case, &operand))
            }
            None => Ok(Transformed::no(Expr::Case(case))),
        },
        other => Ok(Transformed::no(other)),
    }
}

/// How many different values there are is how many keys.
fn distinct_keys(mut call: AggregateFunction, schema: &DFSchema, operators: &Operators) -> Rewritten {
    match (call.func.name(), call.params.args.as_mut_slice()) {
        ("count", [counted]) => *counted = key(std::mem::take(counted), schema, operators)?,
        (name, [first, ..]) if is_interval(first, schema)? && !is_own_aggregate(&call.func) => {
            return Err(no_key(&format!("{name}(DISTINCT …)")));
        }
        _ => {}
    }
    Ok(Transformed::yes(Expr::AggregateFunction(call)))
}

fn is_comparison(op: Operator) -> bool {
    matches!(
        op,
        Operator::Eq
            | Operator::NotEq
            | Operator::Lt
            | Operator::LtEq
            | Operator::Gt
            | Operator::GtEq
            | Operator::IsDistinctFrom
            | Operator::IsNotDistinctFrom
    )
}

fn refused(message: String, hint: &str) -> DataFusionError {
    wrap(ErrorReport::new(SqlState::FEATURE_NOT_SUPPORTED, message).with_hint(hint))
}

/// `recursion` has given both parts one scale; the engine would cut the digits of one that has more.
fn check_scales(node: &LogicalPlan) -> Result<(), DataFusionError> {
    let LogicalPlan::RecursiveQuery(query) = node else { return Ok(()) };
    let mut pairs = query.static_term.schema().fields().iter().zip(query.recursive_term.schema().fields());
    let differs = pairs.find(|(first, later)| {
        first.data_type().is_decimal() && later.data_type().is_decimal() && first.data_type() != later.data_type()
    });
    match differs {
        Some((first, later)) => internal_err!("a recursion makes {} of {}", later.data_type(), first.data_type()),
        None => Ok(()),
    }
}

fn compare(operation: BinaryExpr, schema: &DFSchema, operators: &Operators) -> Rewritten {
    if !has_key(&operation.left, schema)? || !has_key(&operation.right, schema)? {
        return Ok(Transformed::no(Expr::BinaryExpr(operation)));
    }
    let BinaryExpr { left, op, right } = operation;
    let (left, right) = (key(*left, schema, operators)?, key(*right, schema, operators)?);
    Ok(Transformed::yes(binary(left, op, right)))
}

/// `x % 1` and `x * 0` of a numeric. The library (DataFusion 55.2) takes the first for 0, whatever digits x has after the
/// point, and the second for its constant, which has other digits than the product.
fn numeric_of_constant(operation: BinaryExpr, schema: &DFSchema, operators: &Operators) -> Rewritten {
    let may_be = |expr: &Expr, is_it: fn(&ScalarValue) -> bool| match expr {
        Expr::Literal(value, _) => is_it(value),
        other => other.column_refs().is_empty(),
    };
    let is_zero = |value: &ScalarValue| ScalarValue::new_zero(&value.data_type()).is_ok_and(|zero| *value == zero);
    let is_one = |value: &ScalarValue| ScalarValue::new_one(&value.data_type()).is_ok_and(|one| *value == one);
    let (left, right) = (operation.left.as_ref(), operation.right.as_ref());
    let is_special = match operation.op {
        Operator::Modulo => may_be(right, is_one),
        _ => may_be(left, is_zero) || may_be(right, is_zero),
    };
    let whole = Expr::BinaryExpr(operation);
    if !is_special {
        return Ok(Transformed::no(whole));
    }
    let wanted = whole.get_type(schema)?;
    let value = match whole {
        whole if !wanted.is_decimal() => return Ok(Transformed::no(whole)),
        Expr::BinaryExpr(BinaryExpr { left, op: Operator::Modulo, right }) => {
            operators.call("mod", vec![*left, *right])?
        }
        product => product,
    };
    Ok(Transformed::yes(Expr::Cast(Cast::new(Box::new(value), wanted))))
}

/// The least integer has no negative of its type: the library would give it back.
fn negative(inner: Expr, schema: &DFSchema, operators: &Operators) -> Rewritten {
    let data_type = inner.get_type(schema)?;
    if !data_type.is_integer() || matches!(inner, Expr::Literal(..)) {
        return Ok(Transformed::no(Expr::Negative(Box::new(inner))));
    }
    let zero = Expr::Literal(ScalarValue::new_zero(&data_type)?, None);
    operators.call("int_subtract", vec![zero, inner]).map(Transformed::yes)
}

fn order_window(mut call: Box<WindowFunction>, schema: &DFSchema, operators: &Operators) -> Rewritten {
    let partitioned = value_keys::partitions(&mut call, schema, operators)?;
    let changed = value_keys::order(&mut call.params.order_by, schema, operators)? || partitioned;
    Ok(Transformed::new_transformed(Expr::WindowFunction(call), changed))
}

fn binary(left: Expr, op: Operator, right: Expr) -> Expr {
    Expr::BinaryExpr(BinaryExpr::new(Box::new(left), op, Box::new(right)))
}

/// A cast between local time and a moment goes through the zone of the session.
fn finish_cast(cast: Cast, schema: &DFSchema, operators: &Operators) -> Rewritten {
    let wanted = cast.field.data_type().clone();
    match (cast.expr.get_type(schema)?, &wanted) {
        (from, wanted) if record_types::has_records(&from) && record_types::has_records(wanted) => {
            // The name tells the NULL of one type from that of another.
            let (name, wanted) = (lit(wanted.to_string()), Expr::Literal(ScalarValue::try_from(wanted)?, None));
            return Ok(Transformed::yes(operators.call("record_as", vec![*cast.expr, wanted, name])?));
        }
        (DataType::Null, DataType::Struct(_)) => {
            return Ok(Transformed::yes(Expr::Literal(ScalarValue::try_from(&wanted)?, None)));
        }
        (DataType::Time64(_), DataType::Interval(_)) => {
            let midnight = Expr::Literal(ScalarValue::Time64Microsecond(Some(0)), None);
            return Ok(Transformed::yes(operators.call("time_difference", vec![*cast.expr, midnight])?));
        }
        // The days are left out, and what is left goes round the clock.
        (DataType::Interval(_), DataType::Time64(_)) => {
            let midnight = Expr::Literal(ScalarValue::Time64Microsecond(Some(0)), None);
            return Ok(Transformed::yes(operators.call("time_add_interval", vec![midnight, *cast.expr])?));
        }
        (DataType::LargeBinary, wanted) if wanted.is_numeric() || *wanted == DataType::Boolean => {
            let scalar = operators.call("jsonb_scalar", vec![*cast.expr, lit(type_name(wanted))])?;
            // The text of a number may have digits after the point, that of an integer has none.
            return read_as(scalar, wanted, operators);
        }
        _ => {}
    }
    let is_read = match cast.expr.get_type(schema)? {
        DataType::Utf8 | DataType::Utf8View => is_read_here(&wanted),
        // A document as it was written becomes one with each key once.
        DataType::LargeUtf8 => wanted == DataType::LargeBinary,
        _ => false,
    };
    if is_read && !matches!(*cast.expr, Expr::Literal(ScalarValue::Utf8(_) | ScalarValue::Utf8View(_), _)) {
        return read_as(*cast.expr, &wanted, operators);
    }
    if !matches!(wanted, DataType::Date32 | DataType::Timestamp(_, _) | DataType::Time64(_)) {
        return Ok(Transformed::no(Expr::Cast(cast)));
    }
    let from = cast.expr.get_type(schema)?;
    if let Expr::Literal(value, _) = cast.expr.as_ref()
        && infinite::is_infinite(value)
        && let Ok(value) = infinite::converted(value, &wanted)
    {
        return Ok(Transformed::yes(Expr::Literal(value, None)));
    }
    if operators.is_utc() {
        if let (Expr::Literal(value, _), true) = (cast.expr.as_ref(), crosses_zones(&from, &wanted))
            && let Ok(value) = value.cast_to(&wanted)
        {
            return Ok(Transformed::yes(Expr::Literal(value, None)));
        }
        return Ok(Transformed::no(Expr::Cast(cast)));
    }
    let to_moment = matches!(wanted, DataType::Timestamp(_, Some(_)));
    if !crosses_zones(&from, &wanted) {
        return Ok(Transformed::no(Expr::Cast(cast)));
    }
    let plain = SqlType::Timestamp.arrow();
    let shifted = if to_moment {
        in_zone(as_type(*cast.expr, &from, &plain), operators)?
    } else {
        as_type(in_zone(*cast.expr, operators)?, &plain, &wanted)
    };
    Ok(Transformed::yes(shifted))
}

/// Texts that are read row by row.
fn read_as(text: Expr, wanted: &DataType, operators: &Operators) -> Rewritten {
    // For the library a NULL of one type may equal that of another: the name tells them apart.
    let (name, wanted) = (lit(wanted.to_string()), Expr::Literal(ScalarValue::try_from(wanted)?, None));
    let arguments = vec![text, lit(operators.zone().name()), wanted, name];
    operators.call("read_as", arguments).map(Transformed::yes)
}

/// Types whose texts the library reads in another way than PostgreSQL, or only some of them.
fn is_read_here(data_type: &DataType) -> bool {
    matches!(
        data_type,
        DataType::Date32
            | DataType::Timestamp(_, _)
            | DataType::Time64(_)
            | DataType::Interval(_)
            | DataType::Boolean
            | DataType::FixedSizeBinary(16)
            | DataType::Binary
            | DataType::LargeUtf8
            | DataType::LargeBinary
            | DataType::UInt32
            | DataType::Decimal128(..)
            | DataType::Int16
            | DataType::Int32
            | DataType::Int64
            | DataType::Float32
            | DataType::Float64
            | DataType::List(_)
    )
}

fn as_type(expr: Expr, from: &DataType, wanted: &DataType) -> Expr {
    if from == wanted { expr } else { Expr::Cast(Cast::new(Box::new(expr), wanted.clone())) }
}

/// Between a moment and its local time in the zone of the session, in either direction.
fn in_zone(expr: Expr, operators: &Operators) -> Result<Expr, DataFusionError> {
    operators.call("timezone", vec![lit(operators.zone().name()), expr])
}

fn is_moment(data_type: &DataType) -> bool {
    matches!(data_type, DataType::Timestamp(_, Some(_)))
}

fn finish_call(mut call: ScalarFunction, schema: &DFSchema, operators: &Operators) -> Rewritten {
    let name = call.func.name().to_owned();
    match (name.as_str(), call.args.as_slice()) {
        ("array_has", [array, item]) => return any_of(call.clone(), array, item, schema, operators),
        ("greatest" | "least" | "nullif", [first, ..]) if has_key(first, schema)? => {
            return value_keys::choice(&name, call.args, schema, operators).map(Transformed::yes);
        }
        ("date_trunc", [_, moment]) if !operators.is_utc() => match moment.get_type(schema)? {
            DataType::Date32 => {
                let midnight =
                    in_zone(as_type(moment.clone(), &DataType::Date32, &SqlType::Timestamp.arrow()), operators)?;
                call.args = vec![call.args.swap_remove(0), midnight, lit(operators.zone().name())];
            }
            found if is_moment(&found) => call.args.push(lit(operators.zone().name())),
            _ => return Ok(Transformed::no(Expr::ScalarFunction(call))),
        },
        ("extract" | "date_part", [field, moment]) if !operators.is_utc() && is_moment(&moment.get_type(schema)?) => {
            if needs_moment(field)? {
                return Ok(Transformed::no(Expr::ScalarFunction(call)));
            }
            call.args = vec![field.clone(), in_zone(moment.clone(), operators)?];
        }
        ("timestamp_difference", [left, right]) if !operators.is_utc() => {
            let (a, b) = (left.get_type(schema)?, right.get_type(schema)?);
            if is_moment(&a) == is_moment(&b) {
                return Ok(Transformed::no(Expr::ScalarFunction(call)));
            }
            let plain = SqlType::Timestamp.arrow();
            let moment = |expr: &Expr, found: &DataType| match is_moment(found) {
                true => Ok(expr.clone()),
                false => in_zone(as_type(expr.clone(), found, &plain), operators),
            };
            call.args = vec![moment(left, &a)?, moment(right, &b)?];
        }
        _ => return Ok(Transformed::no(Expr::ScalarFunction(call))),
    }
    Ok(Transformed::yes(Expr::ScalarFunction(call)))
}

/// Whether a field is read from the moment itself, not from its local time.
fn needs_moment(field: &Expr) -> Result<bool, DataFusionError> {
    let known = match field {
        Expr::Literal(ScalarValue::Utf8(Some(field)), _) => Some(field.to_lowercase()),
        _ => None,
    };
    match known {
        Some(field) if field == "epoch" => Ok(true),
        Some(field) if !field.starts_with("timezone") => Ok(false),
        Some(_) | None => Err(refused(
            "this field of a timestamp with time zone is not supported in this time zone".into(),
            "SET TIME ZONE 'UTC', or use AT TIME ZONE.",
        )),
    }
}

/// `item = ANY (array)` is NULL where the item is not found and the array has a NULL.
fn any_of(call: ScalarFunction, array: &Expr, item: &Expr, schema: &DFSchema, operators: &Operators) -> Rewritten {
    if has_key(item, schema)? && has_items(&array.get_type(schema)?, &item.get_type(schema)?) {
        return Ok(Transformed::yes(operators.call("value_any", vec![array.clone(), item.clone()])?));
    }
    if has_no_null(array) {
        return Ok(Transformed::no(Expr::ScalarFunction(call)));
    }
    let null = Expr::Literal(ScalarValue::try_from(item.get_type(schema)?)?, None);
    let null_place = operators.call("array_position", vec![array.clone(), null])?;
    let found = Expr::ScalarFunction(call);
    let whens = vec![
        (Box::new(found.clone()), Box::new(lit(true))),
        (Box::new(null_place.is_not_null()), Box::new(Expr::Literal(ScalarValue::Boolean(None), None))),
    ];
    Ok(Transformed::yes(Expr::Case(Case::new(None, whens, Some(Box::new(found))))))
}

/// Whether a type is that of arrays of items of another.
fn has_items(array: &DataType, item: &DataType) -> bool {
    matches!(array, DataType::List(field) if field.data_type() == item || has_items(field.data_type(), item))
}

fn has_no_null(array: &Expr) -> bool {
    match array {
        Expr::Literal(ScalarValue::List(list), _) => list.values().null_count() == 0,
        Expr::ScalarFunction(call) if call.func.name() == "make_array" => {
            call.args.iter().all(|item| matches!(item, Expr::Literal(value, _) if !value.is_null()))
        }
        _ => false,
    }
}

/// Days and months are added to the local time, what is shorter to the moment.
fn moved(operation: BinaryExpr, schema: &DFSchema, operators: &Operators) -> Rewritten {
    let unchanged =
        operators.is_utc() || !is_interval(&operation.right, schema)? || !is_moment(&operation.left.get_type(schema)?);
    if unchanged {
        return Ok(Transformed::no(Expr::BinaryExpr(operation)));
    }
    let Expr::Literal(ScalarValue::IntervalMonthDayNano(span), _) = operation.right.as_ref() else {
        let part = |name: &str| operators.call(name, vec![operation.right.as_ref().clone()]);
        let (days, time) = (part("interval_days")?, part("interval_time")?);
        let local = binary(in_zone(*operation.left, operators)?, operation.op, days);
        return Ok(Transformed::yes(binary(in_zone(local, operators)?, operation.op, time)));
    };
    let span = match span {
        Some(span) if span.months != 0 || span.days != 0 => *span,
        Some(_) | None => return Ok(Transformed::no(Expr::BinaryExpr(operation))),
    };
    let constant = |span: IntervalMonthDayNano| Expr::Literal(ScalarValue::IntervalMonthDayNano(Some(span)), None);
    let days = constant(IntervalMonthDayNano::new(span.months, span.days, 0));
    let local = binary(in_zone(*operation.left, operators)?, operation.op, days);
    let moment = in_zone(local, operators)?;
    if span.nanoseconds == 0 {
        return Ok(Transformed::yes(moment));
    }
    let rest = constant(IntervalMonthDayNano::new(0, 0, span.nanoseconds));
    Ok(Transformed::yes(binary(moment, operation.op, rest)))
}
