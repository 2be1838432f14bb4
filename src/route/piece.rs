//! What the router hands on.

use std::sync::Arc;

use datafusion::arrow::datatypes::SchemaRef;
use datafusion::logical_expr::{LogicalPlan, TableSource};

use crate::base::{SqlState, StoreKind, TableName, UserFacing};
use crate::guard::Requirement;

/// What a store's dialect can say. The emitter answers; the router asks.
pub trait Capability {
    /// Whether the store can run this node (its own expressions included, its inputs not).
    fn supports(&self, store: StoreKind, node: &LogicalPlan) -> bool;
}

/// A part of a plan that one store runs whole.
#[derive(Debug, Clone)]
pub struct Piece {
    /// Its number within the statement, from 0.
    pub id: usize,
    /// The store.
    pub store: StoreKind,
    /// The guarded plan of this part; its leaves are table leaves of this store.
    pub plan: LogicalPlan,
    /// What verification must find on every base table of the emitted statement.
    pub requirements: Vec<Requirement>,
    /// Why this store, in a few words for `EXPLAIN`.
    pub reason: String,
}

/// A guarded plan, split by store.
#[derive(Debug, Clone)]
pub struct RoutedPlan {
    /// The pieces by their ids.
    pub pieces: Vec<Arc<Piece>>,
    /// What runs in process over the pieces' rows ([`PieceLeaf`]) and over rows that are already here; `None` when
    /// piece 0 is the whole statement.
    pub local: Option<LogicalPlan>,
}

/// The leaf of a local plan that stands for a piece's rows.
#[derive(Debug, Clone)]
pub struct PieceLeaf {
    /// The piece.
    pub piece: usize,
    schema: SchemaRef,
}

impl PieceLeaf {
    /// The leaf for a piece with these columns.
    #[must_use]
    pub fn new(piece: usize, schema: SchemaRef) -> Self {
        Self { piece, schema }
    }

    /// The leaf behind a plan's table source, when it is one.
    #[must_use]
    pub fn of(source: &Arc<dyn TableSource>) -> Option<&Self> {
        (source.as_ref() as &dyn std::any::Any).downcast_ref::<Self>()
    }
}

impl TableSource for PieceLeaf {
    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }
}

/// Why a plan cannot be routed.
#[derive(Debug, Clone, thiserror::Error)]
pub enum RouteError {
    /// The plan holds something that no store and no process runs.
    #[error("{0} is not supported")]
    Unsupported(String),
    /// A query uses columns of a logical table that no placement has together.
    #[error("no placement of {table} has all columns that the query uses")]
    NoPlacement {
        /// The logical table.
        table: TableName,
        /// What each placement lacks.
        lacks: String,
    },
    /// A defect: the plan is not what the guard hands out.
    #[error(transparent)]
    Internal(#[from] crate::base::InternalError),
}

impl UserFacing for RouteError {
    fn sqlstate(&self) -> SqlState {
        match self {
            Self::Unsupported(_) | Self::NoPlacement { .. } => SqlState::FEATURE_NOT_SUPPORTED,
            Self::Internal(error) => error.sqlstate(),
        }
    }
    fn detail(&self) -> Option<String> {
        match self {
            Self::NoPlacement { lacks, .. } => Some(format!("{lacks}.")),
            Self::Unsupported(_) | Self::Internal(_) => None,
        }
    }
    fn hint(&self) -> Option<String> {
        match self {
            Self::Unsupported(_) => None,
            Self::NoPlacement { .. } => Some(
                "Name the columns that you need instead of *, or read those of each placement on their own.".to_owned(),
            ),
            Self::Internal(error) => error.hint(),
        }
    }
}
