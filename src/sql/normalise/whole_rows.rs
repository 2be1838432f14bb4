//! Whole rows: `t` and `t.*` where a value stands, and `ROW(…)`.
//!
//! A row becomes a call that makes a record of its columns. Whether it is NULL, and how many of them there are, is asked
//! of its columns and of its table.

use std::collections::HashSet;
use std::ops::ControlFlow;

use sqlparser::ast::helpers::attached_token::AttachedToken;
use sqlparser::ast::{
    BinaryOperator, CaseWhen, Distinct, DuplicateTreatment, Expr, Function, FunctionArg, FunctionArgExpr,
    FunctionArguments, GroupByExpr, Ident, JoinConstraint, ObjectName, ObjectNamePart, OrderBy, OrderByKind, Query,
    Select, SelectItem, TableFactor, TableWithJoins, Value, Visitor, VisitorMut,
};

use crate::base::syntax_walk::{walk, walk_mut};
use crate::base::{ErrorReport, SqlState};
use crate::sql::words::folded;

use super::Flow;
use super::forms::{binary, has_star, internal, internal_name, take, text, unsupported};
use super::row_presence::{Presence, Table, add, apply, mark, tables};
use super::rows;
use super::shapes::{Shapes, constraint_mut};
use super::system::quoted;

/// Puts records in the place of the rows of a SELECT. `places` says which names are rows.
pub(super) fn expand(select: &mut Select, shapes: &Shapes<'_>, places: &HashSet<usize>) -> Result<(), ErrorReport> {
    if !places.is_empty() {
        let doubtful = doubtful_rows(select, shapes, places);
        mark(select, &doubtful);
    }
    let tables = if places.is_empty() { Vec::new() } else { tables(select, shapes) };
    let mut visitor = Rows { tables, places, depth: 0 };
    let named = name_rows(&mut select.projection, &visitor);
    finish(expand_parts(select, &named, &mut visitor))?;
    finish(expand_conditions(select, shapes, places))
}

/// Puts records in the place of the rows by which a query is sorted.
pub(super) fn expand_order(
    select: &Select,
    order_by: &mut OrderBy,
    shapes: &Shapes<'_>,
    places: &HashSet<usize>,
) -> Result<(), ErrorReport> {
    let OrderByKind::Expressions(keys) = &mut order_by.kind else { return Ok(()) };
    let tables = if places.is_empty() { Vec::new() } else { tables(select, shapes) };
    let mut visitor = Rows { tables, places, depth: 0 };
    let records = if matches!(select.distinct, Some(Distinct::On(_))) { records(select) } else { Vec::new() };
    finish(keys.iter_mut().try_for_each(|key| {
        stand_for(&mut key.expr, &records, places);
        walk_mut(&mut key.expr, &mut visitor)
    }))
}

/// The tables whose rows are named, and may not be there without anything to tell.
fn doubtful_rows(select: &Select, shapes: &Shapes<'_>, places: &HashSet<usize>) -> HashSet<String> {
    struct Doubtful<'r> {
        rows: Rows<'r>,
        names: HashSet<String>,
    }
    impl Doubtful<'_> {
        fn note(&mut self, ident: &Ident) {
            let table = self.rows.table(ident).filter(|table| matches!(table.presence, Presence::Unknown));
            self.names.extend(table.map(|table| table.name.clone()));
        }
    }
    impl Visitor for Doubtful<'_> {
        type Break = ();
        fn pre_visit_expr(&mut self, expr: &Expr) -> ControlFlow<()> {
            match expr {
                Expr::Identifier(ident) => self.note(ident),
                Expr::Function(Function { args: FunctionArguments::List(list), .. }) => {
                    for argument in &list.args {
                        if let FunctionArg::Unnamed(star @ FunctionArgExpr::QualifiedWildcard(_)) = argument
                            && let Some(ident) = row_name(star)
                        {
                            self.note(&ident);
                        }
                    }
                }
                _ => {}
            }
            ControlFlow::Continue(())
        }
    }
    let rows = Rows { tables: tables(select, shapes), places, depth: 0 };
    if rows.tables.iter().all(|table| !matches!(table.presence, Presence::Unknown)) {
        return HashSet::new();
    }
    let mut doubtful = Doubtful { rows, names: HashSet::new() };
    let _: ControlFlow<()> = walk(select, &mut doubtful);
    doubtful.names
}

