//! Which placement of a logical table a query wants.

use std::fmt;

use serde::{Deserialize, Serialize};

/// What is asked of the router: an intent, not a destination. A placement of a logical table serves one of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Freshness {
    /// The live state.
    Realtime,
    /// One row, or a few, by their key.
    Point,
    /// Much history.
    Analytical,
}

impl Freshness {
    /// All of them, in the order in which messages list them.
    pub const ALL: [Self; 3] = [Self::Realtime, Self::Point, Self::Analytical];

    /// The name that settings, configuration, graphs and `EXPLAIN` use.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Realtime => "realtime",
            Self::Point => "point",
            Self::Analytical => "analytical",
        }
    }

    /// The one of a name; `None` for any other text, such as the `auto` of the setting.
    #[must_use]
    pub fn of_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|known| known.name() == name)
    }
}

impl fmt::Display for Freshness {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
