//! The names of the columns of what stands in FROM, where the text and the catalog tell them.

use sqlparser::ast::{
    Cte, Join, JoinConstraint, JoinOperator, ObjectNamePart, Query, Select, SelectItem,
    SelectItemQualifiedWildcardKind, SetExpr, TableFactor, TableWithJoins, With,
};

use crate::base::TableName;
use crate::catalog::Relation;
use crate::catalog::system::{PG_CATALOG, system_columns};
use crate::sql::check::{Findings, MergedType, begin};
use crate::sql::plan::PlanContext;
use crate::sql::shorthand::JOIN_ALIAS;
use crate::sql::words::folded;

use super::names::{figure, shown};

/// The names of columns; `None` where they cannot be told here.
pub(in crate::sql) type Columns = Option<Vec<String>>;

/// What a name in FROM may mean besides a table.
#[derive(Clone)]
pub(in crate::sql) struct Shapes<'a> {
    /// Where tables are looked up; `None` where only the text is known.
    context: Option<&'a PlanContext<'a>>,
    /// What the check has found; `None` where only the text is known.
    findings: Option<&'a Findings>,
    /// The queries of every WITH around, the nearest last.
    queries: Vec<(String, Columns)>,
}

impl<'a> Shapes<'a> {
    pub(super) fn new(context: &'a PlanContext<'a>, findings: &'a Findings) -> Self {
        Self { context: Some(context), findings: Some(findings), queries: Vec::new() }
    }

    /// What the text alone tells.
    pub(in crate::sql) fn of_text() -> Self {
        Self { context: None, findings: None, queries: Vec::new() }
    }

    /// The type of a column that a join merges, where its two sides have different ones.
    pub(super) fn merged_type(&self, join: &Join, name: &str) -> Option<&'a MergedType> {
        self.findings?.merged_types.get(&merge_place(join))?.iter().find(|merged| merged.name == name)
    }

    /// Adds the queries of a WITH; gives back how many there were before.
    pub(super) fn enter(&mut self, query: &Query) -> usize {
        let before = self.count();
        self.enter_with(query.with.as_ref());
        before
    }

    /// Adds the queries of a WITH.
    pub(in crate::sql) fn enter_with(&mut self, with: Option<&With>) {
        with.iter().flat_map(|with| &with.cte_tables).for_each(|table| self.add(table));
    }

    /// Adds a query of a WITH.
    pub(in crate::sql) fn add(&mut self, table: &Cte) {
        let given: Vec<String> = table.alias.columns.iter().map(|column| folded(&column.name)).collect();
        let columns = renamed(self.of_query(&table.query), &given);
        self.add_named(folded(&table.alias.name), columns);
    }

    /// Adds a query with its columns.
    pub(in crate::sql) fn add_named(&mut self, name: String, columns: Columns) {
        self.queries.push((name, columns));
    }

    /// How many queries are known.
    pub(in crate::sql) fn count(&self) -> usize {
        self.queries.len()
    }

    /// Forgets what was added.
    pub(in crate::sql) fn leave(&mut self, before: usize) {
        self.queries.truncate(before);
    }

    /// The columns of a query of a WITH.
    pub(super) fn of_name(&self, name: &str) -> Columns {
        self.queries.iter().rev().find(|(known, _)| known == name)?.1.clone()
    }

    fn of_query(&self, query: &Query) -> Columns {
        if query.with.is_none() {
            return self.of_body(&query.body);
        }
        let mut inner = self.clone();
        inner.enter(query);
        inner.of_body(&query.body)
    }

    pub(in crate::sql) fn of_body(&self, body: &SetExpr) -> Columns {
        match body {
            SetExpr::Select(select) => self.of_select(select),
            SetExpr::Query(query) => self.of_query(query),
            SetExpr::SetOperation { left, .. } => self.of_body(left),
            SetExpr::Values(values) => {
                let width = values.rows.first()?.content.len();
                Some((1..=width).map(|number| format!("column{number}")).collect())
            }
            SetExpr::Insert(_) | SetExpr::Update(_) | SetExpr::Delete(_) | SetExpr::Merge(_) | SetExpr::Table(_) => {
                None
            }
        }
    }

    fn of_select(&self, select: &Select) -> Columns {
        let mut columns = Vec::new();
        for item in &select.projection {
            match item {
                SelectItem::UnnamedExpr(expr) => columns.push(figure(expr).unwrap_or_else(|| "?column?".to_owned())),
                SelectItem::ExprWithAlias { alias, .. } => columns.push(shown(&folded(alias)).to_owned()),
                SelectItem::Wildcard(_) => {
                    for from in &select.from {
                        columns.extend(self.of_joined(from)?);
                    }
                }
                SelectItem::QualifiedWildcard(SelectItemQualifiedWildcardKind::ObjectName(name), _) => {
                    let table = name.0.last().and_then(ObjectNamePart::as_ident).map(folded)?;
                    let factor = factors(select).find(|factor| name_of(factor).as_deref() == Some(table.as_str()))?;
                    columns.extend(self.of_factor(factor)?);
                }
                SelectItem::QualifiedWildcard(..) | SelectItem::ExprWithAliases { .. } => return None,
            }
        }
        Some(columns)
    }

    /// The columns of a chain of joins, joined ones once and first.
    pub(super) fn of_joined(&self, from: &TableWithJoins) -> Columns {
        let mut columns = self.of_factor(&from.relation)?;
        for join in &from.joins {
            let right = self.of_factor(&join.relation)?;
            let merged = merged_names(join, &columns, &right);
            let rest = |all: Vec<String>| all.into_iter().filter(|name| !merged.contains(name)).collect::<Vec<_>>();
            columns = merged.iter().cloned().chain(rest(columns)).chain(rest(right)).collect();
        }
        Some(columns)
    }

    /// The columns of one item of FROM, under the names that its alias gives.
    pub(super) fn of_factor(&self, factor: &TableFactor) -> Columns {
        let (own, alias) = match factor {
            TableFactor::Table { alias, .. } | TableFactor::Derived { alias, .. } => (self.unaliased(factor)?, alias),
            TableFactor::NestedJoin { table_with_joins, alias } => (self.of_joined(table_with_joins)?, alias),
            _ => return None,
        };
        let given: Vec<String> =
            alias.iter().flat_map(|alias| &alias.columns).map(|column| folded(&column.name)).collect();
        renamed(Some(own), &given)
    }

    /// The columns of one item of FROM under their own names.
    pub(super) fn unaliased(&self, factor: &TableFactor) -> Columns {
        match factor {
            TableFactor::Derived { subquery, .. } => self.of_query(subquery),
            TableFactor::Table { name, args: None, .. } => {
                let parts: Vec<String> = name.0.iter().filter_map(ObjectNamePart::as_ident).map(folded).collect();
                if let [only] = parts.as_slice()
                    && let Some((_, columns)) = self.queries.iter().rev().find(|(name, _)| name == only)
                {
                    return columns.clone();
                }
                self.system(&parts).or_else(|| {
                    let relation = self.relation(&parts)?;
                    Some(relation.columns().iter().map(|column| column.name.clone()).collect())
                })
            }
            // It has one column, and its alias was given a name for that.
            TableFactor::Table { name, args: Some(_), alias: Some(alias), .. } if alias.columns.len() == 1 => {
                let known = name.0.last().and_then(ObjectNamePart::as_ident).map(folded)?;
                (shown(&known) == "generate_series").then(|| vec![shown(&known).to_owned()])
            }
            _ => None,
        }
    }

    /// A bare name is one of `pg_catalog` before it is one of the search path.
    fn system(&self, parts: &[String]) -> Columns {
        let columns = match parts {
            [table] => system_columns(PG_CATALOG, table),
            [schema, table] | [_, schema, table] => system_columns(schema, table),
            _ => None,
        };
        Some(columns?.map(str::to_owned).collect())
    }

    fn relation(&self, parts: &[String]) -> Option<Relation> {
        let context = self.context?;
        let view = context.view;
        match parts {
            [table] => view.resolve(table, context.search_path).ok(),
            [schema, table] | [_, schema, table] => view.find(&TableName::new(schema, table)).ok(),
            _ => None,
        }
    }
}

