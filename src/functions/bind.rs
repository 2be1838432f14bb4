//! Values for parameters, and the request's clock for the functions that tell the time.

use datafusion::common::ScalarValue;
use datafusion::logical_expr::LogicalPlan;

use crate::base::{ErrorReport, RequestClock};

/// Puts values for the parameters and for the clock's functions into a plan. The schema stays the same.
///
/// # Errors
/// `08P01` when a value is missing, `42804` when one does not fit.
pub fn bind(_plan: &LogicalPlan, _values: &[ScalarValue], _clock: RequestClock) -> Result<LogicalPlan, ErrorReport> {
    todo!("functions helper")
}
