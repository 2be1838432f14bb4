//! Which operator is meant: PostgreSQL's resolution by the types of the operands.
//!
//! The library would wrap on overflow, compare text with numbers and divide by zero to infinity. Where it does what
//! PostgreSQL does, the operator stays an operator; elsewhere it becomes a call of a function that does.

use std::collections::HashMap;
use std::sync::Arc;

use chrono_tz::Tz;
use datafusion::arrow::datatypes::DataType;
use datafusion::common::{DFSchema, DataFusionError, ScalarValue};
use datafusion::logical_expr::expr::{Placeholder, ScalarFunction};
use datafusion::logical_expr::{BinaryExpr, Cast, Expr, Like, Operator, ScalarUDF, lit};
use parking_lot::Mutex;
use sqlparser::ast::BinaryOperator;

use crate::base::engine_error::wrap;
use crate::base::{ErrorReport, SqlState, SqlType, infinite};
use crate::functions::literal;
use crate::functions::{differs_as_text, type_name};

use super::operators_numbers::{long, too_long, unified_numbers, widened, within_range};
use super::type_of::type_of;
use super::{operators_arrays, operators_json, record_types};

pub(super) use super::operators_numbers::{common_number, is_integer, is_number};

/// Resolves operators, aggregates and window functions while one query is planned.
#[derive(Debug)]
pub(super) struct Operators {
    functions: HashMap<String, Arc<ScalarUDF>>,
    pub(super) sum: Option<Arc<datafusion::logical_expr::AggregateUDF>>,
    of_keys: HashMap<&'static str, Arc<datafusion::logical_expr::AggregateUDF>>,
    pub(super) count: Option<Arc<datafusion::logical_expr::AggregateUDF>>,
    of_digits: HashMap<&'static str, Arc<datafusion::logical_expr::AggregateUDF>>,
    zone: Tz,
    zone_name: String,
    /// The types that parameters were given; the first use decides.
    parameters: Mutex<HashMap<String, DataType>>,
}

/// The aggregates that intervals, and but for sums arrays, have of their own.
const OF_KEYS: [(&str, &str); 3] = [("sum", "interval_sum"), ("min", "value_min"), ("max", "value_max")];

/// The aggregates that numbers with digits of their own have.
const OF_DIGITS: [(&str, &str); 3] = [("sum", "exact_sum"), ("min", "exact_min"), ("max", "exact_max")];

/// An operand and what is known of its type.
pub(super) struct Operand {
    pub(super) expr: Expr,
    /// `None` for a constant in quotes, NULL, or a parameter without type.
    pub(super) known: Option<DataType>,
}

pub(super) type Planned = Result<Expr, DataFusionError>;

impl Operators {
    pub(super) fn new(registry: &crate::functions::FunctionRegistry, time_zone: &str) -> Self {
        Self {
            functions: registry.scalars.clone(),
            sum: registry.aggregates.get("sum").cloned(),
            of_keys: OF_KEYS
                .iter()
                .filter_map(|(name, own)| Some((*name, registry.aggregates.get(*own).cloned()?)))
                .collect(),
            count: registry.aggregates.get("count").cloned(),
            of_digits: OF_DIGITS
                .iter()
                .filter_map(|(name, own)| Some((*name, registry.aggregates.get(*own).cloned()?)))
                .collect(),
            zone: time_zone.parse().unwrap_or(Tz::UTC),
            zone_name: time_zone.to_owned(),
            parameters: Mutex::new(HashMap::new()),
        }
    }

    /// A call of a function of the table.
    pub(super) fn call(&self, name: &str, arguments: Vec<Expr>) -> Planned {
        match self.functions.get(name) {
            Some(function) => Ok(Expr::ScalarFunction(ScalarFunction::new_udf(Arc::clone(function), arguments))),
            None => {
                Err(wrap(ErrorReport::new(SqlState::UNDEFINED_FUNCTION, format!("function {name} does not exist"))))
            }
        }
    }

