//! One plan node: its subquery expressions become joins with its input.

use std::sync::Arc;

use datafusion::common::tree_node::{Transformed, TransformedResult, TreeNode, TreeNodeRecursion};
use datafusion::common::{Column, DFSchema, Result};
use datafusion::logical_expr::expr::{AggregateFunction, Exists, InSubquery};
use datafusion::logical_expr::expr_rewriter::NamePreserver;
use datafusion::logical_expr::{
    Aggregate, BinaryExpr, Distinct, EmptyRelation, Expr, Filter, Join, JoinType, LogicalPlan, Operator, Projection,
    SortExpr, SubqueryAlias, Union, Values, Window, lit,
};
use datafusion::logical_expr::{Sort, Subquery};

use super::domain::{Domain, join_null_safe, pick};
use super::free::{self, subquery_of};
use super::push::conditions_as_filter;
use super::single_value::single_value;
use super::{Decorrelator, nullability, quantified, shared, simple};

/// LATERAL over a query all of whose references are its own, and bound by now, is that query.
fn without_lateral(plan: Arc<LogicalPlan>) -> Result<Arc<LogicalPlan>> {
    match plan.as_ref() {
        LogicalPlan::Subquery(lateral) if free::columns(&lateral.subquery)?.is_empty() => {
            Ok(Arc::clone(&lateral.subquery))
        }
        _ => Ok(plan),
    }
}

/// `NOT x IN (subquery)` as `x NOT IN (subquery)`, which is what the engine makes of it later.
fn negated_within(part: Expr) -> Expr {
    match part {
        Expr::Not(inner) => match *inner {
            Expr::InSubquery(within) => Expr::InSubquery(InSubquery { negated: !within.negated, ..within }),
            inner => Expr::Not(Box::new(inner)),
        },
        part => part,
    }
}

/// `x IN (VALUES …)` over a projection: the engine looks for the expression that a subquery gives, and VALUES has none. Where
/// that expression is a column without a relation, its join would read the column twice: by this name, and by its own.
fn with_output(part: Expr) -> Result<Expr> {
    let Expr::InSubquery(InSubquery { expr, subquery, negated }) = part else { return Ok(part) };
    let plan = &subquery.subquery;
    let is_told_apart = matches!(plan.as_ref(), LogicalPlan::Projection(_))
        || plan.schema().iter().next().is_none_or(|(relation, _)| relation.is_some());
    if is_told_apart && plan.head_output_expr()?.is_some() {
        return Ok(Expr::InSubquery(InSubquery { expr, subquery, negated }));
    }
    let named = |column: Column| if is_told_apart { Expr::Column(column) } else { named_anew(column) };
    let columns = plan.schema().columns().into_iter().map(named).collect();
    let plan = LogicalPlan::Projection(Projection::try_new(columns, Arc::clone(plan))?);
    let subquery = Subquery { subquery: shared(plan), ..subquery };
    Ok(Expr::InSubquery(InSubquery { expr, subquery, negated }))
}

fn named_anew(column: Column) -> Expr {
    let name = format!("found {}", column.name);
    Expr::Column(column).alias(name)
}

impl Decorrelator {
    /// Takes the subqueries of this node out, where the engine does not do it itself. The node's columns are told anew: what
    /// is joined to the rows below may be NULL where a subquery's column was not.
    pub(super) fn lower(&mut self, plan: LogicalPlan) -> Result<LogicalPlan> {
        match plan {
            LogicalPlan::Projection(projection) => self.lower_projection(projection),
            LogicalPlan::Filter(filter) => self.lower_filter(filter),
            LogicalPlan::Aggregate(aggregate) => self.lower_aggregate(aggregate),
            LogicalPlan::Window(window) => self.lower_window(window),
            LogicalPlan::Sort(sort) => self.lower_sort(sort),
            LogicalPlan::Join(join) => self.lower_join(join)?.recompute_schema(),
            LogicalPlan::Union(union) => nullability::of_union(union),
            LogicalPlan::Values(values) if values.values.iter().flatten().any(contains_subquery) => {
                self.lower_values(&values)
            }
            LogicalPlan::SubqueryAlias(alias) => {
                let input = without_lateral(alias.input)?;
                Ok(LogicalPlan::SubqueryAlias(SubqueryAlias::try_new(input, alias.alias)?))
            }
            LogicalPlan::Repartition(_)
            | LogicalPlan::TableScan(_)
            | LogicalPlan::EmptyRelation(_)
            | LogicalPlan::Subquery(_)
            | LogicalPlan::Limit(_)
            | LogicalPlan::Statement(_)
            | LogicalPlan::Values(_)
            | LogicalPlan::Explain(_)
            | LogicalPlan::Analyze(_)
            | LogicalPlan::Extension(_)
            | LogicalPlan::Distinct(_)
            | LogicalPlan::Dml(_)
            | LogicalPlan::Ddl(_)
            | LogicalPlan::Copy(_)
            | LogicalPlan::DescribeTable(_)
            | LogicalPlan::Unnest(_)
            | LogicalPlan::RecursiveQuery(_) => plan.recompute_schema(),
        }
    }

