//! What depends on the columns of FROM: a star over joins that merge columns, aliases for fewer columns than there are,
//! and columns that are written as fields of a row.

use std::collections::BTreeMap;
use std::ops::ControlFlow;

use sqlparser::ast::{
    BinaryOperator, Expr, FunctionArg, FunctionArgExpr, FunctionArguments, Ident, Join, JoinConstraint, OrderBy,
    OrderByKind, Query, Select, SelectItem, SetExpr, TableAliasColumnDef, TableFactor, TableWithJoins, Value,
    ValueWithSpan, VisitorMut,
};

use crate::base::syntax_walk::walk_mut;
use crate::sql::words::folded;

use super::forms::{binary, call};
use super::shapes::{Shapes, Side, constraint, constraint_mut, factors, merged_names, name_of};
use super::system::quoted;
use super::type_names::as_type;

/// Readies a SELECT whose FROM was readied before.
pub(super) fn expand(select: &mut Select, shapes: &Shapes<'_>) {
    for from in &mut select.from {
        name_all(&mut from.relation, shapes);
        from.joins.iter_mut().for_each(|join| name_all(&mut join.relation, shapes));
    }
    expand_star(select, shapes);
    let mut merged = merged(select, shapes);
    if !merged.columns.is_empty() {
        name_columns(select, &merged);
        let _: ControlFlow<()> = walk_mut(&mut select.projection, &mut merged);
        let _: ControlFlow<()> = walk_mut(&mut select.selection, &mut merged);
        let _: ControlFlow<()> = walk_mut(&mut select.group_by, &mut merged);
        let _: ControlFlow<()> = walk_mut(&mut select.having, &mut merged);
        for join in select.from.iter_mut().flat_map(|from| &mut from.joins) {
            if let Some(JoinConstraint::On(condition)) = constraint_mut(join) {
                let _: ControlFlow<()> = walk_mut(condition, &mut merged);
            }
        }
    }
    let mut fields = Fields::of(select);
    let _: ControlFlow<()> = walk_mut(&mut select.distinct, &mut fields);
    let _: ControlFlow<()> = walk_mut(&mut select.projection, &mut fields);
    let _: ControlFlow<()> = walk_mut(&mut select.named_window, &mut fields);
    let _: ControlFlow<()> = walk_mut(&mut select.selection, &mut fields);
    let _: ControlFlow<()> = walk_mut(&mut select.group_by, &mut fields);
    let _: ControlFlow<()> = walk_mut(&mut select.having, &mut fields);
    for join in select.from.iter_mut().flat_map(|from| &mut from.joins) {
        if let Some(JoinConstraint::On(condition)) = constraint_mut(join) {
            let _: ControlFlow<()> = walk_mut(condition, &mut fields);
        }
    }
}

/// `WITH w(x)` names the first column; the others keep their names.
pub(super) fn name_query(query: &mut Query, shapes: &Shapes<'_>) {
    for table in query.with.iter_mut().flat_map(|with| &mut with.cte_tables) {
        let given = table.alias.columns.len();
        if given == 0 {
            continue;
        }
        if let Some(own) = shapes.of_name(&folded(&table.alias.name)) {
            let rest = own.iter().skip(given);
            table.alias.columns.extend(rest.map(|name| TableAliasColumnDef { name: quoted(name), data_type: None }));
        }
    }
}

/// `t(x)` names the first column; the others keep their names.
fn name_all(factor: &mut TableFactor, shapes: &Shapes<'_>) {
    let missing = match factor {
        TableFactor::Table { alias: Some(alias), args: None, .. } | TableFactor::Derived { alias: Some(alias), .. }
            if !alias.columns.is_empty() =>
        {
            alias.columns.len()
        }
        _ => return,
    };
    let Some(own) = shapes.unaliased(factor) else { return };
    if let TableFactor::Table { alias: Some(alias), .. } | TableFactor::Derived { alias: Some(alias), .. } = factor {
        let rest = own.iter().skip(missing);
        alias.columns.extend(rest.map(|name| TableAliasColumnDef { name: quoted(name), data_type: None }));
    }
}

