//! `data_source`: the rows of a table.

use std::sync::Arc;

use serde::Deserialize;
use serde_json::{Map, Value};

use crate::base::engine_error::nearest;
use crate::base::{CanvasType, Freshness, StoreKind, TableName, UserFacing};
use crate::catalog::{CatalogError, Relation as Named};

use super::Node;
use super::config;
use crate::workflow::columns::{ColumnInfo, Columns};
use crate::workflow::problem::{Problem, ProblemCode};
use crate::workflow::relation::Relation;
use crate::workflow::resolve::{Resolution, Scope};

pub(super) const KEYS: &[&str] = &["table", "source", "freshness", "columns"];

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Config {
    #[serde(deserialize_with = "config::name")]
    table: Option<String>,
    source: Option<StoreKind>,
    freshness: Option<Freshness>,
    #[serde(deserialize_with = "config::list")]
    columns: Vec<Wanted>,
}

/// A column that the canvas named, or sent with what it knows of it.
#[derive(Debug, Deserialize)]
#[serde(untagged, expecting = "a column name, or an object with name, dtype and nullable")]
enum Wanted {
    Name(String),
    Known(Known),
}

#[derive(Debug, Deserialize)]
struct Known {
    name: String,
    dtype: Option<CanvasType>,
    nullable: Option<bool>,
}

pub(super) fn read(config: &Map<String, Value>, scope: &mut Scope<'_>) -> Option<Box<dyn Node>> {
    Some(Box::new(config::read::<Config>(config, scope)?))
}

impl Node for Config {
    fn resolve(&self, _inputs: &[Columns], scope: &mut Scope<'_>) -> Resolution {
        let Some(table) = &self.table else {
            let problem = Problem::error(ProblemCode::Unfinished, "the data source has no table");
            scope.report(problem.port("table"));
            return Resolution::unknown();
        };
        let Some(found) = self.find(table, scope) else { return Resolution::unknown() };
        let before = scope.errors();
        let all = columns_of(&found);
        let Some(chosen) = self.choose(&all, scope) else { return whole_table(all, found, self.freshness, scope) };
        let columns: Columns = chosen.iter().map(|place| all[*place].clone()).collect();
        if scope.errors() > before {
            return Resolution::failed(&columns);
        }
        scope.source(found.name().clone(), self.freshness);
        Resolution::rows(columns, move |_| {
            let chosen = chosen.into_iter().map(|place| (place, Arc::clone(&all[place].name)));
            scan(found)?.select(chosen)
        })
    }
}

fn whole_table(all: Columns, found: Named, freshness: Option<Freshness>, scope: &mut Scope<'_>) -> Resolution {
    scope.source(found.name().clone(), freshness);
    Resolution::rows(all, move |_| scan(found))
}

fn scan(found: Named) -> Result<Relation, crate::base::InternalError> {
    let name = found.name().clone();
    Relation::scan(&name, found.into_source())
}

fn columns_of(found: &Named) -> Columns {
    let columns = found.columns().iter().map(|column| ColumnInfo {
        name: column.name.as_str().into(),
        sql_type: column.sql_type.clone(),
        nullable: column.nullable,
    });
    columns.collect()
}

/// Whether the rows are in the store, or may be served from it.
fn is_in(found: &Named, store: StoreKind) -> bool {
    match found {
        Named::Table(leaf) => leaf.table().store == store,
        Named::Logical(leaf) => leaf.is_in(store),
    }
}

impl Config {
    /// The table that the name means, given the search path and the store.
    fn find(&self, table: &str, scope: &mut Scope<'_>) -> Option<Named> {
        let view = scope.context.view;
        let candidates = self.candidates(table, scope);
        if self.source.is_none() && candidates.len() > 1 && !table.contains('.') {
            let names: Vec<String> = candidates.iter().map(ToString::to_string).collect();
            let problem =
                Problem::error(ProblemCode::AmbiguousTable, format!("table \"{table}\" is in several schemas"));
            scope
                .report(problem.port("table").expected("a name with its schema, or a source").actual(names.join(", ")));
            return None;
        }
        let found = candidates.first().map(|name| match self.source.is_none() && name.table == table {
            // A store that never answered may have it in a schema before.
            true => view.resolve(table, scope.context.search_path),
            false => view.find(name),
        });
        match found {
            Some(Ok(found)) => Some(self.narrowed(found)),
            Some(Err(error)) => self.unknown(table, &error, scope),
            None => {
                let error = self.missing(table, scope)?;
                self.unknown(table, &error, scope)
            }
        }
    }

