//! Functions that stand in FROM.

use std::borrow::Cow;
use std::sync::Arc;

use datafusion::arrow::array::RecordBatch;
use datafusion::arrow::datatypes::{Field, Schema, SchemaRef};
use datafusion::common::{DataFusionError, ScalarValue};
use datafusion::logical_expr::{Expr, LogicalPlan, TableSource};

use crate::base::engine_error::wrap;
use crate::base::limits::LimitSet;
use crate::base::{ErrorReport, SqlState};
use crate::catalog::RowsLeaf;
use crate::functions::series;

/// A table function's plan, put in place of its call.
#[derive(Debug)]
pub(super) struct PlanSource {
    plan: LogicalPlan,
    schema: SchemaRef,
}

impl PlanSource {
    pub(super) fn new(plan: LogicalPlan) -> Self {
        let schema = Arc::new(plan.schema().as_arrow().clone());
        Self { plan, schema }
    }
}

impl TableSource for PlanSource {
    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }

    fn get_logical_plan(&self) -> Option<Cow<'_, LogicalPlan>> {
        Some(Cow::Borrowed(&self.plan))
    }
}

/// The values of arguments; `None` for a parameter that has none yet.
pub(super) fn values(
    arguments: &[Expr],
    parameters: Option<&[ScalarValue]>,
) -> Result<Vec<Option<ScalarValue>>, DataFusionError> {
    arguments.iter().map(|argument| value(argument, parameters)).collect()
}

fn value(argument: &Expr, parameters: Option<&[ScalarValue]>) -> Result<Option<ScalarValue>, DataFusionError> {
    match argument {
        Expr::Literal(value, _) => Ok(Some(value.clone())),
        Expr::Placeholder(placeholder) => {
            let index = placeholder.id.strip_prefix('$').and_then(|digits| digits.parse::<usize>().ok());
            let index = index.and_then(|number| number.checked_sub(1));
            Ok(parameters.zip(index).and_then(|(values, index)| values.get(index).cloned()))
        }
        Expr::Cast(cast) => match value(&cast.expr, parameters)? {
            Some(inner) => Ok(Some(inner.cast_to(cast.field.data_type())?)),
            None => Ok(None),
        },
        Expr::Alias(alias) => value(&alias.expr, parameters),
        _ => Err(wrap(ErrorReport::new(
            SqlState::FEATURE_NOT_SUPPORTED,
            "an argument of a function in FROM must be a constant or a parameter",
        ))),
    }
}

/// `generate_series(start, stop [, step])` over integers, numerics and times.
pub(super) fn generate_series(arguments: &[Expr], limits: &LimitSet) -> Result<Arc<dyn TableSource>, DataFusionError> {
    let literals = values(arguments, None)?;
    let literals: Option<Vec<ScalarValue>> = literals.into_iter().collect();
    let Some(literals) = literals else {
        return Err(wrap(ErrorReport::new(
            SqlState::FEATURE_NOT_SUPPORTED,
            "generate_series needs constants as its arguments",
        )));
    };
    let array = series(&literals, limits)?;
    let field = Field::new("generate_series", array.data_type().clone(), true);
    let batch = RecordBatch::try_new(Arc::new(Schema::new(vec![field])), vec![array])?;
    Ok(Arc::new(RowsLeaf::new(batch)))
}
