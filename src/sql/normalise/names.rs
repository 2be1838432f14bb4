//! The names of output columns, as PostgreSQL derives them (`FigureColname` in its `parse_target.c`).
//!
//! Every item of a SELECT list that is no plain column gets its name as an alias. PostgreSQL allows the same name twice
//! in one list and the planner does not, so the second one bears a mark that [`shown`] takes off again.

use std::collections::HashSet;
use std::ops::ControlFlow;

use crate::base::syntax_walk::walk_mut;
use crate::catalog::system::is_system_function;
use crate::sql::words::folded;
use sqlparser::ast::{self, DataType, Expr, Ident, SelectItem, SetExpr, Value, VisitorMut};

/// Stands between a repeated name and its number. A character that cannot be seen and that no name needs.
const MARK: char = '\u{2063}';

/// The name that PostgreSQL gives to what has none.
const NAMELESS: &str = "?column?";

/// Names the columns of every SELECT of a query.
pub(super) fn assign(query: &mut ast::Query) {
    let _: ControlFlow<()> = walk_mut(query, &mut Namer);
}

/// The name as the client sees it.
pub(in crate::sql) fn shown(name: &str) -> &str {
    name.split_once(MARK).map_or(name, |(shown, _)| shown)
}

struct Namer;

impl VisitorMut for Namer {
    type Break = ();

    // After its parts: the name of a scalar subquery is that of its column.
    fn post_visit_select(&mut self, select: &mut ast::Select) -> ControlFlow<()> {
        let mut taken = HashSet::new();
        for item in &mut select.projection {
            name_item(item, &mut taken);
        }
        ControlFlow::Continue(())
    }
}

fn name_item(item: &mut SelectItem, taken: &mut HashSet<String>) {
    match item {
        SelectItem::UnnamedExpr(expr) => {
            let name = figure(expr).unwrap_or_else(|| NAMELESS.to_owned());
            let unique = unique(&name, taken);
            let is_column = match expr {
                // A call without parentheses is no column.
                Expr::Identifier(ident) => ident.quote_style.is_some() || !is_system_function(&folded(ident)),
                Expr::CompoundIdentifier(_) => true,
                _ => false,
            };
            if !is_column || unique != name {
                let expr = std::mem::replace(expr, Expr::Value(Value::Null.into()));
                *item = SelectItem::ExprWithAlias { expr, alias: Ident::with_quote('"', unique) };
            }
        }
        SelectItem::ExprWithAlias { alias, .. } => {
            let name = folded(alias);
            let unique = unique(&name, taken);
            if unique != name {
                *alias = Ident::with_quote('"', unique);
            }
        }
        SelectItem::ExprWithAliases { .. } | SelectItem::QualifiedWildcard(..) | SelectItem::Wildcard(_) => {}
    }
}

/// A name that [`shown`] takes the number off again.
pub(super) fn marked(name: &str, number: usize) -> String {
    format!("{name}{MARK}{number}")
}

pub(super) fn unique(name: &str, taken: &mut HashSet<String>) -> String {
    let mut candidate = name.to_owned();
    let mut number = 1;
    while !taken.insert(candidate.clone()) {
        number += 1;
        candidate = marked(name, number);
    }
    candidate
}

/// The name of the column that an expression without an alias makes.
pub(in crate::sql) fn figured(expr: &Expr) -> String {
    figure(expr).unwrap_or_else(|| NAMELESS.to_owned())
}