    /// Each row becomes a projection of one row without columns: the engine works VALUES out while it plans.
    fn lower_values(&mut self, values: &Values) -> Result<LogicalPlan> {
        let names = values.schema.columns();
        let rows = values.values.iter().map(|row| {
            let nothing = EmptyRelation { produce_one_row: true, schema: Arc::new(DFSchema::empty()) };
            let cells = row.iter().zip(&names).map(|(cell, name)| cell.clone().alias(&name.name)).collect();
            let input = shared(LogicalPlan::EmptyRelation(nothing));
            self.lower_projection(Projection::try_new(cells, input)?).map(shared)
        });
        let mut rows = rows.collect::<Result<Vec<_>>>()?;
        let plan = match (rows.len(), rows.pop()) {
            (1, Some(only)) => Arc::unwrap_or_clone(only),
            (_, last) => {
                rows.extend(last);
                LogicalPlan::Union(Union::try_new_with_loose_types(rows)?)
            }
        };
        pick(plan, names.into_iter().enumerate().map(|(index, name)| (index, Some(name))))
    }

    fn lower_projection(&mut self, projection: Projection) -> Result<LogicalPlan> {
        let Projection { expr, input, .. } = projection;
        let (input, expr) = self.attach_all(&input, expr, Place::Output)?;
        Ok(LogicalPlan::Projection(Projection::try_new(expr, input)?))
    }

    pub(super) fn lower_filter(&mut self, filter: Filter) -> Result<LogicalPlan> {
        let width = filter.input.schema().fields().len();
        let mut outer = Attached::new(&filter.input);
        let predicate = self.attach_condition(filter.predicate, &mut outer, Place::Filter)?;
        let joined = outer.is_joined();
        let plan = LogicalPlan::Filter(Filter::try_new(predicate, outer.into_plan())?);
        if joined { pick(plan, (0..width).map(|index| (index, None))) } else { Ok(plan) }
    }

    fn lower_aggregate(&mut self, aggregate: Aggregate) -> Result<LogicalPlan> {
        let Aggregate { input, group_expr, aggr_expr, schema, .. } = aggregate;
        let keys = group_expr.len();
        let all = group_expr.into_iter().chain(aggr_expr).collect();
        let (joined, mut keys_expr) = self.attach_all(&input, all, Place::Row)?;
        let aggregates = keys_expr.split_off(keys);
        let plan = LogicalPlan::Aggregate(Aggregate::try_new(Arc::clone(&joined), keys_expr, aggregates)?);
        if Arc::ptr_eq(&joined, &input) {
            return Ok(plan);
        }
        pick(plan, schema.columns().into_iter().enumerate().map(|(index, name)| (index, Some(name))))
    }

    fn lower_window(&mut self, window: Window) -> Result<LogicalPlan> {
        let width = window.input.schema().fields().len();
        let (joined, expressions) = self.attach_all(&window.input, window.window_expr, Place::Row)?;
        let added = joined.schema().fields().len() - width;
        let plan = LogicalPlan::Window(Window::try_new(expressions, joined)?);
        if added == 0 {
            return Ok(plan);
        }
        let names = window.schema.columns().into_iter().enumerate();
        pick(plan, names.map(|(index, name)| (if index < width { index } else { index + added }, Some(name))))
    }

    fn lower_sort(&mut self, sort: Sort) -> Result<LogicalPlan> {
        let width = sort.input.schema().fields().len();
        let keys = sort.expr.iter().map(|key| key.expr.clone()).collect();
        let (input, keys) = self.attach_all(&sort.input, keys, Place::Order)?;
        let joined = !Arc::ptr_eq(&input, &sort.input);
        let expr = sort.expr.into_iter().zip(keys).map(|(old, key)| SortExpr { expr: key, ..old }).collect();
        let plan = LogicalPlan::Sort(Sort { expr, input, fetch: sort.fetch });
        if joined { pick(plan, (0..width).map(|index| (index, None))) } else { Ok(plan) }
    }

