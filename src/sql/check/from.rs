//! FROM: tables, subqueries, functions and joins.

use std::ops::ControlFlow;
use std::sync::Arc;

use datafusion::common::TableReference;
use datafusion::logical_expr::TableSource;
use datafusion::logical_expr::planner::ContextProvider;
use sqlparser::ast::{
    BinaryOperator, Expr, Function, FunctionArg, FunctionArgExpr, FunctionArgumentList, FunctionArguments, Ident, Join,
    JoinConstraint, JoinOperator, ObjectName, Query, SetExpr, TableAlias, TableFactor, TableWithJoins, Visitor,
};

use crate::base::syntax_walk::walk;
use crate::base::{ErrorReport, SqlState, SqlType, engine_error};
use crate::catalog::Relation;
use crate::catalog::system::{PG_CATALOG, is_system_table};
use crate::sql::shorthand::JOIN_ALIAS;
use crate::sql::words::{folded, is_reserved};

use super::merged::Merge;
use super::operators::bare;
use super::places::begin;
use super::queries::{Output, unexpected};
use super::scope::{Clause, Column, Cte, Item, Table, parts};
use super::types::Type;
use super::{Checked, Checker, Typed, at, error};

/// Which side the columns of USING are taken from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Side {
    Left,
    Right,
    Neither,
}

