//! A backend with a language of its own, for what the front must do whatever the engine does.
//!
//! | statement | result |
//! |---|---|
//! | `rows N` | N rows `n int4` |
//! | `rows N then fail` | N rows, then `22012` |
//! | `rows N then panic` | N rows, then a panic |
//! | `rows N then hang` | N rows, then nothing until it is cancelled |
//! | `echo T, T …` | one row with its parameters, of types by name, or as the client declares them for `?` |
//! | `values T` | one row of a value of each type there is |
//! | `begin` (or `start transaction`), `commit`, `rollback`, `deallocate NAME`, `deallocate all`, `discard all` | as in SQL |
//! | `set NAME VALUE` | changes a setting and tells the client |
//! | `warn` | a command with a warning |
//! | anything else | `42601` at the position of its first character |

use std::collections::HashMap;
use std::pin::Pin;
use std::sync::atomic::{AtomicI32, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use base64::Engine as _;
use chrono_tz::Tz;
use datafusion::arrow::array::{ArrayRef, Int32Array, RecordBatch};
use datafusion::arrow::datatypes::{Field, Schema};
use datafusion::common::ScalarValue;
use flowforge::base::limits::LimitSet;
use flowforge::base::{ErrorReport, SessionId, SqlState, SqlType, TenantId, TextType, UserName};
use flowforge::engine::{
    Notice, Outcome, OutputColumn, Portals, RowStream, RowsTag, SessionKey, Statements, TransactionStatus, plain_rows,
};
use flowforge::pg::decode::decode;
use flowforge::pg::encode::Format;
use flowforge::pg::{Authenticator, Backend, BackendSession};
use flowforge::tenancy::{Identity, ScramVerifier, Tenant};
use futures::{Stream, StreamExt};
use hmac::{Hmac, Mac};
use sha2::{Digest, Sha256};
use tokio_util::sync::CancellationToken;

/// Rows of one batch.
const BATCH_ROWS: i32 = 3;

/// `acme` with the password `acme`, and tokens for the user `token`.
pub struct FakeUsers;

fn keyed(key: &[u8], message: &[u8]) -> [u8; 32] {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).unwrap();
    mac.update(message);
    mac.finalize().into_bytes().into()
}

fn identity(expires_at: Option<i64>) -> Identity {
    let tenant = Tenant { id: TenantId::new("acme").unwrap(), attributes: std::collections::BTreeMap::new() };
    Identity::unproven_for_tests(Arc::new(tenant), UserName::new("acme").unwrap(), expires_at)
}

#[async_trait]
impl Authenticator for FakeUsers {
    fn verifier(&self, user: &str) -> ScramVerifier {
        let salt = base64::engine::general_purpose::STANDARD.decode("W22ZaJ0SNY7soEsUEjb6gQ==").unwrap();
        let salted: [u8; 32] = pbkdf2::pbkdf2_hmac_array::<Sha256, 32>(b"acme", &salt, 4096);
        let mut stored_key: [u8; 32] = Sha256::digest(keyed(&salted, b"Client Key")).into();
        if user != "acme" {
            stored_key[0] ^= 1;
        }
        ScramVerifier { iterations: 4096, salt, stored_key, server_key: keyed(&salted, b"Server Key") }
    }

    fn password_identity(&self, user: &str) -> Option<Identity> {
        (user == "acme").then(|| identity(None))
    }

    fn is_token_user(&self, user: &str) -> bool {
        user == "token"
    }

    async fn token_identity(&self, token: &str) -> Result<Identity, ErrorReport> {
        match token {
            "valid" => Ok(identity(None)),
            "expiring" => Ok(identity(Some(0))),
            _ => Err(ErrorReport::new(SqlState::INVALID_PASSWORD, "the token is not valid")),
        }
    }
}

/// Sessions by process id: the secret, and what cancels the statement that runs.
type Running = Arc<Mutex<HashMap<i32, (i32, CancellationToken)>>>;

/// What tests look at from outside.
#[derive(Default)]
pub struct Gauges {
    /// Results that are being read.
    pub streams: AtomicUsize,
    /// Rows that were made.
    pub rows: AtomicUsize,
}

/// Counts a result while it is being read.
struct Reading(Arc<Gauges>);

impl Drop for Reading {
    fn drop(&mut self) {
        self.0.streams.fetch_sub(1, Ordering::SeqCst);
    }
}

