//! Where a recursive query may name itself (`checkWellFormedRecursion` in `parse_cte.c`).

use std::ops::ControlFlow;

use sqlparser::ast::{
    Cte as WithQuery, JoinOperator, LimitClause, ObjectName, OrderByKind, Query, Select, SetExpr, SetOperator,
    SetQuantifier, TableFactor, TableWithJoins, Visit, Visitor,
};

use crate::base::SqlState;
use crate::base::syntax_walk::walk;
use crate::sql::words::folded;

use super::places::{Places, begin, of};
use super::scope::parts;
use super::{Checked, error};

/// What a reference stands in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Context {
    /// Where it may stand.
    Allowed,
    FirstTerm,
    Subquery,
    OuterJoin,
    Intersect,
    Except,
}

impl Context {
    /// The outermost of those where it may not stand is told.
    fn within(self, inner: Self) -> Self {
        if self == Self::Allowed { inner } else { self }
    }

    fn name(self) -> Option<&'static str> {
        match self {
            Self::Allowed => None,
            Self::FirstTerm => Some("its non-recursive term"),
            Self::Subquery => Some("a subquery"),
            Self::OuterJoin => Some("an outer join"),
            Self::Intersect => Some("INTERSECT"),
            Self::Except => Some("EXCEPT"),
        }
    }
}

/// A query of WITH RECURSIVE that names itself is a union, whose second term alone does so, once.
pub(super) fn well_formed(query: &WithQuery, places: &Places<'_>) -> Checked<()> {
    let name = folded(&query.alias.name);
    let body = query.query.as_ref();
    if references(&name, |found| found.query(body, Context::Allowed)).is_empty() {
        return Ok(());
    }
    let SetExpr::SetOperation { left, op: SetOperator::Union, right, .. } = body.body.as_ref() else {
        let message =
            format!("recursive query \"{name}\" does not have the form non-recursive-term UNION [ALL] recursive-term");
        return Err(error(SqlState::INVALID_RECURSION, message, of(&query.alias.name)));
    };
    one_allowed(&name, &references(&name, |found| found.body(left, Context::FirstTerm)))?;
    one_allowed(&name, &references(&name, |found| found.body(right, Context::Allowed)))?;
    let with = body.with.iter().flat_map(|with| &with.cte_tables);
    let in_with = references(&name, |found| with.for_each(|cte| found.query(&cte.query, Context::Subquery)));
    one_allowed(&name, &in_with)?;
    no_clauses(body, places)
}

fn one_allowed(name: &str, found: &[(Context, usize)]) -> Checked<()> {
    let mut allowed = 0_usize;
    for (context, place) in found {
        let what = match context.name() {
            Some(what) => format!("within {what}"),
            None if allowed > 0 => "more than once".to_owned(),
            None => {
                allowed += 1;
                continue;
            }
        };
        let message = format!("recursive reference to query \"{name}\" must not appear {what}");
        return Err(error(SqlState::INVALID_RECURSION, message, *place));
    }
    Ok(())
}

/// The clauses that PostgreSQL has not got for the whole union.
fn no_clauses(query: &Query, places: &Places<'_>) -> Checked<()> {
    let missing = |what: &str, place: usize| {
        let message = format!("{what} in a recursive query is not implemented");
        Err(error(SqlState::FEATURE_NOT_SUPPORTED, message, place))
    };
    if let Some(order_by) = &query.order_by {
        let place = match &order_by.kind {
            OrderByKind::Expressions(keys) => keys.first().map_or(0, |key| places.start(&key.expr)),
            OrderByKind::All(_) => 0,
        };
        return missing("ORDER BY", place);
    }
    let (limit, offset) = match &query.limit_clause {
        Some(LimitClause::LimitOffset { limit, offset, .. }) => {
            (limit.as_ref(), offset.as_ref().map(|offset| &offset.value))
        }
        Some(LimitClause::OffsetCommaLimit { offset, limit }) => (Some(limit), Some(offset)),
        None => (None, None),
    };
    if let Some(offset) = offset {
        return missing("OFFSET", places.start(offset));
    }
    if let Some(limit) = limit {
        return missing("LIMIT", places.start(limit));
    }
    match &query.fetch {
        Some(fetch) => missing("LIMIT", fetch.quantity.as_ref().map_or(0, |count| places.start(count))),
        None => Ok(()),
    }
}

/// The references to a name that a search finds, in its order.
fn references(name: &str, search: impl FnOnce(&mut References<'_>)) -> Vec<(Context, usize)> {
    let mut found = References { name, inner: Vec::new(), found: Vec::new() };
    search(&mut found);
    found.found
}

struct References<'n> {
    name: &'n str,
    /// The names of the WITH clauses around: they mean their own queries.
    inner: Vec<Vec<String>>,
    found: Vec<(Context, usize)>,
}

