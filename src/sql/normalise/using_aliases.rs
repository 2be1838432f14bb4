//! `JOIN … USING (k) AS m`: what `m`, `m.k` and `m.*` stand for is written in their places, and the alias is taken off the
//! names of USING, whose last one it is. So is what `k` stands for in a subquery, or in a row that is compared with one.

use std::collections::HashMap;
use std::ops::ControlFlow;

use sqlparser::ast::{
    AccessExpr, Expr, Function, FunctionArg, FunctionArgExpr, FunctionArguments, Ident, JoinConstraint, ObjectName,
    ObjectNamePart, Query, Select, SelectItem, SelectItemQualifiedWildcardKind, TableFactor, TableWithJoins,
    VisitorMut,
};

use crate::base::syntax_walk::walk_mut;
use crate::sql::check::{Findings, MergedColumn, of};
use crate::sql::shorthand::JOIN_ALIAS;
use crate::sql::words::folded;

use super::rows;
use super::shapes::constraint_mut;
use super::system::{bare_name, quoted};
use super::whole_rows::record;

/// Writes the aliases of a query out.
pub(super) fn write_out(query: &mut Query, findings: &Findings) {
    let _: ControlFlow<()> = walk_mut(query, &mut Aliases { findings });
}

struct Aliases<'a> {
    findings: &'a Findings,
}

impl Aliases<'_> {
    /// The columns of what is named here, if it is such an alias.
    fn columns(&self, name: &Ident) -> Option<&[MergedColumn]> {
        let place = of(name);
        self.findings.merged.get(&place).filter(|_| place > 0).map(Vec::as_slice)
    }

    fn star(&self, name: &ObjectName) -> Option<&[MergedColumn]> {
        self.columns(name.0.first().and_then(ObjectNamePart::as_ident)?)
    }

    /// `m.k`
    fn column(&self, alias: &Ident, column: &Ident) -> Option<Expr> {
        let name = folded(column);
        self.columns(alias)?.iter().find(|merged| merged.name == name).map(|merged| merged.expr.clone())
    }

    /// `m` and `m.*` as a value.
    fn row(columns: &[MergedColumn]) -> Expr {
        record(columns.iter().map(|column| (column.name.clone(), column.expr.clone())).collect())
    }

    /// What an item of a list stands for. It keeps its name.
    fn items(&self, item: &SelectItem) -> Option<Vec<SelectItem>> {
        let named = |expr: Expr, name: &str| SelectItem::ExprWithAlias { expr, alias: quoted(name) };
        match item {
            SelectItem::QualifiedWildcard(SelectItemQualifiedWildcardKind::ObjectName(name), _) => {
                Some(self.star(name)?.iter().map(|column| named(column.expr.clone(), &column.name)).collect())
            }
            SelectItem::UnnamedExpr(expr) => {
                let name = match expr {
                    Expr::Identifier(name) => name,
                    Expr::CompoundIdentifier(parts) => parts.last()?,
                    _ => return None,
                };
                Some(vec![named(self.written(expr)?, &folded(name))])
            }
            _ => None,
        }
    }

    /// What an expression that names an alias stands for.
    fn written(&self, expr: &Expr) -> Option<Expr> {
        match expr {
            Expr::Identifier(name) => {
                let outside = read_at(&self.findings.merged_outside, name);
                outside.or_else(|| self.columns(name).map(Self::row))
            }
            Expr::CompoundIdentifier(parts) => match parts.as_slice() {
                [alias, column] => self.column(alias, column),
                _ => None,
            },
            Expr::CompoundFieldAccess { root, access_chain } => match access_chain.as_slice() {
                [AccessExpr::Dot(Expr::Identifier(column))] => self.column(named(root)?, column),
                _ => None,
            },
            Expr::IsNull(row) => self.each(row, Expr::IsNull),
            Expr::IsNotNull(row) => self.each(row, Expr::IsNotNull),
            _ => None,
        }
    }

    /// A row is NULL, or is not, when each of its columns is.
    fn each(&self, row: &Expr, ask: fn(Box<Expr>) -> Expr) -> Option<Expr> {
        let columns = self.columns(named(row)?)?;
        Some(rows::each(&columns.iter().map(|column| column.expr.clone()).collect::<Vec<_>>(), ask))
    }

    /// `f(m.*)` is `f(m)`, and `ROW(m.*)` a row of its columns.
    fn arguments(&self, function: &mut Function) {
        let is_row = bare_name(&function.name).as_deref() == Some("row");
        let FunctionArguments::List(list) = &mut function.args else { return };
        let written = |argument: FunctionArg| {
            let FunctionArg::Unnamed(FunctionArgExpr::QualifiedWildcard(name)) = &argument else {
                return vec![argument];
            };
            let value = |expr: Expr| FunctionArg::Unnamed(FunctionArgExpr::Expr(expr));
            match self.star(name) {
                Some(columns) if is_row => columns.iter().map(|column| value(column.expr.clone())).collect(),
                Some(columns) => vec![value(Self::row(columns))],
                None => vec![argument],
            }
        };
        list.args = std::mem::take(&mut list.args).into_iter().flat_map(written).collect();
    }
}

