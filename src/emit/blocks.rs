//! SELECT blocks and their slots.

use std::collections::HashSet;

use datafusion::common::DFSchema;
use sqlparser::ast::helpers::attached_token::AttachedToken;
use sqlparser::ast::{
    Distinct, Expr, GroupByExpr, LimitClause, Offset, OffsetRows, OrderBy, OrderByExpr, OrderByKind, Query, Select,
    SelectFlavor, SelectItem, SetExpr, TableAlias, TableFactor, TableWithJoins, Value,
};

use crate::base::limits;
use crate::route::ColumnSet;

use super::dialect::Dialect;
use super::expression::{Writer, all_of, could_be_an_alias};
use super::quote;
use super::scope::{Kind, Slot};

/// A number of rows.
#[derive(Debug, Clone)]
pub(super) enum Rows {
    /// Known now.
    Known(u64),
    /// A parameter or an expression over parameters.
    Written(Box<Expr>),
}

impl Rows {
    fn into_expr(self) -> Expr {
        match self {
            Self::Known(rows) => Expr::Value(Value::Number(rows.to_string(), false).into()),
            Self::Written(expr) => *expr,
        }
    }
}

/// The LIMIT slot.
#[derive(Debug, Clone)]
pub(super) struct Limit {
    /// How many rows to leave out first.
    pub(super) skip: Rows,
    /// How many to give after them; `None` is all.
    pub(super) fetch: Option<Rows>,
}

/// The DISTINCT slot.
#[derive(Debug, Clone)]
pub(super) enum Unique {
    /// Every row counts.
    No,
    /// Equal rows count once.
    All,
    /// The first row of each key.
    On(Vec<Expr>),
}

/// One SELECT in the making. What is large in it is boxed: blocks are handed from node to node by value.
/// The slots stand in the order in which SQL evaluates them.
#[derive(Debug, Clone)]
pub(super) struct Block {
    /// FROM.
    pub(super) from: Option<Box<TableWithJoins>>,
    /// The FROM is a base table, beside which nothing may stand.
    pub(super) base: bool,
    /// PREWHERE, joined by AND: what ClickHouse must look at before anything else of the block.
    pub(super) first_filters: Vec<Expr>,
    /// WHERE, joined by AND.
    pub(super) filters: Vec<Expr>,
    /// GROUP BY; `Some` of nothing is one group of all rows.
    pub(super) group: Option<Vec<Expr>>,
    /// HAVING, joined by AND.
    pub(super) having: Vec<Expr>,
    /// A window function is computed.
    pub(super) windows: bool,
    /// SELECT: the columns of the plan node that the block stands for, `None` where nobody reads one.
    pub(super) slots: Vec<Option<Slot>>,
    /// DISTINCT.
    pub(super) unique: Unique,
    /// ORDER BY.
    pub(super) order: Vec<OrderByExpr>,
    /// LIMIT and OFFSET.
    pub(super) limit: Option<Limit>,
    /// A set operation in place of all the slots above but the columns, with the names of its own columns.
    pub(super) body: Option<Box<(SetExpr, Vec<String>)>>,
}

impl Block {
    /// A block over a FROM.
    pub(super) fn over(from: Option<TableWithJoins>, slots: Vec<Option<Slot>>) -> Self {
        Self {
            from: from.map(Box::new),
            base: false,
            first_filters: Vec::new(),
            filters: Vec::new(),
            group: None,
            having: Vec::new(),
            windows: false,
            slots,
            unique: Unique::No,
            order: Vec::new(),
            limit: None,
            body: None,
        }
    }

    /// Drops the columns that only the node itself read, unless the rows depend on them.
    pub(super) fn pruned(mut self, wanted: &ColumnSet) -> Self {
        let one_group = self.group.as_ref().is_some_and(Vec::is_empty);
        if self.body.is_none() && !one_group && !matches!(self.unique, Unique::All) {
            for (position, slot) in self.slots.iter_mut().enumerate() {
                if !wanted.contains(position) {
                    *slot = None;
                }
            }
        }
        self
    }

