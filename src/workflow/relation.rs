//! A plan while it grows, node by node.
//!
//! Selecting and renaming only change which columns are visible under which name; the plan keeps them all, so that a
//! sort survives a select that dropped its columns. Filters are collected, and a sort is written where it matters: below
//! a limit and at the end. What a linear run of nodes becomes is therefore one block already, and every node stays cheap.

use std::collections::HashMap;
use std::sync::Arc;

use datafusion::arrow::datatypes::DataType;
use datafusion::common::{Column, DFSchema, DFSchemaRef, NullEquality, TableReference};
use datafusion::logical_expr::expr::{Alias, Cast, Sort as SortExpr};
use datafusion::logical_expr::logical_plan::TableScanBuilder;
use datafusion::logical_expr::{
    Distinct, DistinctOn, Expr, Filter, Join, JoinConstraint, JoinType, Limit, LogicalPlan, Projection, Sort,
    SubqueryAlias, TableSource, Union,
};
use datafusion::scalar::ScalarValue;

use crate::base::{InternalError, TableName};

/// One key of an order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct OrderKey {
    /// A visible column, by its place.
    pub column: usize,
    pub ascending: bool,
    pub nulls_first: bool,
}

/// A column of one input of a union: where it is, the type that it must have, and its name in the union.
#[derive(Debug, Clone)]
pub(super) struct UnionColumn {
    pub place: usize,
    pub cast: Option<DataType>,
    pub name: Arc<str>,
}

/// What a join compares. Its number keeps the names of its sides apart from those of other joins.
#[derive(Debug, Clone)]
pub(super) struct JoinOn {
    pub number: usize,
    pub kind: JoinType,
    pub keys: Vec<JoinKey>,
}

/// One pair of keys, by their places, with the type in which they are compared where it is not their own.
#[derive(Debug, Clone)]
pub(super) struct JoinKey {
    pub left: usize,
    pub right: usize,
    pub left_cast: Option<DataType>,
    pub right_cast: Option<DataType>,
}

/// The rows of a node.
#[derive(Debug, Clone)]
pub(super) struct Relation {
    base: Arc<LogicalPlan>,
    /// Conditions on the base's columns that are not in the base yet.
    filters: Vec<Expr>,
    visible: Vec<Visible>,
    /// The order in effect; its columns are places in the base.
    order: Vec<OrderKey>,
    /// The base's own rows come in that order.
    ordered: bool,
}

#[derive(Debug, Clone)]
struct Visible {
    name: Arc<str>,
    /// The place in the base.
    slot: usize,
}

impl Relation {
    /// All columns of a table.
    pub fn scan(name: &TableName, source: Arc<dyn TableSource>) -> Result<Self, InternalError> {
        let reference = TableReference::partial(name.schema.as_str(), name.table.as_str());
        let scan = TableScanBuilder::new(reference, source).build().map_err(InternalError::new)?;
        Ok(Self::of(LogicalPlan::TableScan(scan)))
    }

    fn of(plan: LogicalPlan) -> Self {
        let fields = plan.schema().fields().iter().enumerate();
        let visible = fields.map(|(slot, field)| Visible { name: field.name().as_str().into(), slot }).collect();
        Self { base: Arc::new(plan), filters: Vec::new(), visible, order: Vec::new(), ordered: false }
    }

    /// The expression of a visible column.
    pub fn column(&self, column: usize) -> Result<Expr, InternalError> {
        Ok(self.slot(self.visible(column)?.slot))
    }

    fn visible(&self, column: usize) -> Result<&Visible, InternalError> {
        self.visible.get(column).ok_or_else(|| InternalError::new(format!("no visible column {column}")))
    }

    fn slot(&self, slot: usize) -> Expr {
        let (qualifier, field) = self.base.schema().qualified_field(slot);
        Expr::Column(Column::new(qualifier.cloned(), field.name()))
    }

    /// The rows for which a condition on visible columns is true.
    #[must_use]
    pub fn filter(mut self, condition: Expr) -> Self {
        self.filters.push(condition);
        // A sort below a filter orders nothing that leaves the block.
        self.ordered = false;
        self
    }

    /// The columns at these places, under these names.
    pub fn select(mut self, columns: impl IntoIterator<Item = (usize, Arc<str>)>) -> Result<Self, InternalError> {
        let chosen = columns.into_iter().map(|(column, name)| Ok(Visible { name, slot: self.visible(column)?.slot }));
        self.visible = chosen.collect::<Result<_, InternalError>>()?;
        Ok(self)
    }

    /// The same rows in another order.
    pub fn sort(mut self, keys: &[OrderKey]) -> Result<Self, InternalError> {
        let keys = keys.iter().map(|key| Ok(OrderKey { column: self.visible(key.column)?.slot, ..*key }));
        self.order = keys.collect::<Result<_, InternalError>>()?;
        self.ordered = false;
        Ok(self)
    }