    /// LATERAL, and conditions that have subqueries.
    pub(super) fn lower_join(&mut self, join: Join) -> Result<LogicalPlan> {
        let has_subquery = join.filter.as_ref().is_some_and(contains_subquery);
        if has_subquery && join.join_type == JoinType::Inner {
            let filter = join.filter.clone();
            let plan = self.lower_join(Join { filter: None, ..join })?;
            return match filter {
                Some(filter) => self.lower_filter(Filter::try_new(filter, shared(plan))?),
                None => Ok(plan),
            };
        }
        if has_subquery {
            return self.lower_conditional_join(&join);
        }
        let free = free::columns(&join.right)?;
        let outer: Vec<Column> = free.into_iter().filter(|column| join.left.schema().has_column(column)).collect();
        let right = match join.right.as_ref() {
            LogicalPlan::Subquery(subquery) => Arc::clone(&subquery.subquery),
            _ => Arc::clone(&join.right),
        };
        if outer.is_empty() {
            return Ok(LogicalPlan::Join(Join { right, ..join }));
        }
        let names = join.schema.columns();
        let width = names.len();
        let domain = Domain::new(self, &join.left, outer)?;
        let right = self.push(&right, &domain)?;
        let pairs = domain.outer.clone().into_iter().zip(domain.columns_in(&right));
        let filter = conditions_as_filter(&join);
        let plan = join_null_safe(join.left.as_ref().clone(), right, pairs, filter, join.join_type)?;
        pick(plan, (0..width).map(|index| (index, None)))
    }

    /// A condition of a filter. Among the sides of AND and OR a NULL is as good as false; anywhere else it is not.
    #[recursive::recursive]
    fn attach_condition(&mut self, condition: Expr, outer: &mut Attached, place: Place) -> Result<Expr> {
        match negated_within(condition) {
            Expr::BinaryExpr(BinaryExpr { left, op: op @ (Operator::And | Operator::Or), right }) => {
                let place = if op == Operator::Or { Place::Alternative } else { place };
                let left = self.attach_condition(*left, outer, place)?;
                let right = self.attach_condition(*right, outer, place)?;
                Ok(Expr::BinaryExpr(BinaryExpr::new(Box::new(left), op, Box::new(right))))
            }
            whole if subquery_of(&whole).is_some() && !reads_subquery(&whole) => self.attach(whole, outer, place),
            other => self.attach(other, outer, Place::Condition),
        }
    }

    fn attach_all(
        &mut self,
        input: &Arc<LogicalPlan>,
        expressions: Vec<Expr>,
        place: Place,
    ) -> Result<(Arc<LogicalPlan>, Vec<Expr>)> {
        let mut outer = Attached::new(input);
        let preserver = NamePreserver::new_for_projection();
        let mut rewritten = Vec::with_capacity(expressions.len());
        for expression in expressions {
            let name = preserver.save(&expression);
            let changed = self.attach(expression, &mut outer, place)?;
            rewritten.push(if place == Place::Order { changed } else { name.restore(changed) });
        }
        Ok((outer.into_plan(), rewritten))
    }

    /// Replaces the subqueries of an expression by columns of plans that are joined to the outer rows.
    fn attach(&mut self, expression: Expr, outer: &mut Attached, place: Place) -> Result<Expr> {
        expression
            .transform_down(|part| {
                let part = with_output(negated_within(part))?;
                if subquery_of(&part).is_none() || simple::is_left_to_the_engine(&part, outer.rows(), place)? {
                    return Ok(Transformed::no(part));
                }
                let column = match part {
                    Expr::ScalarSubquery(subquery) => self.attach_scalar(&subquery, outer)?,
                    Expr::Exists(exists) => self.attach_exists(&exists, outer)?,
                    Expr::InSubquery(within) => {
                        let as_exists = quantified::membership(self, within, outer.rows())?;
                        self.attach(as_exists, outer, Place::Row)?
                    }
                    Expr::SetComparison(comparison) => {
                        let as_exists = quantified::comparison(self, comparison, outer.rows())?;
                        self.attach(as_exists, outer, Place::Row)?
                    }
                    other => other,
                };
                Ok(Transformed::new(column, true, TreeNodeRecursion::Jump))
            })
            .data()
    }