    /// Whether it has columns that are not wanted.
    pub(super) fn has_more_than(&self, wanted: &ColumnSet) -> bool {
        self.slots.iter().enumerate().any(|(position, slot)| slot.is_some() && !wanted.contains(position))
    }

    /// Whether the rows are still those of FROM and WHERE, in any order.
    pub(super) fn is_plain(&self) -> bool {
        let whole = self.body.is_none() && self.limit.is_none() && matches!(self.unique, Unique::No);
        whole && self.group.is_none() && !self.windows
    }

    /// Drops an order that what stands above does not keep. The order of a block with a LIMIT says which rows it has.
    pub(super) fn forget_order(&mut self) {
        if self.limit.is_none() && !matches!(self.unique, Unique::On(_)) {
            self.order.clear();
        }
    }

    /// The block as a derived table in the FROM of a new one. An order in effect stays in effect: its keys come out as
    /// columns, and the new block orders by them.
    pub(super) fn derive(mut self, writer: &mut Writer, schema: &DFSchema) -> Self {
        let dialect = writer.dialect;
        let alias = writer.next_alias();
        let names = self.names(schema);
        let keys = self.order.clone();
        let (hidden, key_names) = self.hidden_keys(&names);
        if self.limit.is_none() && !matches!(self.unique, Unique::On(_)) {
            self.order.clear();
        }
        let slots = self
            .slots
            .iter()
            .zip(&names)
            .map(|(slot, name)| slot.as_ref().map(|_| Slot::column(quote::column(dialect, &alias, name))))
            .collect();
        let order = keys
            .into_iter()
            .zip(key_names)
            .map(|(key, name)| OrderByExpr { expr: quote::column(dialect, &alias, &name), ..key });
        let order = order.collect();
        let subquery = Box::new(self.into_query(dialect, &names, hidden));
        let from = TableWithJoins { relation: derived_table(dialect, subquery, &alias), joins: Vec::new() };
        Self { order, ..Self::over(Some(from), slots) }
    }

    /// The keys of the order as columns of the select list: the names of those that are there, and the rest to add.
    fn hidden_keys(&self, names: &[String]) -> (Vec<(Expr, String)>, Vec<String>) {
        let mut hidden = Vec::new();
        let key_names = self.order.iter().map(|key| {
            let selected =
                self.slots.iter().zip(names).find(|(slot, _)| slot.as_ref().is_some_and(|slot| slot.expr == key.expr));
            match selected {
                Some((_, name)) => name.clone(),
                None => {
                    let mut name = format!("order_{}", hidden.len());
                    while names.contains(&name) {
                        name.push('_');
                    }
                    hidden.push((key.expr.clone(), name.clone()));
                    name
                }
            }
        });
        let key_names = key_names.collect();
        (hidden, key_names)
    }

    /// A name for every column: its own where that is short, unique and plain. PostgreSQL cuts longer ones.
    pub(super) fn names(&self, schema: &DFSchema) -> Vec<String> {
        if let Some(body) = &self.body {
            return body.1.clone();
        }
        let mut seen = HashSet::with_capacity(self.slots.len());
        self.slots
            .iter()
            .zip(schema.fields())
            .enumerate()
            .map(|(position, (slot, field))| {
                if slot.is_none() {
                    return String::new();
                }
                let own = field.name();
                if is_plain_name(own) && seen.insert(own.clone()) {
                    return own.clone();
                }
                let mut name = format!("c{position}");
                while !seen.insert(name.clone()) {
                    name.push('_');
                }
                name
            })
            .collect()
    }

    /// The finished query, with columns of these names and some more at the end.
    pub(super) fn into_query(self, dialect: Dialect, names: &[String], more: Vec<(Expr, String)>) -> Query {
        let order_by = (!self.order.is_empty())
            .then(|| OrderBy { kind: OrderByKind::Expressions(self.order.clone()), interpolate: None });
        let limit_clause = self.limit.clone().and_then(limit_clause);
        let body = match self.body {
            Some(body) => body.0,
            None => SetExpr::Select(Box::new(self.into_select(dialect, names, more))),
        };
        Query { order_by, limit_clause, ..query(body) }
    }

