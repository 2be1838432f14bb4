//! What the row description says of a column beyond its type: the digits of a numeric, and that a text is a varchar.
//!
//! PostgreSQL tells the digits of a table's column and of a cast that is written with digits, and of nothing computed.

use datafusion::arrow::datatypes::DataType as ArrowType;
use datafusion::common::{Column, ScalarValue};
use datafusion::logical_expr::expr::ScalarFunction;
use datafusion::logical_expr::utils::grouping_set_to_exprlist;
use datafusion::logical_expr::{Distinct, Expr, JoinType, LogicalPlan, TableScan};
use sqlparser::ast::{self, DataType, SelectItem, SetExpr};

use crate::base::SqlType;
use crate::catalog::{RowsLeaf, TableLeaf};

use super::types::sql_type_of;

/// The modifier of what has none.
const NONE: i32 = -1;

/// What a row description says of one column besides the type of its values.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Announced {
    /// What kind of text it is: `varchar`, `character`, `name` or `record`, or a `numeric` whose values have digits of their own;
    /// `None` for `text` and for all that is no text.
    pub text_type: Option<SqlType>,
    /// `atttypmod`; -1 for none.
    pub type_modifier: i32,
}

impl Announced {
    fn plain(type_modifier: i32) -> Self {
        Self { text_type: None, type_modifier }
    }

    /// The characters that a `character(n)` has on the wire, blanks at its end included.
    #[must_use]
    pub fn padded_length(&self) -> Option<i64> {
        (self.text_type == Some(SqlType::Character)).then(|| i64::from(self.type_modifier) - 4)
    }
}

/// One entry for each column of the plan.
pub(super) fn of(query: &ast::Query, plan: &LogicalPlan) -> Vec<Announced> {
    let count = plan.schema().fields().len();
    let written = written_casts(&query.body, count);
    let is_record = |index: usize| matches!(plan.schema().field(index).data_type(), ArrowType::Struct(_));
    let one = |(index, cast): (usize, Option<&DataType>)| match cast {
        _ if is_record(index) => Announced { text_type: Some(SqlType::Record), type_modifier: NONE },
        Some(data_type) if is_told_by_name(data_type) => of_cast(data_type),
        Some(DataType::Text) => Announced::plain(NONE),
        Some(_) | None => origin(plan, index, None),
    };
    written.into_iter().enumerate().map(one).collect()
}

/// The types of the columns that are written as casts. A star stands for columns that are no casts.
fn written_casts(body: &SetExpr, count: usize) -> Vec<Option<&DataType>> {
    let mut written = vec![None; count];
    let items = match body {
        SetExpr::Select(select) => select.projection.as_slice(),
        SetExpr::Query(query) => return written_casts(&query.body, count),
        SetExpr::SetOperation { left, right, .. } => {
            let sides = written_casts(left, count).into_iter().zip(written_casts(right, count));
            return sides.map(|(left, right)| left.filter(|_| left == right)).collect();
        }
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
        ast::Expr::TypedString(typed) => Some(&typed.data_type),
        _ => None,
    }
}

/// Casts of which nothing stays in the plan.
fn is_told_by_name(data_type: &DataType) -> bool {
    match data_type {
        DataType::Varchar(length) | DataType::CharVarying(length) | DataType::CharacterVarying(length) => {
            length.is_none()
        }
        DataType::Numeric(_) | DataType::Decimal(_) | DataType::Dec(_) => true,
        DataType::Custom(name, _) => name.to_string().eq_ignore_ascii_case("name"),
        _ => false,
    }
}

fn of_cast(data_type: &DataType) -> Announced {
    match data_type {
        DataType::Numeric(info) | DataType::Decimal(info) | DataType::Dec(info) => {
            let has_digits = !matches!(info, ast::ExactNumberInfo::None);
            let modifier =
                sql_type_of(data_type).ok().filter(|_| has_digits).map_or(NONE, |found| found.type_modifier());
            Announced::plain(modifier)
        }
        DataType::Custom(..) => Announced { text_type: Some(SqlType::Name), type_modifier: NONE },
        _ => Announced { text_type: Some(SqlType::Varchar), type_modifier: NONE },
    }
}

