//! Operators: which one is meant (`parse_oper.c`), and that their operands are what they take.

use sqlparser::ast::{BinaryOperator, Expr, Query, SetExpr, UnaryOperator, Value, ValueWithSpan};

use crate::base::{ErrorReport, SqlState};

use super::queries::unexpected;
use super::resolve::{Resolution, resolve_operator};
use super::rows::row_values;
use super::signatures;
use super::types::{Context, Type};
use super::{Checked, Checker, Typed, at, error};

const COMPARISONS: [&str; 6] = ["=", "<>", "<", ">", "<=", ">="];

/// A report gets the place of the operator unless it knows a better one.
pub(super) fn placed(report: ErrorReport, place: impl FnOnce() -> usize) -> ErrorReport {
    if report.position.is_some() { report } else { at(report, place()) }
}

impl Checker<'_> {
    pub(super) fn binary(&mut self, left: &Expr, op: &BinaryOperator, right: &Expr) -> Checked<Typed> {
        let word = match op {
            BinaryOperator::And => "AND",
            BinaryOperator::Or => "OR",
            _ => return self.operation(left, &symbol(op), right),
        };
        let first = self.condition(left, word)?;
        self.condition(right, word)?;
        Ok(Typed::new(Type::BOOL, first.place))
    }

    fn operation(&mut self, left: &Expr, symbol: &str, right: &Expr) -> Checked<Typed> {
        let places = self.places;
        if symbol == "OVERLAPS" {
            return self.overlaps(left, right);
        }
        if let Expr::BinaryOp { op, .. } = left
            && COMPARISONS.contains(&symbol)
            && COMPARISONS.contains(&self::symbol(op).as_str())
        {
            // Comparisons do not chain.
            return Err(unexpected(symbol, places.operator(left, symbol)));
        }
        if let Some(row) = row_values(left) {
            if let Some(other) = row_values(right) {
                return self.rows(symbol, &row, &other, || places.operator(left, symbol));
            }
            if let Expr::Subquery(query) = right {
                return self.row_and_query(&row, symbol, query, places.operator(left, symbol));
            }
        }
        let first = self.expression(left)?;
        let second = self.expression(right)?;
        let result = self.operator(symbol, Some(&first), &second);
        let result = result.map_err(|report| placed(report, || places.operator(left, symbol)))?;
        Ok(Typed::new(result, first.place))
    }

    /// `(a, b) OVERLAPS (c, d)` is a call with four arguments.
    fn overlaps(&mut self, left: &Expr, right: &Expr) -> Checked<Typed> {
        if let (Some(a), Some(b)) = (row_values(left), row_values(right))
            && (a.len(), b.len()) == (2, 2)
        {
            let typed = a.iter().chain(&b).map(|item| self.expression(item)).collect::<Checked<Vec<_>>>()?;
            let place = self.places.operator(left, "OVERLAPS");
            self.resolve_call("pg_catalog.overlaps", "overlaps", &typed, false, place)?;
            return Ok(Typed::new(Type::BOOL, self.places.start(left)));
        }
        let place = self.expression(left)?.place;
        self.expression(right)?;
        Ok(Typed::new(Type::BOOL, place))
    }

    /// The result of an operator; an error without a place is the operator's.
    pub(super) fn operator(&mut self, symbol: &str, left: Option<&Typed>, right: &Typed) -> Checked<Type> {
        let operands: Vec<&Typed> = left.into_iter().chain([right]).collect();
        let types: Vec<Type> = operands.iter().map(|operand| operand.data_type).collect();
        let known = signatures::operators(symbol, types.len());
        match resolve_operator(&known, &types) {
            Resolution::Found(chosen) => {
                for (operand, wanted) in operands.iter().zip(&chosen.arguments) {
                    self.adopt(operand, *wanted)?;
                }
                Ok(chosen.result)
            }
            Resolution::Open(result) => Ok(result),
            // A symbol that is not in PostgreSQL's catalogs is the planner's to refuse.
            Resolution::None | Resolution::Indeterminate(_) if known.is_empty() && types.contains(&Type::ANY) => {
                Ok(Type::ANY)
            }
            Resolution::None | Resolution::Indeterminate(_) => Err(no_operator(symbol, &types)),
            Resolution::Ambiguous => Err(ambiguous(symbol, &types)),
        }
    }

    /// `left op ANY (query)`, IN, and rows beside a query.
    pub(super) fn columns_of(&mut self, left: &[Typed], symbol: &str, query: &Query, place: usize) -> Checked<()> {
        let right = self.subquery(query)?;
        if right.iter().any(|column| column.is_open) {
            return Ok(());
        }
        let message = match left.len().cmp(&right.len()) {
            std::cmp::Ordering::Less => "subquery has too many columns",
            std::cmp::Ordering::Greater => "subquery has too few columns",
            std::cmp::Ordering::Equal => {
                for (left, right) in left.iter().zip(&right) {
                    let right = Typed::new(right.typed.data_type, right.typed.place);
                    self.operator(symbol, Some(left), &right).map_err(|report| placed(report, || place))?;
                }
                return Ok(());
            }
        };
        Err(error(SqlState::SYNTAX_ERROR, message, place))
    }

    pub(super) fn unary(&mut self, whole: &Expr, op: UnaryOperator, operand: &Expr) -> Checked<Typed> {
        if op == UnaryOperator::DoubleAt {
            // It stands for SYMMETRIC.
            return self.expression(operand);
        }
        if op == UnaryOperator::Not {
            self.condition(operand, "NOT")?;
            return Ok(Typed::new(Type::BOOL, self.places.start(whole)));
        }
        if let (UnaryOperator::Minus, Expr::Value(ValueWithSpan { value: Value::Number(digits, _), .. })) =
            (op, operand)
        {
            // The sign belongs to the constant: the least integer is one, though its digits alone are a bigint.
            let data_type = match format!("-{digits}") {
                text if text.parse::<i32>().is_ok() => Type::INT4,
                text if text.parse::<i64>().is_ok() => Type::INT8,
                _ => Type::NUMERIC,
            };
            let unsigned = self.expression(operand)?;
            return Ok(Typed { constant: unsigned.constant, ..Typed::new(data_type, self.places.start(whole)) });
        }
        let typed = self.expression(operand)?;
        let place = self.places.start(whole);
        let result = self.operator(&op.to_string(), None, &typed).map_err(|report| placed(report, || place))?;
        Ok(Typed::new(result, place))
    }

    /// `x IN (a, b)`.
    pub(super) fn in_list(&mut self, operand: &Expr, list: &[Expr], negated: bool) -> Checked<Typed> {
        let symbol = if negated { "<>" } else { "=" };
        let places = self.places;
        let place = || places.word_after(operand, if negated { &["NOT"] } else { &["IN"] });
        if let Some(row) = row_values(operand) {
            for item in list {
                if let Some(item) = row_values(item) {
                    self.rows(symbol, &row, &item, place)?;
                    continue;
                }
                let left = Typed::new(Type::RECORD, self.places.start(operand));
                let right = self.expression(item)?;
                self.operator(symbol, Some(&left), &right).map_err(|report| placed(report, place))?;
            }
            return Ok(Typed::new(Type::BOOL, self.places.start(operand)));
        }
        let left = self.expression(operand)?;
        let mut constants = Vec::new();
        let mut variables = Vec::new();
        for item in list {
            let before = self.columns.len();
            let typed = self.expression(item)?;
            let is_new = self.columns.len() > before;
            if is_new { variables.push(typed) } else { constants.push(typed) }
        }
        if constants.len() > 1 {
            let types: Vec<Type> = std::iter::once(&left).chain(&constants).map(|typed| typed.data_type).collect();
            let common = if types.contains(&Type::ANY) { Some(Type::ANY) } else { common_of(&types) };
            if let Some(common) = common {
                for typed in &constants {
                    self.coerce_to_common(typed, common, "IN")?;
                }
                let right = Typed::new(common, constants.first().map_or(0, |first| first.place));
                self.operator(symbol, Some(&left), &right).map_err(|report| placed(report, place))?;
                constants.clear();
            }
        }
        for typed in constants.iter().chain(&variables) {
            self.operator(symbol, Some(&left), typed).map_err(|report| placed(report, place))?;
        }
        Ok(Typed::new(Type::BOOL, left.place))
    }

    /// `x = ANY (array or query)`.
    pub(super) fn quantified(&mut self, left: &Expr, op: &BinaryOperator, right: &Expr) -> Checked<Typed> {
        let symbol = symbol(op);
        let place = self.places.operator(left, &symbol);
        if let (Some(row), Some(query)) = (row_values(left), subquery_of(right)) {
            return self.row_and_query(&row, &symbol, query, place);
        }
        let first = self.expression(left)?;
        if let Some(query) = subquery_of(right) {
            self.columns_of(std::slice::from_ref(&first), &symbol, query, place)?;
            return Ok(Typed::new(Type::BOOL, first.place));
        }
        let second = self.expression(right)?;
        let element = match second.data_type {
            Type::UNKNOWN | Type::ANY => second.data_type,
            known => match known.element() {
                Some(element) => element,
                None => {
                    let message = "op ANY/ALL (array) requires array on right side";
                    return Err(error(SqlState::WRONG_OBJECT_TYPE, message, place));
                }
            },
        };
        let item = Typed::new(element, second.place);
        self.operator(&symbol, Some(&first), &item).map_err(|report| placed(report, || place))?;
        if second.data_type == Type::UNKNOWN
            && let Some(array) = first.data_type.array()
        {
            self.adopt(&second, array)?;
        }
        Ok(Typed::new(Type::BOOL, first.place))
    }

    /// The type on which some expressions must meet.
    pub(super) fn common_type(&mut self, all: &[Typed], word: &str) -> Checked<Type> {
        let mut chosen: Option<Type> = None;
        for typed in all.iter().filter(|typed| typed.data_type != Type::UNKNOWN) {
            chosen = Some(match chosen {
                None => typed.data_type,
                Some(before) => super::resolve::meet(before, typed.data_type).ok_or_else(|| {
                    let message = format!(
                        "{word} types {} and {} cannot be matched",
                        before.display(),
                        typed.data_type.display()
                    );
                    error(SqlState::DATATYPE_MISMATCH, message, typed.place)
                })?,
            });
        }
        Ok(chosen.unwrap_or(Type::TEXT))
    }

    pub(super) fn coerce_to_common(&mut self, typed: &Typed, wanted: Type, word: &str) -> Checked<()> {
        if typed.data_type == Type::UNKNOWN || typed.data_type.becomes(wanted, Context::Implicit) {
            return self.adopt(typed, wanted);
        }
        let message = format!("{word} could not convert type {} to {}", typed.data_type.display(), wanted.display());
        Err(error(SqlState::CANNOT_COERCE, message, typed.place))
    }
}

