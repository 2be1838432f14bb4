//! Which columns of its inputs a node reads, given which of its own are wanted.
//!
//! Pieces ask their store for these and no others, and derived tables select these and no others.

use datafusion::common::tree_node::{TreeNode, TreeNodeRecursion};
use datafusion::common::{Column, DFSchema};
use datafusion::logical_expr::logical_plan::{Distinct, Join};
use datafusion::logical_expr::{Expr, JoinType, LogicalPlan};

use crate::base::InternalError;

/// Some columns of a schema, by position.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ColumnSet {
    wanted: Vec<bool>,
}

impl ColumnSet {
    /// None of so many columns.
    #[must_use]
    pub fn none(columns: usize) -> Self {
        Self { wanted: vec![false; columns] }
    }

    /// All of so many columns.
    #[must_use]
    pub fn all(columns: usize) -> Self {
        Self { wanted: vec![true; columns] }
    }

    /// Adds one by its position.
    pub fn insert(&mut self, position: usize) {
        if let Some(wanted) = self.wanted.get_mut(position) {
            *wanted = true;
        }
    }

    /// Whether the column at the position is one of them.
    #[must_use]
    pub fn contains(&self, position: usize) -> bool {
        self.wanted.get(position).copied().unwrap_or(false)
    }

    /// Whether they are all.
    #[must_use]
    pub fn is_all(&self) -> bool {
        self.wanted.iter().all(|wanted| *wanted)
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        !self.wanted.contains(&true)
    }

    /// Their positions, in order.
    pub fn positions(&self) -> impl Iterator<Item = usize> + '_ {
        self.wanted.iter().enumerate().filter(|(_, wanted)| **wanted).map(|(position, _)| position)
    }

    fn part(&self, from: usize, columns: usize) -> Self {
        Self { wanted: (from..from + columns).map(|position| self.contains(position)).collect() }
    }
}

/// The position of a column in a schema. Columns mostly come in the schema's own order, so the search starts at `hint`.
#[must_use]
pub fn position_of(schema: &DFSchema, column: &Column, hint: usize) -> Option<usize> {
    let count = schema.fields().len();
    let fits = |position: usize| {
        let (qualifier, field) = schema.qualified_field(position);
        field.name() == &column.name
            && match (&column.relation, qualifier) {
                (None, _) => true,
                (Some(wanted), Some(found)) => wanted == found || wanted.resolved_eq(found),
                (Some(_), None) => false,
            }
    };
    // A bare name may fit several columns; the first one counts, whatever the hint.
    let start = if column.relation.is_some() && hint < count { hint } else { 0 };
    (start..count).chain(0..start).find(|position| fits(*position))
}

/// Adds every column of the schema that the expression reads, also from inside its subqueries.
///
/// # Errors
/// [`InternalError`] when the expression reads a column that the schema does not have.
pub fn add_columns(expr: &Expr, schema: &DFSchema, set: &mut ColumnSet) -> Result<(), InternalError> {
    if let Expr::Column(column) = expr {
        return add_column(column, schema, set, 0);
    }
    let mut hint = 0;
    let mut failure = None;
    let walked = expr.apply(|node| {
        let column = match node {
            Expr::Column(column) => Some(column),
            Expr::ScalarSubquery(subquery) => {
                add_outer(&subquery.outer_ref_columns, schema, set);
                None
            }
            Expr::Exists(exists) => {
                add_outer(&exists.subquery.outer_ref_columns, schema, set);
                None
            }
            Expr::InSubquery(membership) => {
                add_outer(&membership.subquery.outer_ref_columns, schema, set);
                None
            }
            Expr::SetComparison(comparison) => {
                add_outer(&comparison.subquery.outer_ref_columns, schema, set);
                None
            }
            _ => None,
        };
        if let Some(column) = column
            && let Err(error) = add_column(column, schema, set, hint)
        {
            failure = Some(error);
            return Ok(TreeNodeRecursion::Stop);
        }
        hint += usize::from(column.is_some());
        Ok(TreeNodeRecursion::Continue)
    });
    match (walked, failure) {
        (Ok(_), None) => Ok(()),
        (_, Some(error)) => Err(error),
        (Err(error), None) => Err(InternalError::new(error)),
    }
}

fn add_column(column: &Column, schema: &DFSchema, set: &mut ColumnSet, hint: usize) -> Result<(), InternalError> {
    match position_of(schema, column, hint) {
        Some(position) => {
            set.insert(position);
            Ok(())
        }
        None => Err(InternalError::new(format!("no column {column} in {schema}"))),
    }
}

/// An outer column that this schema does not have belongs to a query further out.
fn add_outer(outer: &[Expr], schema: &DFSchema, set: &mut ColumnSet) {
    for expr in outer {
        if let Expr::OuterReferenceColumn(_, column) = expr
            && let Some(position) = position_of(schema, column, 0)
        {
            set.insert(position);
        }
    }
}

fn over(
    input: &LogicalPlan,
    mut set: ColumnSet,
    exprs: &mut dyn Iterator<Item = &Expr>,
) -> Result<ColumnSet, InternalError> {
    for expr in exprs {
        add_columns(expr, input.schema(), &mut set)?;
    }
    Ok(set)
}

fn width(plan: &LogicalPlan) -> usize {
    plan.schema().fields().len()
}

