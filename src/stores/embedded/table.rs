//! One table in memory: rows that only grow at the end, and rows that are replaced as a whole.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use arc_swap::ArcSwap;
use chrono::{DateTime, TimeDelta, Utc};
use datafusion::arrow::array::{AsArray, RecordBatch};
use datafusion::arrow::compute::concat_batches;
use datafusion::arrow::datatypes::{SchemaRef, TimestampMicrosecondType};
use datafusion::common::DataFusionError;
use parking_lot::Mutex;

use crate::base::TableName;
use crate::catalog;

/// Rows that one batch holds at most: what the engine reads at once.
pub(super) const BATCH_ROWS: usize = 8_192;

/// How much of a table is kept. The oldest rows go first.
#[derive(Debug, Clone)]
pub struct Retention {
    /// Rows of the growing part, at most.
    pub max_rows: usize,
    /// The column by which rows age, and the age at which they go. The column is a timestamp and grows with the rows.
    pub max_age: Option<(usize, TimeDelta)>,
}

impl Retention {
    /// Bounded by rows alone.
    #[must_use]
    pub fn rows(max_rows: usize) -> Self {
        Self { max_rows, max_age: None }
    }
}

/// What a table holds at one moment.
#[derive(Debug, Default)]
pub(super) struct Contents {
    /// Rows that stay as they are, oldest first. No batch is longer than [`BATCH_ROWS`].
    closed: Vec<Arc<RecordBatch>>,
    /// Rows that the next publication may replace.
    open: Option<Arc<RecordBatch>>,
    /// Where a key's row is in `open`; only for tables with a key.
    index: HashMap<String, usize>,
    rows: usize,
}

impl Contents {
    /// Every row, as few batches.
    pub(super) fn batches(&self) -> Vec<Arc<RecordBatch>> {
        self.closed.iter().chain(&self.open).map(Arc::clone).collect()
    }

    /// The rows of these keys, without looking at any other row. The table has a key.
    pub(super) fn lookup<'a>(&self, keys: impl IntoIterator<Item = &'a str>) -> Vec<Arc<RecordBatch>> {
        let Some(open) = &self.open else { return Vec::new() };
        let mut positions: Vec<usize> = keys.into_iter().filter_map(|key| self.index.get(key).copied()).collect();
        positions.sort_unstable();
        positions.dedup();
        positions.into_iter().map(|position| Arc::new(open.slice(position, 1))).collect()
    }
}

/// A table in memory. Readers take a snapshot and never wait; writers come one at a time.
pub struct EmbeddedTable {
    definition: Arc<catalog::Table>,
    schema: SchemaRef,
    key: Option<usize>,
    retention: Retention,
    contents: ArcSwap<Contents>,
    writer: Mutex<()>,
}

impl fmt::Debug for EmbeddedTable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EmbeddedTable").field("name", &self.definition.name).field("rows", &self.row_count()).finish()
    }
}

impl EmbeddedTable {
    /// An empty table.
    #[must_use]
    pub fn new(definition: catalog::Table, retention: Retention) -> Self {
        let schema = definition.schema();
        let key = definition.key.as_ref().and_then(|key| schema.index_of(key).ok());
        Self {
            definition: Arc::new(definition),
            schema,
            key,
            retention,
            contents: ArcSwap::default(),
            writer: Mutex::new(()),
        }
    }

    /// What discovery tells of it.
    #[must_use]
    pub fn definition(&self) -> &Arc<catalog::Table> {
        &self.definition
    }

    /// Its name in SQL.
    #[must_use]
    pub fn name(&self) -> &TableName {
        &self.definition.name
    }

    /// Its columns.
    #[must_use]
    pub fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    /// How many rows it holds now.
    #[must_use]
    pub fn row_count(&self) -> usize {
        self.contents.load().rows
    }

    /// Its rows now, oldest first.
    #[must_use]
    pub fn batches(&self) -> Vec<RecordBatch> {
        self.snapshot().batches().iter().map(|batch| batch.as_ref().clone()).collect()
    }

    /// How many batches a reader sees now.
    #[must_use]
    pub fn batch_count(&self) -> usize {
        let contents = self.contents.load();
        contents.closed.len() + usize::from(contents.open.is_some())
    }

    /// The column's number of the key, where the table has one.
    pub(super) fn key(&self) -> Option<usize> {
        self.key
    }

    pub(super) fn snapshot(&self) -> Arc<Contents> {
        self.contents.load_full()
    }

    /// Adds rows at the end of the growing part.
    ///
    /// # Errors
    /// When the batch does not have the table's columns.
    pub fn append(&self, rows: &RecordBatch, now: DateTime<Utc>) -> Result<(), DataFusionError> {
        self.publish(Some(rows), None, now)
    }

