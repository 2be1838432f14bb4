//! Tables that change under a running server: a store that says so is asked once, and the statement is planned again.
//!
//! The first half is over a store in this process whose tables the test changes; the second over the real engines.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use datafusion::arrow::array::{RecordBatch, RecordBatchOptions, new_null_array};
use datafusion::arrow::datatypes::{Field, Schema, SchemaRef};
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::execution::SendableRecordBatchStream;
use datafusion::logical_expr::LogicalPlan;
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use flowforge::base::limits::LimitSet;
use flowforge::base::{ErrorReport, SqlState, SqlType, StoreKind, TableName, TenantId, UserFacing, UserName};
use flowforge::catalog::{Column, Table, TableLeaf};
use flowforge::config::SessionSection;
use flowforge::engine::hub::Hub;
use flowforge::engine::{CatalogMemory, Engine, EngineParts, Outcome, OutputColumn, Prepared, Session};
use flowforge::guard::VerifiedStatement;
use flowforge::route::Piece;
use flowforge::stores::local::LocalExecutor;
use flowforge::stores::{KeptTexts, PreparedPiece, RunContext, Store, StoreError};
use flowforge::tenancy::{Identity, Policy, PolicyBook, Tenant};
use futures::StreamExt;
use parking_lot::Mutex;

use crate::engines::Engines;
use crate::support::{TestServer, rows, sqlstate, value};

/// What the fake store holds and what it was asked.
#[derive(Debug, Default)]
struct State {
    tables: Vec<Table>,
    /// It refuses every statement, whatever its tables are.
    refuses: bool,
    /// It answers nothing.
    is_down: bool,
    discoveries: usize,
    runs: usize,
}

/// A ClickHouse whose tables the test changes. It runs a statement that was planned for the tables that it has; the rows
/// are one, of NULLs.
#[derive(Debug, Default)]
struct Fake {
    state: Arc<Mutex<State>>,
}

#[derive(Debug)]
struct FakePiece {
    state: Arc<Mutex<State>>,
    planned: Vec<Arc<Table>>,
    schema: SchemaRef,
}

fn tables_of(plan: &LogicalPlan) -> Vec<Arc<Table>> {
    let mut tables = Vec::new();
    plan.apply_with_subqueries(|node| {
        if let LogicalPlan::TableScan(scan) = node {
            tables.extend(TableLeaf::of(&scan.source).map(|leaf| Arc::clone(leaf.table())));
        }
        Ok(TreeNodeRecursion::Continue)
    })
    .unwrap();
    tables
}

#[async_trait]
impl Store for Fake {
    fn kind(&self) -> StoreKind {
        StoreKind::ClickHouse
    }

    fn prepare(
        &self,
        piece: &Arc<Piece>,
        _: &VerifiedStatement,
        _: &[usize],
    ) -> Result<Arc<dyn PreparedPiece>, StoreError> {
        let fields = piece.plan.schema().fields().iter();
        let fields: Vec<Field> = fields.map(|field| field.as_ref().clone().with_nullable(true)).collect();
        Ok(Arc::new(FakePiece {
            state: Arc::clone(&self.state),
            planned: tables_of(&piece.plan),
            schema: Arc::new(Schema::new(fields)),
        }))
    }

    fn has_own_catalog(&self) -> bool {
        true
    }

    async fn discover(&self) -> Result<Vec<Table>, StoreError> {
        let mut state = self.state.lock();
        state.discoveries += 1;
        match state.is_down {
            true => Err(StoreError::Unavailable { store: StoreKind::ClickHouse, detail: "down".to_owned() }),
            false => Ok(state.tables.clone()),
        }
    }

    async fn ping(&self) -> Result<(), StoreError> {
        Ok(())
    }
}

