//! The relations of a FROM list, which tell nothing of which of their columns determine others.
//!
//! The planner of the library (DataFusion 55.2) groups also by what a key determines, and may be wrong about that.

use std::sync::atomic::{AtomicBool, Ordering};

use datafusion::common::Result;
use datafusion::logical_expr::planner::{PlannedRelation, RelationPlanner, RelationPlannerContext, RelationPlanning};
use sqlparser::ast::TableFactor;

use crate::base::dependencies::forget_result;

/// Plans each relation as the library does, and takes that knowledge from it. For one planning.
#[derive(Debug, Default)]
pub(super) struct Forgetful {
    /// The relation that comes next is the one that is being planned.
    is_asked: AtomicBool,
}

impl RelationPlanner for Forgetful {
    fn plan_relation(
        &self,
        relation: TableFactor,
        context: &mut dyn RelationPlannerContext,
    ) -> Result<RelationPlanning> {
        if self.is_asked.swap(false, Ordering::Relaxed) {
            return Ok(RelationPlanning::Original(Box::new(relation)));
        }
        self.is_asked.store(true, Ordering::Relaxed);
        let plan = forget_result(context.plan(relation)?)?;
        Ok(RelationPlanning::Planned(Box::new(PlannedRelation::new(plan, None))))
    }
}
