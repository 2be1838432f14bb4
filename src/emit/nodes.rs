//! One function a plan node: which slot it fills, and when it needs a new block.

use std::sync::Arc;

use datafusion::arrow::datatypes::FieldRef;
use datafusion::common::{DFSchema, ScalarValue};
use datafusion::logical_expr::logical_plan::{
    Aggregate, Distinct, DistinctOn, EmptyRelation, Filter, Limit as LimitNode, Projection, Sort, Values, Window,
};
use datafusion::logical_expr::{Expr, LogicalPlan, Operator};
use sqlparser::ast::{self, SetExpr, SetOperator, SetQuantifier, TableFactor, TableWithJoins, Value};

use crate::base::InternalError;
use crate::route::columns::needs;
use crate::route::{ColumnSet, filters_first};

use super::blocks::{Block, Limit, Rows, Unique, derived_table, empty_select, query};
use super::dialect::Dialect;
use super::error::EmitError;
use super::expression::{Writer, chain};
use super::literal::{self, Place};
use super::scope::{Kind, Scope, Slot};
use super::uses::{Uses, is_plain, unnamed};
use super::{clickhouse, floats, join, quote, scan, types};

/// Nodes of an expression that may be said twice rather than open a derived table.
const CHEAP: usize = 4;
/// Nodes of one expression beyond which nothing more is put into it.
const LARGEST: usize = 200;

/// The query around the plan that is walked, if it is a subquery.
pub(super) type Outer<'a> = Option<&'a Scope<'a>>;

pub(super) type Built = Result<Block, EmitError>;

/// The whole statement of a plan.
///
/// # Errors
/// [`EmitError`] when the dialect cannot say it.
pub(super) fn statement(writer: &mut Writer, plan: &LogicalPlan) -> Result<ast::Query, EmitError> {
    finished(writer, plan, true, None)
}

/// The query of a subquery inside an expression, with its columns or only with its rows.
///
/// # Errors
/// [`EmitError`] when the dialect cannot say it.
pub(super) fn subquery(
    writer: &mut Writer,
    plan: &LogicalPlan,
    scope: &Scope<'_>,
    columns: bool,
) -> Result<ast::Query, EmitError> {
    finished(writer, plan, columns, Some(scope))
}

/// What leaves ClickHouse has the type that the plan says: its own sums, dates and counts come otherwise.
fn typed(writer: &Writer, mut block: Block, schema: &DFSchema) -> Built {
    if writer.dialect != Dialect::ClickHouse {
        return Ok(block);
    }
    if block.body.is_some() {
        return Ok(block);
    }
    for (slot, field) in block.slots.iter_mut().zip(schema.fields()) {
        if let Some(slot) = slot
            && (slot.kind != Kind::Column || clickhouse::arrives_otherwise(field.data_type()))
        {
            slot.expr = types::cast(writer.dialect, slot.expr.clone(), field.data_type())?;
        }
    }
    Ok(block)
}

fn finished(writer: &mut Writer, plan: &LogicalPlan, columns: bool, outer: Outer<'_>) -> Result<ast::Query, EmitError> {
    let width = plan.schema().fields().len();
    let wanted = if columns { ColumnSet::all(width) } else { ColumnSet::none(width) };
    let mut block = build(writer, plan, &wanted, outer)?;
    if outer.is_none() {
        block = typed(writer, block, plan.schema())?;
    }
    let mut names = block.names(plan.schema());
    if outer.is_some() && writer.dialect == Dialect::ClickHouse && block.body.is_none() {
        // ClickHouse takes the name of a value that a subquery computed for one of the query around it, too.
        names.iter_mut().for_each(|name| *name = format!("{}_value", writer.next_alias()));
    }
    Ok(block.into_query(writer.dialect, &names, Vec::new()))
}

/// A query that selects nothing in particular.
pub(super) fn empty_query() -> ast::Query {
    query(SetExpr::Select(Box::new(empty_select())))
}