impl References<'_> {
    fn query(&mut self, query: &Query, context: Context) {
        let Some(with) = &query.with else { return self.parts_of(query, context) };
        let names = || with.cte_tables.iter().map(|cte| folded(&cte.alias.name));
        // Without RECURSIVE a name is known only after its query.
        let mut known = if with.recursive { names().collect() } else { Vec::new() };
        for (cte, name) in with.cte_tables.iter().zip(names()) {
            self.inner.push(known);
            self.query(&cte.query, context);
            known = self.inner.pop().unwrap_or_default();
            known.push(name);
        }
        self.inner.push(known);
        self.parts_of(query, context);
        self.inner.pop();
    }

    fn parts_of(&mut self, query: &Query, context: Context) {
        self.body(&query.body, context);
        self.subqueries(&query.order_by);
        self.subqueries(&query.limit_clause);
        self.subqueries(&query.fetch);
    }

    fn body(&mut self, body: &SetExpr, context: Context) {
        match body {
            SetExpr::Select(select) => self.select(select, context),
            SetExpr::Query(query) => self.query(query, context),
            SetExpr::Values(values) => self.subqueries(values),
            SetExpr::SetOperation { left, op, set_quantifier, right } => {
                let is_all = *set_quantifier == SetQuantifier::All;
                let (first, second) = match op {
                    SetOperator::Intersect if is_all => (Context::Intersect, Context::Intersect),
                    SetOperator::Except | SetOperator::Minus if is_all => (Context::Except, Context::Except),
                    SetOperator::Except | SetOperator::Minus => (Context::Allowed, Context::Except),
                    SetOperator::Union | SetOperator::Intersect => (Context::Allowed, Context::Allowed),
                };
                self.body(left, context.within(first));
                self.body(right, context.within(second));
            }
            SetExpr::Insert(_) | SetExpr::Update(_) | SetExpr::Delete(_) | SetExpr::Merge(_) | SetExpr::Table(_) => {}
        }
    }

    fn select(&mut self, select: &Select, context: Context) {
        self.subqueries(&select.distinct);
        self.subqueries(&select.projection);
        select.from.iter().for_each(|item| self.joined(item, context));
        self.subqueries(&select.selection);
        self.subqueries(&select.group_by);
        self.subqueries(&select.having);
        self.subqueries(&select.named_window);
    }

    fn joined(&mut self, item: &TableWithJoins, context: Context) {
        let sides: Vec<(bool, bool)> = item.joins.iter().map(|join| may_lack_rows(&join.join_operator)).collect();
        // What stands before a join is its left side.
        let lacks = |index: usize| sides.get(index..).unwrap_or_default().iter().any(|(left, _)| *left);
        let of_side = |lacks: bool| if lacks { context.within(Context::OuterJoin) } else { context };
        self.factor(&item.relation, of_side(lacks(0)));
        for (index, (join, (_, right))) in item.joins.iter().zip(&sides).enumerate() {
            self.factor(&join.relation, of_side(*right || lacks(index + 1)));
            self.subqueries(&join.join_operator);
        }
    }

    fn factor(&mut self, factor: &TableFactor, context: Context) {
        match factor {
            TableFactor::Table { name, args: None, .. } => self.relation(name, context),
            TableFactor::Derived { subquery, .. } => self.query(subquery, context),
            TableFactor::NestedJoin { table_with_joins, .. } => self.joined(table_with_joins, context),
            TableFactor::Table { args: Some(_), .. }
            | TableFactor::TableFunction { .. }
            | TableFactor::Function { .. }
            | TableFactor::UNNEST { .. }
            | TableFactor::JsonTable { .. }
            | TableFactor::OpenJsonTable { .. }
            | TableFactor::Pivot { .. }
            | TableFactor::Unpivot { .. }
            | TableFactor::MatchRecognize { .. }
            | TableFactor::XmlTable { .. }
            | TableFactor::SemanticView { .. } => self.subqueries(factor),
        }
    }

    fn relation(&mut self, name: &ObjectName, context: Context) {
        let names = parts(name);
        let [single] = names.as_slice() else { return };
        let is_hidden = self.inner.iter().flatten().any(|inner| inner == single);
        if single == self.name && !is_hidden {
            self.found.push((context, begin(name)));
        }
    }

    /// The subqueries of expressions. Each is a context of its own, whatever it stands in.
    fn subqueries(&mut self, node: &impl Visit) {
        let _: ControlFlow<()> = walk(node, &mut Subqueries { references: self, depth: 0 });
    }
}

struct Subqueries<'a, 'n> {
    references: &'a mut References<'n>,
    depth: usize,
}

impl Visitor for Subqueries<'_, '_> {
    type Break = ();

    fn pre_visit_query(&mut self, query: &Query) -> ControlFlow<()> {
        if self.depth == 0 {
            self.references.query(query, Context::Subquery);
        }
        self.depth += 1;
        ControlFlow::Continue(())
    }

    fn post_visit_query(&mut self, _: &Query) -> ControlFlow<()> {
        self.depth -= 1;
        ControlFlow::Continue(())
    }
}

/// Whether rows of the left and of the right side of a join may have no partner and be NULL.
fn may_lack_rows(operator: &JoinOperator) -> (bool, bool) {
    match operator {
        JoinOperator::Left(_) | JoinOperator::LeftOuter(_) => (false, true),
        JoinOperator::Right(_) | JoinOperator::RightOuter(_) => (true, false),
        JoinOperator::FullOuter(_) => (true, true),
        JoinOperator::Join(_)
        | JoinOperator::Inner(_)
        | JoinOperator::CrossJoin(_)
        | JoinOperator::StraightJoin(_)
        | JoinOperator::Semi(_)
        | JoinOperator::LeftSemi(_)
        | JoinOperator::RightSemi(_)
        | JoinOperator::Anti(_)
        | JoinOperator::LeftAnti(_)
        | JoinOperator::RightAnti(_)
        | JoinOperator::CrossApply
        | JoinOperator::OuterApply
        | JoinOperator::AsOf { .. }
        | JoinOperator::ArrayJoin
        | JoinOperator::LeftArrayJoin
        | JoinOperator::InnerArrayJoin => (false, false),
    }
}
