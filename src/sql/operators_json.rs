//! Operators of `json` and `jsonb`.

use datafusion::arrow::datatypes::{DataType, Field};
use datafusion::logical_expr::{Expr, Operator, lit};
use sqlparser::ast::BinaryOperator;

use std::sync::Arc;

use super::operators::{Operand, Operators, Planned, binary, convert, no_operator};

const JSONB: DataType = DataType::LargeBinary;

/// `json` or `jsonb`.
pub(super) fn is_json(data_type: &DataType) -> bool {
    matches!(data_type, DataType::LargeUtf8 | DataType::LargeBinary)
}

/// Whether the operator is one of JSON. Text that is joined with JSON is text.
pub(super) fn is_of_json(op: &BinaryOperator, left: &Operand, right: &Operand) -> bool {
    let is_jsonb = |operand: &Operand| operand.known == Some(JSONB);
    let is_open = |operand: &Operand| operand.known.is_none();
    match op {
        BinaryOperator::StringConcat => [left, right].into_iter().all(|one| is_jsonb(one) || is_open(one)),
        BinaryOperator::And | BinaryOperator::Or => false,
        _ => true,
    }
}

fn text_array() -> DataType {
    DataType::List(Arc::new(Field::new_list_field(DataType::Utf8, true)))
}

/// `ARRAY[NULL]`
fn null_array() -> DataType {
    DataType::List(Arc::new(Field::new_list_field(DataType::Null, true)))
}

impl Operators {
    /// An operator of which one side is JSON.
    pub(super) fn json(&self, op: &BinaryOperator, left: Operand, right: Operand) -> Planned {
        let types = (shown(&left), shown(&right));
        let wrong = || Err(no_operator(&op.to_string(), &types.0, &types.1));
        let is_jsonb = left.known == Some(JSONB);
        let prefix = if is_jsonb { "jsonb" } else { "json" };
        if left.known.as_ref().is_none_or(|known| !is_json(known)) && !is_symmetric(op) {
            return wrong();
        }
        match op {
            BinaryOperator::Arrow | BinaryOperator::LongArrow if !is_key(&right) => wrong(),
            BinaryOperator::Arrow => self.json_part(prefix, "", left.expr, right),
            BinaryOperator::LongArrow => self.json_part(prefix, "_text", left.expr, right),
            BinaryOperator::HashArrow => self.with_path(&format!("{prefix}_extract_path"), left, right, op),
            BinaryOperator::HashLongArrow => self.with_path(&format!("{prefix}_extract_path_text"), left, right, op),
            BinaryOperator::AtArrow => self.two_jsonb("jsonb_contains", left, right, op),
            BinaryOperator::ArrowAt => self.two_jsonb("jsonb_contains", right, left, op),
            BinaryOperator::StringConcat => self.two_jsonb("jsonb_concat", left, right, op),
            BinaryOperator::Question if is_jsonb => {
                let right = self.as_type(right, &DataType::Utf8)?;
                self.call("jsonb_exists", vec![left.expr, right])
            }
            BinaryOperator::AtQuestion if is_jsonb => {
                let path = self.as_type(right, &DataType::Utf8)?;
                self.call("jsonb_path_exists_opr", vec![left.expr, path])
            }
            BinaryOperator::AtAt if is_jsonb => {
                let path = self.as_type(right, &DataType::Utf8)?;
                self.call("jsonb_path_match_opr", vec![left.expr, path])
            }
            BinaryOperator::QuestionPipe if is_jsonb => self.with_path("jsonb_exists_any", left, right, op),
            BinaryOperator::QuestionAnd if is_jsonb => self.with_path("jsonb_exists_all", left, right, op),
            BinaryOperator::HashMinus if is_jsonb => self.with_path("jsonb_delete_path", left, right, op),
            BinaryOperator::Minus if is_jsonb => match &right.known {
                None => {
                    let right = self.adopt(right.expr, &DataType::Utf8)?;
                    self.call("jsonb_delete", vec![left.expr, right])
                }
                Some(DataType::Utf8 | DataType::Int16 | DataType::Int32) => {
                    self.call("jsonb_delete", vec![left.expr, right.expr])
                }
                Some(known) if *known == text_array() => self.call("jsonb_delete", vec![left.expr, right.expr]),
                Some(_) => wrong(),
            },
            _ => match comparison(op) {
                Some(operator) => {
                    let order = self.two_jsonb("jsonb_cmp", left, right, op)?;
                    Ok(binary(order, operator, lit(0_i32)))
                }
                None => wrong(),
            },
        }
    }

    /// One member or element: by its name, or by its number. `text` is `_text` where its text is wanted.
    pub(super) fn json_part(&self, prefix: &str, text: &str, json: Expr, key: Operand) -> Planned {
        let (kind, key) = match &key.known {
            None => ("object_field", self.adopt(key.expr, &DataType::Utf8)?),
            Some(known) if known.is_integer() => ("array_element", convert(key.expr, &DataType::Int32)),
            Some(_) => ("object_field", key.expr),
        };
        self.call(&format!("{prefix}_{kind}{text}"), vec![json, key])
    }

    fn with_path(&self, function: &str, left: Operand, right: Operand, op: &BinaryOperator) -> Planned {
        let fits = |known: &DataType| *known == text_array() || *known == null_array();
        if !right.known.as_ref().is_none_or(fits) {
            return Err(no_operator(&op.to_string(), &shown(&left), &shown(&right)));
        }
        let path = self.as_type(right, &text_array())?;
        self.call(function, vec![left.expr, path])
    }

    fn two_jsonb(&self, function: &str, left: Operand, right: Operand, op: &BinaryOperator) -> Planned {
        let types = (shown(&left), shown(&right));
        let fits = |operand: &Operand| operand.known.as_ref().is_none_or(|known| *known == JSONB);
        if !fits(&left) || !fits(&right) {
            return Err(no_operator(&op.to_string(), &types.0, &types.1));
        }
        let (left, right): (Expr, Expr) = (self.as_type(left, &JSONB)?, self.as_type(right, &JSONB)?);
        self.call(function, vec![left, right])
    }
}

/// What names a member or an element.
fn is_key(operand: &Operand) -> bool {
    matches!(operand.known, None | Some(DataType::Utf8 | DataType::Int16 | DataType::Int32))
}

fn shown(operand: &Operand) -> DataType {
    operand.known.clone().unwrap_or(DataType::Null)
}

/// Operators that may have JSON on their right side alone.
fn is_symmetric(op: &BinaryOperator) -> bool {
    matches!(op, BinaryOperator::ArrowAt | BinaryOperator::AtArrow | BinaryOperator::StringConcat)
        || comparison(op).is_some()
}

/// The comparison that an operator is.
pub(super) fn comparison(op: &BinaryOperator) -> Option<Operator> {
    Some(match op {
        BinaryOperator::Eq => Operator::Eq,
        BinaryOperator::NotEq => Operator::NotEq,
        BinaryOperator::Lt => Operator::Lt,
        BinaryOperator::LtEq => Operator::LtEq,
        BinaryOperator::Gt => Operator::Gt,
        BinaryOperator::GtEq => Operator::GtEq,
        _ => return None,
    })
}