/// What is known of a column that comes from a table, or from a cast, as it is.
///
/// `outer` is what the columns of a lateral item may come from.
fn origin(plan: &LogicalPlan, index: usize, outer: Option<&LogicalPlan>) -> Announced {
    match plan {
        // The rows of a function are computed, those of a catalog have types that are not seen in their values.
        LogicalPlan::TableScan(scan) if TableLeaf::of(&scan.source).is_none() => of_rows(scan, index),
        LogicalPlan::TableScan(_) => {
            let field = plan.schema().fields().get(index);
            let modifier = field
                .and_then(|field| SqlType::from_arrow(field.data_type()).ok())
                .map_or(NONE, |found| found.type_modifier());
            Announced::plain(modifier)
        }
        LogicalPlan::Projection(projection) => of_expr(projection.expr.get(index), &projection.input, outer),
        LogicalPlan::Aggregate(aggregate) => match grouping_set_to_exprlist(&aggregate.group_expr) {
            Ok(groups) => of_expr(groups.get(index).copied(), &aggregate.input, outer),
            Err(_) => Announced::plain(NONE),
        },
        LogicalPlan::Filter(filter) => origin(&filter.input, index, outer),
        LogicalPlan::Sort(sort) => origin(&sort.input, index, outer),
        LogicalPlan::Limit(limit) => origin(&limit.input, index, outer),
        LogicalPlan::Repartition(repartition) => origin(&repartition.input, index, outer),
        LogicalPlan::SubqueryAlias(alias) => origin(&alias.input, index, outer),
        LogicalPlan::Subquery(subquery) => origin(&subquery.subquery, index, outer),
        LogicalPlan::Distinct(Distinct::All(input)) => origin(input, index, outer),
        LogicalPlan::Distinct(Distinct::On(on)) => of_expr(on.select_expr.get(index), &on.input, outer),
        LogicalPlan::Window(window) => {
            if index < window.input.schema().fields().len() {
                origin(&window.input, index, outer)
            } else {
                Announced::plain(NONE)
            }
        }
        LogicalPlan::Join(join) => match join.join_type {
            JoinType::RightSemi | JoinType::RightAnti | JoinType::RightMark => origin(&join.right, index, outer),
            JoinType::Inner
            | JoinType::Left
            | JoinType::Right
            | JoinType::Full
            | JoinType::LeftSemi
            | JoinType::LeftAnti
            | JoinType::LeftMark => {
                let left = join.left.schema().fields().len();
                if index < left {
                    origin(&join.left, index, outer)
                } else {
                    origin(&join.right, index - left, Some(&join.left))
                }
            }
        },
        LogicalPlan::Union(union) => all_same(union.inputs.iter().map(|input| origin(input, index, outer))),
        LogicalPlan::Values(values) => {
            let of_row = |row: &Vec<Expr>| match row.get(index) {
                Some(outside @ Expr::OuterReferenceColumn(..)) => of_expr(Some(outside), plan, outer),
                Some(_) | None => Announced::plain(NONE),
            };
            all_same(values.values.iter().map(of_row))
        }
        LogicalPlan::EmptyRelation(_)
        | LogicalPlan::Statement(_)
        | LogicalPlan::Explain(_)
        | LogicalPlan::Analyze(_)
        | LogicalPlan::Extension(_)
        | LogicalPlan::Dml(_)
        | LogicalPlan::Ddl(_)
        | LogicalPlan::Copy(_)
        | LogicalPlan::DescribeTable(_)
        | LogicalPlan::Unnest(_) => Announced::plain(NONE),
        // The later rows may not have other digits than the first.
        LogicalPlan::RecursiveQuery(query) => origin(&query.static_term, index, outer),
    }
}

