//! Logical tables: one name for the same rows in several physical tables, as the planner knows it.

use std::collections::BTreeMap;
use std::sync::Arc;

use datafusion::arrow::datatypes::{Field, Schema, SchemaRef};
use datafusion::logical_expr::{Expr, TableSource};

use crate::base::{Freshness, StoreKind, TableName};

use super::table::{Column, Table};
use super::view::TableLeaf;

/// A name for rows that one or several physical tables hold.
#[derive(Debug, Clone, PartialEq)]
pub struct LogicalTable {
    /// The name in SQL.
    pub name: TableName,
    /// The columns in their order; their types are the same in every placement.
    pub columns: Vec<Column>,
    /// Where the rows are.
    pub placements: Vec<Placement>,
}

/// One place of a logical table's rows.
#[derive(Debug, Clone, PartialEq)]
pub struct Placement {
    /// What it serves.
    pub freshness: Freshness,
    /// The physical table. Its policy holds for its rows, whatever name they are asked for by.
    pub table: TableName,
    /// The place of the logical column by which rows are looked up.
    pub key: Option<usize>,
    /// What each logical column is: an expression over the physical table, whose columns are qualified by its name, with
    /// the column's own type. `None` where the placement does not have the column.
    pub expressions: Vec<Option<Expr>>,
}

impl LogicalTable {
    /// The table with only the placements whose physical tables are to be seen, and the columns that these have; `None`
    /// when none is left.
    #[must_use]
    pub(super) fn seen(mut self, is_visible: impl Fn(&TableName) -> bool) -> Option<Self> {
        self.placements.retain(|placement| is_visible(&placement.table));
        let has = |at: &usize| self.placements.iter().any(|placement| placement.expression(*at).is_some());
        let kept: Vec<usize> = (0..self.columns.len()).filter(has).collect();
        let placements = self.placements.into_iter().map(|placement| placement.with_columns(&kept)).collect();
        let columns = kept.iter().filter_map(|at| self.columns.get(*at).cloned()).collect();
        (!kept.is_empty()).then_some(Self { name: self.name, columns, placements })
    }

    fn schema(&self) -> SchemaRef {
        let fields: Vec<Field> = self
            .columns
            .iter()
            .map(|column| Field::new(&column.name, column.sql_type.arrow(), column.nullable))
            .collect();
        Arc::new(Schema::new(fields))
    }
}

impl Placement {
    /// What the logical column at a place is here.
    #[must_use]
    pub fn expression(&self, column: usize) -> Option<&Expr> {
        self.expressions.get(column)?.as_ref()
    }

    fn with_columns(self, kept: &[usize]) -> Self {
        let expressions = kept.iter().map(|at| self.expression(*at).cloned()).collect();
        let key = self.key.and_then(|key| kept.iter().position(|at| *at == key));
        Self { key, expressions, ..self }
    }
}

/// The logical tables of a snapshot by name: those that have a placement in a table that somebody may see.
///
/// A physical table keeps its name: a logical one of the same name is left out.
pub(super) fn seen_tables(
    tables: impl IntoIterator<Item = LogicalTable>,
    physical: &BTreeMap<TableName, Arc<Table>>,
    is_visible: impl Fn(&TableName) -> bool,
) -> BTreeMap<TableName, Arc<LogicalTable>> {
    tables
        .into_iter()
        .filter(|table| !physical.contains_key(&table.name))
        .filter_map(|table| table.seen(&is_visible))
        .map(|table| (table.name.clone(), Arc::new(table)))
        .collect()
}

/// A logical table in a plan, with the leaves of its placements.
///
/// It has no data and no policy: the guard refuses a plan that still holds one. The router puts a placement in its place
/// before the guard looks.
#[derive(Debug, Clone, PartialEq)]
pub struct LogicalLeaf {
    table: Arc<LogicalTable>,
    places: Vec<Place>,
    freshness: Option<Freshness>,
    schema: SchemaRef,
}

/// A placement with the leaf of its physical table.
#[derive(Debug, Clone, PartialEq)]
pub struct Place {
    at: usize,
    leaf: Arc<TableLeaf>,
}

impl LogicalLeaf {
    /// The leaf of a table, with the leaves of its placements in their order.
    pub(super) fn new(table: Arc<LogicalTable>, leaves: impl IntoIterator<Item = Arc<TableLeaf>>) -> Self {
        let places = leaves.into_iter().enumerate().map(|(at, leaf)| Place { at, leaf }).collect();
        let schema = table.schema();
        Self { table, places, freshness: None, schema }
    }

    /// The table.
    #[must_use]
    pub fn table(&self) -> &Arc<LogicalTable> {
        &self.table
    }

    /// The placements that may serve it, each with the leaf of its physical table.
    pub fn placements(&self) -> impl Iterator<Item = (&Placement, &Arc<TableLeaf>)> {
        self.places.iter().filter_map(|place| Some((self.table.placements.get(place.at)?, &place.leaf)))
    }

