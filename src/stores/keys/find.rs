//! Which keys can go where.

use std::collections::BTreeMap;
use std::sync::Arc;

use datafusion::arrow::datatypes::DataType;
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::common::{NullEquality, Result};
use datafusion::logical_expr::logical_plan::{Join, TableScan};
use datafusion::logical_expr::{Expr, ExprSchemable, JoinType, LogicalPlan};

use crate::base::StoreKind;
use crate::catalog::TableLeaf;
use crate::route::{Piece, store_type};
use crate::stores::local::piece_of;

use super::descend::{Purpose, compares_alike, to_scan};
use super::estimate::{Estimate, estimate};

/// A column of a piece's rows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyColumn {
    /// The piece's number.
    pub piece: usize,
    /// The column's place in its rows.
    pub position: usize,
    /// The column's name there.
    pub name: String,
}

/// Keys that go from one piece to another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Transfer {
    /// The piece that runs first, and its column.
    pub from: KeyColumn,
    /// The piece that waits. Only its rows with one of the keys count.
    pub to: KeyColumn,
    /// The type in which the join compares them.
    pub(super) compared_as: DataType,
}

/// What keys go where in one query.
#[derive(Debug, Clone, Default)]
pub struct KeyPlan {
    transfers: Vec<Transfer>,
    turns: Vec<Vec<usize>>,
}

impl KeyPlan {
    /// The transfers.
    #[must_use]
    pub fn transfers(&self) -> &[Transfer] {
        &self.transfers
    }

    /// The pieces of all transfers. What waits for keys comes in a later turn than what they come from.
    #[must_use]
    pub fn turns(&self) -> &[Vec<usize>] {
        &self.turns
    }

    /// What a piece waits for.
    pub fn to(&self, piece: usize) -> impl Iterator<Item = &Transfer> {
        self.transfers.iter().filter(move |transfer| transfer.to.piece == piece)
    }

    /// The columns whose keys are wanted of a piece, each once.
    #[must_use]
    pub fn wanted_of(&self, piece: usize) -> Vec<usize> {
        let from = self.transfers.iter().map(|transfer| &transfer.from).filter(|from| from.piece == piece);
        let mut columns: Vec<usize> = from.map(|from| from.position).collect();
        columns.sort_unstable();
        columns.dedup();
        columns
    }
}

/// Finds the joins of an optimised plan in which the keys of one piece can filter another. A piece that is likely to have
/// fewer keys gives them to one that is likely to have more; `most` is how many are sent, and 0 sends none.
///
/// # Errors
/// When the plan is not one that the engine can walk.
pub fn find(plan: &LogicalPlan, pieces: &[Arc<Piece>], most: usize) -> Result<KeyPlan> {
    if most == 0 || pieces.len() < 2 {
        return Ok(KeyPlan::default());
    }
    let mut reads: BTreeMap<usize, usize> = BTreeMap::new();
    let mut possible = Vec::new();
    plan.apply_with_subqueries(|node| {
        match node {
            LogicalPlan::TableScan(scan) => {
                if let Some(piece) = piece_of(&scan.source) {
                    *reads.entry(piece).or_default() += 1;
                }
            }
            LogicalPlan::Join(join) => possible.extend(of_join(join, pieces)),
            _ => {}
        }
        Ok(TreeNodeRecursion::Continue)
    })?;
    // A piece that is read in two places is filtered for neither: the other one may need the rows.
    possible.retain(|transfer| reads.get(&transfer.to.piece) == Some(&1));
    Ok(chosen(possible, pieces, most))
}

/// The transfers from fewer keys to more: so no piece waits for itself.
fn chosen(possible: Vec<Transfer>, pieces: &[Arc<Piece>], most: usize) -> KeyPlan {
    let mut estimates: BTreeMap<usize, Estimate> = BTreeMap::new();
    for column in possible.iter().flat_map(|transfer| [&transfer.from, &transfer.to]) {
        let Some(piece) = pieces.get(column.piece) else { continue };
        let estimate = estimate(piece, column.position, most);
        let known = estimates.entry(column.piece).or_insert(estimate);
        *known = estimate.min(*known);
    }
    let mut transfers: Vec<Transfer> = Vec::new();
    for transfer in possible {
        let is_to_more = estimates.get(&transfer.from.piece) < estimates.get(&transfer.to.piece);
        if is_to_more && !transfers.contains(&transfer) {
            transfers.push(transfer);
        }
    }
    let mut turns: BTreeMap<Estimate, Vec<usize>> = BTreeMap::new();
    for (piece, estimate) in estimates {
        if transfers.iter().any(|transfer| transfer.from.piece == piece || transfer.to.piece == piece) {
            turns.entry(estimate).or_default().push(piece);
        }
    }
    KeyPlan { transfers, turns: turns.into_values().collect() }
}

