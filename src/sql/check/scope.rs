//! Which names can be seen, level by level: PostgreSQL's namespaces (`parse_relation.c`).

use std::collections::BTreeSet;

use sqlparser::ast::{Ident, ObjectName, WindowSpec};

use crate::base::engine_error::nearest;
use crate::base::{ErrorReport, SqlState};
use crate::sql::words::folded;

use super::merged::Source;
use super::types::Type;

/// The parts of a name.
pub(super) fn parts(name: &ObjectName) -> Vec<String> {
    name.0.iter().filter_map(|part| part.as_ident()).map(folded).collect()
}

/// A column of something in FROM.
#[derive(Debug, Clone)]
pub(super) struct Column {
    pub(super) name: String,
    pub(super) data_type: Type,
    /// The column of another table that it stands for, in a join with USING.
    pub(super) stands_for: Option<(usize, usize)>,
}

impl Column {
    pub(super) fn new(name: impl Into<String>, data_type: Type) -> Self {
        Self { name: name.into(), data_type, stands_for: None }
    }
}

/// Something in FROM.
#[derive(Debug, Clone, Default)]
pub(super) struct Table {
    /// The name by which columns refer to it; empty for a join.
    pub(super) name: String,
    /// The table's own name and schema, when it is a table.
    pub(super) relation: Option<(Option<String>, String)>,
    pub(super) columns: Vec<Column>,
    /// Its columns are not known here; every name may be one.
    pub(super) is_open: bool,
    /// It is the recursive query around, whose rows it has.
    pub(super) is_recursion: bool,
    /// It is the alias of the columns that a join merges.
    pub(super) is_alias: bool,
    /// It is a function that returns single values: its row is the value.
    pub(super) is_scalar: bool,
    /// What the columns that a join merges read, by their names.
    pub(super) sources: Vec<(String, Source)>,
}

/// How a table can be seen from where we are.
#[derive(Debug, Clone, Copy)]
pub(super) struct Item {
    pub(super) table: usize,
    /// By its name.
    pub(super) by_name: bool,
    /// By the bare names of its columns.
    pub(super) by_column: bool,
    /// Only from a lateral subquery, for now.
    pub(super) lateral_only: bool,
    /// Whether a lateral reference is allowed at all (not from the nullable side's partner).
    pub(super) lateral_allowed: bool,
}

/// The part of a query that is looked at; what may stand in it depends on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Clause {
    Nothing,
    Select,
    Where,
    Having,
    JoinOn,
    FromSubquery,
    FromFunction,
    GroupBy,
    OrderBy,
    DistinctOn,
    Limit,
    Offset,
    Values,
    Filter,
    WindowPartition,
    WindowOrder,
    WindowRows,
    WindowRange,
    WindowGroups,
}

impl Clause {
    /// As messages name it.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Nothing | Self::Select => "SELECT",
            Self::Where => "WHERE",
            Self::Having => "HAVING",
            Self::JoinOn => "JOIN conditions",
            Self::FromSubquery => "FROM clause of their own query level",
            Self::FromFunction => "functions in FROM",
            Self::GroupBy => "GROUP BY",
            Self::OrderBy => "ORDER BY",
            Self::DistinctOn => "DISTINCT ON",
            Self::Limit => "LIMIT",
            Self::Offset => "OFFSET",
            Self::Values => "VALUES",
            Self::Filter => "FILTER",
            Self::WindowPartition | Self::WindowOrder => "window definitions",
            Self::WindowRows => "window ROWS",
            Self::WindowRange => "window RANGE",
            Self::WindowGroups => "window GROUPS",
        }
    }
}

/// A common table expression.
#[derive(Debug, Clone)]
pub(super) struct Cte {
    pub(super) name: String,
    pub(super) columns: Vec<Column>,
    pub(super) is_open: bool,
    /// It is still looked at: who names it recurses.
    pub(super) is_recursion: bool,
    /// It gives other rows each time that it runs.
    pub(super) is_volatile: bool,
    /// Where its name stands.
    pub(super) place: usize,
}

impl Cte {
    /// One whose columns are not known yet.
    pub(super) fn new(name: &str, place: usize) -> Self {
        let name = name.to_owned();
        Self { name, columns: Vec::new(), is_open: false, is_recursion: false, is_volatile: false, place }
    }
}

