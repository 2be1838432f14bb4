//! What runs in process: plans over rows that are here, and over the rows of pieces.
//!
//! Comes in: a logical plan, typed and coerced, and where its leaves' rows are. Goes out: a stream of record batches.
//! Does not: resolve names, or guard: what it is given was guarded before.
//! Invariant: what is prepared once holds nothing of one run: no value, no clock, no row.

mod columnless;
mod constants;
mod dependencies;
mod distinct_on;
mod infinite;
mod keep_order;
mod late_projection;
mod lazy;
mod list_items;
mod lookup;
mod misread;
mod not_in;
mod null_safe;
mod nullable;
mod one_row;
mod piece;
mod plain_keys;
mod repeated_windows;
mod run_size;
mod session;
mod share;
mod sound;
mod steps;
mod unnest_keys;
mod unread;
mod window_keys;

use std::fmt;
use std::sync::Arc;

use datafusion::arrow::datatypes::SchemaRef;
use datafusion::catalog::{MemTable, TableProvider};
use datafusion::common::tree_node::{Transformed, TreeNodeRecursion};
use datafusion::common::{DataFusionError, Result as EngineResult};
use datafusion::datasource::{DefaultTableSource, source_as_provider};
use datafusion::execution::disk_manager::{DiskManagerBuilder, DiskManagerMode};
use datafusion::execution::memory_pool::{GreedyMemoryPool, TrackConsumersPool};
use datafusion::execution::runtime_env::RuntimeEnvBuilder;
use datafusion::execution::session_state::{SessionState, SessionStateBuilder};
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::logical_expr::{LogicalPlan, TableScan, TableSource};
use datafusion::physical_optimizer::PhysicalOptimizerRule;
use datafusion::physical_optimizer::ensure_coop::EnsureCooperative;
use datafusion::physical_optimizer::limit_pushdown::LimitPushdown;
use datafusion::physical_optimizer::projection_pushdown::ProjectionPushdown;
use datafusion::physical_plan::execute_stream;
use datafusion::physical_planner::{DefaultPhysicalPlanner, ExtensionPlanner, PhysicalPlanner};
use datafusion::prelude::SessionConfig;
use tokio::runtime::{Builder, Handle, Runtime};

use crate::base::current_run::CurrentRun;
use crate::base::engine_error;
use crate::base::limits::{self, LimitSet};
use crate::base::{InternalError, UserFacing};
use crate::catalog::RowsLeaf;
use crate::functions;

use super::bounded;
use super::decorrelate::decorrelate;
use super::embedded::RunSnapshots;
use super::{RunContext, StoreError};

use constants::HideConstants;
use keep_order::KeepOrder;
use lookup::Lookup;
pub(in crate::stores) use piece::piece_of;
pub use piece::piece_provider;
pub(in crate::stores) use run_size::RunSize;
use session::RunSession;
use share::Shares;
use sound::SoundPlan;
use steps::StepPlanner;

/// Rows of one batch: what flows between operators and to the client at once.
const BATCH_ROWS: usize = 8_192;

/// Tells where a leaf's rows are; `None` when it is not the caller's leaf.
pub type ResolveLeaf<'a> = dyn Fn(&Arc<dyn TableSource>) -> Option<Arc<dyn TableProvider>> + 'a;

type PhysicalRules = Arc<[Arc<dyn PhysicalOptimizerRule + Send + Sync>]>;

/// Runs plans in this process. One for the whole server: all queries together stay within one memory limit, and those of
/// one tenant within its share.
pub struct LocalExecutor {
    state: Arc<SessionState>,
    simple_rules: PhysicalRules,
    all_rules: PhysicalRules,
    planner: DefaultPhysicalPlanner,
    shares: Shares,
    compute: Option<Runtime>,
}

/// A plan that is optimised and whose leaves are known; it can be run again and again.
#[derive(Debug, Clone)]
pub struct PreparedLocal {
    plan: LogicalPlan,
    schema: SchemaRef,
    simple: bool,
    lookup: Option<Lookup>,
}

impl PreparedLocal {
    /// The columns of its rows.
    #[must_use]
    pub fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    /// Whether its rows are found by a key, without a physical plan.
    #[cfg(test)]
    pub(in crate::stores) fn is_lookup(&self) -> bool {
        self.lookup.is_some()
    }

    /// The optimised plan, for `EXPLAIN`.
    #[must_use]
    pub fn plan(&self) -> &LogicalPlan {
        &self.plan
    }
}

impl fmt::Debug for LocalExecutor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LocalExecutor").finish_non_exhaustive()
    }
}

impl Drop for LocalExecutor {
    fn drop(&mut self) {
        // A runtime may not be waited for inside another one.
        if let Some(compute) = self.compute.take() {
            compute.shutdown_background();
        }
    }
}

