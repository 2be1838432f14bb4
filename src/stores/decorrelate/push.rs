//! Joining a domain into a subquery from below: every node is rebuilt with the domain's columns at its end, and outer
//! references become those columns.

use datafusion::common::tree_node::{Transformed, TransformedResult, TreeNode};
use datafusion::common::{Column, JoinType, NullEquality, Result, not_impl_err};
use datafusion::functions_window::row_number::row_number_udwf;
use datafusion::logical_expr::expr::{AggregateFunction, WindowFunction};
use datafusion::logical_expr::expr_rewriter::NamePreserver;
use datafusion::logical_expr::{
    Aggregate, BinaryExpr, Distinct, DistinctOn, EmptyRelation, Expr, ExprFunctionExt, FetchType, Filter, Join, Limit,
    LogicalPlan, LogicalPlanBuilder, Operator, Projection, SkipType, Sort, SortExpr, SubqueryAlias, Union, Unnest,
    Values, Window, lit, when,
};

use super::domain::{Domain, join_null_safe, pick};
use super::{Decorrelator, free, ordered, sets, shared};

impl Decorrelator {
    /// The plan for every row of the domain: its own columns as they were, then the domain's.
    pub(super) fn push(&mut self, plan: &LogicalPlan, domain: &Domain) -> Result<LogicalPlan> {
        if !self.refers(plan, domain)? {
            let instance = domain.instance(self)?;
            return LogicalPlanBuilder::from(plan.clone()).cross_join(instance)?.build();
        }
        match plan {
            LogicalPlan::Projection(projection) => self.push_projection(projection, domain),
            LogicalPlan::Filter(filter) => self.push_filter(filter, domain),
            LogicalPlan::Window(window) => self.push_window(window, domain),
            LogicalPlan::Aggregate(aggregate) => self.push_aggregate(aggregate, domain),
            LogicalPlan::Sort(sort) => self.push_sort(sort, domain),
            LogicalPlan::Join(join) => self.push_join(join, domain),
            LogicalPlan::Union(union) => self.push_union(union, domain),
            LogicalPlan::Subquery(subquery) => self.push(&subquery.subquery, domain),
            LogicalPlan::SubqueryAlias(alias) => {
                let input = self.push(&alias.input, domain)?;
                Ok(LogicalPlan::SubqueryAlias(SubqueryAlias::try_new(shared(input), alias.alias.clone())?))
            }
            LogicalPlan::Limit(limit) => self.push_limit(limit, domain),
            LogicalPlan::Values(values) => self.push_values(values, domain),
            LogicalPlan::Distinct(Distinct::All(input)) => {
                Ok(LogicalPlan::Distinct(Distinct::All(shared(self.push(input, domain)?))))
            }
            LogicalPlan::Distinct(Distinct::On(distinct)) => self.push_distinct_on(distinct, domain),
            LogicalPlan::Unnest(unnest) => {
                let input = self.push(&unnest.input, domain)?;
                let columns = unnest.exec_columns.clone();
                Ok(LogicalPlan::Unnest(Unnest::try_new(shared(input), columns, unnest.options.clone())?))
            }
            LogicalPlan::RecursiveQuery(recursion) => self.push_recursion(recursion, domain),
            LogicalPlan::TableScan(scan) => self.push_work_table(scan),
            LogicalPlan::Repartition(_)
            | LogicalPlan::EmptyRelation(_)
            | LogicalPlan::Statement(_)
            | LogicalPlan::Explain(_)
            | LogicalPlan::Analyze(_)
            | LogicalPlan::Extension(_)
            | LogicalPlan::Dml(_)
            | LogicalPlan::Ddl(_)
            | LogicalPlan::Copy(_)
            | LogicalPlan::DescribeTable(_) => {
                not_impl_err!("reference to an outer column in {}", plan.display())
            }
        }
    }

    /// Whether the domain must go into the plan: it has outer references, or reads rows that carry the domain already.
    fn refers(&self, plan: &LogicalPlan, domain: &Domain) -> Result<bool> {
        let has_outer = free::columns(plan)?.iter().any(|column| domain.outer.contains(column));
        Ok(has_outer || self.reads_carried(plan)?)
    }

