//! The logic behind the table functions `workflow_preview`, `workflow_validate` and `workflow_schema`.

use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, BooleanArray, Int32Array, RecordBatch, StringArray};
use datafusion::arrow::datatypes::{DataType, Field, Schema};
use datafusion::common::TableReference;
use datafusion::logical_expr::LogicalPlan;
use datafusion::logical_expr::logical_plan::TableScanBuilder;

use crate::base::InternalError;
use crate::base::limits;
use crate::catalog::RowsLeaf;

use super::compile::{CompiledWorkflow, Page, compile, compile_page};
use super::problem::{Problem, WorkflowError};
use super::resolve::WorkflowContext;
use super::schema::{SchemaRow, schema};
use super::validate::validate;

/// The table functions of one request.
#[derive(Debug, Clone, Copy)]
pub struct WorkflowFunctions<'a> {
    context: WorkflowContext<'a>,
}

impl<'a> WorkflowFunctions<'a> {
    /// The functions in a context.
    #[must_use]
    pub fn new(context: WorkflowContext<'a>) -> Self {
        Self { context }
    }

    /// `workflow_compile` up to the plan.
    ///
    /// # Errors
    /// [`WorkflowError`] with the first problem on the way to the target.
    pub fn compile(&self, graph: &str, target: &str) -> Result<CompiledWorkflow, WorkflowError> {
        compile(graph, target, &self.context)
    }

    /// `workflow_preview(graph, target [, offset [, limit]])`: the rows of a target, some of them.
    ///
    /// # Errors
    /// [`WorkflowError`] with the first problem on the way to the target; `2201W` and `2201X` for negative numbers;
    /// `54000` for more rows than a preview gives.
    pub fn preview(
        &self,
        graph: &str,
        target: &str,
        offset: Option<i64>,
        limit: Option<i64>,
    ) -> Result<CompiledWorkflow, WorkflowError> {
        compile_page(graph, target, self.page(offset, limit)?, &self.context)
    }

    /// The page that a preview's arguments mean.
    ///
    /// # Errors
    /// `2201W` and `2201X` for negative numbers, `54000` for more rows than a preview gives.
    pub fn page(&self, offset: Option<i64>, limit: Option<i64>) -> Result<Page, WorkflowError> {
        let count = |rows: i64, name| u64::try_from(rows).map_err(|_| WorkflowError::NegativeRows { name });
        let offset = count(offset.unwrap_or(0), "offset")?;
        let limit = match limit {
            Some(limit) => count(limit, "limit")?,
            None => self.context.limits.of(limits::PREVIEW_DEFAULT_ROWS) as u64,
        };
        let rows = usize::try_from(limit).unwrap_or(usize::MAX);
        self.context.limits.check(limits::PREVIEW_ROWS, rows).map_err(WorkflowError::TooLarge)?;
        Ok(Page { offset, limit })
    }

    /// `workflow_validate(graph)`: a row a problem.
    ///
    /// # Errors
    /// [`WorkflowError::Malformed`] when the text is no JSON.
    pub fn validate(&self, graph: &str) -> Result<LogicalPlan, WorkflowError> {
        Ok(leaf("workflow_validate", problem_rows(&validate(graph, &self.context)?)?)?)
    }

    /// `workflow_schema(graph [, node])`: a row a column.
    ///
    /// # Errors
    /// [`WorkflowError`] when the text is no graph, is past a limit, or has no such node.
    pub fn schema(&self, graph: &str, node: Option<&str>) -> Result<LogicalPlan, WorkflowError> {
        Ok(leaf("workflow_schema", schema_rows(&schema(graph, node, &self.context)?)?)?)
    }
}

fn leaf(name: &str, rows: RecordBatch) -> Result<LogicalPlan, InternalError> {
    let scan = TableScanBuilder::new(TableReference::bare(name), Arc::new(RowsLeaf::new(rows))).build();
    scan.map(LogicalPlan::TableScan).map_err(InternalError::new)
}

fn problem_rows(problems: &[Problem]) -> Result<RecordBatch, InternalError> {
    let text =
        |of: fn(&Problem) -> Option<&str>| -> ArrayRef { Arc::new(StringArray::from_iter(problems.iter().map(of))) };
    let position = |problem: &Problem| problem.position.and_then(|position| i32::try_from(position).ok());
    batch(vec![
        ("node_id", true, text(|problem| problem.node_id.as_deref())),
        ("port", true, text(|problem| problem.port.as_deref())),
        ("severity", false, text(|problem| Some(problem.severity.name()))),
        ("code", false, text(|problem| Some(problem.code.name()))),
        ("message", false, text(|problem| Some(&problem.message))),
        ("expected", true, text(|problem| problem.expected.as_deref())),
        ("actual", true, text(|problem| problem.actual.as_deref())),
        ("position", true, Arc::new(Int32Array::from_iter(problems.iter().map(position)))),
    ])
}

fn schema_rows(rows: &[SchemaRow]) -> Result<RecordBatch, InternalError> {
    let ordinals = rows.iter().map(|row| i32::try_from(row.ordinal).unwrap_or(i32::MAX));
    let nullable: Vec<bool> = rows.iter().map(|row| row.column.nullable).collect();
    let types = rows.iter().map(|row| row.column.sql_type.name());
    batch(vec![
        ("node_id", false, Arc::new(StringArray::from_iter_values(rows.iter().map(|row| &row.node_id)))),
        ("ordinal", false, Arc::new(Int32Array::from_iter_values(ordinals))),
        ("name", false, Arc::new(StringArray::from_iter_values(rows.iter().map(|row| row.column.name.as_ref())))),
        ("dtype", false, Arc::new(StringArray::from_iter_values(rows.iter().map(|row| row.column.dtype().name())))),
        ("nullable", false, Arc::new(BooleanArray::from(nullable))),
        ("sql_type", false, Arc::new(StringArray::from_iter_values(types))),
    ])
}

fn batch(columns: Vec<(&str, bool, ArrayRef)>) -> Result<RecordBatch, InternalError> {
    let field =
        |(name, nullable, array): &(&str, bool, ArrayRef)| Field::new(*name, array.data_type().clone(), *nullable);
    let fields: Vec<Field> = columns.iter().map(field).collect();
    debug_assert!(fields.iter().all(|field| *field.data_type() != DataType::Null));
    let arrays = columns.into_iter().map(|(_, _, array)| array).collect();
    RecordBatch::try_new(Arc::new(Schema::new(fields)), arrays).map_err(InternalError::new)
}
