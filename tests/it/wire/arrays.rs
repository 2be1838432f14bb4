//! Arrays as parameters and as results, in both formats: what PostgreSQL 15 takes and sends.

use std::net::{Ipv4Addr, SocketAddr};

use serde_json::{Value, json};
use tokio_postgres::types::Type;

use super::client::Client;
use crate::postgres;
use crate::support::TestServer;

/// Types of arrays, as SQL names their elements, and values of them.
const ARRAYS: &[(&str, Type, &[&str])] = &[
    ("bool", Type::BOOL_ARRAY, &["{t,f,NULL}", r#"{TRUE,no,"on"," 1 ",of}"#]),
    ("int2", Type::INT2_ARRAY, &["{-32768,NULL,32767}", "{ 1 , 2 }"]),
    ("int4", Type::INT4_ARRAY, &["{-2147483648,NULL,2147483647}", "{0}"]),
    ("int8", Type::INT8_ARRAY, &["{-9223372036854775808,NULL,9223372036854775807}"]),
    ("oid", Type::OID_ARRAY, &["{0,NULL,4294967295,-1}"]),
    ("float4", Type::FLOAT4_ARRAY, &["{1.5,NULL,-0,0.1,1e-40,3.4028235e38}", "{NaN,Infinity,-inf}"]),
    ("float8", Type::FLOAT8_ARRAY, &["{1.5,NULL,-0,0.1,5e-324,1.7976931348623157e308}", "{NaN,Infinity,-inf}"]),
    ("numeric(12,2)", Type::NUMERIC_ARRAY, &["{1.50,NULL,-2.25,0,-12345,100000000,1e3,0.01}"]),
    ("text", Type::TEXT_ARRAY, TEXTS),
    ("varchar", Type::VARCHAR_ARRAY, TEXTS),
    ("date", Type::DATE_ARRAY, &["{2024-02-29,NULL,0001-01-01,9999-12-31}", r#"{infinity,-infinity,"0044-03-15 BC"}"#]),
    ("time", Type::TIME_ARRAY, &["{13:14:15.5,NULL,00:00,24:00:00,23:59:59.999999}"]),
    ("timestamp", Type::TIMESTAMP_ARRAY, TIMESTAMPS),
    (
        "timestamptz",
        Type::TIMESTAMPTZ_ARRAY,
        &[r#"{"2024-02-29 13:14:15.5+05:30",NULL,2024-07-01}"#, "{infinity,-infinity}"],
    ),
    ("interval", Type::INTERVAL_ARRAY, &[r#"{"1 year 2 mons -3 days 04:05:06.789",NULL,0:00,"-1 days",P1Y2M3DT4H}"#]),
    ("uuid", Type::UUID_ARRAY, &["{a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11,NULL,A0EEBC999C0B4EF8BB6D6BB9BD380A11}"]),
    ("bytea", Type::BYTEA_ARRAY, &[r#"{"\\x00ff",NULL,"\\x","a\\\\b\\001","{,\"}"}"#]),
    ("json", Type::JSON_ARRAY, JSONS),
    ("jsonb", Type::JSONB_ARRAY, JSONS),
];

const TEXTS: &[&str] = &[
    r#"{"say \"hi\"","back\\slash","a,b","{c}",NULL,"NULL","null",""," d ","it's",käse,e f, g , "h" }"#,
    r#"{\N\U\L\L,a\,b,\{,\"}"#,
    "{\"two\nlines\",\"\ttab\"}",
];

const TIMESTAMPS: &[&str] =
    &[r#"{"2024-02-29 13:14:15.000001",NULL,1969-12-31}"#, r#"{infinity,-infinity,"0044-03-15 00:00:00 BC"}"#];

const JSONS: &[&str] = &[
    r#"{"{\"a\": \"b,c\"}",NULL,"null",1.50,"[1, {}, \"\\\"\\\\\"]","\"NULL\"","{}","[]"}"#,
    r#"{"{\"b\":1,  \"a\":[ ] ,\"aa\":2,\"b\":3}"," \"käse\" ",true}"#,
];

/// Arrays of any type.
const ALL: [&str; 3] = ["{}", "{NULL}", "{NULL,NULL}"];

const MALFORMED: [&str; 13] =
    ["", "a", "{", "{a", "{a,", "{a,}", "{,a}", "{a,,b}", "{\"a}", "{a\"b\"}", "{\"a\"b}", "{a{b}}", "{a}b"];

/// A connection to a server.
struct Asked(Client);

impl Asked {
    fn connect(address: SocketAddr, user: &str, database: &str) -> Self {
        let login = json!({"user": user, "password": user, "database": database, "TimeZone": "America/Sao_Paulo"});
        let (client, shown) = Client::connect(address, &login);
        assert!(shown.last().is_some_and(|last| last.starts_with("ReadyForQuery")), "{shown:?}");
        Self(client)
    }

    fn group(&mut self, messages: &[String]) -> Vec<String> {
        // In one packet: a second one would wait for an answer to the first.
        self.0.send(&[messages, &["Sync".to_owned()]].concat());
        self.0.until(&["ReadyForQuery".to_owned()])
    }

    fn prepare(&mut self, text: &str, parameters: &[u32]) -> Vec<String> {
        let parse = json!({"query": text, "types": parameters});
        self.group(&[format!("Parse {parse}"), r#"Describe {"statement":""}"#.to_owned()])
    }

    fn run(&mut self, values: &[(Value, u8)], result_format: u8) -> Vec<String> {
        let (values, formats): (Vec<_>, Vec<_>) = values.iter().cloned().unzip();
        let bind = json!({"formats": formats, "values": values, "result_formats": [result_format]});
        self.group(&[format!("Bind {bind}"), r#"Describe {"portal":""}"#.to_owned(), "Execute".to_owned()])
    }
}

/// The first value of the first row.
fn value(messages: &[String]) -> Option<Value> {
    let row = messages.iter().find_map(|message| message.strip_prefix("DataRow "))?;
    let row: Value = serde_json::from_str(row).unwrap();
    Some(row["values"][0].clone())
}

/// Ours and the reference.
struct Both {
    ours: Asked,
    theirs: Asked,
    differences: Vec<String>,
}

impl Both {
    /// Asks both the same; the difference is kept under a name.
    fn ask(&mut self, name: &str, ask: impl Fn(&mut Asked) -> Vec<String>) {
        let (ours, theirs) = (ask(&mut self.ours), ask(&mut self.theirs));
        if ours != theirs {
            self.differences.push(format!("{name}\n  ours: {ours:?}\n  theirs: {theirs:?}"));
        }
    }

    /// A text as a parameter in both formats; the bytes are those that the reference sends.
    fn parameters(&mut self, array: &Type, text: &str) -> Vec<(Value, u8)> {
        self.theirs.prepare("SELECT $1", &[array.oid()]);
        let bytes = value(&self.theirs.run(&[(json!(text), 0)], 1));
        std::iter::once((json!(text), 0)).chain(bytes.map(|bytes| (bytes, 1))).collect()
    }

    /// Runs a statement with one parameter in every pair of formats.
    fn with_parameter(&mut self, statement: &str, array: &Type, texts: &[&str]) {
        let given: Vec<_> = texts.iter().flat_map(|text| self.parameters(array, text)).collect();
        self.ask(&format!("{array} {statement}"), |asked| asked.prepare(statement, &[array.oid()]));
        for (given, result_format) in given.iter().flat_map(|given| [(given, 0), (given, 1)]) {
            let name = format!("{array} {statement} with {given:?} to {result_format}");
            self.ask(&name, |asked| asked.run(std::slice::from_ref(given), result_format));
        }
    }

    /// Runs a statement without parameters for both formats of its result.
    fn without_parameter(&mut self, statement: &str) {
        self.ask(statement, |asked| asked.prepare(statement, &[]));
        for result_format in [0, 1] {
            self.ask(&format!("{statement} to {result_format}"), |asked| asked.run(&[], result_format));
        }
    }
}

/// Asks both for something, and fails with all differences.
fn compare(ask: impl FnOnce(&mut Both)) {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    let Some(postgres) = runtime.block_on(postgres::shared()) else { return };
    let server = runtime.block_on(TestServer::start());
    let mut both = Both {
        ours: Asked::connect(server.pg(), "acme", "flowforge"),
        theirs: Asked::connect((Ipv4Addr::LOCALHOST, postgres.port()).into(), "postgres", "postgres"),
        differences: Vec::new(),
    };
    ask(&mut both);
    assert!(both.differences.is_empty(), "{}", both.differences.join("\n"));
}

#[test]
fn arrays_are_taken_and_sent_as_by_postgresql() {
    compare(|both| {
        for (element, array, texts) in ARRAYS {
            let texts = [texts, &ALL[..]].concat();
            // A numeric that nothing is said of has ten digits after the point here, and a varchar is told to be a text.
            let given = match *array {
                Type::NUMERIC_ARRAY => "($1::numeric(12,2)[] || '{}')",
                Type::VARCHAR_ARRAY => "$1::text[]",
                _ => "$1",
            };
            for statement in [
                "SELECT $1",
                "SELECT ($1)[1], ($1)[2], cardinality($1)",
                "SELECT array_agg(e) FROM unnest($1) AS t(e)",
                "SELECT $1 || $1",
            ] {
                both.with_parameter(&statement.replace("$1", given), array, &texts);
            }
            // The digits of an array's numerics are not announced here, nor are those of what is put together there.
            let none = if *array == Type::NUMERIC_ARRAY { " || '{}'" } else { "" };
            for text in texts {
                both.without_parameter(&format!("SELECT '{}'::{element}[]{none}", text.replace('\'', "''")));
            }
            both.without_parameter(&format!("SELECT NULL::{element}[]{none}"));
        }
    });
}

#[test]
fn what_is_no_array_is_refused_as_by_postgresql() {
    compare(|both| {
        both.with_parameter("SELECT $1", &Type::TEXT_ARRAY, &MALFORMED);
        for text in MALFORMED {
            both.ask(text, |asked| asked.prepare(&format!("SELECT '{text}'::text[]"), &[]));
        }
    });
}

#[test]
fn a_jsonb_is_kept_as_by_postgresql_however_it_comes() {
    let document = r#"{ "b": 1, "a": [1, 2.0],"b":"x", "aa": {} }"#;
    compare(|both| {
        for statement in ["SELECT $1", "SELECT $1 = '{\"a\":[1,2],\"aa\":{},\"b\":\"x\"}'", "SELECT $1->'a', $1::text"]
        {
            both.with_parameter(statement, &Type::JSONB, &[document, "null", " 1.50 "]);
        }
        let unordered =
            json!({"hex": format!("01{}", document.bytes().map(|byte| format!("{byte:02x}")).collect::<String>())});
        both.ask("prepared", |asked| asked.prepare("SELECT $1", &[Type::JSONB.oid()]));
        both.ask("as it was written", |asked| asked.run(&[(unordered.clone(), 1)], 0));
    });
}
