//! What may be used beside GROUP BY and aggregates (`check_ungrouped_columns`).

use std::collections::HashMap;
use std::ops::ControlFlow;

use sqlparser::ast::{
    CastKind, DataType, Expr, Function, FunctionArguments, GroupByExpr, Ident, ObjectName, Query, Select, Visitor,
    VisitorMut,
};

use crate::base::syntax_walk::{walk, walk_mut};
use crate::base::{ErrorReport, SqlState};

use super::clauses::Key;
use super::operators::bare;
use super::places::{begin, of};
use super::queries::Target;
use super::scope::Found;
use super::types::{Type, written};
use super::{Checked, Checker, GroupedColumn, Groups, argument_expressions, error};
use crate::sql::grouping_sets::{is_of_sets, nested_steps};
use crate::sql::normalise::{self, call};
use crate::sql::words::folded;

impl Checker<'_> {
    /// The column that an expression is, if it is one and nothing else. A cast to its own type is nothing.
    pub(super) fn column_at(&self, expr: &Expr) -> Option<Found> {
        match bare(expr) {
            Expr::Identifier(ident) => self.columns.get(&of(ident)).copied(),
            Expr::CompoundIdentifier(parts) => self.columns.get(&parts.first().map_or(0, of)).copied(),
            Expr::Cast { expr: inner, data_type, .. } => {
                self.column_at(inner).filter(|found| changes_nothing(data_type, found.data_type))
            }
            _ => None,
        }
    }

    /// Whether an item of the SELECT list is the same expression.
    pub(super) fn is_same(&self, target: &Target<'_>, expr: &Expr, column: Option<Found>) -> bool {
        match (target.column, column) {
            (Some(a), Some(b)) => a == b && (a.column.is_some() || is_same_name(target.expr, expr)),
            (None, None) => target.expr.is_some_and(|own| self.equal(own, expr)),
            _ => false,
        }
    }

    pub(super) fn equal(&self, a: &Expr, b: &Expr) -> bool {
        similar(a, b) && self.canonical(a) == self.canonical(b)
    }

    /// The same tree for the same meaning: columns by what they mean, types by their own names, no parentheses.
    pub(super) fn canonical(&self, expr: &Expr) -> Expr {
        let mut copy = expr.clone();
        let _: ControlFlow<()> = walk_mut(&mut copy, &mut Canonical { checker: self });
        copy
    }

    /// Every column of this SELECT must be grouped or stand in an aggregate.
    pub(super) fn check_grouping(
        &self,
        select: &Select,
        targets: &[Target<'_>],
        extra: &[&Expr],
        grouped: &Option<Vec<Key<'_>>>,
    ) -> Checked<()> {
        let level = self.scope.depth();
        let has_aggregates = self.scope.levels.get(level).is_some_and(|level| level.has_aggregates);
        if grouped.is_none() && !has_aggregates && select.having.is_none() {
            return Ok(());
        }
        let keys = grouped.as_deref().unwrap_or_default();
        let mut search = Ungrouped {
            checker: self,
            level,
            columns: keys.iter().filter_map(|key| key.column).collect(),
            exprs: keys
                .iter()
                .filter(|key| key.column.is_none())
                .filter_map(|key| key.expr)
                .map(|expr| self.canonical(bare(expr)))
                .collect(),
            skipped: 0,
            subqueries: 0,
        };
        for target in targets {
            match target.expr {
                Some(expr) => search.check(expr)?,
                None => {
                    if let Some(found) = target.column.filter(|found| !search.is_grouped(*found)) {
                        return Err(self.ungrouped(found, target.output.typed.place, false));
                    }
                }
            }
        }
        extra.iter().copied().chain(&select.having).try_for_each(|expr| search.check(expr))
    }

    /// Notes what this SELECT groups, when a subquery has aggregates of it, or rows are made of arrays somewhere and it has
    /// no sets of keys.
    pub(super) fn note_groups(&mut self, select: &Select, keys: &[Key<'_>]) {
        let depth = self.scope.depth();
        let has_sets = matches!(&select.group_by, GroupByExpr::Expressions(items, _) if items.iter().any(is_of_sets));
        let Some(level) = self.scope.levels.get(depth) else { return };
        let is_grouped = !keys.is_empty() || level.has_aggregates;
        let is_lifted = level.is_read_within || (self.makes_rows && !has_sets);
        if !(is_grouped && is_lifted) {
            return;
        }
        let Some(exprs) = keys.iter().map(|key| key.expr.cloned()).collect::<Option<Vec<_>>>() else { return };
        let sets = if has_sets { written_sets(&select.group_by, exprs) } else { Vec::new() };
        let keys = if has_sets { self.different(keys) } else { keys.iter().collect() };
        let Some(exprs) = keys.iter().map(|key| key.expr.cloned()).collect::<Option<Vec<_>>>() else { return };
        // A key that makes rows itself has its own way.
        if exprs.iter().any(normalise::is_row_call) {
            return;
        }
        let start = begin(&select.select_token.0);
        let is_own = |place: usize, level: usize| level == depth && place >= start;
        let column = |found: &Found| GroupedColumn {
            id: format!("{}.{:?}", found.table, found.column),
            key: keys.iter().position(|key| key.column == Some(*found)),
        };
        let groups = Groups {
            keys: exprs,
            sets,
            aggregates: self
                .aggregates
                .iter()
                .chain(&self.groupings)
                .filter(|(at, level)| is_own(**at, **level))
                .map(|(at, _)| *at)
                .collect(),
            columns: self
                .columns
                .iter()
                .filter(|(at, found)| is_own(**at, found.level))
                .map(|(at, found)| (*at, column(found)))
                .collect(),
        };
        self.findings.groups.insert(start, groups);
    }

    /// Keys without those that are there before.
    fn different<'k, 'q>(&self, keys: &'k [Key<'q>]) -> Vec<&'k Key<'q>> {
        let is_same = |a: &Key<'_>, b: &Key<'_>| match (a.column, b.column) {
            (Some(a), Some(b)) => a == b,
            (None, None) => a.expr.zip(b.expr).is_some_and(|(a, b)| self.equal(a, b)),
            _ => false,
        };
        let mut kept: Vec<&Key<'_>> = Vec::new();
        for key in keys {
            if !kept.iter().any(|before| is_same(before, key)) {
                kept.push(key);
            }
        }
        kept
    }

    /// The first call of this SELECT in an expression that is in a list of calls.
    pub(super) fn call_within(&self, expr: &Expr, calls: &HashMap<usize, usize>) -> Option<usize> {
        struct Calls<'c> {
            calls: &'c HashMap<usize, usize>,
            level: usize,
        }
        impl Visitor for Calls<'_> {
            type Break = usize;
            fn pre_visit_expr(&mut self, expr: &Expr) -> ControlFlow<usize> {
                match expr {
                    Expr::Function(function) => match self.calls.get(&begin(&function.name)) {
                        Some(level) if *level == self.level => ControlFlow::Break(begin(&function.name)),
                        Some(_) | None => ControlFlow::Continue(()),
                    },
                    _ => ControlFlow::Continue(()),
                }
            }
        }
        walk(expr, &mut Calls { calls, level: self.scope.depth() }).break_value()
    }

    fn ungrouped(&self, found: Found, place: usize, in_subquery: bool) -> ErrorReport {
        let table = self.scope.table(found.level, found.table);
        let column = table.zip(found.column).and_then(|(table, column)| table.columns.get(column));
        let table_name = table.map_or("", |table| table.name.as_str());
        let whole = if found.data_type == Type::RECORD { "*" } else { "" };
        let column_name = column.map_or(whole, |column| column.name.as_str());
        let message = if in_subquery {
            format!("subquery uses ungrouped column \"{table_name}.{column_name}\" from outer query")
        } else {
            format!(
                "column \"{table_name}.{column_name}\" must appear in the GROUP BY clause or be used in an aggregate \
                 function"
            )
        };
        error(SqlState::GROUPING_ERROR, message, place)
    }
}

