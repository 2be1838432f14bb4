//! What the engine reads while it makes one run's physical plan.

use std::any::Any;
use std::collections::HashMap;
use std::sync::Arc;

use async_trait::async_trait;
use datafusion::catalog::{CatalogProviderList, Session};
use datafusion::common::{DFSchema, DataFusionError, Result};
use datafusion::config::TableOptions;
use datafusion::execution::TaskContext;
use datafusion::execution::runtime_env::RuntimeEnv;
use datafusion::execution::session_state::SessionState;
use datafusion::logical_expr::execution_props::ExecutionProps;
use datafusion::logical_expr::registry::ExtensionTypeRegistryRef;
use datafusion::logical_expr::{AggregateUDF, Expr, HigherOrderUDF, LogicalPlan, ScalarUDF, WindowUDF};
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_optimizer::PhysicalOptimizerRule;
use datafusion::physical_plan::ExecutionPlan;
use datafusion::prelude::SessionConfig;

use super::PhysicalRules;

/// The shared state under the run's own configuration. Copying the whole state for every run would cost more than a
/// point lookup.
pub(super) struct RunSession {
    shared: Arc<SessionState>,
    config: SessionConfig,
    rules: PhysicalRules,
    runtime: Arc<RuntimeEnv>,
    table_options: Option<TableOptions>,
}

impl RunSession {
    pub(super) fn new(
        shared: Arc<SessionState>,
        config: SessionConfig,
        rules: PhysicalRules,
        runtime: Arc<RuntimeEnv>,
    ) -> Self {
        Self { shared, config, rules, runtime, table_options: None }
    }
}

#[async_trait]
impl Session for RunSession {
    fn session_id(&self) -> &str {
        self.shared.session_id()
    }

    fn config(&self) -> &SessionConfig {
        &self.config
    }

    fn catalog_list(&self) -> Arc<dyn CatalogProviderList> {
        Arc::clone(self.shared.catalog_list())
    }

    fn physical_optimizers(&self) -> &[Arc<dyn PhysicalOptimizerRule + Send + Sync>] {
        &self.rules
    }

    async fn create_physical_plan(&self, _: &LogicalPlan) -> Result<Arc<dyn ExecutionPlan>> {
        Err(DataFusionError::Internal("a run makes its physical plan itself".to_owned()))
    }

    fn create_physical_expr(&self, expr: Expr, schema: &DFSchema) -> Result<Arc<dyn PhysicalExpr>> {
        self.shared.create_physical_expr(expr, schema)
    }

    fn scalar_functions(&self) -> &HashMap<String, Arc<ScalarUDF>> {
        self.shared.scalar_functions()
    }

    fn higher_order_functions(&self) -> &HashMap<String, Arc<HigherOrderUDF>> {
        self.shared.higher_order_functions()
    }

    fn aggregate_functions(&self) -> &HashMap<String, Arc<AggregateUDF>> {
        self.shared.aggregate_functions()
    }

    fn window_functions(&self) -> &HashMap<String, Arc<WindowUDF>> {
        self.shared.window_functions()
    }

    fn extension_type_registry(&self) -> &ExtensionTypeRegistryRef {
        Session::extension_type_registry(self.shared.as_ref())
    }

    fn runtime_env(&self) -> &Arc<RuntimeEnv> {
        &self.runtime
    }

    fn execution_props(&self) -> &ExecutionProps {
        self.shared.execution_props()
    }

    fn as_any(&self) -> &dyn Any {
        self
    }

    fn table_options(&self) -> &TableOptions {
        self.table_options.as_ref().unwrap_or_else(|| self.shared.table_options())
    }

    fn table_options_mut(&mut self) -> &mut TableOptions {
        let shared = &self.shared;
        self.table_options.get_or_insert_with(|| shared.table_options().clone())
    }

    fn task_ctx(&self) -> Arc<TaskContext> {
        Arc::new(TaskContext::from(self as &dyn Session))
    }
}
