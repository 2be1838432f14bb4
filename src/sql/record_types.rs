//! Records that meet: in a comparison, or in one column.
//!
//! PostgreSQL looks at the columns of records when it has them; here their types are known before.

use std::sync::Arc;

use datafusion::arrow::datatypes::{DataType, Field, Fields};
use datafusion::common::{DFSchema, DataFusionError};
use datafusion::logical_expr::{Cast, Expr, ExprSchemable, Subquery};

use crate::base::engine_error::wrap;
use crate::base::{ErrorReport, SqlState};
use crate::functions::{type_name, unnamed_column};

use super::set_operations::typed;
use super::settle::meet;

/// Why two records do not meet.
pub(super) enum Difference {
    /// They have different numbers of columns.
    Count,
    /// A column, counted from 1, has different types.
    Column(usize, DataType, DataType),
}

impl Difference {
    /// What PostgreSQL says when it compares them.
    pub(super) fn compared(&self) -> DataFusionError {
        let message = match self {
            Self::Count => "cannot compare record types with different numbers of columns".to_owned(),
            Self::Column(number, left, right) => format!(
                "cannot compare dissimilar column types {} and {} at record column {number}",
                type_name(left),
                type_name(right)
            ),
        };
        wrap(ErrorReport::new(SqlState::DATATYPE_MISMATCH, message))
    }

    /// One column has records of one kind here.
    pub(super) fn united() -> DataFusionError {
        let message = "records with different columns in one column are not supported";
        wrap(
            ErrorReport::new(SqlState::FEATURE_NOT_SUPPORTED, message)
                .with_hint("Cast their columns to the same types."),
        )
    }
}

/// Whether values are records, or arrays of them.
pub(super) fn has_records(data_type: &DataType) -> bool {
    match data_type {
        DataType::Struct(_) => true,
        DataType::List(item) => has_records(item.data_type()),
        _ => false,
    }
}

/// The record in which two of them meet; `None` where one of the types is no record. Columns whose names differ have none.
pub(super) fn common(left: &DataType, right: &DataType) -> Option<Result<DataType, Difference>> {
    match (left, right) {
        (DataType::Struct(a), DataType::Struct(b)) => Some(fields(a, b).map(DataType::Struct)),
        _ => None,
    }
}

/// A record and the query that it is looked up in, of one type.
pub(super) fn beside_query(
    expr: Expr,
    subquery: Subquery,
    schema: &DFSchema,
) -> Result<(Expr, Subquery), DataFusionError> {
    let columns = subquery.subquery.schema().fields();
    let [column] = columns.as_ref() else { return Ok((expr, subquery)) };
    if !matches!(column.data_type(), DataType::Struct(_)) {
        return Ok((expr, subquery));
    }
    let own = expr.get_type(schema)?;
    let Some(met) = common(&own, column.data_type()) else { return Ok((expr, subquery)) };
    let wanted = met.map_err(|difference| difference.compared())?;
    let plan = typed(Arc::unwrap_or_clone(subquery.subquery), std::slice::from_ref(&wanted))?;
    let expr = if own == wanted { expr } else { Expr::Cast(Cast::new(Box::new(expr), wanted)) };
    Ok((expr, Subquery { subquery: Arc::new(plan), ..subquery }))
}

fn fields(left: &Fields, right: &Fields) -> Result<Fields, Difference> {
    if left.len() != right.len() {
        return Err(Difference::Count);
    }
    let same_names = left.iter().zip(right).all(|(a, b)| a.name() == b.name());
    let mut both = Vec::with_capacity(left.len());
    for (place, (a, b)) in left.iter().zip(right).enumerate() {
        let name = if same_names { a.name().clone() } else { unnamed_column(place + 1) };
        let (a, b) = (a.data_type(), b.data_type());
        let data_type = one(a, b).ok_or_else(|| Difference::Column(place + 1, a.clone(), b.clone()))?;
        both.push(Arc::new(Field::new(name, data_type, true)));
    }
    Ok(both.into())
}

/// Columns of one type; digits of numerics are no part of it, and a bare NULL has none.
fn one(left: &DataType, right: &DataType) -> Option<DataType> {
    match (left, right) {
        (left, right) if left == right => Some(left.clone()),
        (DataType::Null, other) | (other, DataType::Null) => Some(other.clone()),
        (DataType::Struct(_), DataType::Struct(_)) => common(left, right)?.ok(),
        (left, right) => (type_name(left) == type_name(right)).then(|| meet(left, right)).flatten(),
    }
}
