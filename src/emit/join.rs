//! Joins: the FROM of a block over two.

use datafusion::common::{DFSchema, NullEquality};
use datafusion::logical_expr::expr::BinaryExpr;
use datafusion::logical_expr::logical_plan::Join as JoinNode;
use datafusion::logical_expr::{Expr, ExprSchemable, JoinType, Operator};
use sqlparser::ast::{self, BinaryOperator, JoinConstraint, JoinOperator, TableFactor, TableWithJoins, Value};

use crate::base::InternalError;
use crate::route::ColumnSet;
use crate::route::columns::position_of;

use super::blocks::{Block, empty_select, query};
use super::dialect::Dialect;
use super::error::EmitError;
use super::expression::{Tightness, Writer, all_of, at_least, binary, chain, not_distinct};
use super::nodes::{Built, Outer, build};
use super::scope::{Kind, Scope, Slot};
use super::uses::{Uses, has_subquery};

/// A join as the FROM of a block, or as EXISTS in the WHERE of the left side's.
///
/// # Errors
/// [`EmitError`] when the dialect cannot say it.
pub(super) fn join(writer: &mut Writer, node: &JoinNode, needed: &[ColumnSet], outer: Outer<'_>) -> Built {
    check(writer.dialect, node)?;
    let (Some(left_needed), Some(right_needed)) = (needed.first(), needed.get(1)) else {
        return Err(InternalError::new("a join without two inputs").into());
    };
    let left = build(writer, &node.left, left_needed, outer)?;
    let right = build(writer, &node.right, right_needed, outer)?;
    match node.join_type {
        JoinType::Inner | JoinType::Left | JoinType::Right | JoinType::Full => {
            side_by_side(writer, node, left, right, outer)
        }
        JoinType::LeftSemi => exists(writer, node, left, right, false, outer),
        JoinType::LeftAnti => exists(writer, node, left, right, true, outer),
        JoinType::RightSemi | JoinType::RightAnti | JoinType::LeftMark | JoinType::RightMark => {
            writer.unsupported(format!("a {} join", node.join_type))
        }
    }
}

/// A join's condition, taken apart.
#[derive(Debug, Default)]
pub(super) struct Condition<'a> {
    /// Pairs that must be equal: of the left side, of the right side.
    equal: Vec<(&'a Expr, &'a Expr)>,
    /// Parts that read the left side only.
    left: Vec<&'a Expr>,
    /// Parts that read the right side only.
    right: Vec<&'a Expr>,
    /// All other parts.
    rest: Vec<&'a Expr>,
}

