//! Which columns of a union may be NULL, after its inputs have changed.

use std::sync::Arc;

use datafusion::common::{DFSchema, Result};
use datafusion::logical_expr::{LogicalPlan, Union};

/// The union, whose columns may be NULL where one of an input may. Their names and types stay: the engine would take those of
/// the first input.
pub(super) fn of_union(union: Union) -> Result<LogicalPlan> {
    let Union { inputs, schema } = union;
    let may_be_null = |place: usize| {
        inputs.iter().any(|input| input.schema().fields().get(place).is_some_and(|field| field.is_nullable()))
    };
    let fields = schema.iter().enumerate().map(|(place, (qualifier, field))| {
        let nullable = field.is_nullable() || may_be_null(place);
        (qualifier.cloned(), Arc::new(field.as_ref().clone().with_nullable(nullable)))
    });
    let schema = DFSchema::new_with_metadata(fields.collect(), schema.metadata().clone())?;
    Ok(LogicalPlan::Union(Union { inputs, schema: Arc::new(schema) }))
}