    fn push_filter(&mut self, filter: &Filter, domain: &Domain) -> Result<LogicalPlan> {
        let input = self.push(&filter.input, domain)?;
        let predicate = Bound::new(domain, &input).expression(filter.predicate.clone())?;
        Ok(LogicalPlan::Filter(Filter::try_new(predicate, shared(input))?))
    }

    fn push_projection(&mut self, projection: &Projection, domain: &Domain) -> Result<LogicalPlan> {
        let input = self.push(&projection.input, domain)?;
        let bound = Bound::new(domain, &input);
        let mut expressions = bound.named(&projection.expr)?;
        expressions.extend(bound.keys());
        Ok(LogicalPlan::Projection(Projection::try_new(expressions, shared(input))?))
    }

    fn push_sort(&mut self, sort: &Sort, domain: &Domain) -> Result<LogicalPlan> {
        if let Some(fetch) = sort.fetch {
            let unlimited = LogicalPlan::Sort(Sort { fetch: None, ..sort.clone() });
            return self.push_rows(&unlimited, 0, Some(fetch), domain);
        }
        let input = self.push(&sort.input, domain)?;
        let expr = Bound::new(domain, &input).sort_keys(&sort.expr)?;
        Ok(LogicalPlan::Sort(Sort { expr, input: shared(input), fetch: None }))
    }

    fn push_limit(&mut self, limit: &Limit, domain: &Domain) -> Result<LogicalPlan> {
        let (SkipType::Literal(skip), FetchType::Literal(fetch)) = (limit.get_skip_type()?, limit.get_fetch_type()?)
        else {
            return not_impl_err!("a LIMIT that is not a constant in a correlated subquery");
        };
        self.push_rows(&limit.input, skip, fetch, domain)
    }

    /// Some of the rows of each domain row: they are numbered in the order in effect.
    fn push_rows(
        &mut self,
        plan: &LogicalPlan,
        skip: usize,
        fetch: Option<usize>,
        domain: &Domain,
    ) -> Result<LogicalPlan> {
        if let LogicalPlan::Projection(projection) = plan
            && matches!(projection.input.as_ref(), LogicalPlan::Sort(_))
        {
            let rows = self.push_rows(&projection.input, skip, fetch, domain)?;
            let bound = Bound::new(domain, &rows);
            let mut expressions = bound.named(&projection.expr)?;
            expressions.extend(bound.keys());
            return Ok(LogicalPlan::Projection(Projection::try_new(expressions, shared(rows))?));
        }
        let (input, order) = match plan {
            LogicalPlan::Sort(sort) if sort.fetch.is_none() => (sort.input.as_ref(), sort.expr.as_slice()),
            other => (other, &[][..]),
        };
        let input = self.push(input, domain)?;
        let bound = Bound::new(domain, &input);
        let number = Expr::from(WindowFunction::new(row_number_udwf(), vec![]))
            .partition_by(bound.keys())
            .order_by(bound.sort_keys(order)?)
            .build()?
            .alias(self.fresh("row"));
        self.take_rows(input, number, skip, fetch)
    }

    fn take_rows(
        &mut self,
        input: LogicalPlan,
        number: Expr,
        skip: usize,
        fetch: Option<usize>,
    ) -> Result<LogicalPlan> {
        let width = input.schema().fields().len();
        let numbered = LogicalPlan::Window(Window::try_new(vec![number], shared(input))?);
        let position = Expr::Column(Column::from(numbered.schema().qualified_field(width)));
        let after = position.clone().gt(lit(as_u64(skip)));
        let wanted = match fetch {
            Some(fetch) => after.and(position.lt_eq(lit(as_u64(skip.saturating_add(fetch))))),
            None => after,
        };
        let filtered = LogicalPlan::Filter(Filter::try_new(wanted, shared(numbered))?);
        pick(filtered, (0..width).map(|index| (index, None)))
    }