/// The block of a plan, with these of its columns.
///
/// # Errors
/// [`EmitError`] when the dialect cannot say it.
#[recursive::recursive]
pub(super) fn build(writer: &mut Writer, plan: &LogicalPlan, wanted: &ColumnSet, outer: Outer<'_>) -> Built {
    let needed = needs(plan, wanted)?;
    let input = |writer: &mut Writer, input: &LogicalPlan| match needed.first() {
        Some(needed) => build(writer, input, needed, outer),
        None => Err(InternalError::new("a node without inputs").into()),
    };
    match plan {
        LogicalPlan::TableScan(scan) => scan::table_scan(writer, scan, wanted, outer),
        LogicalPlan::Filter(node) => {
            let block = input(writer, &node.input)?;
            Ok(filter(writer, block, node, outer)?.pruned(wanted))
        }
        LogicalPlan::Projection(node) => {
            let block = input(writer, &node.input)?;
            projection(writer, block, node, wanted, outer)
        }
        LogicalPlan::Sort(node) => {
            let block = input(writer, &node.input)?;
            Ok(sort(writer, block, node, outer)?.pruned(wanted))
        }
        LogicalPlan::Limit(node) => {
            let block = input(writer, &node.input)?;
            limit(writer, block, node, outer)
        }
        LogicalPlan::Aggregate(node) => {
            let block = input(writer, &node.input)?;
            aggregate(writer, block, node, wanted, outer)
        }
        LogicalPlan::Window(node) => {
            let block = input(writer, &node.input)?;
            window(writer, block, node, wanted, outer)
        }
        LogicalPlan::Distinct(Distinct::All(node)) => {
            let block = input(writer, node)?;
            distinct(writer, block, node.schema())
        }
        LogicalPlan::Distinct(Distinct::On(node)) => {
            let block = input(writer, &node.input)?;
            distinct_on(writer, block, node, wanted, outer)
        }
        LogicalPlan::SubqueryAlias(node) => input(writer, &node.input),
        LogicalPlan::Subquery(node) if node.outer_ref_columns.is_empty() => input(writer, &node.subquery),
        LogicalPlan::Join(node) => join::join(writer, node, &needed, outer),
        LogicalPlan::Union(node) => union(writer, &node.inputs, &node.schema, wanted, outer),
        LogicalPlan::Values(node) => values(writer, node, wanted, outer),
        LogicalPlan::EmptyRelation(node) => empty_relation(writer, node, wanted),
        LogicalPlan::Subquery(_)
        | LogicalPlan::Repartition(_)
        | LogicalPlan::Statement(_)
        | LogicalPlan::Explain(_)
        | LogicalPlan::Analyze(_)
        | LogicalPlan::Extension(_)
        | LogicalPlan::Dml(_)
        | LogicalPlan::Ddl(_)
        | LogicalPlan::Copy(_)
        | LogicalPlan::DescribeTable(_)
        | LogicalPlan::Unnest(_)
        | LogicalPlan::RecursiveQuery(_) => writer.unsupported(format!("{}", plan.display())),
    }
}

/// WHERE, or HAVING above a group.
fn filter(writer: &mut Writer, mut block: Block, node: &Filter, outer: Outer<'_>) -> Built {
    let schema = node.input.schema();
    let uses = Uses::of([&node.predicate], schema)?;
    // ClickHouse takes an outer column in HAVING for one of its own that is no key.
    let outer_in_having = writer.dialect == Dialect::ClickHouse && uses.outer && block.group.is_some();
    if outer_in_having || !filter_fits(&block, &uses) {
        block = block.derive(writer, schema);
    }
    if block.group.is_none() {
        let slots = std::mem::take(&mut block.slots);
        let scope = Scope { schema, columns: Some(&slots), outer };
        let conditions = writer.conditions(&node.predicate, &scope)?;
        // The guard stands on the table itself. ClickHouse orders the conditions of a WHERE as it likes, and one of the
        // user's could fail on a row of another tenant before the guard has looked at it.
        // (A guard has no subquery; where the table is everybody's, a condition of the user's stands in its place.)
        let on_table =
            matches!(node.input.as_ref(), LogicalPlan::TableScan(scan) if filters_first(scan)) && !uses.subquery;
        if writer.dialect == Dialect::ClickHouse && on_table {
            block.first_filters.extend(conditions);
        } else {
            block.filters.extend(conditions);
        }
        block.slots = slots;
        return Ok(block);
    }
    for part in chain(&node.predicate, Operator::And) {
        let on_keys =
            block.group.as_ref().is_some_and(|keys| !keys.is_empty()) && reads_only_plain_keys(part, &block, schema)?;
        let scope = Scope { schema, columns: Some(&block.slots), outer };
        let conditions = writer.conditions(part, &scope)?;
        if on_keys { block.filters.extend(conditions) } else { block.having.extend(conditions) }
    }
    Ok(block)
}