    pub(super) fn operand(&self, expr: Expr, schema: &DFSchema) -> Result<Operand, DataFusionError> {
        let expr = self.settle(expr, schema)?;
        let known = match &expr {
            Expr::Literal(ScalarValue::Utf8(_) | ScalarValue::Null, _)
            | Expr::Placeholder(Placeholder { field: None, .. }) => None,
            other => match type_of(other, schema)? {
                DataType::Null => None,
                known => Some(known),
            },
        };
        Ok(Operand { expr, known })
    }

    pub(super) fn binary(
        &self,
        op: &BinaryOperator,
        left: Operand,
        right: Operand,
    ) -> Result<Option<Expr>, DataFusionError> {
        let either = |is: fn(&DataType) -> bool| [&left, &right].iter().any(|one| one.known.as_ref().is_some_and(is));
        if either(|one| matches!(one, DataType::Struct(_))) {
            match (operators_json::comparison(op), op) {
                (Some(operator), _) => {
                    let has_json = operators_arrays::has_json(&left) || operators_arrays::has_json(&right);
                    let (left, right) = self.unified(symbol_of(operator), left, right)?;
                    return self.by_key(left, operator, right, has_json).map(Some);
                }
                (None, BinaryOperator::And | BinaryOperator::Or) => {}
                (None, BinaryOperator::StringConcat) => {
                    let message = "joining a whole row with a text is not supported";
                    let report = ErrorReport::new(SqlState::FEATURE_NOT_SUPPORTED, message);
                    return Err(wrap(report.with_hint("Cast the row to text.")));
                }
                (None, op) => {
                    let shown = |operand: &Operand| operand.known.clone().unwrap_or(DataType::Null);
                    return Err(no_operator(&op.to_string(), &shown(&left), &shown(&right)));
                }
            }
        }
        // There is one operator of this name.
        if *op == BinaryOperator::AtQuestion && left.known.is_none() {
            let jsonb = self.as_type(left, &DataType::LargeBinary)?;
            return self.json(op, Operand { expr: jsonb, known: Some(DataType::LargeBinary) }, right).map(Some);
        }
        if either(operators_json::is_json) && operators_json::is_of_json(op, &left, &right) {
            return self.json(op, left, right).map(Some);
        }
        if either(operators_arrays::is_list) {
            return self.array(op, left, right).map(Some);
        }
        let planned = match op {
            BinaryOperator::And => self.logical(Operator::And, left, right, "AND"),
            BinaryOperator::Or => self.logical(Operator::Or, left, right, "OR"),
            BinaryOperator::Plus => self.add(left, right),
            BinaryOperator::Minus => self.subtract(left, right),
            BinaryOperator::Multiply => self.multiply(left, right),
            BinaryOperator::Divide => self.divide(left, right),
            BinaryOperator::Modulo => self.modulo(left, right),
            BinaryOperator::Eq => self.compare(Operator::Eq, left, right),
            BinaryOperator::NotEq => self.compare(Operator::NotEq, left, right),
            BinaryOperator::Lt => self.compare(Operator::Lt, left, right),
            BinaryOperator::LtEq => self.compare(Operator::LtEq, left, right),
            BinaryOperator::Gt => self.compare(Operator::Gt, left, right),
            BinaryOperator::GtEq => self.compare(Operator::GtEq, left, right),
            BinaryOperator::StringConcat => return self.concat(left, right),
            BinaryOperator::PGExp => {
                let (left, right) = (self.number(left)?, self.number(right)?);
                self.call("power", vec![left, right])
            }
            BinaryOperator::PGLikeMatch => self.like(left, right, false, false),
            BinaryOperator::PGILikeMatch => self.like(left, right, false, true),
            BinaryOperator::PGNotLikeMatch => self.like(left, right, true, false),
            BinaryOperator::PGNotILikeMatch => self.like(left, right, true, true),
            BinaryOperator::PGRegexMatch => self.texts("textregexeq", left, right),
            BinaryOperator::PGRegexIMatch => self.texts("texticregexeq", left, right),
            BinaryOperator::PGRegexNotMatch => self.texts("textregexne", left, right),
            BinaryOperator::PGRegexNotIMatch => self.texts("texticregexne", left, right),
            BinaryOperator::PGStartsWith => {
                let (left, right) = (self.as_type(left, &DataType::Utf8)?, self.as_type(right, &DataType::Utf8)?);
                self.call("starts_with", vec![left, right])
            }
            BinaryOperator::BitwiseAnd => {
                self.integers(left, right, "&").map(|(left, right)| binary(left, Operator::BitwiseAnd, right))
            }
            BinaryOperator::BitwiseOr => {
                self.integers(left, right, "|").map(|(left, right)| binary(left, Operator::BitwiseOr, right))
            }
            BinaryOperator::PGBitwiseXor => {
                let (left, right) = self.integers(left, right, "#")?;
                // The library makes 0 of `x # x`, also where x is NULL.
                self.call("int_xor", vec![left, right])
            }
            BinaryOperator::PGBitwiseShiftLeft => self.shifted(Operator::BitwiseShiftLeft, left, right, "<<"),
            BinaryOperator::PGBitwiseShiftRight => self.shifted(Operator::BitwiseShiftRight, left, right, ">>"),
            // What no type here has, or what the library knows how to plan.
            _ => return Ok(None),
        };
        planned.map(Some)
    }