    fn push_window(&mut self, window: &Window, domain: &Domain) -> Result<LogicalPlan> {
        let input = self.push(&window.input, domain)?;
        let bound = Bound::new(domain, &input);
        let partitioned = window.window_expr.iter().map(|expression| {
            let expression = bound.expression(expression.clone())?;
            expression.transform_up(|part| Ok(partition_too(part, &bound))).data()
        });
        let expressions = partitioned.collect::<Result<Vec<_>>>()?;
        let (own, width) = (window.input.schema().fields().len(), domain.width());
        let plan = LogicalPlan::Window(Window::try_new(expressions, shared(input))?);
        let names = window.schema.columns().into_iter().enumerate();
        let own_columns = names.map(|(index, name)| (if index < own { index } else { index + width }, Some(name)));
        let keys = (own..own + width).map(|index| (index, None));
        pick(plan, own_columns.chain(keys))
    }

    fn push_aggregate(&mut self, aggregate: &Aggregate, domain: &Domain) -> Result<LogicalPlan> {
        if let Some(union) = sets::as_union(aggregate)? {
            let pushed = self.push(&union, domain)?;
            let own = aggregate.schema.columns().into_iter().map(Some);
            return pick(pushed, own.chain(std::iter::repeat_n(None, domain.width())).enumerate());
        }
        let input = self.push(&aggregate.input, domain)?;
        if aggregate.group_expr.is_empty() {
            return self.push_whole_aggregate(aggregate, input, domain);
        }
        let bound = Bound::new(domain, &input);
        let (keys, width) = (aggregate.group_expr.len(), domain.width());
        let mut groups = Vec::with_capacity(keys + width);
        for group in bound.expressions(&aggregate.group_expr)? {
            // An own key that is an outer column would be taken for the domain's.
            let is_taken = bound.keys().contains(&group) || groups.contains(&group);
            groups.push(if is_taken { group.alias(self.fresh("key")) } else { group });
        }
        groups.extend(bound.keys());
        let calls = bound.expressions(&aggregate.aggr_expr)?;
        let plan = LogicalPlan::Aggregate(Aggregate::try_new(shared(input), groups, calls)?);
        let names = aggregate.schema.columns().into_iter().enumerate();
        let own = names.map(|(index, name)| (if index < keys { index } else { index + width }, Some(name)));
        pick(plan, own.chain((keys..keys + width).map(|index| (index, None))))
    }

    /// Without GROUP BY there is a row for every row of the domain, also where the input has none: `count` is 0 there.
    /// So the input is joined to the domain from the outside, and the calls read only the rows that it really has.
    fn push_whole_aggregate(
        &mut self,
        aggregate: &Aggregate,
        mut input: LogicalPlan,
        domain: &Domain,
    ) -> Result<LogicalPlan> {
        let bound = Bound::new(domain, &input);
        let mut calls = bound.expressions(&aggregate.aggr_expr)?;
        let inner_keys = bound.columns.clone();
        if ordered::is_sorted(&aggregate.input) && ordered::depend_on_order(&calls) {
            let place = self.fresh("place");
            input = ordered::numbered(input, &place)?;
            calls = calls.into_iter().map(|call| ordered::by_place(call, &place)).collect::<Result<_>>()?;
        }
        let mark = self.fresh("present");
        let columns = input.schema().columns().into_iter().map(Expr::Column);
        let marked = columns.chain(std::iter::once(lit(true).alias(&mark))).collect();
        let marked = LogicalPlan::Projection(Projection::try_new(marked, shared(input))?);
        let instance = domain.instance(self)?;
        let keys = instance.schema().columns();
        let pairs = keys.clone().into_iter().zip(inner_keys);
        let joined = join_null_safe(instance, marked, pairs, None, JoinType::Left)?;
        let present = Expr::Column(Column::new_unqualified(mark)).is_not_null();
        let calls = calls.into_iter().map(|call| call.transform_up(|part| Ok(only_where(part, &present))).data());
        let calls = calls.collect::<Result<Vec<_>>>()?;
        let groups = keys.into_iter().map(Expr::Column).collect();
        let plan = LogicalPlan::Aggregate(Aggregate::try_new(shared(joined), groups, calls)?);
        let names = aggregate.schema.columns().into_iter().enumerate();
        let own = names.map(|(index, name)| (index + domain.width(), Some(name)));
        pick(plan, own.chain((0..domain.width()).map(|index| (index, None))))
    }