fn merges(from: &TableWithJoins) -> bool {
    let is_merging =
        |join: &Join| matches!(constraint(join), Some((JoinConstraint::Using(_) | JoinConstraint::Natural, _)));
    from.joins.iter().any(is_merging) || nested(from).any(merges)
}

/// The joins in parentheses of a chain of joins.
fn nested(from: &TableWithJoins) -> impl Iterator<Item = &TableWithJoins> {
    let factors = std::iter::once(&from.relation).chain(from.joins.iter().map(|join| &join.relation));
    factors.filter_map(|factor| match factor {
        TableFactor::NestedJoin { table_with_joins, alias: None } => Some(table_with_joins.as_ref()),
        _ => None,
    })
}

fn expand_star(select: &mut Select, shapes: &Shapes<'_>) {
    let is_bare = |item: &SelectItem| matches!(item, SelectItem::Wildcard(options) if options.opt_except.is_none());
    if !select.from.iter().any(merges) || !select.projection.iter().any(is_bare) {
        return;
    }
    let all: Option<Vec<Columns>> = select.from.iter().map(|from| columns(from, shapes, &Told::new())).collect();
    let Some(all) = all else { return };
    let items: Vec<SelectItem> = all.into_iter().flatten().map(item).collect();
    let mut projection = Vec::with_capacity(items.len());
    for one in select.projection.drain(..) {
        if is_bare(&one) {
            projection.extend(items.iter().cloned());
        } else {
            projection.push(one);
        }
    }
    select.projection = projection;
}

fn item((name, expr): (String, Expr)) -> SelectItem {
    match expr {
        column @ Expr::CompoundIdentifier(_) => SelectItem::UnnamedExpr(column),
        other => SelectItem::ExprWithAlias { expr: other, alias: quoted(&name) },
    }
}

/// Names, with what each of them reads.
type Columns = Vec<(String, Expr)>;

/// Columns that joins ask for by name, of items whose columns the text does not tell.
type Told = BTreeMap<String, Vec<String>>;

/// The columns of a chain of joins.
fn columns(from: &TableWithJoins, shapes: &Shapes<'_>, told: &Told) -> Option<Columns> {
    let mut left = of_factor(&from.relation, shapes, told)?;
    for join in &from.joins {
        left = joined(left, join, shapes, told)?.columns;
    }
    Some(left)
}

/// What the names after USING tell of functions in FROM: an item that a join adds has them all, and the items before it have
/// those that no other of them has.
fn told(from: &TableWithJoins, shapes: &Shapes<'_>) -> Told {
    let mut told = Told::new();
    let mut before: Vec<&TableFactor> = vec![&from.relation];
    for join in &from.joins {
        if let Some((JoinConstraint::Using(_), _)) = constraint(join) {
            for name in merged_names(join, &[], &[]) {
                let has = |factor: &TableFactor| shapes.of_factor(factor).is_some_and(|known| known.contains(&name));
                let is_open = |factor: &&TableFactor| shapes.of_factor(factor).is_none();
                let first_open = before.iter().copied().find(is_open);
                let left = first_open.filter(|_| !before.iter().copied().any(has));
                let right = Some(&join.relation).filter(is_open);
                for table in [left, right].into_iter().flatten().filter_map(name_of) {
                    told.entry(table).or_default().push(name.clone());
                }
            }
        }
        before.push(&join.relation);
    }
    told
}

/// What comes of one join.
struct Joined {
    /// What it compares: a column that it merges, of the left and of the right side.
    keys: Vec<(Expr, Expr)>,
    columns: Columns,
}

fn joined(left: Columns, join: &Join, shapes: &Shapes<'_>, told: &Told) -> Option<Joined> {
    let right = of_factor(&join.relation, shapes, told)?;
    let (_, side) = constraint(join).unwrap_or((&JoinConstraint::None, Side::Left));
    let names = |columns: &Columns| columns.iter().map(|(name, _)| name.clone()).collect::<Vec<_>>();
    let merged = merged_names(join, &names(&left), &names(&right));
    let mut keys = Vec::with_capacity(merged.len());
    let mut columns = Vec::with_capacity(left.len() + right.len());
    for name in &merged {
        let (a, b) = (find(&left, name)?, find(&right, name)?);
        keys.push((a.clone(), b.clone()));
        let merged_type = shapes.merged_type(join, name);
        let expr = match side {
            Side::Left if merged_type.is_some_and(|merged| merged.is_right) => b,
            Side::Left => a,
            Side::Right => b,
            Side::Either => call("coalesce", vec![a, b]),
        };
        let expr = match merged_type.filter(|merged| !merged.is_right) {
            Some(merged) => as_type(expr, merged.common)?,
            None => expr,
        };
        columns.push((name.clone(), expr));
    }
    columns.extend(left.into_iter().chain(right).filter(|(name, _)| !merged.contains(name)));
    Some(Joined { keys, columns })
}

