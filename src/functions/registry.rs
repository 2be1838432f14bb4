//! The implementations behind the rows, for the planner and for what runs in process.

use std::collections::HashMap;
use std::sync::Arc;

use datafusion::arrow::datatypes::DataType;
use datafusion::logical_expr::{AggregateUDF, ScalarUDF, WindowUDF};

use crate::base::limits::{self, LimitSet};

use super::library::{Typed, Widened, widen_float, widen_sum};
use super::table::{FunctionKind, find};
use super::{arithmetic, clock, datetime, growth, mathematics, rounding, text};

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

/// Names of PostgreSQL, the library's name for the same, and the result type where the library has another.
const RENAMED: [(&str, &str, Option<DataType>); 25] = [
    ("length", "character_length", Some(DataType::Int32)),
    ("char_length", "character_length", Some(DataType::Int32)),
    ("character_length", "character_length", Some(DataType::Int32)),
    ("octet_length", "octet_length", Some(DataType::Int32)),
    ("bit_length", "bit_length", Some(DataType::Int32)),
    ("strpos", "strpos", Some(DataType::Int32)),
    ("position", "strpos", Some(DataType::Int32)),
    ("ascii", "ascii", Some(DataType::Int32)),
    ("substring", "substr", None),
    ("trim", "btrim", None),
    ("btrim", "btrim", None),
    ("md5", "md5", Some(DataType::Utf8)),
    ("upper", "upper", Some(DataType::Utf8)),
    ("lower", "lower", Some(DataType::Utf8)),
    ("initcap", "initcap", Some(DataType::Utf8)),
    ("reverse", "reverse", Some(DataType::Utf8)),
    ("split_part", "split_part", Some(DataType::Utf8)),
    ("regexp_count", "regexp_count", Some(DataType::Int32)),
    ("array_length", "array_length", Some(DataType::Int32)),
    ("array_upper", "array_length", Some(DataType::Int32)),
    ("cardinality", "cardinality", Some(DataType::Int32)),
    ("array_position", "array_position", Some(DataType::Int32)),
    ("array_cat", "array_concat", None),
    ("array_replace", "array_replace_all", None),
    ("array_remove", "array_remove_all", None),
];

/// Aggregates under PostgreSQL's names.
const AGGREGATES: [(&str, &str); 8] = [
    ("every", "bool_and"),
    ("variance", "var"),
    ("var_samp", "var"),
    ("var_pop", "var_pop"),
    ("stddev", "stddev"),
    ("stddev_samp", "stddev"),
    ("stddev_pop", "stddev_pop"),
    ("covar_samp", "covar_samp"),
];

impl FunctionRegistry {
    /// Every function of the table, with its implementation, under the limits that the configuration has by default.
    #[must_use]
    pub fn standard() -> Self {
        Self::new(&LimitSet::default())
    }

    /// Every function of the table, with its implementation.
    #[must_use]
    pub fn new(limits: &LimitSet) -> Self {
        let mut registry = Self::default();
        registry.add_scalars();
        registry.bound_texts(limits.of(limits::FUNCTION_RESULT_BYTES));
        registry.add_aggregates();
        registry.add_windows();
        registry
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
        for (name, inner, result) in &RENAMED {
            if let Some(inner) = library.get(*inner) {
                self.add_scalar(Typed::function(name, Arc::clone(inner), result.clone()));
            }
        }
        let own = [
            clock::functions(),
            arithmetic::functions(),
            rounding::functions(),
            datetime::functions(),
            text::functions(),
            mathematics::functions(),
        ];
        for function in own.into_iter().flatten() {
            self.add_scalar(function);
        }
    }

    fn bound_texts(&mut self, bytes: usize) {
        for function in self.scalars.values_mut() {
            if let Some(bounded) = growth::bounded(function, bytes) {
                *function = Arc::new(bounded);
            }
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
        for (name, inner) in AGGREGATES {
            if let Some(inner) = library.get(inner) {
                let widen = (name != "every").then_some(widen_float as fn(&DataType) -> Option<DataType>);
                self.add_aggregate(Widened::function(name, Arc::clone(inner), widen));
            }
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
