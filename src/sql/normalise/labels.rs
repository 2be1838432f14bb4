//! The names of result columns that the text does not name: what PostgreSQL calls them.
//!
//! Source: `FigureColname` in PostgreSQL 15's `parse_target.c`. The planner wants the names of one SELECT to be unique, so
//! a second column of the same name gets a mark that [`without_mark`] takes off again.

use std::collections::HashSet;
use std::ops::ControlFlow;

use sqlparser::ast::{
    AccessExpr, DataType, Expr, Function, Ident, Query, Select, SelectItem, SetExpr, TrimWhereField, Value, VisitMut,
    VisitorMut,
};

/// What no client writes in a name.
const MARK: char = '\u{1}';

/// The name as the client sees it.
#[must_use]
pub fn without_mark(name: &str) -> &str {
    name.split(MARK).next().unwrap_or_default()
}

/// Names every unnamed column of every SELECT.
pub(super) fn rewrite(query: &mut Query) {
    let _: ControlFlow<()> = query.visit(&mut Labels);
}

struct Labels;

impl VisitorMut for Labels {
    type Break = ();

    fn pre_visit_select(&mut self, select: &mut Select) -> ControlFlow<()> {
        let mut taken: HashSet<String> = select.projection.iter().filter_map(own_name).collect();
        let mut columns = HashSet::new();
        for item in &mut select.projection {
            let SelectItem::UnnamedExpr(expression) = item else { continue };
            let is_column = matches!(expression, Expr::Identifier(_) | Expr::CompoundIdentifier(_));
            if is_column && columns.insert(expression.to_string()) {
                continue;
            }
            let label = label(expression).0;
            let alias = unique(label, &mut taken);
            *item = SelectItem::ExprWithAlias { expr: expression.clone(), alias: Ident::with_quote('"', alias) };
        }
        ControlFlow::Continue(())
    }
}

fn own_name(item: &SelectItem) -> Option<String> {
    match item {
        SelectItem::ExprWithAlias { alias, .. } => Some(folded(alias)),
        SelectItem::UnnamedExpr(Expr::Identifier(name)) => Some(folded(name)),
        SelectItem::UnnamedExpr(Expr::CompoundIdentifier(parts)) => parts.last().map(folded),
        SelectItem::UnnamedExpr(_)
        | SelectItem::ExprWithAliases { .. }
        | SelectItem::QualifiedWildcard(_, _)
        | SelectItem::Wildcard(_) => None,
    }
}

fn unique(label: String, taken: &mut HashSet<String>) -> String {
    if taken.insert(label.clone()) {
        return label;
    }
    let mut number = 1;
    loop {
        let marked = format!("{label}{MARK}{number}");
        if taken.insert(marked.clone()) {
            return marked;
        }
        number += 1;
    }
}

fn folded(name: &Ident) -> String {
    if name.quote_style.is_some() { name.value.clone() } else { name.value.to_lowercase() }
}

/// How sure a name is: a cast's type names a column only where nothing better does.
type Strength = u8;

const NOTHING: Strength = 0;
const WEAK: Strength = 1;
const STRONG: Strength = 2;

fn label(expression: &Expr) -> (String, Strength) {
    let strong = |name: &str| (name.to_owned(), STRONG);
    match expression {
        Expr::Identifier(name) => (folded(name), STRONG),
        Expr::CompoundIdentifier(parts) => (parts.last().map(folded).unwrap_or_default(), STRONG),
        Expr::CompoundFieldAccess { root, access_chain } => field(root, access_chain),
        Expr::Nested(inner) | Expr::Collate { expr: inner, .. } => label(inner),
        Expr::Cast { expr, data_type, .. } => match label(expr) {
            (name, STRONG) => (name, STRONG),
            _ => (type_label(data_type), WEAK),
        },
        Expr::TypedString(typed) => (type_label(&typed.data_type), WEAK),
        Expr::Interval(_) => ("interval".to_owned(), WEAK),
        Expr::Value(value) if matches!(value.value, Value::Boolean(_)) => ("bool".to_owned(), WEAK),
        Expr::Function(function) => (function_label(function), STRONG),
        Expr::Case { else_result, .. } => match else_result.as_deref().map(label) {
            Some((name, STRONG)) => (name, STRONG),
            _ => ("case".to_owned(), WEAK),
        },
        Expr::Exists { .. } => strong("exists"),
        Expr::Array(_) => strong("array"),
        Expr::Subquery(query) => subquery_label(query),
        Expr::Extract { .. } => strong("extract"),
        Expr::Ceil { .. } => strong("ceil"),
        Expr::Floor { .. } => strong("floor"),
        Expr::Position { .. } => strong("position"),
        Expr::Substring { .. } => strong("substring"),
        Expr::Overlay { .. } => strong("overlay"),
        Expr::Trim { trim_where, .. } => strong(match trim_where {
            Some(TrimWhereField::Leading) => "ltrim",
            Some(TrimWhereField::Trailing) => "rtrim",
            Some(TrimWhereField::Both) | None => "btrim",
        }),
        Expr::AtTimeZone { .. } => strong("timezone"),
        Expr::IsNormalized { .. } => strong("is_normalized"),
        Expr::Tuple(_) => strong("row"),
        _ => ("?column?".to_owned(), NOTHING),
    }
}

