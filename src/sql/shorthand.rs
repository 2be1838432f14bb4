//! Forms that only abbreviate others, written out in the tree right after it was parsed: what comes later never sees them.
//!
//! What the parser cannot hold comes here behind names that no text can write; `rewritten_tokens` has put them there.

use std::collections::HashSet;
use std::ops::ControlFlow;

use sqlparser::ast::{
    Expr, GroupByExpr, Ident, Join, JoinConstraint, ObjectName, ObjectNamePart, Query, Select, SelectItem,
    SelectItemQualifiedWildcardKind, SetExpr, TableFactor, TableWithJoins, Visitor, VisitorMut,
};
use sqlparser::tokenizer::Span;

use crate::base::syntax_walk::{walk, walk_mut};

use super::grouping_sets;
use super::normalise::{Side, call, constraint, constraint_mut, name_of, of_positions, quoted};
use super::words::folded;

/// Stands where a SELECT selects nothing.
pub(super) const NOTHING: &str = "\u{2063}nothing";

/// Stands before the keys of `GROUP BY DISTINCT`.
pub(super) const DISTINCT_SETS: &str = "\u{2063}distinct";

/// Begins the last of the names of USING, which is the alias of the columns that are merged.
pub(super) const JOIN_ALIAS: &str = "\u{2063}as";

/// Writes the forms of a query out.
pub(super) fn write_out(query: &mut Query) {
    let _: ControlFlow<()> = walk_mut(query, &mut Shorthand);
}

struct Shorthand;

impl VisitorMut for Shorthand {
    type Break = ();

    fn pre_visit_select(&mut self, select: &mut Select) -> ControlFlow<()> {
        let is_nothing = |item: &SelectItem| matches!(item, SelectItem::UnnamedExpr(expr) if is_mark(expr, NOTHING));
        select.projection.retain(|item| !is_nothing(item));
        distinct_sets(select);
        ControlFlow::Continue(())
    }

    fn pre_visit_query(&mut self, query: &mut Query) -> ControlFlow<()> {
        let SetExpr::Select(select) = query.body.as_mut() else { return ControlFlow::Continue(()) };
        let mut aliases = Aliases::default();
        select.from.iter_mut().for_each(|from| aliases.take_from(from));
        if aliases.known.is_empty() {
            return ControlFlow::Continue(());
        }
        let items = std::mem::take(&mut select.projection);
        select.projection = items.into_iter().flat_map(|item| aliases.expand(item)).collect();
        let _: ControlFlow<()> = walk_mut(select.as_mut(), &mut aliases);
        if let Some(order_by) = &mut query.order_by {
            let _: ControlFlow<()> = walk_mut(order_by, &mut aliases);
        }
        ControlFlow::Continue(())
    }
}

fn is_mark(expr: &Expr, mark: &str) -> bool {
    matches!(expr, Expr::Identifier(name) if name.value == mark)
}

/// `GROUP BY DISTINCT`: every set of keys once.
fn distinct_sets(select: &mut Select) {
    let GroupByExpr::Expressions(keys, _) = &mut select.group_by else { return };
    if !keys.first().is_some_and(|key| is_mark(key, DISTINCT_SETS)) {
        return;
    }
    keys.remove(0);
    of_positions(select);
    let GroupByExpr::Expressions(keys, _) = &mut select.group_by else { return };
    if let Some(sets) = grouping_sets::distinct(keys) {
        *keys = vec![Expr::GroupingSets(sets)];
    }
}

/// `JOIN … USING (k) AS m`: `m.k` is the merged column `k`.
#[derive(Default)]
struct Aliases {
    known: Vec<Alias>,
    /// The tables of each query within this place, which hide those of the same names.
    within: Vec<HashSet<String>>,
}

struct Alias {
    name: String,
    columns: Vec<Merged>,
}

/// A column that a join merges, and what it reads.
#[derive(Clone)]
struct Merged {
    name: String,
    source: Source,
}

#[derive(Clone)]
enum Source {
    /// A column of one side.
    Column(Vec<Ident>),
    /// Of a FULL join: a column of either side.
    Either(Vec<Ident>, Vec<Ident>),
}

impl Source {
    /// As an expression. The positions of the alias and of the column become those of the columns that it reads: a check
    /// tells columns apart by them.
    fn read(&self, alias: Span, column: Span) -> Expr {
        let at = |parts: &[Ident], span: Span| {
            let mut parts = parts.to_vec();
            parts.iter_mut().take(1).for_each(|first| first.span = span);
            match parts.as_slice() {
                [only] => Expr::Identifier(only.clone()),
                _ => Expr::CompoundIdentifier(parts),
            }
        };
        match self {
            Self::Column(parts) => at(parts, alias),
            Self::Either(left, right) => call("coalesce", vec![at(left, alias), at(right, column)]),
        }
    }

    fn column(&self) -> Option<&[Ident]> {
        match self {
            Self::Column(parts) => Some(parts),
            Self::Either(..) => None,
        }
    }

    fn tables(&self) -> impl Iterator<Item = &Ident> {
        let (first, second) = match self {
            Self::Column(parts) => (parts, None),
            Self::Either(left, right) => (left, Some(right)),
        };
        first.first().into_iter().chain(second.and_then(|right| right.first()))
    }
}

impl Aliases {
    fn take_from(&mut self, from: &mut TableWithJoins) {
        self.take_nested(&mut from.relation);
        let mut left = name_of(&from.relation);
        let mut merged: Vec<Merged> = Vec::new();
        for join in &mut from.joins {
            self.take_nested(&mut join.relation);
            let own = merge(join, left.take().as_deref(), &merged);
            merged.retain(|before| own.iter().all(|later| later.name != before.name));
            merged.extend(own.iter().cloned());
            if let Some(name) = take_alias(join) {
                self.known.push(Alias { name, columns: own });
            }
        }
    }