    fn logical(&self, op: Operator, left: Operand, right: Operand, word: &str) -> Planned {
        let boolean = |operand: Operand| match &operand.known {
            Some(DataType::Boolean) => Ok(operand.expr),
            None => self.adopt(operand.expr, &DataType::Boolean),
            Some(other) => Err(wrap(ErrorReport::new(
                SqlState::DATATYPE_MISMATCH,
                format!("argument of {word} must be type boolean, not type {}", type_name(other)),
            ))),
        };
        Ok(binary(boolean(left)?, op, boolean(right)?))
    }

    fn number(&self, operand: Operand) -> Planned {
        match &operand.known {
            None => self.adopt(operand.expr, &DataType::Float64),
            Some(_) => Ok(operand.expr),
        }
    }

    pub(super) fn as_type(&self, operand: Operand, wanted: &DataType) -> Planned {
        match &operand.known {
            None => self.adopt(operand.expr, wanted),
            Some(known) if known == wanted => Ok(operand.expr),
            Some(_) => Ok(convert(operand.expr, wanted)),
        }
    }

    /// An operand of unknown type becomes what the other one asks for.
    fn pair(
        &self,
        symbol: &str,
        left: Operand,
        right: Operand,
        unknown: impl Fn(&DataType) -> DataType,
    ) -> Result<(Expr, DataType, Expr, DataType), DataFusionError> {
        match (left.known, right.known) {
            (Some(a), Some(b)) => Ok((left.expr, a, right.expr, b)),
            (Some(a), None) => {
                let wanted = unknown(&a);
                let right = self.adopt(right.expr, &wanted)?;
                let wanted = literal_type(&right).unwrap_or(wanted);
                Ok((left.expr, a, right, wanted))
            }
            (None, Some(b)) => {
                let wanted = unknown(&b);
                let left = self.adopt(left.expr, &wanted)?;
                let wanted = literal_type(&left).unwrap_or(wanted);
                Ok((left, wanted, right.expr, b))
            }
            (None, None) => Err(wrap(
                ErrorReport::new(
                    SqlState::AMBIGUOUS_FUNCTION,
                    format!("operator is not unique: unknown {symbol} unknown"),
                )
                .with_hint("Could not choose a best candidate operator. You might need to add explicit type casts."),
            )),
        }
    }