    /// Puts other rows in the place of those that were put here before. Rows that were appended stay.
    ///
    /// # Errors
    /// When the batch does not have the table's columns.
    pub fn replace(&self, rows: &RecordBatch, now: DateTime<Utc>) -> Result<(), DataFusionError> {
        self.publish(None, Some(rows), now)
    }

    /// Appends and replaces in one step: a reader sees both or neither.
    ///
    /// # Errors
    /// When a batch does not have the table's columns.
    pub fn publish(
        &self,
        appended: Option<&RecordBatch>,
        replaced: Option<&RecordBatch>,
        now: DateTime<Utc>,
    ) -> Result<(), DataFusionError> {
        let _one_writer = self.writer.lock();
        let old = self.contents.load();
        let mut closed = old.closed.clone();
        if let Some(rows) = appended {
            self.push(&mut closed, &self.conform(rows)?)?;
            self.retain(&mut closed, now);
        }
        let (open, index) = match replaced {
            Some(rows) => {
                let rows = self.conform(rows)?;
                let index = self.index(&rows)?;
                (Some(Arc::new(rows)), index)
            }
            None => (old.open.clone(), old.index.clone()),
        };
        let rows = closed.iter().chain(&open).map(|batch| batch.num_rows()).sum();
        self.contents.store(Arc::new(Contents { closed, open, index, rows }));
        Ok(())
    }

    /// The same rows under the table's own schema, which checks types and NULLs.
    fn conform(&self, rows: &RecordBatch) -> Result<RecordBatch, DataFusionError> {
        Ok(RecordBatch::try_new(Arc::clone(&self.schema), rows.columns().to_vec())?)
    }

    /// Puts rows at the end. Neighbours of like size are joined, so that n small appends leave about log n small
    /// batches and a row is copied about log n times.
    fn push(&self, closed: &mut Vec<Arc<RecordBatch>>, rows: &RecordBatch) -> Result<(), DataFusionError> {
        let mut offset = 0;
        while offset < rows.num_rows() {
            let length = BATCH_ROWS.min(rows.num_rows() - offset);
            closed.push(Arc::new(rows.slice(offset, length)));
            offset += length;
        }
        while let [.., before, last] = closed.as_slice() {
            let together = before.num_rows() + last.num_rows();
            if before.num_rows() > 2 * last.num_rows() || together > BATCH_ROWS {
                break;
            }
            let joined = concat_batches(&self.schema, [before.as_ref(), last.as_ref()])?;
            closed.truncate(closed.len() - 2);
            closed.push(Arc::new(joined));
        }
        Ok(())
    }

    fn retain(&self, closed: &mut Vec<Arc<RecordBatch>>, now: DateTime<Utc>) {
        let rows: usize = closed.iter().map(|batch| batch.num_rows()).sum();
        drop_front(closed, rows.saturating_sub(self.retention.max_rows));
        if let Some((column, age)) = self.retention.max_age {
            let oldest_micros = (now - age).timestamp_micros();
            let mut expired = 0;
            for batch in closed.iter() {
                let batch_expired = rows_before(batch, column, oldest_micros);
                expired += batch_expired;
                if batch_expired < batch.num_rows() {
                    break;
                }
            }
            drop_front(closed, expired);
        }
    }

    fn index(&self, rows: &RecordBatch) -> Result<HashMap<String, usize>, DataFusionError> {
        let Some(key) = self.key else { return Ok(HashMap::new()) };
        let Some(keys) = rows.column(key).as_string_opt::<i32>() else {
            return Err(DataFusionError::Internal(format!("the key of {} is not text", self.definition.name)));
        };
        let index: HashMap<String, usize> =
            keys.iter().enumerate().filter_map(|(position, key)| Some((key?.to_owned(), position))).collect();
        if index.len() != rows.num_rows() {
            return Err(DataFusionError::Internal(format!("a key of {} stands twice", self.definition.name)));
        }
        Ok(index)
    }
}

fn drop_front(closed: &mut Vec<Arc<RecordBatch>>, mut rows: usize) {
    let mut whole = 0;
    for batch in closed.iter() {
        if batch.num_rows() > rows {
            break;
        }
        rows -= batch.num_rows();
        whole += 1;
    }
    closed.drain(..whole);
    if let Some(first) = closed.first_mut().filter(|_| rows > 0) {
        *first = Arc::new(first.slice(rows, first.num_rows() - rows));
    }
}

