//! Conditions one after the other: what stands before guards what comes after.
//!
//! `x <> 0 AND 24 / x > 2` fails for no row in PostgreSQL, nor does `CASE WHEN x <> 0 THEN 24 / x > 2 ELSE false END`, of which
//! the library makes such an AND. It works both sides out for all rows, unless one side decides for nearly all of them
//! (DataFusion 55.2). So what may fail is worked out for the rows only that what cannot fail, or stands before it, leaves
//! undecided: by filters above one another, and elsewhere by CASE, which the library does evaluate so.

use std::sync::Arc;

use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::common::{DFSchema, Result};
use datafusion::logical_expr::expr_rewriter::NamePreserver;
use datafusion::logical_expr::utils::{conjunction, disjunction, merge_schema, split_conjunction_owned};
use datafusion::logical_expr::{BinaryExpr, Case, Expr, ExprSchemable, Filter, LogicalPlan, Operator, lit};

use crate::emit::cannot_fail;

/// The optimised plan, whose conditions are worked out as far as they are needed.
pub(super) fn order(plan: LogicalPlan) -> Result<LogicalPlan> {
    plan.transform_up_with_subqueries(|node| match node {
        LogicalPlan::Filter(filter) => stacked(filter),
        LogicalPlan::Join(mut join) if join.filter.is_some() => {
            let schema = join.left.schema().join(join.right.schema())?;
            let order = Order { schema: &schema };
            let done =
                join.filter.take().map_or_else(|| Ok(Transformed::no(lit(true))), |filter| order.condition(filter))?;
            join.filter = Some(done.data);
            Ok(Transformed::new_transformed(LogicalPlan::Join(join), done.transformed))
        }
        // What a scan is asked for is its store's affair.
        node @ LogicalPlan::TableScan(_) => Ok(Transformed::no(node)),
        node => values(node),
    })
    .map(|ordered| ordered.data)
}

fn values(node: LogicalPlan) -> Result<Transformed<LogicalPlan>> {
    let schema = merge_schema(&node.inputs());
    let names = NamePreserver::new(&node);
    let order = Order { schema: &schema };
    node.map_expressions(|expr| {
        let name = names.save(&expr);
        let done = order.value(expr)?;
        Ok(if done.transformed { done.update_data(|expr| name.restore(expr)) } else { done })
    })
}

/// A filter of what cannot fail, and above it one for each condition that can.
fn stacked(filter: Filter) -> Result<Transformed<LogicalPlan>> {
    let schema = Arc::clone(filter.input.schema());
    let order = Order { schema: &schema };
    let mut changed = false;
    let (mut safe, mut others) = (Vec::new(), Vec::new());
    for part in split_conjunction_owned(filter.predicate) {
        let done = order.condition(part)?;
        changed |= done.transformed;
        let side = if cannot_fail(&done.data, &schema) { &mut safe } else { &mut others };
        side.push(done.data);
    }
    changed |= !others.is_empty() && safe.len() + others.len() > 1;
    let mut steps = conjunction(safe).into_iter().chain(others);
    let plan = steps.try_fold(filter.input, |input, predicate| {
        Filter::try_new(predicate, input).map(|filter| Arc::new(LogicalPlan::Filter(filter)))
    })?;
    Ok(Transformed::new_transformed(Arc::unwrap_or_clone(plan), changed))
}

type Rewritten = Result<Transformed<Expr>>;

/// The expressions of one node.
struct Order<'a> {
    schema: &'a DFSchema,
}

