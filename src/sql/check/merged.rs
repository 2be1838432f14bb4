//! The columns that joins with USING merge, and the alias that such a join may have: `JOIN … USING (k) AS m`.

use sqlparser::ast::{Expr, Join, JoinOperator};

use crate::base::{ErrorReport, SqlState};
use crate::sql::normalise::{as_type, call, merge_place, quoted};

use super::from::Side;
use super::scope::{Column, Found, Item, Scope, Table};
use super::types::{STRING, Type};
use super::{Checked, Checker, MergedColumn, MergedType, Typed, error};

/// What a merged column reads.
#[derive(Debug, Clone)]
pub(super) enum Source {
    /// A column of a table.
    Column { table: usize, name: String },
    /// Of a FULL join: the column of either side.
    Either(Box<[Source; 2]>),
    /// A column whose other side has another type: the type in which they meet.
    Cast(Box<Source>, &'static str),
}

impl Source {
    /// The tables that it reads.
    fn tables(&self) -> Vec<usize> {
        match self {
            Self::Column { table, .. } => vec![*table],
            Self::Either(sides) => sides.iter().flat_map(Self::tables).collect(),
            Self::Cast(source, _) => source.tables(),
        }
    }

    fn read(&self, tables: &[Table]) -> Option<Expr> {
        Some(match self {
            Self::Column { table, name } => {
                Expr::CompoundIdentifier(vec![quoted(&tables.get(*table)?.name), quoted(name)])
            }
            Self::Either(sides) => {
                call("coalesce", sides.iter().map(|side| side.read(tables)).collect::<Option<Vec<_>>>()?)
            }
            Self::Cast(source, name) => as_type(source.read(tables)?, name)?,
        })
    }
}

/// A join that merges columns.
#[derive(Debug, Clone, Copy)]
pub(super) struct Merge {
    place: usize,
    side: Side,
    is_inner: bool,
}

impl Merge {
    pub(super) fn of(join: &Join, side: Side) -> Self {
        let is_inner = matches!(join.join_operator, JoinOperator::Join(_) | JoinOperator::Inner(_));
        Self { place: merge_place(join), side, is_inner }
    }

    /// What it makes of a column whose sides have these types, and meet in that one; `None` where there is nothing to do.
    fn of_types(self, name: &str, left: Type, right: Type, common: Type) -> Option<MergedType> {
        // To the planner all kinds of text are one.
        let is_text = |data_type: Type| data_type.category() == STRING;
        let is_known = ![left, right, common].iter().any(|data_type| matches!(*data_type, Type::ANY | Type::UNKNOWN));
        let is_wanted = is_known && left != right && !(is_text(left) && is_text(right)) && self.side != Side::Neither;
        let is_right = self.is_inner && right == common;
        is_wanted.then(|| MergedType { name: name.to_owned(), common: common.display(), is_right })
    }
}

impl Scope {
    /// What a column reads, which bare names can mean; `column` is its place, `None` where it is not known here.
    fn source(&self, level: usize, items: &[Item], column: Option<(usize, usize)>, name: &str) -> Option<Source> {
        let Some((table, column)) = column else {
            let mut seen = items.iter().filter(|item| item.by_column);
            let only = seen.next().filter(|_| seen.next().is_none())?;
            return self.source_in(level, only.table, name);
        };
        let owner = self.table(level, table)?;
        let own = owner.columns.get(column)?;
        match own.stands_for.filter(|_| owner.name.is_empty()) {
            Some(other) => self.source(level, items, Some(other), name),
            None => self.source_in(level, table, &own.name),
        }
    }

    fn source_in(&self, level: usize, table: usize, name: &str) -> Option<Source> {
        let known = self.table(level, table)?;
        if known.name.is_empty() {
            return known.sources.iter().find(|(own, _)| own == name).map(|(_, source)| source.clone());
        }
        Some(Source::Column { table, name: name.to_owned() })
    }

    /// The columns of an alias, as they are read from this place; `None` where they cannot be.
    fn merged(&self, level: usize, alias: usize) -> Option<Vec<MergedColumn>> {
        let columns = self.table(level, alias)?.sources.iter().map(|(name, source)| {
            let expr = self.read(level, source)?;
            Some(MergedColumn { name: name.clone(), expr })
        });
        columns.collect()
    }