/// The columns of each input (in the order of [`LogicalPlan::inputs`]) that a node reads when these of its own columns
/// are wanted.
///
/// # Errors
/// [`InternalError`] when an expression reads a column that its input does not have.
pub fn needs(node: &LogicalPlan, wanted: &ColumnSet) -> Result<Vec<ColumnSet>, InternalError> {
    let one = |set: ColumnSet| Ok(vec![set]);
    match node {
        LogicalPlan::Projection(projection) => {
            let none = ColumnSet::none(width(&projection.input));
            one(over(&projection.input, none, &mut wanted.positions().filter_map(|at| projection.expr.get(at)))?)
        }
        LogicalPlan::Filter(filter) => {
            one(over(&filter.input, wanted.clone(), &mut std::iter::once(&filter.predicate))?)
        }
        LogicalPlan::Sort(sort) => one(over(&sort.input, wanted.clone(), &mut sort.expr.iter().map(|key| &key.expr))?),
        LogicalPlan::Window(window) => {
            let columns = width(&window.input);
            let exprs = wanted.positions().filter_map(|at| window.window_expr.get(at.checked_sub(columns)?));
            one(over(&window.input, wanted.part(0, columns), &mut { exprs })?)
        }
        LogicalPlan::Aggregate(aggregate) => {
            // Every key is read, wanted or not: it makes the groups. Positions count from the end, because a grouping
            // set has more columns than expressions.
            let first = width(node).saturating_sub(aggregate.aggr_expr.len());
            let exprs = wanted.positions().filter_map(|at| aggregate.aggr_expr.get(at.checked_sub(first)?));
            // One group of all rows is one because something aggregates it, wanted or not.
            let unkeyed = aggregate.group_expr.is_empty() && wanted.positions().next().is_none();
            let exprs = exprs.chain(aggregate.aggr_expr.first().filter(|_| unkeyed));
            let none = ColumnSet::none(width(&aggregate.input));
            one(over(&aggregate.input, none, &mut aggregate.group_expr.iter().chain(exprs))?)
        }
        LogicalPlan::Distinct(Distinct::On(distinct)) => {
            let keys = distinct.on_expr.iter().chain(distinct.sort_expr.iter().flatten().map(|key| &key.expr));
            let exprs = wanted.positions().filter_map(|at| distinct.select_expr.get(at));
            one(over(&distinct.input, ColumnSet::none(width(&distinct.input)), &mut keys.chain(exprs))?)
        }
        LogicalPlan::Limit(_) | LogicalPlan::SubqueryAlias(_) | LogicalPlan::Subquery(_) => one(wanted.clone()),
        LogicalPlan::Union(union) => Ok(vec![wanted.clone(); union.inputs.len()]),
        LogicalPlan::Join(join) => join_needs(join, wanted),
        LogicalPlan::Distinct(Distinct::All(_))
        | LogicalPlan::Repartition(_)
        | LogicalPlan::TableScan(_)
        | LogicalPlan::EmptyRelation(_)
        | LogicalPlan::Statement(_)
        | LogicalPlan::Values(_)
        | LogicalPlan::Explain(_)
        | LogicalPlan::Analyze(_)
        | LogicalPlan::Extension(_)
        | LogicalPlan::Dml(_)
        | LogicalPlan::Ddl(_)
        | LogicalPlan::Copy(_)
        | LogicalPlan::DescribeTable(_)
        | LogicalPlan::Unnest(_)
        | LogicalPlan::RecursiveQuery(_) => {
            Ok(node.inputs().iter().map(|input| ColumnSet::all(width(input))).collect())
        }
    }
}

fn join_needs(join: &Join, wanted: &ColumnSet) -> Result<Vec<ColumnSet>, InternalError> {
    let (left_width, right_width) = (width(&join.left), width(&join.right));
    let none = ColumnSet::none;
    let (mut left, mut right) = match join.join_type {
        JoinType::Inner | JoinType::Left | JoinType::Right | JoinType::Full => {
            (wanted.part(0, left_width), wanted.part(left_width, right_width))
        }
        JoinType::LeftSemi | JoinType::LeftAnti | JoinType::LeftMark => (wanted.part(0, left_width), none(right_width)),
        JoinType::RightSemi | JoinType::RightAnti | JoinType::RightMark => {
            (none(left_width), wanted.part(0, right_width))
        }
    };
    for (left_key, right_key) in &join.on {
        add_columns(left_key, join.left.schema(), &mut left)?;
        add_columns(right_key, join.right.schema(), &mut right)?;
    }
    add_lateral(&join.right, join.left.schema(), &mut left)?;
    if let Some(filter) = &join.filter {
        for column in filter.column_refs() {
            let at_left = position_of(join.left.schema(), column, 0);
            match (at_left, position_of(join.right.schema(), column, 0)) {
                (Some(position), _) => left.insert(position),
                (None, Some(position)) => right.insert(position),
                (None, None) => return Err(InternalError::new(format!("no column {column} in {}", join.schema))),
            }
        }
        add_outer_of(filter, join, &mut left, &mut right);
    }
    Ok(vec![left, right])
}

/// Adds what LATERAL parts of the right side, at whatever depth, read of the left one.
fn add_lateral(right: &LogicalPlan, schema: &DFSchema, set: &mut ColumnSet) -> Result<(), InternalError> {
    right
        .apply(|node| {
            if let LogicalPlan::Subquery(subquery) = node {
                add_outer(&subquery.outer_ref_columns, schema, set);
            }
            Ok(TreeNodeRecursion::Continue)
        })
        .map(|_| ())
        .map_err(InternalError::new)
}

/// Outer references of subqueries in a join's condition may read either side.
fn add_outer_of(filter: &Expr, join: &Join, left: &mut ColumnSet, right: &mut ColumnSet) {
    for (schema, set) in [(join.left.schema(), left), (join.right.schema(), right)] {
        for subquery in super::subqueries::of_expr(filter) {
            add_outer(&subquery.outer_ref_columns, schema, set);
        }
    }
}
