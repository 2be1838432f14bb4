//! Does a WHERE hold what a policy demands?

use std::collections::BTreeSet;

use sqlparser::ast::{BinaryOperator, Expr, Value};
use sqlparser::dialect::Dialect;

use crate::tenancy::Policy;

use super::verify::Requirement;
use super::walk::plain;

/// How a store reads the text between plain quotes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Texts {
    /// A backslash is an escape.
    WithEscapes,
    /// A backslash is itself.
    AsWritten,
}

impl Texts {
    pub(super) fn of(grammar: &dyn Dialect) -> Self {
        if grammar.supports_string_literal_backslash_escape() { Self::WithEscapes } else { Self::AsWritten }
    }
}

/// Whether the condition has, joined by AND alone, every part that the requirement demands of the table with the alias.
pub(super) fn holds(requirement: &Requirement, alias: &str, selection: Option<&Expr>, texts: Texts) -> bool {
    let mut conjuncts = Vec::new();
    if let Some(selection) = selection {
        split(selection, &mut conjuncts);
    }
    let owner =
        |column: &str| conjuncts.iter().any(|part| is_owner(part, alias, column, &requirement.tenant_id, texts));
    let listed = |column: &str| conjuncts.iter().any(|part| is_listed(part, alias, column, &requirement.list, texts));
    match &requirement.policy {
        Policy::Shared => true,
        Policy::TenantColumn { column } => owner(column),
        Policy::ListAttribute { column, attribute: _ } => listed(column),
        Policy::TenantColumnAndList { tenant_column, column, attribute: _ } => owner(tenant_column) && listed(column),
    }
}

/// The parts that AND joins, iteratively: a condition may have thousands.
fn split<'a>(condition: &'a Expr, parts: &mut Vec<&'a Expr>) {
    let mut open = vec![condition];
    while let Some(expr) = open.pop() {
        match expr {
            Expr::BinaryOp { left, op: BinaryOperator::And, right } => open.extend([left.as_ref(), right.as_ref()]),
            Expr::Nested(inner) => open.push(inner),
            other => parts.push(other),
        }
    }
}

fn is_owner(part: &Expr, alias: &str, column: &str, tenant: &str, texts: Texts) -> bool {
    match part {
        Expr::BinaryOp { left, op: BinaryOperator::Eq, right } => {
            is_column(left, alias, column) && literal(right, texts).as_deref() == Some(tenant)
        }
        _ => false,
    }
}

fn is_listed(part: &Expr, alias: &str, column: &str, allowed: &[String], texts: Texts) -> bool {
    match part {
        // Nothing is allowed, and nothing is selected.
        Expr::Value(value) => allowed.is_empty() && value.value == Value::Boolean(false),
        Expr::InList { expr, list, negated: false } => {
            let found: Option<BTreeSet<String>> = list.iter().map(|value| literal(value, texts)).collect();
            !allowed.is_empty() && is_column(expr, alias, column) && found == Some(allowed.iter().cloned().collect())
        }
        _ => false,
    }
}

/// Always qualified: a bare name may read as an alias of the select list in ClickHouse.
fn is_column(expr: &Expr, alias: &str, column: &str) -> bool {
    match expr {
        Expr::CompoundIdentifier(parts) => match parts.as_slice() {
            [table, name] => plain(table).as_deref() == Some(alias) && plain(name).as_deref() == Some(column),
            _ => false,
        },
        _ => false,
    }
}

/// The text of a literal as its store reads it.
fn literal(expr: &Expr, texts: Texts) -> Option<String> {
    let Expr::Value(value) = expr else { return None };
    match (&value.value, texts) {
        (Value::SingleQuotedString(text), Texts::WithEscapes) => Some(text.replace("''", "'").replace("\\\\", "\\")),
        (Value::SingleQuotedString(text), Texts::AsWritten) => Some(text.replace("''", "'")),
        // The tree holds it without its escapes.
        (Value::EscapedStringLiteral(text), Texts::AsWritten) => Some(text.clone()),
        _ => None,
    }
}
