//! Names within the expressions of ORDER BY, and names with a table's: they are columns of FROM, also where an output
//! column has the name.
//!
//! The planner takes them for the output columns, or cannot tell. Where there is such a name, or a subquery, the keys become
//! hidden columns of the SELECT, and the query around it sorts by them.

use std::collections::{HashMap, HashSet};
use std::ops::ControlFlow;

use sqlparser::ast::{
    Distinct, Expr, Ident, OrderBy, OrderByKind, Query, Select, SelectItem, SetExpr, TableAlias, TableFactor, Value,
    ValueWithSpan, Visitor,
};

use crate::base::syntax_walk::walk;
use crate::sql::words::folded;

use super::forms::{has_call, has_query};
use super::system::{quoted, select_from};

/// Begins the names of hidden columns; no text can write it.
const HIDDEN: &str = "\u{2063}key";

/// Sorts by hidden columns where a key would be read in another way.
pub(super) fn hide(query: &mut Query) {
    let (SetExpr::Select(select), Some(order_by)) = (query.body.as_mut(), query.order_by.as_mut()) else { return };
    let OrderBy { kind: OrderByKind::Expressions(keys), .. } = order_by else { return };
    let Some(outputs) = outputs(select).filter(|_| select.distinct.is_none()) else { return };
    let renamed = renamed(select);
    // The planner takes more subqueries apart in a SELECT list than in a sort.
    let is_hidden = |key: &Expr| has_query(key) || (!is_name(key) && names_one_of(key, &renamed));
    if !keys.iter().any(|key| is_hidden(&key.expr)) {
        return;
    }
    for (index, key) in keys.iter_mut().enumerate() {
        if !is_output(&key.expr, &outputs) {
            let alias = hidden_name(index);
            let expr = std::mem::replace(&mut key.expr, Expr::Identifier(alias.clone()));
            select.projection.push(SelectItem::ExprWithAlias { expr, alias });
        }
    }
    select_around(&mut query.body, &outputs, None);
}

/// The same for the keys of DISTINCT ON, where one of them, of the ORDER BY beside them or of the columns has a query or a
/// window: the planner knows DISTINCT ON before windows only. What is written alike is one column.
pub(super) fn hide_distinct(query: &mut Query) {
    let SetExpr::Select(select) = query.body.as_mut() else { return };
    let Some(outputs) = outputs(select) else { return };
    let Select { distinct: Some(Distinct::On(on)), projection, .. } = select.as_mut() else { return };
    let mut keys: Vec<&mut Expr> = on.iter_mut().collect();
    if let Some(OrderBy { kind: OrderByKind::Expressions(sorted), .. }) = &mut query.order_by {
        keys.extend(sorted.iter_mut().map(|key| &mut key.expr));
    }
    let items: Vec<Option<Expr>> = projection.iter().map(value_of).collect();
    let is_late = |expr: &Expr| has_query(expr) || has_call(expr, |function| function.over.is_some());
    if !keys.iter().any(|key| is_late(key)) && !items.iter().flatten().any(is_late) {
        return;
    }
    let mut hidden: Vec<Expr> = Vec::new();
    let mut places: HashMap<String, usize> = HashMap::new();
    for key in keys {
        if let Some(name) = output_of(key, &outputs, &items) {
            *key = Expr::Identifier(quoted(name));
            continue;
        }
        let index = *places.entry(key.to_string()).or_insert(hidden.len());
        let expr = std::mem::replace(key, Expr::Identifier(hidden_name(index)));
        if index == hidden.len() {
            hidden.push(expr);
        }
    }
    let distinct = select.distinct.take();
    let hidden = hidden.into_iter().enumerate();
    let items = hidden.map(|(index, expr)| SelectItem::ExprWithAlias { expr, alias: hidden_name(index) });
    select.projection.extend(items);
    select_around(&mut query.body, &outputs, distinct);
}

fn value_of(item: &SelectItem) -> Option<Expr> {
    match item {
        SelectItem::UnnamedExpr(expr) | SelectItem::ExprWithAlias { expr, .. } => Some(expr.clone()),
        SelectItem::ExprWithAliases { .. } | SelectItem::QualifiedWildcard(..) | SelectItem::Wildcard(_) => None,
    }
}

