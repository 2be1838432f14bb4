//! What the row description says of a column beyond its type: the digits of a numeric, and which type a text has, such
//! as varchar or regtype.
//!
//! PostgreSQL tells the digits of a table's column and of a cast that is written with digits, and of nothing computed.

use datafusion::arrow::datatypes::DataType as ArrowType;
use datafusion::common::{Column, ScalarValue};
use datafusion::logical_expr::expr::ScalarFunction;
use datafusion::logical_expr::utils::grouping_set_to_exprlist;
use datafusion::logical_expr::{Distinct, Expr, JoinType, LogicalPlan, TableScan};
use sqlparser::ast::{self, ArrayElemTypeDef, DataType, SelectItem, SetExpr};

use crate::base::{SqlType, TextType};
use crate::catalog::{Relation, RowsLeaf};

use super::normalise::MODIFIER;
use super::record_types::has_records;
use super::set_operations::is_set_operation;
use super::type_of::type_of;
use super::types::sql_type_of;

/// The modifier of what has none.
const NONE: i32 = -1;

/// What a row description says of one column besides the type of its values.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Announced {
    /// What a text is besides `text`: one of [`TextType`], an array of one, or a `numeric` whose values have digits of
    /// their own; and a record, whose columns may be such texts. `None` for `text` and for all else.
    pub text_type: Option<SqlType>,
    /// `atttypmod`; -1 for none.
    pub type_modifier: i32,
}

impl Announced {
    fn plain(type_modifier: i32) -> Self {
        Self { text_type: None, type_modifier }
    }

    fn text(kind: TextType, type_modifier: i32) -> Self {
        Self { text_type: Some(SqlType::TextLike(kind)), type_modifier }
    }

    /// A `character(n)` without its length is a text: only the length tells its blanks.
    fn without_modifier(self) -> Self {
        if self.is(TextType::Character) { Self::plain(NONE) } else { Self { type_modifier: NONE, ..self } }
    }

    /// Whether the column is announced as that type.
    #[must_use]
    pub fn is(&self, kind: TextType) -> bool {
        self.text_type == Some(SqlType::TextLike(kind))
    }

    /// The characters that a `character(n)` has on the wire, blanks at its end included.
    #[must_use]
    pub fn padded_length(&self) -> Option<i64> {
        self.is(TextType::Character).then(|| i64::from(self.type_modifier) - 4)
    }
}

/// One entry for each column of the plan.
pub(super) fn of(query: &ast::Query, plan: &LogicalPlan) -> Vec<Announced> {
    let count = plan.schema().fields().len();
    let written = written_casts(&query.body, count);
    let one = |(index, cast): (usize, Option<&DataType>)| match cast {
        _ if has_records(plan.schema().field(index).data_type()) => of_records(plan, index),
        Some(data_type) if is_told_by_name(data_type) => of_cast(data_type),
        Some(DataType::Text) => Announced::plain(NONE),
        Some(_) | None => origin(plan, index, None),
    };
    written.into_iter().enumerate().map(one).collect()
}

/// Records, or arrays of them, with the types of their columns.
fn of_records(plan: &LogicalPlan, index: usize) -> Announced {
    let kept = SqlType::from_arrow(plan.schema().field(index).data_type()).ok();
    let text_type = match (origin(plan, index, None).text_type, kept) {
        (Some(found), Some(kept)) => Some(refined(found, kept)),
        (_, kept) => kept,
    };
    Announced { text_type, type_modifier: NONE }
}

/// The type that values are kept as, with what was found of the texts in it.
fn refined(found: SqlType, kept: SqlType) -> SqlType {
    match (found, kept) {
        (SqlType::Record(found), SqlType::Record(kept)) if found.len() == kept.len() => {
            SqlType::Record(found.into_iter().zip(kept).map(|(found, kept)| refined(found, kept)).collect())
        }
        (SqlType::Array(found), SqlType::Array(kept)) => SqlType::Array(Box::new(refined(*found, *kept))),
        (found @ SqlType::TextLike(_), SqlType::Text) => found,
        (_, kept) => kept,
    }
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
        DataType::Array(_) => element_of(data_type).is_some(),
        _ => false,
    }
}

/// The text type of the elements of an array.
fn element_of(data_type: &DataType) -> Option<SqlType> {
    let DataType::Array(ArrayElemTypeDef::SquareBracket(element, _) | ArrayElemTypeDef::AngleBracket(element)) =
        data_type
    else {
        return None;
    };
    match element.as_ref() {
        nested @ DataType::Array(_) => element_of(nested),
        DataType::Custom(name, _) if name.to_string() == "\"char\"" => Some(SqlType::TextLike(TextType::QuotedChar)),
        scalar => of_cast(scalar).text_type.filter(|_| is_told_by_name(scalar)),
    }
}

fn of_cast(data_type: &DataType) -> Announced {
    match data_type {
        DataType::Array(_) => {
            let array = element_of(data_type).map(|element| SqlType::Array(Box::new(element)));
            Announced { text_type: array, type_modifier: NONE }
        }
        DataType::Numeric(info) | DataType::Decimal(info) | DataType::Dec(info) => {
            let has_digits = !matches!(info, ast::ExactNumberInfo::None);
            let modifier =
                sql_type_of(data_type).ok().filter(|_| has_digits).map_or(NONE, |found| found.type_modifier());
            Announced::plain(modifier)
        }
        DataType::Custom(..) => Announced::text(TextType::Name, NONE),
        _ => Announced::text(TextType::Varchar, NONE),
    }
}

