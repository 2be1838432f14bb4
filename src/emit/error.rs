//! Why a piece cannot be written.

use crate::base::{InternalError, SqlState, UserFacing};

use super::dialect::Dialect;

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

impl EmitError {
    pub(super) fn unsupported(what: impl Into<String>, dialect: Dialect) -> Self {
        Self::Unsupported { what: what.into(), dialect }
    }
}

impl UserFacing for EmitError {
    fn sqlstate(&self) -> SqlState {
        match self {
            Self::Unsupported { .. } => SqlState::FEATURE_NOT_SUPPORTED,
            Self::Internal(error) => error.sqlstate(),
        }
    }

    fn hint(&self) -> Option<String> {
        match self {
            Self::Unsupported { .. } => None,
            Self::Internal(error) => error.hint(),
        }
    }
}