fn find(columns: &Columns, name: &str) -> Option<Expr> {
    columns.iter().find(|(own, _)| own == name).map(|(_, expr)| expr.clone())
}

fn of_factor(factor: &TableFactor, shapes: &Shapes<'_>, told: &Told) -> Option<Columns> {
    if let TableFactor::NestedJoin { table_with_joins, alias: None } = factor {
        return columns(table_with_joins, shapes, told);
    }
    let table = name_of(factor)?;
    let columns = shapes.of_factor(factor).or_else(|| told.get(&table).cloned())?.into_iter();
    Some(columns.map(|name| (name.clone(), Expr::CompoundIdentifier(vec![quoted(&table), quoted(&name)]))).collect())
}

/// `(t).a`, which the catalogs' rewrite made a call, is `t.a` where `t` is an item of FROM.
struct Fields {
    tables: Vec<String>,
}

impl Fields {
    fn of(select: &Select) -> Self {
        Self { tables: factors(select).filter_map(name_of).collect() }
    }
}

impl VisitorMut for Fields {
    type Break = ();

    fn post_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<()> {
        if let Some((table, field)) = row_field(expr)
            && self.tables.contains(&folded(&table))
        {
            *expr = Expr::CompoundIdentifier(vec![table, quoted(&field)]);
        }
        ControlFlow::Continue(())
    }
}

fn row_field(expr: &Expr) -> Option<(Ident, String)> {
    let Expr::Function(function) = expr else { return None };
    let FunctionArguments::List(list) = &function.args else { return None };
    let [
        FunctionArg::Unnamed(FunctionArgExpr::Expr(Expr::Identifier(table))),
        FunctionArg::Unnamed(FunctionArgExpr::Expr(Expr::Value(ValueWithSpan {
            value: Value::SingleQuotedString(field),
            ..
        }))),
    ] = list.args.as_slice()
    else {
        return None;
    };
    (function.name.to_string() == "get_field").then(|| (table.clone(), field.clone()))
}

/// Columns that joins merge. The planner takes them from the left side, and where they are part of an expression it cannot
/// tell them apart.
struct Merged {
    columns: Columns,
    /// Queries within this place, whose columns are their own.
    depth: usize,
}

fn merged(select: &Select, shapes: &Shapes<'_>) -> Merged {
    let mut found = Vec::new();
    for from in select.from.iter().filter(|from| merges(from)) {
        let Some(all) = columns(from, shapes, &told(from, shapes)) else { continue };
        let mut names = Vec::new();
        add_names(from, shapes, &mut names);
        found.extend(all.into_iter().filter(|(name, _)| names.contains(name)));
    }
    Merged { columns: found, depth: 0 }
}

/// Adds the names of the columns that a chain of joins merges.
fn add_names(from: &TableWithJoins, shapes: &Shapes<'_>, names: &mut Vec<String>) {
    nested(from).for_each(|inner| add_names(inner, shapes, names));
    let mut left = shapes.of_factor(&from.relation).unwrap_or_default();
    for join in &from.joins {
        let right = shapes.of_factor(&join.relation).unwrap_or_default();
        names.extend(merged_names(join, &left, &right));
        left.extend(right);
    }
}

/// A join that merges with a column that an earlier join has merged compares what that one is: the planner would compare
/// the first column of the name. Nothing tells afterwards which columns such a join merges.
pub(super) fn write_keys(body: &mut SetExpr, shapes: &Shapes<'_>) {
    match body {
        SetExpr::Select(select) => select.from.iter_mut().for_each(|from| write_keys_of(from, shapes)),
        SetExpr::SetOperation { left, right, .. } => {
            write_keys(left, shapes);
            write_keys(right, shapes);
        }
        // A query has its own turn.
        _ => {}
    }
}