/// The common type of a list that need not have one.
fn common_of(types: &[Type]) -> Option<Type> {
    let known = super::resolve::common(types);
    let all_unknown = types.iter().all(|found| *found == Type::UNKNOWN);
    let found = if all_unknown { Some(Type::TEXT) } else { known }?;
    types.iter().all(|one| one.becomes(found, Context::Implicit)).then_some(found)
}

pub(super) fn bare(expr: &Expr) -> &Expr {
    match expr {
        Expr::Nested(inner) => bare(inner),
        other => other,
    }
}

fn subquery_of(expr: &Expr) -> Option<&Query> {
    match bare(expr) {
        Expr::Subquery(query) if !matches!(query.body.as_ref(), SetExpr::Table(_)) => Some(query),
        _ => None,
    }
}

/// The operator as PostgreSQL's catalogs name it.
fn symbol(op: &BinaryOperator) -> String {
    match op {
        BinaryOperator::NotEq => "<>".to_owned(),
        BinaryOperator::PGCustomBinaryOperator(parts) => parts.last().cloned().unwrap_or_default(),
        other => other.to_string(),
    }
}

pub(super) fn no_operator(symbol: &str, types: &[Type]) -> ErrorReport {
    let hint = if types.len() == 1 {
        "No operator matches the given name and argument type. You might need to add an explicit type cast."
    } else {
        "No operator matches the given name and argument types. You might need to add explicit type casts."
    };
    let message = format!("operator does not exist: {}", shown(symbol, types));
    ErrorReport::new(SqlState::UNDEFINED_FUNCTION, message).with_hint(hint)
}

fn ambiguous(symbol: &str, types: &[Type]) -> ErrorReport {
    let message = format!("operator is not unique: {}", shown(symbol, types));
    ErrorReport::new(SqlState::AMBIGUOUS_FUNCTION, message)
        .with_hint("Could not choose a best candidate operator. You might need to add explicit type casts.")
}

fn shown(symbol: &str, types: &[Type]) -> String {
    match types {
        [left, right] => format!("{} {symbol} {}", left.display(), right.display()),
        [operand] => format!("{symbol} {}", operand.display()),
        _ => symbol.to_owned(),
    }
}
