//! The workflow calls, as table functions of SQL.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use datafusion::arrow::array::{
    ArrayRef, Int32Array, Int64Array, ListBuilder, RecordBatch, StringArray, StringBuilder,
};
use datafusion::arrow::datatypes::{DataType, Field, Schema};
use datafusion::common::{ScalarValue, TableReference};
use datafusion::logical_expr::LogicalPlan;
use datafusion::logical_expr::logical_plan::TableScanBuilder;

use crate::base::limits::LimitSet;
use crate::base::{ErrorReport, Freshness, InternalError, RequestClock, SqlState, SqlType, StoreKind, UserFacing};
use crate::catalog::{RowsLeaf, TenantView};
use crate::sql::TableFunctions;
use crate::workflow::{CompiledWorkflow, WorkflowContext, WorkflowFunctions};

use super::prepare::{PieceStatement, Stages, compile};

/// `workflow_preview`, `workflow_compile`, `workflow_validate`, `workflow_schema` for one statement of one tenant.
pub(super) struct WorkflowCalls<'a> {
    functions: WorkflowFunctions<'a>,
    view: &'a TenantView,
    /// What the session wants of logical tables.
    freshness: Option<Freshness>,
    previewed: AtomicBool,
    reads_clock: AtomicBool,
}

impl<'a> WorkflowCalls<'a> {
    pub(super) fn new(
        view: &'a TenantView,
        search_path: &'a [String],
        freshness: Option<Freshness>,
        limits: &'a LimitSet,
        clock: RequestClock,
    ) -> Self {
        let functions = WorkflowFunctions::new(WorkflowContext { view, search_path, clock, limits });
        Self { functions, view, freshness, previewed: AtomicBool::new(false), reads_clock: AtomicBool::new(false) }
    }

    /// Whether the statement called `workflow_preview`.
    pub(super) fn was_preview(&self) -> bool {
        self.previewed.load(Ordering::Relaxed)
    }

    /// Whether the plan holds times that were relative to this request, so that another request must plan again.
    pub(super) fn reads_clock(&self) -> bool {
        self.reads_clock.load(Ordering::Relaxed)
    }

    fn preview(&self, arguments: &Arguments<'_>) -> Result<LogicalPlan, ErrorReport> {
        arguments.count(2, 4)?;
        let (graph, target) = (arguments.text(0)?, arguments.text(1)?);
        let (offset, limit) = (arguments.integer(2)?, arguments.integer(3)?);
        let compiled = self.functions.preview(&graph, &target, offset, limit).map_err(|error| error.report())?;
        self.previewed.store(true, Ordering::Relaxed);
        Ok(self.noted(compiled).plan)
    }

    fn compile(&self, arguments: &Arguments<'_>) -> Result<LogicalPlan, ErrorReport> {
        arguments.count(2, 2)?;
        let (graph, target) = (arguments.text(0)?, arguments.text(1)?);
        let compiled = self.functions.compile(&graph, &target).map_err(|error| error.report())?;
        let compiled = self.noted(compiled);
        let stages =
            compile(compiled.plan.clone(), self.view.tenant(), self.freshness).map_err(|error| error.report())?;
        let rows = segment_rows(&segments(&compiled, &stages, self.view))?;
        let scan = TableScanBuilder::new(TableReference::bare("workflow_compile"), Arc::new(RowsLeaf::new(rows)));
        scan.build().map(LogicalPlan::TableScan).map_err(|error| InternalError::new(error).report())
    }

    fn noted(&self, compiled: CompiledWorkflow) -> CompiledWorkflow {
        if compiled.valid_for.is_some() {
            self.reads_clock.store(true, Ordering::Relaxed);
        }
        compiled
    }
}

impl TableFunctions for WorkflowCalls<'_> {
    fn expand(&self, name: &str, arguments: &[Option<ScalarValue>]) -> Option<Result<LogicalPlan, ErrorReport>> {
        let arguments = Arguments { name, values: arguments };
        match name {
            "workflow_preview" => Some(self.preview(&arguments)),
            "workflow_compile" => Some(self.compile(&arguments)),
            "workflow_validate" => Some(arguments.count(1, 1).and_then(|()| {
                let graph = arguments.text(0)?;
                self.functions.validate(&graph).map_err(|error| error.report())
            })),
            "workflow_schema" => Some(arguments.count(1, 2).and_then(|()| {
                let graph = arguments.text(0)?;
                let node = arguments.optional_text(1)?;
                self.functions.schema(&graph, node.as_deref()).map_err(|error| error.report())
            })),
            _ => None,
        }
    }

    fn knows(&self, name: &str) -> bool {
        matches!(name, "workflow_preview" | "workflow_compile" | "workflow_validate" | "workflow_schema")
    }
}

