//! The names of output columns, as PostgreSQL makes them up.

use std::collections::HashSet;

use sqlparser::ast::{DataType, Expr, Function, Ident, ObjectName, Query, Select, SelectItem, SetExpr, TrimWhereField};

/// Divides a name from the number that tells it from an equal one. No identifier of a client holds it.
const SEPARATOR: char = '\u{1}';

/// The name that the client sees.
#[must_use]
pub(crate) fn visible(name: &str) -> &str {
    name.split(SEPARATOR).next().unwrap_or(name)
}

/// Gives every item a name, and equal names a number.
pub(super) fn name_items(select: &mut Select) {
    let mut seen = HashSet::new();
    let mut columns = HashSet::new();
    for item in &mut select.projection {
        match item {
            SelectItem::UnnamedExpr(expr) => {
                // A column keeps its qualifier, which tells equal names apart, unless it stands there twice.
                if is_column(expr) && columns.insert(expr.to_string()) && !seen.contains(&column_name(expr)) {
                    seen.insert(column_name(expr));
                    continue;
                }
                let name = unique(name_of(expr).unwrap_or_else(|| "?column?".to_owned()), &mut seen);
                let expr = std::mem::replace(expr, Expr::Value(sqlparser::ast::Value::Null.into()));
                *item = SelectItem::ExprWithAlias { expr, alias: Ident::with_quote('"', name) };
            }
            SelectItem::ExprWithAlias { alias, .. } => {
                let name = normal(alias);
                let unique = unique(name.clone(), &mut seen);
                if unique != name {
                    *alias = Ident { value: unique, quote_style: Some('"'), span: alias.span };
                }
            }
            SelectItem::ExprWithAliases { .. } | SelectItem::QualifiedWildcard(_, _) | SelectItem::Wildcard(_) => {}
        }
    }
}

fn is_column(expr: &Expr) -> bool {
    matches!(expr, Expr::Identifier(_) | Expr::CompoundIdentifier(_))
}

fn column_name(expr: &Expr) -> String {
    name_of(expr).unwrap_or_default()
}

fn unique(name: String, seen: &mut HashSet<String>) -> String {
    if seen.insert(name.clone()) {
        return name;
    }
    let mut number = 2;
    loop {
        let next = format!("{name}{SEPARATOR}{number}");
        if seen.insert(next.clone()) {
            return next;
        }
        number += 1;
    }
}

fn normal(ident: &Ident) -> String {
    if ident.quote_style.is_some() { ident.value.clone() } else { ident.value.to_lowercase() }
}

fn last(name: &ObjectName) -> Option<String> {
    name.0.last().and_then(|part| part.as_ident()).map(normal)
}

/// The name that an expression gives its column; none is `?column?`.
fn name_of(expr: &Expr) -> Option<String> {
    let fixed = |name: &str| Some(name.to_owned());
    match expr {
        Expr::Identifier(ident) => Some(normal(ident)),
        Expr::CompoundIdentifier(parts) => parts.last().map(normal),
        Expr::Function(function) => function_name(function),
        Expr::Cast { expr, data_type, .. } => name_of(expr).or_else(|| type_name(data_type)),
        Expr::TypedString(typed) => type_name(&typed.data_type),
        Expr::Interval(_) => fixed("interval"),
        Expr::Nested(inner) => name_of(inner),
        Expr::Collate { expr, .. } => name_of(expr),
        Expr::CompoundFieldAccess { root, .. } => name_of(root),
        Expr::Case { else_result, .. } => {
            else_result.as_ref().and_then(|result| name_of(result)).or_else(|| fixed("case"))
        }
        Expr::Extract { .. } => fixed("extract"),
        Expr::Position { .. } => fixed("position"),
        Expr::Substring { .. } => fixed("substring"),
        Expr::Overlay { .. } => fixed("overlay"),
        Expr::Ceil { .. } => fixed("ceil"),
        Expr::Floor { .. } => fixed("floor"),
        Expr::AtTimeZone { .. } => fixed("timezone"),
        Expr::Exists { .. } => fixed("exists"),
        Expr::Array(_) => fixed("array"),
        Expr::Tuple(_) => fixed("row"),
        Expr::Value(value) if matches!(value.value, sqlparser::ast::Value::Boolean(_)) => fixed("bool"),
        Expr::Trim { trim_where, .. } => fixed(match trim_where {
            Some(TrimWhereField::Leading) => "ltrim",
            Some(TrimWhereField::Trailing) => "rtrim",
            Some(TrimWhereField::Both) | None => "btrim",
        }),
        Expr::Subquery(query) => subquery_name(query),
        _ => None,
    }
}

fn function_name(function: &Function) -> Option<String> {
    last(&function.name)
}

fn subquery_name(query: &Query) -> Option<String> {
    let SetExpr::Select(select) = query.body.as_ref() else { return None };
    match select.projection.first()? {
        SelectItem::UnnamedExpr(expr) => name_of(expr),
        SelectItem::ExprWithAlias { alias, .. } => Some(normal(alias)),
        SelectItem::ExprWithAliases { .. } | SelectItem::QualifiedWildcard(_, _) | SelectItem::Wildcard(_) => None,
    }
}

/// The name of a type in `pg_type`.
fn type_name(data_type: &DataType) -> Option<String> {
    use crate::base::SqlType;
    let name = match data_type {
        DataType::Varchar(_) | DataType::CharacterVarying(_) | DataType::CharVarying(_) => "varchar",
        DataType::Char(_) | DataType::Character(_) => "bpchar",
        DataType::Regclass => "regclass",
        DataType::Custom(name, _) => return last(name),
        other => match crate::sql::types::sql_type_of(other).ok()? {
            SqlType::Bool => "bool",
            SqlType::Int2 => "int2",
            SqlType::Int4 => "int4",
            SqlType::Int8 => "int8",
            SqlType::Float4 => "float4",
            SqlType::Float8 => "float8",
            SqlType::Numeric { .. } => "numeric",
            SqlType::Text | SqlType::Varchar => "text",
            SqlType::Date => "date",
            SqlType::Time => "time",
            SqlType::Timestamp => "timestamp",
            SqlType::Timestamptz => "timestamptz",
            SqlType::Interval => "interval",
            SqlType::Uuid => "uuid",
            SqlType::Json => "json",
            SqlType::Jsonb => "jsonb",
            SqlType::Bytea => "bytea",
            SqlType::Oid => "oid",
            SqlType::Array(element) => return Some(array_name(&element)),
        },
    };
    Some(name.to_owned())
}

fn array_name(element: &crate::base::SqlType) -> String {
    use crate::base::SqlType;
    match element {
        SqlType::Int4 => "int4".to_owned(),
        SqlType::Int8 => "int8".to_owned(),
        SqlType::Float8 => "float8".to_owned(),
        SqlType::Numeric { .. } => "numeric".to_owned(),
        other => other.name(),
    }
}