    /// A column that a join merges, as it is read from this place; `None` for what is none, or cannot be.
    fn merged_column(&self, level: usize, join: usize, name: &str) -> Option<Expr> {
        let joined = self.table(level, join).filter(|table| table.name.is_empty())?;
        let (_, source) = joined.sources.iter().find(|(own, _)| own == name)?;
        self.read(level, source)
    }

    fn read(&self, level: usize, source: &Source) -> Option<Expr> {
        let owner = self.levels.get(level)?;
        let is_seen = |table: usize| owner.items.iter().any(|item| item.by_name && item.table == table);
        let reads = source.tables().iter().all(|table| is_seen(*table) && !self.is_hidden(level, *table));
        source.read(&owner.tables).filter(|_| reads)
    }

    /// Whether the name of a table means something else here: a nearer query has a table or a column of that name.
    fn is_hidden(&self, level: usize, table: usize) -> bool {
        let Some(name) = self.table(level, table).map(|table| table.name.as_str()) else { return true };
        let hides = |table: &Table| table.name == name || table.columns.iter().any(|column| column.name == name);
        self.levels
            .iter()
            .skip(level + 1)
            .any(|nearer| nearer.items.iter().filter_map(|item| nearer.tables.get(item.table)).any(hides))
    }
}

/// What can be seen of the sides of a join.
struct Sides<'a> {
    left: &'a [Item],
    right: &'a [Item],
}