fn filter_fits(block: &Block, uses: &Uses) -> bool {
    if block.body.is_some() || block.limit.is_some() || block.windows {
        return false;
    }
    let fits_distinct = match block.unique {
        Unique::No => true,
        Unique::All => !uses.once,
        Unique::On(_) => false,
    };
    let kinds: &[Kind] = match block.group {
        None => &[Kind::Column, Kind::Constant],
        Some(_) => &[Kind::Key, Kind::Aggregate, Kind::Constant],
    };
    fits_distinct && uses.only(&block.slots, kinds) && (block.group.is_none() || !uses.subquery)
}

/// A condition on nothing but the keys of a group selects whole groups, and can do so before they are made.
fn reads_only_plain_keys(part: &Expr, block: &Block, schema: &DFSchema) -> Result<bool, InternalError> {
    let uses = Uses::of([part], schema)?;
    let plain_key = |position: &usize| {
        let slot = block.slots.get(*position).and_then(Option::as_ref);
        slot.is_some_and(|slot| slot.kind == Kind::Key && matches!(slot.expr, ast::Expr::CompoundIdentifier(_)))
    };
    Ok(!uses.once && !uses.positions.is_empty() && uses.positions.iter().all(plain_key))
}

/// SELECT.
fn projection(writer: &mut Writer, mut block: Block, node: &Projection, wanted: &ColumnSet, outer: Outer<'_>) -> Built {
    let schema = node.input.schema();
    let exprs: Vec<&Expr> = wanted.positions().filter_map(|at| node.expr.get(at)).collect();
    if !projection_fits(&block, &exprs, schema)? {
        block = block.derive(writer, schema);
    }
    block.slots = select_list(writer, &block, &node.expr, wanted, schema, outer)?;
    Ok(block)
}

fn projection_fits(block: &Block, exprs: &[&Expr], schema: &DFSchema) -> Result<bool, InternalError> {
    let plain = exprs.iter().all(|expr| is_plain(expr));
    if block.body.is_some() || (block.limit.is_some() && !plain) {
        return Ok(false);
    }
    let uses = Uses::of(exprs.iter().copied(), schema)?;
    let kept_whole = || block.slots.iter().enumerate().all(|(at, slot)| slot.is_none() || uses.positions.contains(&at));
    let fits_distinct = match block.unique {
        Unique::No => true,
        Unique::All => plain && kept_whole(),
        Unique::On(_) => plain,
    };
    let of_group = [Kind::Aggregate, Kind::ComputedOfGroup];
    let one_group_stays = match &block.group {
        Some(keys) if keys.is_empty() => uses.any(&block.slots, &of_group),
        Some(_) | None => true,
    };
    let fits_subquery = !uses.subquery || uses.only(&block.slots, &[Kind::Column]);
    let small = plain || uses.weight(&block.slots) <= LARGEST || !uses.any(&block.slots, &HEAVY);
    Ok(fits_distinct && one_group_stays && fits_subquery && small && !uses.repeats(&block.slots, CHEAP))
}

/// Kinds that weigh something.
const HEAVY: [Kind; 3] = [Kind::Computed, Kind::ComputedOfGroup, Kind::Window];

fn select_list(
    writer: &mut Writer,
    block: &Block,
    exprs: &[Expr],
    wanted: &ColumnSet,
    schema: &DFSchema,
    outer: Outer<'_>,
) -> Result<Vec<Option<Slot>>, EmitError> {
    let scope = Scope { schema, columns: Some(&block.slots), outer };
    exprs
        .iter()
        .enumerate()
        .map(|(at, expr)| if wanted.contains(at) { slot(writer, expr, block, &scope).map(Some) } else { Ok(None) })
        .collect()
}

