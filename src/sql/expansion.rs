//! How much larger a statement becomes while it is planned, measured before anything is planned.
//!
//! The planner writes some parts out several times: `x BETWEEN a AND b` compares x twice, rows are compared field by
//! field, `coalesce` becomes a CASE that tests what it gives, a query of WITH stands wherever its name stands, and
//! subqueries of expressions are looked through by their own queries again. Nested, each level multiplies. What comes out
//! is bounded here, so that a short statement cannot hold up the others.

use std::collections::HashMap;
use std::ops::ControlFlow;

use sqlparser::ast::{
    Expr, Function, FunctionArguments, GroupByExpr, NamedWindowExpr, ObjectName, ObjectNamePart, Query, Select,
    Visitor, WindowSpec, WindowType,
};

use crate::base::limits::{self, LimitSet};
use crate::base::syntax_walk::walk;
use crate::base::{ErrorReport, SqlState};

use super::frames;
use super::grouping_sets;
use crate::base::limits::GROUPING_SETS;

/// Refuses a query that planning would multiply beyond the limit.
pub(super) fn check(query: &Query, limits: &LimitSet) -> Result<(), ErrorReport> {
    let mut weigher = Weigher::default();
    if let ControlFlow::Break(report) = walk(query, &mut weigher) {
        return Err(report);
    }
    let added = weigher.weight.saturating_sub(weigher.size.saturating_mul(GROWTH));
    limits.check(limits::PLAN_EXPANSION, usize::try_from(added).unwrap_or(usize::MAX))
}

/// So many times a statement may grow whatever its length, as a list of rows does.
const GROWTH: u64 = 4;

/// What a row is compared with, and its fields, stand about so often in what compares it.
const TUPLE: u64 = 3;

/// A call over a frame with `EXCLUDE` becomes about so many, over the parts that are left of the frame.
const EXCLUDED: u64 = 44;

/// What was found below one part of the tree.
#[derive(Default)]
struct Frame {
    parts: u64,
    first: u64,
    last: u64,
    total: u64,
}

impl Frame {
    fn add(&mut self, weight: u64) {
        if self.parts == 0 {
            self.first = weight;
        }
        self.parts += 1;
        self.last = weight;
        self.total = self.total.saturating_add(weight);
    }
}

/// The queries of WITH that a query has named so far, with their weights.
#[derive(Default)]
struct Scope {
    names: Vec<String>,
    known: HashMap<String, u64>,
}

#[derive(Default)]
struct Weigher {
    frames: Vec<Frame>,
    scopes: Vec<Scope>,
    size: u64,
    /// A window with a name leaves rows out of its frame.
    names_exclusion: bool,
    /// Of the whole query, once it was walked.
    weight: u64,
}

impl Weigher {
    fn open(&mut self) {
        self.size += 1;
        self.frames.push(Frame::default());
    }

    fn close(&mut self) -> Frame {
        self.frames.pop().unwrap_or_default()
    }

    fn add(&mut self, weight: u64) {
        match self.frames.last_mut() {
            Some(frame) => frame.add(weight),
            None => self.weight = weight,
        }
    }
}

/// A part written out so many times. A column or a constant costs nothing.
fn times(weight: u64, count: u64) -> u64 {
    if weight <= 1 { weight } else { weight.saturating_mul(count) }
}

/// The weight of an expression over what was found in it.
fn weigh(expr: &Expr, found: &Frame, names_exclusion: bool) -> u64 {
    let Frame { parts, first, last, total } = *found;
    let all_leaves = total <= parts;
    let rest = total.saturating_sub(first);
    let weight = match expr {
        Expr::Between { .. } => rest.saturating_add(times(first, 3)),
        Expr::InList { expr, list, .. } if matches!(**expr, Expr::Tuple(_)) => {
            // Its fields are compared with each row, and not as the fields of rows in order are.
            rest.saturating_add(times(first / TUPLE + 1, list.len() as u64))
        }
        Expr::InList { .. } | Expr::Like { .. } | Expr::ILike { .. } => rest.saturating_add(times(first, 2)),
        Expr::AnyOp { .. } | Expr::AllOp { .. } | Expr::IsDistinctFrom(..) | Expr::IsNotDistinctFrom(..)
            if !all_leaves =>
        {
            total.saturating_mul(2)
        }
        Expr::Tuple(_) if !all_leaves => total.saturating_mul(TUPLE),
        Expr::Function(function) if !all_leaves && is_called(function, "row") => total.saturating_mul(3),
        Expr::Function(function) if is_called(function, "coalesce") => {
            times(total.saturating_sub(last), if all_leaves { 1 } else { 2 }).saturating_add(last)
        }
        Expr::Function(function) if is_called(function, "nullif") => times(first, 2).saturating_add(times(rest, 2)),
        Expr::Function(function) if !all_leaves && may_exclude(function, names_exclusion) => {
            total.saturating_mul(EXCLUDED)
        }
        Expr::CompoundFieldAccess { .. } if !all_leaves => total.saturating_mul(3),
        Expr::Subquery(_) | Expr::Exists { .. } | Expr::InSubquery { .. } => total.saturating_mul(2),
        Expr::Function(Function { args: FunctionArguments::Subquery(_), .. }) => total.saturating_mul(2),
        _ => total,
    };
    weight.saturating_add(1)
}