    /// At most `fetch` rows after the first `skip`, in the order in effect.
    pub fn limit(mut self, skip: u64, fetch: Option<u64>) -> Result<Self, InternalError> {
        self.flush_filters()?;
        self.flush_order();
        let (mut skip, mut fetch) = (skip, fetch);
        // A limit of a limit is one limit: it takes a part of the same rows.
        let inner = match self.base.as_ref() {
            LogicalPlan::Limit(inner) => literal_limit(inner).map(|bounds| (bounds, Arc::clone(&inner.input))),
            _ => None,
        };
        if let Some(((inner_skip, inner_fetch), input)) = inner {
            let left = inner_fetch.map(|inner_fetch| inner_fetch.saturating_sub(skip));
            fetch = [left, fetch].into_iter().flatten().min();
            skip = skip.saturating_add(inner_skip);
            self.base = input;
        }
        let input = Arc::clone(&self.base);
        self.base = Arc::new(LogicalPlan::Limit(Limit {
            skip: (skip > 0).then(|| Box::new(rows(skip))),
            fetch: fetch.map(|fetch| Box::new(rows(fetch))),
            input,
        }));
        Ok(self)
    }

    fn flush_filters(&mut self) -> Result<(), InternalError> {
        let filters = std::mem::take(&mut self.filters);
        if let Some(predicate) = all_of(filters) {
            let filter = Filter::try_new(predicate, Arc::clone(&self.base)).map_err(InternalError::new)?;
            self.base = Arc::new(LogicalPlan::Filter(filter));
        }
        Ok(())
    }

    fn flush_order(&mut self) {
        if self.ordered || self.order.is_empty() {
            return;
        }
        let keys = self.order.iter().map(|key| SortExpr::new(self.slot(key.column), key.ascending, key.nulls_first));
        let sort = Sort { expr: keys.collect(), input: Arc::clone(&self.base), fetch: None };
        self.base = Arc::new(LogicalPlan::Sort(sort));
        self.ordered = true;
    }

    /// Each row once.
    pub fn distinct(self) -> Result<Self, InternalError> {
        let plan = self.unordered()?;
        Ok(Self::of(LogicalPlan::Distinct(Distinct::All(Arc::new(plan)))))
    }

    /// The first row of each key, in the order in effect.
    pub fn first_of(mut self, keys: &[usize]) -> Result<Self, InternalError> {
        self.flush_filters()?;
        let keys = keys.iter().map(|key| Ok(self.visible(*key)?.slot)).collect::<Result<Vec<_>, InternalError>>()?;
        let by_key = keys.iter().map(|slot| OrderKey { column: *slot, ascending: true, nulls_first: false });
        let then = self.order.iter().filter(|key| !keys.contains(&key.column)).copied();
        let order = (!self.order.is_empty()).then(|| {
            let order = by_key.chain(then);
            order.map(|key| SortExpr::new(self.slot(key.column), key.ascending, key.nulls_first)).collect()
        });
        let on = keys.iter().map(|slot| self.slot(*slot)).collect();
        let shown = self.visible.iter().map(|visible| self.shown(visible)).collect();
        let distinct = DistinctOn::try_new(on, shown, order, self.base).map_err(InternalError::new)?;
        Ok(Self::of(LogicalPlan::Distinct(Distinct::On(distinct))))
    }

    /// The visible columns at these places, in these types and under these names.
    fn shaped(self, columns: &[UnionColumn]) -> Result<LogicalPlan, InternalError> {
        let expression = |column: &UnionColumn| {
            let own = self.column(column.place)?;
            let own = match &column.cast {
                Some(data_type) => Expr::Cast(Cast::new(Box::new(own), data_type.clone())),
                None => own,
            };
            Ok(Expr::Alias(Alias::new(own, None::<TableReference>, column.name.as_ref())))
        };
        let expressions = columns.iter().map(expression).collect::<Result<Vec<_>, InternalError>>()?;
        let mut relation = self;
        relation.flush_filters()?;
        Projection::try_new(expressions, relation.base).map(LogicalPlan::Projection).map_err(InternalError::new)
    }

    /// The rows of all inputs, each brought into the same shape.
    pub fn union(inputs: Vec<(Self, Vec<UnionColumn>)>) -> Result<Self, InternalError> {
        let plans = inputs.into_iter().map(|(input, columns)| input.shaped(&columns).map(Arc::new));
        let union = Union::try_new(plans.collect::<Result<_, _>>()?).map_err(InternalError::new)?;
        Ok(Self::of(LogicalPlan::Union(union)))
    }

    /// All visible columns of both sides, for each pair of rows with equal keys.
    pub fn join(self, right: Self, join: &JoinOn) -> Result<Self, InternalError> {
        let (left_name, right_name) = (format!("left_{}", join.number), format!("right_{}", join.number));
        let left = self.aliased(&left_name)?;
        let right = right.aliased(&right_name)?;
        let cast = |side: &Self, place: usize, cast: &Option<DataType>| -> Result<Expr, InternalError> {
            let column = side.column(place)?;
            Ok(match cast {
                Some(data_type) => Expr::Cast(Cast::new(Box::new(column), data_type.clone())),
                None => column,
            })
        };
        let on = join
            .keys
            .iter()
            .map(|key| Ok((cast(&left, key.left, &key.left_cast)?, cast(&right, key.right, &key.right_cast)?)));
        let on = on.collect::<Result<Vec<_>, InternalError>>()?;
        let (kind, constraint, nulls) = (join.kind, JoinConstraint::On, NullEquality::NullEqualsNothing);
        let joined = Join::try_new(left.base, right.base, on, None, kind, constraint, nulls, false);
        Ok(Self::of(LogicalPlan::Join(joined.map_err(InternalError::new)?)))
    }

