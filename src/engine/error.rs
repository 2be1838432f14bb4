//! Every stage's error under one roof.

use crate::base::{ErrorReport, InternalError, SqlState, UserFacing};

/// What can go wrong between a statement and its last row.
#[derive(Debug, Clone, thiserror::Error)]
pub enum EngineError {
    /// The text is no statement, or names what does not exist.
    #[error(transparent)]
    Sql(#[from] crate::sql::SqlError),
    /// The plan could not be guarded.
    #[error(transparent)]
    Guard(#[from] crate::guard::GuardError),
    /// The final statement did not pass the second look.
    #[error(transparent)]
    Verify(#[from] crate::guard::VerifyError),
    /// The plan could not be routed.
    #[error(transparent)]
    Route(#[from] crate::route::RouteError),
    /// A piece could not be written.
    #[error(transparent)]
    Emit(#[from] crate::emit::EmitError),
    /// A store failed.
    #[error(transparent)]
    Store(#[from] crate::stores::StoreError),
    /// The session refuses it: transaction state, settings, limits.
    #[error(transparent)]
    Session(#[from] ErrorReport),
    /// A defect.
    #[error(transparent)]
    Internal(#[from] InternalError),
}

impl EngineError {
    fn inner(&self) -> &dyn UserFacing {
        match self {
            Self::Sql(error) => error,
            Self::Guard(error) => error,
            Self::Verify(error) => error,
            Self::Route(error) => error,
            Self::Emit(error) => error,
            Self::Store(error) => error,
            Self::Session(error) => error,
            Self::Internal(error) => error,
        }
    }
}

impl UserFacing for EngineError {
    fn sqlstate(&self) -> SqlState {
        self.inner().sqlstate()
    }
    fn message(&self) -> String {
        self.inner().message()
    }
    fn detail(&self) -> Option<String> {
        self.inner().detail()
    }
    fn hint(&self) -> Option<String> {
        self.inner().hint()
    }
    fn position(&self) -> Option<usize> {
        self.inner().position()
    }
}
