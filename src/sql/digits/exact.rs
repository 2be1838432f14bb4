//! Expressions whose values have digits of their own, written over texts.

use std::sync::Arc;

use datafusion::arrow::datatypes::DataType;
use datafusion::common::tree_node::TreeNode;
use datafusion::common::{Column, DFSchema, DataFusionError, ScalarValue};
use datafusion::logical_expr::expr::ScalarFunction;
use datafusion::logical_expr::{
    BinaryExpr, Case, Cast, Expr, ExprSchemable, LogicalPlan, Operator, Projection, Subquery, lit,
};

use crate::base::types::DEFAULT_NUMERIC;
use crate::sql::operators::Operators;

use super::carry::Carry;
use super::{is_decimal, scale_of};

/// Whether a text is computed in process in any case: its value is too.
pub(super) fn runs_in_process(text: &Expr) -> Result<bool, DataFusionError> {
    text.exists(|part| {
        Ok(matches!(part, Expr::ScalarFunction(call) if matches!(call.func.name(), "exact_divide" | "exact_sqrt" | "exact_read")))
    })
}

/// An expression that is computed again may not be larger: each use of a derived column repeats it.
const MOST_PARTS: usize = 200;

/// What is known of the digits of an expression.
pub(super) enum Digits {
    /// NULL, which has none.
    Null,
    /// All values have as many, and the expression's type says how many.
    Fixed(Expr, i64),
    /// Each has its own: the expression gives them as texts.
    Own(Expr),
}

/// What the cast around an expression may be besides what somebody wrote.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Casts {
    /// Nothing else.
    Written,
    /// It brings results to one type: that has all the digits that a decimal has.
    Met,
    /// It brings the columns of several inputs to one type.
    Inputs,
}

/// The text that a cast makes an open numeric of: nobody said how many digits it is to have.
fn read_openly<'e>(call: &'e ScalarFunction, wanted: &DataType) -> Option<&'e Expr> {
    let (precision, scale) = DEFAULT_NUMERIC;
    let is_open = call.func.name() == "read_as" && *wanted == DataType::Decimal128(precision, scale);
    call.args.first().filter(|_| is_open)
}

/// Reads expressions over one schema.
pub(super) struct Reader<'a> {
    pub(super) schema: &'a DFSchema,
    /// The columns that have digits of their own, and what shows them.
    pub(super) known: &'a [(Column, Expr)],
    pub(super) operators: &'a Operators,
}