impl Checker<'_> {
    /// The table of a join that merges columns, and what can be seen after it.
    pub(super) fn using(
        &mut self,
        left: Vec<Item>,
        right: Vec<Item>,
        names: &[String],
        merge: Merge,
    ) -> Checked<(usize, Vec<Item>)> {
        let side = merge.side;
        let is_open = self.is_open(&left) || self.is_open(&right);
        let (mut left_columns, mut right_columns) = (self.columns_seen(&left), self.columns_seen(&right));
        let mut columns = Vec::new();
        let mut sources = Vec::new();
        for name in names {
            let a = take(&mut left_columns, name, "left", is_open)?;
            let b = take(&mut right_columns, name, "right", is_open)?;
            let places = [&a, &b].map(|column| column.as_ref().map(|(table, index, _)| (*table, *index)));
            let sides = Sides { left: &left, right: &right };
            let wanted = [side != Side::Right, side != Side::Left];
            let source = self.merged_source(&sides, places, wanted, name);
            let (Some(a), Some(b)) = (a, b) else {
                sources.extend(source.map(|source| (name.clone(), source)));
                continue;
            };
            let (one, other) = (Typed::new(a.2.data_type, 0), Typed::new(b.2.data_type, 0));
            let common = self.common_type(&[one.clone(), other.clone()], "JOIN/USING")?;
            self.operator("=", Some(&one), &other)?;
            let merged = merge.of_types(name, a.2.data_type, b.2.data_type, common);
            let source = match &merged {
                Some(merged) => source.map(|source| Source::Cast(Box::new(source), merged.common)),
                None => source,
            };
            sources.extend(source.map(|source| (name.clone(), source)));
            self.findings.merged_types.entry(merge.place).or_default().extend(merged);
            let stands_for = match side {
                Side::Left => Some((a.0, a.1)),
                Side::Right => Some((b.0, b.1)),
                Side::Neither => None,
            };
            columns.push(Column { name: name.clone(), data_type: common, stands_for });
        }
        let rest = left_columns.into_iter().chain(right_columns);
        columns.extend(
            rest.map(|(table, index, column)| Column {
                stands_for: column.stands_for.or(Some((table, index))),
                ..column
            }),
        );
        let level = self.scope.current();
        level.tables.push(Table { columns, is_open, sources, ..Table::default() });
        let table = level.tables.len() - 1;
        let mut items: Vec<Item> = left.into_iter().chain(right).collect();
        for item in &mut items {
            item.by_column = false;
        }
        items.push(Item { table, by_name: false, by_column: true, lateral_only: false, lateral_allowed: true });
        Ok((table, items))
    }

    /// What a merged column reads, by the side that it is taken from.
    fn merged_source(
        &self,
        sides: &Sides<'_>,
        columns: [Option<(usize, usize)>; 2],
        wanted: [bool; 2],
        name: &str,
    ) -> Option<Source> {
        let level = self.scope.depth();
        let [left, right] = columns;
        Some(match wanted {
            [true, false] => self.scope.source(level, sides.left, left, name)?,
            [false, true] => self.scope.source(level, sides.right, right, name)?,
            _ => Source::Either(Box::new([
                self.scope.source(level, sides.left, left, name)?,
                self.scope.source(level, sides.right, right, name)?,
            ])),
        })
    }

    /// Adds the alias of a join: a table of the columns that the join merges. They are those of the join's own table.
    pub(super) fn add_alias(
        &mut self,
        alias: &str,
        join: usize,
        names: &[String],
        items: &mut Vec<Item>,
    ) -> Checked<()> {
        let level = self.scope.current();
        let is_taken = items
            .iter()
            .filter(|item| item.by_name)
            .filter_map(|item| level.tables.get(item.table))
            .any(|table| table.name == alias);
        if is_taken {
            let message = format!("table name \"{alias}\" specified more than once");
            return Err(error(SqlState::DUPLICATE_ALIAS, message, 0));
        }
        let Some(joined) = level.tables.get(join) else { return Ok(()) };
        let columns: Vec<Column> = names
            .iter()
            .filter_map(|name| joined.columns.iter().enumerate().find(|(_, column)| column.name == *name))
            .map(|(place, column)| Column { stands_for: column.stands_for.or(Some((join, place))), ..column.clone() })
            .collect();
        // Of what is not known here some columns may be left.
        let is_open = columns.len() < names.len();
        let sources = joined.sources.clone();
        level.tables.push(Table {
            name: alias.to_owned(),
            columns,
            is_open,
            sources,
            is_alias: true,
            ..Table::default()
        });
        let table = level.tables.len() - 1;
        items.push(Item { table, by_name: true, by_column: false, lateral_only: false, lateral_allowed: true });
        Ok(())
    }

    /// Notes what the alias of a join stands for where it is named: the planner knows no such alias.
    pub(super) fn note_alias(&mut self, level: usize, table: usize, place: usize) -> Checked<()> {
        if !self.scope.table(level, table).is_some_and(|table| table.is_alias) {
            return Ok(());
        }
        match self.scope.merged(level, table) {
            Some(columns) => {
                self.findings.merged.insert(place, columns);
                Ok(())
            }
            None => {
                let message = "the columns of this alias of USING cannot be told here";
                Err(error(SqlState::FEATURE_NOT_SUPPORTED, message, place)
                    .with_hint("Name the columns of the joined tables."))
            }
        }
    }

    /// Notes what a merged column reads: in subqueries the planner takes its bare name for one of several columns.
    pub(super) fn note_merged(&mut self, found: Found, name: &str, place: usize) {
        let Some(expr) = self.scope.merged_column(found.level, found.table, name) else { return };
        let is_outside = found.level < self.scope.depth();
        let places = if is_outside { &mut self.findings.merged_outside } else { &mut self.findings.merged_here };
        places.insert(place, expr);
    }

    /// Whether what is named is a column of an alias that is not known to have one.
    pub(super) fn refuse_open_alias(&self, table: &Table, name: &str, place: usize) -> Checked<()> {
        if table.is_alias && !table.sources.iter().any(|(own, _)| own == name) {
            return Err(self.scope.missing_column(Some(&table.name), name, place));
        }
        Ok(())
    }
}

/// Takes a column of USING out of a side's columns.
fn take(
    columns: &mut Vec<(usize, usize, Column)>,
    name: &str,
    side: &str,
    is_open: bool,
) -> Checked<Option<(usize, usize, Column)>> {
    let mut same = columns.iter().enumerate().filter(|(_, (_, _, column))| column.name == name).map(|(index, _)| index);
    match (same.next(), same.next()) {
        (Some(index), None) => Ok(Some(columns.remove(index))),
        (Some(_), Some(_)) => {
            let message = format!("common column name \"{name}\" appears more than once in {side} table");
            Err(ErrorReport::new(SqlState::AMBIGUOUS_COLUMN, message))
        }
        (None, _) if is_open => Ok(None),
        (None, _) => {
            let message = format!("column \"{name}\" specified in USING clause does not exist in {side} table");
            Err(ErrorReport::new(SqlState::UNDEFINED_COLUMN, message))
        }
    }
}