#[async_trait]
impl PreparedPiece for FakePiece {
    async fn run(&self, context: &RunContext) -> Result<SendableRecordBatchStream, StoreError> {
        let mut state = self.state.lock();
        state.runs += 1;
        let is_there = |table: &Arc<Table>| state.tables.iter().any(|held| held == table.as_ref());
        if state.refuses || !self.planned.iter().all(is_there) {
            return Err(context.outdated.note(StoreError::Outdated { store: StoreKind::ClickHouse }));
        }
        let columns = self.schema.fields().iter().map(|field| new_null_array(field.data_type(), 1)).collect();
        let options = RecordBatchOptions::new().with_row_count(Some(1));
        let batch = RecordBatch::try_new_with_options(Arc::clone(&self.schema), columns, &options).unwrap();
        Ok(Box::pin(RecordBatchStreamAdapter::new(Arc::clone(&self.schema), futures::stream::iter([Ok(batch)]))))
    }
}

/// The table `marts.t` with these columns.
fn table(columns: &[(&str, SqlType, &str)]) -> Table {
    let column = |(name, sql_type, store_type): &(&str, SqlType, &str)| Column {
        name: (*name).to_owned(),
        sql_type: sql_type.clone(),
        nullable: true,
        store_type: (*store_type).to_owned(),
    };
    Table {
        name: TableName::new("marts", "t"),
        store: StoreKind::ClickHouse,
        physical: vec!["marts".to_owned(), "t".to_owned()],
        columns: columns.iter().map(column).collect(),
        key: None,
        filters_first: false,
        stale: false,
    }
}

const N: (&str, SqlType, &str) = ("n", SqlType::Int4, "Nullable(Int32)");
const M: (&str, SqlType, &str) = ("m", SqlType::Int4, "Nullable(Int32)");
const N_TEXT: (&str, SqlType, &str) = ("n", SqlType::Text, "Nullable(String)");

fn tenant(id: &str) -> Arc<Tenant> {
    Arc::new(Tenant { id: TenantId::new(id).unwrap(), attributes: BTreeMap::new() })
}

/// An engine over the fake store alone.
struct Bench {
    state: Arc<Mutex<State>>,
    engine: Engine,
}

impl Bench {
    async fn new(tables: Vec<Table>) -> Self {
        Self::with(State { tables, ..State::default() }, 1, None).await
    }

    async fn with(state: State, pause_ms: usize, memory: Option<CatalogMemory>) -> Self {
        let mut limits = LimitSet::default();
        limits.set("catalog_lookup_pause_ms", pause_ms).unwrap();
        let state = Arc::new(Mutex::new(state));
        let engine = Engine::new(EngineParts {
            database: "flowforge".to_owned(),
            stores: vec![Arc::new(Fake { state: Arc::clone(&state) })],
            policies: Arc::new(PolicyBook::new(["t", "u"].map(|name| (TableName::new("marts", name), Policy::Shared)))),
            hub: Hub::default(),
            local: LocalExecutor::new(&limits).unwrap(),
            limits,
            session: SessionSection { search_path: vec!["marts".to_owned()], ..SessionSection::default() },
            logical_tables: Vec::new(),
            server_settings: Vec::new(),
            memory,
        });
        engine.discover().await;
        Self { state, engine }
    }

    fn session(&self) -> Session {
        let user = UserName::new("ann").unwrap();
        let identity = Identity::unproven_for_tests(tenant("acme"), user, None);
        self.engine.connect(identity, "flowforge", &[]).unwrap()
    }

    fn change(&self, columns: &[(&str, SqlType, &str)]) {
        self.state.lock().tables = vec![table(columns)];
    }

    /// Discoveries and runs since the last time.
    fn counts(&self) -> (usize, usize) {
        let mut state = self.state.lock();
        (std::mem::take(&mut state.discoveries), std::mem::take(&mut state.runs))
    }
}

fn prepared(session: &Session, text: &str) -> Arc<Prepared> {
    let statements = session.parse(text).unwrap();
    session.prepare(&statements[0], &[]).map_err(|error| error.report()).unwrap()
}

