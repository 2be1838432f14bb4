//! Putting the tenant's filter on every leaf.

use std::sync::Arc;

use datafusion::common::tree_node::Transformed;
use datafusion::common::{Column, DataFusionError, ScalarValue};
use datafusion::logical_expr::expr::InList;
use datafusion::logical_expr::logical_plan::{Filter, Limit, Projection, TableScan, TableScanBuilder};
use datafusion::logical_expr::{Expr, LogicalPlan};

use crate::base::{InternalError, SqlState, UserFacing};
use crate::catalog::{RowsLeaf, TableLeaf};
use crate::tenancy::{Policy, Tenant};

/// A plan in which every table leaf stands under its policy's filter for one tenant.
#[derive(Debug, Clone)]
pub struct GuardedPlan {
    plan: LogicalPlan,
    tenant: Arc<Tenant>,
}

impl GuardedPlan {
    /// The plan.
    #[must_use]
    pub fn plan(&self) -> &LogicalPlan {
        &self.plan
    }

    /// The tenant whose rows it reads.
    #[must_use]
    pub fn tenant(&self) -> &Arc<Tenant> {
        &self.tenant
    }
}

/// Why a plan could not be guarded.
#[derive(Debug, Clone, thiserror::Error)]
pub enum GuardError {
    /// A defect: a leaf of a kind that the guard does not know, or a policy on a column that the table lacks.
    #[error(transparent)]
    Internal(#[from] InternalError),
}

impl UserFacing for GuardError {
    fn sqlstate(&self) -> SqlState {
        let Self::Internal(error) = self;
        error.sqlstate()
    }

