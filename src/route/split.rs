//! Splitting a plan into pieces.

use crate::guard::GuardedPlan;

use super::piece::{Capability, RouteError, RoutedPlan};

/// Splits a guarded plan into the largest pieces that one store can run whole.
///
/// # Errors
/// [`RouteError::Unsupported`] when a part can run nowhere.
pub fn route(_plan: GuardedPlan, _capability: &dyn Capability) -> Result<RoutedPlan, RouteError> {
    todo!("router helper")
}
