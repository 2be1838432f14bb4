//! What an expression uses of a block, told before it is written.

use datafusion::common::DFSchema;
use datafusion::common::tree_node::{TreeNode, TreeNodeRecursion};
use datafusion::logical_expr::Expr;

use crate::base::InternalError;
use crate::route::columns::position_of;
use crate::route::subqueries;

use super::scope::{Kind, Slot};

/// What one or several expressions use.
#[derive(Debug, Default)]
pub(super) struct Uses {
    /// The positions of the columns, once for every time they are read.
    pub(super) positions: Vec<usize>,
    /// How many nodes the expressions have.
    pub(super) nodes: usize,
    /// Something that may be evaluated once only.
    pub(super) once: bool,
    /// A subquery.
    pub(super) subquery: bool,
    /// A column of a query further out.
    pub(super) outer: bool,
}

impl Uses {
    /// What these expressions use together.
    ///
    /// # Errors
    /// [`InternalError`] when one reads a column that the schema does not have.
    pub(super) fn of<'a>(exprs: impl IntoIterator<Item = &'a Expr>, schema: &DFSchema) -> Result<Self, InternalError> {
        let mut uses = Self::default();
        for expr in exprs {
            uses.add(expr, schema)?;
        }
        Ok(uses)
    }

    fn add(&mut self, expr: &Expr, schema: &DFSchema) -> Result<(), InternalError> {
        let mut missing = None;
        let walked = expr.apply(|node| {
            self.nodes += 1;
            if let Expr::Column(column) = node {
                match position_of(schema, column, self.positions.len()) {
                    Some(position) => self.positions.push(position),
                    None => missing = Some(format!("no column {column} in {schema}")),
                }
            }
            if is_subquery(node) {
                self.add_subquery(node, schema);
            }
            self.outer |= matches!(node, Expr::OuterReferenceColumn(..));
            self.once |= node.is_volatile_node();
            Ok(TreeNodeRecursion::Continue)
        });
        walked.map_err(InternalError::new)?;
        missing.map_or(Ok(()), |missing| Err(InternalError::new(missing)))
    }

    fn add_subquery(&mut self, node: &Expr, schema: &DFSchema) {
        self.subquery = true;
        self.once = true;
        for outer in subqueries::of_expr(node).iter().flat_map(|subquery| &subquery.outer_ref_columns) {
            if let Expr::OuterReferenceColumn(_, column) = outer
                && let Some(position) = position_of(schema, column, 0)
            {
                self.positions.push(position);
            }
        }
    }

    /// Whether every column used is of one of these kinds.
    pub(super) fn only(&self, slots: &[Option<Slot>], kinds: &[Kind]) -> bool {
        self.slots(slots).all(|slot| kinds.contains(&slot.kind))
    }

    /// Whether some column used is of one of these kinds.
    pub(super) fn any(&self, slots: &[Option<Slot>], kinds: &[Kind]) -> bool {
        self.slots(slots).any(|slot| kinds.contains(&slot.kind))
    }

    /// What the used columns weigh together, each time they are read.
    pub(super) fn weight(&self, slots: &[Option<Slot>]) -> usize {
        self.slots(slots).fold(self.nodes, |sum, slot| sum.saturating_add(slot.weight))
    }

    /// Whether a column that may be said once only is used at all.
    pub(super) fn reads_once_only(&self, slots: &[Option<Slot>]) -> bool {
        self.slots(slots).any(|slot| slot.weight >= Slot::ONCE)
    }

    /// Whether a column that weighs more than this is read more than once.
    pub(super) fn repeats(&self, slots: &[Option<Slot>], weight: usize) -> bool {
        let mut reads = vec![0_usize; slots.len()];
        self.positions.iter().any(|position| {
            let heavy = slots.get(*position).and_then(Option::as_ref).is_some_and(|slot| slot.weight > weight);
            if let (true, Some(count)) = (heavy, reads.get_mut(*position)) {
                *count += 1;
                *count > 1
            } else {
                false
            }
        })
    }

    fn slots<'a>(&'a self, slots: &'a [Option<Slot>]) -> impl Iterator<Item = &'a Slot> {
        self.positions.iter().filter_map(|position| slots.get(*position)?.as_ref())
    }
}

fn is_subquery(node: &Expr) -> bool {
    matches!(node, Expr::ScalarSubquery(_) | Expr::Exists(_) | Expr::InSubquery(_) | Expr::SetComparison(_))
}

/// The expression without its name.
pub(super) fn unnamed(expr: &Expr) -> &Expr {
    match expr {
        Expr::Alias(alias) => unnamed(&alias.expr),
        other => other,
    }
}

/// A column, a literal or a parameter: nothing is computed.
pub(super) fn is_plain(expr: &Expr) -> bool {
    matches!(unnamed(expr), Expr::Column(_) | Expr::Literal(..) | Expr::Placeholder(_))
}

/// Whether a subquery of the expression reads what stands outside of it.
pub(super) fn has_correlated_subquery(expr: &Expr) -> bool {
    subqueries::of_expr(expr).iter().any(|subquery| !subquery.outer_ref_columns.is_empty())
}

/// Whether a subquery stands in the expression.
pub(super) fn has_subquery(expr: &Expr) -> bool {
    !subqueries::of_expr(expr).is_empty()
}