/// Binds and runs; gives the columns and the number of rows.
async fn run(session: &mut Session, prepared: &Arc<Prepared>) -> Result<(Vec<OutputColumn>, usize), ErrorReport> {
    let bound = session.bind(prepared, Vec::new()).map_err(|error| error.report())?;
    let outcome = session.execute(&bound, false).await.map_err(|error| error.report())?;
    let Outcome::Rows { columns, mut stream, .. } = outcome else { panic!("no rows") };
    let mut count = 0;
    while let Some(batch) = stream.next().await {
        count += batch?.num_rows();
    }
    Ok((columns.to_vec(), count))
}

/// A plan that has one piece, and one that runs in process over its piece.
const FORMS: [&str; 2] = ["SELECT n FROM t", "SELECT n, md5(n::text) FROM (SELECT DISTINCT n FROM t) s ORDER BY 2"];

#[tokio::test]
async fn a_statement_whose_table_has_changed_is_planned_again() {
    for text in FORMS {
        let bench = Bench::new(vec![table(&[N])]).await;
        let mut session = bench.session();
        let statement = prepared(&session, text);
        assert_eq!(run(&mut session, &statement).await.unwrap().1, 1, "{text}");
        assert_eq!(bench.counts(), (1, 1), "{text}");
        // What the statement reads is as it was.
        bench.change(&[M, N]);
        assert_eq!(run(&mut session, &statement).await.unwrap().1, 1, "{text}");
        assert_eq!(bench.counts(), (1, 2), "{text}");
        assert_eq!(bench.engine.metrics().replans.get(), 1, "{text}");
        // From here on the plan is for the new table.
        assert_eq!(run(&mut session, &statement).await.unwrap().1, 1, "{text}");
        assert_eq!(bench.counts(), (0, 1), "{text}");
    }
}

#[tokio::test]
async fn what_is_gone_is_told_as_planning_tells_it() {
    for text in FORMS {
        let bench = Bench::new(vec![table(&[N])]).await;
        let mut session = bench.session();
        let statement = prepared(&session, text);
        bench.counts();
        bench.change(&[M]);
        assert_eq!(run(&mut session, &statement).await.unwrap_err().sqlstate, SqlState::UNDEFINED_COLUMN, "{text}");
        bench.change(&[N]);
        bench.engine.discover().await;
        let statement = prepared(&session, text);
        bench.state.lock().tables.clear();
        assert_eq!(run(&mut session, &statement).await.unwrap_err().sqlstate, SqlState::UNDEFINED_TABLE, "{text}");
        // One discovery each, and the one that was asked for.
        assert_eq!(bench.counts(), (3, 2), "{text}");
    }
}

#[tokio::test]
async fn columns_that_a_client_was_told_of_do_not_change() {
    let bench = Bench::new(vec![table(&[N])]).await;
    let mut session = bench.session();
    let statement = prepared(&session, FORMS[0]);
    bench.change(&[N_TEXT]);
    let report = run(&mut session, &statement).await.unwrap_err();
    assert_eq!(report.sqlstate, SqlState::FEATURE_NOT_SUPPORTED);
    assert_eq!(report.message, "cached plan must not change result type");

    // A text is described by its run.
    bench.change(&[N]);
    bench.engine.discover().await;
    session.begin_text(1);
    let statement = prepared(&session, FORMS[0]);
    bench.change(&[N_TEXT]);
    let (columns, rows) = run(&mut session, &statement).await.unwrap();
    session.end_group();
    assert_eq!((&columns[0].sql_type, rows), (&SqlType::Text, 1));
}

#[tokio::test]
async fn a_store_that_goes_on_refusing_is_named() {
    for text in FORMS {
        let bench = Bench::new(vec![table(&[N])]).await;
        let mut session = bench.session();
        bench.state.lock().refuses = true;
        let before = bench.engine.catalog_version();
        let statement = prepared(&session, text);
        let report = run(&mut session, &statement).await.unwrap_err();
        assert_eq!(report.sqlstate, SqlState::INTERNAL_ERROR, "{text}");
        assert_eq!(report.message, "store clickhouse does not have what its statement reads", "{text}");
        assert!(report.detail.is_some() && report.hint.is_some());
        assert_eq!(bench.counts(), (2, 2), "{text}");
        // Nothing was found changed, so that the plans of others stay good.
        assert_eq!(bench.engine.catalog_version(), before);
    }
}

