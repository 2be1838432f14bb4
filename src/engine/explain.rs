//! `EXPLAIN`: the stages of a query, one after the other.

use datafusion::logical_expr::LogicalPlan;

use crate::base::SqlType;

use super::outcome::OutputColumn;
use super::prepare::{PieceStatement, Stages};

/// The one column of `EXPLAIN`, as PostgreSQL names it.
pub(super) fn columns() -> Vec<OutputColumn> {
    vec![OutputColumn { name: "QUERY PLAN".to_owned(), sql_type: SqlType::Text, type_modifier: -1 }]
}

/// The stages as lines of text.
pub(super) fn lines(stages: &Stages) -> Vec<String> {
    let mut lines = Vec::new();
    section(&mut lines, "Plan", plan_lines(&stages.plan));
    let tenant = &stages.guarded.tenant().id;
    section(&mut lines, &format!("Guarded plan (tenant {tenant})"), plan_lines(stages.guarded.plan()));
    section(&mut lines, "Route", route_lines(stages));
    for statement in &stages.statements {
        let title = format!("Statement of piece {} ({})", statement.piece.id, statement.dialect.name());
        section(&mut lines, &title, statement.verified.text().lines().map(str::to_owned).collect());
    }
    lines
}

fn section(lines: &mut Vec<String>, title: &str, body: Vec<String>) {
    lines.push(title.to_owned());
    lines.extend(body.into_iter().map(|line| format!("  {line}")));
}

fn plan_lines(plan: &LogicalPlan) -> Vec<String> {
    plan.display_indent().to_string().lines().map(str::to_owned).collect()
}

fn route_lines(stages: &Stages) -> Vec<String> {
    let mut lines: Vec<String> = stages.statements.iter().map(piece_line).collect();
    match &stages.routed.local {
        Some(plan) => {
            lines.push("in process:".to_owned());
            lines.extend(plan_lines(plan).into_iter().map(|line| format!("  {line}")));
        }
        None => lines.push("in process: nothing, piece 0 is the whole query".to_owned()),
    }
    lines
}

fn piece_line(statement: &PieceStatement) -> String {
    let tables: Vec<String> =
        statement.piece.requirements.iter().map(|requirement| requirement.physical.join(".")).collect();
    let piece = &statement.piece;
    format!("piece {} → {}: {} ({})", piece.id, piece.store, tables.join(", "), piece.reason)
}
