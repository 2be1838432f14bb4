//! What the columns of a plan read as, inside a SELECT block.

use datafusion::common::{Column, DFSchema};
use sqlparser::ast;

use crate::base::InternalError;
use crate::route::columns::position_of;

/// What a column is made of. It decides which slot a node above may use it in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// A column of the block's FROM.
    Column,
    /// A literal or a parameter.
    Constant,
    /// A key of the block's GROUP BY.
    Key,
    /// An aggregate function of the block.
    Aggregate,
    /// An expression over columns of the first two kinds.
    Computed,
    /// An expression over keys and aggregates.
    ComputedOfGroup,
    /// A window function, or an expression over one.
    Window,
}

/// One column of a block.
#[derive(Debug, Clone)]
pub(super) struct Slot {
    /// What it reads as.
    pub(super) expr: ast::Expr,
    /// What it is made of.
    pub(super) kind: Kind,
    /// How much it costs to say it twice, in nodes of its expression; [`Slot::ONCE`] where it may not be said twice.
    pub(super) weight: usize,
}

impl Slot {
    /// The weight of what may be said once only: volatile functions and subqueries.
    pub(super) const ONCE: usize = usize::MAX / 2;

    /// A column of the FROM.
    pub(super) fn column(expr: ast::Expr) -> Self {
        Self { expr, kind: Kind::Column, weight: 0 }
    }
}

/// The columns that an expression can see.
#[derive(Debug, Clone, Copy)]
pub(super) struct Scope<'a> {
    /// Their names and types.
    pub(super) schema: &'a DFSchema,
    /// What they read as; `None` while it is only asked whether an expression can be said.
    pub(super) columns: Option<&'a [Option<Slot>]>,
    /// The scope of the query around a subquery.
    pub(super) outer: Option<&'a Scope<'a>>,
}

impl<'a> Scope<'a> {
    /// What a column is.
    ///
    /// # Errors
    /// [`InternalError`] when there is no such column, or the nodes above were said not to read it.
    pub(super) fn slot(&self, column: &Column) -> Result<Option<&'a Slot>, InternalError> {
        let Some(columns) = self.columns else { return Ok(None) };
        let found = position_of(self.schema, column, 0).and_then(|at| columns.get(at));
        match found {
            Some(Some(slot)) => Ok(Some(slot)),
            Some(None) => Err(InternalError::new(format!("the column {column} was pruned"))),
            None => Err(InternalError::new(format!("no column {column} in {}", self.schema))),
        }
    }

    /// What a column of one of the queries around this one is.
    ///
    /// # Errors
    /// [`InternalError`] when no query around has it.
    pub(super) fn outer_slot(&self, column: &Column) -> Result<Option<&'a Slot>, InternalError> {
        if self.columns.is_none() {
            return Ok(None);
        }
        let mut around = self.outer;
        while let Some(scope) = around {
            if position_of(scope.schema, column, 0).is_some() {
                return scope.slot(column);
            }
            around = scope.outer;
        }
        Err(InternalError::new(format!("no outer column {column}")))
    }
}