/// One SELECT, with what is around it below it.
#[derive(Debug, Clone)]
pub(super) struct Level {
    pub(super) tables: Vec<Table>,
    pub(super) items: Vec<Item>,
    pub(super) ctes: Vec<Cte>,
    pub(super) clause: Clause,
    pub(super) has_aggregates: bool,
    /// Some of its aggregates or keys of groups stand in subqueries, or are asked for there.
    pub(super) is_read_within: bool,
    /// Tables that are named where a nearer query has a column of that name.
    pub(super) hidden: BTreeSet<usize>,
    /// The windows that the WINDOW clause names.
    pub(super) windows: Vec<String>,
    /// The windows that are looked at when the rest of the SELECT is done.
    pub(super) pending_windows: Vec<WindowSpec>,
    /// What is looked at may refer to what stands before it in FROM.
    pub(super) lateral_active: bool,
}

impl Default for Level {
    fn default() -> Self {
        Self {
            tables: Vec::new(),
            items: Vec::new(),
            ctes: Vec::new(),
            clause: Clause::Nothing,
            has_aggregates: false,
            is_read_within: false,
            hidden: BTreeSet::new(),
            windows: Vec::new(),
            pending_windows: Vec::new(),
            lateral_active: false,
        }
    }
}

impl Level {
    fn reaches(&self, item: Item) -> bool {
        !item.lateral_only || self.lateral_active
    }
}

/// A column that a name means.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Found {
    /// Counted from the outermost SELECT.
    pub(super) level: usize,
    pub(super) table: usize,
    /// `None` for a whole row, or a column that is not known here.
    pub(super) column: Option<usize>,
    pub(super) data_type: Type,
}

/// All levels around a place, the outermost first.
#[derive(Debug, Default)]
pub(super) struct Scope {
    pub(super) levels: Vec<Level>,
}

type Checked<T> = Result<T, ErrorReport>;

fn error(state: SqlState, message: impl Into<String>, place: usize) -> ErrorReport {
    super::at(ErrorReport::new(state, message), place)
}

impl Scope {
    /// The level of the SELECT that is looked at.
    pub(super) fn current(&mut self) -> &mut Level {
        if self.levels.is_empty() {
            self.levels.push(Level::default());
        }
        let last = self.levels.len() - 1;
        &mut self.levels[last]
    }

    pub(super) fn depth(&self) -> usize {
        self.levels.len().saturating_sub(1)
    }

    pub(super) fn table(&self, level: usize, table: usize) -> Option<&Table> {
        self.levels.get(level).and_then(|level| level.tables.get(table))
    }

    /// The levels that can be seen, the innermost first. What stands beside a subquery in FROM is `lateral_only`.
    fn outward(&self) -> impl Iterator<Item = (usize, &Level)> {
        self.levels.iter().enumerate().rev()
    }

    /// A CTE by its name.
    pub(super) fn cte(&self, name: &str) -> Option<&Cte> {
        self.outward().find_map(|(_, level)| level.ctes.iter().rev().find(|cte| cte.name == name))
    }

    /// A column by its bare name.
    pub(super) fn column(&self, ident: &Ident, place: usize) -> Checked<Option<Found>> {
        let name = folded(ident);
        for (index, level) in self.outward() {
            let mut found: Option<Found> = None;
            let mut open: Option<Found> = None;
            for item in level.items.iter().filter(|item| item.by_column && level.reaches(**item)) {
                let Some(table) = level.tables.get(item.table) else { continue };
                if table.is_open {
                    let data_type = Type::ANY;
                    open = Some(Found { level: index, table: item.table, column: None, data_type });
                }
                let mut same = table.columns.iter().enumerate().filter(|(_, column)| column.name == name);
                let Some((column, known)) = same.next() else { continue };
                if found.is_some() || same.next().is_some() {
                    let message = format!("column reference \"{name}\" is ambiguous");
                    return Err(error(SqlState::AMBIGUOUS_COLUMN, message, place));
                }
                if item.lateral_only && !item.lateral_allowed {
                    return Err(not_lateral(&table.name, place));
                }
                found =
                    Some(Found { level: index, table: item.table, column: Some(column), data_type: known.data_type });
            }
            if let Some(found) = found.or(open) {
                return Ok(Some(found));
            }
        }
        Ok(None)
    }

