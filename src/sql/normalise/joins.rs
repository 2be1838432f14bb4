//! Conditions of left joins in which there is a subquery.
//!
//! The planner takes few of them apart in a join, and all of them in a WHERE: the right side becomes the rows of itself for
//! which the condition holds, beside each row of the left side.

use sqlparser::ast::{
    Expr, Join, JoinConstraint, JoinOperator, Select, SelectItem, SetExpr, TableAlias, TableFactor, Value,
    WildcardAdditionalOptions,
};

use super::forms::has_query;
use super::shapes::name_of;
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
