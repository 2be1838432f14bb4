//! `EXPLAIN`: the stages of a query, one after the other, as text or as JSON.

use std::time::Duration;

use datafusion::logical_expr::LogicalPlan;
use serde_json::{Value, json};

use crate::base::{SqlType, StoreKind};
use crate::route::Choice;
use crate::sql::{ExplainFormat, ExplainOptions};
use crate::stores::keys::Transfer;
use crate::stores::{Observed, ReceivedKeys};

use super::outcome::OutputColumn;
use super::prepare::{PieceStatement, Stages};
use super::settings::Settings;

/// What `EXPLAIN` answers.
#[derive(Debug, Clone)]
pub(super) enum Explained {
    /// Lines of text.
    Text(Vec<String>),
    /// The one object of the JSON document.
    Json(Value),
}

/// What a run with ANALYZE gave.
#[derive(Debug, Clone, Copy)]
pub(super) struct Measured {
    pub(super) rows: usize,
    /// In memory.
    pub(super) bytes: usize,
    pub(super) first: Option<Duration>,
    pub(super) all: Duration,
}

impl Explained {
    /// The one column, as PostgreSQL names and types it.
    pub(super) fn columns(&self) -> Vec<OutputColumn> {
        columns(match self {
            Self::Text(_) => ExplainFormat::Text,
            Self::Json(_) => ExplainFormat::Json,
        })
    }

    /// The rows of the answer.
    pub(super) fn rows(self) -> Vec<Vec<String>> {
        match self {
            Self::Text(lines) => lines.into_iter().map(|line| vec![line]).collect(),
            Self::Json(document) => vec![vec![format!("{:#}", Value::Array(vec![document]))]],
        }
    }

    /// Adds with which catalog the plan was made, and whether an earlier run had it made.
    pub(super) fn plan_reused(&mut self, catalog_version: u64, reused: bool) {
        match self {
            Self::Text(lines) => {
                let made = if reused { "reused" } else { "made for this run" };
                lines.push(format!("  plan: {made}, catalog version: {catalog_version}"));
            }
            Self::Json(document) => {
                document["Plan Reused"] = json!(reused);
                document["Catalog Version"] = json!(catalog_version);
            }
        }
    }

    /// Adds what the runs of a piece took, and how long ago its store told its tables.
    pub(super) fn piece_observed(
        &mut self,
        piece: usize,
        store: StoreKind,
        observed: &Observed,
        catalog_age: Option<Duration>,
    ) {
        let Observed { runs, retries, rows, bytes, first, all, statement_reused } = observed;
        match self {
            Self::Text(lines) => {
                let title = format!("  piece {piece} ({store})");
                if *runs == 0 {
                    lines.push(format!("{title}: never asked"));
                    return;
                }
                lines
                    .push(format!("{title}: rows: {rows}, bytes in memory: {bytes}, runs: {runs}, retries: {retries}"));
                lines.push(format!("    {}", times(*first, *all)));
                lines.push(format!("    {}", caches(catalog_age, *statement_reused)));
            }
            Self::Json(document) => {
                let Some(statement) = document["Statements"].get_mut(piece) else { return };
                statement["Catalog Age"] = json!(catalog_age.map(milliseconds));
                statement["Store Statement Reused"] = json!(statement_reused);
                statement["Actual Rows"] = json!(rows);
                statement["Bytes in Memory"] = json!(bytes);
                statement["Actual Loops"] = json!(runs);
                statement["Retries"] = json!(retries);
                statement["First Rows Time"] = json!(first.map(milliseconds));
                statement["Execution Time"] = json!(milliseconds(*all));
            }
        }
    }