#[tokio::test]
async fn lookups_keep_their_pause() {
    const PAUSE_MS: usize = 200;
    // The limit is catalog_lookup_pause_ms.
    let state = State { tables: vec![table(&[N])], refuses: true, ..State::default() };
    let bench = Bench::with(state, PAUSE_MS, None).await;
    let mut session = bench.session();
    let statement = prepared(&session, FORMS[0]);
    bench.counts();
    let started = Instant::now();
    for _ in 0..3 {
        run(&mut session, &statement).await.unwrap_err();
    }
    assert!(started.elapsed() >= Duration::from_millis(2 * PAUSE_MS as u64), "{:?}", started.elapsed());
    assert_eq!(bench.counts(), (3, 6));

    // Those who hear it at once share what is found.
    let together = (0..8).map(async |_| {
        let mut session = bench.session();
        let statement = prepared(&session, FORMS[0]);
        run(&mut session, &statement).await.unwrap_err()
    });
    futures::future::join_all(together).await;
    let (discoveries, runs) = bench.counts();
    assert!((1..=2).contains(&discoveries) && runs == 16, "{discoveries} discoveries, {runs} runs");
}

#[tokio::test]
async fn a_lookup_ends_with_the_statement_that_waits_for_it() {
    let state = State { tables: vec![table(&[N])], refuses: true, ..State::default() };
    let bench = Bench::with(state, 600_000, None).await;
    let mut session = bench.session();
    let statement = prepared(&session, FORMS[0]);
    run(&mut session, &statement).await.unwrap_err();
    let timeout = prepared(&session, "SET statement_timeout = 50");
    let bound = session.bind(&timeout, Vec::new()).map_err(|error| error.report()).unwrap();
    drop(session.execute(&bound, false).await.map_err(|error| error.report()).unwrap());
    let started = std::time::Instant::now();
    assert_eq!(run(&mut session, &statement).await.unwrap_err().sqlstate, SqlState::QUERY_CANCELED);
    assert!(started.elapsed() < Duration::from_secs(5), "it ends long before it would be asked again");
}

/// Texts in this process.
#[derive(Debug, Default)]
struct Texts(Mutex<BTreeMap<String, Vec<u8>>>);

#[async_trait]
impl KeptTexts for Texts {
    async fn read(&self, key: &str, _: usize) -> Result<Option<Vec<u8>>, StoreError> {
        Ok(self.0.lock().get(key).cloned())
    }

    async fn write(&self, key: &str, text: &[u8], _: Duration) -> Result<(), StoreError> {
        self.0.lock().insert(key.to_owned(), text.to_vec());
        Ok(())
    }
}