impl Checker<'_> {
    pub(super) fn from(&mut self, from: &[TableWithJoins]) -> Checked<()> {
        for item in from {
            let mut items = self.joined(item)?;
            self.no_name_twice(&items)?;
            for item in &mut items {
                item.lateral_only = true;
                item.lateral_allowed = true;
            }
            self.scope.current().items.append(&mut items);
        }
        for item in &mut self.scope.current().items {
            item.lateral_only = false;
        }
        Ok(())
    }

    fn no_name_twice(&mut self, added: &[Item]) -> Checked<()> {
        let level = self.scope.current();
        let named = |item: &&Item| item.by_name;
        for item in added.iter().filter(named) {
            let Some(table) = level.tables.get(item.table) else { continue };
            let twice =
                level.items.iter().filter(named).filter_map(|other| level.tables.get(other.table)).any(|other| {
                    let differ = match (&table.relation, &other.relation) {
                        // Tables of the same name in two schemas are told apart by these.
                        (Some((a, x)), Some((b, y))) => a != b && x == y && table.name == *x,
                        _ => false,
                    };
                    other.name == table.name && !differ
                });
            if twice {
                let message = format!("table name \"{}\" specified more than once", table.name);
                return Err(ErrorReport::new(SqlState::DUPLICATE_ALIAS, message));
            }
        }
        Ok(())
    }

    fn joined(&mut self, item: &TableWithJoins) -> Checked<Vec<Item>> {
        let mut left = self.factor(&item.relation)?;
        for join in &item.joins {
            left = self.join(left, join)?;
        }
        Ok(left)
    }

    fn join(&mut self, left: Vec<Item>, join: &Join) -> Checked<Vec<Item>> {
        let (constraint, side) = parts_of(&join.join_operator);
        let before = self.scope.current().items.len();
        let lateral = left.iter().map(|item| Item { lateral_only: true, lateral_allowed: side == Side::Left, ..*item });
        let lateral: Vec<Item> = lateral.collect();
        self.no_name_twice(&left)?;
        self.scope.current().items.extend(lateral);
        let right = self.factor(&join.relation)?;
        self.no_name_twice(&right)?;
        self.scope.current().items.truncate(before);
        match constraint {
            Some(JoinConstraint::On(condition)) => {
                let both: Vec<Item> = left.iter().chain(&right).copied().collect();
                let outside = std::mem::replace(&mut self.scope.current().items, both.clone());
                self.within(Clause::JoinOn, |checker| checker.condition(condition, "JOIN/ON"))?;
                self.scope.current().items = outside;
                if side == Side::Neither && !self.joins_both(condition, &left, &right) {
                    let message = "FULL JOIN is only supported with merge-joinable or hash-joinable join conditions";
                    self.later(ErrorReport::new(SqlState::FEATURE_NOT_SUPPORTED, message));
                }
                Ok(both)
            }
            Some(JoinConstraint::Using(names)) => {
                let mut names: Vec<String> = names.iter().filter_map(|name| parts(name).pop()).collect();
                let alias = names.last().and_then(|last| last.strip_prefix(JOIN_ALIAS)).map(str::to_owned);
                if alias.is_some() {
                    names.pop();
                }
                let (table, mut items) = self.using(left, right, &names, Merge::of(join, side))?;
                if let Some(alias) = alias {
                    self.add_alias(&alias, table, &names, &mut items)?;
                }
                Ok(items)
            }
            Some(JoinConstraint::Natural) => {
                let right_columns = self.columns_seen(&right);
                let left_columns = self.columns_seen(&left);
                let names = left_columns.into_iter().map(|(_, _, column)| column.name);
                let names: Vec<String> =
                    names.filter(|name| right_columns.iter().any(|(_, _, column)| column.name == *name)).collect();
                self.using(left, right, &names, Merge::of(join, side)).map(|(_, items)| items)
            }
            Some(JoinConstraint::None) => {
                let is_cross = matches!(join.join_operator, JoinOperator::CrossJoin(_));
                if !is_cross {
                    return Err(self.places.unexpected_after(&join.relation));
                }
                Ok(left.into_iter().chain(right).collect())
            }
            None => Ok(left.into_iter().chain(right).collect()),
        }
    }

    /// Whether a condition has an equality of both sides, or no column at all: PostgreSQL's full joins need one.
    /// What cannot be told passes.
    fn joins_both(&self, condition: &Expr, left: &[Item], right: &[Item]) -> bool {
        match bare(condition) {
            Expr::BinaryOp { left: a, op: BinaryOperator::And, right: b } => {
                self.joins_both(a, left, right) || self.joins_both(b, left, right)
            }
            Expr::BinaryOp { left: a, op: BinaryOperator::Eq, right: b } => {
                let sides = |expr: &Expr| self.sides_of(expr, left, right);
                match (sides(a), sides(b)) {
                    (Some((true, false)), Some((false, true))) | (Some((false, true)), Some((true, false))) => true,
                    (Some((false, false)), Some((false, false))) | (None, _) | (_, None) => true,
                    (Some(_), Some(_)) => false,
                }
            }
            other => matches!(self.sides_of(other, left, right), None | Some((false, false))),
        }
    }

    /// Which sides of a join an expression reads; `None` where that cannot be told.
    fn sides_of(&self, expr: &Expr, left: &[Item], right: &[Item]) -> Option<(bool, bool)> {
        struct Sides<'a, 'b> {
            checker: &'a Checker<'b>,
            tables: [Vec<usize>; 2],
            found: [bool; 2],
        }
        impl Visitor for Sides<'_, '_> {
            type Break = ();
            fn pre_visit_query(&mut self, _query: &Query) -> ControlFlow<()> {
                ControlFlow::Break(())
            }
            fn pre_visit_expr(&mut self, expr: &Expr) -> ControlFlow<()> {
                let Some(column) = self.checker.column_at(expr) else { return ControlFlow::Continue(()) };
                if column.level != self.checker.scope.depth() {
                    return ControlFlow::Continue(());
                }
                match self.tables.iter().position(|tables| tables.contains(&column.table)) {
                    Some(side) => {
                        self.found[side] = true;
                        ControlFlow::Continue(())
                    }
                    None => ControlFlow::Break(()),
                }
            }
        }
        let tables = [left, right].map(|items| items.iter().map(|item| item.table).collect());
        let mut sides = Sides { checker: self, tables, found: [false; 2] };
        walk(expr, &mut sides).is_continue().then_some((sides.found[0], sides.found[1]))
    }

    /// The columns that bare names can mean: their table, their index, and themselves.
    pub(super) fn columns_seen(&mut self, items: &[Item]) -> Vec<(usize, usize, Column)> {
        let level = self.scope.current();
        let tables = items.iter().filter(|item| item.by_column);
        let columns = tables.filter_map(|item| level.tables.get(item.table).map(|table| (item.table, table)));
        columns
            .flat_map(|(index, table)| {
                table.columns.iter().enumerate().map(move |(position, column)| (index, position, column.clone()))
            })
            .collect()
    }

    pub(super) fn is_open(&mut self, items: &[Item]) -> bool {
        let level = self.scope.current();
        items.iter().any(|item| level.tables.get(item.table).is_some_and(|table| table.is_open))
    }

    fn factor(&mut self, factor: &TableFactor) -> Checked<Vec<Item>> {
        match factor {
            TableFactor::Table { name, alias, args: None, sample, .. } => {
                let items = self.table(name, alias.as_ref())?;
                sample.iter().try_for_each(|sample| self.sample(sample))?;
                Ok(items)
            }
            TableFactor::Table { name, alias, args: Some(arguments), with_ordinality, .. } => {
                self.function(name, &arguments.args, alias.as_ref(), *with_ordinality)
            }
            TableFactor::Function { name, args, alias, with_ordinality, .. } => {
                self.function(name, args, alias.as_ref(), *with_ordinality)
            }
            TableFactor::UNNEST { alias, array_exprs, with_ordinality, .. } => {
                self.unnest(array_exprs, alias.as_ref(), *with_ordinality)
            }
            TableFactor::Derived { lateral, subquery, alias, .. } => self.derived(*lateral, subquery, alias.as_ref()),
            TableFactor::NestedJoin { table_with_joins, alias } => {
                let items = self.joined(table_with_joins)?;
                let Some(alias) = alias else { return Ok(items) };
                let is_open = self.is_open(&items);
                let columns = self.columns_seen(&items).into_iter().map(|(table, index, column)| Column {
                    stands_for: column.stands_for.or(Some((table, index))),
                    ..column
                });
                let table = Table { columns: columns.collect(), is_open, ..Table::default() };
                self.add(table, Some(alias), "")
            }
            TableFactor::TableFunction { alias, .. }
            | TableFactor::JsonTable { alias, .. }
            | TableFactor::OpenJsonTable { alias, .. }
            | TableFactor::Pivot { alias, .. }
            | TableFactor::Unpivot { alias, .. }
            | TableFactor::MatchRecognize { alias, .. }
            | TableFactor::XmlTable { alias, .. }
            | TableFactor::SemanticView { alias, .. } => {
                self.add(Table { is_open: true, ..Table::default() }, alias.as_ref(), "")
            }
        }
    }

    /// Adds a table under its alias, or under a name of its own.
    fn add(&mut self, mut table: Table, alias: Option<&TableAlias>, name: &str) -> Checked<Vec<Item>> {
        table.name = alias.map_or_else(|| name.to_owned(), |alias| folded(&alias.name));
        let names: Vec<&Ident> = alias.iter().flat_map(|alias| &alias.columns).map(|column| &column.name).collect();
        if names.len() > table.columns.len() && !table.is_open {
            let message = format!(
                "table \"{}\" has {} columns available but {} columns specified",
                table.name,
                table.columns.len(),
                names.len()
            );
            return Err(ErrorReport::new(SqlState::INVALID_COLUMN_REFERENCE, message));
        }
        for (column, name) in table.columns.iter_mut().zip(names) {
            column.name = folded(name);
        }
        let level = self.scope.current();
        level.tables.push(table);
        let table = level.tables.len() - 1;
        Ok(vec![Item { table, by_name: true, by_column: true, lateral_only: false, lateral_allowed: true }])
    }

    fn table(&mut self, name: &ObjectName, alias: Option<&TableAlias>) -> Checked<Vec<Item>> {
        let names = parts(name);
        let last = names.last().cloned().unwrap_or_default();
        if let ([single], true) = (names.as_slice(), true)
            && let Some(cte) = self.scope.cte(single).cloned()
        {
            self.note_reading(&cte, begin(name));
            let Cte { is_open, is_recursion, .. } = cte;
            let table = Table { columns: cte.columns, is_open, is_recursion, ..Table::default() };
            return self.add(table, alias, &last);
        }
        let schema = names.len().checked_sub(2).and_then(|index| names.get(index)).cloned();
        let is_system = is_system_table(schema.as_deref().unwrap_or(PG_CATALOG), &last);
        let mut table = Table { relation: Some((schema, last.clone())), ..Table::default() };
        if is_system {
            table.is_open = true;
        } else {
            if let ([_], Some(ident)) = (name.0.as_slice(), name.0.first().and_then(|part| part.as_ident()))
                && ident.quote_style.is_none()
                && is_reserved(&ident.value)
            {
                return Err(unexpected(&ident.value, begin(name)));
            }
            let source = self.source(&names).map_err(|report| at(report, begin(name)))?;
            if let Some(name) = Relation::name_of(&source) {
                table.relation = Some((Some(name.schema.clone()), last.clone()));
            }
            for field in source.schema().fields() {
                let data_type = SqlType::from_arrow(field.data_type()).map_or(Type::ANY, |known| Type::of(&known));
                table.columns.push(Column::new(field.name().clone(), data_type));
            }
        }
        self.add(table, alias, &last)
    }

    fn source(&self, names: &[String]) -> Checked<Arc<dyn TableSource>> {
        let reference = match names {
            [table] => TableReference::bare(table.clone()),
            [schema, table] => TableReference::partial(schema.clone(), table.clone()),
            [database, schema, table] => TableReference::full(database.clone(), schema.clone(), table.clone()),
            _ => {
                let message = format!("improper qualified name (too many dotted names): {}", names.join("."));
                return Err(ErrorReport::new(SqlState::SYNTAX_ERROR, message));
            }
        };
        self.provider.get_table_source(reference).map_err(|error| engine_error::report(&error))
    }

    fn derived(&mut self, lateral: bool, query: &Query, alias: Option<&TableAlias>) -> Checked<Vec<Item>> {
        let Some(alias) = alias else {
            let (what, hint) = match query.body.as_ref() {
                SetExpr::Values(_) => ("VALUES", "For example, FROM (VALUES ...) [AS] foo."),
                _ => ("subquery", "For example, FROM (SELECT ...) [AS] foo."),
            };
            let place = self.places.parenthesis(query);
            return Err(
                error(SqlState::SYNTAX_ERROR, format!("{what} in FROM must have an alias"), place).with_hint(hint)
            );
        };
        let before = std::mem::replace(&mut self.scope.current().lateral_active, lateral);
        let outputs = self.within(Clause::FromSubquery, |checker| checker.subquery(query))?;
        self.scope.current().lateral_active = before;
        self.add(table_of(&outputs), Some(alias), "")
    }

    fn function(
        &mut self,
        name: &ObjectName,
        arguments: &[FunctionArg],
        alias: Option<&TableAlias>,
        with_ordinality: bool,
    ) -> Checked<Vec<Item>> {
        let last = parts(name).pop().unwrap_or_default();
        if last == "unnest" && arguments.len() > 1 {
            let arrays = arguments.iter().map(|argument| match argument {
                FunctionArg::Unnamed(FunctionArgExpr::Expr(array)) => Some(array.clone()),
                _ => None,
            });
            if let Some(arrays) = arrays.collect::<Option<Vec<_>>>() {
                return self.unnest(&arrays, alias, with_ordinality);
            }
        }
        let call = Function {
            name: name.clone(),
            uses_odbc_syntax: false,
            parameters: FunctionArguments::None,
            args: FunctionArguments::List(FunctionArgumentList {
                duplicate_treatment: None,
                args: arguments.to_vec(),
                clauses: Vec::new(),
            }),
            filter: None,
            null_treatment: None,
            over: None,
            within_group: Vec::new(),
        };
        let before = std::mem::replace(&mut self.scope.current().lateral_active, true);
        self.watch();
        let typed = self.within(Clause::FromFunction, |checker| checker.call(&call))?;
        self.scope.current().lateral_active = before;
        self.no_set_within(begin(name))?;
        self.rows_of(typed.data_type, alias, &last, with_ordinality)
    }

    fn unnest(&mut self, arrays: &[Expr], alias: Option<&TableAlias>, with_ordinality: bool) -> Checked<Vec<Item>> {
        let before = std::mem::replace(&mut self.scope.current().lateral_active, true);
        self.watch();
        let typed = self.within(Clause::FromFunction, |checker| {
            arrays.iter().map(|array| checker.expression(array)).collect::<Checked<Vec<_>>>()
        })?;
        self.scope.current().lateral_active = before;
        self.no_set_within(0)?;
        let element = |array: &Typed| array.data_type.element().unwrap_or(Type::ANY);
        if let [only] = typed.as_slice() {
            return self.rows_of(element(only), alias, "unnest", with_ordinality);
        }
        let mut columns: Vec<Column> = typed.iter().map(|array| Column::new("unnest", element(array))).collect();
        if with_ordinality {
            columns.push(Column::new("ordinality", Type::INT8));
        }
        self.add(Table { columns, ..Table::default() }, alias, "unnest")
    }

    /// The rows of a function: one column that has the name of the table, or what is not known here.
    fn rows_of(
        &mut self,
        data_type: Type,
        alias: Option<&TableAlias>,
        name: &str,
        with_ordinality: bool,
    ) -> Checked<Vec<Item>> {
        if let Some(value) = pair_value(name) {
            let mut columns = vec![Column::new("key", Type::TEXT), Column::new("value", value)];
            columns.extend(with_ordinality.then(|| Column::new("ordinality", Type::INT8)));
            return self.add(Table { columns, ..Table::default() }, alias, name);
        }
        let is_open = data_type == Type::RECORD || data_type == Type::ANY;
        let mut table = Table { is_open, is_scalar: !is_open && !with_ordinality, ..Table::default() };
        if !is_open {
            let shown = match (name, alias) {
                ("json_array_elements" | "jsonb_array_elements", _)
                | ("json_array_elements_text" | "jsonb_array_elements_text", _) => "value".to_owned(),
                (_, Some(alias)) => folded(&alias.name),
                (name, None) => name.to_owned(),
            };
            table.columns.push(Column::new(shown, data_type));
            if with_ordinality {
                table.columns.push(Column::new("ordinality", Type::INT8));
            }
        }
        self.add(table, alias, name)
    }
}