    /// Adds the keys that a piece was given, after what its runs took.
    pub(super) fn keys_received(&mut self, piece: usize, received: &[ReceivedKeys]) {
        match self {
            Self::Text(lines) => lines.extend(received.iter().map(received_line)),
            Self::Json(document) => {
                let Some(waits) = document["Statements"].get_mut(piece).and_then(|one| one.get_mut("Keys")) else {
                    return;
                };
                for ReceivedKeys { from, column, keys } in received {
                    let is_it =
                        |wait: &&mut Value| wait["From Piece"] == json!(from) && wait["Column"] == json!(column);
                    if let Some(wait) = waits.as_array_mut().and_then(|waits| waits.iter_mut().find(is_it)) {
                        wait["Actual Keys"] = json!(keys);
                    }
                }
            }
        }
    }

    /// Adds what a run gave.
    pub(super) fn measured(&mut self, run: &Measured) {
        match self {
            Self::Text(lines) => {
                lines.push("Run".to_owned());
                lines.push(format!("  rows: {}, bytes in memory: {}", run.rows, run.bytes));
                lines.push(format!("  {}", times(run.first, run.all)));
            }
            Self::Json(document) => {
                document["Actual Rows"] = json!(run.rows);
                document["Bytes in Memory"] = json!(run.bytes);
                document["First Rows Time"] = json!(run.first.map(milliseconds));
                document["Execution Time"] = json!(milliseconds(run.all));
            }
        }
    }
}

fn milliseconds(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1_000.0
}

/// What was known before the run: the tables, and in a store that prepares statements this one.
fn caches(catalog_age: Option<Duration>, statement_reused: Option<bool>) -> String {
    let tables = match catalog_age {
        Some(age) => format!("tables told {:.3} s ago", age.as_secs_f64()),
        None => "tables known from an earlier run of the server".to_owned(),
    };
    match statement_reused {
        Some(true) => format!("{tables}, statement of the store: reused"),
        Some(false) => format!("{tables}, statement of the store: prepared for this run"),
        None => tables,
    }
}

fn times(first: Option<Duration>, all: Duration) -> String {
    let first = first.map_or("none".to_owned(), |first| format!("{:.3} ms", milliseconds(first)));
    format!("first rows after: {first}, all after: {:.3} ms", milliseconds(all))
}

fn received_line(received: &ReceivedKeys) -> String {
    let ReceivedKeys { from, column, keys } = received;
    match keys {
        Some(keys) => format!("    {column}: {keys} keys of piece {from}"),
        None => format!("    {column}: the keys of piece {from} were not sent"),
    }
}

/// The one column of `EXPLAIN`, as PostgreSQL names and types it.
pub(super) fn columns(format: ExplainFormat) -> Vec<OutputColumn> {
    let sql_type = match format {
        ExplainFormat::Text => SqlType::Text,
        ExplainFormat::Json => SqlType::Json,
    };
    vec![OutputColumn { name: "QUERY PLAN".to_owned(), sql_type, type_modifier: -1 }]
}

/// The stages, with what the options ask for.
pub(super) fn explain(
    stages: &Stages,
    transfers: &[Transfer],
    output: &[OutputColumn],
    settings: &Settings,
    options: ExplainOptions,
) -> Explained {
    match options.format {
        ExplainFormat::Text => Explained::Text(lines(stages, transfers, output, settings, options)),
        ExplainFormat::Json => Explained::Json(document(stages, transfers, output, settings, options)),
    }
}