#[tokio::test]
async fn an_engine_that_starts_while_its_store_is_down_shows_what_it_had() {
    let texts = Arc::new(Texts::default());
    let memory = |tenants: &[&str]| {
        let texts = Arc::<Texts>::clone(&texts);
        let tenants = tenants.iter().map(|id| tenant(id)).collect();
        Some(CatalogMemory { texts, prefix: "p:".to_owned(), lifetime: Duration::from_secs(600), tenants })
    };
    let up = State { tables: vec![table(&[N])], ..State::default() };
    let _before = Bench::with(up, 1, memory(&["acme"])).await;
    for _ in 0..1_000 {
        if !texts.0.lock().is_empty() {
            break;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    assert_eq!(texts.0.lock().len(), 1);

    let down = State { tables: vec![table(&[N, M])], is_down: true, ..State::default() };
    let after = Bench::with(down, 1, memory(&["acme", "globex"])).await;
    let seen = |id: &str| -> Vec<Table> {
        after.engine.view(&tenant(id)).tables().map(|table| table.as_ref().clone()).collect()
    };
    assert_eq!(seen("acme"), [table(&[N]).as_stale()]);
    // Nobody kept a view for the other tenant, and it is given nobody else's.
    assert!(seen("globex").is_empty());
    // For who remembers nothing the store may have any table, and for who remembers some it has those.
    let missing = |id: &str, name: &str| {
        after.engine.view(&tenant(id)).leaf(&TableName::new("marts", name)).unwrap_err().sqlstate()
    };
    assert_eq!(missing("globex", "t"), SqlState::CONNECTION_FAILURE);
    assert_eq!(missing("globex", "u"), SqlState::CONNECTION_FAILURE);
    assert_eq!(missing("acme", "u"), SqlState::UNDEFINED_TABLE);
    // It stays while the store is down, and goes when the store tells again.
    assert_eq!(after.engine.discover().await, [StoreKind::ClickHouse]);
    assert_eq!(seen("acme"), [table(&[N]).as_stale()]);
    after.state.lock().is_down = false;
    assert!(after.engine.discover().await.is_empty());
    assert_eq!(seen("acme"), [table(&[N, M])]);
    assert_eq!(seen("globex"), [table(&[N, M])]);
    assert_eq!(missing("globex", "u"), SqlState::UNDEFINED_TABLE);
}

const CHANGING: &str =
    r#"[{ table = "marts.changing", kind = "shared" }, { table = "materialize.changing", kind = "shared" }]"#;

/// Makes a table of both engines anew, with one row.
fn make(engines: &Engines, of_clickhouse: &str, of_materialize: &str) {
    engines.clickhouse_run("DROP TABLE IF EXISTS marts.changing");
    engines.clickhouse_run(&format!("CREATE TABLE marts.changing ENGINE = Memory AS SELECT {of_clickhouse}"));
    engines.materialize_run(&format!(
        "DROP TABLE IF EXISTS materialize.changing; CREATE TABLE materialize.changing AS SELECT {of_materialize}"
    ));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_table_of_a_real_store_may_change() {
    let Some(engines) = Engines::start().await else { return };
    make(&engines, "toInt32(7) AS n", "7::int AS n");
    let changes = [("policies", CHANGING), ("limits.catalog_lookup_pause_ms", "50")];
    let server = engines.server_with(&changes).await;
    let client = server.connect("acme").await;
    let of = |schema: &str| format!("SELECT n FROM {schema}.changing");
    let joined = "SELECT c.n FROM marts.changing c JOIN materialize.changing m ON c.n = m.n";
    for text in [of("marts"), of("materialize"), joined.to_owned()] {
        assert_eq!(value(&client, &text).await, "7", "{text}");
    }

    // Prepared statements keep their columns, a text has those of its run.
    for schema in ["marts", "materialize"] {
        make(&engines, "toInt32(7) AS n", "7::int AS n");
        assert_eq!(sqlstate(&client, "SELECT catalog_refresh()").await, "00000");
        let statement = client.prepare(&of(schema)).await.unwrap();
        assert_eq!(client.query_one(&statement, &[]).await.unwrap().get::<_, i32>(0), 7);
        make(&engines, "'seven' AS n", "'seven'::text AS n");
        let error = client.query_one(&statement, &[]).await.unwrap_err();
        let report = error.as_db_error().unwrap_or_else(|| panic!("{schema}: {error:?}"));
        let told = (report.code().code(), report.message());
        assert_eq!(told, ("0A000", "cached plan must not change result type"), "{schema}");
        assert_eq!(value(&client, &of(schema)).await, "seven", "{schema}");
        make(&engines, "toFloat64(1.5) AS n", "1.5::float8 AS n");
        assert_eq!(value(&client, &of(schema)).await, "1.5", "{schema}");
    }
    make(&engines, "'seven' AS n", "'seven'::text AS n");
    assert_eq!(value(&client, joined).await, "seven");

    // The keys of one store go to the other; what either of them refuses on the way is planned again.
    for (of_clickhouse, of_materialize, then) in
        [("'seven' AS n", "'seven'::text AS n", "00000"), ("'7' AS n", "7::int AS n", "42883")]
    {
        make(&engines, "toInt32(7) AS n", "7::int AS n");
        assert_eq!(sqlstate(&client, "SELECT catalog_refresh()").await, "00000");
        let explained = rows(&client, &format!("EXPLAIN {joined}")).await.unwrap();
        let mut lines = explained.iter().flatten().flatten();
        assert!(lines.any(|line| line.contains("waits for keys")), "{explained:?}");
        make(&engines, of_clickhouse, of_materialize);
        assert_eq!(sqlstate(&client, joined).await, then, "{of_clickhouse}");
    }

    // A column and a table that are gone.
    make(&engines, "1 AS m", "1 AS m");
    for text in [of("marts"), of("materialize")] {
        assert_eq!(sqlstate(&client, &text).await, "42703", "{text}");
    }
    engines.clickhouse_run("DROP TABLE marts.changing");
    engines.materialize_run("DROP TABLE materialize.changing");
    for schema in ["marts", "materialize"] {
        assert_eq!(sqlstate(&client, &format!("SELECT m FROM {schema}.changing")).await, "42P01", "{schema}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_view_over_nothing_is_an_error_that_names_its_store() {
    let Some(engines) = Engines::start().await else { return };
    make(&engines, "toInt32(7) AS n", "7::int AS n");
    engines.clickhouse_run("CREATE VIEW marts.broken AS SELECT n FROM marts.changing");
    let policies = r#"[{ table = "marts.broken", kind = "shared" }]"#;
    let server = engines.server_with(&[("policies", policies), ("limits.catalog_lookup_pause_ms", "50")]).await;
    let client = server.connect("acme").await;
    assert_eq!(value(&client, "SELECT n FROM marts.broken").await, "7");
    engines.clickhouse_run("DROP TABLE marts.changing");
    let error = client.simple_query("SELECT n FROM marts.broken").await.unwrap_err();
    let report = error.as_db_error().unwrap();
    let told = (report.code().code(), report.message());
    assert_eq!(told, ("XX000", "store clickhouse does not have what its statement reads"));
    assert!(!format!("{report:?}").contains("changing"), "the store's words stay in the log: {report:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_policy_on_what_is_no_text_hides_the_table() {
    let Some(engines) = Engines::start().await else { return };
    let owner = "CAST('acme' AS Enum8('acme' = 1, 'globex' = 2)) AS owner, 1 AS n";
    engines.clickhouse_run(&format!("CREATE TABLE marts.coded ENGINE = Memory AS SELECT {owner}"));
    engines.clickhouse_run("CREATE TABLE marts.plain ENGINE = Memory AS SELECT 'acme' AS owner, 1 AS n");
    let policy = |table| format!("{{ table = \"marts.{table}\", kind = \"tenant_column\", column = \"owner\" }}");
    let policies = format!("[{}, {}]", policy("coded"), policy("plain"));
    let server = engines.server_with(&[("policies", &policies)]).await;
    let client = server.connect("acme").await;
    assert_eq!(value(&client, "SELECT n FROM marts.plain").await, "1");
    assert_eq!(sqlstate(&client, "SELECT n FROM marts.coded").await, "42P01");
    let listed = "SELECT string_agg(table_name, ',') FROM information_schema.tables WHERE table_schema = 'marts'";
    assert_eq!(value(&client, listed).await, "plain");
}

const TABLES_OF_MARTS: &str = "SELECT count(*) FROM information_schema.tables WHERE table_schema = 'marts'";

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_starts_without_clickhouse_shows_its_tables() {
    let Some(engines) = Engines::start().await else { return };
    let first = engines.server().await;
    let tables = value(&first.connect("acme").await, TABLES_OF_MARTS).await;
    assert_ne!(tables, "0");
    let mut keys = Vec::new();
    for _ in 0..400 {
        keys = engines.redis_keys("flowforge:catalog:*");
        // Two tenants, two stores.
        if keys.len() == 4 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(25)).await;
    }
    assert_eq!(keys.len(), 4, "{keys:?}");
    assert!(keys.iter().all(|key| engines.redis(&["TTL", key]).parse::<i64>().unwrap() > 600_000), "{keys:?}");

    // Nobody listens on the port of a listener that is gone.
    let nowhere = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let without_clickhouse = async |prefix: &str| {
        let mut changes = engines.addresses(nowhere, engines.materialize_port(), engines.redis_port());
        changes.push(("stores.redis.catalog.prefix".to_owned(), prefix.to_owned()));
        changes.push(("stores.clickhouse.connection.attempts".to_owned(), "1".to_owned()));
        let changes: Vec<_> = changes.iter().map(|(key, value)| (key.as_str(), value.as_str())).collect();
        TestServer::start_with(&changes).await
    };
    let second = without_clickhouse("flowforge:catalog:").await;
    for user in ["acme", "globex"] {
        let client = second.connect(user).await;
        assert_eq!(value(&client, TABLES_OF_MARTS).await, tables, "{user}");
        assert_eq!(sqlstate(&client, "SELECT count(*) FROM fct_trades").await, "08006", "{user}");
        assert_eq!(sqlstate(&client, "SELECT count(*) FROM live_quotes").await, "00000", "{user}");
    }
    let elsewhere = without_clickhouse("other:").await;
    assert_eq!(value(&elsewhere.connect("acme").await, TABLES_OF_MARTS).await, "0");

    // One tenant's view under the other's key is nobody's, and so is what is no view.
    let of = |tenant: &str| {
        let found = keys.iter().find(|key| key.contains(tenant) && key.ends_with("clickhouse"));
        found.cloned().unwrap_or_else(|| panic!("{tenant}: {keys:?}"))
    };
    engines.redis(&["COPY", &of(":globex:"), &of(":acme:"), "REPLACE"]);
    engines.redis(&["DEL", &of(":globex:")]);
    engines.redis(&["RPUSH", &of(":globex:"), "x"]);
    let third = without_clickhouse("flowforge:catalog:").await;
    for user in ["acme", "globex"] {
        assert_eq!(value(&third.connect(user).await, TABLES_OF_MARTS).await, "0", "{user}");
    }
    let _fourth = engines.server().await;
    for _ in 0..400 {
        if engines.redis(&["TYPE", &of(":globex:")]) == "string" {
            break;
        }
        tokio::time::sleep(Duration::from_millis(25)).await;
    }
    assert_eq!(engines.redis(&["TYPE", &of(":globex:")]), "string");
    assert!(engines.redis(&["GET", &of(":acme:")]).contains("\"tenant\":\"acme\""));
}

/// What `/metrics` says.
async fn metrics(server: &TestServer) -> String {
    let url = format!("http://{}/metrics", server.server.http_address());
    let asked =
        tokio::task::spawn_blocking(move || ureq::get(&url).call().unwrap().into_body().read_to_string().unwrap());
    asked.await.unwrap()
}

/// The value of a metric by its name and labels.
fn number(text: &str, metric: &str) -> f64 {
    let line = text.lines().find_map(|line| line.strip_prefix(metric)?.strip_prefix(' '));
    line.and_then(|value| value.parse().ok()).unwrap_or_else(|| panic!("no {metric} in\n{text}"))
}

#[tokio::test(flavor = "multi_thread")]
async fn every_store_is_counted() {
    let server = TestServer::start().await;
    let client = server.connect("acme").await;
    let before = metrics(&server).await;
    assert!(number(&before, "flowforge_catalog_tables{store=\"redis\"}") > 0.0);
    rows(&client, "SELECT symbol FROM marts.dim_instruments").await.unwrap();
    assert_eq!(sqlstate(&client, "SELECT 1 / (lot_size - lot_size) FROM marts.dim_instruments").await, "22012");
    let text = metrics(&server).await;
    assert_eq!(number(&text, "flowforge_store_requests_total{store=\"clickhouse\"}"), 2.0);
    assert_eq!(number(&text, "flowforge_store_rows_total{store=\"clickhouse\"}"), 10.0);
    assert!(number(&text, "flowforge_store_bytes_total{store=\"clickhouse\"}") > 10.0);
    assert_eq!(number(&text, "flowforge_store_first_row_seconds_count{store=\"clickhouse\"}"), 1.0);
    assert_eq!(number(&text, "flowforge_store_seconds_count{store=\"clickhouse\"}"), 2.0);
    assert_eq!(number(&text, "flowforge_store_errors_total{store=\"clickhouse\",class=\"22\"}"), 1.0);
    assert_eq!(number(&text, "flowforge_catalog_version"), 1.0);
    assert_eq!(number(&text, "flowforge_catalog_stale_tables{store=\"clickhouse\"}"), 0.0);
    assert!(number(&text, "flowforge_catalog_age_seconds{store=\"clickhouse\"}") < 3600.0);
    assert!(!text.contains("acme") && !text.contains("fct_trades"), "whoever reads them proved nothing");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_that_is_down_is_seen_in_the_metrics() {
    let Some(engines) = Engines::start().await else { return };
    let mut proxy = crate::faults::Proxy::before(engines.clickhouse_port()).await;
    let mut changes = engines.addresses(proxy.port(), engines.materialize_port(), engines.redis_port());
    for (key, value) in
        [("attempts", "2"), ("breaker_failures", "2"), ("breaker_pause_ms", "600000"), ("concurrent_queries", "7")]
    {
        changes.push((format!("stores.clickhouse.connection.{key}"), value.to_owned()));
    }
    let changes: Vec<_> = changes.iter().map(|(key, value)| (key.as_str(), value.as_str())).collect();
    let server = TestServer::start_with(&changes).await;
    let client = server.connect("acme").await;
    let of = |metric: &str| format!("flowforge_{metric}{{store=\"clickhouse\"}}");
    let text = metrics(&server).await;
    assert_eq!(number(&text, &of("store_breaker_open")), 0.0);
    assert_eq!(number(&text, &of("store_places")), 7.0);
    assert_eq!(number(&text, &of("store_retries_total")), 0.0);
    proxy.set(crate::faults::Mood::Refused).await;
    assert_eq!(sqlstate(&client, "SELECT count(*) FROM fct_trades").await, "08006");
    assert_eq!(sqlstate(&client, "SELECT catalog_refresh()").await, "00000");
    let text = metrics(&server).await;
    assert_eq!(number(&text, &of("store_breaker_open")), 1.0);
    assert_eq!(number(&text, &of("store_running")), 0.0);
    assert!(number(&text, &of("store_retries_total")) >= 1.0);
    assert_eq!(number(&text, "flowforge_store_errors_total{store=\"clickhouse\",class=\"08\"}"), 1.0);
    assert_eq!(number(&text, &of("catalog_stale_tables")), number(&text, &of("catalog_tables")));
}

#[tokio::test(flavor = "multi_thread")]
async fn analyze_tells_what_was_known_before_the_run() {
    let Some(engines) = Engines::start().await else { return };
    let server = engines.server().await;
    let client = server.connect("acme").await;
    let text = "EXPLAIN ANALYZE SELECT symbol, net_qty FROM live_positions ORDER BY symbol";
    let statement = client.prepare(text).await.unwrap();
    let lines =
        async || -> Vec<String> { client.query(&statement, &[]).await.unwrap().iter().map(|row| row.get(0)).collect() };
    let first = lines().await;
    assert!(first.iter().any(|line| line.starts_with("  plan: made for this run, catalog version: ")), "{first:#?}");
    assert!(first.iter().any(|line| line.contains("tables told ")), "{first:#?}");
    assert!(first.iter().any(|line| line.ends_with("statement of the store: prepared for this run")), "{first:#?}");
    // The pool may give another session first.
    let mut reused = false;
    for _ in 0..40 {
        let again = lines().await;
        assert!(again.iter().any(|line| line.starts_with("  plan: reused, catalog version: ")), "{again:#?}");
        reused = again.iter().any(|line| line.ends_with("statement of the store: reused"));
        if reused {
            break;
        }
    }
    assert!(reused);
}