fn of_rows(scan: &TableScan, index: usize) -> Announced {
    let index = scan.projection.as_ref().map_or(Some(index), |columns| columns.get(index).copied());
    let leaf = RowsLeaf::of(&scan.source);
    match index.zip(leaf).and_then(|(index, leaf)| leaf.shown_type(index)) {
        Some((text_type, modifier)) => Announced { text_type: Some(text_type.clone()), type_modifier: *modifier },
        None => Announced::plain(NONE),
    }
}

fn of_expr(expr: Option<&Expr>, input: &LogicalPlan, outer: Option<&LogicalPlan>) -> Announced {
    match (expr, outer) {
        (Some(Expr::Alias(alias)), _) => of_expr(Some(&alias.expr), input, outer),
        (Some(Expr::Column(column)), _) => of_column(column, input, outer),
        (Some(Expr::OuterReferenceColumn(_, column)), Some(outer)) => of_column(column, outer, None),
        (Some(Expr::Case(case)), _) => {
            let Some(last) = &case.else_expr else { return Announced::plain(NONE) };
            of_branches(case.when_then_expr.iter().map(|(_, then)| then).chain([last]).map(Box::as_ref), input, outer)
        }
        (Some(Expr::ScalarFunction(call)), _) => match call.func.name() {
            "coalesce" | "greatest" | "least" => of_branches(call.args.iter(), input, outer),
            "nullif" | "as_column" => of_expr(call.args.first(), input, outer),
            _ => of_call(call),
        },
        (Some(_) | None, _) => Announced::plain(NONE),
    }
}

/// What all say that one value may be taken from (`exprTypmod`).
fn of_branches<'a>(
    branches: impl Iterator<Item = &'a Expr>,
    input: &LogicalPlan,
    outer: Option<&LogicalPlan>,
) -> Announced {
    all_same(branches.map(|branch| of_expr(Some(branch), input, outer)))
}

fn all_same(mut all: impl Iterator<Item = Announced>) -> Announced {
    let first = all.next().unwrap_or(Announced::plain(NONE));
    if all.all(|other| other == first) { first } else { Announced::plain(NONE) }
}

/// The calls that casts become.
fn of_call(call: &ScalarFunction) -> Announced {
    let count = call.args.get(1).and_then(|argument| match argument {
        Expr::Literal(value, _) => match value.cast_to(&ArrowType::Int32) {
            Ok(ScalarValue::Int32(count)) => count,
            Ok(_) | Err(_) => None,
        },
        _ => None,
    });
    let length = count.map_or(NONE, |count| count.saturating_add(4));
    match call.func.name() {
        "as_varchar" => Announced { text_type: Some(SqlType::Varchar), type_modifier: length },
        "as_character" => Announced { text_type: Some(SqlType::Character), type_modifier: length },
        "as_name" | "current_user" | "session_user" | "current_role" | "user" | "current_schema"
        | "current_catalog" | "current_database" => Announced { text_type: Some(SqlType::Name), type_modifier: NONE },
        // An interval's modifier also says which fields it has.
        "round_time" if !matches!(call.args.first(), Some(Expr::ScalarFunction(_))) => match call.args.first() {
            Some(first) if is_interval(first) => Announced::plain(count.map_or(NONE, |digits| (0x7fff << 16) | digits)),
            Some(_) | None => Announced::plain(count.unwrap_or(NONE)),
        },
        _ => Announced::plain(NONE),
    }
}

fn is_interval(expr: &Expr) -> bool {
    match expr {
        Expr::Literal(value, _) => matches!(value.data_type(), ArrowType::Interval(_)),
        Expr::Cast(cast) => matches!(cast.field.data_type(), ArrowType::Interval(_)),
        _ => false,
    }
}

fn of_column(column: &Column, input: &LogicalPlan, outer: Option<&LogicalPlan>) -> Announced {
    let index = input.schema().maybe_index_of_column(column);
    index.map_or(Announced::plain(NONE), |index| origin(input, index, outer))
}
