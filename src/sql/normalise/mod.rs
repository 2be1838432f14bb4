//! Rewrites of the syntax tree before planning: forms that PostgreSQL has and the planner has not, written with forms
//! that it has.
//!
//! Comes in: a query as it was parsed. Goes out: the same query for the planner.
//! Does not: look names up.
//! Invariant: a rewrite never changes what the query means, and every identifier keeps its place in the text.

mod arms;
mod array_constants;
mod arrays;
mod bare_queries;
mod distinct;
mod excluded_frames;
mod exclusions;
mod forms;
mod grouping;
mod hidden_tables;
mod hypothetical;
mod intervals;
mod joins;
mod laterals;
mod marks;
mod named;
mod names;
mod numbers;
mod outer_aggregates;
mod repeated;
mod row_presence;
mod rows;
mod same_casts;
mod samples;
mod scalar_rows;
mod selects;
mod series;
mod shadows;
mod shapes;
mod sort_keys;
mod stars;
mod system;
mod tables;
mod type_names;
mod using_aliases;
mod values;
mod variadic;
mod whole_rows;
mod windows;

use std::ops::ControlFlow;

use sqlparser::ast::{self, Expr, Query, Select, TableFactor, VisitorMut};

use crate::base::ErrorReport;
use crate::base::syntax_walk::walk_mut;

use super::check::{Findings, begin};
use super::plan::PlanContext;

use marks::Marks;

pub(super) use forms::{call, internal_name};
pub(super) use grouping::of_positions;
pub(super) use marks::MODIFIER;
pub(super) use names::{figured, shown};
pub(super) use numbers::is_wide;
pub(super) use samples::{Percentage, percentage, seeded};
pub(super) use series::{is_called as is_row_call, makes_rows};
pub(super) use shapes::{Shapes, Side, constraint, merge_place, name_of};
pub(super) use system::{bare_name, quoted};
pub(super) use type_names::as_type;
pub(super) use variadic::VARIADIC;

/// Rewrites a query in place.
pub(super) fn query(query: &mut ast::Query, context: &PlanContext<'_>, findings: &Findings) -> Result<(), ErrorReport> {
    shadows::rename(query);
    arms::cast(query, findings)?;
    // Names before all else: they come from the text as it was written.
    names::assign(query);
    hidden_tables::rename(query, findings);
    outer_aggregates::lift(query, findings);
    same_casts::take_off(query, findings);
    using_aliases::write_out(query, findings);
    scalar_rows::write_out(query, findings);
    system::rewrite(query)?;
    let shapes = Shapes::new(context, findings);
    match walk_mut(
        query,
        &mut Normaliser { context, findings, shapes, entered: Vec::new(), marks: Marks::default(), calls: 0 },
    ) {
        ControlFlow::Break(report) => Err(*report),
        ControlFlow::Continue(()) => Ok(()),
    }
}

struct Normaliser<'a> {
    context: &'a PlanContext<'a>,
    findings: &'a Findings,
    shapes: Shapes<'a>,
    /// For every query around, how many names its WITH found.
    entered: Vec<usize>,
    marks: Marks,
    /// Calls of functions in FROM so far.
    calls: usize,
}

type Flow = ControlFlow<Box<ErrorReport>>;

fn flow(result: Result<(), ErrorReport>) -> Flow {
    match result {
        Ok(()) => ControlFlow::Continue(()),
        Err(report) => ControlFlow::Break(Box::new(report)),
    }
}

/// The type of a constant that what stands beside it gives it.
fn known_type(expr: &Expr, findings: &Findings) -> Option<&'static str> {
    let Expr::Value(ast::ValueWithSpan { value: ast::Value::SingleQuotedString(_) | ast::Value::Number(..), span }) =
        expr
    else {
        return None;
    };
    findings.constants.get(&usize::try_from(span.start.column).ok()?).copied()
}

/// Whether an expression is a `real` for which the library has double precision.
fn is_real(expr: &Expr, findings: &Findings) -> bool {
    match expr {
        Expr::Function(function) => findings.reals.contains(&begin(&function.name)),
        Expr::Case { case_token, .. } => findings.reals.contains(&begin(&case_token.0)),
        _ => false,
    }
}

impl VisitorMut for Normaliser<'_> {
    type Break = Box<ErrorReport>;

    fn pre_visit_query(&mut self, query: &mut Query) -> Flow {
        self.entered.push(self.shapes.enter(query));
        stars::name_query(query, &self.shapes);
        ControlFlow::Continue(())
    }

    fn post_visit_query(&mut self, query: &mut Query) -> Flow {
        if let (ast::SetExpr::Select(select), Some(order_by)) = (query.body.as_ref(), query.order_by.as_mut()) {
            stars::order_by(select, order_by, &self.shapes);
            flow(whole_rows::expand_order(select, order_by, &self.shapes, &self.findings.rows))?;
        }
        if let ast::SetExpr::Select(select) = query.body.as_mut() {
            grouping::of_repeats(select, query.order_by.as_mut());
        }
        stars::write_keys(&mut query.body, &self.shapes);
        if let Some(before) = self.entered.pop() {
            self.shapes.leave(before);
        }
        values::type_constants(&mut query.body);
        numbers::restore_in_query(query);
        numbers::mark_recursive_casts(query);
        marks::in_lists(&mut query.body, !self.entered.is_empty());
        bare_queries::in_distinct(query);
        distinct::order(query);
        forms::whole_limits(query);
        flow(windows::resolve(query))?;
        sort_keys::hide_distinct(query);
        sort_keys::hide(query);
        flow(forms::fetch_to_limit(query))
    }

    fn post_visit_select(&mut self, select: &mut Select) -> Flow {
        grouping::of_nested(select);
        numbers::restore_in_select(select);
        joins::as_lateral(select);
        stars::expand(select, &self.shapes);
        repeated::write_out(select, &self.shapes);
        flow(whole_rows::expand(select, &self.shapes, &self.findings.rows))?;
        series::in_list(select, &mut self.marks);
        grouping::of_positions(select);
        grouping::of_tuples(select);
        grouping::of_rows(select);
        grouping::of_all_rows(select);
        if let Some(condition) = &mut select.selection {
            rows::simplify_condition(condition);
        }
        flow(selects::check_items(select))
    }

    fn pre_visit_table_factor(&mut self, factor: &mut TableFactor) -> Flow {
        if let TableFactor::Derived { lateral: true, subquery, .. } = factor {
            laterals::name_outer_columns(&mut subquery.body, &self.shapes);
        }
        joins::name_nested(factor, &self.shapes);
        flow(samples::prepare(factor, &self.shapes))?;
        flow(tables::prepare(factor, self.context, &mut self.calls))
    }

    fn post_visit_expr(&mut self, expr: &mut Expr) -> Flow {
        if let Some(name) = known_type(expr, self.findings) {
            flow(type_names::give(expr, name))?;
            // A number that became a float has its digits as they are written.
            numbers::type_number(expr);
            return ControlFlow::Continue(());
        }
        numbers::type_number(expr);
        marks::in_call(expr, &mut self.marks);
        if is_real(expr, self.findings) {
            *expr = forms::cast(forms::take(expr), ast::DataType::Real);
            return ControlFlow::Continue(());
        }
        if let ast::Expr::Function(function) = expr
            && self.findings.big_sums.contains(&begin(&function.name))
        {
            // The planner says what queries around this one may do with it before it says that a sum is wider.
            numbers::widen_argument(function);
        }
        arrays::of_outer_names(expr, self.entered.len() > 1);
        flow(forms::rewrite(expr, self.context))
    }
}