fn finish(flow: Flow) -> Result<(), ErrorReport> {
    match flow {
        ControlFlow::Continue(()) => Ok(()),
        ControlFlow::Break(report) => Err(*report),
    }
}

/// A row that stands alone in the SELECT list has its own name. Returns the names.
fn name_rows(items: &mut [SelectItem], visitor: &Rows<'_>) -> Vec<String> {
    let mut names = Vec::new();
    for item in items {
        match item {
            SelectItem::UnnamedExpr(expr @ Expr::Identifier(_)) => {
                let Expr::Identifier(ref ident) = *expr else { continue };
                if visitor.table(ident).is_some() {
                    let name = folded(ident);
                    *item = SelectItem::ExprWithAlias { expr: take(expr), alias: quoted(&name) };
                    names.push(name);
                }
            }
            SelectItem::ExprWithAlias { expr: Expr::Identifier(ident), alias } if visitor.table(ident).is_some() => {
                names.push(folded(alias));
            }
            _ => {}
        }
    }
    names
}

/// The SELECT list, what groups and tells apart, the conditions, and what in FROM may read the rows beside it.
fn expand_parts(select: &mut Select, named: &[String], visitor: &mut Rows<'_>) -> Flow {
    walk_mut(&mut select.projection, visitor)?;
    let records: Vec<(String, Expr)> = records(select).into_iter().filter(|(name, _)| named.contains(name)).collect();
    if let GroupByExpr::Expressions(keys, _) = &mut select.group_by {
        keys.iter_mut().try_for_each(|key| expand_key(key, &records, visitor))?;
    }
    if let Some(Distinct::On(keys)) = &mut select.distinct {
        keys.iter_mut().try_for_each(|key| expand_key(key, &records, visitor))?;
    }
    walk_mut(&mut select.selection, visitor)?;
    walk_mut(&mut select.having, visitor)?;
    walk_mut(&mut select.named_window, visitor)?;
    select.from.iter_mut().flat_map(laterals).try_for_each(|lateral| walk_mut(lateral, visitor))
}

/// The records of the SELECT list by their names.
fn records(select: &Select) -> Vec<(String, Expr)> {
    let record = |item: &SelectItem| match item {
        SelectItem::ExprWithAlias { expr, alias } if is_record(expr) => Some((folded(alias), expr.clone())),
        _ => None,
    };
    select.projection.iter().filter_map(record).collect()
}

/// A key may be a list of keys, which is no row, and the name of a record of the SELECT list.
fn expand_key(key: &mut Expr, records: &[(String, Expr)], visitor: &mut Rows<'_>) -> Flow {
    match key {
        Expr::Tuple(keys) => keys.iter_mut().try_for_each(|key| expand_key(key, records, visitor)),
        Expr::GroupingSets(sets) | Expr::Cube(sets) | Expr::Rollup(sets) => {
            sets.iter_mut().flatten().try_for_each(|key| expand_key(key, records, visitor))
        }
        key => {
            stand_for(key, records, visitor.places);
            walk_mut(key, visitor)
        }
    }
}

/// A key that is the name of a record becomes that record.
fn stand_for(key: &mut Expr, records: &[(String, Expr)], places: &HashSet<usize>) {
    let Some(ident) = bare_name(key) else { return };
    if usize::try_from(ident.span.start.column).is_ok_and(|place| places.contains(&place)) {
        return;
    }
    let name = folded(ident);
    if let Some((_, record)) = records.iter().find(|(known, _)| *known == name) {
        *key = record.clone();
    }
}

