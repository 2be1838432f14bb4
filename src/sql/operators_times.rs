//! Times as operands: what the clock tells, and times that are taken for intervals.

use datafusion::arrow::datatypes::IntervalMonthDayNano;
use datafusion::common::ScalarValue;
use datafusion::logical_expr::{Cast, Expr, Operator, lit};

use crate::base::SqlType;
use crate::functions::literal;

use super::operators::{Operators, Planned, binary};

impl Operators {
    /// `yesterday` and its like: the clock is asked when the query runs, not when it is planned.
    pub(super) fn told_by_clock(&self, moment: literal::Relative, wanted: &SqlType) -> Planned {
        let now = self.call("now", Vec::new())?;
        let local = || self.call("timezone", vec![lit(self.zone_name()), now.clone()]);
        let as_type = |expr: Expr, wanted: &SqlType| Expr::Cast(Cast::new(Box::new(expr), wanted.arrow()));
        if moment.is_now {
            return Ok(match wanted {
                SqlType::Timestamptz => now,
                SqlType::Timestamp => local()?,
                other => as_type(local()?, other),
            });
        }
        let today = as_type(local()?, &SqlType::Date);
        let day = self.call("date_add_days", vec![today, lit(moment.days)])?;
        if *wanted == SqlType::Date {
            return Ok(day);
        }
        let nanos = moment.micros.unwrap_or_default().saturating_mul(1_000);
        let span = ScalarValue::IntervalMonthDayNano(Some(IntervalMonthDayNano::new(0, 0, nanos)));
        let at = binary(as_type(day, &SqlType::Timestamp), Operator::Plus, Expr::Literal(span, None));
        match wanted {
            SqlType::Timestamptz => self.call("timezone", vec![lit(self.zone_name()), at]),
            _ => Ok(at),
        }
    }

    /// A time as the interval that PostgreSQL takes it for.
    pub(super) fn since_midnight(&self, time: Expr) -> Planned {
        let midnight = Expr::Literal(ScalarValue::Time64Microsecond(Some(0)), None);
        self.call("time_difference", vec![time, midnight])
    }
}