/// Whether a call is over a window whose frame leaves rows out. Which one a name means is not looked up.
fn may_exclude(function: &Function, names_exclusion: bool) -> bool {
    match &function.over {
        Some(WindowType::WindowSpec(spec)) => excludes(spec),
        Some(WindowType::NamedWindow(_)) => names_exclusion,
        None => false,
    }
}

fn excludes(spec: &WindowSpec) -> bool {
    spec.window_name.as_ref().is_some_and(|name| frames::read(name).0.is_some())
}

fn is_called(function: &Function, name: &str) -> bool {
    let [ObjectNamePart::Identifier(ident)] = function.name.0.as_slice() else { return false };
    ident.value.eq_ignore_ascii_case(name)
}

/// How many sets of keys a GROUP BY makes.
fn grouping_sets(select: &Select) -> u64 {
    let GroupByExpr::Expressions(keys, _) = &select.group_by else { return 1 };
    grouping_sets::count_of(keys)
}

impl Visitor for Weigher {
    type Break = ErrorReport;

    fn pre_visit_query(&mut self, query: &Query) -> ControlFlow<ErrorReport> {
        self.open();
        let tables = query.with.iter().flat_map(|with| &with.cte_tables);
        // The last comes first: they are taken from the end.
        let mut names: Vec<String> = tables.map(|table| table.alias.name.value.to_lowercase()).collect();
        names.reverse();
        self.scopes.push(Scope { names, known: HashMap::new() });
        ControlFlow::Continue(())
    }

    fn post_visit_query(&mut self, _: &Query) -> ControlFlow<ErrorReport> {
        let weight = self.close().total.saturating_add(1);
        self.scopes.pop();
        match self.scopes.last_mut().and_then(|scope| scope.names.pop().map(|name| (scope, name))) {
            Some((scope, name)) => {
                scope.known.insert(name, weight);
            }
            None => self.add(weight),
        }
        ControlFlow::Continue(())
    }

    fn pre_visit_select(&mut self, select: &Select) -> ControlFlow<ErrorReport> {
        if grouping_sets(select) > GROUPING_SETS {
            let message = format!("too many grouping sets present (maximum {GROUPING_SETS})");
            return ControlFlow::Break(ErrorReport::new(SqlState::STATEMENT_TOO_COMPLEX, message));
        }
        let windows = select.named_window.iter().map(|window| &window.1);
        self.names_exclusion |=
            windows.into_iter().any(|window| matches!(window, NamedWindowExpr::WindowSpec(spec) if excludes(spec)));
        ControlFlow::Continue(())
    }

    fn pre_visit_relation(&mut self, relation: &ObjectName) -> ControlFlow<ErrorReport> {
        if let [ObjectNamePart::Identifier(ident)] = relation.0.as_slice() {
            let name = ident.value.to_lowercase();
            let found = self.scopes.iter().rev().find_map(|scope| scope.known.get(&name).copied());
            self.add(found.unwrap_or(1));
        }
        ControlFlow::Continue(())
    }

    fn pre_visit_expr(&mut self, _: &Expr) -> ControlFlow<ErrorReport> {
        self.open();
        ControlFlow::Continue(())
    }