    pub(super) fn add(&self, left: Operand, right: Operand) -> Planned {
        let (left, a, right, b) = self.pair("+", left, right, |other| match other {
            DataType::Date32 | DataType::Timestamp(_, _) | DataType::Time64(_) => SqlType::Interval.arrow(),
            other => other.clone(),
        })?;
        match (&a, &b) {
            _ if is_number(&a) && is_number(&b) => self.arithmetic(Operator::Plus, left, &a, right, &b),
            (DataType::Date32, b) if is_integer(b) => self.call("date_add_days", vec![left, right]),
            (a, DataType::Date32) if is_integer(a) => self.call("date_add_days", vec![right, left]),
            (DataType::Interval(_), DataType::Date32 | DataType::Timestamp(_, _)) => {
                Ok(moved(right, &b, Operator::Plus, left))
            }
            (DataType::Date32 | DataType::Timestamp(_, _), DataType::Interval(_)) => {
                Ok(moved(left, &a, Operator::Plus, right))
            }
            (DataType::Interval(_), DataType::Interval(_)) => Ok(binary(left, Operator::Plus, right)),
            (DataType::Date32, DataType::Time64(_)) => self.call("date_add_time", vec![left, right]),
            (DataType::Time64(_), DataType::Date32) => self.call("date_add_time", vec![right, left]),
            (DataType::Time64(_), DataType::Interval(_)) => self.call("time_add_interval", vec![left, right]),
            (DataType::Interval(_), DataType::Time64(_)) => self.call("time_add_interval", vec![right, left]),
            _ => Err(no_operator("+", &a, &b)),
        }
    }

    fn subtract(&self, left: Operand, right: Operand) -> Planned {
        let (left, a, right, b) = self.pair("-", left, right, DataType::clone)?;
        match (&a, &b) {
            _ if is_number(&a) && is_number(&b) => self.arithmetic(Operator::Minus, left, &a, right, &b),
            (DataType::Date32, DataType::Date32) => self.call("date_difference", vec![left, right]),
            (DataType::Date32, b) if is_integer(b) => self.call("date_subtract_days", vec![left, right]),
            (DataType::Date32 | DataType::Timestamp(_, _), DataType::Interval(_)) => {
                Ok(moved(left, &a, Operator::Minus, right))
            }
            (DataType::Date32 | DataType::Timestamp(_, _), DataType::Date32 | DataType::Timestamp(_, _)) => {
                self.call("timestamp_difference", vec![left, right])
            }
            (DataType::Interval(_), DataType::Interval(_)) => Ok(binary(left, Operator::Minus, right)),
            (DataType::Time64(_), DataType::Interval(_)) => self.call("time_subtract_interval", vec![left, right]),
            (DataType::Time64(_), DataType::Time64(_)) => self.call("time_difference", vec![left, right]),
            _ => Err(no_operator("-", &a, &b)),
        }
    }

    fn multiply(&self, left: Operand, right: Operand) -> Planned {
        let (left, a, right, b) = self.pair("*", left, right, |other| match other {
            DataType::Interval(_) => DataType::Float64,
            other => other.clone(),
        })?;
        match (&a, &b) {
            _ if is_number(&a) && is_number(&b) => self.arithmetic(Operator::Multiply, left, &a, right, &b),
            (DataType::Interval(_), b) if is_number(b) => self.call("interval_multiply", vec![left, right]),
            (DataType::Time64(_), b) if is_number(b) => {
                self.call("interval_multiply", vec![self.since_midnight(left)?, right])
            }
            (a, DataType::Time64(_)) if is_number(a) => {
                self.call("interval_multiply", vec![self.since_midnight(right)?, left])
            }
            (a, DataType::Interval(_)) if is_number(a) => self.call("interval_multiply", vec![right, left]),
            _ => Err(no_operator("*", &a, &b)),
        }
    }

