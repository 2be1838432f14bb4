//! Rows of one table by its key: what is run so often that even planning it is felt.
//!
//! Such a plan is read once, when it is prepared. A run then asks the leaf itself, and no physical plan is made.

use std::collections::BTreeSet;
use std::sync::Arc;

use datafusion::arrow::datatypes::{DataType, SchemaRef};
use datafusion::catalog::TableProvider;
use datafusion::common::{DFSchema, Result, ScalarValue};
use datafusion::datasource::source_as_provider;
use datafusion::execution::SendableRecordBatchStream;
use datafusion::logical_expr::utils::split_conjunction;
use datafusion::logical_expr::{BinaryExpr, Expr, LogicalPlan, Operator, TableScan};
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use futures::StreamExt;

use crate::functions;
use crate::stores::conform::conform;
use crate::stores::embedded::EmbeddedProvider;
use crate::stores::leaf::{KeyedRows, key_text};
use crate::stores::redis::RedisProvider;

/// Some columns of the rows whose key is one value.
#[derive(Debug, Clone)]
pub(super) struct Lookup {
    rows: Arc<dyn KeyedRows>,
    /// What the key equals: literals and parameters.
    values: Vec<Expr>,
    schema: SchemaRef,
}

impl Lookup {
    /// The lookup that an optimised plan is; nothing where it is more than that.
    pub(super) fn of(plan: &LogicalPlan) -> Option<Self> {
        let Read { scan, conditions, columns } = Read::of(plan)?;
        let provider = source_as_provider(&scan.source).ok()?;
        let leaf = Leaf::of(provider.as_ref())?;
        let key = leaf.key()?;
        let is_text = provider.schema().field_with_name(key).is_ok_and(|field| *field.data_type() == DataType::Utf8);
        // What the leaf was to see to is of the key, or is so of every row that leaves it.
        let is_met = |filter: &Expr| conditions.contains(&filter) || leaf.implies(filter);
        if conditions.is_empty() || !is_text || scan.fetch.is_some() || !scan.filters.iter().all(is_met) {
            return None;
        }
        let values = conditions.iter().map(|condition| value_of_key(condition, key).cloned());
        let values = values.collect::<Option<_>>()?;
        let columns = match &scan.projection {
            Some(read) => columns.into_iter().map(|place| read.get(place).copied()).collect::<Option<Vec<_>>>()?,
            None => columns,
        };
        Some(Self { rows: leaf.by_key(&columns).ok()?, values, schema: Arc::clone(plan.schema().inner()) })
    }

    /// The rows for these values of the parameters; nothing where a value is no text.
    ///
    /// # Errors
    /// What binding says of values that are missing or do not fit.
    pub(super) fn open(&self, parameters: &[ScalarValue]) -> Result<Option<SendableRecordBatchStream>> {
        let Some(keys) = self.keys(parameters)? else { return Ok(None) };
        let schema = Arc::clone(&self.schema);
        let rows = self.rows.rows(keys).map(move |batch| conform(&batch?, &schema));
        Ok(Some(Box::pin(RecordBatchStreamAdapter::new(Arc::clone(&self.schema), rows))))
    }

    /// The one key that equals all values; none where they differ, or one is NULL.
    fn keys(&self, parameters: &[ScalarValue]) -> Result<Option<BTreeSet<String>>> {
        let mut found: Option<BTreeSet<String>> = None;
        for value in &self.values {
            let Some(own) = key_of(value, parameters)? else { return Ok(None) };
            found = Some(match found {
                None => own,
                Some(before) => &before & &own,
            });
        }
        Ok(found)
    }
}

/// The key that equals a literal or a parameter: none where it is NULL. Nothing where it is no text.
fn key_of(value: &Expr, parameters: &[ScalarValue]) -> Result<Option<BTreeSet<String>>> {
    let owned = |value: &ScalarValue| key_text(value).map(|text| text.map(str::to_owned).into_iter().collect());
    match value {
        Expr::Literal(value, _) => Ok(owned(value)),
        Expr::Placeholder(placeholder) => Ok(owned(&functions::parameter_value(placeholder, parameters)?)),
        _ => Ok(None),
    }
}

/// The places of the columns that a list of expressions is; nothing where it computes something.
fn places(exprs: &[Expr], schema: &DFSchema) -> Option<Vec<usize>> {
    let place = |expr: &Expr| match expr {
        Expr::Column(column) => schema.maybe_index_of_column(column),
        Expr::Alias(alias) => match alias.expr.as_ref() {
            Expr::Column(column) => schema.maybe_index_of_column(column),
            _ => None,
        },
        _ => None,
    };
    exprs.iter().map(place).collect()
}