fn slot(writer: &mut Writer, expr: &Expr, block: &Block, scope: &Scope<'_>) -> Result<Slot, EmitError> {
    let expr = unnamed(expr);
    if let Expr::Column(column) = expr {
        return match scope.slot(column)? {
            Some(slot) => Ok(slot.clone()),
            None => Err(InternalError::new("a block without columns").into()),
        };
    }
    let written = writer.alone(expr, scope)?;
    let is_negative_literal = matches!(expr, Expr::Negative(inner) if matches!(unnamed(inner), Expr::Literal(..)));
    if is_plain(expr) || is_negative_literal {
        return Ok(Slot { expr: written, kind: Kind::Constant, weight: 0 });
    }
    let uses = Uses::of([expr], scope.schema)?;
    let kind = if uses.any(&block.slots, &[Kind::Window]) {
        Kind::Window
    } else if block.group.is_some() {
        Kind::ComputedOfGroup
    } else {
        Kind::Computed
    };
    let weight = if uses.once { Slot::ONCE } else { uses.weight(&block.slots) };
    Ok(Slot { expr: written, kind, weight })
}

/// ORDER BY.
fn sort(writer: &mut Writer, mut block: Block, node: &Sort, outer: Outer<'_>) -> Built {
    let schema = node.input.schema();
    let uses = Uses::of(node.expr.iter().map(|key| &key.expr), schema)?;
    let selected = node.expr.iter().all(|key| matches!(unnamed(&key.expr), Expr::Column(_)));
    let fits_distinct = match block.unique {
        Unique::No => true,
        Unique::All => selected,
        Unique::On(_) => false,
    };
    let once = uses.once || uses.reads_once_only(&block.slots);
    if block.body.is_some() || block.limit.is_some() || !fits_distinct || once {
        block.forget_order();
        block = block.derive(writer, schema);
    }
    let scope = Scope { schema, columns: Some(&block.slots), outer };
    let keys = node.expr.iter().filter(|key| !is_constant(&key.expr, &scope)).cloned().collect::<Vec<_>>();
    let order = writer.order_keys(&keys, &scope)?;
    block.order = order;
    if let Some(rows) = node.fetch {
        block.limit = Some(Limit { skip: Rows::Known(0), fetch: Some(Rows::Known(rows as u64)) });
    }
    Ok(block)
}

/// A constant orders nothing, and a number would be read as a column's position.
fn is_constant(expr: &Expr, scope: &Scope<'_>) -> bool {
    match unnamed(expr) {
        Expr::Literal(..) | Expr::Placeholder(_) => true,
        Expr::Negative(inner) => is_constant(inner, scope),
        Expr::Column(column) => {
            matches!(scope.slot(column), Ok(Some(slot)) if slot.kind == Kind::Constant)
        }
        _ => false,
    }
}

/// LIMIT and OFFSET. Two with known numbers make one.
fn limit(writer: &mut Writer, mut block: Block, node: &LimitNode, outer: Outer<'_>) -> Built {
    let schema = node.input.schema();
    let skip = match &node.skip {
        None => Rows::Known(0),
        Some(skip) => rows(writer, skip, schema, outer)?.unwrap_or(Rows::Known(0)),
    };
    let fetch = match &node.fetch {
        None => None,
        Some(fetch) => rows(writer, fetch, schema, outer)?,
    };
    let new = Limit { skip, fetch };
    let both = match block.limit.take() {
        None if block.body.is_none() => Some(new.clone()),
        None => None,
        Some(old) => {
            let both = combined(&old, &new);
            block.limit = Some(old);
            both
        }
    };
    match both {
        Some(both) => block.limit = Some(both),
        None => {
            block = block.derive(writer, schema);
            block.limit = Some(new);
        }
    }
    Ok(block)
}

/// A number of rows; `None` for NULL, which means no limit.
fn rows(writer: &mut Writer, expr: &Expr, schema: &DFSchema, outer: Outer<'_>) -> Result<Option<Rows>, EmitError> {
    match expr {
        Expr::Literal(value, _) if value.is_null() => Ok(None),
        Expr::Literal(ScalarValue::Int64(Some(rows)), _) => Ok(Some(Rows::Known(u64::try_from(*rows).unwrap_or(0)))),
        other => {
            let scope = Scope { schema, columns: Some(&[]), outer };
            Ok(Some(Rows::Written(Box::new(writer.expr(other, &scope)?))))
        }
    }
}