fn field(root: &Expr, access_chain: &[AccessExpr]) -> (String, Strength) {
    let last = access_chain.iter().rev().find_map(|access| match access {
        AccessExpr::Dot(Expr::Identifier(name)) => Some(folded(name)),
        AccessExpr::Dot(_) | AccessExpr::Subscript(_) => None,
    });
    last.map_or_else(|| label(root), |name| (name, STRONG))
}

fn function_label(function: &Function) -> String {
    let last = function.name.0.last().and_then(|part| part.as_ident());
    last.map(folded).unwrap_or_default()
}

fn subquery_label(query: &Query) -> (String, Strength) {
    let SetExpr::Select(select) = query.body.as_ref() else { return ("?column?".to_owned(), NOTHING) };
    match select.projection.first() {
        Some(SelectItem::UnnamedExpr(expression)) => (label(expression).0, STRONG),
        Some(SelectItem::ExprWithAlias { alias, .. }) => (folded(alias), STRONG),
        _ => ("?column?".to_owned(), NOTHING),
    }
}

/// The name that `pg_type` has for a type.
fn type_label(data_type: &DataType) -> String {
    if let DataType::Custom(name, _) = data_type {
        return name.0.last().and_then(|part| part.as_ident()).map(folded).unwrap_or_default();
    }
    let text = data_type.to_string().to_lowercase();
    let bare = text.split('(').next().unwrap_or_default().trim();
    let with_zone = text.contains("with time zone") || text.contains("tz");
    match bare {
        "int" | "integer" => "int4".to_owned(),
        "bigint" => "int8".to_owned(),
        "smallint" => "int2".to_owned(),
        "real" => "float4".to_owned(),
        "double precision" | "float" | "double" => "float8".to_owned(),
        "boolean" => "bool".to_owned(),
        "decimal" | "dec" => "numeric".to_owned(),
        "character varying" | "char varying" => "varchar".to_owned(),
        "character" | "char" => "bpchar".to_owned(),
        _ if bare.starts_with("timestamp") => if with_zone { "timestamptz" } else { "timestamp" }.to_owned(),
        _ if bare.starts_with("time") => if with_zone { "timetz" } else { "time" }.to_owned(),
        _ => bare.trim_end_matches("[]").to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use sqlparser::dialect::PostgreSqlDialect;
    use sqlparser::parser::Parser;

    use super::*;

    /// The names of the columns of a SELECT without FROM, as clients see them.
    fn names(expressions: &str) -> Vec<String> {
        let text = format!("SELECT {expressions}");
        let mut query = Parser::new(&PostgreSqlDialect {}).try_with_sql(&text).unwrap().parse_query().unwrap();
        rewrite(&mut query);
        let SetExpr::Select(select) = *query.body else { return vec![] };
        let named = select.projection.iter().filter_map(own_name);
        named.map(|name| without_mark(&name).to_owned()).collect()
    }

    #[test]
    fn columns_have_postgresqls_names() {
        for (expression, expected) in [
            ("1", "?column?"),
            ("a + 1", "?column?"),
            ("NULL", "?column?"),
            ("'x'", "?column?"),
            ("count(*)", "count"),
            ("pg_catalog.Now()", "now"),
            ("t.a", "a"),
            ("(a)", "a"),
            ("a::text", "a"),
            ("'1'::int", "int4"),
            ("1::bigint", "int8"),
            ("'x'::pg_catalog.regclass", "regclass"),
            ("'2020-01-01'::timestamp with time zone", "timestamptz"),
            ("true", "bool"),
            ("CASE WHEN a THEN 1 END", "case"),
            ("CASE WHEN a THEN 1 ELSE b END", "b"),
            ("EXISTS (SELECT 1)", "exists"),
            ("(SELECT max(a) FROM t)", "max"),
            ("(SELECT 1)", "?column?"),
            ("coalesce(a, 1)", "coalesce"),
            ("extract(year FROM a)", "extract"),
            ("trim(a)", "btrim"),
            ("substring(a FROM 1)", "substring"),
            ("ARRAY[1]", "array"),
            ("a[1]", "a"),
            ("current_date", "current_date"),
            ("interval '1 day'", "interval"),
        ] {
            assert_eq!(names(expression), [expected], "{expression}");
        }
    }

    #[test]
    fn columns_of_the_same_name_are_kept_apart_inside_only() {
        assert_eq!(names("NULL, NULL, a, a, b AS a, count(*)"), ["?column?", "?column?", "a", "a", "a", "count"]);
    }
}