    fn push_join(&mut self, join: &Join, domain: &Domain) -> Result<LogicalPlan> {
        let (left_refers, right_refers) = (self.refers(&join.left, domain)?, self.refers(&join.right, domain)?);
        match join.join_type {
            JoinType::Inner if !right_refers => self.push_left(join, domain),
            JoinType::Inner if !left_refers => self.push_right(join, domain),
            JoinType::Left | JoinType::LeftSemi | JoinType::LeftAnti | JoinType::LeftMark if !right_refers => {
                self.push_left(join, domain)
            }
            JoinType::Right | JoinType::RightSemi | JoinType::RightAnti | JoinType::RightMark if !left_refers => {
                self.push_right(join, domain)
            }
            JoinType::Inner
            | JoinType::Left
            | JoinType::Right
            | JoinType::Full
            | JoinType::LeftSemi
            | JoinType::RightSemi
            | JoinType::LeftAnti
            | JoinType::RightAnti
            | JoinType::LeftMark
            | JoinType::RightMark => self.push_both(join, domain),
        }
    }

    fn push_left(&mut self, join: &Join, domain: &Domain) -> Result<LogicalPlan> {
        let own = join.left.schema().fields().len();
        let left = self.push(&join.left, domain)?;
        let plan = rebuilt(join, left, join.right.as_ref().clone(), domain, true)?;
        move_keys_last(plan, own, domain.width(), join)
    }

    fn push_right(&mut self, join: &Join, domain: &Domain) -> Result<LogicalPlan> {
        let own = join.schema.fields().len();
        let right = self.push(&join.right, domain)?;
        let plan = rebuilt(join, join.left.as_ref().clone(), right, domain, false)?;
        let added_before_mark = join.join_type == JoinType::RightMark;
        move_keys_last(plan, if added_before_mark { own - 1 } else { own }, domain.width(), join)
    }

    /// The domain goes into both sides, and they meet where their domain rows are the same.
    fn push_both(&mut self, join: &Join, domain: &Domain) -> Result<LogicalPlan> {
        if join.null_aware {
            return not_impl_err!("NOT IN over a correlated subquery in a correlated subquery");
        }
        let (left, right) = (self.push(&join.left, domain)?, self.push(&join.right, domain)?);
        let (left_bound, right_bound) = (Bound::new(domain, &left), Bound::new(domain, &right));
        let keeps_right =
            matches!(join.join_type, JoinType::Right | JoinType::RightSemi | JoinType::RightAnti | JoinType::RightMark);
        let bound = if keeps_right { &right_bound } else { &left_bound };
        let filter = conditions_as_filter(join).map(|filter| bound.expression(filter)).transpose()?;
        let pairs = left_bound.columns.clone().into_iter().zip(right_bound.columns.clone());
        let (left_own, right_own) = (join.left.schema().fields().len(), join.right.schema().fields().len());
        let width = domain.width();
        let plan = join_null_safe(left.clone(), right.clone(), pairs, filter, join.join_type)?;
        match join.join_type {
            JoinType::LeftSemi | JoinType::LeftAnti | JoinType::RightSemi | JoinType::RightAnti => Ok(plan),
            JoinType::LeftMark => move_keys_last(plan, left_own, width, join),
            JoinType::RightMark => move_keys_last(plan, right_own, width, join),
            JoinType::Inner | JoinType::Left | JoinType::Right => {
                let (left_keys, right_keys) = (left_own, left_own + width + right_own);
                let kept = if keeps_right { right_keys } else { left_keys };
                let own = (0..left_own).chain(left_own + width..right_keys);
                pick(plan, own.chain(kept..kept + width).map(|index| (index, None)))
            }
            JoinType::Full => {
                let name = self.fresh("either");
                either_side(plan, (left_own, right_own), &left_bound, &right_bound, &name)
            }
        }
    }

