//! Operators of arrays, and of values with the items of arrays.

use std::sync::Arc;

use datafusion::arrow::datatypes::{DataType, Field};
use datafusion::common::{DFSchema, DataFusionError, ScalarValue};
use datafusion::logical_expr::{Expr, ExprSchemable, Operator, lit};
use sqlparser::ast::BinaryOperator;

use crate::base::engine_error::wrap;
use crate::base::{ErrorReport, SqlState};
use crate::functions::type_name;

use super::operators::{Operand, Operators, Planned, binary, convert, no_operator};
use super::operators_json::comparison;
use super::settle::meet;

/// An array.
pub(super) fn is_list(data_type: &DataType) -> bool {
    matches!(data_type, DataType::List(_))
}

/// The array of an element.
pub(super) fn list_of(element: DataType) -> DataType {
    DataType::List(Arc::new(Field::new_list_field(element, true)))
}

fn element_of(data_type: &DataType) -> Option<&DataType> {
    match data_type {
        DataType::List(field) => Some(field.data_type()),
        _ => None,
    }
}

/// The element of an array, whatever its dimensions.
pub(super) fn leaf(data_type: &DataType) -> &DataType {
    element_of(data_type).map_or(data_type, leaf)
}

/// An array of as many dimensions with other elements.
pub(super) fn with_leaf(data_type: &DataType, element: &DataType) -> DataType {
    match element_of(data_type) {
        Some(inner) => list_of(with_leaf(inner, element)),
        None => element.clone(),
    }
}

/// Arrays whose elements meet in one type.
fn common_lists(a: &DataType, b: &DataType) -> Option<(DataType, DataType)> {
    let element = match (leaf(a), leaf(b)) {
        (DataType::Null, other) | (other, DataType::Null) => other.clone(),
        (x, y) => meet(x, y)?,
    };
    Some((with_leaf(a, &element), with_leaf(b, &element)))
}

/// Whether a `json` is among the values of an array or a row.
pub(super) fn has_json(operand: &Operand) -> bool {
    fn is_in(data_type: &DataType) -> bool {
        match data_type {
            DataType::LargeUtf8 => true,
            DataType::List(item) => is_in(item.data_type()),
            DataType::Struct(columns) => columns.iter().any(|column| is_in(column.data_type())),
            _ => false,
        }
    }
    operand.known.as_ref().is_some_and(is_in)
}

fn shown(operand: &Operand) -> DataType {
    operand.known.clone().unwrap_or(DataType::Null)
}

impl Operators {
    /// An operator of which one side is an array.
    pub(super) fn array(&self, op: &BinaryOperator, left: Operand, right: Operand) -> Planned {
        match op {
            BinaryOperator::StringConcat => self.array_concat(left, right),
            BinaryOperator::AtArrow => self.two_arrays("arraycontains", left, right, op),
            BinaryOperator::ArrowAt => self.two_arrays("arraycontains", right, left, op),
            BinaryOperator::PGOverlap => self.two_arrays("arrayoverlap", left, right, op),
            _ => match comparison(op) {
                Some(operator) => {
                    let has_json = has_json(&left) || has_json(&right);
                    let (left, right) = self.alike(left, right, op)?;
                    self.by_key(left, operator, right, has_json)
                }
                None => Err(no_operator(&op.to_string(), &shown(&left), &shown(&right))),
            },
        }
    }

    fn two_arrays(&self, function: &str, left: Operand, right: Operand, op: &BinaryOperator) -> Planned {
        let (left, right) = self.alike(left, right, op)?;
        self.call(function, vec![left, right])
    }

    /// Arrays and rows are compared by their keys. Where a `json` is in them there is none, which is told in other words
    /// when they are asked whether they are equal.
    pub(super) fn by_key(&self, left: Expr, operator: Operator, right: Expr, has_json: bool) -> Planned {
        let is_equality = matches!(operator, Operator::Eq | Operator::NotEq);
        let key = |value: Expr| match has_json && is_equality {
            true => self.call("value_order", vec![value, lit("an equality operator")]),
            false => self.call("value_order", vec![value]),
        };
        Ok(binary(key(left)?, operator, key(right)?))
    }

