//! The implementations behind the rows, for the planner and for what runs in process.

use std::collections::HashMap;
use std::sync::Arc;

use datafusion::logical_expr::{AggregateUDF, ScalarUDF, WindowUDF};

use super::clock;
use super::table::{FunctionKind, find};

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
        let mut registry = Self::default();
        registry.add_library();
        for function in clock::functions() {
            registry.add_scalar(Arc::new(function));
        }
        registry
    }

    /// The library's functions, under each of their names that the table has.
    fn add_library(&mut self) {
        let nested = datafusion::functions_nested::all_default_nested_functions();
        for function in datafusion::functions::all_default_functions().into_iter().chain(nested) {
            self.add_scalar(function);
        }
        for function in datafusion::functions_aggregate::all_default_aggregate_functions() {
            for name in std::iter::once(function.name()).chain(function.aliases().iter().map(String::as_str)) {
                if find(name, FunctionKind::Aggregate).is_some() {
                    self.aggregates.insert(name.to_owned(), Arc::clone(&function));
                }
            }
        }
        for function in datafusion::functions_window::all_default_window_functions() {
            for name in std::iter::once(function.name()).chain(function.aliases().iter().map(String::as_str)) {
                if find(name, FunctionKind::Window).is_some() {
                    self.windows.insert(name.to_owned(), Arc::clone(&function));
                }
            }
        }
    }

    fn add_scalar(&mut self, function: Arc<ScalarUDF>) {
        for name in std::iter::once(function.name()).chain(function.aliases().iter().map(String::as_str)) {
            if find(name, FunctionKind::Scalar).is_some() {
                self.scalars.insert(name.to_owned(), Arc::clone(&function));
            }
        }
    }
}
