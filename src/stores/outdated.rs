//! Stores whose tables turned out not to be those that a plan was made for.

use std::collections::BTreeSet;

use parking_lot::Mutex;

use crate::base::StoreKind;

use super::StoreError;

/// What the stores of one run said of their tables. An error comes to the session through the engine, which keeps its words
/// only; this comes beside it.
#[derive(Debug, Default)]
pub struct Outdated {
    stores: Mutex<BTreeSet<StoreKind>>,
}

impl Outdated {
    /// Notes what an error says; gives it back.
    pub fn note(&self, error: StoreError) -> StoreError {
        if let StoreError::Outdated { store } = &error {
            self.stores.lock().insert(*store);
        }
        error
    }

    /// The stores whose tables are not those of the plan.
    #[must_use]
    pub fn stores(&self) -> Vec<StoreKind> {
        self.stores.lock().iter().copied().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_store_that_says_so_is_outdated() {
        let outdated = Outdated::default();
        drop(outdated.note(StoreError::Unavailable { store: StoreKind::Redis, detail: String::new() }));
        assert!(outdated.stores().is_empty());
        for store in [StoreKind::Materialize, StoreKind::ClickHouse, StoreKind::Materialize] {
            drop(outdated.note(StoreError::Outdated { store }));
        }
        assert_eq!(outdated.stores(), [StoreKind::ClickHouse, StoreKind::Materialize]);
    }
}