fn combined(old: &Limit, new: &Limit) -> Option<Limit> {
    let known = |rows: &Option<Rows>| match rows {
        None => Some(u64::MAX),
        Some(Rows::Known(rows)) => Some(*rows),
        Some(Rows::Written(_)) => None,
    };
    let (Rows::Known(old_skip), Rows::Known(new_skip)) = (&old.skip, &new.skip) else { return None };
    let (old_fetch, new_fetch) = (known(&old.fetch)?, known(&new.fetch)?);
    let left = if old_fetch == u64::MAX { u64::MAX } else { old_fetch.saturating_sub(*new_skip) };
    let fetch = left.min(new_fetch);
    Some(Limit {
        skip: Rows::Known(old_skip.saturating_add(*new_skip)),
        fetch: (fetch != u64::MAX).then_some(Rows::Known(fetch)),
    })
}

/// GROUP BY.
fn aggregate(writer: &mut Writer, mut block: Block, node: &Aggregate, wanted: &ColumnSet, outer: Outer<'_>) -> Built {
    let schema = node.input.schema();
    block.forget_order();
    let keys = Uses::of(&node.group_expr, schema)?;
    let once = keys.once || keys.reads_once_only(&block.slots);
    let all = Uses::of(node.group_expr.iter().chain(&node.aggr_expr), schema)?;
    let heavy = all.subquery && !all.only(&block.slots, &[Kind::Column]);
    if !block.is_plain() || keys.reads_once_only(&block.slots) || heavy || all.weight(&block.slots) >= Slot::ONCE {
        block = block.derive(writer, schema);
        block.order.clear();
    }
    if once && keys.once {
        return writer.unsupported("a volatile expression or a subquery as a group's key");
    }
    let scope = Scope { schema, columns: Some(&block.slots), outer };
    let mut slots = Vec::with_capacity(wanted.positions().count());
    let mut group = Vec::with_capacity(node.group_expr.len());
    let distinct = distinct_keys(&node.group_expr);
    if distinct.len() + node.aggr_expr.len() != node.schema.fields().len() {
        return writer.unsupported("keys of a group that are not its columns");
    }
    for key in distinct {
        let key = group_key(writer, key, &scope)?;
        let weight = if matches!(key, ast::Expr::CompoundIdentifier(_)) { 0 } else { 1 };
        group.push(key.clone());
        slots.push(wanted.contains(slots.len()).then_some(Slot { expr: key, kind: Kind::Key, weight }));
    }
    let first = slots.len();
    for call in &node.aggr_expr {
        // One group without a key is only a group because something aggregates it.
        let forced = group.is_empty() && slots.len() == first && wanted.positions().next().is_none();
        let read = forced || wanted.contains(slots.len());
        let slot = match read {
            true => Some(Slot { expr: writer.expr(call, &scope)?, kind: Kind::Aggregate, weight: 1 }),
            false => None,
        };
        slots.push(slot);
    }
    block.order.clear();
    block.group = Some(group);
    block.slots = slots;
    Ok(block)
}

/// The same key twice is one column.
fn distinct_keys(keys: &[Expr]) -> Vec<&Expr> {
    let mut distinct: Vec<&Expr> = Vec::with_capacity(keys.len());
    for key in keys {
        if !distinct.contains(&key) {
            distinct.push(key);
        }
    }
    distinct
}

/// A literal key would be read as a column's position.
fn group_key(writer: &mut Writer, key: &Expr, scope: &Scope<'_>) -> Result<ast::Expr, EmitError> {
    if matches!(unnamed(key), Expr::GroupingSet(_)) {
        return writer.unsupported("a grouping set");
    }
    let written = floats::key(writer, key, scope)?;
    match (&written, datafusion::logical_expr::ExprSchemable::get_type(key, scope.schema)) {
        (ast::Expr::Value(_) | ast::Expr::Nested(_), Ok(data_type)) => types::cast(writer.dialect, written, &data_type),
        (_, Ok(_)) => Ok(written),
        (_, Err(error)) => Err(InternalError::new(error).into()),
    }
}

