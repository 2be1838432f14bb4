//! What a session keeps by name: prepared statements and portals.

use std::collections::HashMap;
use std::ops::{Deref, DerefMut};

use crate::base::ErrorReport;
use crate::base::limits::{Limit, LimitSet};

/// Things by name; the empty name is the protocol's unnamed one, of which there is always at most one.
#[derive(Debug)]
pub(super) struct Named<T> {
    by_name: HashMap<String, T>,
    limits: LimitSet,
    most: Limit,
}

impl<T> Named<T> {
    /// None yet, and at most so many with a name.
    pub(super) fn new(limits: &LimitSet, most: Limit) -> Self {
        Self { by_name: HashMap::new(), limits: limits.clone(), most }
    }

    /// Makes place for one more; the unnamed one goes.
    ///
    /// # Errors
    /// `taken` for a name that is taken, `54000` when there are too many.
    pub(super) fn check_new(&mut self, name: &str, taken: impl FnOnce() -> ErrorReport) -> Result<(), ErrorReport> {
        if name.is_empty() {
            self.by_name.remove(name);
            return Ok(());
        }
        if self.by_name.contains_key(name) {
            return Err(taken());
        }
        let named = self.by_name.len() - usize::from(self.by_name.contains_key(""));
        self.limits.check(self.most, named + 1)
    }

    /// Passes when so many are within another limit.
    ///
    /// # Errors
    /// `54000`.
    pub(super) fn check(&self, limit: Limit, count: usize) -> Result<(), ErrorReport> {
        self.limits.check(limit, count)
    }
}

impl<T> Deref for Named<T> {
    type Target = HashMap<String, T>;

    fn deref(&self) -> &Self::Target {
        &self.by_name
    }
}

impl<T> DerefMut for Named<T> {
    fn deref_mut(&mut self) -> &mut Self::Target {
        &mut self.by_name
    }
}