impl LocalExecutor {
    /// The executor with its memory limit and its own threads.
    ///
    /// # Errors
    /// [`InternalError`] when the system gives no threads.
    pub fn new(limits: &LimitSet) -> Result<Arc<Self>, InternalError> {
        let state = Arc::new(session_state(limits)?);
        let compute = Builder::new_multi_thread()
            .thread_name("flowforge-query")
            .worker_threads(std::thread::available_parallelism().map_or(2, std::num::NonZero::get))
            .enable_all()
            .build()
            .map_err(InternalError::new)?;
        let simple_rules: PhysicalRules = Arc::new([
            Arc::new(LimitPushdown::new()),
            Arc::new(ProjectionPushdown::new()),
            Arc::new(EnsureCooperative::new()),
        ]);
        let first: [Arc<dyn PhysicalOptimizerRule + Send + Sync>; 2] = [Arc::new(HideConstants), Arc::new(KeepOrder)];
        let last: [Arc<dyn PhysicalOptimizerRule + Send + Sync>; 1] = [Arc::new(SoundPlan)];
        let library = sound::library_rules(state.physical_optimizers());
        let all_rules = first.iter().chain(library).chain(&last).map(Arc::clone).collect();
        let share_bytes = limits.of(limits::QUERY_MEMORY_PER_TENANT_BYTES);
        let shares = Shares::new(Arc::clone(state.runtime_env()), share_bytes);
        let steps: Arc<dyn ExtensionPlanner + Send + Sync> = Arc::new(StepPlanner);
        let planner = DefaultPhysicalPlanner::with_extension_planners(vec![steps]);
        Ok(Arc::new(Self { state, simple_rules, all_rules, planner, shares, compute: Some(compute) }))
    }

    /// Gets a plan ready. Leaves of [`RowsLeaf`] and of the engine's own tables need no `resolve`.
    ///
    /// # Errors
    /// [`StoreError::Failed`] when a leaf is nobody's, or the plan is one that the engine cannot optimise.
    pub fn prepare(&self, plan: &LogicalPlan, resolve: &ResolveLeaf<'_>) -> Result<PreparedLocal, StoreError> {
        let with_rows = unread::prune(plan.clone())
            .and_then(misread::shield)
            .and_then(nullable::shield)
            .and_then(decorrelate)
            .and_then(distinct_on::lower)
            .and_then(not_in::shield)
            .and_then(one_row::shield)
            .and_then(unnest_keys::shield)
            .and_then(plain_keys::shield)
            .and_then(infinite::shield)
            .and_then(steps::share)
            .and_then(|plan| plan.transform_down_with_subqueries(|node| resolve_leaf(node, resolve)))
            // What was a branch of a union still has the union's columns, which are nobody's; the engine would refuse its own.
            .and_then(|plan| plan.data.recompute_schema())
            .map_err(|error| failed(&error))?;
        let plan = self
            .state
            .optimizer()
            .optimize(with_rows, self.state.as_ref(), |_, _| {})
            .and_then(columnless::unsorted)
            .and_then(lazy::order)
            .and_then(late_projection::lift)
            .and_then(window_keys::plain)
            .and_then(list_items::shield)
            .and_then(steps::nullable)
            .map_err(|error| failed(&error))?;
        let schema = Arc::clone(plan.schema().inner());
        let simple = is_simple(&plan).map_err(|error| failed(&error))?;
        let lookup = Lookup::of(&plan);
        Ok(PreparedLocal { plan, schema, simple, lookup })
    }

    /// Starts a run. The stream ends with `57014` when the run is cancelled or its deadline passes.
    ///
    /// # Errors
    /// [`StoreError::Failed`] when a value does not fit its parameter, or the engine cannot run the plan.
    pub async fn run(
        &self,
        prepared: &PreparedLocal,
        context: &RunContext,
    ) -> Result<SendableRecordBatchStream, StoreError> {
        if let Some(lookup) = &prepared.lookup
            && let Some(rows) = lookup.open(&context.parameters).map_err(|error| failed(&error))?
        {
            return Ok(bounded::bounded(rows, context));
        }
        let size = Arc::new(RunSize::default());
        let session = self.session(prepared.simple, context, &size)?;
        let plan = functions::bind(&prepared.plan, &context.parameters, context.clock)?;
        let physical = self.planner.create_physical_plan(&plan, &session).await.map_err(|error| failed(&error))?;
        let task = Arc::new(TaskContext::from(&session as &dyn datafusion::catalog::Session));
        let memory = Arc::clone(task.memory_pool());
        let rows = execute_stream(physical, task).map_err(|error| failed(&error))?;
        // Handing a point lookup to another thread would cost more than its own work.
        let at_once = prepared.simple && size.rows() <= BATCH_ROWS;
        let rows = match at_once {
            true => rows,
            false => {
                let run = CurrentRun { cancel: context.cancel.clone(), deadline: context.deadline, memory };
                bounded::spawned(&self.compute_handle()?, rows, run)
            }
        };
        Ok(bounded::bounded(rows, context))
    }

