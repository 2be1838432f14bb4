//! Expressions that only the rows of a LIMIT need, worked out above it.
//!
//! The library projects first and sorts then: `SELECT to_char(t, …) FROM … ORDER BY t LIMIT 4` would format every row. What
//! may fail stays where it is, so that a row that is not kept fails as it does in PostgreSQL.

use std::sync::Arc;

use datafusion::common::Result;
use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::logical_expr::{Expr, LogicalPlan, Projection, Sort};

use crate::emit::cannot_fail;

/// The optimised plan, in which a sort that keeps some rows comes before what is worked out from them.
pub(super) fn lift(plan: LogicalPlan) -> Result<LogicalPlan> {
    plan.transform_up_with_subqueries(|node| match node {
        LogicalPlan::Sort(sort) if sort.fetch.is_some() => lifted(sort),
        other => Ok(Transformed::no(other)),
    })
    .map(|lifted| lifted.data)
}

fn lifted(sort: Sort) -> Result<Transformed<LogicalPlan>> {
    let LogicalPlan::Projection(projection) = sort.input.as_ref() else {
        return Ok(Transformed::no(LogicalPlan::Sort(sort)));
    };
    let is_movable = |expr: &Expr| !expr.is_volatile() && cannot_fail(expr, projection.input.schema());
    if projection.expr.iter().all(is_at_hand) || !projection.expr.iter().all(is_movable) {
        return Ok(Transformed::no(LogicalPlan::Sort(sort)));
    }
    let Projection { expr, input, schema, .. } = projection.clone();
    let Sort { expr: mut keys, fetch, .. } = sort;
    for key in &mut keys {
        let written = std::mem::take(&mut key.expr).transform_up(|part| match part {
            Expr::Column(column) => {
                let at = schema.index_of_column(&column)?;
                Ok(Transformed::yes(expr[at].clone().unalias_nested().data))
            }
            other => Ok(Transformed::no(other)),
        })?;
        key.expr = written.data;
    }
    let sorted = Arc::new(LogicalPlan::Sort(Sort { expr: keys, input, fetch }));
    Ok(Transformed::yes(LogicalPlan::Projection(Projection::try_new_with_schema(expr, sorted, schema)?)))
}

/// Whether a column is one of the input, or a constant.
fn is_at_hand(expr: &Expr) -> bool {
    match expr {
        Expr::Alias(alias) => is_at_hand(&alias.expr),
        Expr::Column(_) | Expr::Literal(..) | Expr::Placeholder(_) => true,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use datafusion::arrow::datatypes::{DataType, Field, Schema};
    use datafusion::logical_expr::logical_plan::table_scan;
    use datafusion::logical_expr::{LogicalPlanBuilder, col, lit};

    use super::*;

    fn rows() -> LogicalPlanBuilder {
        let columns = ["a", "b"].map(|name| Field::new(name, DataType::Int64, true));
        table_scan(Some("t"), &Schema::new(columns.to_vec()), None).unwrap()
    }

    #[test]
    fn only_the_rows_that_are_kept_are_worked_out() {
        let list = || vec![col("a").is_null().alias("x"), col("b").alias("y")];
        let keys = |first: &str, second: Expr| vec![col(first).sort(false, true), second.sort(true, false)];
        let before = rows().project(list()).unwrap().sort_with_limit(keys("y", col("x")), Some(4)).unwrap();
        let sorted = rows().sort_with_limit(keys("t.b", col("t.a").is_null()), Some(4)).unwrap();
        let after = sorted.project(list()).unwrap().build().unwrap();
        assert_eq!(lift(before.build().unwrap()).unwrap().to_string(), after.to_string());
    }

    #[test]
    fn a_sort_of_all_rows_one_of_columns_and_one_of_what_may_fail_stay() {
        let key = |name: &str| vec![col(name).sort(true, false)];
        let sorted = |list: Vec<Expr>, key: Vec<_>, rows_kept| {
            let list = rows().project(list).unwrap();
            list.sort_with_limit(key, rows_kept).unwrap().build().unwrap()
        };
        let all = sorted(vec![col("a").is_null().alias("x")], key("x"), None);
        let columns = sorted(vec![col("b").alias("y"), lit(1_i64)], key("y"), Some(4));
        let fails = sorted(vec![(lit(1_i64) / col("a")).alias("x"), col("b").alias("y")], key("y"), Some(4));
        for plan in [all, columns, fails] {
            assert_eq!(lift(plan.clone()).unwrap(), plan);
        }
    }
}
