//! Values through the encoders and decoders, checked against another implementation of the same formats.

use bytes::BytesMut;
use chrono::{DateTime, NaiveDate, NaiveTime, TimeDelta, Utc};
use chrono_tz::Tz;
use datafusion::arrow::array::{
    Array, ArrayRef, Date64Array, Decimal256Array, DictionaryArray, DurationMillisecondArray, FixedSizeListArray,
    Float16Array, Int8Array, Int32Array, LargeListArray, ListArray, NullArray, RecordBatch, StringArray,
    StringViewArray, StructArray, TimestampNanosecondArray, TimestampSecondArray, UInt16Array, UInt64Array,
};
use datafusion::arrow::buffer::NullBuffer;
use datafusion::arrow::datatypes::{DataType, Field, Int32Type, Schema, i256};
use datafusion::common::ScalarValue;
use proptest::prelude::*;
use rust_decimal::Decimal;
use std::sync::Arc;
use tokio_postgres::types::{FromSql, ToSql, Type};

use flowforge::base::{SqlType, TextType};
use flowforge::engine::OutputColumn;
use flowforge::pg::decode::decode;
use flowforge::pg::encode::{Format, RowEncoder};

const NUMERIC: SqlType = SqlType::Numeric { precision: 38, scale: 10 };

/// The fields of each row of one column.
fn encoded(array: &ArrayRef, sql_type: &SqlType, format: Format, zone: Tz) -> Vec<Option<Vec<u8>>> {
    let schema = Arc::new(Schema::new(vec![Field::new("c", array.data_type().clone(), true)]));
    let batch = RecordBatch::try_new(schema, vec![Arc::clone(array)]).unwrap();
    let columns = [OutputColumn { name: "c".to_owned(), sql_type: sql_type.clone(), type_modifier: -1 }];
    let encoder = RowEncoder::new(&columns, &[format], zone).batch(&batch).unwrap();
    (0..encoder.rows())
        .map(|row| {
            let mut out = Vec::new();
            encoder.write_row(row, &mut out).unwrap();
            assert_eq!(out[0], b'D');
            assert_eq!(u32::from_be_bytes(out[1..5].try_into().unwrap()) as usize, out.len() - 1);
            let length = i32::from_be_bytes(out[7..11].try_into().unwrap());
            let field = out[11..].to_vec();
            (length >= 0).then(|| {
                assert_eq!(field.len(), length as usize);
                field
            })
        })
        .collect()
}

#[expect(clippy::needless_pass_by_value, reason = "callers hand over an array just made, which coerces by value only")]
fn texts(array: ArrayRef) -> Vec<Option<String>> {
    let sql_type = SqlType::from_arrow(array.data_type()).unwrap();
    encoded(&array, &sql_type, Format::Text, Tz::UTC)
        .into_iter()
        .map(|field| field.map(|field| String::from_utf8(field).unwrap()))
        .collect()
}

/// Our binary reads what theirs writes, ours writes what theirs reads, and our text reads back as the same value.
fn agree<T>(value: &T, sql_type: &SqlType, wire_type: &Type, zone: Tz)
where
    T: ToSql + for<'a> FromSql<'a> + PartialEq + std::fmt::Debug,
{
    let mut theirs = BytesMut::new();
    value.to_sql(wire_type, &mut theirs).unwrap();
    let scalar = decode(Some(&theirs), sql_type, Format::Binary, zone).unwrap();
    assert_eq!(scalar.data_type(), sql_type.arrow());
    let array = scalar.to_array().unwrap();
    let ours = encoded(&array, sql_type, Format::Binary, zone).remove(0).unwrap();
    assert_eq!(&T::from_sql(wire_type, &ours).unwrap(), value);
    let text = encoded(&array, sql_type, Format::Text, zone).remove(0).unwrap();
    let again = decode(Some(&text), sql_type, Format::Text, zone);
    assert_eq!(again, Ok(scalar), "{}", String::from_utf8_lossy(&text));
}

fn array_of(element: SqlType) -> SqlType {
    SqlType::Array(Box::new(element))
}