impl<'a> Condition<'a> {
    /// The planner leaves equalities among the other conditions.
    fn of(node: &'a JoinNode) -> Self {
        let mut condition =
            Self { equal: node.on.iter().map(|(left, right)| (left, right)).collect(), ..Self::default() };
        let parts = node.filter.iter().flat_map(|filter| chain(filter, Operator::And));
        for part in parts {
            match (part, side(part, node)) {
                (_, Some(Side::Left)) => condition.left.push(part),
                (_, Some(Side::Right)) => condition.right.push(part),
                (Expr::BinaryExpr(BinaryExpr { left, op: Operator::Eq, right }), None) => {
                    match (side(left, node), side(right, node)) {
                        (Some(Side::Left), Some(Side::Right)) => condition.equal.push((left, right)),
                        (Some(Side::Right), Some(Side::Left)) => condition.equal.push((right, left)),
                        _ => condition.rest.push(part),
                    }
                }
                (_, None) => condition.rest.push(part),
            }
        }
        condition
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Side {
    Left,
    Right,
}

/// The one side whose columns an expression reads; `None` when it reads both or neither, or holds a subquery.
fn side(expr: &Expr, node: &JoinNode) -> Option<Side> {
    if has_subquery(expr) {
        return None;
    }
    let columns = expr.column_refs();
    let all_in = |schema: &DFSchema| columns.iter().all(|column| position_of(schema, column, 0).is_some());
    match (columns.is_empty(), all_in(node.left.schema()), all_in(node.right.schema())) {
        (false, true, false) => Some(Side::Left),
        (false, false, true) => Some(Side::Right),
        _ => None,
    }
}

/// Whether the dialect has this kind of join.
///
/// # Errors
/// [`EmitError::Unsupported`] when it has not.
pub(super) fn check(dialect: Dialect, node: &JoinNode) -> Result<(), EmitError> {
    let refuse = |what: String| Err(EmitError::unsupported(what, dialect));
    let outer = matches!(node.join_type, JoinType::Left | JoinType::Right | JoinType::Full);
    let known = outer || matches!(node.join_type, JoinType::Inner | JoinType::LeftSemi | JoinType::LeftAnti);
    if !known || node.null_aware {
        return refuse(format!("a {} join", node.join_type));
    }
    if dialect != Dialect::ClickHouse {
        return Ok(());
    }
    if node.null_equality == NullEquality::NullEqualsNull {
        return refuse("a join in which NULL equals NULL".to_owned());
    }
    let condition = Condition::of(node);
    let is_float = |(left, _): &(&Expr, &Expr)| left.get_type(node.left.schema()).is_ok_and(|of| of.is_floating());
    if condition.equal.iter().any(is_float) {
        // Its hash tables go by the bits of a float.
        return refuse("a join on floats".to_owned());
    }
    if node.join_type == JoinType::Inner {
        return Ok(());
    }
    let preserved_side_free = match node.join_type {
        JoinType::Left => condition.left.is_empty(),
        JoinType::Right => condition.right.is_empty(),
        _ => false,
    };
    let full_free = node.join_type == JoinType::Full && condition.left.is_empty() && condition.right.is_empty();
    if condition.equal.is_empty() || !condition.rest.is_empty() || !(preserved_side_free || full_free) {
        return refuse(format!("a {} join on something else than equalities", node.join_type));
    }
    Ok(())
}

fn side_by_side(writer: &mut Writer, node: &JoinNode, left: Block, right: Block, outer: Outer<'_>) -> Built {
    let mut condition = Condition::of(node);
    let (mut left, mut right) = (left, right);
    if writer.dialect == Dialect::ClickHouse && node.join_type != JoinType::Inner {
        // A condition on the side that is filled up with NULLs picks that side's rows before the join.
        right = picked(writer, right, std::mem::take(&mut condition.right), node.right.schema(), outer)?;
        left = picked(writer, left, std::mem::take(&mut condition.left), node.left.schema(), outer)?;
    }
    let (mut from, filters, mut slots) = left_side(writer, node, left);
    let (relation, right_slots) = relation(writer, right, node.right.schema());
    let left_width = slots.len();
    slots.extend(right_slots);
    let equalities = equalities(writer, node, &condition.equal, &slots, left_width, outer)?;
    let scope = Scope { schema: &node.schema, columns: Some(&slots), outer };
    let parts = [condition.left, condition.right, condition.rest].concat();
    let rest = parts.into_iter().map(|part| writer.condition(part, &scope)).collect::<Result<Vec<_>, _>>()?;
    let apart = writer.dialect == Dialect::ClickHouse;
    let (on, more_filters) = if apart { (equalities, rest) } else { ([equalities, rest].concat(), Vec::new()) };
    let mut block = Block::over(None, slots);
    block.filters = filters;
    block.filters.extend(more_filters);
    from.joins.push(ast::Join { relation, global: false, join_operator: operator(node.join_type, on)? });
    block.from = Some(Box::new(from));
    Ok(block)
}

/// A side with these conditions in its WHERE.
fn picked(writer: &mut Writer, mut block: Block, conditions: Vec<&Expr>, schema: &DFSchema, outer: Outer<'_>) -> Built {
    if conditions.is_empty() {
        return Ok(block);
    }
    if !block.is_plain() || !block.has_only_columns() {
        block = block.derive(writer, schema);
    }
    let slots = std::mem::take(&mut block.slots);
    let scope = Scope { schema, columns: Some(&slots), outer };
    for condition in conditions {
        block.filters.push(writer.condition(condition, &scope)?);
    }
    block.slots = slots;
    Ok(block)
}

/// The left side as the beginning of the FROM: a FROM of its own goes on where the join keeps the meaning of its WHERE.
fn left_side(
    writer: &mut Writer,
    node: &JoinNode,
    mut left: Block,
) -> (TableWithJoins, Vec<ast::Expr>, Vec<Option<Slot>>) {
    left.forget_order();
    let keeps_filters = matches!(node.join_type, JoinType::Inner | JoinType::Left);
    let open = left.is_plain() && !left.base && left.has_only_columns() && (keeps_filters || left.filters.is_empty());
    let mut block = if open && left.from.is_some() { left } else { left.derive(writer, node.left.schema()) };
    match block.from.take() {
        Some(from) => (*from, block.filters, block.slots),
        // A derived block always has a FROM.
        None => (TableWithJoins { relation: nothing(), joins: Vec::new() }, block.filters, block.slots),
    }
}

fn nothing() -> TableFactor {
    TableFactor::Derived { lateral: false, subquery: Box::new(super::nodes::empty_query()), alias: None, sample: None }
}

/// A side as one relation: the derived table that it is already, or a new one.
fn relation(writer: &mut Writer, mut block: Block, schema: &DFSchema) -> (TableFactor, Vec<Option<Slot>>) {
    block.forget_order();
    let bare = block.is_plain() && !block.base && block.has_only_columns() && block.filters.is_empty();
    let single = block.from.as_ref().is_some_and(|from| from.joins.is_empty());
    let mut block = if bare && single { block } else { block.derive(writer, schema) };
    match block.from.take() {
        Some(from) => (from.relation, block.slots),
        None => (nothing(), block.slots),
    }
}

fn equalities(
    writer: &mut Writer,
    node: &JoinNode,
    pairs: &[(&Expr, &Expr)],
    slots: &[Option<Slot>],
    left_width: usize,
    outer: Outer<'_>,
) -> Result<Vec<ast::Expr>, EmitError> {
    let (left_slots, right_slots) = slots.split_at(left_width);
    let left_scope = Scope { schema: node.left.schema(), columns: Some(left_slots), outer };
    let right_scope = Scope { schema: node.right.schema(), columns: Some(right_slots), outer };
    // The first pairs are the join's own, the rest were plain equalities among its conditions.
    pairs
        .iter()
        .enumerate()
        .map(|(at, (left, right))| {
            let left = at_least(writer.expr(left, &left_scope)?, Tightness::Arithmetic);
            let right = at_least(writer.expr(right, &right_scope)?, Tightness::Arithmetic);
            let null_equals_null = at < node.on.len() && node.null_equality == NullEquality::NullEqualsNull;
            Ok(match null_equals_null {
                false => binary(left, BinaryOperator::Eq, right),
                true => not_distinct(Box::new(left), Box::new(right)),
            })
        })
        .collect()
}

fn operator(join_type: JoinType, on: Vec<ast::Expr>) -> Result<JoinOperator, EmitError> {
    let on = all_of(on);
    let always = || ast::Expr::Value(Value::Boolean(true).into());
    Ok(match (join_type, on) {
        (JoinType::Inner, None) => JoinOperator::CrossJoin(JoinConstraint::None),
        (JoinType::Inner, Some(on)) => JoinOperator::Inner(JoinConstraint::On(on)),
        (JoinType::Left, on) => JoinOperator::Left(JoinConstraint::On(on.unwrap_or_else(always))),
        (JoinType::Right, on) => JoinOperator::Right(JoinConstraint::On(on.unwrap_or_else(always))),
        (JoinType::Full, on) => JoinOperator::FullOuter(JoinConstraint::On(on.unwrap_or_else(always))),
        (
            JoinType::LeftSemi
            | JoinType::RightSemi
            | JoinType::LeftAnti
            | JoinType::RightAnti
            | JoinType::LeftMark
            | JoinType::RightMark,
            _,
        ) => return Err(InternalError::new(format!("a {join_type} join has no FROM")).into()),
    })
}

/// A semi join is a condition on the left side's rows: `EXISTS (SELECT 1 FROM right WHERE …)`.
fn exists(
    writer: &mut Writer,
    node: &JoinNode,
    mut left: Block,
    right: Block,
    negated: bool,
    outer: Outer<'_>,
) -> Built {
    let schema = node.left.schema();
    let keys = Uses::of(node.on.iter().map(|(left, _)| left), schema)?;
    let fits = left.is_plain() && keys.only(&left.slots, &[Kind::Column]) && node.filter.is_none();
    if !fits {
        left = left.derive(writer, schema);
    }
    let (relation, right_slots) = relation(writer, right, node.right.schema());
    let slots = [left.slots.as_slice(), right_slots.as_slice()].concat();
    let own: Vec<_> = node.on.iter().map(|(left, right)| (left, right)).collect();
    let mut conditions = equalities(writer, node, &own, &slots, left.slots.len(), outer)?;
    if let Some(filter) = &node.filter {
        let both = schema.join(node.right.schema()).map_err(InternalError::new)?;
        conditions.extend(writer.conditions(filter, &Scope { schema: &both, columns: Some(&slots), outer })?);
    }
    let select = ast::Select {
        projection: vec![ast::SelectItem::UnnamedExpr(ast::Expr::Value(Value::Number("1".to_owned(), false).into()))],
        from: vec![TableWithJoins { relation, joins: Vec::new() }],
        selection: all_of(conditions),
        ..empty_select()
    };
    let subquery = Box::new(query(ast::SetExpr::Select(Box::new(select))));
    left.filters.push(ast::Expr::Exists { subquery, negated });
    Ok(left)
}