    /// What one run plans with; its leaves tell the size what they read.
    fn session(&self, simple: bool, context: &RunContext, size: &Arc<RunSize>) -> Result<RunSession, StoreError> {
        let rules = if simple { &self.simple_rules } else { &self.all_rules };
        let config = self
            .state
            .config()
            .clone()
            .with_extension(Arc::new(context.clone()))
            .with_extension(Arc::new(RunSnapshots::default()))
            .with_extension(Arc::clone(size));
        let runtime = self.shares.of(&context.tenant).map_err(|error| failed(&error))?;
        Ok(RunSession::new(Arc::clone(&self.state), config, Arc::clone(rules), runtime))
    }

    fn compute_handle(&self) -> Result<Handle, StoreError> {
        match &self.compute {
            Some(compute) => Ok(compute.handle().clone()),
            None => Err(StoreError::Failed(InternalError::new("the executor has ended").report())),
        }
    }
}

fn session_state(limits: &LimitSet) -> Result<SessionState, InternalError> {
    let pool = GreedyMemoryPool::new(limits.of(limits::QUERY_MEMORY_BYTES));
    let consumers_in_message = std::num::NonZero::<usize>::MIN;
    let runtime = RuntimeEnvBuilder::new()
        .with_memory_pool(Arc::new(TrackConsumersPool::new(pool, consumers_in_message)))
        .with_disk_manager_builder(DiskManagerBuilder::default().with_mode(DiskManagerMode::Disabled))
        .build_arc()
        .map_err(InternalError::new)?;
    // One partition: with one query a core the exchange between partitions costs more than it gives, and a point
    // lookup pays nothing for it.
    let mut config = SessionConfig::new();
    // A union of a column that may be NULL with one that may not is not the same schema to this check; its rows are right.
    config.options_mut().execution.skip_physical_aggregate_schema_check = true;
    let config = config
        .with_target_partitions(1)
        .with_batch_size(BATCH_ROWS)
        .with_information_schema(false)
        .with_create_default_catalog_and_schema(false);
    Ok(SessionStateBuilder::new()
        .with_config(config)
        .with_runtime_env(runtime)
        .with_optimizer_rules(repeated_windows::guarded(dependencies::guarded(null_safe::rules())))
        .build())
}

fn failed(error: &DataFusionError) -> StoreError {
    StoreError::Failed(engine_error::report(error))
}

fn resolve_leaf(node: LogicalPlan, resolve: &ResolveLeaf<'_>) -> EngineResult<Transformed<LogicalPlan>> {
    let LogicalPlan::TableScan(scan) = node else { return Ok(Transformed::no(node)) };
    let provider: Arc<dyn TableProvider> = if let Some(provider) = resolve(&scan.source) {
        provider
    } else if let Some(leaf) = RowsLeaf::of(&scan.source) {
        Arc::new(MemTable::try_new(leaf.rows().schema(), vec![vec![leaf.rows().clone()]])?)
    } else if source_as_provider(&scan.source).is_ok() {
        return Ok(Transformed::no(LogicalPlan::TableScan(scan)));
    } else {
        return Err(DataFusionError::Internal(format!("nobody has the rows of {}", scan.table_name)));
    };
    let source = Arc::new(DefaultTableSource::new(provider));
    Ok(Transformed::yes(LogicalPlan::TableScan(TableScan { source, ..scan })))
}

/// Whether the plan is one line of filters and projections over one leaf: what a point lookup looks like.
fn is_simple(plan: &LogicalPlan) -> EngineResult<bool> {
    let mut simple = true;
    plan.apply_with_subqueries(|node| {
        simple &= match node {
            LogicalPlan::Projection(_)
            | LogicalPlan::Filter(_)
            | LogicalPlan::SubqueryAlias(_)
            | LogicalPlan::Limit(_)
            | LogicalPlan::EmptyRelation(_)
            | LogicalPlan::Values(_) => true,
            LogicalPlan::TableScan(scan) => is_our_provider(&scan.source),
            LogicalPlan::Window(_)
            | LogicalPlan::Aggregate(_)
            | LogicalPlan::Sort(_)
            | LogicalPlan::Join(_)
            | LogicalPlan::Repartition(_)
            | LogicalPlan::Union(_)
            | LogicalPlan::Subquery(_)
            | LogicalPlan::Statement(_)
            | LogicalPlan::Explain(_)
            | LogicalPlan::Analyze(_)
            | LogicalPlan::Extension(_)
            | LogicalPlan::Distinct(_)
            | LogicalPlan::Dml(_)
            | LogicalPlan::Ddl(_)
            | LogicalPlan::Copy(_)
            | LogicalPlan::DescribeTable(_)
            | LogicalPlan::Unnest(_)
            | LogicalPlan::RecursiveQuery(_) => false,
        };
        Ok(if simple { TreeNodeRecursion::Continue } else { TreeNodeRecursion::Stop })
    })?;
    Ok(simple)
}

/// Providers of the stores have one partition; others may have several, which only the full set of rules joins.
fn is_our_provider(source: &Arc<dyn TableSource>) -> bool {
    source_as_provider(source).is_ok_and(|provider| {
        provider.is::<super::embedded::EmbeddedProvider>()
            || provider.is::<piece::PieceProvider>()
            || provider.is::<super::redis::RedisProvider>()
            || provider.is::<MemTable>()
    })
}

#[cfg(test)]
mod tests;
