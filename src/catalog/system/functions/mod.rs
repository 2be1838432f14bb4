//! The functions that clients call on the catalogs, as scalar functions of DataFusion.
//!
//! Comes in: a [`System`]. Goes out: functions that read it. One row of a table says what a function takes and gives.
//! Does not: change anything but, in `set_config`, the session's own settings.
//! Invariant: no function tells anything that the rows of the system tables do not.

mod array;
mod call;
mod describe;
mod names;
mod privileges;
mod session;
mod visibility;

use std::sync::Arc;

use datafusion::logical_expr::ScalarUDF;

use super::System;
use call::{FunctionRow, SystemFunction};

const TABLES: [&[FunctionRow]; 5] = [visibility::ROWS, names::ROWS, describe::ROWS, privileges::ROWS, session::ROWS];

/// The function of that name, bound to the system.
pub(super) fn find(system: &System, name: &str) -> Option<Arc<ScalarUDF>> {
    let Some(row) = TABLES.iter().flat_map(|rows| rows.iter()).find(|row| row.name == name) else {
        return array::find(name);
    };
    Some(Arc::new(ScalarUDF::new_from_impl(SystemFunction::new(system.clone(), row))))
}

/// The name of every system function.
pub(super) fn names() -> impl Iterator<Item = &'static str> {
    TABLES.iter().flat_map(|rows| rows.iter()).map(|row| row.name).chain(array::names())
}

#[cfg(test)]
mod tests;