    fn push_union(&mut self, union: &Union, domain: &Domain) -> Result<LogicalPlan> {
        let inputs = union.inputs.iter().map(|input| self.push(input, domain).map(shared));
        let plan = LogicalPlan::Union(Union::try_new(inputs.collect::<Result<Vec<_>>>()?)?);
        let names = union.schema.columns();
        let (own, width) = (names.len(), domain.width());
        let own_columns = names.into_iter().enumerate().map(|(index, name)| (index, Some(name)));
        pick(plan, own_columns.chain((own..own + width).map(|index| (index, None))))
    }

    fn push_distinct_on(&mut self, distinct: &DistinctOn, domain: &Domain) -> Result<LogicalPlan> {
        let input = self.push(&distinct.input, domain)?;
        let bound = Bound::new(domain, &input);
        let mut on = bound.keys();
        on.extend(bound.expressions(&distinct.on_expr)?);
        let mut select = bound.named(&distinct.select_expr)?;
        select.extend(bound.keys());
        let sort = distinct.sort_expr.as_ref().map(|keys| bound.sort_keys(keys)).transpose()?;
        let sort = sort.map(|keys| bound.keys().into_iter().map(|key| key.sort(true, false)).chain(keys).collect());
        Ok(LogicalPlan::Distinct(Distinct::On(DistinctOn::try_new(on, select, sort, shared(input))?)))
    }

    /// Each row becomes a projection of the domain.
    fn push_values(&mut self, values: &Values, domain: &Domain) -> Result<LogicalPlan> {
        let names = values.schema.columns();
        let rows = values.values.iter().map(|row| {
            let instance = domain.instance(self)?;
            let bound = Bound::new(domain, &instance);
            let cells = bound.expressions(row)?.into_iter().zip(&names);
            let mut cells: Vec<Expr> = cells.map(|(cell, name)| cell.alias(&name.name)).collect();
            cells.extend(bound.keys());
            Ok(shared(LogicalPlan::Projection(Projection::try_new(cells, shared(instance))?)))
        });
        let mut rows = rows.collect::<Result<Vec<_>>>()?;
        match (rows.pop(), rows.is_empty()) {
            (Some(only), true) => Ok(only.as_ref().clone()),
            (Some(last), false) => {
                rows.push(last);
                let plan = LogicalPlan::Union(Union::try_new_with_loose_types(rows)?);
                let count = names.len() + domain.width();
                pick(plan, (0..count).map(|index| (index, names.get(index).cloned())))
            }
            (None, _) => {
                let schema = std::sync::Arc::clone(&values.schema);
                Ok(LogicalPlan::EmptyRelation(EmptyRelation { produce_one_row: false, schema }))
            }
        }
    }
}

/// The domain's columns as one plan has them.
struct Bound<'a> {
    domain: &'a Domain,
    columns: Vec<Column>,
}

impl<'a> Bound<'a> {
    fn new(domain: &'a Domain, plan: &LogicalPlan) -> Self {
        Self { domain, columns: domain.columns_in(plan) }
    }

    fn keys(&self) -> Vec<Expr> {
        self.columns.iter().cloned().map(Expr::Column).collect()
    }

    /// The expression with columns of the domain for the outer references. What a subquery in it leaves free is bound
    /// further inside or further outside: inner subqueries are gone by now, except those that refer only to their own
    /// outer rows.
    fn expression(&self, expression: Expr) -> Result<Expr> {
        expression
            .transform_up(|part| match &part {
                Expr::OuterReferenceColumn(_, column) => {
                    match self.domain.outer.iter().position(|outer| outer == column) {
                        Some(index) => Ok(Transformed::yes(Expr::Column(self.columns[index].clone()))),
                        None => Ok(Transformed::no(part)),
                    }
                }
                _ => Ok(Transformed::no(part)),
            })
            .data()
    }

    fn expressions(&self, expressions: &[Expr]) -> Result<Vec<Expr>> {
        expressions.iter().map(|expression| self.expression(expression.clone())).collect()
    }

    /// The same, each under the name that it had.
    fn named(&self, expressions: &[Expr]) -> Result<Vec<Expr>> {
        let preserver = NamePreserver::new_for_projection();
        let named = expressions.iter().map(|expression| {
            let name = preserver.save(expression);
            Ok(name.restore(self.expression(expression.clone())?))
        });
        named.collect()
    }