/// Whether two expressions can be the same at all: trees are costly to compare.
fn similar(a: &Expr, b: &Expr) -> bool {
    let is_cast = |expr: &Expr| matches!(bare(expr), Expr::TypedString(_) | Expr::Cast { .. });
    std::mem::discriminant(bare(a)) == std::mem::discriminant(bare(b)) || (is_cast(a) && is_cast(b))
}

/// Whether a cast to a type as it is written gives values of a type as they are: a length or digits would change them.
fn changes_nothing(data_type: &DataType, own: Type) -> bool {
    let is_plain = !data_type.to_string().contains('(') && !matches!(own.0, "bpchar" | "interval" | "bit");
    is_plain && own.is_known() && own != Type::RECORD && written(data_type) == Some(own)
}

/// The place of the column in casts of it, and how many casts there are.
pub(in crate::sql) fn cast_column(expr: &Expr) -> Option<(usize, usize)> {
    match expr {
        Expr::Nested(inner) => cast_column(inner),
        Expr::Cast { expr: inner, .. } => cast_column(inner).map(|(place, casts)| (place, casts + 1)),
        Expr::Identifier(ident) => Some((of(ident), 0)),
        Expr::CompoundIdentifier(parts) => parts.first().map(|first| (of(first), 0)),
        _ => None,
    }
}