/// A window function in SELECT. It sees the rows after HAVING and before DISTINCT.
fn window(writer: &mut Writer, mut block: Block, node: &Window, wanted: &ColumnSet, outer: Outer<'_>) -> Built {
    let schema = node.input.schema();
    let first = schema.fields().len();
    let read: Vec<&Expr> = wanted.positions().filter_map(|at| node.window_expr.get(at.checked_sub(first)?)).collect();
    let uses = Uses::of(read.iter().copied(), schema)?;
    let whole = block.body.is_none() && block.limit.is_none() && matches!(block.unique, Unique::No);
    let nested = uses.any(&block.slots, &[Kind::Window]) || uses.reads_once_only(&block.slots);
    let subquery = uses.subquery && !uses.only(&block.slots, &[Kind::Column]);
    if !read.is_empty() && (!whole || nested || subquery) {
        block = block.derive(writer, schema);
    }
    let scope = Scope { schema, columns: Some(&block.slots), outer };
    let more = node
        .window_expr
        .iter()
        .enumerate()
        .map(|(at, call)| match wanted.contains(first + at) {
            true => Ok(Some(Slot { expr: writer.alone(call, &scope)?, kind: Kind::Window, weight: CHEAP + 1 })),
            false => Ok(None),
        })
        .collect::<Result<Vec<_>, EmitError>>()?;
    block.windows |= !read.is_empty();
    block.slots.extend(more);
    Ok(block)
}

/// DISTINCT. No order outlives it.
fn distinct(writer: &mut Writer, mut block: Block, schema: &DFSchema) -> Built {
    block.forget_order();
    let is_float = |field: &FieldRef| writer.dialect == Dialect::ClickHouse && field.data_type().is_floating();
    if block.limit.is_none()
        && !schema.fields().iter().any(is_float)
        && let Some((SetExpr::SetOperation { op: SetOperator::Union, set_quantifier, .. }, _)) =
            block.body.as_deref_mut()
    {
        *set_quantifier = SetQuantifier::Distinct;
        return Ok(block);
    }
    let fits = block.limit.is_none() && !matches!(block.unique, Unique::On(_)) && block.body.is_none();
    if !fits {
        block = block.derive(writer, schema);
    }
    // What is unique is told apart already.
    let slots = if matches!(block.unique, Unique::No) { block.slots.as_mut_slice() } else { &mut [] };
    for (slot, field) in slots.iter_mut().zip(schema.fields()) {
        if let Some(slot) = slot.as_mut().filter(|slot| !matches!(slot.kind, Kind::Key | Kind::Constant)) {
            slot.expr = floats::told_apart(writer, slot.expr.clone(), field.data_type())?;
        }
    }
    block.order.clear();
    block.unique = Unique::All;
    Ok(block)
}

/// DISTINCT ON, with the order that says which row of a key is the first.
fn distinct_on(
    writer: &mut Writer,
    mut block: Block,
    node: &DistinctOn,
    wanted: &ColumnSet,
    outer: Outer<'_>,
) -> Built {
    let schema = node.input.schema();
    let keys = node.on_expr.iter().chain(node.sort_expr.iter().flatten().map(|key| &key.expr));
    let keys = Uses::of(keys, schema)?;
    let read: Vec<&Expr> = wanted.positions().filter_map(|at| node.select_expr.get(at)).collect();
    let whole = block.body.is_none() && block.limit.is_none() && matches!(block.unique, Unique::No);
    let once = keys.once || keys.reads_once_only(&block.slots);
    block.forget_order();
    if !whole || once || !projection_fits(&block, &read, schema)? {
        block = block.derive(writer, schema);
        block.order.clear();
    }
    let scope = Scope { schema, columns: Some(&block.slots), outer };
    let on = node.on_expr.iter().filter(|key| !is_constant(key, &scope));
    let on = on.map(|key| floats::key(writer, key, &scope)).collect::<Result<Vec<_>, _>>()?;
    let order = node.sort_expr.iter().flatten().filter(|key| !is_constant(&key.expr, &scope));
    let order = writer.order_keys(&order.cloned().collect::<Vec<_>>(), &scope)?;
    let slots = select_list(writer, &block, &node.select_expr, wanted, schema, outer)?;
    block.slots = slots;
    block.order = order;
    if on.is_empty() {
        // All rows have the same key.
        block.limit = Some(Limit { skip: Rows::Known(0), fetch: Some(Rows::Known(1)) });
    } else {
        block.unique = Unique::On(on);
    }
    Ok(block)
}