#[derive(Default)]
pub struct FakeBackend {
    limits: LimitSet,
    gauges: Arc<Gauges>,
    running: Running,
    next: AtomicI32,
}

impl FakeBackend {
    pub fn with_limits(limits: LimitSet) -> Self {
        Self { limits, ..Self::default() }
    }

    pub fn gauges(&self) -> Arc<Gauges> {
        Arc::clone(&self.gauges)
    }
}

impl Backend for FakeBackend {
    type Session = FakeSession;

    fn connect(
        &self,
        _identity: Identity,
        database: &str,
        settings: &[(String, String)],
    ) -> Result<FakeSession, ErrorReport> {
        match database {
            "full" => return Err(ErrorReport::new(SqlState::TOO_MANY_CONNECTIONS, "limit sessions exceeded")),
            "acme" | "flowforge" => {}
            other => {
                let message = format!("database \"{other}\" does not exist");
                return Err(ErrorReport::new(SqlState::INVALID_CATALOG_NAME, message));
            }
        }
        let key = SessionKey { id: SessionId(self.next.fetch_add(1, Ordering::Relaxed) + 1), secret: rand::random() };
        Ok(FakeSession {
            key,
            gauges: Arc::clone(&self.gauges),
            running: Arc::clone(&self.running),
            status: TransactionStatus::Idle,
            settings: settings.to_vec(),
            version: 0,
            statements: Statements::new(&self.limits),
            portals: Portals::new(&self.limits),
        })
    }

    fn cancel(&self, key: SessionKey) {
        let running = self.running.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((secret, token)) = running.get(&key.id.0)
            && *secret == key.secret
        {
            token.cancel();
        }
    }
}

pub struct FakeSession {
    key: SessionKey,
    gauges: Arc<Gauges>,
    running: Running,
    status: TransactionStatus,
    settings: Vec<(String, String)>,
    version: u64,
    statements: Statements<Plan>,
    portals: Portals<BoundPlan>,
}

pub struct Plan {
    text: String,
    parameters: Vec<SqlType>,
    columns: Option<Vec<OutputColumn>>,
}

pub struct BoundPlan {
    plan: Arc<Plan>,
    values: Vec<ScalarValue>,
}

fn column(name: &str, sql_type: SqlType) -> OutputColumn {
    let type_modifier = sql_type.type_modifier();
    OutputColumn { name: name.to_owned(), sql_type, type_modifier }
}

fn type_named(name: &str) -> SqlType {
    if let Some(element) = name.strip_suffix("[]") {
        return SqlType::Array(Box::new(type_named(element)));
    }
    if name == "numeric" {
        return SqlType::Numeric { precision: 38, scale: 10 };
    }
    all_types().into_iter().find(|(sql_type, _)| sql_type.name() == name).unwrap_or_else(|| panic!("type {name}")).0
}

/// Every type with a value as text.
fn all_types() -> Vec<(SqlType, &'static str)> {
    vec![
        (SqlType::Bool, "t"),
        (SqlType::Int2, "-2"),
        (SqlType::Int4, "4"),
        (SqlType::Int8, "-8"),
        (SqlType::Float4, "0.1"),
        (SqlType::Float8, "1e+20"),
        (SqlType::Numeric { precision: 10, scale: 2 }, "-1234.5"),
        (SqlType::Text, "käse"),
        (SqlType::TextLike(TextType::Varchar), ""),
        (SqlType::Date, "2024-02-29"),
        (SqlType::Time, "13:14:15.5"),
        (SqlType::Timestamp, "2024-02-29 13:14:15"),
        (SqlType::Timestamptz, "2024-02-29 13:14:15+01"),
        (SqlType::Interval, "1 mon -1 days 00:00:01"),
        (SqlType::Uuid, "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11"),
        (SqlType::Json, "{\"a\": 1}"),
        (SqlType::Jsonb, "{\"b\": 2}"),
        (SqlType::Bytea, "\\x00ff"),
        (SqlType::Oid, "26"),
        (SqlType::Array(Box::new(SqlType::Int4)), "{1,NULL,3}"),
        (SqlType::Array(Box::new(SqlType::Text)), "{\"a b\",\"\",NULL,\"NULL\"}"),
    ]
}

