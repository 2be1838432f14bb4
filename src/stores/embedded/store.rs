//! A store of tables in memory.

use std::sync::Arc;

use async_trait::async_trait;
use datafusion::catalog::TableProvider;
use datafusion::execution::SendableRecordBatchStream;
use datafusion::logical_expr::{LogicalPlan, TableSource};

use crate::base::StoreKind;
use crate::catalog::{self, TableLeaf};
use crate::guard::{Requirement, VerifiedStatement};
use crate::route::Piece;
use crate::stores::local::{LocalExecutor, PreparedLocal};
use crate::stores::{PreparedPiece, RunContext, Store, StoreError};

use super::scan::guarded_provider;
use super::table::EmbeddedTable;

/// One of the three stores, played by tables in memory. It runs the piece itself; the emitted statement is what a real
/// store would be sent, and only shown.
#[derive(Debug)]
pub struct EmbeddedStore {
    kind: StoreKind,
    tables: Vec<Arc<EmbeddedTable>>,
    executor: Arc<LocalExecutor>,
}

impl EmbeddedStore {
    /// A store that plays `kind` with these tables.
    #[must_use]
    pub fn new(kind: StoreKind, tables: Vec<Arc<EmbeddedTable>>, executor: Arc<LocalExecutor>) -> Self {
        Self { kind, tables, executor }
    }

    /// Gets a guarded plan over this store's table leaves ready.
    ///
    /// # Errors
    /// [`StoreError`] when a leaf is not a table of this store, nothing is required of it, or the engine cannot run the
    /// plan.
    pub fn prepare_plan(
        &self,
        plan: &LogicalPlan,
        requirements: &[Requirement],
    ) -> Result<Arc<dyn PreparedPiece>, StoreError> {
        let local = self.executor.prepare(plan, &|source| self.provider(source, requirements))?;
        Ok(Arc::new(EmbeddedPiece { executor: Arc::clone(&self.executor), local }))
    }

    /// A leaf's rows, less those that are not the tenant's. What several requirements say of one table is the same: a
    /// piece is one tenant's.
    fn provider(&self, source: &Arc<dyn TableSource>, requirements: &[Requirement]) -> Option<Arc<dyn TableProvider>> {
        let wanted = TableLeaf::of(source)?.table();
        let table = self.tables.iter().find(|table| table.name() == &wanted.name)?;
        let requirement = requirements.iter().find(|required| required.physical == wanted.physical)?;
        guarded_provider(Arc::clone(table), requirement).ok()
    }
}

#[async_trait]
impl Store for EmbeddedStore {
    fn kind(&self) -> StoreKind {
        self.kind
    }

    fn prepare(
        &self,
        piece: &Arc<Piece>,
        _statement: &VerifiedStatement,
        _parameters: &[usize],
    ) -> Result<Arc<dyn PreparedPiece>, StoreError> {
        self.prepare_plan(&piece.plan, &piece.requirements)
    }

    fn has_own_catalog(&self) -> bool {
        false
    }

    async fn discover(&self) -> Result<Vec<catalog::Table>, StoreError> {
        Ok(self.tables.iter().map(|table| table.definition().as_ref().clone()).collect())
    }

    async fn ping(&self) -> Result<(), StoreError> {
        Ok(())
    }
}

#[derive(Debug)]
struct EmbeddedPiece {
    executor: Arc<LocalExecutor>,
    local: PreparedLocal,
}

#[async_trait]
impl PreparedPiece for EmbeddedPiece {
    async fn run(&self, context: &RunContext) -> Result<SendableRecordBatchStream, StoreError> {
        self.executor.run(&self.local, context).await
    }
}

#[cfg(test)]
#[path = "store_tests.rs"]
mod tests;
