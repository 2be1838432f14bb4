//! `TABLESAMPLE` (`transformRangeTableSample`).

use sqlparser::ast::{Expr, TableSample, TableSampleKind};

use crate::base::{ErrorReport, SqlState};
use crate::sql::normalise::{Percentage, percentage, seeded};

use super::scope::Clause;
use super::types::Type;
use super::{Checked, Checker, error};

impl Checker<'_> {
    /// The part of a table is a number between 0 and 100, and the seed is a number.
    pub(super) fn sample(&mut self, sample: &TableSampleKind) -> Checked<()> {
        let (TableSampleKind::BeforeTableAlias(sample) | TableSampleKind::AfterTableAlias(sample)) = sample;
        let Some(quantity) = &sample.quantity else { return Ok(()) };
        if let Expr::Tuple(arguments) = &quantity.value {
            return Err(self.too_many(sample, arguments));
        }
        let (part, seed) = seeded(&quantity.value);
        self.sampled(part, Type::FLOAT4, "TABLESAMPLE")?;
        if let Some(seed) = seed {
            self.sampled(seed, Type::FLOAT8, "REPEATABLE")?;
        }
        let wrong = match percentage(part) {
            Percentage::Null => "TABLESAMPLE parameter cannot be null",
            _ if seed.is_some_and(|seed| matches!(percentage(seed), Percentage::Null)) => {
                let message = "TABLESAMPLE REPEATABLE parameter cannot be null";
                self.later(ErrorReport::new(SqlState::INVALID_TABLESAMPLE_REPEAT, message));
                return Ok(());
            }
            Percentage::Of(part) if !(0.0..=100.0).contains(&part) => "sample percentage must be between 0 and 100",
            Percentage::Of(_) | Percentage::Unknown => return Ok(()),
        };
        self.later(ErrorReport::new(SqlState::INVALID_TABLESAMPLE_ARGUMENT, wrong));
        Ok(())
    }

    fn sampled(&mut self, value: &Expr, wanted: Type, word: &str) -> Checked<()> {
        let typed = self.within(Clause::FromFunction, |checker| checker.expression(value))?;
        self.require(&typed, wanted, word)
    }

    /// It points at the method.
    fn too_many(&self, sample: &TableSample, arguments: &[Expr]) -> ErrorReport {
        let method = sample.name.as_ref().map(ToString::to_string).unwrap_or_default();
        let message =
            format!("tablesample method {} requires 1 argument, not {}", method.to_lowercase(), arguments.len());
        let first = arguments.first().map_or(0, |first| self.places.start(first));
        error(SqlState::INVALID_TABLESAMPLE_ARGUMENT, message, self.places.word_before(first, &method))
    }
}