fn batch(values: Vec<ArrayRef>) -> RecordBatch {
    let fields: Vec<Field> = values
        .iter()
        .enumerate()
        .map(|(index, array)| Field::new(format!("c{index}"), array.data_type().clone(), true))
        .collect();
    RecordBatch::try_new(Arc::new(Schema::new(fields)), values).unwrap()
}

fn plan(text: &str, declared: &[Option<SqlType>]) -> Result<Plan, ErrorReport> {
    let words: Vec<&str> = text.split_whitespace().collect();
    let (parameters, columns) = match words.as_slice() {
        ["rows", ..] => (Vec::new(), Some(vec![column("n", SqlType::Int4)])),
        ["echo", ..] => {
            let types: Vec<SqlType> = text["echo".len()..]
                .split(',')
                .enumerate()
                .map(|(index, name)| match name.trim() {
                    "?" => declared.get(index).cloned().flatten().unwrap_or(SqlType::Text),
                    name => type_named(name),
                })
                .collect();
            let columns = types.iter().map(|sql_type| column("echo", sql_type.clone())).collect();
            (types, Some(columns))
        }
        ["values"] => {
            let columns = all_types().into_iter().map(|(sql_type, _)| column(&sql_type.name(), sql_type)).collect();
            (Vec::new(), Some(columns))
        }
        ["begin" | "commit" | "rollback" | "warn"] | ["set", _, _] | ["deallocate", _] | ["discard", "all"] => {
            (Vec::new(), None)
        }
        _ => {
            let message = format!("syntax error at or near \"{}\"", words.first().unwrap_or(&""));
            return Err(ErrorReport::new(SqlState::SYNTAX_ERROR, message).with_position(1));
        }
    };
    Ok(Plan { text: text.to_owned(), parameters, columns })
}

impl FakeSession {
    fn check_block(&self, text: &str) -> Result<(), ErrorReport> {
        if self.status == TransactionStatus::Failed && !["commit", "rollback"].contains(&text) {
            return Err(ErrorReport::new(
                SqlState::IN_FAILED_SQL_TRANSACTION,
                "current transaction is aborted, commands ignored until end of transaction block",
            ));
        }
        Ok(())
    }

    fn rows(&self, count: i32, end: Option<&str>) -> RowStream {
        let token = CancellationToken::new();
        self.running
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .insert(self.key.id.0, (self.key.secret, token.clone()));
        self.gauges.streams.fetch_add(1, Ordering::SeqCst);
        let reading = Reading(Arc::clone(&self.gauges));
        let gauges = Arc::clone(&self.gauges);
        let starts = (0..count).step_by(usize::try_from(BATCH_ROWS).unwrap());
        let batches = futures::stream::iter(starts).map(move |start| {
            let values = start..count.min(start + BATCH_ROWS);
            gauges.rows.fetch_add(values.len(), Ordering::SeqCst);
            Ok(batch(vec![Arc::new(Int32Array::from_iter_values(values.map(|value| value + 1)))]))
        });
        let ending: Vec<Pin<Box<dyn Stream<Item = _> + Send>>> = match end {
            Some("fail") => {
                let report = ErrorReport::new(SqlState::DIVISION_BY_ZERO, "division by zero");
                vec![Box::pin(futures::stream::iter([Err(report)]))]
            }
            Some("panic") => vec![Box::pin(futures::stream::once(async { panic!("as the test wants") }))],
            Some("hang") => vec![Box::pin(futures::stream::once(async move {
                token.cancelled().await;
                Err(ErrorReport::new(SqlState::QUERY_CANCELED, "canceling statement due to user request"))
            }))],
            _ => Vec::new(),
        };
        let all = batches.chain(futures::stream::iter(ending).flatten());
        plain_rows(all.inspect(move |_| {
            let _until_dropped = &reading;
        }))
    }

    fn command(&mut self, text: &str) -> Result<Outcome, ErrorReport> {
        let words: Vec<&str> = text.split_whitespace().collect();
        let mut notices = Vec::new();
        let mut tag = words[0].to_uppercase();
        match words.as_slice() {
            ["begin"] => self.status = TransactionStatus::InBlock,
            ["commit" | "rollback"] => {
                if self.status == TransactionStatus::Failed {
                    tag = "ROLLBACK".to_owned();
                }
                self.status = TransactionStatus::Idle;
                self.portals.end_transaction(true);
            }
            ["deallocate", "all"] => self.statements.clear(),
            ["deallocate", name] => self.statements.deallocate(name)?,
            ["discard", "all"] => {
                tag = "DISCARD ALL".to_owned();
                self.statements.clear();
                self.portals.clear();
            }
            ["set", name, value] => {
                self.settings.retain(|(known, _)| known != name);
                self.settings.push(((*name).to_owned(), (*value).to_owned()));
                self.version += 1;
            }
            _ => {
                notices.push(Notice { severity: "WARNING", report: ErrorReport::new(SqlState::WARNING, "be careful") });
            }
        }
        Ok(Outcome::Command { tag, notices })
    }
}