struct Arguments<'a> {
    name: &'a str,
    values: &'a [Option<ScalarValue>],
}

impl Arguments<'_> {
    fn count(&self, least: usize, most: usize) -> Result<(), ErrorReport> {
        if (least..=most).contains(&self.values.len()) {
            return Ok(());
        }
        let message = format!("function {} does not exist with {} arguments", self.name, self.values.len());
        Err(ErrorReport::new(SqlState::UNDEFINED_FUNCTION, message)
            .with_hint("The calls are workflow_preview(graph, target [, offset [, limit]]), workflow_compile(graph, target), workflow_validate(graph) and workflow_schema(graph [, node])."))
    }

    fn text(&self, index: usize) -> Result<String, ErrorReport> {
        self.optional_text(index)?.ok_or_else(|| self.wrong(index, "must not be NULL"))
    }

    fn optional_text(&self, index: usize) -> Result<Option<String>, ErrorReport> {
        match self.values.get(index) {
            None | Some(None | Some(ScalarValue::Null)) => Ok(None),
            Some(Some(ScalarValue::Utf8(text) | ScalarValue::LargeUtf8(text) | ScalarValue::Utf8View(text))) => {
                Ok(text.clone())
            }
            Some(Some(ScalarValue::LargeBinary(bytes))) => match bytes.clone().map(String::from_utf8) {
                Some(Err(_)) => Err(self.wrong(index, "is not valid UTF-8")),
                Some(Ok(text)) => Ok(Some(text)),
                None => Ok(None),
            },
            Some(Some(_)) => Err(self.wrong(index, "must be text, json or jsonb")),
        }
    }

    fn integer(&self, index: usize) -> Result<Option<i64>, ErrorReport> {
        match self.values.get(index) {
            None | Some(None) => Ok(None),
            Some(Some(value)) if value.is_null() => Ok(None),
            Some(Some(value)) => match value.cast_to(&DataType::Int64) {
                Ok(ScalarValue::Int64(number)) => Ok(number),
                Ok(_) | Err(_) => Err(self.wrong(index, "must be a whole number")),
            },
        }
    }

    fn wrong(&self, index: usize, what: &str) -> ErrorReport {
        let message = format!("argument {} of {} {what}", index + 1, self.name);
        ErrorReport::new(SqlState::INVALID_PARAMETER_VALUE, message)
    }
}

/// One row of `workflow_compile`: a statement of a store, or what runs in process.
struct Segment {
    store: &'static str,
    dialect: &'static str,
    sql: String,
    parameters: String,
    node_ids: Vec<String>,
    columns: String,
    limit: Option<i64>,
}

fn segments(compiled: &CompiledWorkflow, stages: &Stages, view: &TenantView) -> Vec<Segment> {
    let stores = stores_of_nodes(compiled, stages, view);
    let mut segments: Vec<Segment> =
        stages.statements.iter().map(|statement| segment_of(statement, compiled, &stores, stages)).collect();
    if let Some(local) = &stages.routed.local {
        let placed: BTreeSet<&String> = segments.iter().flat_map(|segment| &segment.node_ids).collect();
        let rest = compiled.node_ids.iter().filter(|id| !placed.contains(id)).cloned().collect();
        segments.push(Segment {
            store: "in process",
            dialect: "plan",
            sql: local.display_indent().to_string(),
            parameters: "[]".to_owned(),
            node_ids: rest,
            columns: columns_json(local),
            limit: limit_of(local),
        });
    }
    segments
}