fn lines(
    stages: &Stages,
    transfers: &[Transfer],
    output: &[OutputColumn],
    settings: &Settings,
    options: ExplainOptions,
) -> Vec<String> {
    let mut lines = Vec::new();
    section(&mut lines, "Plan", plan_lines(&stages.plan));
    if !stages.choices.is_empty() {
        section(&mut lines, "Placements", stages.choices.iter().map(choice_line).collect());
    }
    let tenant = &stages.guarded.tenant().id;
    section(&mut lines, &format!("Guarded plan (tenant {tenant})"), plan_lines(stages.guarded.plan()));
    section(&mut lines, "Route", route_lines(stages, transfers));
    for statement in &stages.statements {
        let title = format!("Statement of piece {} ({})", statement.piece.id, statement.dialect.name());
        section(&mut lines, &title, statement.verified.text().lines().map(str::to_owned).collect());
    }
    if options.verbose {
        let column = |column: &OutputColumn| format!("{} {}", column.name, column.sql_type.name());
        section(&mut lines, "Output", output.iter().map(column).collect());
    }
    if options.settings {
        let setting = |(name, value): (&str, &str)| format!("{name} = {value}");
        section(&mut lines, "Settings", changed(settings).map(setting).collect());
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

fn choice_line(choice: &Choice) -> String {
    format!("{} → {} ({}): {}", choice.table, choice.placement, choice.freshness, choice.reason)
}

fn route_lines(stages: &Stages, transfers: &[Transfer]) -> Vec<String> {
    let mut lines: Vec<String> = stages.statements.iter().map(piece_line).collect();
    lines.extend(transfers.iter().map(transfer_line));
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
    let piece = &statement.piece;
    format!("piece {} → {}: {} ({})", piece.id, piece.store, tables(statement).join(", "), piece.reason)
}

fn transfer_line(Transfer { from, to, .. }: &Transfer) -> String {
    format!("piece {} waits for keys of piece {}: {} = {}", to.piece, from.piece, to.name, from.name)
}

fn tables(statement: &PieceStatement) -> Vec<String> {
    statement.piece.requirements.iter().map(|requirement| requirement.physical.join(".")).collect()
}

fn changed(settings: &Settings) -> impl Iterator<Item = (&str, &str)> {
    let all = settings.all().into_iter();
    all.filter(|setting| setting.value != setting.reset_value).map(|setting| (setting.name, setting.value))
}

/// As in PostgreSQL, the tree of the plan is under `Plan`, each node with `Node Type` and `Plans`.
fn document(
    stages: &Stages,
    transfers: &[Transfer],
    output: &[OutputColumn],
    settings: &Settings,
    options: ExplainOptions,
) -> Value {
    let mut document = json!({
        "Plan": node(stages.guarded.plan()),
        "Tenant": stages.guarded.tenant().id.as_str(),
        "Statements": stages.statements.iter().map(|one| statement(one, transfers)).collect::<Vec<_>>(),
        "In Process": stages.routed.local.as_ref().map(node),
    });
    if !stages.choices.is_empty() {
        document["Placements"] = stages.choices.iter().map(choice).collect();
    }
    if options.verbose {
        let column = |column: &OutputColumn| json!({"Name": column.name, "Type": column.sql_type.name()});
        document["Output"] = output.iter().map(column).collect();
    }
    if options.settings {
        let pairs = changed(settings).map(|(name, value)| (name.to_owned(), json!(value)));
        document["Settings"] = Value::Object(pairs.collect());
    }
    document
}

fn choice(choice: &Choice) -> Value {
    json!({
        "Table": choice.table.to_string(),
        "Placement": choice.placement.to_string(),
        "Freshness": choice.freshness.name(),
        "Reason": choice.reason,
    })
}

fn statement(statement: &PieceStatement, transfers: &[Transfer]) -> Value {
    let mut shown = json!({
        "Piece": statement.piece.id,
        "Store": statement.piece.store.name(),
        "Dialect": statement.dialect.name(),
        "Tables": tables(statement),
        "Reason": statement.piece.reason.to_string(),
        "SQL": statement.verified.text(),
    });
    let waits: Vec<Value> = transfers
        .iter()
        .filter(|transfer| transfer.to.piece == statement.piece.id)
        .map(|Transfer { from, to, .. }| json!({"From Piece": from.piece, "Key": from.name, "Column": to.name}))
        .collect();
    if !waits.is_empty() {
        shown["Keys"] = Value::Array(waits);
    }
    shown
}

fn node(plan: &LogicalPlan) -> Value {
    let shown = plan.display().to_string();
    let kind = shown.split(':').next().unwrap_or_default().trim();
    let inputs: Vec<Value> = plan.inputs().into_iter().map(node).collect();
    let mut node = json!({"Node Type": kind, "Detail": shown});
    if !inputs.is_empty() {
        node["Plans"] = Value::Array(inputs);
    }
    node
}
