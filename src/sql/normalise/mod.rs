//! Rewrites of the syntax tree before planning: forms that PostgreSQL has and the planner has not, written with forms
//! that it has.

use sqlparser::ast;

use crate::base::ErrorReport;

use super::plan::PlanContext;

/// Rewrites a query in place.
pub(super) fn query(_query: &mut ast::Query, _context: &PlanContext<'_>) -> Result<(), ErrorReport> {
    Ok(())
}