    /// What whoever reads it said that it should be served from.
    #[must_use]
    pub fn freshness(&self) -> Option<Freshness> {
        self.freshness
    }

    /// The same, with what its reader wants.
    #[must_use]
    pub fn with_freshness(&self, freshness: Option<Freshness>) -> Self {
        Self { freshness, ..self.clone() }
    }

    /// Whether one of its placements is in the store.
    #[must_use]
    pub fn is_in(&self, store: StoreKind) -> bool {
        self.places.iter().any(|place| place.leaf.table().store == store)
    }

    /// The same with its placements in one store only, and the columns that these have; `None` when none is there.
    #[must_use]
    pub fn within(&self, store: StoreKind) -> Option<Self> {
        let leaf_of = |name: &TableName| {
            let mut there = self.placements().filter(|(_, leaf)| leaf.table().store == store);
            there.find(|(placement, _)| placement.table == *name).map(|(_, leaf)| Arc::clone(leaf))
        };
        let table = LogicalTable::clone(&self.table).seen(|name| leaf_of(name).is_some())?;
        let leaves: Vec<Arc<TableLeaf>> = table.placements.iter().filter_map(|place| leaf_of(&place.table)).collect();
        Some(Self::new(Arc::new(table), leaves).with_freshness(self.freshness))
    }

    /// The leaf behind a plan's table source, when it is one.
    #[must_use]
    pub fn of(source: &Arc<dyn TableSource>) -> Option<&Self> {
        (source.as_ref() as &dyn std::any::Any).downcast_ref::<Self>()
    }
}

impl TableSource for LogicalLeaf {
    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }
}

#[cfg(test)]
pub(super) mod tests {
    use std::collections::BTreeMap;

    use datafusion::common::{Column as PlanColumn, TableReference};

    use super::*;
    use crate::base::{SqlState, SqlType, TenantId, UserFacing};
    use crate::catalog::{Relation, Snapshot, TenantView};
    use crate::tenancy::{Policy, PolicyBook, Tenant};

    fn column(name: &str) -> Column {
        Column { name: name.to_owned(), sql_type: SqlType::Text, nullable: true, store_type: "text".to_owned() }
    }

    fn table(name: &str, store: StoreKind, columns: &[&str]) -> Table {
        let name = TableName::parse(name).unwrap();
        Table {
            physical: vec![name.schema.clone(), name.table.clone()],
            name,
            store,
            columns: columns.iter().map(|name| column(name)).collect(),
            key: None,
            filters_first: false,
            stale: false,
        }
    }

    fn placement(freshness: Freshness, table: &str, columns: &[Option<&str>]) -> Placement {
        let name = TableName::parse(table).unwrap();
        let reference = TableReference::partial(name.schema.as_str(), name.table.as_str());
        let expression = |column: &str| Expr::Column(PlanColumn::new(Some(reference.clone()), column));
        let expressions = columns.iter().map(|column| column.map(expression)).collect();
        Placement { freshness, key: Some(0), expressions, table: name }
    }

    /// `app.positions(symbol, quantity, note)`: live with all columns, by key without the note.
    pub(in crate::catalog) fn positions() -> LogicalTable {
        LogicalTable {
            name: TableName::new("app", "positions"),
            columns: ["symbol", "quantity", "note"].map(column).to_vec(),
            placements: vec![
                placement(Freshness::Realtime, "live.positions", &[Some("symbol"), Some("net"), Some("note")]),
                placement(Freshness::Point, "latest.position", &[Some("symbol"), Some("quantity"), None]),
            ],
        }
    }

    pub(in crate::catalog) fn snapshot(visible: &[&str], logical: Vec<LogicalTable>) -> Snapshot {
        let tables = [
            table("live.positions", StoreKind::Materialize, &["symbol", "net", "note"]),
            table("latest.position", StoreKind::Redis, &["symbol", "quantity"]),
        ];
        let policies = visible.iter().map(|name| (TableName::parse(name).unwrap(), Policy::Shared));
        Snapshot::new(1, tables, Arc::new(PolicyBook::new(policies))).with_logical(logical)
    }

    fn view(visible: &[&str], logical: Vec<LogicalTable>) -> TenantView {
        view_of(snapshot(visible, logical))
    }

    fn view_of(snapshot: Snapshot) -> TenantView {
        let tenant = Tenant { id: TenantId::new("acme").unwrap(), attributes: BTreeMap::new() };
        TenantView::new(Arc::new(tenant), Arc::new(snapshot))
    }

    fn leaf(view: &TenantView) -> Option<Arc<LogicalLeaf>> {
        match view.find(&TableName::new("app", "positions")) {
            Ok(Relation::Logical(leaf)) => Some(leaf),
            Ok(Relation::Table(_)) | Err(_) => None,
        }
    }

