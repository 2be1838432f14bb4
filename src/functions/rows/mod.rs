//! The rows of the table: one line a function, one file a subject.
//!
//! Comes in: nothing. Goes out: for every function its signature and how each dialect writes it.
//! Does not: implement any.
//! Invariant: a row whose signature does not begin with its name is an operator or a step that the planner makes; it
//! cannot be called by name.

mod aggregate;
mod array;
mod datetime;
mod in_process;
mod numbers;
mod operators;
mod planned;
mod text;
mod window;

use std::sync::LazyLock;

use super::table::{FunctionKind, FunctionRow, Rendering};

/// Every function.
pub(super) static ROWS: LazyLock<Vec<FunctionRow>> = LazyLock::new(|| {
    let written = [
        operators::ROWS,
        planned::ROWS,
        numbers::ROWS,
        text::ROWS,
        datetime::ROWS,
        array::ROWS,
        aggregate::ROWS,
        window::ROWS,
    ];
    let in_process = in_process::SCALARS.iter().map(|(name, signature)| own(name, FunctionKind::Scalar, signature));
    let aggregates =
        in_process::AGGREGATES.iter().map(|(name, signature)| own(name, FunctionKind::Aggregate, signature));
    written.into_iter().flatten().copied().chain(in_process).chain(aggregates).collect()
});

const fn row(
    name: &'static str,
    kind: FunctionKind,
    signature: &'static str,
    clickhouse: Rendering,
    postgresql: Rendering,
) -> FunctionRow {
    FunctionRow { name, kind, signature, clickhouse, postgresql }
}

/// A function that no other store is asked for.
const fn own(name: &'static str, kind: FunctionKind, signature: &'static str) -> FunctionRow {
    row(name, kind, signature, OTHER_RESULT, IN_PROCESS)
}

// Why ClickHouse cannot say it.
const BYTES: Rendering = Rendering::Unsupported("ClickHouse works on bytes, or counts from another end");
const NAN: Rendering = Rendering::Unsupported("ClickHouse gives NaN where PostgreSQL fails");
const OTHER_NULLS: Rendering = Rendering::Unsupported("ClickHouse treats NULL another way");
const OTHER_RESULT: Rendering = Rendering::Unsupported("ClickHouse's result differs");
const NONE: Rendering = Rendering::Unsupported("ClickHouse has no such function");
// Why no other store is asked.
const IN_PROCESS: Rendering = Rendering::Unsupported("it is only known in this process");