    /// Two arrays with items of one type.
    fn alike(&self, left: Operand, right: Operand, op: &BinaryOperator) -> Result<(Expr, Expr), DataFusionError> {
        let types = (shown(&left), shown(&right));
        Ok(match (&left.known, &right.known) {
            (Some(a), Some(b)) => {
                // PostgreSQL compares arrays of one type only; digits of numerics are no part of it.
                let same = is_list(a) && is_list(b) && type_name(leaf(a)) == type_name(leaf(b));
                let common = same.then(|| common_lists(a, b)).flatten();
                let (a, b) = common.ok_or_else(|| no_operator(&op.to_string(), &types.0, &types.1))?;
                (self.as_type(left, &a)?, self.as_type(right, &b)?)
            }
            (Some(known), None) => {
                let known = list_of(leaf(known).clone());
                (left.expr, self.adopt(right.expr, &known)?)
            }
            (None, known) => {
                let known = list_of(leaf(known.as_ref().unwrap_or(&DataType::Utf8)).clone());
                (self.adopt(left.expr, &known)?, right.expr)
            }
        })
    }

    /// An operand that has a type. Numerics in a constant have digits of their own.
    fn adopted(&self, operand: Operand, wanted: &DataType) -> Result<Operand, DataFusionError> {
        if operand.known.is_some() {
            return Ok(operand);
        }
        let expr = self.adopt(operand.expr, wanted)?;
        let known = match &expr {
            Expr::Literal(value, _) if !value.is_null() => value.data_type(),
            _ => wanted.clone(),
        };
        Ok(Operand { expr, known: Some(known) })
    }

    /// Two arrays, or an array and an item.
    fn array_concat(&self, left: Operand, right: Operand) -> Planned {
        let types = (shown(&left), shown(&right));
        match (&left.known, &right.known) {
            (Some(a), Some(b)) if is_list(a) && is_list(b) => {
                let (a, b) = common_lists(a, b).ok_or_else(|| no_operator("||", &types.0, &types.1))?;
                let (left, right) = (self.as_type(left, &a)?, self.as_type(right, &b)?);
                self.call("array_concat", vec![left, right])
            }
            (Some(list), None) | (None, Some(list)) if is_list(list) => {
                let list = list.clone();
                self.array_concat(self.adopted(left, &list)?, self.adopted(right, &list)?)
            }
            (Some(list), Some(item)) if is_list(list) => {
                let element = meet(leaf(list), item).ok_or_else(|| no_operator("||", &types.0, &types.1))?;
                let list = with_leaf(list, &element);
                let (left, right) = (self.as_type(left, &list)?, self.as_type(right, &element)?);
                self.call("array_append", vec![left, right])
            }
            (Some(item), Some(list)) => {
                let element = meet(leaf(list), item).ok_or_else(|| no_operator("||", &types.0, &types.1))?;
                let list = with_leaf(list, &element);
                let (left, right) = (self.as_type(left, &element)?, self.as_type(right, &list)?);
                self.call("array_prepend", vec![left, right])
            }
            _ => Err(no_operator("||", &types.0, &types.1)),
        }
    }

    /// `x op ANY (array)`: the operator, the value and the array, of one type.
    pub(super) fn quantified(&self, function: &str, arguments: Vec<Expr>, schema: &DFSchema) -> Planned {
        let Ok([symbol, value, array]) = <[Expr; 3]>::try_from(arguments) else {
            return Err(DataFusionError::Internal("a comparison with an array has three parts".to_owned()));
        };
        let (value, array) = (self.operand(value, schema)?, self.operand(array, schema)?);
        let word = match &symbol {
            Expr::Literal(ScalarValue::Utf8(Some(word)), _) => word.clone(),
            _ => String::new(),
        };
        let (value, array) = match (&value.known, &array.known) {
            (Some(known), None) => {
                let list = list_of(known.clone());
                (value.expr, self.adopt(array.expr, &list)?)
            }
            (None, Some(list)) if is_list(list) => {
                let element = leaf(list).clone();
                (self.adopt(value.expr, &element)?, array.expr)
            }
            (None, None) => {
                (self.adopt(value.expr, &DataType::Utf8)?, self.adopt(array.expr, &list_of(DataType::Utf8))?)
            }
            (Some(known), Some(list)) if is_list(list) => {
                let element = meet(known, leaf(list)).ok_or_else(|| no_operator(&word, known, leaf(list)))?;
                let list = with_leaf(list, &element);
                (self.as_type(value, &element)?, self.as_type(array, &list)?)
            }
            (_, Some(_)) => {
                let message = "op ANY/ALL (array) requires array on right side";
                return Err(wrap(ErrorReport::new(SqlState::WRONG_OBJECT_TYPE, message)));
            }
        };
        self.call(function, vec![symbol, value, array])
    }

    /// `a[i]`, of an array or of a `jsonb`.
    pub(super) fn subscript(&self, arguments: Vec<Expr>, schema: &DFSchema) -> Planned {
        let mut arguments = arguments.into_iter();
        let Some(root) = arguments.next() else {
            return Err(DataFusionError::Internal("a subscript of nothing".to_owned()));
        };
        let known = root.get_type(schema)?;
        if known == DataType::LargeBinary {
            return arguments.try_fold(root, |value, key| {
                let key = self.operand(key, schema)?;
                self.json_part("jsonb", "", value, key)
            });
        }
        let mut all = vec![root];
        for index in arguments {
            all.push(self.index(index, schema)?);
        }
        self.call("array_subscript", all)
    }

