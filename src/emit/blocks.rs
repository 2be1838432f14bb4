//! SELECT blocks: each plan node fills a slot of the current block or opens a new one.

use datafusion::logical_expr::LogicalPlan;
use sqlparser::ast::Statement;

use crate::base::{InternalError, SqlState, StoreKind, UserFacing};
use crate::route::{Capability, Piece};

use super::dialect::Dialect;

/// A statement for one piece.
#[derive(Debug, Clone)]
pub struct Emitted {
    /// The dialect it is written in.
    pub dialect: Dialect,
    /// The tree.
    pub statement: Statement,
    /// The numbers of the client's parameters that it holds, in the order of the store's own placeholders.
    pub parameters: Vec<usize>,
}

/// The emitter as the router asks it.
#[derive(Debug, Clone, Copy, Default)]
pub struct Emitter;

impl Capability for Emitter {
    fn supports(&self, _store: StoreKind, _node: &LogicalPlan) -> bool {
        todo!("emit helper")
    }
}

/// Why a piece cannot be written.
#[derive(Debug, Clone, thiserror::Error)]
pub enum EmitError {
    /// The dialect has no way to say it.
    #[error("{what} is not supported on {}", dialect.name())]
    Unsupported {
        /// What cannot be said.
        what: String,
        /// In which dialect.
        dialect: Dialect,
    },
    /// A defect.
    #[error(transparent)]
    Internal(#[from] InternalError),
}

impl UserFacing for EmitError {
    fn sqlstate(&self) -> SqlState {
        match self {
            Self::Unsupported { .. } => SqlState::FEATURE_NOT_SUPPORTED,
            Self::Internal(error) => error.sqlstate(),
        }
    }
}

/// Writes a piece as one statement.
///
/// # Errors
/// [`EmitError`] when the dialect cannot say it.
pub fn emit(_piece: &Piece, _dialect: Dialect) -> Result<Emitted, EmitError> {
    todo!("emit helper")
}
