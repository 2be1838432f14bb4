//! Cutting a piece out of a plan, and what stands in its place.

use std::collections::HashSet;
use std::sync::Arc;

use datafusion::arrow::datatypes::{Field, Schema};
use datafusion::common::tree_node::{TreeNode, TreeNodeRecursion};
use datafusion::common::{Column, DFSchema, DataFusionError};
use datafusion::logical_expr::expr::Alias;
use datafusion::logical_expr::logical_plan::{Projection, TableScanBuilder};
use datafusion::logical_expr::{Expr, LogicalPlan, TableSource};

use crate::base::{InternalError, StoreKind};
use crate::catalog::TableLeaf;
use crate::functions;
use crate::guard::{GuardedPlan, Requirement};

use super::columns::ColumnSet;
use super::piece::{Piece, PieceLeaf};

/// The pieces cut so far.
#[derive(Debug)]
pub(super) struct Pieces<'a> {
    guarded: &'a GuardedPlan,
    pieces: Vec<Arc<Piece>>,
}

impl<'a> Pieces<'a> {
    pub(super) fn new(guarded: &'a GuardedPlan) -> Self {
        Self { guarded, pieces: Vec::new() }
    }

    pub(super) fn into_vec(self) -> Vec<Arc<Piece>> {
        self.pieces
    }

    /// Makes a piece of a plan as it is.
    pub(super) fn add(&mut self, store: StoreKind, plan: LogicalPlan, reason: String) -> Result<usize, InternalError> {
        let requirements = requirements(&plan, self.guarded)?;
        let id = self.pieces.len();
        self.pieces.push(Arc::new(Piece { id, store, plan, requirements, reason }));
        Ok(id)
    }

    /// Makes a piece of a plan's wanted columns, and gives back what stands in the plan's place: a plan with the very
    /// same schema, in which nobody can read the columns that nobody wants.
    pub(super) fn cut(
        &mut self,
        store: StoreKind,
        plan: LogicalPlan,
        wanted: &ColumnSet,
        reason: String,
    ) -> Result<LogicalPlan, InternalError> {
        let schema = promised(&plan).map_err(InternalError::new)?;
        let (narrow, names) = narrowed(plan, wanted).map_err(InternalError::new)?;
        let fields: Vec<Field> = wanted
            .positions()
            .zip(&names)
            .map(|(position, name)| schema.field(position).as_ref().clone().with_name(name))
            .collect();
        let id = self.add(store, narrow, reason)?;
        let leaf = PieceLeaf::new(id, Arc::new(Schema::new(fields)));
        stand_in(leaf, &schema, wanted, &names).map_err(InternalError::new)
    }
}

/// What a piece promises of its columns. The library takes a subquery's column for one that is never NULL where its table's is:
/// a subquery that gives no row is NULL.
fn promised(plan: &LogicalPlan) -> Result<Arc<DFSchema>, DataFusionError> {
    let schema = plan.schema();
    if schema.fields().iter().all(|field| field.is_nullable()) {
        return Ok(Arc::clone(schema));
    }
    let has_value = plan.exists(|node| {
        let mut found = false;
        node.apply_expressions(|expr| {
            found |= expr.exists(|part| Ok(matches!(part, Expr::ScalarSubquery(_))))?;
            Ok(TreeNodeRecursion::Continue)
        })?;
        Ok(found)
    })?;
    if !has_value {
        return Ok(Arc::clone(schema));
    }
    let fields = schema
        .iter()
        .map(|(qualifier, field)| (qualifier.cloned(), Arc::new(field.as_ref().clone().with_nullable(true))));
    Ok(Arc::new(DFSchema::new_with_metadata(fields.collect(), schema.metadata().clone())?))
}

/// The plan with only the wanted columns, under names that are unique.
fn narrowed(plan: LogicalPlan, wanted: &ColumnSet) -> Result<(LogicalPlan, Vec<String>), DataFusionError> {
    let schema = Arc::clone(plan.schema());
    let mut seen = HashSet::new();
    let names: Vec<String> = wanted
        .positions()
        .map(|position| {
            let name = schema.field(position).name();
            if seen.insert(name.clone()) { name.clone() } else { format!("{name}_{position}") }
        })
        .collect();
    let unique = names.iter().collect::<HashSet<_>>().len() == names.len();
    let names = if unique { names } else { wanted.positions().map(|position| format!("c{position}")).collect() };
    let renamed = wanted.positions().zip(&names).any(|(position, name)| schema.field(position).name() != name);
    if wanted.is_all() && !renamed {
        return Ok((plan, names));
    }
    let exprs: Vec<Expr> = wanted
        .positions()
        .zip(&names)
        .map(|(position, name)| {
            let (qualifier, field) = schema.qualified_field(position);
            let column = Expr::Column(Column::new(qualifier.cloned(), field.name()));
            if field.name() == name { column } else { column.alias(name) }
        })
        .collect();
    Ok((LogicalPlan::Projection(Projection::try_new(exprs, Arc::new(plan))?), names))
}

/// A scan of the piece's rows under a projection that gives every column its old qualifier and name back.
fn stand_in(
    leaf: PieceLeaf,
    schema: &Arc<DFSchema>,
    wanted: &ColumnSet,
    names: &[String],
) -> Result<LogicalPlan, DataFusionError> {
    let scan_name = format!("piece_{}", leaf.piece);
    let source: Arc<dyn TableSource> = Arc::new(leaf);
    let scan = TableScanBuilder::new(scan_name.clone(), source).build()?;
    let mut names = names.iter();
    let read = |position| {
        let name = wanted.contains(position).then(|| names.next()).flatten()?;
        Some(Expr::Column(Column::new(Some(scan_name.clone()), name)))
    };
    under_schema(schema, LogicalPlan::TableScan(scan), read)
}

/// A select list that gives every column its qualifier and name, with a value for each that is read. Nobody can read the
/// others.
///
/// # Errors
/// When the list does not fit the schema: a defect.
pub(super) fn under_schema(
    schema: &Arc<DFSchema>,
    input: LogicalPlan,
    mut value: impl FnMut(usize) -> Option<Expr>,
) -> Result<LogicalPlan, DataFusionError> {
    let exprs = (0..schema.fields().len()).map(|position| {
        let (qualifier, field) = schema.qualified_field(position);
        let value = value(position).unwrap_or_else(|| functions::unread(field));
        Expr::Alias(Alias::new(value, qualifier.cloned(), field.name()))
    });
    let list = Projection::try_new_with_schema(exprs.collect(), Arc::new(input), Arc::clone(schema))?;
    Ok(LogicalPlan::Projection(list))
}

/// What verification must find: one requirement a table, whether the table stands in the plan or in a subquery.
fn requirements(plan: &LogicalPlan, guarded: &GuardedPlan) -> Result<Vec<Requirement>, InternalError> {
    let mut found: Vec<Requirement> = Vec::new();
    plan.apply_with_subqueries(|node| {
        if let LogicalPlan::TableScan(scan) = node
            && let Some(leaf) = TableLeaf::of(&scan.source)
        {
            let requirement = Requirement::new(leaf.table().physical.clone(), leaf.policy(), guarded.tenant());
            if !found.contains(&requirement) {
                found.push(requirement);
            }
        }
        Ok(TreeNodeRecursion::Continue)
    })
    .map_err(InternalError::new)?;
    Ok(found)
}