    /// Why nothing has the name: a store that never answered may have it, or it is unknown.
    fn missing(&self, table: &str, scope: &Scope<'_>) -> Option<CatalogError> {
        let view = scope.context.view;
        let found = match TableName::parse(table) {
            Ok(name) => view.find(&name),
            Err(_) => view.resolve(table, scope.context.search_path),
        };
        match found {
            Err(CatalogError::Unreached { stores, detail })
                if self.source.is_none_or(|source| stores.contains(&source)) =>
            {
                Some(CatalogError::Unreached { stores, detail })
            }
            Ok(_) | Err(_) => view.resolve(table, &[]).err(),
        }
    }

    /// A logical table with what the node says of its placements.
    fn narrowed(&self, found: Named) -> Named {
        match (found, self.source) {
            (Named::Logical(leaf), source) => {
                let wanted = leaf.with_freshness(self.freshness);
                let narrowed = source.and_then(|store| wanted.within(store));
                Named::Logical(Arc::new(narrowed.unwrap_or(wanted)))
            }
            (table @ Named::Table(_), _) => table,
        }
    }

    fn candidates(&self, table: &str, scope: &Scope<'_>) -> Vec<TableName> {
        let view = scope.context.view;
        let in_source = |name: &TableName| match self.source {
            None => true,
            Some(source) => view.find(name).is_ok_and(|found| is_in(&found, source)),
        };
        let mut names: Vec<TableName> = view.matches(table, scope.context.search_path).collect();
        names.dedup();
        if names.is_empty() {
            names = written_in_full(table, scope);
        }
        names.retain(in_source);
        names
    }

    fn unknown(&self, table: &str, error: &CatalogError, scope: &mut Scope<'_>) -> Option<Named> {
        let message = match self.source {
            Some(source) => format!("relation \"{table}\" does not exist in {source}"),
            None => error.message(),
        };
        let problem = Problem::error(ProblemCode::UnknownTable, message).port("table").actual(table);
        scope.report(match error {
            CatalogError::UndefinedTable { nearest: Some(near), .. } if near != table => problem.expected(near),
            CatalogError::Unreached { .. } => problem.caused_by(error.report()),
            CatalogError::UndefinedTable { .. } | CatalogError::UndefinedSchema(_) => problem,
        });
        None
    }

    /// The places of the wanted columns; `None` when all are wanted.
    fn choose(&self, all: &Columns, scope: &mut Scope<'_>) -> Option<Vec<usize>> {
        if self.columns.is_empty() {
            return None;
        }
        let mut chosen = Vec::with_capacity(self.columns.len());
        let mut taken = vec![false; all.len()];
        for wanted in &self.columns {
            let place = match wanted {
                Wanted::Name(name) => scope.column(all, name, "columns"),
                Wanted::Known(known) => drift(known, all, scope),
            };
            match place {
                Some(place) if std::mem::replace(&mut taken[place], true) => {
                    let name = &all[place].name;
                    let problem =
                        Problem::error(ProblemCode::DuplicateColumn, format!("column \"{name}\" is named twice"));
                    scope.report(problem.port("columns").actual(name.as_ref()));
                }
                Some(place) => chosen.push(place),
                None => {}
            }
        }
        Some(chosen)
    }
}

/// `schema.table`, or a pattern of Redis keys.
fn written_in_full(table: &str, scope: &Scope<'_>) -> Vec<TableName> {
    let view = scope.context.view;
    if let Ok(name) = TableName::parse(table)
        && view.find(&name).is_ok()
    {
        return vec![name];
    }
    let is_pattern = |known: &crate::catalog::Table| known.store == StoreKind::Redis && known.physical == [table];
    view.tables().filter(|known| is_pattern(known)).map(|known| known.name.clone()).collect()
}

/// The place of a column that the canvas knows. What differs from the catalog is a warning; the catalog is right.
fn drift(known: &Known, all: &Columns, scope: &mut Scope<'_>) -> Option<usize> {
    let place = all.find(&known.name);
    let actual = match place {
        Some(place) => describe(all[place].dtype(), all[place].nullable),
        None => match nearest(&known.name, all.names()) {
            Some(near) => format!("no such column, nearest is {near}"),
            None => "no such column".to_owned(),
        },
    };
    let found = place.map(|place| &all[place]);
    let dtype = known.dtype.or_else(|| found.map(ColumnInfo::dtype)).unwrap_or(CanvasType::Object);
    let nullable = known.nullable.or_else(|| found.map(|column| column.nullable)).unwrap_or(true);
    let expected = describe(dtype, nullable);
    if place.is_none() || expected != actual {
        let message = format!("column \"{}\" is not what the canvas has", known.name);
        let problem = Problem::warning(ProblemCode::SchemaDrift, message);
        scope.report(problem.port("columns").expected(expected).actual(actual));
    }
    place
}

fn describe(dtype: CanvasType, nullable: bool) -> String {
    format!("{dtype}{}", if nullable { "" } else { " not null" })
}
