//! Rewrites of the syntax tree before planning: forms that PostgreSQL has and the planner has not, written with forms
//! that it has.

mod names;
mod system;

use sqlparser::ast;

use crate::base::ErrorReport;

use super::plan::PlanContext;

pub(super) use names::shown;

/// Rewrites a query in place.
pub(super) fn query(query: &mut ast::Query, _context: &PlanContext<'_>) -> Result<(), ErrorReport> {
    // Names first: they come from the text as it was written.
    names::assign(query);
    system::rewrite(query)
}
