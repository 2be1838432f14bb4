//! SELECTs and set operations: the order of a star's columns, and what the planner would answer in another way.

use sqlparser::ast::{
    ExceptSelectItem, Expr, Ident, JoinConstraint, JoinOperator, ObjectName, Select, SelectItem,
    SelectItemQualifiedWildcardKind, TableFactor, WildcardAdditionalOptions,
};

use crate::base::{ErrorReport, SqlState};

use super::forms::call;

/// Refuses an alias that is a constant of text.
pub(super) fn check_items(select: &Select) -> Result<(), ErrorReport> {
    for item in &select.projection {
        if let SelectItem::ExprWithAlias { alias, .. } = item {
            refuse_text_alias(alias)?;
        }
    }
    Ok(())
}

fn refuse_text_alias(alias: &Ident) -> Result<(), ErrorReport> {
    if alias.quote_style != Some('\'') {
        return Ok(());
    }
    let message = format!("syntax error at or near \"'{}'\"", alias.value);
    let report = ErrorReport::new(SqlState::SYNTAX_ERROR, message);
    Err(match usize::try_from(alias.span.start.column) {
        Ok(position) if position > 0 => report.with_position(position),
        Ok(_) | Err(_) => report,
    })
}

/// The star of a join with USING shows the joined columns first.
pub(super) fn star_of_using(select: &mut Select) {
    let [from] = select.from.as_slice() else { return };
    let [join] = from.joins.as_slice() else { return };
    let (Some(left), Some(right)) = (shown_name(&from.relation), shown_name(&join.relation)) else { return };
    let Some((names, kind)) = using(&join.join_operator) else { return };
    let mut items = Vec::with_capacity(select.projection.len());
    for item in select.projection.drain(..) {
        match item {
            SelectItem::Wildcard(_) => {
                items.extend(names.iter().map(|name| merged(name, &left, &right, kind)));
                items.extend([&left, &right].map(|table| rest_of(table, &names)));
            }
            other => items.push(other),
        }
    }
    select.projection = items;
}

/// Which side a joined column is taken from.
#[derive(Clone, Copy)]
enum Side {
    Left,
    Right,
    Either,
}

fn using(operator: &JoinOperator) -> Option<(Vec<Ident>, Side)> {
    let (constraint, side) = match operator {
        JoinOperator::Join(constraint)
        | JoinOperator::Inner(constraint)
        | JoinOperator::Left(constraint)
        | JoinOperator::LeftOuter(constraint) => (constraint, Side::Left),
        JoinOperator::Right(constraint) | JoinOperator::RightOuter(constraint) => (constraint, Side::Right),
        JoinOperator::FullOuter(constraint) => (constraint, Side::Either),
        _ => return None,
    };
    let JoinConstraint::Using(names) = constraint else { return None };
    let names: Option<Vec<Ident>> = names.iter().map(|name| name.0.last()?.as_ident().cloned()).collect();
    Some((names.filter(|names| !names.is_empty())?, side))
}

fn shown_name(factor: &TableFactor) -> Option<Ident> {
    match factor {
        TableFactor::Table { alias: Some(alias), .. } | TableFactor::Derived { alias: Some(alias), .. } => {
            Some(alias.name.clone())
        }
        TableFactor::Table { name, alias: None, .. } => name.0.last()?.as_ident().cloned(),
        _ => None,
    }
}

fn merged(name: &Ident, left: &Ident, right: &Ident, side: Side) -> SelectItem {
    let of = |table: &Ident| Expr::CompoundIdentifier(vec![table.clone(), name.clone()]);
    match side {
        Side::Left => SelectItem::UnnamedExpr(of(left)),
        Side::Right => SelectItem::UnnamedExpr(of(right)),
        Side::Either => {
            let expr = call("coalesce", vec![of(left), of(right)]);
            SelectItem::ExprWithAlias { expr, alias: name.clone() }
        }
    }
}

fn rest_of(table: &Ident, names: &[Ident]) -> SelectItem {
    let folded = |name: &Ident| match name.quote_style {
        Some(_) => name.clone(),
        None => Ident::new(name.value.to_lowercase()),
    };
    let mut names = names.iter().map(folded);
    let except =
        names.next().map(|first_element| ExceptSelectItem { first_element, additional_elements: names.collect() });
    let options = WildcardAdditionalOptions { opt_except: except, ..WildcardAdditionalOptions::default() };
    let table = ObjectName::from(vec![table.clone()]);
    SelectItem::QualifiedWildcard(SelectItemQualifiedWildcardKind::ObjectName(table), options)
}