    fn divide(&self, left: Operand, right: Operand) -> Planned {
        let (left, a, right, b) = self.pair("/", left, right, |other| match other {
            DataType::Interval(_) => DataType::Float64,
            other => other.clone(),
        })?;
        match (&a, is_number(&b)) {
            (DataType::Interval(_), true) => return self.call("interval_divide", vec![left, right]),
            (DataType::Time64(_), true) => {
                return self.call("interval_divide", vec![self.since_midnight(left)?, right]);
            }
            _ => {}
        }
        if !is_number(&a) || !is_number(&b) {
            return Err(no_operator("/", &a, &b));
        }
        let common = common_number(&a, &b);
        let (left, right) = (widened(left, &a, &common), widened(right, &b, &common));
        match common {
            DataType::Float32 | DataType::Float64 => self.call("float_divide", vec![left, right]),
            DataType::Decimal128(_, _) | DataType::Decimal256(_, _) => self.call("numeric_divide", vec![left, right]),
            _ => Ok(binary(left, Operator::Divide, right)),
        }
    }

    fn modulo(&self, left: Operand, right: Operand) -> Planned {
        let (left, a, right, b) = self.pair("%", left, right, DataType::clone)?;
        let common = if is_number(&a) && is_number(&b) { common_number(&a, &b) } else { DataType::Null };
        if common.is_null() || common.is_floating() {
            return Err(no_operator("%", &a, &b));
        }
        Ok(binary(widened(left, &a, &common), Operator::Modulo, widened(right, &b, &common)))
    }

    fn arithmetic(&self, op: Operator, left: Expr, a: &DataType, right: Expr, b: &DataType) -> Planned {
        let common = common_number(a, b);
        let (left, right) = (widened(left, a, &common), widened(right, b, &common));
        within_range(op, &left, &right)?;
        let checked = match (&common, op) {
            (DataType::Int16 | DataType::Int32 | DataType::Int64, Operator::Plus) => "int_add",
            (DataType::Int16 | DataType::Int32 | DataType::Int64, Operator::Minus) => "int_subtract",
            (DataType::Int16 | DataType::Int32 | DataType::Int64, Operator::Multiply) => "int_multiply",
            (DataType::Decimal128(_, _), Operator::Multiply) if too_long(a, b) => {
                return Ok(binary(long(left, a), op, long(right, b)));
            }
            _ => return Ok(binary(left, op, right)),
        };
        self.call(checked, vec![left, right])
    }

    /// Brings two operands to one type, as a comparison needs it.
    pub(super) fn comparable(
        &self,
        symbol: &str,
        left: Expr,
        right: Expr,
        schema: &DFSchema,
    ) -> Result<(Expr, Expr), DataFusionError> {
        let (left, right) = (self.operand(left, schema)?, self.operand(right, schema)?);
        self.unified(symbol, left, right)
    }

    fn unified(&self, symbol: &str, left: Operand, right: Operand) -> Result<(Expr, Expr), DataFusionError> {
        let (Some(a), Some(b)) = (&left.known, &right.known) else {
            let wanted = left.known.clone().or_else(|| right.known.clone()).unwrap_or(DataType::Utf8);
            let take = |operand: Operand| match operand.known {
                Some(_) => Ok(operand.expr),
                None => self.adopt(operand.expr, &wanted),
            };
            return Ok((take(left)?, take(right)?));
        };
        if a == b {
            return Ok((left.expr, right.expr));
        }
        if is_number(a) && is_number(b) {
            let (a, b) = (a.clone(), b.clone());
            return Ok(unified_numbers(left.expr, &a, right.expr, &b));
        }
        let common = match record_types::common(a, b) {
            Some(common) => common.map_err(|difference| difference.compared())?,
            None => common_type(a, b).ok_or_else(|| no_operator(symbol, a, b))?,
        };
        let (a, b) = (a.clone(), b.clone());
        let take = |expr: Expr, from: &DataType| if *from == common { expr } else { convert(expr, &common) };
        Ok((take(left.expr, &a), take(right.expr, &b)))
    }

    fn compare(&self, op: Operator, left: Operand, right: Operand) -> Planned {
        let (left, right) = (without_blanks(left, &right.expr), right);
        let right = without_blanks(right, &left.expr);
        let (left, right) = self.unified(symbol_of(op), left, right)?;
        Ok(binary(left, op, right))
    }