/// Some columns of a scan, by their places in it, of the rows that meet the conditions.
struct Read<'p> {
    scan: &'p TableScan,
    conditions: Vec<&'p Expr>,
    columns: Vec<usize>,
}

impl<'p> Read<'p> {
    fn of(plan: &'p LogicalPlan) -> Option<Self> {
        match plan {
            LogicalPlan::TableScan(scan) => {
                let columns = (0..scan.projected_schema.fields().len()).collect();
                Some(Self { scan, conditions: Vec::new(), columns })
            }
            LogicalPlan::SubqueryAlias(alias) => Self::of(&alias.input),
            LogicalPlan::Projection(projection) => {
                let read = Self::of(&projection.input)?;
                let places = places(&projection.expr, projection.input.schema())?;
                let columns =
                    places.into_iter().map(|place| read.columns.get(place).copied()).collect::<Option<_>>()?;
                Some(Self { columns, ..read })
            }
            LogicalPlan::Filter(filter) => {
                // Further up a column may have another's name.
                let LogicalPlan::TableScan(_) = filter.input.as_ref() else { return None };
                let conditions = split_conjunction(&filter.predicate);
                Some(Self { conditions, ..Self::of(&filter.input)? })
            }
            _ => None,
        }
    }
}

/// A leaf that may find rows by a key.
enum Leaf<'p> {
    Embedded(&'p EmbeddedProvider),
    Redis(&'p RedisProvider),
}

impl<'p> Leaf<'p> {
    fn of(provider: &'p dyn TableProvider) -> Option<Self> {
        let embedded = provider.downcast_ref::<EmbeddedProvider>().map(Self::Embedded);
        embedded.or_else(|| provider.downcast_ref::<RedisProvider>().map(Self::Redis))
    }

    /// The column by which it finds rows.
    fn key(&self) -> Option<&'p str> {
        match self {
            Self::Embedded(table) => table.key(),
            Self::Redis(table) => Some(table.key()),
        }
    }

    fn implies(&self, filter: &Expr) -> bool {
        match self {
            Self::Embedded(table) => table.implies(filter),
            Self::Redis(table) => table.implies(filter),
        }
    }

    fn by_key(&self, columns: &[usize]) -> Result<Arc<dyn KeyedRows>> {
        match self {
            Self::Embedded(table) => table.by_key(columns),
            Self::Redis(table) => table.by_key(columns),
        }
    }
}

