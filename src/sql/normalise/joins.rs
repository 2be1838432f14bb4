//! Conditions of left joins in which there is a subquery, and joins in parentheses that have a name.
//!
//! The planner takes few such conditions apart in a join, and all of them in a WHERE: the right side becomes the rows of
//! itself for which the condition holds, beside each row of the left side. A join with a name becomes a query with it: the
//! planner would keep the columns of both sides that the join merges.

use std::ops::ControlFlow;

use sqlparser::ast::{
    Expr, Join, JoinConstraint, JoinOperator, Select, SelectItem, SetExpr, TableAlias, TableFactor, TableWithJoins,
    Value, Visitor, WildcardAdditionalOptions,
};

use crate::base::syntax_walk::walk;

use super::forms::has_query;
use super::shapes::{Shapes, name_of};
use super::system::{quoted, select_from};

/// Rewrites such joins of a SELECT.
pub(super) fn as_lateral(select: &mut Select) {
    select.from.iter_mut().flat_map(|from| &mut from.joins).for_each(rewrite);
}

fn rewrite(join: &mut Join) {
    let (JoinOperator::Left(JoinConstraint::On(on)) | JoinOperator::LeftOuter(JoinConstraint::On(on))) =
        &mut join.join_operator
    else {
        return;
    };
    let is_table = matches!(&join.relation, TableFactor::Table { args: None, .. } | TableFactor::Derived { .. });
    let Some(name) = name_of(&join.relation).filter(|_| is_table && has_query(on)) else { return };
    let condition = std::mem::replace(on, Expr::Value(Value::Boolean(true).into()));
    let mut subquery = select_from(vec![SelectItem::Wildcard(WildcardAdditionalOptions::default())], None);
    if let SetExpr::Select(inner) = subquery.body.as_mut() {
        let relation = join.relation.clone();
        inner.from = vec![sqlparser::ast::TableWithJoins { relation, joins: Vec::new() }];
        inner.selection = Some(condition);
    }
    let alias = TableAlias { explicit: true, name: quoted(&name), columns: Vec::new(), at: None };
    let subquery = Box::new(subquery);
    join.relation = TableFactor::Derived { lateral: true, subquery, alias: Some(alias), sample: None };
}

/// `(a JOIN b USING (k)) AS j` is `(SELECT * FROM a JOIN b USING (k)) AS j`.
pub(super) fn name_nested(factor: &mut TableFactor, shapes: &Shapes<'_>) {
    let TableFactor::NestedJoin { table_with_joins, alias: alias @ Some(_) } = factor else { return };
    // What is LATERAL may read what stands before the parentheses, and a query may not.
    if has_laterals(table_with_joins) || shapes.of_joined(table_with_joins).is_none() {
        return;
    }
    let mut subquery = select_from(vec![SelectItem::Wildcard(WildcardAdditionalOptions::default())], None);
    if let SetExpr::Select(inner) = subquery.body.as_mut() {
        inner.from = vec![table_with_joins.as_ref().clone()];
    }
    *factor = TableFactor::Derived { lateral: false, subquery: Box::new(subquery), alias: alias.take(), sample: None };
}

fn has_laterals(from: &TableWithJoins) -> bool {
    struct Laterals;
    impl Visitor for Laterals {
        type Break = ();
        fn pre_visit_table_factor(&mut self, factor: &TableFactor) -> ControlFlow<()> {
            match factor {
                TableFactor::Derived { lateral: false, .. }
                | TableFactor::NestedJoin { .. }
                | TableFactor::Table { args: None, .. } => ControlFlow::Continue(()),
                _ => ControlFlow::Break(()),
            }
        }
    }
    walk(from, &mut Laterals).is_break()
}