impl Reader<'_> {
    /// The text of an expression, if it has digits of its own and can be computed again in another place.
    pub(super) fn shown(&self, expr: &Expr, casts: Casts) -> Result<Option<Expr>, DataFusionError> {
        match self.digits(expr, casts)? {
            Digits::Own(text) if can_move(&text)? => Ok(Some(text)),
            Digits::Null | Digits::Fixed(..) | Digits::Own(_) => Ok(None),
        }
    }

    #[recursive::recursive]
    pub(super) fn digits(&self, expr: &Expr, casts: Casts) -> Result<Digits, DataFusionError> {
        match expr {
            Expr::Alias(alias) => self.digits(&alias.expr, casts),
            Expr::Literal(value, _) if value.is_null() => Ok(Digits::Null),
            Expr::Column(column) => {
                match self.known.iter().find(|(known, _)| known.flat_name() == column.flat_name()) {
                    Some((_, text)) => Ok(Digits::Own(text.clone())),
                    None => self.fixed(expr),
                }
            }
            Expr::Cast(cast) => self.cast(expr, cast, casts),
            Expr::Negative(inner) => match self.digits(inner, Casts::Written)? {
                Digits::Own(text) => self.own("exact_subtract", vec![lit(0_i64), text]),
                Digits::Null | Digits::Fixed(..) => self.fixed(expr),
            },
            Expr::BinaryExpr(operation) => self.arithmetic(expr, operation),
            Expr::Case(case) => self.case(expr, case),
            Expr::ScalarFunction(call) if matches!(call.func.name(), "as_written" | "as_column") => {
                match call.args.first().map(|inner| self.digits(inner, casts)).transpose()? {
                    Some(own @ Digits::Own(_)) => Ok(own),
                    Some(Digits::Null | Digits::Fixed(..)) | None => self.fixed(expr),
                }
            }
            Expr::ScalarFunction(call) => self.function(expr, call),
            Expr::ScalarSubquery(subquery) => match self.subquery(subquery)? {
                Some(text) => Ok(Digits::Own(text)),
                None => self.fixed(expr),
            },
            _ => self.fixed(expr),
        }
    }

    fn fixed(&self, expr: &Expr) -> Result<Digits, DataFusionError> {
        let scale = scale_of(&expr.get_type(self.schema)?).unwrap_or_default();
        Ok(Digits::Fixed(expr.clone(), scale))
    }

    fn own(&self, name: &str, arguments: Vec<Expr>) -> Result<Digits, DataFusionError> {
        Ok(Digits::Own(self.operators.call(name, arguments)?))
    }

    fn cast(&self, expr: &Expr, cast: &Cast, casts: Casts) -> Result<Digits, DataFusionError> {
        let implicit = match casts {
            Casts::Written => false,
            Casts::Met => matches!(cast.field.data_type(), DataType::Decimal128(38, _)),
            Casts::Inputs => true,
        };
        let wanted = scale_of(cast.field.data_type());
        let from = scale_of(&cast.expr.get_type(self.schema)?);
        match (from, wanted) {
            (Some(from), Some(wanted))
                if is_decimal(cast.field.data_type()) && (from == wanted || (implicit && from < wanted)) =>
            {
                match self.digits(&cast.expr, Casts::Written)? {
                    // What is an integer stays one, what had these digits has them.
                    Digits::Fixed(_, own) if own == wanted => self.fixed(expr),
                    found => Ok(found),
                }
            }
            _ => self.fixed(expr),
        }
    }

    fn arithmetic(&self, expr: &Expr, operation: &BinaryExpr) -> Result<Digits, DataFusionError> {
        let name = match operation.op {
            Operator::Plus => "exact_add",
            Operator::Minus => "exact_subtract",
            Operator::Multiply => "exact_multiply",
            _ => return self.fixed(expr),
        };
        if !is_decimal(&expr.get_type(self.schema)?) {
            return self.fixed(expr);
        }
        match (self.digits(&operation.left, Casts::Written)?, self.digits(&operation.right, Casts::Written)?) {
            (Digits::Own(left), Digits::Own(right) | Digits::Fixed(right, _))
            | (Digits::Fixed(left, _), Digits::Own(right)) => self.own(name, vec![left, right]),
            (Digits::Null, _) | (_, Digits::Null) | (Digits::Fixed(..), Digits::Fixed(..)) => self.fixed(expr),
        }
    }

    fn case(&self, expr: &Expr, case: &Case) -> Result<Digits, DataFusionError> {
        let branches = case.when_then_expr.iter().map(|(_, then)| then.as_ref()).chain(case.else_expr.as_deref());
        let Some(mut texts) = self.branches(expr, branches)? else { return self.fixed(expr) };
        let last = if case.else_expr.is_some() { texts.pop().map(Box::new) } else { None };
        let whens = case.when_then_expr.iter().zip(texts).map(|((when, _), then)| (when.clone(), Box::new(then)));
        Ok(Digits::Own(Expr::Case(Case::new(case.expr.clone(), whens.collect(), last))))
    }

    /// The branches as texts; `None` if all have the digits of the whole.
    pub(super) fn branches<'e>(
        &self,
        whole: &Expr,
        branches: impl Iterator<Item = &'e Expr>,
    ) -> Result<Option<Vec<Expr>>, DataFusionError> {
        let whole_type = whole.get_type(self.schema)?;
        if !is_decimal(&whole_type) {
            return Ok(None);
        }
        let scale = scale_of(&whole_type);
        let found = branches.map(|branch| self.digits(branch, Casts::Met)).collect::<Result<Vec<_>, _>>()?;
        let has_all = |one: &Digits| match one {
            Digits::Null => true,
            Digits::Fixed(_, own) => Some(*own) == scale,
            Digits::Own(_) => false,
        };
        if found.iter().all(has_all) {
            return Ok(None);
        }
        found.into_iter().map(|one| self.text(one)).collect::<Result<Vec<_>, _>>().map(Some)
    }

    pub(super) fn text(&self, digits: Digits) -> Result<Expr, DataFusionError> {
        match digits {
            Digits::Null => Ok(Expr::Literal(ScalarValue::Utf8(None), None)),
            Digits::Fixed(expr, _) => self.operators.call("exact_text", vec![expr]),
            Digits::Own(text) => Ok(text),
        }
    }

    fn function(&self, expr: &Expr, call: &ScalarFunction) -> Result<Digits, DataFusionError> {
        let wanted = expr.get_type(self.schema)?;
        if !is_decimal(&wanted) {
            return self.fixed(expr);
        }
        if let Some(written) = read_openly(call, &wanted) {
            return self.own("exact_read", vec![written.clone()]);
        }
        match (call.func.name(), call.args.as_slice()) {
            ("numeric_divide" | "avg_of", [left, right]) => {
                match (self.digits(left, Casts::Written)?, self.digits(right, Casts::Written)?) {
                    (Digits::Null, _) | (_, Digits::Null) => self.fixed(expr),
                    (Digits::Fixed(left, _) | Digits::Own(left), Digits::Fixed(right, _) | Digits::Own(right)) => {
                        self.own("exact_divide", vec![left, right])
                    }
                }
            }
            ("sqrt", [one]) => self.of_one(expr, one, "exact_sqrt", true),
            ("trim_scale", [one]) => self.of_one(expr, one, "exact_trim", true),
            ("abs", [one]) => self.of_one(expr, one, "exact_abs", false),
            ("coalesce", branches) => match self.branches(expr, branches.iter())? {
                Some(texts) => Ok(Digits::Own(Expr::ScalarFunction(ScalarFunction::new_udf(call.func.clone(), texts)))),
                None => self.fixed(expr),
            },
            (name @ ("greatest" | "least"), branches) => match self.branches(expr, branches.iter())? {
                Some(texts) => self.own(if name == "least" { "exact_least" } else { "exact_greatest" }, texts),
                None => self.fixed(expr),
            },
            ("nullif", [first, _]) => match self.digits(first, Casts::Written)? {
                Digits::Own(text) => Ok(Digits::Own(unless_null(expr.clone(), text))),
                Digits::Null | Digits::Fixed(..) => self.fixed(expr),
            },
            _ => self.fixed(expr),
        }
    }

    /// The same subquery with a text for its number.
    fn subquery(&self, subquery: &Subquery) -> Result<Option<Expr>, DataFusionError> {
        let column: Vec<Column> = subquery.subquery.schema().columns().into_iter().take(1).collect();
        let Some(lifted) = Carry::new(self.operators).lift(&subquery.subquery, &column)? else { return Ok(None) };
        let texts: Vec<Expr> = lifted.shown.into_iter().flatten().collect();
        let plan = LogicalPlan::Projection(Projection::try_new(texts, Arc::new(lifted.plan))?);
        Ok(Some(Expr::ScalarSubquery(Subquery { subquery: Arc::new(plan), ..subquery.clone() })))
    }

    fn of_one(&self, expr: &Expr, one: &Expr, name: &str, always: bool) -> Result<Digits, DataFusionError> {
        match self.digits(one, Casts::Written)? {
            Digits::Own(text) => self.own(name, vec![text]),
            Digits::Fixed(one, _) if always => self.own(name, vec![one]),
            Digits::Null | Digits::Fixed(..) => self.fixed(expr),
        }
    }
}

/// The text, or NULL where the value is.
pub(super) fn unless_null(value: Expr, text: Expr) -> Expr {
    let null = Expr::Literal(ScalarValue::Utf8(None), None);
    let whens = vec![(Box::new(value.is_null()), Box::new(null))];
    Expr::Case(Case::new(None, whens, Some(Box::new(text))))
}

/// Whether an expression gives the same when it is computed in another place: over columns, and subqueries that read none
/// of them, which stay where they are.
pub(super) fn can_move(expr: &Expr) -> Result<bool, DataFusionError> {
    let mut parts = 0;
    let is_bound = expr.exists(|part| {
        parts += 1;
        let is_bound = matches!(
            part,
            Expr::Exists(_)
                | Expr::InSubquery(_)
                | Expr::SetComparison(_)
                | Expr::OuterReferenceColumn(..)
                | Expr::AggregateFunction(_)
                | Expr::WindowFunction(_)
                | Expr::Unnest(_)
        );
        let is_correlated = matches!(part, Expr::ScalarSubquery(subquery) if !subquery.outer_ref_columns.is_empty());
        Ok(is_bound || is_correlated || parts > MOST_PARTS)
    })?;
    Ok(!is_bound && !expr.is_volatile())
}