    fn sort_keys(&self, keys: &[SortExpr]) -> Result<Vec<SortExpr>> {
        keys.iter().map(|key| Ok(SortExpr { expr: self.expression(key.expr.clone())?, ..key.clone() })).collect()
    }
}

fn partition_too(part: Expr, bound: &Bound<'_>) -> Transformed<Expr> {
    match part {
        Expr::WindowFunction(mut function) => {
            function.params.partition_by.extend(bound.keys());
            Transformed::yes(Expr::WindowFunction(function))
        }
        other => Transformed::no(other),
    }
}

fn only_where(part: Expr, present: &Expr) -> Transformed<Expr> {
    match part {
        Expr::AggregateFunction(AggregateFunction { func, mut params }) => {
            let filter = params.filter.take().map_or_else(|| present.clone(), |filter| filter.and(present.clone()));
            params.filter = Some(Box::new(filter));
            Transformed::yes(Expr::AggregateFunction(AggregateFunction { func, params }))
        }
        other => Transformed::no(other),
    }
}

/// The same join over other sides, with outer references bound by the side that has the domain.
fn rebuilt(
    join: &Join,
    left: LogicalPlan,
    right: LogicalPlan,
    domain: &Domain,
    domain_is_left: bool,
) -> Result<LogicalPlan> {
    let bound = Bound::new(domain, if domain_is_left { &left } else { &right });
    let filter = join.filter.clone().map(|filter| bound.expression(filter)).transpose()?;
    let pairs =
        join.on.iter().map(|(left, right)| Ok((bound.expression(left.clone())?, bound.expression(right.clone())?)));
    let on = pairs.collect::<Result<Vec<_>>>()?;
    let (kind, constraint) = (join.join_type, join.join_constraint);
    let (left, right) = (shared(left), shared(right));
    let join = Join::try_new(left, right, on, filter, kind, constraint, join.null_equality, join.null_aware)?;
    Ok(LogicalPlan::Join(join))
}

/// All conditions of a join as one expression, so that its equalities can be given to the domain.
pub(super) fn conditions_as_filter(join: &Join) -> Option<Expr> {
    let operator = match join.null_equality {
        NullEquality::NullEqualsNothing => Operator::Eq,
        NullEquality::NullEqualsNull => Operator::IsNotDistinctFrom,
    };
    let equalities = join.on.iter().map(|(left, right)| {
        Expr::BinaryExpr(BinaryExpr::new(Box::new(left.clone()), operator, Box::new(right.clone())))
    });
    equalities.chain(join.filter.clone()).reduce(Expr::and)
}

/// Puts the domain's columns, which stand after `own` columns, behind all others.
fn move_keys_last(plan: LogicalPlan, own: usize, width: usize, join: &Join) -> Result<LogicalPlan> {
    let count = plan.schema().fields().len();
    if own + width == count {
        return Ok(plan);
    }
    debug_assert_eq!(count, join.schema.fields().len() + width);
    pick(plan, (0..own).chain(own + width..count).chain(own..own + width).map(|index| (index, None)))
}

/// A full join: the domain's row stands on the side that has one.
fn either_side(
    plan: LogicalPlan,
    (left_own, right_own): (usize, usize),
    left: &Bound<'_>,
    right: &Bound<'_>,
    name: &str,
) -> Result<LogicalPlan> {
    let width = left.columns.len();
    let columns = plan.schema().columns();
    let own = (0..left_own).chain(left_own + width..left_own + width + right_own);
    let mut expressions: Vec<Expr> = own.map(|index| Expr::Column(columns[index].clone())).collect();
    for (number, (from_left, from_right)) in left.columns.iter().zip(&right.columns).enumerate() {
        let from_left = Expr::Column(from_left.clone());
        let either = when(from_left.clone().is_not_null(), from_left).otherwise(Expr::Column(from_right.clone()))?;
        // Under the name of either side the optimizer would take it for a column of the other.
        expressions.push(either.alias(format!("{name}_{number}")));
    }
    Ok(LogicalPlan::Projection(Projection::try_new(expressions, shared(plan))?))
}

fn as_u64(count: usize) -> u64 {
    u64::try_from(count).unwrap_or(u64::MAX)
}