impl Order<'_> {
    /// An expression that counts as false where it is NULL.
    fn condition(&self, expr: Expr) -> Rewritten {
        let Some((operator, parts)) = self.parts(&expr) else {
            return match expr {
                Expr::BinaryExpr(BinaryExpr { op: Operator::And | Operator::Or, .. }) => {
                    expr.map_children(|side| self.condition(side))
                }
                other => self.value(other),
            };
        };
        let mut steps = Vec::with_capacity(parts.len());
        for part in parts {
            steps.push(self.condition(part)?.data);
        }
        let last = steps.pop().unwrap_or_default();
        let lazily = steps.into_iter().rev().fold(last, |rest, step| match operator {
            Operator::And => choice(step, rest, lit(false)),
            _ => choice(step, lit(true), rest),
        });
        Ok(Transformed::yes(lazily))
    }

    /// An expression whose NULL is one.
    fn value(&self, expr: Expr) -> Rewritten {
        let Some((operator, parts)) = self.parts(&expr) else { return self.within(expr) };
        let mut steps = Vec::with_capacity(parts.len());
        for part in parts {
            steps.push(self.value(part)?);
        }
        let last = steps.pop().map(|step| step.data).unwrap_or_default();
        let lazily = steps.into_iter().rev().try_fold(last, |rest, step| self.then(operator, step, rest))?;
        Ok(Transformed::yes(lazily))
    }

    fn then(&self, operator: Operator, step: Transformed<Expr>, rest: Expr) -> Result<Expr> {
        let (changed, step) = (step.transformed, step.data);
        let both = |step: Expr, rest| Expr::BinaryExpr(BinaryExpr::new(Box::new(step), operator, Box::new(rest)));
        if !step.nullable(self.schema)? {
            return Ok(match operator {
                Operator::And => choice(step, rest, lit(false)),
                _ => choice(step, lit(true), rest),
            });
        }
        // It stands twice in what follows, and what is in it that stands twice would stand there four times.
        if changed || step.is_volatile() {
            return Ok(both(step, rest));
        }
        let decides = match operator {
            Operator::And => step.clone().is_false(),
            _ => step.clone(),
        };
        Ok(choice(decides, lit(operator != Operator::And), both(step, rest)))
    }

    fn within(&self, expr: Expr) -> Rewritten {
        match expr {
            Expr::Case(case) if case.expr.is_none() => {
                let mut changed = false;
                let mut when_then_expr = Vec::with_capacity(case.when_then_expr.len());
                for (when, then) in case.when_then_expr {
                    let (when, then) = (self.condition(*when)?, self.value(*then)?);
                    changed |= when.transformed || then.transformed;
                    when_then_expr.push((Box::new(when.data), Box::new(then.data)));
                }
                let otherwise = case.else_expr.map(|otherwise| self.value(*otherwise)).transpose()?;
                changed |= otherwise.as_ref().is_some_and(|otherwise| otherwise.transformed);
                let else_expr = otherwise.map(|otherwise| Box::new(otherwise.data));
                Ok(Transformed::new_transformed(Expr::Case(Case { expr: None, when_then_expr, else_expr }), changed))
            }
            other => other.map_children(|child| self.value(child)),
        }
    }

    /// The conditions that AND or OR connects: those that cannot fail in one, then those that can; `None` where there is
    /// nothing to guard.
    fn parts(&self, expr: &Expr) -> Option<(Operator, Vec<Expr>)> {
        let Expr::BinaryExpr(BinaryExpr { op: operator @ (Operator::And | Operator::Or), .. }) = expr else {
            return None;
        };
        let mut all = Vec::new();
        flatten(expr, *operator, &mut all);
        let (safe, mut parts): (Vec<Expr>, Vec<Expr>) =
            all.into_iter().partition(|part| cannot_fail(part, self.schema));
        if parts.is_empty() {
            return None;
        }
        let safe = if *operator == Operator::And { conjunction(safe) } else { disjunction(safe) };
        parts.splice(0..0, safe);
        (parts.len() > 1).then_some((*operator, parts))
    }
}

fn flatten(expr: &Expr, operator: Operator, into: &mut Vec<Expr>) {
    match expr {
        Expr::BinaryExpr(BinaryExpr { left, op, right }) if *op == operator => {
            flatten(left, operator, into);
            flatten(right, operator, into);
        }
        other => into.push(other.clone()),
    }
}

fn choice(when: Expr, then: Expr, otherwise: Expr) -> Expr {
    Expr::Case(Case {
        expr: None,
        when_then_expr: vec![(Box::new(when), Box::new(then))],
        else_expr: Some(Box::new(otherwise)),
    })
}