/// The transfers that keep the meaning of a join, whichever side is the smaller one.
fn of_join(join: &Join, pieces: &[Arc<Piece>]) -> Vec<Transfer> {
    if join.null_equality == NullEquality::NullEqualsNull || join.null_aware {
        return Vec::new();
    }
    // A side may be filtered when its rows without a partner do not show.
    let (to_left, to_right) = match join.join_type {
        JoinType::Inner | JoinType::LeftSemi | JoinType::RightSemi => (true, true),
        JoinType::Left | JoinType::LeftAnti => (false, true),
        JoinType::Right | JoinType::RightAnti => (true, false),
        JoinType::Full | JoinType::LeftMark | JoinType::RightMark => (false, false),
    };
    let mut found = Vec::new();
    for (left, right) in &join.on {
        let (left, right) = ((left, join.left.as_ref()), (right, join.right.as_ref()));
        if to_right {
            found.extend(transfer(left, right, pieces));
        }
        if to_left {
            found.extend(transfer(right, left, pieces));
        }
    }
    found
}

/// A key and the side of the join that it is of.
type Key<'a> = (&'a Expr, &'a LogicalPlan);

fn transfer(from: Key<'_>, to: Key<'_>, pieces: &[Arc<Piece>]) -> Option<Transfer> {
    let compared_as = from.0.get_type(from.1.schema()).ok()?;
    if to.0.get_type(to.1.schema()).ok()? != compared_as {
        return None;
    }
    let from = key_column(from, Purpose::Values)?;
    let to = key_column(to, Purpose::Filter)?;
    let piece = pieces.get(to.piece).filter(|_| from.piece != to.piece)?;
    let is_worth_it = finds_by(piece, to.position) && is_read_exactly(piece, to.position);
    is_worth_it.then_some(Transfer { from, to, compared_as })
}

fn key_column((expr, side): Key<'_>, purpose: Purpose) -> Option<KeyColumn> {
    let (scan, column) = to_scan(side, expr, purpose)?;
    let piece = piece_of(&scan.source)?;
    let position = scan.source.schema().index_of(&column.name).ok()?;
    let is_comparable = compares_alike(scan.source.schema().field(position).data_type());
    is_comparable.then_some(KeyColumn { piece, position, name: column.name })
}

/// Whether the store reads less when it knows the values of the column. Redis finds a row by its key, and by nothing else.
fn finds_by(piece: &Piece, position: usize) -> bool {
    let schema = piece.plan.schema();
    if position >= schema.fields().len() {
        return false;
    }
    let output = Expr::Column(schema.qualified_field(position).into());
    match piece.store {
        StoreKind::ClickHouse | StoreKind::Materialize => true,
        StoreKind::Redis => {
            to_scan(&piece.plan, &output, Purpose::Filter).is_some_and(|(scan, column)| is_key(scan, &column.name))
        }
    }
}

/// Whether a store compares the values that are read from it: a `numeric` without a scale is rounded when it is read.
fn is_read_exactly(piece: &Piece, position: usize) -> bool {
    let schema = piece.plan.schema();
    if piece.store != StoreKind::Materialize || !schema.field(position).data_type().is_decimal() {
        return true;
    }
    let output = Expr::Column(schema.qualified_field(position).into());
    to_scan(&piece.plan, &output, Purpose::Values)
        .and_then(|(scan, column)| store_type(scan, &column.name))
        .is_some_and(|(_, own)| own.contains(','))
}

fn is_key(scan: &TableScan, column: &str) -> bool {
    TableLeaf::of(&scan.source).is_some_and(|leaf| leaf.table().key.as_deref() == Some(column))
}
