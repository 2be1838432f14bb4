//! The row of a function that returns single values is that value: `e ->> 'a'` of `jsonb_array_elements(…) AS e` reads its
//! only column, which has a name of its own.

use std::collections::HashMap;
use std::ops::ControlFlow;

use sqlparser::ast::{Expr, Ident, Query, Select, SelectItem, VisitorMut};

use crate::base::syntax_walk::walk_mut;
use crate::sql::check::{Findings, of};
use crate::sql::words::folded;

use super::system::quoted;

/// Puts the columns in the place of such rows.
pub(super) fn write_out(query: &mut Query, findings: &Findings) {
    if !findings.scalars.is_empty() {
        let _: ControlFlow<()> = walk_mut(query, &mut Scalars { columns: &findings.scalars });
    }
}

struct Scalars<'a> {
    columns: &'a HashMap<usize, String>,
}

impl Scalars<'_> {
    fn column(&self, row: &Ident) -> Option<Expr> {
        let name = self.columns.get(&of(row))?;
        Some(Expr::CompoundIdentifier(vec![row.clone(), quoted(name)]))
    }
}

impl VisitorMut for Scalars<'_> {
    type Break = ();

    fn pre_visit_select(&mut self, select: &mut Select) -> ControlFlow<()> {
        for item in &mut select.projection {
            if let SelectItem::UnnamedExpr(Expr::Identifier(row)) = item
                && let Some(expr) = self.column(row)
            {
                // It keeps its name.
                *item = SelectItem::ExprWithAlias { expr, alias: quoted(&folded(row)) };
            }
        }
        ControlFlow::Continue(())
    }

    fn pre_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<()> {
        if let Expr::Identifier(row) = expr
            && let Some(column) = self.column(row)
        {
            *expr = column;
        }
        ControlFlow::Continue(())
    }
}