fn renamed(own: Columns, given: &[String]) -> Columns {
    let own = own?;
    Some(given.iter().cloned().chain(own.into_iter().skip(given.len())).collect())
}

/// Every item of FROM of a SELECT that has a name.
pub(super) fn factors(select: &Select) -> impl Iterator<Item = &TableFactor> {
    select
        .from
        .iter()
        .flat_map(|from| std::iter::once(&from.relation).chain(from.joins.iter().map(|join| &join.relation)))
}

/// The name by which columns of an item of FROM are called.
pub(in crate::sql) fn name_of(factor: &TableFactor) -> Option<String> {
    match factor {
        TableFactor::Table { alias: Some(alias), .. } | TableFactor::Derived { alias: Some(alias), .. } => {
            Some(folded(&alias.name))
        }
        TableFactor::Table { name, alias: None, .. } => name.0.last().and_then(ObjectNamePart::as_ident).map(folded),
        _ => None,
    }
}

/// What a join does with the columns that it merges.
pub(in crate::sql) fn constraint(join: &Join) -> Option<(&JoinConstraint, Side)> {
    Some(match &join.join_operator {
        JoinOperator::Join(constraint)
        | JoinOperator::Inner(constraint)
        | JoinOperator::Left(constraint)
        | JoinOperator::LeftOuter(constraint) => (constraint, Side::Left),
        JoinOperator::Right(constraint) | JoinOperator::RightOuter(constraint) => (constraint, Side::Right),
        JoinOperator::FullOuter(constraint) => (constraint, Side::Either),
        _ => return None,
    })
}

/// What a join compares.
pub(super) fn constraint_mut(join: &mut Join) -> Option<&mut JoinConstraint> {
    match &mut join.join_operator {
        JoinOperator::Join(constraint)
        | JoinOperator::Inner(constraint)
        | JoinOperator::Left(constraint)
        | JoinOperator::LeftOuter(constraint)
        | JoinOperator::Right(constraint)
        | JoinOperator::RightOuter(constraint)
        | JoinOperator::FullOuter(constraint) => Some(constraint),
        _ => None,
    }
}

/// Which side a merged column is taken from.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(in crate::sql) enum Side {
    Left,
    Right,
    Either,
}

/// The place of a join that merges columns, which no other one has.
pub(in crate::sql) fn merge_place(join: &Join) -> usize {
    match constraint(join) {
        Some((JoinConstraint::Using(names), _)) => names.first().map_or(0, begin),
        _ => begin(&join.relation),
    }
}

/// The names of the columns that a join merges.
pub(super) fn merged_names(join: &Join, left: &[String], right: &[String]) -> Vec<String> {
    match constraint(join) {
        Some((JoinConstraint::Using(names), _)) => {
            let names = names.iter().filter_map(|name| name.0.last()?.as_ident().map(folded));
            names.filter(|name| !name.starts_with(JOIN_ALIAS)).collect()
        }
        Some((JoinConstraint::Natural, _)) => left.iter().filter(|name| right.contains(name)).cloned().collect(),
        Some((JoinConstraint::On(_) | JoinConstraint::None, _)) | None => Vec::new(),
    }
}