/// The name that an expression suggests, or `None`.
pub(super) fn figure(expr: &Expr) -> Option<String> {
    let fixed = |name: &str| Some(name.to_owned());
    match expr {
        Expr::Identifier(ident) => Some(folded(ident)),
        Expr::IsNormalized { negated: false, .. } => fixed("is_normalized"),
        Expr::CompoundIdentifier(parts) => parts.last().map(folded),
        Expr::Nested(inner) | Expr::Collate { expr: inner, .. } => figure(inner),
        Expr::CompoundFieldAccess { root, access_chain } => access_chain
            .iter()
            .rev()
            .find_map(|access| match access {
                ast::AccessExpr::Dot(Expr::Identifier(field)) => Some(folded(field)),
                ast::AccessExpr::Dot(_) | ast::AccessExpr::Subscript(_) => None,
            })
            .or_else(|| figure(root)),
        Expr::Cast { expr: inner, data_type, .. } => {
            let inner = if is_named(inner) { figure(inner) } else { None };
            inner.or_else(|| type_name(data_type))
        }
        Expr::TypedString(typed) => type_name(&typed.data_type),
        Expr::Interval(_) => fixed("interval"),
        Expr::Function(function) => function.name.0.last().and_then(|part| part.as_ident()).map(folded),
        Expr::Case { else_result, .. } => {
            let from_else = else_result.as_deref().filter(|expr| is_named(expr)).and_then(figure);
            from_else.or_else(|| fixed("case"))
        }
        Expr::Exists { negated: false, .. } => fixed("exists"),
        Expr::Subquery(query) => first_column(&query.body),
        Expr::Array(_) => fixed("array"),
        Expr::Tuple(_) => fixed("row"),
        Expr::Extract { .. } => fixed("extract"),
        Expr::Ceil { .. } => fixed("ceil"),
        Expr::Floor { .. } => fixed("floor"),
        Expr::BinaryOp { op: ast::BinaryOperator::Overlaps, .. } => fixed("overlaps"),
        Expr::Position { .. } => fixed("position"),
        Expr::Substring { shorthand, .. } => fixed(if *shorthand { "substr" } else { "substring" }),
        Expr::Overlay { .. } => fixed("overlay"),
        Expr::AtTimeZone { .. } => fixed("timezone"),
        Expr::Trim { trim_where, .. } => fixed(match trim_where {
            Some(ast::TrimWhereField::Leading) => "ltrim",
            Some(ast::TrimWhereField::Trailing) => "rtrim",
            Some(ast::TrimWhereField::Both) | None => "btrim",
        }),
        // Operators, predicates and literals have no name in PostgreSQL either.
        _ => None,
    }
}

/// Whether PostgreSQL takes a CASE's name from its ELSE: from a column or a call, not from a cast's type.
fn is_named(expr: &Expr) -> bool {
    match expr {
        Expr::Cast { expr, .. } | Expr::Nested(expr) => is_named(expr),
        Expr::Case { else_result, .. } => else_result.as_deref().is_some_and(is_named),
        Expr::TypedString(_) | Expr::Interval(_) | Expr::Value(_) => false,
        other => figure(other).is_some(),
    }
}

fn first_column(body: &SetExpr) -> Option<String> {
    match body {
        SetExpr::Select(select) => match select.projection.first()? {
            SelectItem::ExprWithAlias { alias, .. } => Some(shown(&folded(alias)).to_owned()),
            SelectItem::UnnamedExpr(expr) => figure(expr),
            SelectItem::ExprWithAliases { .. } | SelectItem::QualifiedWildcard(..) | SelectItem::Wildcard(_) => None,
        },
        SetExpr::Query(query) => first_column(&query.body),
        SetExpr::SetOperation { left, .. } => first_column(left),
        SetExpr::Values(_) => Some("column1".to_owned()),
        SetExpr::Insert(_) | SetExpr::Update(_) | SetExpr::Delete(_) | SetExpr::Merge(_) | SetExpr::Table(_) => None,
    }
}