/// The literal or the parameter that a condition says the key equals: then the rows that are found need not be asked again.
fn value_of_key<'c>(condition: &'c Expr, key: &str) -> Option<&'c Expr> {
    let Expr::BinaryExpr(BinaryExpr { left, op: Operator::Eq, right }) = condition else { return None };
    let is_key = |expr: &Expr| matches!(expr, Expr::Column(column) if column.name == key);
    let is_value = |expr: &Expr| matches!(expr, Expr::Literal(_, _) | Expr::Placeholder(_));
    match (left.as_ref(), right.as_ref()) {
        (column, value) | (value, column) if is_key(column) && is_value(value) => Some(value),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use chrono::Utc;
    use datafusion::arrow::array::{ArrayRef, Int64Array, RecordBatch, StringArray};
    use datafusion::arrow::util::pretty::pretty_format_batches;
    use datafusion::common::ScalarValue;
    use datafusion::prelude::SessionContext;
    use futures::TryStreamExt;
    use tokio_util::sync::CancellationToken;

    use crate::base::limits::LimitSet;
    use crate::base::{RequestClock, SqlType, StoreKind, TableName, TenantId};
    use crate::catalog::{Column, Table};
    use crate::stores::RunContext;
    use crate::stores::embedded::{EmbeddedTable, Retention, unguarded_provider};
    use crate::stores::local::{LocalExecutor, PreparedLocal};

    use super::*;

    fn table() -> Arc<EmbeddedTable> {
        let column = |name: &str, sql_type| Column {
            name: name.to_owned(),
            sql_type,
            nullable: name == "other",
            store_type: String::new(),
        };
        let definition = Table {
            name: TableName::new("latest", "t"),
            store: StoreKind::Redis,
            physical: vec!["latest:t:*".to_owned()],
            columns: vec![column("symbol", SqlType::Text), column("n", SqlType::Int8), column("other", SqlType::Text)],
            key: Some("symbol".to_owned()),
            filters_first: false,
            stale: false,
        };
        let table = EmbeddedTable::new(definition, Retention::rows(100));
        let symbols: ArrayRef = Arc::new(StringArray::from(vec!["A", "B", "C", ""]));
        let numbers: ArrayRef = Arc::new(Int64Array::from(vec![1, 2, 3, 4]));
        let others: ArrayRef = Arc::new(StringArray::from(vec![Some("B"), None, Some("A"), None]));
        let rows = RecordBatch::try_new(Arc::clone(table.schema()), vec![symbols, numbers, others]).unwrap();
        table.append(&rows, Utc::now()).unwrap();
        Arc::new(table)
    }

    async fn prepared(executor: &LocalExecutor, sql: &str) -> PreparedLocal {
        let session = SessionContext::new();
        session.register_table("t", unguarded_provider(table())).unwrap();
        let plan = session.sql(sql).await.unwrap().into_unoptimized_plan();
        let state = session.state();
        let plan = state.analyzer().execute_and_check(plan, state.config_options(), |_, _| {}).unwrap();
        executor.prepare(&plan, &|_| None).unwrap()
    }

    async fn rows(executor: &LocalExecutor, prepared: &PreparedLocal, parameter: Option<&str>) -> String {
        let now = Utc::now();
        let context = RunContext {
            observations: None,
            given: Arc::default(),
            outdated: Arc::default(),
            tenant: TenantId::new("acme").unwrap(),
            parameters: vec![ScalarValue::Utf8(parameter.map(str::to_owned))].into(),
            clock: RequestClock { transaction_start: now, statement_start: now },
            deadline: None,
            cancel: CancellationToken::new(),
        };
        let batches: Vec<RecordBatch> = executor.run(prepared, &context).await.unwrap().try_collect().await.unwrap();
        assert!(batches.iter().all(|batch| batch.schema() == *prepared.schema()));
        pretty_format_batches(&batches).unwrap().to_string()
    }

    #[tokio::test]
    async fn a_lookup_gives_the_rows_of_its_plan() {
        let executor = LocalExecutor::new(&LimitSet::default()).unwrap();
        for sql in [
            "SELECT * FROM t WHERE symbol = $1",
            "SELECT n FROM t WHERE $1 = symbol",
            "SELECT other AS a, n AS b, symbol AS c FROM t WHERE symbol = $1",
            "SELECT x.n FROM (SELECT n, symbol AS s FROM t) x WHERE x.s = $1",
            "SELECT n FROM t WHERE symbol = 'A' AND symbol = $1",
            "SELECT n FROM t WHERE symbol = 'C'",
        ] {
            let lookup = prepared(&executor, sql).await;
            assert!(lookup.lookup.is_some(), "{sql}: {}", lookup.plan);
            let planned = PreparedLocal { lookup: None, ..lookup.clone() };
            for parameter in [Some("A"), Some("B"), Some(""), Some("none"), None] {
                let found = rows(&executor, &lookup, parameter).await;
                let lines = |text: &str| text.lines().filter(|line| line.starts_with('|')).skip(1).count();
                let expected = rows(&executor, &planned, parameter).await;
                assert_eq!(lines(&found), lines(&expected), "{sql} of {parameter:?}\n{found}\n{expected}");
                assert!(found == expected || lines(&found) == 0, "{sql} of {parameter:?}\n{found}\n{expected}");
            }
        }
    }

    #[tokio::test]
    async fn what_asks_for_more_than_a_key_is_planned() {
        let executor = LocalExecutor::new(&LimitSet::default()).unwrap();
        for sql in [
            "SELECT * FROM t",
            "SELECT * FROM t WHERE n = 1",
            "SELECT * FROM t WHERE other = $1",
            "SELECT * FROM t WHERE symbol = other",
            "SELECT * FROM t WHERE symbol = $1 AND n > 1",
            "SELECT * FROM t WHERE symbol = $1 OR n = 1",
            "SELECT * FROM t WHERE symbol <> $1",
            "SELECT * FROM t WHERE symbol = upper($1)",
            "SELECT n + 1 FROM t WHERE symbol = $1",
            "SELECT * FROM t WHERE symbol = $1 LIMIT 1",
            "SELECT count(*) FROM t WHERE symbol = $1",
            "SELECT x.n FROM (SELECT n, other AS symbol FROM t) x WHERE x.symbol = $1",
        ] {
            let planned = prepared(&executor, sql).await;
            assert!(planned.lookup.is_none(), "{sql}: {}", planned.plan);
        }
    }
}