fn read_at(columns: &HashMap<usize, Expr>, name: &Ident) -> Option<Expr> {
    let place = of(name);
    columns.get(&place).filter(|_| place > 0).cloned()
}

/// The row that is compared with a subquery: it is read within the subquery then.
fn compared_row(expr: &mut Expr) -> Option<&mut Expr> {
    match expr {
        Expr::InSubquery { expr: row, .. } | Expr::AnyOp { left: row, .. } | Expr::AllOp { left: row, .. } => Some(row),
        Expr::BinaryOp { left, right, .. } => match (left.as_ref(), right.as_ref()) {
            (_, Expr::Subquery(_)) => Some(left),
            (Expr::Subquery(_), _) => Some(right),
            _ => None,
        },
        _ => None,
    }
}

/// Writes out the merged columns of a row.
struct Here<'a>(&'a HashMap<usize, Expr>);

impl VisitorMut for Here<'_> {
    type Break = ();

    fn pre_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<()> {
        if let Expr::Identifier(name) = expr
            && let Some(written) = read_at(self.0, name)
        {
            *expr = written;
        }
        ControlFlow::Continue(())
    }
}

/// The name that an expression is and nothing else.
fn named(expr: &Expr) -> Option<&Ident> {
    match expr {
        Expr::Identifier(name) => Some(name),
        Expr::Nested(inner) => named(inner),
        _ => None,
    }
}

/// Takes the aliases off the joins of an item of FROM.
fn take_aliases(from: &mut TableWithJoins) {
    for join in &mut from.joins {
        if let Some(JoinConstraint::Using(names)) = constraint_mut(join) {
            names.retain(|name| {
                !name.0.last().and_then(ObjectNamePart::as_ident).is_some_and(|name| name.value.starts_with(JOIN_ALIAS))
            });
        }
    }
    let joined = from.joins.iter_mut().map(|join| &mut join.relation);
    for factor in std::iter::once(&mut from.relation).chain(joined) {
        if let TableFactor::NestedJoin { table_with_joins, .. } = factor {
            take_aliases(table_with_joins);
        }
    }
}

impl VisitorMut for Aliases<'_> {
    type Break = ();

    fn pre_visit_select(&mut self, select: &mut Select) -> ControlFlow<()> {
        select.from.iter_mut().for_each(take_aliases);
        if !self.findings.merged.is_empty() || !self.findings.merged_outside.is_empty() {
            let items = std::mem::take(&mut select.projection);
            let written = items.into_iter().flat_map(|item| self.items(&item).unwrap_or_else(|| vec![item]));
            select.projection = written.collect();
        }
        ControlFlow::Continue(())
    }

    fn pre_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<()> {
        if let Some(row) = compared_row(expr)
            && matches!(row, Expr::Tuple(_))
        {
            let _: ControlFlow<()> = walk_mut(row, &mut Here(&self.findings.merged_here));
        }
        if let Some(written) = self.written(expr) {
            *expr = written;
        } else if let Expr::Function(function) = expr {
            self.arguments(function);
        }
        ControlFlow::Continue(())
    }
}
