//! FROM: the tables of a store, with their columns as the plan has them.

use datafusion::arrow::datatypes::{DataType, Field};
use datafusion::common::DFSchema;
use datafusion::logical_expr::logical_plan::TableScan;
use sqlparser::ast::{TableFactor, TableWithJoins};

use crate::base::{InternalError, StoreKind, store_types};
use crate::route::{ColumnSet, physical_name, store_type};

use super::blocks::{Block, Limit, Rows, table_alias};
use super::error::EmitError;
use super::expression::Writer;
use super::nodes::{Built, Outer};
use super::scope::{Kind, Scope, Slot};
use super::{quote, types};

/// FROM table. Its own filters and its row count come from other planners; the guard leaves only plain scans behind.
pub(super) fn table_scan(writer: &mut Writer, scan: &TableScan, wanted: &ColumnSet, outer: Outer<'_>) -> Built {
    let Some(physical) = physical_name(scan) else {
        return Err(InternalError::new(format!("{} is no table of a store", scan.table_name)).into());
    };
    let dialect = writer.dialect;
    let all_columns = scan.source.schema();
    let alias = writer.next_alias_beside(&all_columns.fields().iter().map(|field| field.name().as_str()));
    let slot = |field: &Field| {
        let column = quote::column(dialect, &alias, field.name());
        match is_other(scan, field) {
            true => {
                types::cast(dialect, column, field.data_type()).map(|expr| Slot { expr, kind: Kind::Column, weight: 0 })
            }
            false => Ok(Slot::column(column)),
        }
    };
    let fields = scan.projected_schema.fields().iter().enumerate();
    let slots = fields.map(|(position, field)| match wanted.contains(position) {
        true => slot(field).map(Some),
        false => Ok(None),
    });
    let slots = slots.collect::<Result<Vec<_>, EmitError>>()?;
    let relation = TableFactor::Table {
        name: quote::object_name(dialect, physical),
        alias: Some(table_alias(dialect, &alias)),
        args: None,
        with_hints: Vec::new(),
        version: None,
        with_ordinality: false,
        partitions: Vec::new(),
        json_path: None,
        sample: None,
        index_hints: Vec::new(),
    };
    let mut block = Block::over(Some(TableWithJoins { relation, joins: Vec::new() }), slots);
    block.base = true;
    if !scan.filters.is_empty() {
        let schema = DFSchema::try_from_qualified_schema(scan.table_name.clone(), &scan.source.schema())
            .map_err(InternalError::new)?;
        let all = schema.fields().iter().map(|field| slot(field).map(Some));
        let all = all.collect::<Result<Vec<_>, EmitError>>()?;
        let scope = Scope { schema: &schema, columns: Some(&all), outer };
        for filter in &scan.filters {
            block.filters.extend(writer.conditions(filter, &scope)?);
        }
    }
    if let Some(rows) = scan.fetch {
        block.limit = Some(Limit { skip: Rows::Known(0), fetch: Some(Rows::Known(rows as u64)) });
    }
    Ok(block)
}

/// Whether a column is something else to the store than to the plan: text that is an enumeration or has no equal there, or
/// a numeric that is a whole number, with which the store would compute as with one.
fn is_other(scan: &TableScan, field: &Field) -> bool {
    let Some((store, store_type)) = store_type(scan, field.name()) else { return false };
    match (store, field.data_type()) {
        (store, DataType::Utf8) => store_types::is_other_text(store, store_type),
        (StoreKind::ClickHouse, DataType::Decimal128(..)) => store_types::is_clickhouse(store_type, "UInt64"),
        _ => false,
    }
}