/// What is known of a column that comes from a table, or from a cast, as it is.
///
/// `outer` is what the columns of a lateral item may come from.
fn origin(plan: &LogicalPlan, index: usize, outer: Option<&LogicalPlan>) -> Announced {
    match plan {
        // The rows of a function are computed, those of a catalog have types that are not seen in their values.
        LogicalPlan::TableScan(scan) if Relation::name_of(&scan.source).is_none() => of_rows(scan, index),
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
        LogicalPlan::Join(join) if is_set_operation(join) => {
            all_same([&join.left, &join.right].into_iter().map(|side| origin(side, index, outer)))
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
        LogicalPlan::Values(values) => of_cells(values.values.iter().map(|row| row.get(index)), plan, outer),
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

/// What the cells of a column of VALUES say. A constant without type has that of the others.
fn of_cells<'a>(
    cells: impl Iterator<Item = Option<&'a Expr>>,
    values: &LogicalPlan,
    outer: Option<&LogicalPlan>,
) -> Announced {
    let is_open =
        |cell: &Option<&Expr>| matches!(cell, Some(Expr::Literal(ScalarValue::Utf8(_) | ScalarValue::Null, _)));
    let (open, typed): (Vec<_>, Vec<_>) = cells.partition(is_open);
    let found = all_same(typed.into_iter().map(|cell| of_expr(cell, values, outer)));
    if open.is_empty() { found } else { found.without_modifier() }
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
        (Some(Expr::ScalarSubquery(query)), _) => origin(&query.subquery, 0, Some(input)),
        (Some(Expr::Case(case)), _) => {
            let thens = case.when_then_expr.iter().map(|(_, then)| then.as_ref());
            match &case.else_expr {
                Some(last) => of_branches(thens.chain([last.as_ref()]), input, outer),
                // NULL is the last branch.
                None => of_branches(thens, input, outer).without_modifier(),
            }
        }
        (Some(Expr::ScalarFunction(call)), _) => match call.func.name() {
            "coalesce" | "greatest" | "least" => of_branches(call.args.iter(), input, outer),
            "nullif" | "as_column" | "record_as" => of_expr(call.args.first(), input, outer),
            "row_value" => of_row(call, input, outer),
            "make_array" => {
                let element = of_branches(call.args.iter(), input, outer).text_type;
                Announced { text_type: element.map(|element| SqlType::Array(Box::new(element))), type_modifier: NONE }
            }
            _ => of_call(call),
        },
        (Some(_) | None, _) => Announced::plain(NONE),
    }
}

/// A record: the names and the values of its columns take turns.
fn of_row(call: &ScalarFunction, input: &LogicalPlan, outer: Option<&LogicalPlan>) -> Announced {
    let values = call.args.chunks_exact(2).map(|pair| &pair[1]);
    let columns: Option<Vec<SqlType>> = values.map(|value| type_in_row(value, input, outer)).collect();
    Announced { text_type: columns.map(SqlType::Record), type_modifier: NONE }
}

/// A constant that nothing gave a type to stays without one in a row.
fn type_in_row(value: &Expr, input: &LogicalPlan, outer: Option<&LogicalPlan>) -> Option<SqlType> {
    if matches!(value, Expr::Literal(ScalarValue::Utf8(_) | ScalarValue::Null, _)) {
        return Some(SqlType::TextLike(TextType::Unknown));
    }
    let kept = || SqlType::from_arrow(&type_of(value, input.schema()).ok()?).ok();
    of_expr(Some(value), input, outer).text_type.or_else(kept)
}

/// What all say that one value may be taken from (`exprTypmod`).
fn of_branches<'a>(
    branches: impl Iterator<Item = &'a Expr>,
    input: &LogicalPlan,
    outer: Option<&LogicalPlan>,
) -> Announced {
    of_cells(branches.map(Some), input, outer)
}

/// What all say; of one type with several modifiers the type alone.
fn all_same(mut all: impl Iterator<Item = Announced>) -> Announced {
    let Some(first) = all.next() else { return Announced::plain(NONE) };
    all.fold(first, |common, other| match common {
        common if common == other => common,
        common if common.text_type == other.text_type => common.without_modifier(),
        _ => Announced::plain(NONE),
    })
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
        "as_written" => Announced::plain(marked_modifier(call).unwrap_or(NONE)),
        name @ ("as_varchar" | "as_character") => Announced { text_type: told_by_call(name), type_modifier: length },
        // An interval's modifier also says which fields it has.
        "round_time" if !matches!(call.args.first(), Some(Expr::ScalarFunction(_))) => match call.args.first() {
            Some(first) if is_interval(first) => Announced::plain(count.map_or(NONE, |digits| (0x7fff << 16) | digits)),
            Some(_) | None => Announced::plain(count.unwrap_or(NONE)),
        },
        name => Announced { text_type: told_by_call(name), type_modifier: NONE },
    }
}

/// The modifier that the mark of a cast tells.
fn marked_modifier(call: &ScalarFunction) -> Option<i32> {
    match call.args.get(1)? {
        Expr::Literal(ScalarValue::Utf8(Some(mark)), _) => mark.strip_prefix(MODIFIER)?.parse().ok(),
        _ => None,
    }
}

/// The type that calls of a function have in PostgreSQL, where it is text here.
pub(super) fn told_by_call(name: &str) -> Option<SqlType> {
    let kind = match name {
        "as_varchar" | "as_open_varchar" => TextType::Varchar,
        "as_character" => TextType::Character,
        "as_name" | "current_user" | "session_user" | "current_role" | "user" | "current_schema"
        | "current_catalog" | "current_database" => TextType::Name,
        "as_quoted_char" => TextType::QuotedChar,
        "as_regtype" | "pg_typeof" | "regtype_out" => TextType::Regtype,
        "as_jsonpath" => TextType::Jsonpath,
        "current_schemas" => return Some(SqlType::Array(Box::new(SqlType::TextLike(TextType::Name)))),
        _ => return None,
    };
    Some(SqlType::TextLike(kind))
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
