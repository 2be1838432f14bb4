//! Predicates, CASE, and what chooses among values.

use sqlparser::ast::{Array, CaseWhen, Expr, Function, FunctionArguments, ValueWithSpan};

use crate::base::{ErrorReport, SqlState};

use super::places::begin;
use super::queries::unexpected;
use super::rows::row_values;
use super::types::Type;
use super::{Checked, Checker, Constant, Typed, at, error};

impl Checker<'_> {
    /// What is true, false or NULL; `None` for an expression of another kind.
    pub(super) fn predicate(&mut self, expr: &Expr) -> Checked<Option<Typed>> {
        let typed = match expr {
            Expr::IsTrue(inner) => self.truth(inner, "IS TRUE")?,
            Expr::IsNotTrue(inner) => self.truth(inner, "IS NOT TRUE")?,
            Expr::IsFalse(inner) => self.truth(inner, "IS FALSE")?,
            Expr::IsNotFalse(inner) => self.truth(inner, "IS NOT FALSE")?,
            Expr::IsUnknown(inner) => self.truth(inner, "IS UNKNOWN")?,
            Expr::IsNotUnknown(inner) => self.truth(inner, "IS NOT UNKNOWN")?,
            Expr::IsNull(inner) | Expr::IsNotNull(inner) => {
                let place = self.expression(inner)?.place;
                Typed::new(Type::BOOL, place)
            }
            Expr::IsDistinctFrom(left, right) | Expr::IsNotDistinctFrom(left, right) => {
                let places = self.places;
                match (row_values(left), row_values(right)) {
                    (Some(a), Some(b)) if a.is_empty() && b.is_empty() => Typed::new(Type::BOOL, places.start(left)),
                    (Some(a), Some(b)) => self.rows("=", &a, &b, || places.word_after(left, &["IS"]))?,
                    _ => self.spelled(left, "=", right, &["IS"])?,
                }
            }
            Expr::Like { any, expr, pattern, .. } | Expr::ILike { any, expr, pattern, .. }
                if *any || all_items(pattern).is_some() =>
            {
                let first = self.expression(expr)?;
                self.expression(all_items(pattern).unwrap_or(pattern))?;
                Typed::new(Type::BOOL, first.place)
            }
            Expr::Like { negated, expr, pattern, escape_char, .. } => {
                self.like(expr, if *negated { "!~~" } else { "~~" }, pattern, escape_char.as_ref(), &["LIKE", "NOT"])?
            }
            Expr::ILike { negated, expr, pattern, escape_char, .. } => {
                let symbol = if *negated { "!~~*" } else { "~~*" };
                self.like(expr, symbol, pattern, escape_char.as_ref(), &["ILIKE", "NOT"])?
            }
            Expr::SimilarTo { negated, expr, pattern, escape_char } => {
                // The pattern goes through a function that makes text of it.
                let symbol = if *negated { "!~" } else { "~" };
                let (first, second) = (self.expression(expr)?, self.expression(pattern)?);
                if let Some(escape) = escape_char {
                    self.expression(&Expr::Value(escape.clone()))?;
                }
                let second = Typed::new(Type::TEXT, second.place);
                self.spelled_of(expr, symbol, &first, &second, &["SIMILAR", "NOT"])?
            }
            Expr::Between { expr, negated, low, high } => self.between(expr, *negated, low, high)?,
            Expr::InList { expr, list, negated } => self.in_list(expr, list, *negated)?,
            Expr::InSubquery { expr, subquery, .. } => {
                let place = self.places.word_after(expr, &["IN", "NOT"]);
                let row = row_values(expr).unwrap_or_else(|| vec![expr.as_ref()]);
                self.row_and_query(&row, "=", subquery, place)?
            }
            Expr::AnyOp { left, compare_op, right, .. } | Expr::AllOp { left, compare_op, right } => {
                self.quantified(left, compare_op, right)?
            }
            _ => return Ok(None),
        };
        Ok(Some(typed))
    }

    fn truth(&mut self, inner: &Expr, word: &str) -> Checked<Typed> {
        let typed = self.condition(inner, word)?;
        Ok(Typed::new(Type::BOOL, typed.place))
    }

    /// An operator that is written as words.
    fn spelled(&mut self, left: &Expr, symbol: &str, right: &Expr, words: &[&str]) -> Checked<Typed> {
        let first = self.expression(left)?;
        let second = self.expression(right)?;
        self.spelled_of(left, symbol, &first, &second, words)
    }

    fn spelled_of(
        &mut self,
        left: &Expr,
        symbol: &str,
        first: &Typed,
        second: &Typed,
        words: &[&str],
    ) -> Checked<Typed> {
        let places = self.places;
        self.operator(symbol, Some(first), second).map_err(|report| {
            if report.position.is_some() { report } else { at(report, places.word_after(left, words)) }
        })?;
        Ok(Typed::new(Type::BOOL, first.place))
    }

    fn like(
        &mut self,
        operand: &Expr,
        symbol: &str,
        pattern: &Expr,
        escape: Option<&ValueWithSpan>,
        words: &[&str],
    ) -> Checked<Typed> {
        let first = self.expression(operand)?;
        let second = self.expression(pattern)?;
        // With an escape the pattern is the result of a function.
        let second = match escape {
            Some(_) => Typed::new(Type::TEXT, second.place),
            None => second,
        };
        self.spelled_of(operand, symbol, &first, &second, words)
    }

    fn between(&mut self, operand: &Expr, negated: bool, low: &Expr, high: &Expr) -> Checked<Typed> {
        let words: &[&str] = if negated { &["NOT"] } else { &["BETWEEN"] };
        let (above, below) = if negated { ("<", ">") } else { (">=", "<=") };
        let first = self.expression(operand)?;
        for (symbol, bound) in [(above, low), (below, high)] {
            let bound = self.expression(bound)?;
            self.spelled_of(operand, symbol, &first, &bound, words)?;
        }
        Ok(Typed::new(Type::BOOL, first.place))
    }

    pub(super) fn case(
        &mut self,
        place: usize,
        operand: Option<&Expr>,
        conditions: &[CaseWhen],
        default: Option<&Expr>,
    ) -> Checked<Typed> {
        self.without_sets("CASE", |checker| checker.case_of(place, operand, conditions, default))
    }

    fn case_of(
        &mut self,
        place: usize,
        operand: Option<&Expr>,
        conditions: &[CaseWhen],
        default: Option<&Expr>,
    ) -> Checked<Typed> {
        let operand = match operand {
            Some(operand) => Some(self.case_operand(operand)?),
            None => None,
        };
        let mut results = Vec::with_capacity(conditions.len() + 1);
        for when in conditions {
            match &operand {
                Some(operand) => {
                    let value = self.expression(&when.condition)?;
                    let places = self.places;
                    self.operator("=", Some(operand), &value).map_err(|report| {
                        let when_word = || places.word_before(places.start(&when.condition), "WHEN");
                        if report.position.is_some() { report } else { at(report, when_word()) }
                    })?;
                }
                None => {
                    self.condition(&when.condition, "CASE/WHEN")?;
                }
            }
            results.push(self.expression(&when.result)?);
        }
        // The default decides first.
        let default = match default {
            Some(default) => self.expression(default)?,
            None => Typed::null(0),
        };
        results.insert(0, default);
        self.chosen("CASE", &results, place)
    }

    fn case_operand(&mut self, operand: &Expr) -> Checked<Typed> {
        let typed = self.expression(operand)?;
        Ok(if typed.data_type == Type::UNKNOWN { Typed::new(Type::TEXT, typed.place) } else { typed })
    }

    /// One of several values, which must be of one type.
    pub(super) fn chosen(&mut self, word: &str, values: &[Typed], place: usize) -> Checked<Typed> {
        let common = self.common_type(values, word)?;
        for value in values {
            self.coerce_to_common(value, common, word)?;
            // The planner itself sees to the others.
            if word != "CASE" {
                self.note_constant(value, common);
            }
        }
        // Of a real and an exact number the library makes a double.
        let is_exact = |value: &Typed| matches!(value.data_type.0, "int2" | "int4" | "int8" | "numeric");
        if common == Type::FLOAT4 && values.iter().any(is_exact) {
            self.findings.reals.extend(matches!(word, "CASE" | "COALESCE" | "GREATEST" | "LEAST").then_some(place));
        }
        Ok(Typed::new(common, place))
    }

    /// Notes the type that a constant in quotes has; one that stays a text needs none.
    pub(super) fn note_constant(&mut self, value: &Typed, wanted: Type) {
        let is_text = value.data_type == Type::UNKNOWN && matches!(value.constant, Some(Constant::Text(_)));
        if is_text && !matches!(wanted, Type::TEXT | Type::UNKNOWN | Type::ANY) {
            self.findings.constants.insert(value.place, wanted.display());
        }
    }

    pub(super) fn array(&mut self, whole: &Expr, elements: &[Expr]) -> Checked<Typed> {
        if let (Expr::Array(Array { named: false, .. }), 0) = (whole, self.arrays) {
            return Err(unexpected("[", self.places.start(whole)));
        }
        self.arrays += 1;
        let typed = self.array_of(whole, elements);
        self.arrays -= 1;
        typed
    }

    fn array_of(&mut self, whole: &Expr, elements: &[Expr]) -> Checked<Typed> {
        let values = elements.iter().map(|element| self.expression(element)).collect::<Checked<Vec<_>>>()?;
        if values.is_empty() {
            let report = error(
                SqlState::INDETERMINATE_DATATYPE,
                "cannot determine type of empty array",
                self.places.empty_array(),
            );
            return Err(report.with_hint("Explicitly cast to the desired type, for example ARRAY[]::integer[]."));
        }
        let lengths: Vec<Option<usize>> = elements.iter().map(length).collect();
        if lengths.windows(2).any(|pair| pair[0] != pair[1] && pair[0].is_some() && pair[1].is_some()) {
            let message = "multidimensional arrays must have array expressions with matching dimensions";
            self.later(ErrorReport::new(SqlState::ARRAY_SUBSCRIPT_ERROR, message));
        }
        let place = self.places.start(whole);
        let element = self.chosen("ARRAY", &values, place)?.data_type;
        let array = match element {
            Type::ANY => Type::ANY,
            nested if nested.element().is_some() => nested,
            scalar => scalar.array().unwrap_or(Type::ANY),
        };
        Ok(Typed::new(array, place))
    }

    /// The calls that PostgreSQL's grammar knows by name: `coalesce`, `greatest`, `least`, `nullif`.
    pub(super) fn choosing_call(
        &mut self,
        name: &str,
        function: &Function,
        arguments: &[&Expr],
    ) -> Checked<Option<Typed>> {
        let place = begin(&function.name);
        let word = match name {
            "coalesce" => "COALESCE",
            "greatest" => "GREATEST",
            "least" => "LEAST",
            "grouping" => {
                self.watch();
                arguments.iter().try_for_each(|argument| self.expression(argument).map(|_| ()))?;
                self.grouping_call(place);
                return Ok(Some(Typed::new(Type::INT4, place)));
            }
            "nullif" if arguments.len() == 2 => {
                let first = self.expression(arguments[0])?;
                let second = self.expression(arguments[1])?;
                self.operator("=", Some(&first), &second)
                    .map_err(|report| if report.position.is_some() { report } else { at(report, place) })?;
                let unknown = first.data_type == Type::UNKNOWN;
                return Ok(Some(Typed::new(if unknown { Type::TEXT } else { first.data_type }, place)));
            }
            _ => return Ok(None),
        };
        if arguments.is_empty() {
            return Ok(None);
        }
        let choose = |checker: &mut Self| {
            let values = arguments.iter().map(|argument| checker.expression(argument)).collect::<Checked<Vec<_>>>()?;
            checker.chosen(word, &values, place).map(Some)
        };
        // GREATEST and LEAST may be of sets.
        if word == "COALESCE" { self.without_sets(word, choose) } else { choose(self) }
    }
}

/// How many elements an array has that is written out.
fn length(element: &Expr) -> Option<usize> {
    match element {
        Expr::Array(array) => Some(array.elem.len()),
        _ => None,
    }
}

/// The array of `LIKE ALL (…)`, which the parser takes for a call.
fn all_items(pattern: &Expr) -> Option<&Expr> {
    let Expr::Function(function) = pattern else { return None };
    if !function.name.to_string().eq_ignore_ascii_case("all") {
        return None;
    }
    let FunctionArguments::List(list) = &function.args else { return None };
    super::argument_expressions(&list.args).next()
}