fn segment_of(
    statement: &PieceStatement,
    compiled: &CompiledWorkflow,
    stores: &BTreeMap<String, BTreeSet<StoreKind>>,
    stages: &Stages,
) -> Segment {
    let kind = statement.piece.store;
    let whole = stages.routed.local.is_none();
    let only_here = |id: &&String| stores.get(*id).is_some_and(|stores| stores.len() == 1 && stores.contains(&kind));
    let node_ids = compiled.node_ids.iter().filter(|id| whole || only_here(id)).cloned().collect();
    Segment {
        store: kind.name(),
        dialect: statement.dialect.name(),
        sql: statement.verified.text().to_owned(),
        parameters: serde_json::json!(statement.parameters.iter().map(|n| format!("${n}")).collect::<Vec<_>>())
            .to_string(),
        node_ids,
        columns: columns_json(&statement.piece.plan),
        limit: limit_of(&statement.piece.plan),
    }
}

/// The stores below each source node. A node that is no source counts for the segment of the whole.
fn stores_of_nodes(
    compiled: &CompiledWorkflow,
    stages: &Stages,
    view: &TenantView,
) -> BTreeMap<String, BTreeSet<StoreKind>> {
    let mut stores: BTreeMap<String, BTreeSet<StoreKind>> = BTreeMap::new();
    for source in &compiled.sources {
        // A logical table that is read twice may be served by two stores: then no segment has the node alone.
        let placements = stages.choices.iter().filter(|choice| choice.table == source.table);
        let tables = placements.map(|choice| &choice.placement).chain(std::iter::once(&source.table));
        let found = tables.filter_map(|table| view.leaf(table).ok()).map(|leaf| leaf.table().store);
        stores.entry(source.node_id.clone()).or_default().extend(found);
    }
    stores
}

fn columns_json(plan: &LogicalPlan) -> String {
    let columns: Vec<serde_json::Value> = plan
        .schema()
        .fields()
        .iter()
        .map(|field| {
            let sql_type = SqlType::from_arrow(field.data_type()).ok();
            let dtype = sql_type.as_ref().map_or("object", |known| known.canvas().name());
            let sql_type = sql_type.map(|known| known.name());
            serde_json::json!({"name": field.name(), "dtype": dtype, "sql_type": sql_type, "nullable": field.is_nullable()})
        })
        .collect();
    serde_json::Value::from(columns).to_string()
}

/// The rows that the outermost limit allows, if there is one.
fn limit_of(plan: &LogicalPlan) -> Option<i64> {
    match plan {
        LogicalPlan::Limit(limit) => match limit.get_fetch_type() {
            Ok(datafusion::logical_expr::FetchType::Literal(fetch)) => fetch.and_then(|rows| i64::try_from(rows).ok()),
            Ok(datafusion::logical_expr::FetchType::UnsupportedExpr) | Err(_) => None,
        },
        LogicalPlan::Projection(projection) => limit_of(&projection.input),
        LogicalPlan::SubqueryAlias(alias) => limit_of(&alias.input),
        _ => None,
    }
}

fn segment_rows(segments: &[Segment]) -> Result<RecordBatch, ErrorReport> {
    let text =
        |of: fn(&Segment) -> &str| -> ArrayRef { Arc::new(StringArray::from_iter_values(segments.iter().map(of))) };
    let mut nodes = ListBuilder::new(StringBuilder::new());
    for segment in segments {
        nodes.append_value(segment.node_ids.iter().map(Some));
    }
    let numbers = (0..segments.len()).map(|number| i32::try_from(number).unwrap_or(i32::MAX));
    let columns: Vec<(&str, bool, ArrayRef)> = vec![
        ("segment", false, Arc::new(Int32Array::from_iter_values(numbers))),
        ("store", false, text(|segment| segment.store)),
        ("dialect", false, text(|segment| segment.dialect)),
        ("sql", false, text(|segment| &segment.sql)),
        ("params", false, text(|segment| &segment.parameters)),
        ("node_ids", false, Arc::new(nodes.finish())),
        ("columns", false, text(|segment| &segment.columns)),
        ("limit", true, Arc::new(segments.iter().map(|segment| segment.limit).collect::<Int64Array>())),
    ];
    let fields: Vec<Field> =
        columns.iter().map(|(name, nullable, array)| Field::new(*name, array.data_type().clone(), *nullable)).collect();
    let arrays = columns.into_iter().map(|(_, _, array)| array).collect();
    RecordBatch::try_new(Arc::new(Schema::new(fields)), arrays).map_err(|error| InternalError::new(error).report())
}