fn write_keys_of(from: &mut TableWithJoins, shapes: &Shapes<'_>) {
    if !merges(from) {
        return;
    }
    write_keys_between(from, shapes);
    // Those in parentheses after those around them: nothing tells then what they merge.
    let joined = from.joins.iter_mut().map(|join| &mut join.relation);
    for factor in std::iter::once(&mut from.relation).chain(joined) {
        if let TableFactor::NestedJoin { table_with_joins, alias: None } = factor {
            write_keys_of(table_with_joins, shapes);
        }
    }
}

fn write_keys_between(from: &mut TableWithJoins, shapes: &Shapes<'_>) {
    let nothing = Told::new();
    let Some(first) = of_factor(&from.relation, shapes, &nothing) else { return };
    let has_nested = nested(from).any(merges);
    let mut left = first.clone();
    for join in &mut from.joins {
        let Some(Joined { keys, columns }) = joined(left, join, shapes, &nothing) else { return };
        left = columns;
        let is_plain = |(left, right): &(Expr, Expr)| {
            let is_column = matches!((left, right), (Expr::CompoundIdentifier(_), Expr::CompoundIdentifier(_)));
            is_column && first.iter().any(|(_, column)| column == left)
        };
        if !has_nested && keys.iter().all(is_plain) {
            continue;
        }
        let equal = keys.into_iter().map(|(left, right)| binary(left, BinaryOperator::Eq, right));
        if let (Some(constraint), Some(condition)) =
            (constraint_mut(join), equal.reduce(|all, key| binary(all, BinaryOperator::And, key)))
        {
            *constraint = JoinConstraint::On(condition);
        }
    }
}

/// A column that is selected bare keeps its name.
fn name_columns(select: &mut Select, merged: &Merged) {
    for item in &mut select.projection {
        if let SelectItem::UnnamedExpr(Expr::Identifier(ident)) = item
            && let Some((name, expr)) = merged.columns.iter().find(|(name, _)| *name == folded(ident))
        {
            *item = SelectItem::ExprWithAlias { expr: expr.clone(), alias: quoted(name) };
        }
    }
}

/// Readies the keys of ORDER BY. The SELECT was readied before, but for the conditions of its joins.
pub(super) fn order_by(select: &Select, order_by: &mut OrderBy, shapes: &Shapes<'_>) {
    order_by_merged(select, order_by, shapes);
    let _: ControlFlow<()> = walk_mut(order_by, &mut Fields::of(select));
}

/// The keys that are columns which joins merge and no names of what is selected.
fn order_by_merged(select: &Select, order_by: &mut OrderBy, shapes: &Shapes<'_>) {
    let mut merged = merged(select, shapes);
    let OrderByKind::Expressions(keys) = &mut order_by.kind else { return };
    if merged.columns.is_empty() {
        return;
    }
    let outputs: Vec<&Ident> = select.projection.iter().filter_map(output_name).collect();
    for key in keys {
        // Within an expression a name is never one of what is selected.
        let is_output = |name: &Ident| outputs.iter().any(|output| output.value == folded(name));
        if !matches!(&key.expr, Expr::Identifier(name) if is_output(name)) {
            let _: ControlFlow<()> = walk_mut(&mut key.expr, &mut merged);
        }
    }
}

fn output_name(item: &SelectItem) -> Option<&Ident> {
    match item {
        SelectItem::ExprWithAlias { alias, .. } => Some(alias),
        _ => None,
    }
}

impl VisitorMut for Merged {
    type Break = ();

    fn pre_visit_query(&mut self, _query: &mut Query) -> ControlFlow<()> {
        self.depth += 1;
        ControlFlow::Continue(())
    }

    fn post_visit_query(&mut self, _query: &mut Query) -> ControlFlow<()> {
        self.depth -= 1;
        ControlFlow::Continue(())
    }

    fn post_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<()> {
        if let Expr::Identifier(ident) = expr
            && self.depth == 0
            && let Some((_, column)) = self.columns.iter().find(|(name, _)| *name == folded(ident))
        {
            *expr = column.clone();
        }
        ControlFlow::Continue(())
    }
}
