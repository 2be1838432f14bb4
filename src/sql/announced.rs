//! What the row description says of a column beyond its type: the digits of a numeric, and that a text is a varchar.
//!
//! PostgreSQL tells the digits of a table's column and of a cast that is written with digits, and of nothing computed.

use datafusion::common::Column;
use datafusion::logical_expr::utils::grouping_set_to_exprlist;
use datafusion::logical_expr::{Distinct, Expr, JoinType, LogicalPlan};
use sqlparser::ast::{self, CharacterLength, DataType, SelectItem, SetExpr};

use crate::base::SqlType;

use super::types::sql_type_of;

/// The modifier of what has none.
const NONE: i32 = -1;

/// What a row description says of one column besides the type of its values.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Announced {
    /// The text is a `character varying`.
    pub is_varchar: bool,
    /// `atttypmod`; -1 for none.
    pub type_modifier: i32,
}

/// One entry for each column of the plan.
pub(super) fn of(query: &ast::Query, plan: &LogicalPlan) -> Vec<Announced> {
    let count = plan.schema().fields().len();
    let written = written_casts(&query.body, count);
    let one = |(index, cast): (usize, Option<&DataType>)| match cast {
        Some(data_type) => of_cast(data_type),
        None => Announced { is_varchar: false, type_modifier: modifier(plan, index) },
    };
    written.into_iter().enumerate().map(one).collect()
}

/// The types of the columns that are written as casts. A star stands for columns that are no casts.
fn written_casts(body: &SetExpr, count: usize) -> Vec<Option<&DataType>> {
    let mut written = vec![None; count];
    let items = match body {
        SetExpr::Select(select) => select.projection.as_slice(),
        SetExpr::Query(query) => return written_casts(&query.body, count),
        _ => return written,
    };
    let is_star = |item: &&SelectItem| matches!(item, SelectItem::QualifiedWildcard(..) | SelectItem::Wildcard(_));
    let before = items.iter().take_while(|item| !is_star(item)).count();
    for (slot, item) in written.iter_mut().zip(items.iter().take(before)) {
        *slot = cast_of(item);
    }
    if before < items.len() {
        let after = items.iter().rev().take_while(|item| !is_star(item));
        for (slot, item) in written.iter_mut().rev().zip(after) {
            *slot = cast_of(item);
        }
    }
    written
}

fn cast_of(item: &SelectItem) -> Option<&DataType> {
    let mut expr = match item {
        SelectItem::UnnamedExpr(expr) | SelectItem::ExprWithAlias { expr, .. } => expr,
        SelectItem::ExprWithAliases { .. } | SelectItem::QualifiedWildcard(..) | SelectItem::Wildcard(_) => {
            return None;
        }
    };
    while let ast::Expr::Nested(inner) = expr {
        expr = inner;
    }
    match expr {
        ast::Expr::Cast { data_type, .. } => Some(data_type),
        _ => None,
    }
}

fn of_cast(data_type: &DataType) -> Announced {
    match data_type {
        DataType::Varchar(length) | DataType::CharVarying(length) | DataType::CharacterVarying(length) => {
            let modifier = match length {
                Some(CharacterLength::IntegerLength { length, .. }) => i32::try_from(*length).map_or(NONE, |n| n + 4),
                Some(CharacterLength::Max) | None => NONE,
            };
            Announced { is_varchar: true, type_modifier: modifier }
        }
        DataType::Numeric(info) | DataType::Decimal(info) | DataType::Dec(info) => {
            let has_digits = !matches!(info, ast::ExactNumberInfo::None);
            let modifier =
                sql_type_of(data_type).ok().filter(|_| has_digits).map_or(NONE, |found| found.type_modifier());
            Announced { is_varchar: false, type_modifier: modifier }
        }
        _ => Announced { is_varchar: false, type_modifier: NONE },
    }
}

/// The modifier of a column that comes from a table as it is.
fn modifier(plan: &LogicalPlan, index: usize) -> i32 {
    match plan {
        LogicalPlan::TableScan(_) => {
            let field = plan.schema().fields().get(index);
            field
                .and_then(|field| SqlType::from_arrow(field.data_type()).ok())
                .map_or(NONE, |found| found.type_modifier())
        }
        LogicalPlan::Projection(projection) => of_expr(projection.expr.get(index), &projection.input),
        LogicalPlan::Aggregate(aggregate) => match grouping_set_to_exprlist(&aggregate.group_expr) {
            Ok(groups) => of_expr(groups.get(index).copied(), &aggregate.input),
            Err(_) => NONE,
        },
        LogicalPlan::Filter(filter) => modifier(&filter.input, index),
        LogicalPlan::Sort(sort) => modifier(&sort.input, index),
        LogicalPlan::Limit(limit) => modifier(&limit.input, index),
        LogicalPlan::Repartition(repartition) => modifier(&repartition.input, index),
        LogicalPlan::SubqueryAlias(alias) => modifier(&alias.input, index),
        LogicalPlan::Subquery(subquery) => modifier(&subquery.subquery, index),
        LogicalPlan::Distinct(Distinct::All(input)) => modifier(input, index),
        LogicalPlan::Distinct(Distinct::On(on)) => of_expr(on.select_expr.get(index), &on.input),
        LogicalPlan::Window(window) => {
            if index < window.input.schema().fields().len() {
                modifier(&window.input, index)
            } else {
                NONE
            }
        }
        LogicalPlan::Join(join) => match join.join_type {
            JoinType::RightSemi | JoinType::RightAnti | JoinType::RightMark => modifier(&join.right, index),
            JoinType::Inner
            | JoinType::Left
            | JoinType::Right
            | JoinType::Full
            | JoinType::LeftSemi
            | JoinType::LeftAnti
            | JoinType::LeftMark => {
                let left = join.left.schema().fields().len();
                if index < left { modifier(&join.left, index) } else { modifier(&join.right, index - left) }
            }
        },
        LogicalPlan::Union(union) => {
            let mut all = union.inputs.iter().map(|input| modifier(input, index));
            let first = all.next().unwrap_or(NONE);
            if all.all(|other| other == first) { first } else { NONE }
        }
        LogicalPlan::EmptyRelation(_)
        | LogicalPlan::Statement(_)
        | LogicalPlan::Values(_)
        | LogicalPlan::Explain(_)
        | LogicalPlan::Analyze(_)
        | LogicalPlan::Extension(_)
        | LogicalPlan::Dml(_)
        | LogicalPlan::Ddl(_)
        | LogicalPlan::Copy(_)
        | LogicalPlan::DescribeTable(_)
        | LogicalPlan::Unnest(_)
        | LogicalPlan::RecursiveQuery(_) => NONE,
    }
}

fn of_expr(expr: Option<&Expr>, input: &LogicalPlan) -> i32 {
    match expr {
        Some(Expr::Alias(alias)) => of_expr(Some(&alias.expr), input),
        Some(Expr::Column(column)) => of_column(column, input),
        Some(_) | None => NONE,
    }
}

fn of_column(column: &Column, input: &LogicalPlan) -> i32 {
    input.schema().maybe_index_of_column(column).map_or(NONE, |index| modifier(input, index))
}