    /// Arrays are the library's own; text is joined, and NULL with anything is NULL.
    fn concat(&self, left: Operand, right: Operand) -> Result<Option<Expr>, DataFusionError> {
        if [&left, &right]
            .iter()
            .all(|operand| matches!(operand.known, Some(DataType::Binary)) || is_text_constant(operand))
            && [&left, &right].iter().any(|operand| operand.known.is_some())
        {
            let (left, right) = (self.as_type(left, &DataType::Binary)?, self.as_type(right, &DataType::Binary)?);
            return self.call("byteacat", vec![left, right]).map(Some);
        }
        let texts = [&left, &right].iter().any(|operand| matches!(operand.known, None | Some(DataType::Utf8)));
        if !texts {
            let types = (left.known.unwrap_or(DataType::Null), right.known.unwrap_or(DataType::Null));
            return Err(no_operator("||", &types.0, &types.1));
        }
        let (left, right) = (self.to_text(left)?, self.to_text(right)?);
        Ok(Some(binary(left, Operator::StringConcat, right)))
    }

    fn to_text(&self, operand: Operand) -> Planned {
        match operand.known {
            None => self.adopt(operand.expr, &DataType::Utf8),
            Some(DataType::Utf8) => Ok(operand.expr),
            Some(known) => self.text_cast(operand.expr, &known),
        }
    }

    /// A cast to text that writes what PostgreSQL writes.
    pub(super) fn text_cast(&self, expr: Expr, from: &DataType) -> Planned {
        if differs_as_text(from) {
            return self.call("text_of", vec![expr, lit(self.zone_name.clone())]);
        }
        Ok(Expr::Cast(Cast::new(Box::new(expr), DataType::Utf8)))
    }

    fn text_operand(&self, operand: Operand, symbol: &str) -> Planned {
        match &operand.known {
            None => self.adopt(operand.expr, &DataType::Utf8),
            Some(DataType::Utf8) => Ok(operand.expr),
            Some(other) => Err(no_operator(symbol, other, &DataType::Utf8)),
        }
    }

    fn like(&self, left: Operand, right: Operand, negated: bool, case_insensitive: bool) -> Planned {
        let symbol = if case_insensitive { "~~*" } else { "~~" };
        let (left, right) = (self.text_operand(left, symbol)?, self.text_operand(right, symbol)?);
        Ok(Expr::Like(Like::new(negated, Box::new(left), Box::new(right), None, case_insensitive)))
    }

    fn texts(&self, function: &str, left: Operand, right: Operand) -> Planned {
        let (left, right) = (self.text_operand(left, "~")?, self.text_operand(right, "~")?);
        self.call(function, vec![left, right])
    }

    /// Both operands as integers of one type.
    fn integers(&self, left: Operand, right: Operand, symbol: &str) -> Result<(Expr, Expr), DataFusionError> {
        let (left, a, right, b) = self.pair(symbol, left, right, DataType::clone)?;
        if !is_integer(&a) || !is_integer(&b) {
            return Err(no_operator(symbol, &a, &b));
        }
        let common = common_number(&a, &b);
        Ok((widened(left, &a, &common), widened(right, &b, &common)))
    }

    /// The result has the type of what is shifted.
    fn shifted(&self, op: Operator, left: Operand, right: Operand, symbol: &str) -> Planned {
        let (left, a, right, b) = self.pair(symbol, left, right, |_| DataType::Int32)?;
        if !is_integer(&a) || !is_integer(&b) {
            return Err(no_operator(symbol, &a, &b));
        }
        Ok(binary(left, op, if a == b { right } else { convert(right, &a) }))
    }