/// How many rows at the front are older. The column grows with the rows.
fn rows_before(batch: &RecordBatch, column: usize, oldest_micros: i64) -> usize {
    match batch.column(column).as_primitive_opt::<TimestampMicrosecondType>() {
        Some(times) => times.values().partition_point(|time| *time < oldest_micros),
        None => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::{SqlType, StoreKind};
    use crate::catalog::Column;
    use datafusion::arrow::array::{ArrayRef, Int64Array, StringArray, TimestampMicrosecondArray};

    fn column(name: &str, sql_type: SqlType) -> Column {
        Column { name: name.into(), sql_type, nullable: false, store_type: String::new() }
    }

    fn table(key: Option<&str>, retention: Retention) -> EmbeddedTable {
        let definition = catalog::Table {
            name: TableName::new("s", "t"),
            store: StoreKind::Redis,
            physical: vec!["t".into()],
            columns: vec![
                column("name", SqlType::Text),
                column("at", SqlType::Timestamp),
                column("value", SqlType::Int8),
            ],
            key: key.map(str::to_owned),
            filters_first: false,
            stale: false,
        };
        EmbeddedTable::new(definition, retention)
    }

    fn rows(table: &EmbeddedTable, from: i64, to: i64) -> RecordBatch {
        let numbers: Vec<i64> = (from..to).collect();
        let names: Vec<String> = numbers.iter().map(|n| format!("k{n}")).collect();
        let columns: Vec<ArrayRef> = vec![
            Arc::new(StringArray::from(names)),
            Arc::new(TimestampMicrosecondArray::from(numbers.iter().map(|n| n * 1_000_000).collect::<Vec<_>>())),
            Arc::new(Int64Array::from(numbers)),
        ];
        RecordBatch::try_new(Arc::clone(table.schema()), columns).unwrap()
    }

    fn values(table: &EmbeddedTable) -> Vec<i64> {
        let batches = table.snapshot().batches();
        batches
            .iter()
            .flat_map(|batch| {
                batch.column(2).as_primitive::<datafusion::arrow::datatypes::Int64Type>().values().to_vec()
            })
            .collect()
    }

    fn second(n: i64) -> DateTime<Utc> {
        DateTime::from_timestamp(n, 0).unwrap()
    }

    #[test]
    fn small_appends_leave_few_batches_and_every_row_in_order() {
        let table = table(None, Retention::rows(1_000_000));
        let mut next = 0;
        for length in (0..3_000).map(|n| 1 + n % 50) {
            table.append(&rows(&table, next, next + length), second(next)).unwrap();
            next += length;
        }
        assert_eq!(values(&table), (0..next).collect::<Vec<_>>());
        let ideal = usize::try_from(next).unwrap() / BATCH_ROWS;
        assert!(table.batch_count() <= 2 * ideal + 14, "{} batches, ideal {ideal}", table.batch_count());
    }

    #[test]
    fn retention_by_rows_and_by_age_drops_the_oldest() {
        let by_rows = table(None, Retention::rows(100));
        by_rows.append(&rows(&by_rows, 0, 90), second(0)).unwrap();
        by_rows.append(&rows(&by_rows, 90, 130), second(0)).unwrap();
        assert_eq!(values(&by_rows), (30..130).collect::<Vec<_>>());

        let by_age = table(None, Retention { max_rows: 1_000, max_age: Some((1, TimeDelta::seconds(10))) });
        by_age.append(&rows(&by_age, 0, 50), second(45)).unwrap();
        assert_eq!(values(&by_age), (35..50).collect::<Vec<_>>());
        by_age.append(&rows(&by_age, 50, 51), second(100)).unwrap();
        assert!(values(&by_age).is_empty());
    }

    #[test]
    fn a_snapshot_does_not_move_and_replacement_is_whole() {
        let table = table(None, Retention::rows(100));
        table.publish(Some(&rows(&table, 0, 3)), Some(&rows(&table, 10, 12)), second(0)).unwrap();
        let before = table.snapshot();
        table.publish(Some(&rows(&table, 3, 4)), Some(&rows(&table, 20, 21)), second(0)).unwrap();
        assert_eq!(before.rows, 5);
        assert_eq!(values(&table), [0, 1, 2, 3, 20]);
    }

    #[test]
    fn a_lookup_finds_its_keys_only() {
        let table = table(Some("name"), Retention::rows(100));
        table.replace(&rows(&table, 0, 10), second(0)).unwrap();
        let found = table.snapshot().lookup(["k7", "nothing", "k2", "k7"]);
        let found: Vec<i64> = found
            .iter()
            .map(|batch| batch.column(2).as_primitive::<datafusion::arrow::datatypes::Int64Type>().value(0))
            .collect();
        assert_eq!(found, [2, 7]);
    }
}
