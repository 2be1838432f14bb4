//! The implementations behind the rows, for the planner and for what runs in process.

use std::collections::HashMap;
use std::sync::Arc;

use datafusion::logical_expr::{AggregateUDF, ScalarUDF, WindowUDF};

use crate::base::limits::LimitSet;

use super::library::{Widened, widen_sum};
use super::overload::{self, Overload};
use super::table::{FunctionKind, find};
use super::{
    aggregates, arithmetic, array, calendar, clock, datetime, formats, intervals, json, mathematics, misc, numeric,
    operators, read_as, regex, rounding, sets, shifts, text, texts, type_tags, value_order,
};

/// Every signature of the functions that have their own.
pub(super) fn overloads() -> Vec<Overload> {
    let all = [
        array::functions(),
        calendar::functions(),
        datetime::functions(),
        formats::functions(),
        json::functions(),
        mathematics::functions(),
        misc::functions(),
        numeric::functions(),
        regex::functions(),
        rounding::functions(),
        texts::functions(),
    ];
    all.into_iter().flatten().collect()
}

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
        registry.add_scalars();
        registry.add_aggregates();
        registry.add_windows();
        registry
    }

    /// The same with what the configuration says of how much a function may make.
    #[must_use]
    pub fn with_limits(mut self, limits: &LimitSet) -> Self {
        self.add_scalar(sets::series_of(limits));
        self
    }

    /// The library's functions under each of their names that the table has, then what is PostgreSQL's own.
    fn add_scalars(&mut self) {
        let library: HashMap<String, Arc<ScalarUDF>> = datafusion::functions::all_default_functions()
            .into_iter()
            .chain(datafusion::functions_nested::all_default_nested_functions())
            .map(|function| (function.name().to_owned(), function))
            .collect();
        for (name, function) in &library {
            if find(name, FunctionKind::Scalar).is_some() {
                self.scalars.insert(name.clone(), Arc::clone(function));
            }
        }
        let own = [
            clock::functions(),
            arithmetic::functions(),
            intervals::functions(),
            json::sort_keys(),
            value_order::functions(),
            text::functions(),
            overload::functions(),
            operators::functions(),
            sets::functions(),
            read_as::functions(),
            type_tags::functions(),
            numeric::exact_functions(),
        ];
        for function in own.into_iter().flatten() {
            self.add_scalar(function);
        }
    }

    fn add_scalar(&mut self, function: ScalarUDF) {
        self.scalars.insert(function.name().to_owned(), Arc::new(function));
    }

    fn add_aggregates(&mut self) {
        let library: HashMap<String, Arc<AggregateUDF>> =
            datafusion::functions_aggregate::all_default_aggregate_functions()
                .into_iter()
                .map(|function| (function.name().to_owned(), function))
                .collect();
        for (name, function) in &library {
            if find(name, FunctionKind::Aggregate).is_some() {
                self.aggregates.insert(name.clone(), Arc::clone(function));
            }
        }
        if let Some(sum) = library.get("sum") {
            self.add_aggregate(Widened::function("sum", Arc::clone(sum), Some(widen_sum)));
        }
        for name in ["max", "min"] {
            if let Some(extreme) = library.get(name) {
                self.add_aggregate(Widened::function(name, Arc::clone(extreme), None));
            }
        }
        for function in aggregates::functions().into_iter().chain(numeric::exact_aggregates()) {
            self.add_aggregate(function);
        }
    }

    fn add_aggregate(&mut self, function: AggregateUDF) {
        self.aggregates.insert(function.name().to_owned(), Arc::new(function));
    }

    fn add_windows(&mut self) {
        for function in datafusion::functions_window::all_default_window_functions() {
            if find(function.name(), FunctionKind::Window).is_some() {
                self.windows.insert(function.name().to_owned(), function);
            }
        }
        for function in shifts::functions() {
            self.windows.insert(function.name().to_owned(), Arc::new(function));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::table::rows;
    use super::*;

    #[test]
    fn every_row_has_an_implementation_of_its_name_and_the_other_way_round() {
        let registry = FunctionRegistry::standard();
        for row in rows() {
            let found = match row.kind {
                FunctionKind::Scalar => registry.scalars.get(row.name).map(|function| function.name().to_owned()),
                FunctionKind::Aggregate => registry.aggregates.get(row.name).map(|function| function.name().to_owned()),
                FunctionKind::Window => registry.windows.get(row.name).map(|function| function.name().to_owned()),
            };
            assert_eq!(found.as_deref(), Some(row.name), "{:?}", row.kind);
        }
        for name in registry.scalars.keys() {
            assert!(find(name, FunctionKind::Scalar).is_some(), "{name} has no row");
        }
        for name in registry.aggregates.keys() {
            assert!(find(name, FunctionKind::Aggregate).is_some(), "{name} has no row");
        }
    }
}