/// The output column that a key means: by its name, by its position, or because it is written alike.
fn output_of<'a>(key: &Expr, outputs: &'a [String], items: &[Option<Expr>]) -> Option<&'a str> {
    let place = match bare(key) {
        Expr::Identifier(ident) if outputs.contains(&folded(ident)) => {
            outputs.iter().position(|name| *name == folded(ident))
        }
        Expr::Value(ValueWithSpan { value: Value::Number(digits, _), .. }) => {
            digits.parse::<usize>().ok().and_then(|number| number.checked_sub(1))
        }
        written => items.iter().position(|item| item.as_ref().is_some_and(|item| bare(item) == written)),
    };
    outputs.get(place?).map(String::as_str)
}

fn hidden_name(index: usize) -> Ident {
    quoted(&format!("{HIDDEN}{index}"))
}

/// Whether a key means an output column, by its name or by its position.
fn is_output(key: &Expr, outputs: &[String]) -> bool {
    match bare(key) {
        Expr::Identifier(ident) => outputs.contains(&folded(ident)),
        Expr::Value(ValueWithSpan { value: Value::Number(..), .. }) => true,
        _ => false,
    }
}

/// Puts a SELECT of these columns around another one.
fn select_around(body: &mut Box<SetExpr>, outputs: &[String], distinct: Option<Distinct>) {
    let shown = outputs.iter().map(|name| SelectItem::UnnamedExpr(Expr::Identifier(quoted(name)))).collect();
    let outer = select_from(shown, None);
    let inner = std::mem::replace(body, outer.body);
    let alias = TableAlias { explicit: true, name: quoted(HIDDEN), columns: Vec::new(), at: None };
    let subquery = Box::new(Query { body: inner, ..select_from(Vec::new(), None) });
    let relation = TableFactor::Derived { lateral: false, subquery, alias: Some(alias), sample: None };
    if let SetExpr::Select(outer) = body.as_mut() {
        outer.from = vec![sqlparser::ast::TableWithJoins { relation, joins: Vec::new() }];
        outer.distinct = distinct;
    }
}

fn name_of(item: &SelectItem) -> Option<String> {
    match item {
        SelectItem::ExprWithAlias { alias, .. } => Some(folded(alias)),
        SelectItem::UnnamedExpr(Expr::Identifier(ident)) => Some(folded(ident)),
        SelectItem::UnnamedExpr(Expr::CompoundIdentifier(parts)) => parts.last().map(folded),
        SelectItem::UnnamedExpr(_)
        | SelectItem::ExprWithAliases { .. }
        | SelectItem::QualifiedWildcard(..)
        | SelectItem::Wildcard(_) => None,
    }
}

/// The names of the output columns; `None` where one is not known, or stands twice.
fn outputs(select: &Select) -> Option<Vec<String>> {
    let names = select.projection.iter().map(name_of).collect::<Option<Vec<_>>>()?;
    (names.iter().collect::<HashSet<_>>().len() == names.len()).then_some(names)
}

/// The names of output columns that are not the columns of these names.
fn renamed(select: &Select) -> HashSet<String> {
    let named = |item: &SelectItem| {
        let SelectItem::ExprWithAlias { expr, alias } = item else { return None };
        let is_itself = |ident: &Ident| folded(ident) == folded(alias);
        let same = match expr {
            Expr::Identifier(ident) => is_itself(ident),
            Expr::CompoundIdentifier(parts) => parts.last().is_some_and(is_itself),
            _ => false,
        };
        (!same).then(|| folded(alias))
    };
    select.projection.iter().filter_map(named).collect()
}

fn bare(expr: &Expr) -> &Expr {
    match expr {
        Expr::Nested(inner) => bare(inner),
        other => other,
    }
}

fn is_name(expr: &Expr) -> bool {
    matches!(bare(expr), Expr::Identifier(_))
}

fn names_one_of(expr: &Expr, names: &HashSet<String>) -> bool {
    struct Names<'a>(&'a HashSet<String>);
    impl Visitor for Names<'_> {
        type Break = ();
        fn pre_visit_expr(&mut self, expr: &Expr) -> ControlFlow<()> {
            match expr {
                Expr::Identifier(ident) if self.0.contains(&folded(ident)) => ControlFlow::Break(()),
                Expr::CompoundIdentifier(parts) if parts.last().is_some_and(|last| self.0.contains(&folded(last))) => {
                    ControlFlow::Break(())
                }
                _ => ControlFlow::Continue(()),
            }
        }
    }
    walk(expr, &mut Names(names)).is_break()
}