    fn hint(&self) -> Option<String> {
        let Self::Internal(error) = self;
        error.hint()
    }
}

/// Guards a plan for a tenant.
///
/// # Errors
/// [`GuardError`] when a leaf cannot be guarded; the plan is then not run.
pub fn apply(plan: LogicalPlan, tenant: &Arc<Tenant>) -> Result<GuardedPlan, GuardError> {
    let guarded = plan
        .transform_up_with_subqueries(|node| guard_node(node, tenant))
        .map_err(|error| InternalError::new(format!("guard: {error}")))?;
    Ok(GuardedPlan { plan: guarded.data, tenant: Arc::clone(tenant) })
}

/// Every kind of node is named here, so that a new one does not pass by accident.
fn guard_node(node: LogicalPlan, tenant: &Tenant) -> Result<Transformed<LogicalPlan>, DataFusionError> {
    match node {
        LogicalPlan::TableScan(scan) => guard_scan(scan, tenant),
        LogicalPlan::Projection(_)
        | LogicalPlan::Filter(_)
        | LogicalPlan::Window(_)
        | LogicalPlan::Aggregate(_)
        | LogicalPlan::Sort(_)
        | LogicalPlan::Join(_)
        | LogicalPlan::Repartition(_)
        | LogicalPlan::Union(_)
        | LogicalPlan::EmptyRelation(_)
        | LogicalPlan::Subquery(_)
        | LogicalPlan::SubqueryAlias(_)
        | LogicalPlan::Limit(_)
        | LogicalPlan::Values(_)
        | LogicalPlan::Explain(_)
        | LogicalPlan::Analyze(_)
        | LogicalPlan::Distinct(_)
        | LogicalPlan::Unnest(_)
        | LogicalPlan::RecursiveQuery(_) => Ok(Transformed::no(node)),
        LogicalPlan::Statement(_)
        | LogicalPlan::Extension(_)
        | LogicalPlan::Dml(_)
        | LogicalPlan::Ddl(_)
        | LogicalPlan::Copy(_)
        | LogicalPlan::DescribeTable(_) => Err(refusal(format!("a plan may not hold {}", node.display()))),
    }
}

fn refusal(cause: String) -> DataFusionError {
    DataFusionError::Internal(cause)
}

fn guard_scan(scan: TableScan, tenant: &Tenant) -> Result<Transformed<LogicalPlan>, DataFusionError> {
    if RowsLeaf::of(&scan.source).is_some() {
        return Ok(Transformed::no(LogicalPlan::TableScan(scan)));
    }
    let Some(leaf) = TableLeaf::of(&scan.source) else {
        return work_table_or_refusal(scan);
    };
    match predicate(leaf, &scan, tenant)? {
        None => Ok(Transformed::no(LogicalPlan::TableScan(scan))),
        Some(predicate) => Ok(Transformed::yes(filter_over(scan, predicate)?)),
    }
}

/// The table that a recursive query reads its own last rows from has no rows of anybody else: they came out of leaves
/// of the same plan.
fn work_table_or_refusal(scan: TableScan) -> Result<Transformed<LogicalPlan>, DataFusionError> {
    let provider = datafusion::datasource::source_as_provider(&scan.source).ok();
    let is_work_table = provider.is_some_and(|table| table.is::<datafusion::catalog::cte_worktable::CteWorkTable>());
    if is_work_table {
        return Ok(Transformed::no(LogicalPlan::TableScan(scan)));
    }
    Err(refusal(format!("the source of {} is unknown to the guard", scan.table_name)))
}

/// What the policy says of this scan's rows; `None` where it lets all of them pass.
fn predicate(leaf: &TableLeaf, scan: &TableScan, tenant: &Tenant) -> Result<Option<Expr>, DataFusionError> {
    let owner =
        |column: &str| Ok::<_, DataFusionError>(policy_column(leaf, scan, column)?.eq(text(tenant.id.as_str())));
    match leaf.policy() {
        Policy::Shared => Ok(None),
        Policy::TenantColumn { column } => owner(column).map(Some),
        Policy::ListAttribute { column, attribute } => listed(leaf, scan, column, attribute, tenant).map(Some),
        Policy::TenantColumnAndList { tenant_column, column, attribute } => {
            let list = listed(leaf, scan, column, attribute, tenant)?;
            Ok(Some(owner(tenant_column)?.and(list)))
        }
    }
}

fn listed(
    leaf: &TableLeaf,
    scan: &TableScan,
    column: &str,
    attribute: &str,
    tenant: &Tenant,
) -> Result<Expr, DataFusionError> {
    let column = policy_column(leaf, scan, column)?;
    match tenant.attributes.get(attribute) {
        Some(values) if !values.is_empty() => {
            let list = values.iter().map(|value| text(value)).collect();
            Ok(Expr::InList(InList::new(Box::new(column), list, false)))
        }
        // Without a list nothing is allowed.
        Some(_) | None => Ok(Expr::Literal(ScalarValue::Boolean(Some(false)), None)),
    }
}

fn text(value: &str) -> Expr {
    Expr::Literal(ScalarValue::Utf8(Some(value.to_owned())), None)
}

/// The policy's column under the scan's own name, so that no other relation's column can stand in for it.
fn policy_column(leaf: &TableLeaf, scan: &TableScan, column: &str) -> Result<Expr, DataFusionError> {
    let schema = scan.source.schema();
    let name = &leaf.table().name;
    let field = schema
        .field_with_name(column)
        .map_err(|_| refusal(format!("the policy of {name} names the column {column}, which it does not have")))?;
    if field.data_type() != &datafusion::arrow::datatypes::DataType::Utf8 {
        return Err(refusal(format!("the policy of {name} names the column {column}, which is not text")));
    }
    Ok(Expr::Column(Column::new(Some(scan.table_name.clone()), column)))
}

/// The filter comes directly over the rows of the table. What the scan itself would do to them (its own filters, its
/// projection, its row count) comes after.
fn filter_over(scan: TableScan, predicate: Expr) -> Result<LogicalPlan, DataFusionError> {
    let plain = scan.projection.is_none() && scan.filters.is_empty() && scan.fetch.is_none();
    if plain {
        return Ok(LogicalPlan::Filter(Filter::new(predicate, Arc::new(LogicalPlan::TableScan(scan)))));
    }
    let schema = Arc::clone(&scan.projected_schema);
    let (filters, fetch) = (scan.filters.clone(), scan.fetch);
    let whole = TableScanBuilder::new(scan.table_name, scan.source).build()?;
    let mut plan = LogicalPlan::Filter(Filter::new(predicate, Arc::new(LogicalPlan::TableScan(whole))));
    if let Some(own) = filters.into_iter().reduce(Expr::and) {
        plan = LogicalPlan::Filter(Filter::new(own, Arc::new(plan)));
    }
    plan = LogicalPlan::Projection(Projection::new_from_schema(Arc::new(plan), schema));
    match fetch {
        None => Ok(plan),
        Some(rows) => {
            let rows = i64::try_from(rows).unwrap_or(i64::MAX);
            let fetch = Expr::Literal(ScalarValue::Int64(Some(rows)), None);
            Ok(LogicalPlan::Limit(Limit { skip: None, fetch: Some(Box::new(fetch)), input: Arc::new(plan) }))
        }
    }
}
