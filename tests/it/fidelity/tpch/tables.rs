//! The eight tables of TPC-H (specification, section 1.4) and their rows.

use std::fmt::Display;
use std::sync::OnceLock;

use tpchgen::distribution::Distributions;
use tpchgen::generators::{
    CustomerGenerator, LineItemGenerator, NationGenerator, OrderGenerator, PartGenerator, PartSuppGenerator,
    RegionGenerator, SupplierGenerator,
};
use tpchgen::text::TextPool;

use self::Kind::{Amount, Big, Date, Int, Text};

/// Bytes of the text that comments are cut from. The specification's are cut from 300 MiB, which take seconds to make.
const TEXT_BYTES: i32 = 4 << 20;

/// The types of the columns.
#[derive(Debug, Clone, Copy)]
pub enum Kind {
    Int,
    Big,
    /// Two digits after the point.
    Amount,
    Text,
    Date,
}

impl Kind {
    /// The type in PostgreSQL and in Materialize.
    pub fn postgresql(self) -> &'static str {
        match self {
            Int => "integer",
            Big => "bigint",
            Amount => "numeric(15,2)",
            Text => "text",
            Date => "date",
        }
    }

    /// The type in ClickHouse.
    pub fn clickhouse(self) -> &'static str {
        match self {
            Int => "Int32",
            Big => "Int64",
            Amount => "Decimal(15, 2)",
            Text => "String",
            Date => "Date",
        }
    }
}

/// A table.
pub struct Table {
    pub name: &'static str,
    pub columns: &'static [(&'static str, Kind)],
    /// The primary key.
    pub key: &'static str,
    /// Columns that PostgreSQL needs an index on: its subqueries run once for every row.
    pub index: &'static str,
    /// The rows at a scale factor, tab-separated. No value has a tab or a backslash.
    pub rows: fn(f64) -> String,
}

/// All of them.
#[rustfmt::skip]
pub const TABLES: &[Table] = &[
    Table { name: "region", key: "r_regionkey", index: "r_name",
        columns: &[("r_regionkey", Int), ("r_name", Text), ("r_comment", Text)],
        rows: |_| tabbed(RegionGenerator::new_with_distributions_and_text_pool(words(), text())) },
    Table { name: "nation", key: "n_nationkey", index: "n_name",
        columns: &[("n_nationkey", Int), ("n_name", Text), ("n_regionkey", Int), ("n_comment", Text)],
        rows: |_| tabbed(NationGenerator::new_with_distributions_and_text_pool(words(), text())) },
    Table { name: "part", key: "p_partkey", index: "p_brand",
        columns: &[
            ("p_partkey", Int), ("p_name", Text), ("p_mfgr", Text), ("p_brand", Text), ("p_type", Text), ("p_size", Int),
            ("p_container", Text), ("p_retailprice", Amount), ("p_comment", Text)],
        rows: |scale| tabbed(PartGenerator::new_with_distributions_and_text_pool(scale, 1, 1, words(), text())) },
    Table { name: "supplier", key: "s_suppkey", index: "s_nationkey",
        columns: &[
            ("s_suppkey", Int), ("s_name", Text), ("s_address", Text), ("s_nationkey", Int), ("s_phone", Text),
            ("s_acctbal", Amount), ("s_comment", Text)],
        rows: |scale| tabbed(SupplierGenerator::new_with_distributions_and_text_pool(scale, 1, 1, words(), text())) },
    Table { name: "partsupp", key: "ps_partkey, ps_suppkey", index: "ps_suppkey",
        columns: &[
            ("ps_partkey", Int), ("ps_suppkey", Int), ("ps_availqty", Int), ("ps_supplycost", Amount),
            ("ps_comment", Text)],
        rows: |scale| tabbed(PartSuppGenerator::new_with_text_pool(scale, 1, 1, text())) },
    Table { name: "customer", key: "c_custkey", index: "c_nationkey",
        columns: &[
            ("c_custkey", Int), ("c_name", Text), ("c_address", Text), ("c_nationkey", Int), ("c_phone", Text),
            ("c_acctbal", Amount), ("c_mktsegment", Text), ("c_comment", Text)],
        rows: |scale| tabbed(CustomerGenerator::new_with_distributions_and_text_pool(scale, 1, 1, words(), text())) },
    Table { name: "orders", key: "o_orderkey", index: "o_custkey",
        columns: &[
            ("o_orderkey", Big), ("o_custkey", Int), ("o_orderstatus", Text), ("o_totalprice", Amount),
            ("o_orderdate", Date), ("o_orderpriority", Text), ("o_clerk", Text), ("o_shippriority", Int),
            ("o_comment", Text)],
        rows: |scale| tabbed(OrderGenerator::new_with_distributions_and_text_pool(scale, 1, 1, words(), text())) },
    Table { name: "lineitem", key: "l_orderkey, l_linenumber", index: "l_partkey, l_suppkey",
        columns: &[
            ("l_orderkey", Big), ("l_partkey", Int), ("l_suppkey", Int), ("l_linenumber", Int), ("l_quantity", Amount),
            ("l_extendedprice", Amount), ("l_discount", Amount), ("l_tax", Amount), ("l_returnflag", Text),
            ("l_linestatus", Text), ("l_shipdate", Date), ("l_commitdate", Date), ("l_receiptdate", Date),
            ("l_shipinstruct", Text), ("l_shipmode", Text), ("l_comment", Text)],
        rows: |scale| tabbed(LineItemGenerator::new_with_distributions_and_text_pool(scale, 1, 1, words(), text())) },
];

fn words() -> &'static Distributions {
    Distributions::static_default()
}

fn text() -> &'static TextPool {
    static TEXT: OnceLock<TextPool> = OnceLock::new();
    TEXT.get_or_init(|| TextPool::new(TEXT_BYTES, words()))
}

/// The generators write `1|AFRICA|a comment|`. Blanks at the end of a comment go: at the end of all rows they would be
/// lost on the way to one store and not to the others.
fn tabbed<T: Display>(rows: impl IntoIterator<Item = T>) -> String {
    rows.into_iter().fold(String::new(), |mut text, row| {
        let line = row.to_string();
        let values = line.strip_suffix('|').expect("a bar ends the row");
        text.push_str(values.trim_end_matches(' ').replace('|', "\t").as_str());
        text.push('\n');
        text
    })
}

#[test]
fn rows_have_the_columns_of_their_table() {
    for table in TABLES {
        let rows = (table.rows)(0.001);
        assert!(rows.lines().count() >= 5, "{}", table.name);
        for row in rows.lines() {
            assert_eq!(row.split('\t').count(), table.columns.len(), "{}: {row}", table.name);
            assert!(!row.contains('\\'), "{}: {row}", table.name);
        }
    }
}