    fn into_select(self, dialect: Dialect, names: &[String], more: Vec<(Expr, String)>) -> Select {
        let own = self.slots.into_iter().zip(names).filter_map(|(slot, name)| Some((slot?.expr, name.clone())));
        let mut projection: Vec<SelectItem> = own
            .chain(more)
            .map(|(expr, name)| SelectItem::ExprWithAlias { expr, alias: quote::ident(dialect, &name) })
            .collect();
        if projection.is_empty() {
            // Only the number of rows matters.
            projection.push(SelectItem::UnnamedExpr(Expr::Value(Value::Number("1".to_owned(), false).into())));
        }
        let distinct = match self.unique {
            Unique::No => None,
            Unique::All => Some(Distinct::Distinct),
            Unique::On(keys) => Some(Distinct::On(keys)),
        };
        Select {
            distinct,
            projection,
            from: self.from.map(|from| *from).into_iter().collect(),
            prewhere: all_of(self.first_filters),
            selection: all_of(self.filters),
            group_by: GroupByExpr::Expressions(self.group.unwrap_or_default(), Vec::new()),
            having: all_of(self.having),
            ..empty_select()
        }
    }

    /// Whether an expression of a column could move into another slot without being computed twice or at another time.
    pub(super) fn has_only_columns(&self) -> bool {
        self.slots.iter().flatten().all(|slot| slot.kind == Kind::Column)
    }
}

fn is_plain_name(name: &str) -> bool {
    let short = !name.is_empty() && name.len() <= limits::IDENTIFIER_BYTES.default;
    let printable = !name.chars().any(|character| character.is_control() || matches!(character, '"' | '\\'));
    short && printable && !could_be_an_alias(name)
}

fn limit_clause(limit: Limit) -> Option<LimitClause> {
    let offset = match limit.skip {
        Rows::Known(0) => None,
        skip => Some(Offset { value: skip.into_expr(), rows: OffsetRows::None }),
    };
    let limit = limit.fetch.map(Rows::into_expr);
    (limit.is_some() || offset.is_some()).then_some(LimitClause::LimitOffset { limit, offset, limit_by: Vec::new() })
}

/// `(query) AS alias`.
pub(super) fn derived_table(dialect: Dialect, subquery: Box<Query>, alias: &str) -> TableFactor {
    let alias = Some(table_alias(dialect, alias));
    TableFactor::Derived { lateral: false, subquery, alias, sample: None }
}

/// `AS alias`.
pub(super) fn table_alias(dialect: Dialect, alias: &str) -> TableAlias {
    TableAlias { explicit: true, name: quote::ident(dialect, alias), columns: Vec::new(), at: None }
}

/// A query that is only its body.
pub(super) fn query(body: SetExpr) -> Query {
    Query {
        with: None,
        body: Box::new(body),
        order_by: None,
        limit_clause: None,
        fetch: None,
        locks: Vec::new(),
        for_clause: None,
        settings: None,
        format_clause: None,
        pipe_operators: Vec::new(),
    }
}

/// A SELECT with every slot empty.
pub(super) fn empty_select() -> Select {
    Select {
        select_token: AttachedToken::empty(),
        optimizer_hints: Vec::new(),
        distinct: None,
        select_modifiers: None,
        top: None,
        top_before_distinct: false,
        projection: Vec::new(),
        exclude: None,
        into: None,
        from: Vec::new(),
        lateral_views: Vec::new(),
        prewhere: None,
        selection: None,
        connect_by: Vec::new(),
        group_by: GroupByExpr::Expressions(Vec::new(), Vec::new()),
        cluster_by: Vec::new(),
        distribute_by: Vec::new(),
        sort_by: Vec::new(),
        having: None,
        named_window: Vec::new(),
        qualify: None,
        window_before_qualify: false,
        value_table_mode: None,
        flavor: SelectFlavor::Standard,
    }
}
