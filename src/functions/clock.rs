//! The functions that tell the time of the request.
//!
//! They have no implementation: `bind` puts the request's clock in their place, so that every row, every piece and every
//! store of one request sees the same moment.

use std::sync::Arc;

use datafusion::arrow::datatypes::DataType;
use datafusion::common::{DataFusionError, ScalarValue, internal_err};
use datafusion::logical_expr::{ColumnarValue, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility};

use crate::base::{RequestClock, SqlType};

/// Those that mean the start of the transaction.
const OF_TRANSACTION: [&str; 3] = ["now", "transaction_timestamp", "current_timestamp"];
/// Those that mean the start of the statement. `clock_timestamp` is among them: a statement has one clock here.
const OF_STATEMENT: [&str; 2] = ["statement_timestamp", "clock_timestamp"];

/// Whether a function waits for the clock.
pub(super) fn is_clock(name: &str) -> bool {
    OF_TRANSACTION.contains(&name) || OF_STATEMENT.contains(&name)
}

/// Whether a function may give another value each time that it is called within one statement. The time of the request is
/// volatile for optimizers only.
#[must_use]
pub fn differs_within_statement(function: &ScalarUDF) -> bool {
    function.signature().volatility == Volatility::Volatile && !is_clock(function.name())
}

/// What such a function means now.
pub(super) fn value(name: &str, clock: RequestClock) -> Option<ScalarValue> {
    let moment = if OF_TRANSACTION.contains(&name) {
        clock.transaction_start
    } else if OF_STATEMENT.contains(&name) {
        clock.statement_start
    } else {
        return None;
    };
    Some(ScalarValue::TimestampMicrosecond(Some(moment.timestamp_micros()), Some(Arc::from(crate::base::types::UTC))))
}

/// The functions.
pub(super) fn functions() -> Vec<ScalarUDF> {
    OF_TRANSACTION.iter().chain(&OF_STATEMENT).map(|name| ScalarUDF::from(Clock::new(name))).collect()
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct Clock {
    name: &'static str,
    signature: Signature,
}

impl Clock {
    fn new(name: &'static str) -> Self {
        // Volatile, so that no optimizer puts the time of planning in its place.
        Self { name, signature: Signature::nullary(Volatility::Volatile) }
    }
}

impl ScalarUDFImpl for Clock {
    fn name(&self) -> &str {
        self.name
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _arguments: &[DataType]) -> Result<DataType, DataFusionError> {
        Ok(SqlType::Timestamptz.arrow())
    }

    fn invoke_with_args(&self, _arguments: ScalarFunctionArgs) -> Result<ColumnarValue, DataFusionError> {
        internal_err!("{} was not bound", self.name)
    }
}