fn zones() -> impl Strategy<Value = Tz> {
    prop_oneof![Just(Tz::UTC), Just(Tz::Asia__Kolkata), Just(Tz::America__Sao_Paulo)]
}

/// Texts without NUL, which PostgreSQL cannot hold.
fn text() -> impl Strategy<Value = String> {
    "[^\\x00]{0,12}"
}

proptest! {
    #[test]
    fn integers(small in any::<i16>(), middle in any::<i32>(), large in any::<i64>(), oid in any::<u32>()) {
        agree(&small, &SqlType::Int2, &Type::INT2, Tz::UTC);
        agree(&middle, &SqlType::Int4, &Type::INT4, Tz::UTC);
        agree(&large, &SqlType::Int8, &Type::INT8, Tz::UTC);
        agree(&oid, &SqlType::Oid, &Type::OID, Tz::UTC);
    }

    #[test]
    fn floats(four in proptest::num::f32::ANY, eight in proptest::num::f64::ANY) {
        prop_assume!(!four.is_nan() && !eight.is_nan());
        agree(&four, &SqlType::Float4, &Type::FLOAT4, Tz::UTC);
        agree(&eight, &SqlType::Float8, &Type::FLOAT8, Tz::UTC);
    }

    #[test]
    fn numerics(unscaled in any::<i64>(), scale in 0_u32..=10) {
        agree(&Decimal::new(unscaled, scale), &NUMERIC, &Type::NUMERIC, Tz::UTC);
    }

    #[test]
    fn texts_and_bytes(text in text(), bytes in any::<Vec<u8>>(), flag in any::<bool>()) {
        agree(&text, &SqlType::Text, &Type::TEXT, Tz::UTC);
        agree(&text, &SqlType::TextLike(TextType::Varchar), &Type::VARCHAR, Tz::UTC);
        agree(&bytes, &SqlType::Bytea, &Type::BYTEA, Tz::UTC);
        agree(&flag, &SqlType::Bool, &Type::BOOL, Tz::UTC);
        let json = serde_json::json!({"text": text, "flag": flag});
        agree(&json, &SqlType::Json, &Type::JSON, Tz::UTC);
        agree(&json, &SqlType::Jsonb, &Type::JSONB, Tz::UTC);
    }

    #[test]
    fn moments(days in -700_000_i64..2_000_000, time_us in 0_i64..86_400_000_000, zone in zones()) {
        let date = NaiveDate::default() + TimeDelta::days(days);
        let time = NaiveTime::default() + TimeDelta::microseconds(time_us);
        agree(&date, &SqlType::Date, &Type::DATE, zone);
        agree(&time, &SqlType::Time, &Type::TIME, zone);
        agree(&date.and_time(time), &SqlType::Timestamp, &Type::TIMESTAMP, zone);
        agree(&DateTime::<Utc>::from_naive_utc_and_offset(date.and_time(time), Utc), &SqlType::Timestamptz, &Type::TIMESTAMPTZ, zone);
    }

    #[test]
    fn uuids(bits in any::<u128>()) {
        agree(&uuid::Uuid::from_u128(bits), &SqlType::Uuid, &Type::UUID, Tz::UTC);
    }

    #[test]
    fn intervals(months in any::<i32>(), days in any::<i32>(), time_us in -9_000_000_000_000_000_i64..9_000_000_000_000_000) {
        let mut binary = time_us.to_be_bytes().to_vec();
        binary.extend(days.to_be_bytes());
        binary.extend(months.to_be_bytes());
        let scalar = decode(Some(&binary), &SqlType::Interval, Format::Binary, Tz::UTC).unwrap();
        let array = scalar.to_array().unwrap();
        prop_assert_eq!(&encoded(&array, &SqlType::Interval, Format::Binary, Tz::UTC)[0], &Some(binary));
        let text = encoded(&array, &SqlType::Interval, Format::Text, Tz::UTC).remove(0).unwrap();
        prop_assert_eq!(decode(Some(&text), &SqlType::Interval, Format::Text, Tz::UTC), Ok(scalar));
    }

    #[test]
    fn arrays(
        numbers in proptest::collection::vec(any::<Option<i32>>(), 0..5),
        words in proptest::collection::vec(proptest::option::of(text()), 0..5),
        flags in proptest::collection::vec(any::<Option<bool>>(), 0..5),
    ) {
        agree(&numbers, &array_of(SqlType::Int4), &Type::INT4_ARRAY, Tz::UTC);
        agree(&words, &array_of(SqlType::Text), &Type::TEXT_ARRAY, Tz::UTC);
        agree(&flags, &array_of(SqlType::Bool), &Type::BOOL_ARRAY, Tz::UTC);
        agree(&words, &array_of(SqlType::TextLike(TextType::Varchar)), &Type::VARCHAR_ARRAY, Tz::UTC);
        let bytes: Vec<_> = words.iter().map(|word| word.clone().map(String::into_bytes)).collect();
        agree(&bytes, &array_of(SqlType::Bytea), &Type::BYTEA_ARRAY, Tz::UTC);
        let documents: Vec<_> = words.iter().map(|word| word.as_ref().map(|word| serde_json::json!([word]))).collect();
        agree(&documents, &array_of(SqlType::Json), &Type::JSON_ARRAY, Tz::UTC);
        agree(&documents, &array_of(SqlType::Jsonb), &Type::JSONB_ARRAY, Tz::UTC);
    }

    #[test]
    fn arrays_of_numbers(
        small in proptest::collection::vec(any::<Option<i16>>(), 0..5),
        large in proptest::collection::vec(any::<Option<i64>>(), 0..5),
        four in proptest::collection::vec(proptest::option::of(proptest::num::f32::NORMAL), 0..5),
        eight in proptest::collection::vec(proptest::option::of(proptest::num::f64::NORMAL), 0..5),
        bits in proptest::collection::vec(any::<Option<u128>>(), 0..5),
    ) {
        agree(&small, &array_of(SqlType::Int2), &Type::INT2_ARRAY, Tz::UTC);
        agree(&large, &array_of(SqlType::Int8), &Type::INT8_ARRAY, Tz::UTC);
        agree(&four, &array_of(SqlType::Float4), &Type::FLOAT4_ARRAY, Tz::UTC);
        agree(&eight, &array_of(SqlType::Float8), &Type::FLOAT8_ARRAY, Tz::UTC);
        let numerics: Vec<_> = large.iter().map(|number| number.map(|number| Decimal::new(number, 4))).collect();
        agree(&numerics, &array_of(NUMERIC), &Type::NUMERIC_ARRAY, Tz::UTC);
        let uuids: Vec<_> = bits.iter().map(|bits| bits.map(uuid::Uuid::from_u128)).collect();
        agree(&uuids, &array_of(SqlType::Uuid), &Type::UUID_ARRAY, Tz::UTC);
    }

    #[test]
    fn arrays_of_moments(
        moments in proptest::collection::vec(proptest::option::of(-60_000_000_000_000_000_i64..170_000_000_000_000_000), 0..5),
        zone in zones(),
    ) {
        let moments: Vec<_> = moments.into_iter().map(|moment| moment.and_then(DateTime::from_timestamp_micros)).collect();
        agree(&moments, &array_of(SqlType::Timestamptz), &Type::TIMESTAMPTZ_ARRAY, zone);
        let local: Vec<_> = moments.iter().map(|moment| moment.map(|moment| moment.naive_utc())).collect();
        agree(&local, &array_of(SqlType::Timestamp), &Type::TIMESTAMP_ARRAY, zone);
        let dates: Vec<_> = local.iter().map(|moment| moment.map(|moment| moment.date())).collect();
        agree(&dates, &array_of(SqlType::Date), &Type::DATE_ARRAY, zone);
        let times: Vec<_> = local.iter().map(|moment| moment.map(|moment| moment.time())).collect();
        agree(&times, &array_of(SqlType::Time), &Type::TIME_ARRAY, zone);
    }

    #[test]
    fn arrays_of_intervals(parts in proptest::collection::vec(any::<Option<(i32, i32, i32)>>(), 0..5)) {
        // PostgreSQL's own bytes: no driver here knows intervals.
        let mut binary = [1, i32::from(parts.contains(&None)), 1186].map(i32::to_be_bytes).concat();
        binary.extend([i32::try_from(parts.len()).unwrap(), 1].map(i32::to_be_bytes).concat());
        for part in &parts {
            let Some((seconds, days, months)) = part else {
                binary.extend((-1_i32).to_be_bytes());
                continue;
            };
            binary.extend(16_i32.to_be_bytes());
            binary.extend((i64::from(*seconds) * 1_000_001).to_be_bytes());
            binary.extend([*days, *months].map(i32::to_be_bytes).concat());
        }
        prop_assume!(!parts.is_empty());
        let sql_type = array_of(SqlType::Interval);
        let scalar = decode(Some(&binary), &sql_type, Format::Binary, Tz::UTC).unwrap();
        let array = scalar.to_array().unwrap();
        prop_assert_eq!(&encoded(&array, &sql_type, Format::Binary, Tz::UTC)[0], &Some(binary));
        let text = encoded(&array, &sql_type, Format::Text, Tz::UTC).remove(0).unwrap();
        prop_assert_eq!(decode(Some(&text), &sql_type, Format::Text, Tz::UTC), Ok(scalar));
    }

    #[test]
    fn garbage_never_panics(bytes in proptest::collection::vec(any::<u8>(), 0..40), text in text()) {
        let mut types: Vec<SqlType> = [
            16, 17, 20, 21, 23, 25, 26, 114, 700, 701, 1043, 1082, 1083, 1114, 1184, 1186, 1700, 2950, 3802,
        ].into_iter().filter_map(SqlType::from_oid).collect();
        types.extend(types.clone().into_iter().map(array_of));
        for sql_type in &types {
            let _ = decode(Some(&bytes), sql_type, Format::Binary, Tz::UTC);
            let _ = decode(Some(&bytes), sql_type, Format::Text, Tz::UTC);
            let _ = decode(Some(text.as_bytes()), sql_type, Format::Text, Tz::America__Sao_Paulo);
        }
    }

    #[test]
    fn date_like_garbage_never_panics(text in "[-+0-9:./ TZPYMDWHSbcagoadysyer]{0,24}") {
        for sql_type in [SqlType::Date, SqlType::Time, SqlType::Timestamp, SqlType::Timestamptz, SqlType::Interval, NUMERIC] {
            let _ = decode(Some(text.as_bytes()), &sql_type, Format::Text, Tz::America__Sao_Paulo);
        }
    }
}