    /// Gives a type to a constant in quotes, to NULL, or to a parameter.
    pub(super) fn adopt(&self, expr: Expr, wanted: &DataType) -> Planned {
        match expr {
            Expr::Literal(ScalarValue::Utf8(Some(text)), metadata) => {
                if *wanted == DataType::Utf8 {
                    return Ok(Expr::Literal(ScalarValue::Utf8(Some(text)), metadata));
                }
                let sql_type = SqlType::from_arrow(wanted).map_err(|error| DataFusionError::Plan(error.to_string()))?;
                if let Some(moment) = literal::relative(&text, &sql_type) {
                    return self.told_by_clock(moment, &sql_type);
                }
                let value = literal::parse(&text, &quoted_type(&sql_type), self.zone).map_err(wrap)?;
                let value = Expr::Literal(value, None);
                // The columns of records get their names.
                Ok(if record_types::has_records(wanted) { convert(value, wanted) } else { value })
            }
            Expr::Literal(ScalarValue::Null | ScalarValue::Utf8(None), _) => {
                Ok(Expr::Literal(ScalarValue::try_from(wanted)?, None))
            }
            Expr::Placeholder(Placeholder { id, field: None }) => {
                let mut parameters = self.parameters.lock();
                let known = parameters.entry(id.clone()).or_insert_with(|| parameter_type(wanted)).clone();
                let field = datafusion::arrow::datatypes::Field::new("", known.clone(), true);
                let placeholder = Expr::Placeholder(Placeholder::new_with_field(id, Some(Arc::new(field))));
                Ok(if known == *wanted { placeholder } else { convert(placeholder, wanted) })
            }
            other => Ok(convert(other, wanted)),
        }
    }

    /// The least of the values of a group.
    pub(super) fn least_value(&self, value: Expr) -> Planned {
        match self.of_keys("min") {
            Some(least) => Ok(least.call(vec![value])),
            None => datafusion::common::internal_err!("there is no aggregate value_min"),
        }
    }

    /// What an aggregate of the library means for intervals and arrays.
    pub(super) fn of_keys(&self, name: &str) -> Option<Arc<datafusion::logical_expr::AggregateUDF>> {
        self.of_keys.get(name).cloned()
    }

    /// What an aggregate means for numbers with digits of their own.
    pub(super) fn of_digits(&self, name: &str) -> Option<Arc<datafusion::logical_expr::AggregateUDF>> {
        self.of_digits.get(name).cloned()
    }

    /// Whether local time is UTC in this session.
    pub(super) fn is_utc(&self) -> bool {
        self.zone == Tz::UTC || self.zone_name.eq_ignore_ascii_case("etc/utc")
    }

    /// The zone of the session as it was set.
    pub(super) fn zone_name(&self) -> String {
        self.zone_name.clone()
    }

    /// The zone of the session.
    pub(super) fn zone(&self) -> Tz {
        self.zone
    }
}

/// A quoted constant for a numeric column has digits of its own.
pub(super) fn quoted_type(sql_type: &SqlType) -> SqlType {
    match sql_type {
        SqlType::Numeric { .. } => {
            let (precision, scale) = crate::base::types::DEFAULT_NUMERIC;
            SqlType::Numeric { precision, scale }
        }
        SqlType::Array(element) => SqlType::Array(Box::new(quoted_type(element))),
        other => other.clone(),
    }
}

/// A parameter beside a numeric column may have more digits than the column.
fn parameter_type(wanted: &DataType) -> DataType {
    match wanted {
        DataType::Decimal128(_, scale) => DataType::Decimal128(38, (*scale).max(crate::base::types::DEFAULT_NUMERIC.1)),
        other => other.clone(),
    }
}

/// Blanks at the end of a constant count for nothing beside a `character(n)`.
fn without_blanks(operand: Operand, other: &Expr) -> Operand {
    let is_character = match other {
        Expr::ScalarFunction(call) => call.func.name() == "as_character",
        Expr::Alias(alias) => {
            matches!(alias.expr.as_ref(), Expr::ScalarFunction(call) if call.func.name() == "as_character")
        }
        _ => false,
    };
    match operand.expr {
        Expr::Literal(ScalarValue::Utf8(Some(text)), metadata) if is_character => {
            let text = text.trim_end_matches(' ').to_owned();
            Operand { expr: Expr::Literal(ScalarValue::Utf8(Some(text)), metadata), known: operand.known }
        }
        expr => Operand { expr, known: operand.known },
    }
}

