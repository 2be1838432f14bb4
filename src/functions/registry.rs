//! The implementations behind the rows, for the planner and for what runs in process.

use std::collections::HashMap;
use std::sync::Arc;

use datafusion::logical_expr::{AggregateUDF, ScalarUDF, WindowUDF};

/// Implementations by name. Built once, shared by every session.
#[derive(Debug, Clone, Default)]
pub struct FunctionRegistry {
    /// Scalar functions.
    pub scalars: HashMap<String, Arc<ScalarUDF>>,
    /// Aggregate functions.
    pub aggregates: HashMap<String, Arc<AggregateUDF>>,
    /// Window functions.
    pub windows: HashMap<String, Arc<WindowUDF>>,
}

impl FunctionRegistry {
    /// Every function of the table, with its implementation.
    #[must_use]
    pub fn standard() -> Self {
        todo!("functions helper")
    }
}