#[test]
fn every_arrow_type_of_the_type_map_is_written() {
    let some = |values: &[&str]| values.iter().map(|value| Some((*value).to_owned())).collect::<Vec<_>>();
    assert_eq!(
        texts(Arc::new(StringViewArray::from(vec!["a", "a text that is too long to be inlined"]))),
        some(&["a", "a text that is too long to be inlined"])
    );
    assert_eq!(texts(Arc::new(UInt64Array::from(vec![7]))), some(&["7"]));
    assert_eq!(texts(Arc::new(Int8Array::from(vec![-7]))), some(&["-7"]));
    assert_eq!(texts(Arc::new(UInt16Array::from(vec![65_535]))), some(&["65535"]));
    assert_eq!(texts(Arc::new(Float16Array::from(vec![half(1.5)]))), some(&["1.5"]));
    assert_eq!(texts(Arc::new(TimestampSecondArray::from(vec![1]))), some(&["1970-01-01 00:00:01"]));
    assert_eq!(
        texts(Arc::new(TimestampNanosecondArray::from(vec![1_000]).with_timezone("+00:00"))),
        some(&["1970-01-01 00:00:00.000001+00"])
    );
    assert_eq!(texts(Arc::new(Date64Array::from(vec![86_400_000]))), some(&["1970-01-02"]));
    assert_eq!(texts(Arc::new(DurationMillisecondArray::from(vec![90_061_000]))), some(&["25:01:01"]));
    assert_eq!(texts(Arc::new(NullArray::new(2))), [None, None]);
    let dictionary: DictionaryArray<Int32Type> = vec![Some("x"), None, Some("x")].into_iter().collect();
    assert_eq!(texts(Arc::new(dictionary)), [Some("x".to_owned()), None, Some("x".to_owned())]);
    let wide = Decimal256Array::from(vec![i256::from_i128(-12_345)]).with_precision_and_scale(50, 3).unwrap();
    assert_eq!(texts(Arc::new(wide)), some(&["-12.345"]));
}