    fn described(leaf: &LogicalLeaf) -> String {
        let columns: Vec<&str> = leaf.table().columns.iter().map(|column| column.name.as_str()).collect();
        let places: Vec<String> = leaf.placements().map(|(place, _)| place.table.to_string()).collect();
        format!("{} in {}", columns.join(","), places.join(","))
    }

    #[test]
    fn a_table_has_what_its_visible_placements_have() {
        for (visible, expected) in [
            (
                &["live.positions", "latest.position"][..],
                Some("symbol,quantity,note in live.positions,latest.position"),
            ),
            (&["live.positions"][..], Some("symbol,quantity,note in live.positions")),
            (&["latest.position"][..], Some("symbol,quantity in latest.position")),
            (&[][..], None),
        ] {
            let view = view(visible, vec![positions()]);
            assert_eq!(leaf(&view).map(|leaf| described(&leaf)).as_deref(), expected, "{visible:?}");
            assert_eq!(view.resolve("positions", &["app".to_owned()]).is_ok(), expected.is_some(), "{visible:?}");
            assert_eq!(view.schemas().contains(&"app"), expected.is_some(), "{visible:?}");
        }
    }

    #[test]
    fn a_physical_table_keeps_its_name() {
        let shadow = LogicalTable { name: TableName::new("live", "positions"), ..positions() };
        let view = view(&["live.positions", "latest.position"], vec![shadow]);
        assert!(matches!(view.find(&TableName::new("live", "positions")), Ok(Relation::Table(_))));
    }

    #[test]
    fn a_table_that_waits_for_its_stores_is_not_available() {
        let name = TableName::new("app", "positions");
        let silent = BTreeMap::from([(StoreKind::Redis, "refused".to_owned())]);
        let (waits, unknown) = (SqlState::CONNECTION_FAILURE, SqlState::UNDEFINED_TABLE);
        for (placements, unreached, expected) in [
            (&["latest.awaited"][..], &silent, waits),
            (&["latest.secret", "latest.awaited"][..], &silent, waits),
            // Nobody sees the one, and no store has the other.
            (&["latest.secret"][..], &silent, unknown),
            (&["latest.awaited"][..], &BTreeMap::new(), unknown),
            (&[][..], &silent, unknown),
        ] {
            let tables = placements.iter().map(|table| TableName::parse(table).unwrap()).collect();
            let snapshot = snapshot(&["latest.awaited"], Vec::new()).with_unreached(unreached.clone());
            let view = view_of(snapshot.with_unplaced(BTreeMap::from([(name.clone(), tables)])));
            let errors = [view.find(&name), view.resolve("positions", &["app".to_owned()])];
            let told = errors.map(|found| found.unwrap_err().sqlstate());
            assert_eq!(told, [expected, expected], "{placements:?} while {unreached:?}");
        }
    }

    #[test]
    fn a_bare_name_waits_for_the_schema_that_may_have_it_first() {
        let silent = BTreeMap::from([(StoreKind::Redis, "refused".to_owned())]);
        let visible = ["live.positions", "latest.positions"];
        let path = |schemas: [&str; 2]| schemas.map(str::to_owned);
        for (unreached, path, expected) in [
            (&silent, path(["latest", "live"]), Some(SqlState::CONNECTION_FAILURE)),
            (&silent, path(["live", "latest"]), None),
            (&BTreeMap::new(), path(["latest", "live"]), None),
        ] {
            let view = view_of(snapshot(&visible, Vec::new()).with_unreached(unreached.clone()));
            let found = view.resolve("positions", &path).err().map(|error| error.sqlstate());
            assert_eq!(found, expected, "{path:?} while {unreached:?}");
        }
    }

    #[test]
    fn a_table_with_one_placement_waits_for_no_other() {
        let silent = BTreeMap::from([(StoreKind::Redis, "refused".to_owned())]);
        let view = view_of(snapshot(&["live.positions"], vec![positions()]).with_unreached(silent));
        assert_eq!(leaf(&view).map(|leaf| described(&leaf)).as_deref(), Some("symbol,quantity,note in live.positions"));
    }

    #[test]
    fn a_leaf_may_be_held_to_one_store() {
        let leaf = leaf(&view(&["live.positions", "latest.position"], vec![positions()])).unwrap();
        assert!(leaf.is_in(StoreKind::Redis) && !leaf.is_in(StoreKind::ClickHouse));
        assert_eq!(described(&leaf.within(StoreKind::Redis).unwrap()), "symbol,quantity in latest.position");
    }

    #[test]
    fn keys_follow_their_columns() {
        let mut table = positions();
        table.placements.remove(0);
        table.placements[0].expressions = vec![None, Some(Expr::default()), None];
        table.placements[0].key = Some(1);
        let seen = table.seen(|_| true).unwrap();
        assert_eq!((seen.columns.len(), seen.placements[0].key), (1, Some(0)));
    }
}