/// A row or a column that is not known is the same when it is written the same.
fn is_same_name(own: Option<&Expr>, expr: &Expr) -> bool {
    own.is_some_and(|own| bare(own) == bare(expr))
}

/// The items of GROUP BY with what each of their keys means: a name or a position stands for an item of the SELECT list.
fn written_sets(group_by: &GroupByExpr, keys: Vec<Expr>) -> Vec<Expr> {
    let GroupByExpr::Expressions(items, _) = group_by else { return Vec::new() };
    let (mut items, mut keys) = (items.clone(), keys.into_iter());
    items.iter_mut().for_each(|item| write_item(item, &mut keys));
    items
}

/// The same order as that in which the keys were found.
fn write_item(item: &mut Expr, keys: &mut impl Iterator<Item = Expr>) {
    match item {
        Expr::GroupingSets(sets) => {
            for set in sets {
                match nested_steps(set) {
                    // A ROLLUP within is read as a call.
                    Some((kind, steps)) => {
                        let mut steps: Vec<Vec<Expr>> = steps.into_iter().map(<[Expr]>::to_vec).collect();
                        steps.iter_mut().flatten().for_each(|key| write_item(key, keys));
                        *set = vec![call(kind.word(), steps.into_iter().map(Expr::Tuple).collect())];
                    }
                    None => set.iter_mut().for_each(|key| write_item(key, keys)),
                }
            }
        }
        Expr::Cube(sets) | Expr::Rollup(sets) => sets.iter_mut().flatten().for_each(|key| write_item(key, keys)),
        Expr::Tuple(items) => items.iter_mut().for_each(|key| write_item(key, keys)),
        single => {
            if let Some(key) = keys.next() {
                *single = key;
            }
        }
    }
}

struct Canonical<'a, 'b> {
    checker: &'a Checker<'b>,
}

impl VisitorMut for Canonical<'_, '_> {
    type Break = ();

    // From the outside: a cast of a column may be that column.
    fn pre_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<()> {
        if let Some(found) = self.checker.column_at(expr)
            && let Some(column) = found.column
        {
            *expr = Expr::Identifier(Ident::with_quote('"', format!("{}.{}.{column}", found.level, found.table)));
        }
        ControlFlow::Continue(())
    }

    fn post_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<()> {
        match expr {
            Expr::Nested(inner) => *expr = inner.as_ref().clone(),
            Expr::Function(function) => fold(&mut function.name),
            Expr::TypedString(typed) => {
                let value = Box::new(Expr::Value(typed.value.clone()));
                *expr = cast(value, plain(&typed.data_type));
            }
            Expr::Cast { expr: inner, data_type, .. } => {
                let inner = std::mem::replace(inner, Box::new(Expr::Value(sqlparser::ast::Value::Null.into())));
                *expr = cast(inner, plain(data_type));
            }
            _ => {}
        }
        ControlFlow::Continue(())
    }
}

fn cast(expr: Box<Expr>, data_type: DataType) -> Expr {
    Expr::Cast { kind: CastKind::Cast, expr, data_type, array: false, format: None }
}

/// A type without digits by its own name.
fn plain(data_type: &DataType) -> DataType {
    match written(data_type) {
        Some(known) if !data_type.to_string().contains('(') && known.is_known() => {
            DataType::Custom(ObjectName::from(vec![Ident::new(known.0)]), Vec::new())
        }
        _ => data_type.clone(),
    }
}