/// The conditions of joins, which see the rows that they join as they are: what a join may leave out is there for it.
fn expand_conditions(select: &mut Select, shapes: &Shapes<'_>, places: &HashSet<usize>) -> Flow {
    for from in &mut select.from {
        let mut visitor = Rows { tables: Vec::new(), places, depth: 0 };
        add(&from.relation, shapes, &mut visitor.tables);
        for join in &mut from.joins {
            let right = visitor.tables.len();
            add(&join.relation, shapes, &mut visitor.tables);
            let original = join.join_operator.clone();
            if let Some(JoinConstraint::On(condition)) = constraint_mut(join) {
                walk_mut(condition, &mut visitor)?;
            }
            apply(&original, &mut visitor.tables, right);
        }
    }
    ControlFlow::Continue(())
}

/// What in FROM may read the rows beside it.
fn laterals(from: &mut TableWithJoins) -> impl Iterator<Item = &mut Query> {
    let joined = from.joins.iter_mut().map(|join| &mut join.relation);
    std::iter::once(&mut from.relation).chain(joined).filter_map(|factor| match factor {
        TableFactor::Derived { lateral: true, subquery, .. } => Some(subquery.as_mut()),
        _ => None,
    })
}

struct Rows<'a> {
    tables: Vec<Table>,
    places: &'a HashSet<usize>,
    /// Queries within this place: their lists were looked at before.
    depth: usize,
}

fn refused(ident: &Ident, why: &str) -> Box<ErrorReport> {
    let message = format!("the whole row of \"{}\" is not supported here: {why}", folded(ident));
    let report = ErrorReport::new(SqlState::FEATURE_NOT_SUPPORTED, message).with_hint("Name its columns.");
    let place = usize::try_from(ident.span.start.column).unwrap_or_default();
    Box::new(if place > 0 { report.with_position(place) } else { report })
}