fn half(
    value: f32,
) -> <datafusion::arrow::datatypes::Float16Type as datafusion::arrow::array::ArrowPrimitiveType>::Native {
    ScalarValue::Float32(Some(value))
        .cast_to(&datafusion::arrow::datatypes::DataType::Float16)
        .map(|scalar| match scalar {
            ScalarValue::Float16(Some(half)) => half,
            other => panic!("{other}"),
        })
        .unwrap()
}

#[test]
fn a_number_outside_its_announced_type_is_an_error() {
    let array: ArrayRef = Arc::new(UInt64Array::from(vec![u64::MAX]));
    let schema = Arc::new(Schema::new(vec![Field::new("c", array.data_type().clone(), true)]));
    let batch = RecordBatch::try_new(schema, vec![array]).unwrap();
    let columns = [OutputColumn { name: "c".to_owned(), sql_type: SqlType::Int8, type_modifier: -1 }];
    let report = RowEncoder::new(&columns, &[Format::Text], Tz::UTC).batch(&batch).err().unwrap();
    assert_eq!(report.sqlstate.code(), "22003");
}

#[test]
fn lists_of_every_layout_are_arrays() {
    let rows = || vec![Some(vec![Some(1), None]), None, Some(vec![])];
    let expected = [Some("{1,NULL}".to_owned()), None, Some("{}".to_owned())];
    assert_eq!(texts(Arc::new(ListArray::from_iter_primitive::<Int32Type, _, _>(rows()))), expected);
    assert_eq!(texts(Arc::new(LargeListArray::from_iter_primitive::<Int32Type, _, _>(rows()))), expected);
    let pairs = FixedSizeListArray::from_iter_primitive::<Int32Type, _, _>(vec![Some(vec![Some(1), Some(2)])], 2);
    assert_eq!(texts(Arc::new(pairs)), [Some("{1,2}".to_owned())]);
    let words = ScalarValue::List(ScalarValue::new_list_nullable(
        &["a b", "", "null", "x,y", "q\"", "ok"].map(ScalarValue::from),
        &datafusion::arrow::datatypes::DataType::Utf8,
    ));
    assert_eq!(texts(words.to_array().unwrap()), [Some(r#"{"a b","","null","x,y","q\"",ok}"#.to_owned())]);
}

#[test]
fn arrays_of_arrays_have_dimensions() {
    let inner = Int32Array::from(vec![1, 2, 3, 4]);
    let list = |values: ArrayRef, lengths: &[usize]| {
        let field = Arc::new(Field::new_list_field(values.data_type().clone(), true));
        let offsets = datafusion::arrow::buffer::OffsetBuffer::from_lengths(lengths.iter().copied());
        Arc::new(ListArray::new(field, offsets, values, None)) as ArrayRef
    };
    let square = list(list(Arc::new(inner.clone()), &[2, 2]), &[2]);
    let sql_type = SqlType::from_arrow(square.data_type()).unwrap();
    assert_eq!(sql_type, array_of(SqlType::Int4));
    assert_eq!(texts(Arc::clone(&square)), [Some("{{1,2},{3,4}}".to_owned())]);
    let binary = encoded(&square, &sql_type, Format::Binary, Tz::UTC).remove(0).unwrap();
    let numbers: Vec<i32> = binary.chunks_exact(4).map(|four| i32::from_be_bytes(four.try_into().unwrap())).collect();
    assert_eq!(numbers, [2, 0, 23, 2, 1, 2, 1, 4, 1, 4, 2, 4, 3, 4, 4]);
    let ragged = list(list(Arc::new(inner), &[1, 3]), &[2]);
    let schema = Arc::new(Schema::new(vec![Field::new("c", ragged.data_type().clone(), true)]));
    let batch = RecordBatch::try_new(schema, vec![ragged]).unwrap();
    let columns = [OutputColumn { name: "c".to_owned(), sql_type, type_modifier: -1 }];
    let encoder = RowEncoder::new(&columns, &[Format::Binary], Tz::UTC).batch(&batch).unwrap();
    let mut out = Vec::new();
    assert_eq!(encoder.write_row(0, &mut out).unwrap_err().sqlstate.code(), "22P03");
    assert!(out.is_empty());
}

#[test]
fn records_are_sent_column_by_column() {
    let numbers: ArrayRef = Arc::new(Int32Array::from(vec![Some(1), None, Some(3)]));
    let texts_of: ArrayRef = Arc::new(StringArray::from(vec![Some("a \"b\\"), Some(""), None]));
    let fields = vec![Field::new("n", numbers.data_type().clone(), true), Field::new("t", DataType::Utf8, true)];
    let there = NullBuffer::from(vec![true, true, false]);
    let rows: ArrayRef = Arc::new(StructArray::new(fields.into(), vec![numbers, texts_of], Some(there)));
    let shown = texts(Arc::clone(&rows));
    assert_eq!(shown, [Some(r#"(1,"a ""b\\")"#.to_owned()), Some(r#"(,"")"#.to_owned()), None]);
    let unknown = SqlType::Record(vec![SqlType::Int4, SqlType::TextLike(TextType::Unknown)]);
    let binary = encoded(&rows, &unknown, Format::Binary, Tz::UTC);
    let second = [0, 0, 0, 2, 0, 0, 0, 23, 255, 255, 255, 255, 0, 0, 2, 193, 0, 0, 0, 0];
    assert_eq!(binary[1..], [Some(second.to_vec()), None]);
    let field = Arc::new(Field::new_list_field(rows.data_type().clone(), true));
    let offsets = datafusion::arrow::buffer::OffsetBuffer::from_lengths([1]);
    let list: ArrayRef = Arc::new(ListArray::new(field, offsets, rows.slice(1, 1), None));
    assert_eq!(texts(Arc::clone(&list)), [Some(r#"{"(,\"\")"}"#.to_owned())]);
    let binary = encoded(&list, &array_of(unknown), Format::Binary, Tz::UTC).remove(0).unwrap();
    let head = [0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 8, 201, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 20];
    assert_eq!(binary, [&head[..], &second].concat());
}

#[test]
fn a_client_sends_no_records() {
    let record = SqlType::Record(vec![SqlType::Int4]);
    for format in [Format::Text, Format::Binary] {
        assert_eq!(decode(Some(b"(1)"), &record, format, Tz::UTC).unwrap_err().sqlstate.code(), "0A000");
    }
}

#[test]
fn an_array_whose_subscripts_are_others_is_refused() {
    let numbers = array_of(SqlType::Int4);
    let bytes = |first: i32| [1, 0, 23, 1, first, 4, 7].map(i32::to_be_bytes).concat();
    assert!(decode(Some(&bytes(1)), &numbers, Format::Binary, Tz::UTC).is_ok());
    let refused = |value: &[u8], format| decode(Some(value), &numbers, format, Tz::UTC).unwrap_err().sqlstate.code();
    assert_eq!(refused(&bytes(0), Format::Binary), "0A000");
    assert_eq!(refused(b"[0:0]={7}", Format::Text), "0A000");
}

#[test]
fn nulls_have_no_bytes() {
    let array: ArrayRef = Arc::new(StringArray::from(vec![Some("a"), None]));
    for format in [Format::Text, Format::Binary] {
        assert_eq!(encoded(&array, &SqlType::Text, format, Tz::UTC), [Some(b"a".to_vec()), None]);
    }
    assert_eq!(decode(None, &SqlType::Jsonb, Format::Text, Tz::UTC), Ok(ScalarValue::LargeBinary(None)));
}