/// PostgreSQL's own name of a type (`int4`, not `integer`).
fn type_name(data_type: &DataType) -> Option<String> {
    let name = match data_type {
        DataType::Regclass => "regclass",
        DataType::Boolean | DataType::Bool => "bool",
        DataType::SmallInt(_) | DataType::Int2(_) => "int2",
        DataType::Int(_) | DataType::Integer(_) | DataType::Int4(_) => "int4",
        DataType::BigInt(_) | DataType::Int8(_) => "int8",
        DataType::Real | DataType::Float4 => "float4",
        DataType::Double(_) | DataType::DoublePrecision | DataType::Float8 | DataType::Float(_) => "float8",
        DataType::Numeric(_) | DataType::Decimal(_) | DataType::Dec(_) => "numeric",
        DataType::Varchar(_) | DataType::CharVarying(_) | DataType::CharacterVarying(_) => "varchar",
        DataType::Char(_) | DataType::Character(_) => "bpchar",
        DataType::Text => "text",
        DataType::Date => "date",
        DataType::Interval { .. } => "interval",
        DataType::Uuid => "uuid",
        DataType::JSON => "json",
        DataType::JSONB => "jsonb",
        DataType::Bytea => "bytea",
        DataType::Time(_, zone) => {
            if has_zone(*zone) {
                "timetz"
            } else {
                "time"
            }
        }
        DataType::Timestamp(_, zone) => {
            if has_zone(*zone) {
                "timestamptz"
            } else {
                "timestamp"
            }
        }
        DataType::Custom(name, _) => return name.0.last().and_then(|part| part.as_ident()).map(folded),
        DataType::Array(
            ast::ArrayElemTypeDef::SquareBracket(element, _)
            | ast::ArrayElemTypeDef::AngleBracket(element)
            | ast::ArrayElemTypeDef::Parenthesis(element),
        ) => return type_name(element),
        _ => return None,
    };
    Some(name.to_owned())
}

fn has_zone(zone: ast::TimezoneInfo) -> bool {
    matches!(zone, ast::TimezoneInfo::WithTimeZone | ast::TimezoneInfo::Tz)
}

#[cfg(test)]
mod tests {
    use sqlparser::dialect::PostgreSqlDialect;
    use sqlparser::parser::Parser;

    use super::*;

    fn names(sql: &str) -> Vec<String> {
        let mut statements = Parser::parse_sql(&PostgreSqlDialect {}, sql).unwrap();
        let ast::Statement::Query(mut query) = statements.remove(0) else { panic!("{sql} is no query") };
        assign(&mut query);
        let SetExpr::Select(select) = *query.body else { panic!("{sql} is no SELECT") };
        let name = |item: &SelectItem| match item {
            SelectItem::UnnamedExpr(expr) => figure(expr).unwrap(),
            SelectItem::ExprWithAlias { alias, .. } => shown(&alias.value).to_owned(),
            other => panic!("{other}"),
        };
        select.projection.iter().map(name).collect()
    }

    // Each pair was read off PostgreSQL 15.
    #[test]
    fn names_are_postgresqls() {
        let cases = [
            ("1", "?column?"),
            ("'a'", "?column?"),
            ("true", "?column?"),
            ("3.5::float8::int", "int4"),
            ("null", "?column?"),
            ("count(*)", "count"),
            ("pg_catalog.upper('a')", "upper"),
            ("price", "price"),
            ("t.Price", "price"),
            ("price + 1", "?column?"),
            ("price::int", "price"),
            ("1::bigint", "int8"),
            ("cast('1' as numeric(10,2))", "numeric"),
            ("date '2024-01-01'", "date"),
            ("interval '1 day'", "interval"),
            ("case when true then 1 end", "case"),
            ("case when true then 1 else price end", "price"),
            ("case when true then 1 else 2::int end", "case"),
            ("coalesce(a, 1)", "coalesce"),
            ("nullif(a, 1)", "nullif"),
            ("exists (select 1)", "exists"),
            ("(select max(x) from t)", "max"),
            ("(select 1)", "?column?"),
            ("array[1, 2]", "array"),
            ("extract(year from d)", "extract"),
            ("trim(leading 'x' from a)", "ltrim"),
            ("trim(a)", "btrim"),
            ("substring(a from 1 for 2)", "substring"),
            ("position('a' in b)", "position"),
            ("a is null", "?column?"),
            ("not a", "?column?"),
            ("-price", "?column?"),
            ("d at time zone 'UTC'", "timezone"),
            ("sum(x) over (order by y)", "sum"),
        ];
        for (expression, expected) in cases {
            assert_eq!(names(&format!("SELECT {expression} FROM t")), [expected], "{expression}");
        }
    }

    #[test]
    fn a_name_may_come_twice() {
        assert_eq!(
            names("SELECT 1, 2, count(*), count(*), a AS x, b AS x, c, c FROM t").join(" "),
            "?column? ?column? count count x x c c"
        );
    }
}