/// The type of the values of a function that returns the fields of an object as rows of key and value.
fn pair_value(name: &str) -> Option<Type> {
    match name {
        "json_each" => Type::named("json"),
        "jsonb_each" => Type::named("jsonb"),
        "json_each_text" | "jsonb_each_text" => Some(Type::TEXT),
        _ => None,
    }
}

fn table_of(outputs: &[Output]) -> Table {
    let known = outputs.iter().filter(|output| !output.is_open);
    let columns = known.map(|output| Column::new(output.name.clone(), output.typed.data_type)).collect();
    Table { columns, is_open: outputs.iter().any(|output| output.is_open), ..Table::default() }
}

fn parts_of(operator: &JoinOperator) -> (Option<&JoinConstraint>, Side) {
    match operator {
        JoinOperator::Join(constraint)
        | JoinOperator::Inner(constraint)
        | JoinOperator::Left(constraint)
        | JoinOperator::LeftOuter(constraint)
        | JoinOperator::CrossJoin(constraint)
        | JoinOperator::StraightJoin(constraint)
        | JoinOperator::Semi(constraint)
        | JoinOperator::LeftSemi(constraint)
        | JoinOperator::Anti(constraint)
        | JoinOperator::LeftAnti(constraint) => (Some(constraint), Side::Left),
        JoinOperator::Right(constraint)
        | JoinOperator::RightOuter(constraint)
        | JoinOperator::RightSemi(constraint)
        | JoinOperator::RightAnti(constraint) => (Some(constraint), Side::Right),
        JoinOperator::FullOuter(constraint) => (Some(constraint), Side::Neither),
        JoinOperator::CrossApply
        | JoinOperator::OuterApply
        | JoinOperator::AsOf { .. }
        | JoinOperator::ArrayJoin
        | JoinOperator::LeftArrayJoin
        | JoinOperator::InnerArrayJoin => (None, Side::Left),
    }
}