    /// The bounds of a slice are integers, as subscripts are.
    pub(super) fn array_part(&self, arguments: Vec<Expr>, schema: &DFSchema) -> Planned {
        let mut all = Vec::with_capacity(arguments.len());
        for (place, argument) in arguments.into_iter().enumerate() {
            all.push(if place == 0 { argument } else { self.index(argument, schema)? });
        }
        self.call("array_part", all)
    }

    fn index(&self, expr: Expr, schema: &DFSchema) -> Planned {
        let operand = self.operand(expr, schema)?;
        match &operand.known {
            None => self.adopt(operand.expr, &DataType::Int32),
            Some(known) if known.is_integer() => Ok(operand.expr),
            Some(known) if known.is_numeric() => Ok(convert(operand.expr, &DataType::Int32)),
            Some(_) => Err(wrap(ErrorReport::new(
                SqlState::DATATYPE_MISMATCH,
                "array subscript must have type integer".to_owned(),
            ))),
        }
    }

    /// `generate_series(start, stop [, step])` as an array.
    pub(super) fn series(&self, arguments: Vec<Expr>, schema: &DFSchema) -> Planned {
        self.call("series_of", self.series_arguments(arguments, schema)?)
    }

    /// The arguments of `generate_series`: a constant without type has that of the others.
    pub(super) fn series_arguments(
        &self,
        arguments: Vec<Expr>,
        schema: &DFSchema,
    ) -> Result<Vec<Expr>, DataFusionError> {
        let operands =
            arguments.into_iter().map(|argument| self.operand(argument, schema)).collect::<Result<Vec<_>, _>>()?;
        let is_time = |known: &DataType| matches!(known, DataType::Date32 | DataType::Timestamp(_, _));
        let known = operands.iter().take(2).filter_map(|operand| operand.known.clone());
        let known = known.reduce(|a, b| meet(&a, &b).unwrap_or(a));
        let steps_in_time = operands.get(2).is_some_and(|step| matches!(step.known, Some(DataType::Interval(_))));
        let bound = match known {
            Some(known) if is_time(&known) && known == DataType::Date32 => crate::base::SqlType::Timestamptz.arrow(),
            Some(known) => known,
            None if steps_in_time => crate::base::SqlType::Timestamptz.arrow(),
            None => DataType::Int32,
        };
        let step = if is_time(&bound) { crate::base::SqlType::Interval.arrow() } else { bound.clone() };
        let typed = operands.into_iter().enumerate().map(|(place, operand)| match operand.known {
            None => self.adopt(operand.expr, if place == 2 { &step } else { &bound }),
            Some(_) if place < 2 && is_time(&bound) => self.as_type(operand, &bound),
            Some(_) => Ok(operand.expr),
        });
        typed.collect()
    }

    /// `(a, b) OVERLAPS (c, d)`, where the second end of a span may be its length.
    pub(super) fn overlaps(&self, arguments: Vec<Expr>, schema: &DFSchema) -> Planned {
        let mut ends = arguments.into_iter();
        let mut all = Vec::new();
        while let (Some(start), Some(end)) = (ends.next(), ends.next()) {
            let end = match end.get_type(schema)? {
                DataType::Interval(_) => {
                    let sum = (self.operand(start.clone(), schema)?, self.operand(end, schema)?);
                    self.add(sum.0, sum.1)?
                }
                _ => end,
            };
            all.extend([start, end]);
        }
        let operands = all.into_iter().map(|end| self.operand(end, schema)).collect::<Result<Vec<_>, _>>()?;
        let known = operands
            .iter()
            .filter_map(|end| end.known.clone())
            .try_fold(DataType::Null, |before, one| meet(&before, &one).ok_or_else(|| wrong_ends(&before, &one)))?;
        let wanted = if known.is_null() { crate::base::SqlType::Timestamptz.arrow() } else { known };
        let all = operands.into_iter().map(|end| self.as_type(end, &wanted)).collect::<Result<Vec<_>, _>>()?;
        self.call("overlaps", all)
    }
}

fn wrong_ends(a: &DataType, b: &DataType) -> DataFusionError {
    let (a, b) = (type_name(a), type_name(b));
    let message = format!("function pg_catalog.overlaps({a}, {a}, {b}, {b}) does not exist");
    wrap(ErrorReport::new(SqlState::UNDEFINED_FUNCTION, message))
}