    fn aliased(self, alias: &str) -> Result<Self, InternalError> {
        let plan = Arc::new(self.unordered()?);
        let aliased = SubqueryAlias::try_new(plan, TableReference::bare(alias)).map_err(InternalError::new)?;
        Ok(Self::of(LogicalPlan::SubqueryAlias(aliased)))
    }

    /// New columns, computed from the visible ones and under names of their own.
    pub fn compute(mut self, columns: Vec<(Expr, Arc<str>)>) -> Result<Self, InternalError> {
        self.flush_filters()?;
        let named =
            columns.into_iter().map(|(own, name)| Expr::Alias(Alias::new(own, None::<TableReference>, name.as_ref())));
        let projection = Projection::try_new(named.collect(), self.base).map_err(InternalError::new)?;
        Ok(Self::of(LogicalPlan::Projection(projection)))
    }

    /// The plan of the rows in any order, with the visible columns only.
    fn unordered(mut self) -> Result<LogicalPlan, InternalError> {
        self.flush_filters()?;
        self.shown_plan()
    }

    /// The plan of the rows, in the order in effect and with the visible columns only.
    pub fn finish(mut self) -> Result<LogicalPlan, InternalError> {
        self.flush_filters()?;
        self.flush_order();
        self.shown_plan()
    }

    fn shown_plan(self) -> Result<LogicalPlan, InternalError> {
        if self.shows_the_base() {
            return Ok(Arc::unwrap_or_clone(self.base));
        }
        self.project().map(LogicalPlan::Projection)
    }

    /// A column under the name that is visible.
    fn shown(&self, visible: &Visible) -> Expr {
        let column = self.slot(visible.slot);
        if self.base.schema().field(visible.slot).name() == visible.name.as_ref() {
            return column;
        }
        Expr::Alias(Alias::new(column, None::<TableReference>, visible.name.as_ref()))
    }

    fn shows_the_base(&self) -> bool {
        let fields = self.base.schema().fields();
        let same = |(place, visible): (usize, &Visible)| {
            visible.slot == place && fields.get(place).is_some_and(|field| field.name() == visible.name.as_ref())
        };
        self.visible.len() == fields.len() && self.visible.iter().enumerate().all(same)
    }

    fn project(self) -> Result<Projection, InternalError> {
        let mut expressions = Vec::with_capacity(self.visible.len());
        let mut fields = Vec::with_capacity(self.visible.len());
        for visible in &self.visible {
            let (qualifier, field) = self.base.schema().qualified_field(visible.slot);
            expressions.push(self.shown(visible));
            if field.name() == visible.name.as_ref() {
                fields.push((qualifier.cloned(), Arc::clone(field)));
            } else {
                fields.push((None, Arc::new(field.as_ref().clone().with_name(visible.name.as_ref()))));
            }
        }
        let schema = DFSchema::new_with_metadata(fields, HashMap::new()).map_err(InternalError::new)?;
        Projection::try_new_with_schema(expressions, self.base, DFSchemaRef::new(schema)).map_err(InternalError::new)
    }
}

fn rows(count: u64) -> Expr {
    Expr::Literal(ScalarValue::Int64(Some(i64::try_from(count).unwrap_or(i64::MAX))), None)
}

fn literal_limit(limit: &Limit) -> Option<(u64, Option<u64>)> {
    let literal = |bound: &Option<Box<Expr>>| match bound.as_deref() {
        None => Some(None),
        Some(Expr::Literal(ScalarValue::Int64(Some(count)), _)) => u64::try_from(*count).ok().map(Some),
        Some(_) => None,
    };
    Some((literal(&limit.skip)?.unwrap_or(0), literal(&limit.fetch)?))
}

/// All conditions at once, as a balanced tree: a chain of thousands would be walked to its depth.
pub(super) fn all_of(conditions: Vec<Expr>) -> Option<Expr> {
    balanced(conditions, Expr::and)
}

/// Any of the conditions, as a balanced tree.
pub(super) fn any_of(conditions: Vec<Expr>) -> Option<Expr> {
    balanced(conditions, Expr::or)
}

fn balanced(mut conditions: Vec<Expr>, join: fn(Expr, Expr) -> Expr) -> Option<Expr> {
    while conditions.len() > 1 {
        let mut halved = Vec::with_capacity(conditions.len().div_ceil(2));
        let mut rest = conditions.into_iter();
        while let Some(left) = rest.next() {
            halved.push(match rest.next() {
                Some(right) => join(left, right),
                None => left,
            });
        }
        conditions = halved;
    }
    conditions.pop()
}