impl Rows<'_> {
    /// The table whose row a name means, if it is one of this SELECT.
    fn table(&self, ident: &Ident) -> Option<&Table> {
        let place = usize::try_from(ident.span.start.column).ok()?;
        let name = folded(ident);
        self.tables.iter().find(|table| table.name == name).filter(|_| self.places.contains(&place))
    }

    fn columns(ident: &Ident, table: &Table) -> Result<Vec<(String, Expr)>, Box<ErrorReport>> {
        let columns = table.columns.as_ref().ok_or_else(|| refused(ident, "its columns are not known"))?;
        let mut qualifier = quoted(&table.name);
        qualifier.span = ident.span;
        let column = |name: &String| Expr::CompoundIdentifier(vec![qualifier.clone(), quoted(name)]);
        Ok(columns.iter().map(|name| (name.clone(), column(name))).collect())
    }

    fn record_of(ident: &Ident, table: &Table) -> Result<Expr, Box<ErrorReport>> {
        let record = record(Self::columns(ident, table)?);
        match &table.presence {
            Presence::Always => Ok(record),
            Presence::Where(column) => {
                Ok(cases(vec![CaseWhen { condition: Expr::IsNotNull(column.clone()), result: record }], None))
            }
            Presence::Unknown => Err(refused(ident, "an outer join may have none")),
        }
    }

    /// `t IS NULL` asks every column.
    fn null_question(&self, expr: &Expr) -> Result<Option<Expr>, Box<ErrorReport>> {
        let (inner, ask): (&Expr, fn(Box<Expr>) -> Expr) = match expr {
            Expr::IsNull(inner) => (inner, Expr::IsNull),
            Expr::IsNotNull(inner) => (inner, Expr::IsNotNull),
            _ => return Ok(None),
        };
        let Some((ident, table)) = bare_name(inner).and_then(|ident| Some((ident, self.table(ident)?))) else {
            return Ok(None);
        };
        let columns: Vec<Expr> = Self::columns(ident, table)?.into_iter().map(|(_, column)| column).collect();
        Ok(Some(rows::each(&columns, ask)))
    }

    /// The values of `ROW(t.*, x)`.
    fn starred(&self, function: &mut Function) -> Result<Vec<Expr>, Box<ErrorReport>> {
        let FunctionArguments::List(list) = &mut function.args else { return Ok(Vec::new()) };
        let mut values = Vec::new();
        for argument in std::mem::take(&mut list.args) {
            match argument {
                FunctionArg::Unnamed(FunctionArgExpr::Expr(value)) => values.push(value),
                FunctionArg::Unnamed(star) => {
                    let row = row_name(&star).and_then(|ident| Some((self.table(&ident)?, ident)));
                    let Some((table, ident)) = row else { return Err(unknown_star()) };
                    values.extend(Self::columns(&ident, table)?.into_iter().map(|(_, column)| column));
                }
                FunctionArg::Named { .. } | FunctionArg::ExprNamed { .. } => return Err(unknown_star()),
            }
        }
        Ok(values)
    }

    /// The arguments of a call that are rows; `count` of them counts the rows.
    fn arguments(&self, function: &mut Function) -> Result<(), Box<ErrorReport>> {
        let is_count = function.name.to_string().eq_ignore_ascii_case("count");
        let FunctionArguments::List(list) = &mut function.args else { return Ok(()) };
        let counts_rows = is_count && list.duplicate_treatment != Some(DuplicateTreatment::Distinct);
        for argument in &mut list.args {
            let FunctionArg::Unnamed(inner) = argument else { continue };
            let Some(ident) = row_name(inner) else { continue };
            let Some(table) = self.table(&ident) else { continue };
            *inner = match &table.presence {
                Presence::Always if counts_rows => FunctionArgExpr::Wildcard,
                Presence::Where(column) if counts_rows => FunctionArgExpr::Expr(column.as_ref().clone()),
                Presence::Always | Presence::Where(_) | Presence::Unknown => {
                    FunctionArgExpr::Expr(Self::record_of(&ident, table)?)
                }
            };
        }
        Ok(())
    }
}

fn bare_name(expr: &Expr) -> Option<&Ident> {
    match expr {
        Expr::Identifier(ident) => Some(ident),
        Expr::Nested(inner) => bare_name(inner),
        _ => None,
    }
}

fn unknown_star() -> Box<ErrorReport> {
    Box::new(unsupported("ROW of all columns of what is not known"))
}

/// `t` or `t.*`
fn row_name(argument: &FunctionArgExpr) -> Option<Ident> {
    match argument {
        FunctionArgExpr::Expr(expr) => bare_name(expr).cloned(),
        FunctionArgExpr::QualifiedWildcard(ObjectName(parts)) => {
            let first = parts.first().and_then(ObjectNamePart::as_ident)?;
            let mut name = parts.last().and_then(ObjectNamePart::as_ident)?.clone();
            name.span = first.span;
            Some(name)
        }
        FunctionArgExpr::Wildcard | FunctionArgExpr::WildcardWithOptions(_) => None,
    }
}

pub(super) fn record(columns: Vec<(String, Expr)>) -> Expr {
    internal("row_value", columns.into_iter().flat_map(|(name, value)| [text(name), value]).collect())
}

/// Whether an expression is a record, as far as its text tells.
fn is_record(expr: &Expr) -> bool {
    match expr {
        Expr::Nested(inner) => is_record(inner),
        Expr::Function(function) => {
            matches!(function.name.0.as_slice(), [only] if only.as_ident().is_some_and(|name| {
                matches!(internal_name(&name.value), Some("row_value" | "value_greatest" | "value_least"))
            }))
        }
        Expr::Case { conditions, else_result, .. } => {
            conditions.iter().any(|when| is_record(&when.result)) || else_result.as_deref().is_some_and(is_record)
        }
        _ => false,
    }
}

