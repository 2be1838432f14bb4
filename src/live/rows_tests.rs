//! Tests of row admission against a real WHERE, and of the JSON of every type.

use std::collections::BTreeMap;
use std::sync::Arc;

use datafusion::arrow::array::{
    BooleanArray, Date32Array, Decimal128Array, FixedSizeBinaryArray, Float64Array, Int64Array, LargeStringArray,
    ListArray, StringViewArray, Time64MicrosecondArray, TimestampMicrosecondArray,
};
use datafusion::arrow::datatypes::Int32Type;
use datafusion::prelude::SessionContext;
use proptest::prelude::*;

use super::*;
use crate::base::TenantId;

fn batch(columns: Vec<(&str, ArrayRef)>) -> RecordBatch {
    RecordBatch::try_from_iter_with_nullable(columns.into_iter().map(|(name, array)| (name, array, true))).unwrap()
}

fn tenant(symbols: &[String]) -> Tenant {
    let attributes = BTreeMap::from([("symbols".to_owned(), symbols.to_vec())]);
    Tenant { id: TenantId::new("acme").unwrap(), attributes }
}

#[test]
fn every_type_reads_as_the_documentation_says() {
    let stamps = || TimestampMicrosecondArray::from(vec![1_700_000_000_123_400, -1]);
    let list = ListArray::from_iter_primitive::<Int32Type, _, _>([Some(vec![Some(1), None]), None]);
    let uuid = FixedSizeBinaryArray::try_from_iter([[1_u8; 16], [2; 16]].into_iter()).unwrap();
    let batch = batch(vec![
        ("b", Arc::new(BooleanArray::from(vec![Some(true), None]))),
        ("i", Arc::new(Int64Array::from(vec![i64::MAX, -1]))),
        ("f", Arc::new(Float64Array::from(vec![1.5, f64::NAN]))),
        ("g", Arc::new(Float64Array::from(vec![1e300, f64::NEG_INFINITY]))),
        ("n", Arc::new(Decimal128Array::from(vec![123_4500, -1]).with_precision_and_scale(18, 4).unwrap())),
        ("t", Arc::new(StringViewArray::from(vec!["a\"\n", "ä"]))),
        ("j", Arc::new(LargeStringArray::from(vec!["{\"a\": [1]}", "no json"]))),
        ("d", Arc::new(Date32Array::from(vec![0, 19_000]))),
        ("c", Arc::new(Time64MicrosecondArray::from(vec![1, 3_600_000_000]))),
        ("s", Arc::new(stamps())),
        ("z", Arc::new(stamps().with_timezone("+00:00"))),
        ("u", Arc::new(uuid)),
        ("l", Arc::new(list)),
    ]);
    let rows = json_rows(&batch).unwrap();
    assert_eq!(
        rows[0],
        r#"[true,9223372036854775807,1.5,1e300,"123.4500","a\"\n",{"a":[1]},"1970-01-01","00:00:00.000001","2023-11-14T22:13:20.123400","2023-11-14T22:13:20.123400Z","01010101-0101-0101-0101-010101010101",[1,null]]"#
    );
    assert_eq!(
        rows[1],
        r#"[null,-1,"NaN","-Infinity","-0.0001","ä","no json","2022-01-08","01:00:00","1969-12-31T23:59:59.999999","1969-12-31T23:59:59.999999Z","02020202-0202-0202-0202-020202020202",null]"#
    );
    for row in rows {
        serde_json::from_str::<serde_json::Value>(&row).unwrap();
    }
    assert_eq!(json_columns(&batch), r#"["b","i","f","g","n","t","j","d","c","s","z","u","l"]"#);
}

#[test]
fn a_row_without_the_compared_column_cannot_be_decided() {
    let policy = Policy::TenantColumn { column: "tenant_id".to_owned() };
    let lacking = batch(vec![("x", Arc::new(Int64Array::from(vec![1])) as ArrayRef)]);
    assert_eq!(Compared::new(&lacking, &policy).admitted(&policy, &tenant(&[])), None);
    let number = batch(vec![("tenant_id", Arc::new(Int64Array::from(vec![1])) as ArrayRef)]);
    assert_eq!(Compared::new(&number, &policy).admitted(&policy, &tenant(&[])), None);
    assert_eq!(Compared::new(&number, &Policy::Shared).admitted(&Policy::Shared, &tenant(&[])), Some(vec![0]));
}

fn where_clause(policy: &Policy, symbols: &[String]) -> String {
    let list = symbols.iter().map(|one| format!("'{one}'")).collect::<Vec<_>>().join(",");
    let listed = |column: &str| if list.is_empty() { "false".to_owned() } else { format!("{column} IN ({list})") };
    match policy {
        Policy::Shared => "true".to_owned(),
        Policy::TenantColumn { column } => format!("{column} = 'acme'"),
        Policy::ListAttribute { column, .. } => listed(column),
        Policy::TenantColumnAndList { tenant_column, column, .. } => {
            format!("{tenant_column} = 'acme' AND {}", listed(column))
        }
    }
}

fn policies() -> [Policy; 4] {
    let (tenant_column, column, attribute) = ("tenant_id".to_owned(), "symbol".to_owned(), "symbols".to_owned());
    [
        Policy::TenantColumn { column: tenant_column.clone() },
        Policy::ListAttribute { column: column.clone(), attribute: attribute.clone() },
        Policy::TenantColumnAndList { tenant_column, column, attribute },
        Policy::Shared,
    ]
}

fn selected(batch: &RecordBatch, filter: &str) -> Vec<usize> {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let found = runtime.block_on(async {
        let context = SessionContext::new();
        context.register_batch("t", batch.clone()).unwrap();
        let query = format!("SELECT place FROM t WHERE {filter} ORDER BY place");
        context.sql(&query).await.unwrap().collect().await.unwrap()
    });
    let places = found.iter().flat_map(|batch| {
        let column = batch.column(0).as_primitive::<datafusion::arrow::datatypes::Int64Type>();
        column.values().to_vec()
    });
    places.map(|place| usize::try_from(place).unwrap()).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    /// The rows that go to a tenant are those that the same filter selects in SQL.
    #[test]
    fn admitted_rows_are_those_of_sqls_where(
        rows in proptest::collection::vec(
            (proptest::option::of("acme|globex|Acme|"), proptest::option::of("AAPL|TSLA|aapl|")), 0..20),
        symbols in proptest::collection::vec("AAPL|TSLA|MSFT", 0..3),
    ) {
        let places: Vec<i64> = (0..).take(rows.len()).collect();
        let owners: Vec<Option<&str>> = rows.iter().map(|(owner, _)| owner.as_deref()).collect();
        let traded: Vec<Option<&str>> = rows.iter().map(|(_, symbol)| symbol.as_deref()).collect();
        let batch = batch(vec![
            ("place", Arc::new(Int64Array::from(places)) as ArrayRef),
            ("tenant_id", Arc::new(StringArray::from(owners))),
            ("symbol", Arc::new(StringViewArray::from(traded))),
        ]);
        for policy in policies() {
            let admitted = Compared::new(&batch, &policy).admitted(&policy, &tenant(&symbols)).unwrap();
            prop_assert_eq!(admitted, selected(&batch, &where_clause(&policy, &symbols)), "{:?}", policy);
        }
    }
}