/// UNION ALL of the inputs' queries.
fn union(
    writer: &mut Writer,
    inputs: &[Arc<LogicalPlan>],
    schema: &DFSchema,
    wanted: &ColumnSet,
    outer: Outer<'_>,
) -> Built {
    let dialect = writer.dialect;
    let blank = || wanted_slots(wanted, schema, || Slot::column(ast::Expr::Value(Value::Null.into())));
    let names = Block::over(None, blank()).names(schema);
    let mut body: Option<SetExpr> = None;
    for input in inputs {
        let mut block = build(writer, input, wanted, outer)?.pruned(wanted);
        block.forget_order();
        if block.has_more_than(wanted) {
            block = block.derive(writer, input.schema()).pruned(wanted);
        }
        let branch = branch(block.into_query(dialect, &names, Vec::new()));
        body = Some(match body {
            None => branch,
            Some(left) => SetExpr::SetOperation {
                op: SetOperator::Union,
                set_quantifier: SetQuantifier::All,
                left: Box::new(left),
                right: Box::new(branch),
            },
        });
    }
    let Some(body) = body else { return Err(InternalError::new("a union of nothing").into()) };
    let mut block = Block::over(None, blank());
    block.body = Some(Box::new((body, names)));
    Ok(block)
}

/// A branch of a union stands in parentheses unless it is one SELECT and nothing more.
fn branch(query: ast::Query) -> SetExpr {
    let bare = query.order_by.is_none() && query.limit_clause.is_none();
    match (bare, *query.body) {
        (true, SetExpr::Select(select)) => SetExpr::Select(select),
        (_, body) => SetExpr::Query(Box::new(ast::Query { body: Box::new(body), ..query })),
    }
}

fn wanted_slots(wanted: &ColumnSet, schema: &DFSchema, slot: impl Fn() -> Slot) -> Vec<Option<Slot>> {
    (0..schema.fields().len()).map(|at| wanted.contains(at).then(&slot)).collect()
}

/// VALUES as a derived table.
fn values(writer: &mut Writer, node: &Values, wanted: &ColumnSet, outer: Outer<'_>) -> Built {
    if writer.dialect == Dialect::ClickHouse {
        return writer.unsupported("VALUES");
    }
    let none = DFSchema::empty();
    let scope = Scope { schema: &none, columns: Some(&[]), outer };
    let rows = node
        .values
        .iter()
        .map(|row| {
            let row = row.iter().map(|value| writer.alone(value, &scope)).collect::<Result<Vec<_>, _>>()?;
            Ok(ast::Parens::with_empty_span(row))
        })
        .collect::<Result<Vec<_>, EmitError>>()?;
    let body = SetExpr::Values(ast::Values { explicit_row: false, value_keyword: false, rows });
    let alias = writer.next_alias();
    let mut relation = derived_table(writer.dialect, Box::new(query(body)), &alias);
    let names: Vec<String> = (0..node.schema.fields().len()).map(|at| format!("column{}", at + 1)).collect();
    if let TableFactor::Derived { alias: Some(alias), .. } = &mut relation {
        let column =
            |name: &String| ast::TableAliasColumnDef { name: quote::ident(writer.dialect, name), data_type: None };
        alias.columns = names.iter().map(column).collect();
    }
    let column = |(at, name): (usize, &String)| {
        wanted.contains(at).then(|| Slot::column(quote::column(writer.dialect, &alias, name)))
    };
    let slots = names.iter().enumerate().map(column).collect();
    Ok(Block::over(Some(TableWithJoins { relation, joins: Vec::new() }), slots))
}

/// A SELECT without FROM: one row, or none.
fn empty_relation(writer: &mut Writer, node: &EmptyRelation, wanted: &ColumnSet) -> Built {
    let slots = node.schema.fields().iter().enumerate().map(|(at, field)| {
        if !wanted.contains(at) {
            return Ok(None);
        }
        let null = ScalarValue::try_from(field.data_type()).map_err(InternalError::new)?;
        let expr = literal::write(writer.dialect, &null, Place::Alone)?;
        Ok(Some(Slot { expr, kind: Kind::Constant, weight: 0 }))
    });
    let slots = slots.collect::<Result<Vec<_>, EmitError>>()?;
    let mut block = Block::over(None, slots);
    if !node.produce_one_row {
        block.filters.push(ast::Expr::Value(Value::Boolean(false).into()));
    }
    Ok(block)
}