impl BackendSession for FakeSession {
    type Statement = String;
    type Prepared = Plan;
    type Bound = BoundPlan;

    fn key(&self) -> SessionKey {
        self.key
    }

    fn reported_settings(&self) -> Vec<(String, String)> {
        let mut settings = vec![("server_version".to_owned(), "15.0".to_owned())];
        settings.extend(self.settings.clone());
        settings
    }

    fn settings_version(&self) -> u64 {
        self.version
    }

    fn statement_timeout(&self) -> Option<Duration> {
        None
    }

    fn idle_timeout(&self) -> Option<(Duration, ErrorReport)> {
        None
    }

    fn statements(&mut self) -> &mut Statements<Plan> {
        &mut self.statements
    }

    fn portals(&mut self) -> &mut Portals<BoundPlan> {
        &mut self.portals
    }

    fn begin_text(&mut self, _statements: usize) {}

    fn end_group(&mut self) {
        if self.status == TransactionStatus::Idle {
            self.portals.end_transaction(true);
        }
    }

    fn time_zone(&self) -> Tz {
        Tz::Europe__Berlin
    }

    fn transaction_status(&self) -> TransactionStatus {
        self.status
    }

    fn fail(&mut self) {
        if self.status == TransactionStatus::InBlock {
            self.status = TransactionStatus::Failed;
        }
    }

    fn parse(&self, text: &str) -> Result<Vec<String>, ErrorReport> {
        // Drivers begin and end transactions in words of their own.
        let text = text.to_lowercase().replace("start transaction", "begin");
        Ok(text.split(';').map(|part| part.trim().to_owned()).filter(|part| !part.is_empty()).collect())
    }

    fn prepare(&self, statement: &String, declared: &[Option<SqlType>]) -> Result<Arc<Plan>, ErrorReport> {
        self.check_block(statement)?;
        plan(statement, declared).map(Arc::new)
    }

    fn first_parameter(_statement: &String) -> Option<(&str, usize)> {
        None
    }

    fn parameter_types(prepared: &Plan) -> &[SqlType] {
        &prepared.parameters
    }

    fn prepared_columns(prepared: &Plan) -> Result<Option<&[OutputColumn]>, ErrorReport> {
        Ok(prepared.columns.as_deref())
    }

    fn bind(&self, prepared: &Arc<Plan>, values: Vec<ScalarValue>) -> Result<BoundPlan, ErrorReport> {
        self.check_block(&prepared.text)?;
        Ok(BoundPlan { plan: Arc::clone(prepared), values })
    }

    fn bound_columns(bound: &BoundPlan) -> Option<&[OutputColumn]> {
        bound.plan.columns.as_deref()
    }

    async fn execute(&mut self, bound: &BoundPlan, _may_pause: bool) -> Result<Outcome, ErrorReport> {
        let text = bound.plan.text.as_str();
        self.check_block(text)?;
        let Some(columns) = bound.plan.columns.clone() else {
            return self.command(text);
        };
        let one = |values: Vec<ScalarValue>| -> RowStream {
            let arrays = values.iter().map(|value| value.to_array().unwrap()).collect();
            plain_rows(futures::stream::iter([Ok(batch(arrays))]))
        };
        let stream = match text.split_whitespace().collect::<Vec<_>>().as_slice() {
            ["rows", count] => self.rows(count.parse().unwrap(), None),
            ["rows", count, "then", end] => self.rows(count.parse().unwrap(), Some(end)),
            ["values"] => one(all_types()
                .iter()
                .map(|(sql_type, text)| decode(Some(text.as_bytes()), sql_type, Format::Text, Tz::UTC).unwrap())
                .collect()),
            _ => one(bound.values.clone()),
        };
        Ok(Outcome::Rows { tag: RowsTag::Select, columns: columns.into(), stream, binary: false })
    }
}
