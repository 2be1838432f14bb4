//! `IN`, `ANY` and `ALL` as `EXISTS`, with SQL's three values.

use datafusion::common::tree_node::{Transformed, TransformedResult, TreeNode};
use datafusion::common::{Column, Result, Spans};
use datafusion::logical_expr::expr::{Exists, InSubquery, SetComparison, SetQuantifier};
use datafusion::logical_expr::{
    Expr, ExprSchemable, Filter, LogicalPlan, Operator, Subquery, SubqueryAlias, binary_expr, lit, when,
};
use datafusion::scalar::ScalarValue;

use super::{Decorrelator, shared};

/// `x [NOT] IN (subquery)`.
pub(super) fn membership(names: &mut Decorrelator, within: InSubquery, rows: &LogicalPlan) -> Result<Expr> {
    let any = any(names, *within.expr, Operator::Eq, &within.subquery, rows)?;
    Ok(if within.negated { Expr::Not(Box::new(any)) } else { any })
}

/// `x <operator> ANY (subquery)` and `x <operator> ALL (subquery)`.
pub(super) fn comparison(names: &mut Decorrelator, comparison: SetComparison, rows: &LogicalPlan) -> Result<Expr> {
    let SetComparison { expr, subquery, op, quantifier } = comparison;
    match quantifier {
        SetQuantifier::Any => any(names, *expr, op, &subquery, rows),
        SetQuantifier::All => all(names, *expr, op, &subquery, rows),
    }
}

/// True if one row compares as true, else NULL if one compares as NULL, else false.
fn any(names: &mut Decorrelator, x: Expr, op: Operator, subquery: &Subquery, rows: &LogicalPlan) -> Result<Expr> {
    let (own, x) = (x.clone(), as_outer(x, rows)?);
    let one_true = exists(names, subquery, |value| binary_expr(x.clone(), op, value))?;
    let one_null = if is_null_by_operands(op, &own, rows)? {
        // Without `x` in the subquery it is not looked through for each `x` again.
        let any_row = exists(names, subquery, |_| lit(true))?;
        own.is_null().and(any_row).or(exists(names, subquery, Expr::is_null)?)
    } else {
        exists(names, subquery, |value| binary_expr(x.clone(), op, value).is_null())?
    };
    when(one_true, lit(true)).when(one_null, lit(ScalarValue::Boolean(None))).otherwise(lit(false))
}

/// Whether a comparison is NULL just where one of its sides is.
fn is_null_by_operands(op: Operator, x: &Expr, rows: &LogicalPlan) -> Result<bool> {
    let is_ordered =
        matches!(op, Operator::Eq | Operator::NotEq | Operator::Lt | Operator::LtEq | Operator::Gt | Operator::GtEq);
    Ok(is_ordered && !x.get_type(rows.schema())?.is_nested())
}

/// False if one row compares as false, else NULL if one compares as NULL, else true.
fn all(names: &mut Decorrelator, x: Expr, op: Operator, subquery: &Subquery, rows: &LogicalPlan) -> Result<Expr> {
    let x = as_outer(x, rows)?;
    let one_false = exists(names, subquery, |value| Expr::Not(Box::new(binary_expr(x.clone(), op, value))))?;
    let one_null = exists(names, subquery, |value| binary_expr(x.clone(), op, value).is_null())?;
    when(one_false, lit(false)).when(one_null, lit(ScalarValue::Boolean(None))).otherwise(lit(true))
}

fn exists(names: &mut Decorrelator, subquery: &Subquery, test: impl Fn(Expr) -> Expr) -> Result<Expr> {
    let alias = names.fresh("set");
    let set = SubqueryAlias::try_new(shared(subquery.subquery.as_ref().clone()), alias.as_str())?;
    let set = LogicalPlan::SubqueryAlias(set);
    let value = Expr::Column(Column::from(set.schema().qualified_field(0)));
    let plan = LogicalPlan::Filter(Filter::try_new(test(value), shared(set))?);
    let outer_ref_columns = subquery.outer_ref_columns.clone();
    let subquery = Subquery { subquery: shared(plan), outer_ref_columns, spans: Spans::new() };
    Ok(Expr::Exists(Exists { subquery, negated: false }))
}

/// An expression over the outer rows, as it reads inside a subquery. Columns that the outer rows do not have stay.
pub(super) fn as_outer(expression: Expr, rows: &LogicalPlan) -> Result<Expr> {
    expression
        .transform_up(|part| match part {
            Expr::Column(column) if rows.schema().has_column(&column) => {
                let (_, field) = rows.schema().qualified_field_from_column(&column)?;
                Ok(Transformed::yes(Expr::OuterReferenceColumn(field.clone(), column)))
            }
            other => Ok(Transformed::no(other)),
        })
        .data()
}