fn is_text_constant(operand: &Operand) -> bool {
    operand.known.is_none()
}

pub(super) fn literal_type(expr: &Expr) -> Option<DataType> {
    match expr {
        Expr::Literal(value, _) => Some(value.data_type()),
        _ => None,
    }
}

pub(super) fn binary(left: Expr, op: Operator, right: Expr) -> Expr {
    Expr::BinaryExpr(BinaryExpr::new(Box::new(left), op, Box::new(right)))
}

/// A cast; a constant is cast at once where nothing is lost.
pub(super) fn convert(expr: Expr, wanted: &DataType) -> Expr {
    if let Expr::Literal(value, _) = &expr
        && (!crosses_zones(&value.data_type(), wanted) || infinite::is_infinite(value))
        && let Ok(cast) = infinite::converted(value, wanted)
    {
        return Expr::Literal(cast, None);
    }
    Expr::Cast(Cast::new(Box::new(expr), wanted.clone()))
}

/// Whether a cast goes between a moment and a local time: what it gives depends on the zone of the session.
pub(super) fn crosses_zones(from: &DataType, to: &DataType) -> bool {
    let local = |one: &DataType| matches!(one, DataType::Date32 | DataType::Timestamp(_, None) | DataType::Time64(_));
    let moment = |one: &DataType| matches!(one, DataType::Timestamp(_, Some(_)));
    (moment(from) && local(to)) || (local(from) && moment(to))
}

/// A date or a time, plus or minus an interval: a date becomes a timestamp first.
fn moved(moment: Expr, moment_type: &DataType, op: Operator, span: Expr) -> Expr {
    let moment = if *moment_type == DataType::Date32 { convert(moment, &SqlType::Timestamp.arrow()) } else { moment };
    binary(moment, op, span)
}

/// The type in which two values of different types meet, if they do.
pub(super) fn common_type(a: &DataType, b: &DataType) -> Option<DataType> {
    let timestamp = SqlType::Timestamp.arrow();
    let timestamptz = SqlType::Timestamptz.arrow();
    Some(match (a, b) {
        (a, b) if a == b => a.clone(),
        (a, b) if is_number(a) && is_number(b) => common_number(a, b),
        // The library may have taken one with a finer unit for the type of both.
        (DataType::Date32 | DataType::Timestamp(_, None), DataType::Timestamp(_, None))
        | (DataType::Timestamp(_, None), DataType::Date32) => timestamp,
        (DataType::Date32 | DataType::Timestamp(_, _), DataType::Date32 | DataType::Timestamp(_, _)) => timestamptz,
        (DataType::Struct(_), DataType::Struct(_)) => return record_types::common(a, b)?.ok(),
        (DataType::List(x), DataType::List(y)) => {
            // A cast of an array is one of its elements, digits and all.
            let element = super::settle::meet(x.data_type(), y.data_type())?;
            DataType::List(Arc::new(datafusion::arrow::datatypes::Field::new_list_field(element, true)))
        }
        (DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View, DataType::Utf8 | DataType::Utf8View) => {
            DataType::Utf8
        }
        (DataType::Null, other) | (other, DataType::Null) => other.clone(),
        _ => return None,
    })
}

pub(super) fn symbol_of(op: Operator) -> &'static str {
    match op {
        Operator::Eq => "=",
        Operator::NotEq => "<>",
        Operator::Lt => "<",
        Operator::LtEq => "<=",
        Operator::Gt => ">",
        Operator::GtEq => ">=",
        _ => "=",
    }
}

/// `operator does not exist: text = integer`
pub(super) fn no_operator(symbol: &str, a: &DataType, b: &DataType) -> DataFusionError {
    let message = format!("operator does not exist: {} {symbol} {}", type_name(a), type_name(b));
    wrap(
        ErrorReport::new(SqlState::UNDEFINED_FUNCTION, message).with_hint(
            "No operator matches the given name and argument types. You might need to add explicit type casts.",
        ),
    )
}