    fn attach_scalar(&mut self, subquery: &Subquery, outer: &mut Attached) -> Result<Expr> {
        let (domain, pushed) = self.push_subquery(subquery, outer.rows())?;
        let keys: Vec<Expr> = domain.columns_in(&pushed).into_iter().map(Expr::Column).collect();
        let value = Expr::Column(Column::from(pushed.schema().qualified_field(0)));
        let named = Projection::try_new([vec![value.alias("value")], keys].concat(), shared(pushed))?;
        let named = LogicalPlan::Projection(named);
        if subquery.subquery.max_rows().is_some_and(|rows| rows <= 1) {
            return self.join_to(outer, &domain, named);
        }
        let keys = domain.columns_in(&named).into_iter().map(Expr::Column).collect();
        let value = AggregateFunction::new_udf(
            single_value(),
            vec![Expr::Column(Column::from(named.schema().qualified_field(0)))],
            false,
            None,
            vec![],
            None,
        );
        let single = Expr::AggregateFunction(value).alias("value");
        let grouped = LogicalPlan::Aggregate(Aggregate::try_new(shared(named), keys, vec![single])?);
        let width = domain.width();
        let value_first = std::iter::once(width).chain(0..width).map(|index| (index, None));
        self.join_to(outer, &domain, pick(grouped, value_first)?)
    }

    fn attach_exists(&mut self, exists: &Exists, outer: &mut Attached) -> Result<Expr> {
        let (domain, pushed) = self.push_subquery(&exists.subquery, outer.rows())?;
        let keys: Vec<Expr> = domain.columns_in(&pushed).into_iter().map(Expr::Column).collect();
        let marked = Projection::try_new([vec![lit(true).alias("value")], keys].concat(), shared(pushed))?;
        let distinct = LogicalPlan::Distinct(Distinct::All(shared(LogicalPlan::Projection(marked))));
        let found = self.join_to(outer, &domain, distinct)?;
        Ok(if exists.negated { found.is_null() } else { found.is_not_null() })
    }

    fn push_subquery(&mut self, subquery: &Subquery, rows: &LogicalPlan) -> Result<(Domain, LogicalPlan)> {
        let free = free::columns(&subquery.subquery)?;
        let outer = free.into_iter().filter(|column| rows.schema().has_column(column)).collect();
        let domain = Domain::new(self, rows, outer)?;
        let pushed = if domain.width() == 0 {
            subquery.subquery.as_ref().clone()
        } else {
            self.push(&subquery.subquery, &domain)?
        };
        Ok((domain, pushed))
    }

    /// Joins a plan (a value, then the domain's columns; at most one row each) and gives the column of the value.
    fn join_to(&mut self, outer: &mut Attached, domain: &Domain, plan: LogicalPlan) -> Result<Expr> {
        let alias = self.fresh("subquery");
        let plan = LogicalPlan::SubqueryAlias(SubqueryAlias::try_new(shared(plan), alias.as_str())?);
        let pairs = domain.outer.clone().into_iter().zip(domain.columns_in(&plan));
        let always = (domain.width() == 0).then(|| lit(true));
        outer.joined = Some(join_null_safe(outer.plan().clone(), plan, pairs, always, JoinType::Left)?);
        Ok(Expr::Column(Column::new(Some(alias), "value")))
    }
}

/// Where an expression stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    /// A condition of a filter, or one that it is joined with by AND: the engine turns some subqueries there into semi-joins.
    Filter,
    /// A side of an OR in a filter: the engine gives a mark for some subqueries there, which is false where one is NULL.
    Alternative,
    /// A part of a condition of a filter: the same, but false is another value than NULL there.
    Condition,
    /// A column of a projection: the engine turns some scalar subqueries there into joins.
    Output,
    /// Any other value of a row, such as an argument of an aggregate.
    Row,
    /// A key of a sort: it has no name that would have to stay.
    Order,
}

/// Outer rows with what has been joined to them.
struct Attached {
    rows: Arc<LogicalPlan>,
    joined: Option<LogicalPlan>,
}

impl Attached {
    fn new(rows: &Arc<LogicalPlan>) -> Self {
        Self { rows: Arc::clone(rows), joined: None }
    }

    /// The outer rows alone: every domain is made from these.
    fn rows(&self) -> &LogicalPlan {
        &self.rows
    }

    fn plan(&self) -> &LogicalPlan {
        self.joined.as_ref().unwrap_or(&self.rows)
    }

    fn is_joined(&self) -> bool {
        self.joined.is_some()
    }

    fn into_plan(self) -> Arc<LogicalPlan> {
        self.joined.map_or(self.rows, shared)
    }
}

/// Whether the value that is looked for in a subquery has subqueries itself.
fn reads_subquery(expression: &Expr) -> bool {
    match expression {
        Expr::InSubquery(within) => contains_subquery(&within.expr),
        Expr::SetComparison(comparison) => contains_subquery(&comparison.expr),
        _ => false,
    }
}

fn contains_subquery(expression: &Expr) -> bool {
    expression.exists(|part| Ok(subquery_of(part).is_some())).unwrap_or(false)
}