    fn post_visit_expr(&mut self, expr: &Expr) -> ControlFlow<ErrorReport> {
        let found = self.close();
        self.add(weigh(expr, &found, self.names_exclusion));
        ControlFlow::Continue(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sql::{Statement, StatementKind, parse};

    fn checked(text: &str) -> Result<(), ErrorReport> {
        let mut statements: Vec<Statement> = parse(text, &LimitSet::default()).unwrap();
        let StatementKind::Query(query) = statements.remove(0).kind else { panic!("{text}") };
        check(query.tree(), &LimitSet::default())
    }

    fn nested(open: &str, close: &str, depth: usize) -> String {
        format!("SELECT {}a{} FROM t", open.repeat(depth), close.repeat(depth))
    }

    #[test]
    fn what_multiplies_is_refused_once_it_is_nested_deeply() {
        let shapes = [
            ("((", " BETWEEN 1 AND 2)::int)"),
            ("((", " IN (1, 2, 3))::int)"),
            ("((", " = ANY (ARRAY[1, 2]))::int)"),
            ("coalesce(", ", 1)"),
            ("nullif(", ", 1)"),
            ("nullif(1, ", ")"),
            ("((", " IS DISTINCT FROM 1)::int)"),
            ("((", " LIKE 'a%')::text)"),
            ("(((", ", 1) < (1, 2))::int)"),
            ("(((", ", 1) IN ((1, 2), (3, 4)))::int)"),
            ("row(", ", 1)"),
            ("(ARRAY[", "])[1]"),
            ("(SELECT ", ")"),
            ("EXISTS (SELECT ", ")"),
        ];
        for (open, close) in shapes {
            checked(&nested(open, close, 5)).unwrap();
            let report = checked(&nested(open, close, 30)).unwrap_err();
            assert_eq!(report.sqlstate, SqlState::PROGRAM_LIMIT_EXCEEDED, "{open}");
            assert!(report.message.contains("plan_expansion"), "{open}");
        }
    }

    #[test]
    fn frames_that_leave_rows_out_are_counted_with_what_they_become() {
        let inline = "sum((SELECT ";
        let close = ")) OVER (ORDER BY a ROWS BETWEEN 1 PRECEDING AND 1 FOLLOWING EXCLUDE CURRENT ROW)";
        checked(&nested(inline, close, 1)).unwrap();
        let report = checked(&nested(inline, close, 5)).unwrap_err();
        assert_eq!(report.sqlstate, SqlState::PROGRAM_LIMIT_EXCEEDED);
        let windows = "WINDOW w AS (ORDER BY a ROWS 1 PRECEDING EXCLUDE TIES)";
        checked(&format!("{} {windows}", nested("sum((SELECT ", ")) OVER w", 1))).unwrap();
        checked(&format!("{} {windows}", nested("sum((SELECT ", ")) OVER w", 5))).unwrap_err();
        let plain = "WINDOW w AS (ORDER BY a ROWS 1 PRECEDING)";
        checked(&format!("{} {plain}", nested("sum((SELECT ", ")) OVER w", 5))).unwrap();
    }

    #[test]
    fn what_does_not_multiply_may_be_deep_and_long() {
        checked(&nested("round(", ", 1)", 100)).unwrap();
        checked(&nested("(1 + ", ")", 100)).unwrap();
        checked(&nested("CASE WHEN true THEN 1 ELSE ", " END", 100)).unwrap();
        let rows = vec!["(1, 2)"; 20_000].join(", ");
        checked(&format!("SELECT 1 FROM t WHERE (a, b) IN ({rows})")).unwrap();
        let derived = (0..30).fold("t".to_owned(), |from, level| format!("(SELECT * FROM {from}) q{level}"));
        checked(&format!("SELECT * FROM {derived}")).unwrap();
    }

    #[test]
    fn queries_of_with_count_wherever_they_are_named() {
        let chain = |of: &str, length: usize| {
            let more: String =
                (1..=length).map(|level| format!(", a{level} AS (SELECT * FROM a{} {of})", level - 1)).collect();
            format!("WITH a0 AS (SELECT 1 AS x){more} SELECT * FROM a{length}")
        };
        let joined = |length: usize| {
            let more: String = (1..=length)
                .map(|level| {
                    let below = level - 1;
                    format!(", a{level} AS (SELECT l.x FROM a{below} l JOIN a{below} r ON l.x = r.x)")
                })
                .collect();
            format!("WITH a0 AS (SELECT 1 AS x){more} SELECT * FROM a{length}")
        };
        checked(&chain("WHERE x > 0", 100)).unwrap();
        checked(&joined(5)).unwrap();
        assert!(checked(&joined(30)).is_err());
    }

    #[test]
    fn grouping_sets_have_the_bound_of_postgresql() {
        let cubes = |count: usize| format!("SELECT 1 FROM t GROUP BY {}", vec!["CUBE (a, b)"; count].join(", "));
        checked(&cubes(6)).unwrap();
        let report = checked(&cubes(7)).unwrap_err();
        assert_eq!(report.message, "too many grouping sets present (maximum 4096)");
        assert_eq!(report.sqlstate, SqlState::STATEMENT_TOO_COMPLEX);
    }
}
