//! The stores: the only folder that opens a connection to one.
//!
//! Comes in: a routed piece and its verified statement. Goes out: a stream of Arrow record batches.
//! Does not: plan, or know a session.
//! Invariant: a store runs a [`VerifiedStatement`] or the piece that it was emitted from, and nothing else.

mod bounded;
pub mod clickhouse;
mod conform;
pub mod decorrelate;
pub mod embedded;
pub mod hub;
pub mod keys;
mod leaf;
pub mod local;
pub mod materialize;
mod metrics;
mod observed;
mod outdated;
pub mod redis;
pub mod resilience;
mod trust;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Instant;

use async_trait::async_trait;
use datafusion::common::ScalarValue;
use datafusion::execution::SendableRecordBatchStream;
use tokio_util::sync::CancellationToken;

use crate::base::{ErrorReport, RequestClock, SqlState, StoreKind, TenantId, UserFacing};
use crate::emit::Dialect;
use crate::guard::VerifiedStatement;
use crate::route::Piece;

pub use metrics::{StoreLabel, StoreMetrics};
pub use observed::{Observations, Observed, ReceivedKeys, observed};
pub use outdated::Outdated;
pub use resilience::{BreakerState, Condition};
pub use trust::{InvalidAuthorities, Trust};

/// What one run of a piece is given.
#[derive(Debug, Clone)]
pub struct RunContext {
    /// Whose run it is, and so whose share of the memory it takes.
    pub tenant: TenantId,
    /// The values of `$1`, `$2` …
    pub parameters: Arc<[ScalarValue]>,
    /// The start of the statement and its transaction.
    pub clock: RequestClock,
    /// When the run must have ended, if it must.
    pub deadline: Option<Instant>,
    /// Cancelled when the client cancels, the deadline passes or the client is gone.
    pub cancel: CancellationToken,
    /// Where the pieces tell what they took, if somebody wants to know.
    pub observations: Option<Arc<Observations>>,
    /// What runs in the place of pieces, by their numbers: rows that are here already, or a part of the rows.
    pub given: Arc<GivenPieces>,
    /// Where the pieces tell that their store's tables are not those of the plan.
    pub outdated: Arc<Outdated>,
}

/// What runs in the place of pieces in one run, by their numbers.
pub type GivenPieces = BTreeMap<usize, Arc<dyn PreparedPiece>>;

/// A piece that a store is ready to run, again and again.
#[async_trait]
pub trait PreparedPiece: Send + Sync + std::fmt::Debug {
    /// Starts a run. Rows come as they are made; an error may come after rows and ends the stream.
    async fn run(&self, context: &RunContext) -> Result<SendableRecordBatchStream, StoreError>;
}

/// One store.
#[async_trait]
pub trait Store: Send + Sync + std::fmt::Debug {
    /// Which one.
    fn kind(&self) -> StoreKind;

    /// The dialect that it reads.
    fn dialect(&self) -> Dialect {
        Dialect::of(self.kind())
    }

    /// Gets a piece ready: what can be done once for many runs is done here.
    ///
    /// # Errors
    /// [`StoreError`] when the store cannot run it.
    fn prepare(
        &self,
        piece: &Arc<Piece>,
        statement: &VerifiedStatement,
        parameters: &[usize],
    ) -> Result<Arc<dyn PreparedPiece>, StoreError>;

    /// Whether its tables can change while this process runs.
    fn has_own_catalog(&self) -> bool;

    /// How the connection to it is; `None` for one in this process.
    fn condition(&self) -> Option<Condition> {
        None
    }

    /// The tables that it holds now.
    async fn discover(&self) -> Result<Vec<crate::catalog::Table>, StoreError>;

    /// Whether it answers.
    async fn ping(&self) -> Result<(), StoreError>;
}

/// Texts that outlive this process, by key: the one thing that is written, and never among what the stores serve.
#[async_trait]
pub trait KeptTexts: Send + Sync + std::fmt::Debug {
    /// The text of a key; `None` where there is none, or one of more than so many bytes.
    async fn read(&self, key: &str, most_bytes: usize) -> Result<Option<Vec<u8>>, StoreError>;

    /// Keeps a text under a key for so long, whatever was there before.
    async fn write(&self, key: &str, text: &[u8], lifetime: std::time::Duration) -> Result<(), StoreError>;
}

/// Why a store gave no rows, or stopped.
#[derive(Debug, Clone, thiserror::Error)]
pub enum StoreError {
    /// It cannot be reached.
    #[error("store {store} is not available")]
    Unavailable {
        /// Which one.
        store: StoreKind,
        /// What the connection said.
        detail: String,
    },
    /// It says that a table or a column of the statement is not there, or has another type.
    #[error("store {store} does not have what its statement reads")]
    Outdated {
        /// Which one.
        store: StoreKind,
    },
    /// It refused the statement, or failed while it ran.
    #[error(transparent)]
    Failed(#[from] ErrorReport),
}

impl UserFacing for StoreError {
    fn sqlstate(&self) -> SqlState {
        match self {
            Self::Unavailable { .. } => SqlState::CONNECTION_FAILURE,
            Self::Outdated { .. } => SqlState::INTERNAL_ERROR,
            Self::Failed(report) => report.sqlstate,
        }
    }
    fn detail(&self) -> Option<String> {
        match self {
            Self::Unavailable { detail, .. } => Some(detail.clone()),
            Self::Outdated { .. } => Some(
                "A table or a column is not there, or has another type, although the store lists it; the log says which."
                    .to_owned(),
            ),
            Self::Failed(report) => report.detail.clone(),
        }
    }
    fn hint(&self) -> Option<String> {
        match self {
            Self::Unavailable { .. } => None,
            Self::Outdated { .. } => Some("If it changes just now, run the statement again.".to_owned()),
            Self::Failed(report) => report.hint.clone(),
        }
    }
    fn position(&self) -> Option<usize> {
        match self {
            Self::Unavailable { .. } | Self::Outdated { .. } => None,
            Self::Failed(report) => report.position,
        }
    }
}

/// What a client is told of a connection that failed: of a certificate what is wrong with it, of all else nothing.
fn failed_connection(error: &(dyn std::error::Error + 'static)) -> &'static str {
    trust::refusal(error).unwrap_or("The connection to the store failed; the log says how.")
}

/// An error and its causes, for the log; the outermost alone says little.
fn causes(error: &dyn std::error::Error) -> String {
    std::iter::successors(Some(error), |inner| inner.source()).map(ToString::to_string).collect::<Vec<_>>().join(": ")
}