fn fold(name: &mut ObjectName) {
    let folded: Vec<Ident> =
        name.0.iter().filter_map(|part| part.as_ident()).map(|part| Ident::new(folded(part))).collect();
    *name = ObjectName::from(folded);
}

/// Looks for a column that is neither grouped nor aggregated.
struct Ungrouped<'a, 'b> {
    checker: &'a Checker<'b>,
    level: usize,
    columns: Vec<Found>,
    exprs: Vec<Expr>,
    /// How many expressions deep we are in something that is grouped or aggregated.
    skipped: usize,
    subqueries: usize,
}

impl Ungrouped<'_, '_> {
    fn check(&mut self, expr: &Expr) -> Checked<()> {
        match walk(expr, self) {
            ControlFlow::Break(report) => Err(report),
            ControlFlow::Continue(()) => Ok(()),
        }
    }

    /// Columns of other levels, and what is not known, pass.
    fn is_grouped(&self, found: Found) -> bool {
        found.level != self.level
            || (found.column.is_none() && found.data_type != Type::RECORD)
            || self.columns.iter().any(|key| key.table == found.table && key.column == found.column)
    }

    fn is_key(&self, expr: &Expr) -> bool {
        self.exprs.iter().any(|key| similar(key, expr)) && self.exprs.contains(&self.checker.canonical(bare(expr)))
    }

    /// The argument of GROUPING that is no key.
    fn not_grouped_argument<'e>(&self, expr: &'e Expr) -> Option<&'e Expr> {
        let Expr::Function(Function { name, args: FunctionArguments::List(list), .. }) = expr else { return None };
        let is_own = self.checker.groupings.get(&begin(name)).is_none_or(|level| *level == self.level);
        if !is_own || !name.to_string().eq_ignore_ascii_case("grouping") {
            return None;
        }
        argument_expressions(&list.args).find(|argument| match self.checker.column_at(argument) {
            Some(found) => !self.is_grouped(found),
            None => !self.is_key(argument),
        })
    }

    /// An aggregate of this SELECT or of one around it: its arguments are no concern of ours.
    fn is_aggregate(&self, expr: &Expr) -> bool {
        match expr {
            Expr::Function(function) => {
                self.checker.aggregates.get(&begin(&function.name)).is_some_and(|level| *level <= self.level)
            }
            _ => false,
        }
    }
}

impl Visitor for Ungrouped<'_, '_> {
    type Break = ErrorReport;

    fn pre_visit_query(&mut self, _query: &Query) -> ControlFlow<ErrorReport> {
        self.subqueries += 1;
        ControlFlow::Continue(())
    }

    fn post_visit_query(&mut self, _query: &Query) -> ControlFlow<ErrorReport> {
        self.subqueries -= 1;
        ControlFlow::Continue(())
    }

    fn pre_visit_expr(&mut self, expr: &Expr) -> ControlFlow<ErrorReport> {
        if self.skipped == 0
            && let Some(argument) = self.not_grouped_argument(expr)
        {
            let message = "arguments to GROUPING must be grouping expressions of the associated query level";
            return ControlFlow::Break(error(SqlState::GROUPING_ERROR, message, self.checker.places.start(argument)));
        }
        // Within subqueries PostgreSQL knows keys that are columns only.
        let is_key = self.subqueries == 0 && self.is_key(expr);
        if self.skipped > 0 || is_key || self.is_aggregate(expr) {
            self.skipped += 1;
            return ControlFlow::Continue(());
        }
        match self.checker.column_at(expr) {
            Some(found) if !matches!(expr, Expr::Nested(_) | Expr::Cast { .. }) && !self.is_grouped(found) => {
                let place = self.checker.places.start(expr);
                ControlFlow::Break(self.checker.ungrouped(found, place, self.subqueries > 0))
            }
            Some(_) | None => ControlFlow::Continue(()),
        }
    }

    fn post_visit_expr(&mut self, _expr: &Expr) -> ControlFlow<ErrorReport> {
        self.skipped = self.skipped.saturating_sub(1);
        ControlFlow::Continue(())
    }
}