    /// A table by its name; `schema` where the reference names one.
    pub(super) fn named(&self, schema: Option<&str>, name: &str, place: usize) -> Checked<Option<(usize, usize)>> {
        for (index, level) in self.outward() {
            let mut found = None;
            for item in level.items.iter().filter(|item| item.by_name && level.reaches(**item)) {
                let Some(table) = level.tables.get(item.table) else { continue };
                let same = table.name == name
                    && schema.is_none_or(|schema| {
                        table.relation.as_ref().is_some_and(|(own, relation)| {
                            relation == name && own.as_deref().is_none_or(|own| own == schema)
                        })
                    });
                if !same {
                    continue;
                }
                if found.is_some() {
                    let message = format!("table reference \"{name}\" is ambiguous");
                    return Err(error(SqlState::AMBIGUOUS_ALIAS, message, place));
                }
                if item.lateral_only && !item.lateral_allowed {
                    return Err(not_lateral(name, place));
                }
                found = Some((index, item.table));
            }
            if found.is_some() {
                return Ok(found);
            }
        }
        Ok(None)
    }

    /// Notes a table that is named here, where a nearer query may have a column of that name.
    pub(super) fn note_table(&mut self, owner: usize, table: usize, name: &str) {
        let has_column = |level: &Level| {
            let tables =
                level.items.iter().filter(|item| item.by_column).filter_map(|item| level.tables.get(item.table));
            tables.flat_map(|table| &table.columns).any(|column| column.name == name)
        };
        if self.levels.iter().skip(owner + 1).any(has_column)
            && let Some(owner) = self.levels.get_mut(owner)
        {
            owner.hidden.insert(table);
        }
    }

    /// The report for a table that no name in FROM means.
    pub(super) fn missing_table(&self, name: &str, place: usize) -> ErrorReport {
        let near = self.outward().find_map(|(_, level)| {
            level.tables.iter().filter(|table| !table.is_alias).find(|table| {
                table.name == name || table.relation.as_ref().is_some_and(|(_, relation)| relation == name)
            })
        });
        let Some(table) = near else {
            let message = format!("missing FROM-clause entry for table \"{name}\"");
            return error(SqlState::UNDEFINED_TABLE, message, place);
        };
        let message = format!("invalid reference to FROM-clause entry for table \"{name}\"");
        let hint = if table.name == name {
            format!("There is an entry for table \"{name}\", but it cannot be referenced from this part of the query.")
        } else {
            format!("Perhaps you meant to reference the table alias \"{}\".", table.name)
        };
        error(SqlState::UNDEFINED_TABLE, message, place).with_hint(hint)
    }

    /// The report for a column that nothing in FROM has.
    pub(super) fn missing_column(&self, table: Option<&str>, name: &str, place: usize) -> ErrorReport {
        let shown = match table {
            Some(table) => format!("{table}.{name}"),
            None => format!("\"{name}\""),
        };
        let report = error(SqlState::UNDEFINED_COLUMN, format!("column {shown} does not exist"), place);
        let hidden = self.outward().flat_map(|(_, level)| &level.tables).find(|one| {
            table.is_none()
                && !one.is_alias
                && !one.name.is_empty()
                && one.columns.iter().any(|column| column.name == name)
        });
        if let Some(hidden) = hidden {
            let hint = format!(
                "There is a column named \"{name}\" in table \"{}\", but it cannot be referenced from this part of \
                 the query.",
                hidden.name
            );
            return report.with_hint(hint);
        }
        match self.similar(table, name) {
            Some(near) => report.with_hint(format!("Perhaps you meant to reference the column \"{near}\".")),
            None => report,
        }
    }

    fn similar(&self, table: Option<&str>, name: &str) -> Option<String> {
        let tables = self.outward().flat_map(|(_, level)| &level.tables);
        let named = tables.filter(|one| !one.name.is_empty() && !one.is_alias);
        let fitting = named.filter(|one| table.is_none_or(|table| table == one.name));
        let all: Vec<(&str, &str)> = fitting
            .flat_map(|one| one.columns.iter().map(|column| (one.name.as_str(), column.name.as_str())))
            .collect();
        let near = nearest(name, all.iter().map(|(_, column)| *column))?;
        let (owner, column) = all.iter().find(|(_, column)| *column == near)?;
        Some(format!("{owner}.{column}"))
    }
}

fn not_lateral(name: &str, place: usize) -> ErrorReport {
    let message = format!("invalid reference to FROM-clause entry for table \"{name}\"");
    error(SqlState::INVALID_COLUMN_REFERENCE, message, place)
        .with_detail("The combining JOIN type must be INNER or LEFT for a LATERAL reference.")
}