/// `coalesce`, `nullif`, `greatest` and `least` of records: those of the library ask for columns of the same names.
fn choice(function: &Function) -> Option<Expr> {
    let name = function.name.to_string().to_lowercase();
    if !matches!(name.as_str(), "coalesce" | "nullif" | "greatest" | "least") {
        return None;
    }
    let FunctionArguments::List(list) = &function.args else { return None };
    let arguments = list.args.iter().map(|argument| match argument {
        FunctionArg::Unnamed(FunctionArgExpr::Expr(expr)) => Some(expr.clone()),
        _ => None,
    });
    let arguments = arguments.collect::<Option<Vec<_>>>()?;
    if !arguments.iter().any(is_record) {
        return None;
    }
    match (name.as_str(), arguments.as_slice()) {
        ("coalesce", [first @ .., last]) => {
            let is_there = |record: &Expr| Expr::IsNotNull(Box::new(record.clone()));
            let whens = first.iter().map(|one| CaseWhen { condition: is_there(one), result: one.clone() }).collect();
            Some(if first.is_empty() { last.clone() } else { cases(whens, Some(last.clone())) })
        }
        ("nullif", [first, second]) => {
            let equal = binary(first.clone(), BinaryOperator::Eq, second.clone());
            let null = Expr::Value(Value::Null.into());
            Some(cases(vec![CaseWhen { condition: equal, result: null }], Some(first.clone())))
        }
        ("greatest" | "least", _) => Some(internal(&format!("value_{name}"), arguments)),
        _ => None,
    }
}

fn cases(conditions: Vec<CaseWhen>, otherwise: Option<Expr>) -> Expr {
    Expr::Case {
        case_token: AttachedToken::empty(),
        end_token: AttachedToken::empty(),
        operand: None,
        conditions,
        else_result: otherwise.map(Box::new),
    }
}

impl VisitorMut for Rows<'_> {
    type Break = Box<ErrorReport>;

    fn pre_visit_query(&mut self, _query: &mut Query) -> Flow {
        self.depth += 1;
        ControlFlow::Continue(())
    }

    fn post_visit_query(&mut self, _query: &mut Query) -> Flow {
        self.depth -= 1;
        ControlFlow::Continue(())
    }

    fn pre_visit_expr(&mut self, expr: &mut Expr) -> Flow {
        if let Expr::Function(function) = expr
            && function.name.to_string().eq_ignore_ascii_case("row")
            && has_star(function)
        {
            match self.starred(function) {
                Ok(values) => *expr = Expr::Tuple(values),
                Err(report) => return ControlFlow::Break(report),
            }
        }
        let done = match expr {
            Expr::Function(function) => self.arguments(function),
            other => self.null_question(other).map(|answer| {
                if let Some(answer) = answer {
                    *other = answer;
                }
            }),
        };
        match done {
            Ok(()) => ControlFlow::Continue(()),
            Err(report) => ControlFlow::Break(report),
        }
    }

    fn post_visit_expr(&mut self, expr: &mut Expr) -> Flow {
        let made = match expr {
            Expr::Identifier(ident) => match self.table(ident) {
                Some(table) => Self::record_of(ident, table),
                None => return ControlFlow::Continue(()),
            },
            // What asked its values one by one has taken them already.
            Expr::Tuple(values) if self.depth == 0 && !values.is_empty() => {
                let named = values.drain(..).enumerate().map(|(index, value)| (format!("f{}", index + 1), value));
                Ok(record(named.collect()))
            }
            other => {
                if let Expr::Function(function) = &*other
                    && let Some(chosen) = choice(function)
                {
                    *other = chosen;
                }
                return ControlFlow::Continue(());
            }
        };
        match made {
            Ok(made) => {
                *expr = made;
                ControlFlow::Continue(())
            }
            Err(report) => ControlFlow::Break(report),
        }
    }
}
