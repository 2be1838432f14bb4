//! Recursive queries: the recursion runs once for the whole domain, and its rows carry the domain's columns along.

use std::sync::Arc;

use datafusion::arrow::datatypes::{Field, Schema};
use datafusion::catalog::cte_worktable::CteWorkTable;
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::common::{Result, not_impl_err};
use datafusion::datasource::{provider_as_source, source_as_provider};
use datafusion::logical_expr::{LogicalPlan, LogicalPlanBuilder, RecursiveQuery, TableScan, TableSource};

use super::Decorrelator;
use super::domain::{Domain, pick};

/// A recursion whose rows carry a domain.
pub(super) struct Carrier {
    /// The name that its recursive term reads its rows by.
    name: String,
    /// The same rows with the domain's columns at their end.
    rows: Arc<dyn TableSource>,
    /// How many columns the domain has.
    width: usize,
}

impl Decorrelator {
    /// The recursion for every row of the domain. Rows of one domain row lead only to rows of the same one, and are
    /// compared by UNION with no others.
    pub(super) fn push_recursion(&mut self, recursion: &RecursiveQuery, domain: &Domain) -> Result<LogicalPlan> {
        let static_term = self.push(&recursion.static_term, domain)?;
        let fields = static_term.schema().fields().iter();
        let fields: Vec<Field> = fields.map(|field| field.as_ref().clone().with_nullable(true)).collect();
        // A name of its own: another recursion of the same name may stand inside or around.
        let name = self.fresh("recursion");
        let rows = CteWorkTable::new(&name, Arc::new(Schema::new(fields)));
        let rows = provider_as_source(Arc::new(rows));
        self.carriers.push(Carrier { name: recursion.name.clone(), rows, width: domain.width() });
        let recursive_term = self.push(&recursion.recursive_term, domain);
        self.carriers.pop();
        let plan = LogicalPlanBuilder::from(static_term);
        plan.to_recursive_query(name, recursive_term?, recursion.is_distinct)?.build()
    }

    /// The rows of the recursion's last step, with the domain's columns that they carry.
    pub(super) fn push_work_table(&self, scan: &TableScan) -> Result<LogicalPlan> {
        let carrier = work_table(scan).and_then(|name| self.carriers.iter().rfind(|carrier| carrier.name == name));
        let Some(carrier) = carrier.filter(|_| scan.filters.is_empty() && scan.fetch.is_none()) else {
            return not_impl_err!("reference to an outer column in the table {}", scan.table_name);
        };
        let rows = LogicalPlanBuilder::scan(scan.table_name.clone(), Arc::clone(&carrier.rows), None)?.build()?;
        let Some(picked) = &scan.projection else { return Ok(rows) };
        let count = rows.schema().fields().len();
        let kept = picked.iter().copied().chain(count - carrier.width..count);
        pick(rows, kept.map(|index| (index, None)))
    }

    /// Whether a plan reads the rows of a recursion that carries a domain.
    pub(super) fn reads_carried(&self, plan: &LogicalPlan) -> Result<bool> {
        let mut found = false;
        if self.carriers.is_empty() {
            return Ok(found);
        }
        plan.apply_with_subqueries(|node| {
            let LogicalPlan::TableScan(scan) = node else { return Ok(TreeNodeRecursion::Continue) };
            found = work_table(scan).is_some_and(|name| self.carriers.iter().any(|carrier| carrier.name == name));
            Ok(if found { TreeNodeRecursion::Stop } else { TreeNodeRecursion::Continue })
        })?;
        Ok(found)
    }
}

/// The name of the recursion whose rows a scan reads.
fn work_table(scan: &TableScan) -> Option<String> {
    let provider = source_as_provider(&scan.source).ok()?;
    provider.downcast_ref::<CteWorkTable>().map(|table| table.name().to_owned())
}