    fn take_nested(&mut self, factor: &mut TableFactor) {
        if let TableFactor::NestedJoin { table_with_joins, .. } = factor {
            self.take_from(table_with_joins);
        }
    }

    fn columns(&self, alias: &Ident) -> Option<&[Merged]> {
        let alias = folded(alias);
        if self.within.iter().any(|tables| tables.contains(&alias)) {
            return None;
        }
        self.known.iter().find(|known| known.name == alias).map(|known| known.columns.as_slice())
    }

    /// `m.k`
    fn column(&self, parts: &[Ident]) -> Option<Expr> {
        let [alias, column] = parts else { return None };
        let name = folded(column);
        let merged = self.columns(alias)?.iter().find(|merged| merged.name == name)?;
        let is_hidden = |table: &Ident| self.within.iter().any(|tables| tables.contains(&table.value));
        if merged.source.tables().any(is_hidden) {
            return None;
        }
        Some(merged.source.read(alias.span, column.span))
    }

    /// `m.*`, and `m.k`, which keeps its name.
    fn expand(&self, item: SelectItem) -> Vec<SelectItem> {
        let found = match &item {
            SelectItem::QualifiedWildcard(SelectItemQualifiedWildcardKind::ObjectName(name), _) => self.star(name),
            SelectItem::UnnamedExpr(Expr::CompoundIdentifier(parts)) => self
                .column(parts)
                .zip(parts.last())
                .map(|(expr, column)| vec![SelectItem::ExprWithAlias { expr, alias: quoted(&folded(column)) }]),
            _ => None,
        };
        found.unwrap_or_else(|| vec![item])
    }

    /// Every column has a position within `m.*`. Where there is no room for that, the alias stays unknown.
    fn star(&self, name: &ObjectName) -> Option<Vec<SelectItem>> {
        let alias = name.0.first().filter(|_| name.0.len() == 1).and_then(ObjectNamePart::as_ident)?;
        let columns = self.columns(alias)?;
        let needed: usize = columns.iter().map(|merged| if merged.source.column().is_some() { 1 } else { 2 }).sum();
        if needed > alias.value.len() + ".*".len() {
            return None;
        }
        let mut span = alias.span;
        let mut next = || {
            let own = span;
            span.start.column += 1;
            own
        };
        let item = |merged: &Merged| {
            let (first, second) = (next(), if merged.source.column().is_some() { Span::empty() } else { next() });
            SelectItem::ExprWithAlias { expr: merged.source.read(first, second), alias: quoted(&merged.name) }
        };
        Some(columns.iter().map(item).collect())
    }
}

/// Takes the alias off the names of USING.
fn take_alias(join: &mut Join) -> Option<String> {
    let Some(JoinConstraint::Using(names)) = constraint_mut(join) else { return None };
    let alias = names.last()?.0.last()?.as_ident()?.value.strip_prefix(JOIN_ALIAS)?.to_owned();
    names.pop();
    Some(alias)
}

/// The columns that a join with USING merges. `left` is the table before it, where it is the only one; `before` has been
/// merged on the left side.
fn merge(join: &Join, left: Option<&str>, before: &[Merged]) -> Vec<Merged> {
    let Some((JoinConstraint::Using(names), side)) = constraint(join) else { return Vec::new() };
    let right = name_of(&join.relation);
    let names = names.iter().filter_map(|name| name.0.last().and_then(ObjectNamePart::as_ident));
    let names = names.filter(|name| !name.value.starts_with(JOIN_ALIAS)).map(folded);
    let source = |name: &String| {
        let of = |table: &str| Source::Column(vec![quoted(table), quoted(name)]);
        let known = before.iter().find(|merged| merged.name == *name).map(|merged| merged.source.clone());
        let left = || known.clone().or_else(|| left.map(of));
        let right = || right.as_deref().map(of);
        match side {
            Side::Left => left(),
            Side::Right => right(),
            Side::Either => {
                let (left, right) = (left()?, right()?);
                Some(Source::Either(left.column()?.to_vec(), right.column()?.to_vec()))
            }
        }
    };
    names.filter_map(|name| source(&name).map(|source| Merged { name, source })).collect()
}

impl VisitorMut for Aliases {
    type Break = ();

    fn pre_visit_query(&mut self, query: &mut Query) -> ControlFlow<()> {
        self.within.push(tables_of(query));
        ControlFlow::Continue(())
    }

    fn post_visit_query(&mut self, _query: &mut Query) -> ControlFlow<()> {
        self.within.pop();
        ControlFlow::Continue(())
    }

    fn post_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<()> {
        if let Expr::CompoundIdentifier(parts) = &*expr
            && let Some(column) = self.column(parts)
        {
            *expr = column;
        }
        ControlFlow::Continue(())
    }
}

/// The names of the tables of a query and of those within it.
fn tables_of(query: &Query) -> HashSet<String> {
    struct Tables(HashSet<String>);
    impl Visitor for Tables {
        type Break = ();
        fn pre_visit_table_factor(&mut self, factor: &TableFactor) -> ControlFlow<()> {
            self.0.extend(name_of(factor));
            ControlFlow::Continue(())
        }
    }
    let mut tables = Tables(HashSet::new());
    let _: ControlFlow<()> = walk(query, &mut tables);
    tables.0
}
