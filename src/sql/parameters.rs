//! The types of `$1`, `$2` …

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::sync::Arc;

use datafusion::arrow::datatypes::{Field, FieldRef};
use datafusion::common::DataFusionError;
use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::logical_expr::expr::Placeholder;
use datafusion::logical_expr::{Expr, LogicalPlan};

use sqlparser::ast::{self, Visitor};

use crate::base::engine_error::wrap;
use crate::base::limits;
use crate::base::syntax_walk::walk;
use crate::base::{ErrorReport, SqlState, SqlType};

use super::plan::PlanContext;

/// The declared types as the planner wants them.
pub(super) fn declared(context: &PlanContext<'_>) -> Vec<Option<FieldRef>> {
    context.declared_types.iter().map(|declared| declared.as_ref().map(field)).collect()
}

pub(super) fn field(sql_type: &SqlType) -> FieldRef {
    Arc::new(Field::new("", sql_type.arrow(), true))
}

/// The highest parameter that a query names, 0 for none.
pub(super) fn count(query: &ast::Query) -> usize {
    struct Highest(usize);
    impl Visitor for Highest {
        type Break = ();
        fn pre_visit_value(&mut self, value: &ast::ValueWithSpan) -> ControlFlow<()> {
            if let ast::Value::Placeholder(id) = &value.value {
                self.0 = self.0.max(number(id).unwrap_or_default());
            }
            ControlFlow::Continue(())
        }
    }
    let mut highest = Highest(0);
    let _: ControlFlow<()> = walk(query, &mut highest);
    highest.0
}

/// Gives every parameter its type: the declared one, the one that its surroundings ask for, or text.
pub(super) fn resolve(
    plan: LogicalPlan,
    context: &PlanContext<'_>,
) -> Result<(LogicalPlan, Vec<SqlType>), DataFusionError> {
    let found = plan.get_parameter_fields()?;
    let mut types: BTreeMap<usize, SqlType> = BTreeMap::new();
    let mut untyped = false;
    for (id, field) in &found {
        let number = number(id)?;
        context.limits.check(limits::PARAMETERS, number).map_err(wrap)?;
        let sql_type = match field {
            Some(field) => SqlType::from_arrow(field.data_type()).unwrap_or(SqlType::Text),
            None => {
                untyped = true;
                SqlType::Text
            }
        };
        types.insert(number, sql_type);
    }
    let highest = types.keys().last().copied().unwrap_or_default().max(context.declared_types.len());
    let mut all = Vec::with_capacity(highest);
    for number in 1..=highest {
        let declared = context.declared_types.get(number - 1).cloned().flatten();
        match declared.or_else(|| types.get(&number).cloned()) {
            Some(sql_type) => all.push(sql_type),
            None => return Err(wrap(indeterminate(number))),
        }
    }
    let plan = if untyped { fill(plan, &all)? } else { plan };
    Ok((plan, all))
}

fn indeterminate(number: usize) -> ErrorReport {
    ErrorReport::new(SqlState::INDETERMINATE_DATATYPE, format!("could not determine data type of parameter ${number}"))
}

fn number(id: &str) -> Result<usize, DataFusionError> {
    id.strip_prefix('$')
        .and_then(|digits| digits.parse().ok())
        .filter(|number| *number > 0)
        .ok_or_else(|| wrap(ErrorReport::new(SqlState::UNDEFINED_PARAMETER, format!("there is no parameter {id}"))))
}

/// Writes the types into placeholders that have none.
fn fill(plan: LogicalPlan, types: &[SqlType]) -> Result<LogicalPlan, DataFusionError> {
    let filled = plan.transform_up_with_subqueries(|node| {
        node.map_expressions(|expr| {
            expr.transform_up(|expr| match expr {
                Expr::Placeholder(Placeholder { id, field: None }) => {
                    let sql_type = types.get(number(&id)? - 1).cloned().unwrap_or(SqlType::Text);
                    Ok(Transformed::yes(Expr::Placeholder(Placeholder::new_with_field(id, Some(field(&sql_type))))))
                }
                other => Ok(Transformed::no(other)),
            })
        })?
        .map_data(LogicalPlan::recompute_schema)
    })?;
    Ok(filled.data)
}
