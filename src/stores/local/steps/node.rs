//! A step of a recursion in a logical plan, and how it is planned.

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use datafusion::catalog::Session;
use datafusion::common::{DFSchemaRef, Result, internal_err};
use datafusion::logical_expr::physical_planning_context::PhysicalPlanningContext;
use datafusion::logical_expr::{Expr, LogicalPlan, UserDefinedLogicalNode, UserDefinedLogicalNodeCore};
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_planner::{ExtensionPlanner, PhysicalPlanner};

use super::run::StepExec;

/// The rows of the last step, and the term that reads them any number of times. It has the term's rows.
#[derive(Debug, PartialEq, Eq, PartialOrd, Hash)]
pub(super) struct Step {
    name: String,
    rows: LogicalPlan,
    term: LogicalPlan,
}

impl Step {
    pub(super) fn new(name: String, rows: LogicalPlan, term: LogicalPlan) -> Self {
        Self { name, rows, term }
    }
}

impl UserDefinedLogicalNodeCore for Step {
    fn name(&self) -> &'static str {
        "RecursionStep"
    }

    fn inputs(&self) -> Vec<&LogicalPlan> {
        vec![&self.rows, &self.term]
    }

    fn schema(&self) -> &DFSchemaRef {
        self.term.schema()
    }

    fn expressions(&self) -> Vec<Expr> {
        Vec::new()
    }

    fn fmt_for_explain(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RecursionStep")
    }

    fn with_exprs_and_inputs(&self, _: Vec<Expr>, inputs: Vec<LogicalPlan>) -> Result<Self> {
        match <[LogicalPlan; 2]>::try_from(inputs) {
            Ok([rows, term]) => Ok(Self::new(self.name.clone(), rows, term)),
            Err(inputs) => internal_err!("a step of a recursion with {} inputs", inputs.len()),
        }
    }
}

/// Plans the steps of recursions.
#[derive(Debug)]
pub(in super::super) struct StepPlanner;

#[async_trait]
impl ExtensionPlanner for StepPlanner {
    async fn plan_extension(
        &self,
        _: &dyn PhysicalPlanner,
        node: &dyn UserDefinedLogicalNode,
        _: &[&LogicalPlan],
        inputs: &[Arc<dyn ExecutionPlan>],
        _: &dyn Session,
        _: &PhysicalPlanningContext,
    ) -> Result<Option<Arc<dyn ExecutionPlan>>> {
        let Some(step) = node.as_any().downcast_ref::<Step>() else { return Ok(None) };
        let [rows, term] = inputs else { return internal_err!("a step of a recursion with {} inputs", inputs.len()) };
        let step = StepExec::under_names_of(&step.term, &step.name, Arc::clone(rows), Arc::clone(term))?;
        Ok(Some(Arc::new(step)))
    }
}
