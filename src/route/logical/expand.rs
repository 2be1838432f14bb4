//! Walking a plan down to its logical tables, and what stands in their place.

use std::sync::Arc;

use datafusion::common::tree_node::{Transformed, TreeNode, TreeNodeRecursion};
use datafusion::common::{DataFusionError, TableReference};
use datafusion::logical_expr::logical_plan::{Subquery, TableScan, TableScanBuilder};
use datafusion::logical_expr::{LogicalPlan, TableSource};

use crate::base::{Freshness, InternalError};
use crate::catalog::{LogicalLeaf, Placement, TableLeaf};
use crate::route::columns::{ColumnSet, needs};
use crate::route::leaf::under_schema;
use crate::route::piece::RouteError;

use super::bound;
use super::choose::Reading;
use super::{Choice, PlacedPlan};

/// Whether anything of the plan, its subqueries included, is a logical table.
pub(super) fn reads_logical_tables(plan: &LogicalPlan) -> Result<bool, RouteError> {
    let mut found = false;
    plan.apply_with_subqueries(|node| {
        found |= matches!(node, LogicalPlan::TableScan(scan) if LogicalLeaf::of(&scan.source).is_some());
        Ok(if found { TreeNodeRecursion::Stop } else { TreeNodeRecursion::Continue })
    })
    .map_err(InternalError::new)?;
    Ok(found)
}

/// The plan over physical tables.
pub(super) fn expand(plan: LogicalPlan, wanted: Option<Freshness>) -> Result<PlacedPlan, RouteError> {
    let mut walk = Walk { wanted, choices: Vec::new(), refusal: None };
    let (used, bound) = whole(&plan);
    match walk.node(plan, &used, &bound) {
        Ok(plan) => Ok(PlacedPlan { plan, choices: walk.choices }),
        Err(error) => Err(walk.refusal.unwrap_or_else(|| InternalError::new(error).into())),
    }
}

/// All columns of a plan are used, and none is asked for by value.
fn whole(plan: &LogicalPlan) -> (ColumnSet, ColumnSet) {
    let width = plan.schema().fields().len();
    (ColumnSet::all(width), ColumnSet::none(width))
}

struct Walk {
    wanted: Option<Freshness>,
    choices: Vec<Choice>,
    /// Why the walk ended early: the library's errors carry no error of ours.
    refusal: Option<RouteError>,
}

impl Walk {
    #[recursive::recursive]
    fn node(&mut self, plan: LogicalPlan, used: &ColumnSet, asked: &ColumnSet) -> Result<LogicalPlan, DataFusionError> {
        if let LogicalPlan::TableScan(scan) = &plan
            && let Some(leaf) = LogicalLeaf::of(&scan.source)
        {
            return self.scan(scan, leaf, used, asked);
        }
        let needed = needs(&plan, used).map_err(external)?;
        let bound = bound::below(&plan, asked);
        let mut at = 0;
        let plan = plan.map_children(|input| {
            let (Some(used), Some(asked)) = (needed.get(at), bound.get(at)) else {
                return Err(external(InternalError::new(format!("no input {at}"))));
            };
            at += 1;
            self.node(input, used, asked).map(Transformed::yes)
        })?;
        // The subqueries of a node's expressions; those that are inputs were walked above.
        let plan = plan.data.map_subqueries(|node| match node {
            LogicalPlan::Subquery(subquery) => {
                let inner = Arc::unwrap_or_clone(subquery.subquery);
                let (used, asked) = whole(&inner);
                let inner = Arc::new(self.node(inner, &used, &asked)?);
                Ok(Transformed::yes(LogicalPlan::Subquery(Subquery { subquery: inner, ..subquery })))
            }
            other => Ok(Transformed::no(other)),
        })?;
        Ok(plan.data)
    }

    fn scan(
        &mut self,
        scan: &TableScan,
        leaf: &LogicalLeaf,
        used: &ColumnSet,
        bound: &ColumnSet,
    ) -> Result<LogicalPlan, DataFusionError> {
        if scan.projection.is_some() || !scan.filters.is_empty() || scan.fetch.is_some() {
            return Err(external(InternalError::new(format!("the scan of {} is not plain", scan.table_name))));
        }
        let reading = Reading { leaf, used, bound, wanted: self.wanted };
        match reading.choose() {
            Ok(((placement, physical), choice)) => {
                self.choices.push(choice);
                stand_in(scan, placement, physical, used)
            }
            Err(refusal) => {
                self.refusal = Some(refusal.clone());
                Err(DataFusionError::External(Box::new(refusal)))
            }
        }
    }
}

fn external(error: InternalError) -> DataFusionError {
    DataFusionError::External(Box::new(error))
}

/// The columns of the logical table as the placement has them, over the physical table. Nobody can read what the query
/// does not use.
fn stand_in(
    scan: &TableScan,
    placement: &Placement,
    physical: &Arc<TableLeaf>,
    used: &ColumnSet,
) -> Result<LogicalPlan, DataFusionError> {
    let name = &placement.table;
    let source: Arc<dyn TableSource> = Arc::<TableLeaf>::clone(physical);
    let reference = TableReference::partial(name.schema.as_str(), name.table.as_str());
    let input = LogicalPlan::TableScan(TableScanBuilder::new(reference, source).build()?);
    let read = |position| placement.expression(position).filter(|_| used.contains(position)).cloned();
    under_schema(&scan.projected_schema, input, read)
}
