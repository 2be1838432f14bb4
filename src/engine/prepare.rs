//! Statement → plan → guard → route → emit → verify → stores: the way of a query, once for many runs.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use chrono_tz::Tz;
use datafusion::arrow::datatypes::DataType;
use datafusion::catalog::TableProvider;
use datafusion::common::ScalarValue;
use datafusion::common::tree_node::{TreeNode, TreeNodeRecursion};
use datafusion::logical_expr::{Expr, LogicalPlan, TableSource};

use crate::base::limits::{self, LimitSet};
use crate::base::{ErrorReport, Freshness, InternalError, SqlState, SqlType, StoreKind, infinite};
use crate::emit::{Dialect, EmitError, Emitter, emit};
use crate::functions::{is_unread, literal};
use crate::guard::{self, GuardedPlan, VerifiedStatement, verify};
use crate::route::{Capability, Choice, Piece, PieceLeaf, PlacedPlan, RoutedPlan, place_logical_tables, route};
use crate::sql::{
    Announced, CopyOut, Declare, ExecuteCall, ExplainOptions, ExplainTarget, Fetch, PlanContext, PlannedQuery, Query,
    SessionStatement, Statement, StatementKind, Upkeep, parameter_count, plan_query,
};
use crate::stores::keys::Transfer;
use crate::stores::local::{PreparedLocal, piece_provider};
use crate::stores::{PreparedPiece, observed};
use crate::tenancy::Tenant;

use super::calls::WorkflowCalls;
use super::core::Engine;
use super::cursors::work_of;
use super::error::EngineError;
use super::explain::{self, Explained};
use super::keys::KeyExchange;
use super::outcome::{OutputColumn, OutputColumns};
use super::session::Session;
use super::session_statements::session_columns;
use super::shared_settings::PlannedSettings;

/// A statement that is planned, routed and emitted; it can be bound and run again and again.
#[derive(Debug)]
pub struct Prepared {
    /// The statement.
    pub statement: Statement,
    /// The types of `$1`, `$2` …
    pub parameter_types: Vec<SqlType>,
    /// The columns of its rows; `None` for a statement without rows.
    /// An error when they depend on the values of the parameters: it is what Describe of the statement answers.
    pub columns: Result<Option<OutputColumns>, ErrorReport>,
    pub(super) work: Work,
    /// The catalog that it was planned against.
    catalog_version: u64,
    declared_types: Vec<Option<SqlType>>,
    /// It was planned for the values of one run.
    with_values: bool,
    /// A run of it has begun.
    has_run: AtomicBool,
    /// The plan holds what was true for the request that made it, such as times or the list of settings.
    one_request_only: bool,
    /// What of the settings it was planned with.
    environment: Environment,
}

/// The settings that planning reads.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Environment {
    search_path: Arc<[String]>,
    time_zone: Tz,
    freshness: Option<Freshness>,
}

impl Environment {
    fn of(session: &Session) -> Self {
        session.with_settings(|settings| Self {
            search_path: settings.search_path(),
            time_zone: settings.time_zone(),
            freshness: settings.freshness(),
        })
    }
}

/// A query that `EXPLAIN ANALYZE` runs.
#[derive(Debug)]
pub(super) struct Analyzed {
    pub(super) query: QueryWork,
    /// Its pieces, by number, and their stores.
    pub(super) pieces: Vec<(usize, StoreKind)>,
}

/// What running it means.
#[derive(Debug)]
pub(super) enum Work {
    /// A query, ready to run.
    Query(Box<QueryWork>),
    /// The stages of a query; with ANALYZE, the query too.
    Explain { explained: Explained, analyze: Option<Box<Analyzed>> },
    /// Keeps a statement under a name.
    Prepare { name: String, types: Vec<Option<SqlType>>, statement: Box<Statement> },
    /// Runs a prepared statement, or with options explains it.
    Execute { call: ExecuteCall, options: Option<ExplainOptions> },
    /// Opens a cursor over a query.
    Declare { declare: Declare, inner: Arc<Prepared> },
    /// Sends the rows of a query as a stream of bytes.
    Copy { copy: CopyOut, inner: Arc<Prepared> },
    /// Reads from a cursor.
    Fetch(Fetch),
    /// Closes a cursor, or all.
    Close(Option<String>),
    /// Keeps a database in order.
    Upkeep(Upkeep),
    /// A session statement.
    Session(SessionStatement),
    /// A write, which is refused when it runs.
    Write(String),
    /// A query that can only be planned once its parameters have values.
    NeedsValues,
}

/// A query, ready to run.
#[derive(Debug)]
pub(super) struct QueryWork {
    pub(super) rows: Rows,
    /// Limits the run as a preview.
    pub(super) is_preview: bool,
    /// The stores that it reads from whose tables can change on their own.
    pub(super) changing_stores: Vec<StoreKind>,
}

/// Where a query's rows come from.
#[derive(Debug)]
pub(super) enum Rows {
    /// One store runs the whole query.
    OnePiece(Arc<dyn PreparedPiece>),
    /// This process runs it, over the rows of pieces or over rows that are here.
    InProcess {
        /// What runs here.
        plan: Box<PreparedLocal>,
        /// The keys that some pieces wait for.
        keys: KeyExchange,
    },
}

impl Rows {
    /// Which keys go from one piece to another.
    pub(super) fn transfers(&self) -> &[Transfer] {
        match self {
            Self::OnePiece(_) => &[],
            Self::InProcess { plan: _, keys } => keys.transfers(),
        }
    }
}

/// A prepared statement with values: a portal before its first Execute.
#[derive(Debug)]
pub struct Bound {
    /// The columns of its rows; `None` for a statement without rows.
    pub columns: Option<OutputColumns>,
    pub(super) prepared: Arc<Prepared>,
    pub(super) values: Arc<[ScalarValue]>,
    /// How many `EXECUTE`s led to it.
    pub(super) depth: usize,
}

impl Bound {
    /// Where the statement begins in its text, in characters from 0.
    #[must_use]
    pub fn offset(&self) -> usize {
        self.prepared.statement.offset
    }

    /// The same, for another run.
    pub(super) fn again(&self) -> Self {
        Self {
            columns: self.columns.clone(),
            prepared: Arc::clone(&self.prepared),
            values: Arc::clone(&self.values),
            depth: self.depth,
        }
    }
}

/// The stages of one query, kept for `EXPLAIN` and `workflow_compile`.
#[derive(Debug)]
pub(super) struct Stages {
    pub(super) plan: LogicalPlan,
    /// What serves the logical tables of the plan.
    pub(super) choices: Vec<Choice>,
    pub(super) guarded: GuardedPlan,
    pub(super) routed: RoutedPlan,
    pub(super) statements: Vec<PieceStatement>,
}

/// One piece's final statement.
#[derive(Debug)]
pub(super) struct PieceStatement {
    pub(super) piece: Arc<Piece>,
    pub(super) dialect: Dialect,
    pub(super) verified: VerifiedStatement,
    pub(super) parameters: Vec<usize>,
}

/// A plan's way through placement, guard, route, emit and verify. Pure: the same plan gives the same stages.
///
/// # Errors
/// Whatever a stage says.
pub(super) fn compile(
    plan: LogicalPlan,
    tenant: &Arc<Tenant>,
    freshness: Option<Freshness>,
) -> Result<Stages, EngineError> {
    compile_within(plan, tenant, freshness, &Emitter)
}

/// As [`compile`], for stores that can do so much.
fn compile_within(
    plan: LogicalPlan,
    tenant: &Arc<Tenant>,
    freshness: Option<Freshness>,
    capability: &dyn Capability,
) -> Result<Stages, EngineError> {
    let PlacedPlan { plan: placed, choices } = place_logical_tables(plan.clone(), freshness)?;
    let guarded = guard::apply(placed, tenant)?;
    let routed = route(guarded.clone(), capability)?;
    let (routed, statements) = match write_pieces(&routed) {
        Ok(statements) => (routed, statements),
        // A dialect that cannot say a larger piece after all still gets its tables; the rest runs in process.
        Err(EngineError::Emit(EmitError::Unsupported { .. })) => {
            let routed = route(guarded.clone(), &LeavesOnly(capability))?;
            let statements = write_pieces(&routed)?;
            (routed, statements)
        }
        Err(error) => return Err(error),
    };
    Ok(Stages { plan, choices, guarded, routed, statements })
}

fn write_pieces(routed: &RoutedPlan) -> Result<Vec<PieceStatement>, EngineError> {
    routed.pieces.iter().map(write_piece).collect()
}

/// # Errors
/// When its dialect cannot say it, or a table in it is not guarded.
pub(super) fn write_piece(piece: &Arc<Piece>) -> Result<PieceStatement, EngineError> {
    let dialect = Dialect::of(piece.store);
    let emitted = emit(piece, dialect)?;
    let verified = verify(emitted.statement, emitted.dialect.grammar(), &piece.requirements)?;
    Ok(PieceStatement { piece: Arc::clone(piece), dialect, verified, parameters: emitted.parameters })
}

/// Only the guarded table itself goes to its store.
struct LeavesOnly<'a>(&'a dyn Capability);

impl Capability for LeavesOnly<'_> {
    fn supports(&self, store: StoreKind, node: &LogicalPlan) -> bool {
        let is_guarded_leaf = match node {
            LogicalPlan::TableScan(_) => true,
            LogicalPlan::Filter(filter) => matches!(filter.input.as_ref(), LogicalPlan::TableScan(_)),
            _ => false,
        };
        is_guarded_leaf && self.0.supports(store, node)
    }
}

/// What reads a parameter whose value no store has, because it is infinite, stays in process.
struct FiniteOnly<'a>(&'a [ScalarValue]);

impl Capability for FiniteOnly<'_> {
    fn supports(&self, store: StoreKind, node: &LogicalPlan) -> bool {
        Emitter.supports(store, node) && !self.reads_infinite(node)
    }
}

impl FiniteOnly<'_> {
    fn reads_infinite(&self, node: &LogicalPlan) -> bool {
        let mut found = false;
        // The closures never fail.
        drop(node.apply_expressions(|expr| {
            found |= expr.exists(|part| Ok(self.is_infinite(part))).unwrap_or(true);
            Ok(if found { TreeNodeRecursion::Stop } else { TreeNodeRecursion::Continue })
        }));
        found
    }

    fn is_infinite(&self, part: &Expr) -> bool {
        let Expr::Placeholder(placeholder) = part else { return false };
        if is_unread(part) {
            return false;
        }
        let number = placeholder.id.strip_prefix('$').and_then(|digits| digits.parse::<usize>().ok());
        let value = number.and_then(|number| self.0.get(number.checked_sub(1)?));
        value.is_none_or(infinite::is_infinite)
    }
}

/// As [`compile`], for a session and the values of one run where they are known.
fn compile_for(plan: LogicalPlan, session: &Session, values: Option<&[ScalarValue]>) -> Result<Stages, EngineError> {
    let (tenant, freshness) = (session.identity().tenant(), Environment::of(session).freshness);
    match values {
        Some(values) if values.iter().any(infinite::is_infinite) => {
            compile_within(plan, tenant, freshness, &FiniteOnly(values))
        }
        Some(_) | None => compile(plan, tenant, freshness),
    }
}

impl Engine {
    /// Plans a statement for a session. `values` are there when it is planned again at Bind.
    pub(super) fn prepare(
        &self,
        session: &Session,
        statement: &Statement,
        declared_types: &[Option<SqlType>],
        values: Option<&[ScalarValue]>,
    ) -> Result<Arc<Prepared>, EngineError> {
        let view = session.view();
        let ready = match &statement.kind {
            StatementKind::Query(query) => self.prepare_query(session, query, declared_types, values)?,
            StatementKind::Explain { target: ExplainTarget::Query(query), options } => {
                self.prepare_explain(session, query, *options, declared_types, values)?
            }
            StatementKind::Session(inner) => {
                let columns = Ok(session_columns(inner));
                Ready::without_query(columns, Work::Session(inner.clone()))
            }
            StatementKind::Declare(declare) => self.prepare_declare(session, statement, declare, declared_types)?,
            StatementKind::Copy(copy) => self.prepare_copy(session, statement, copy, declared_types)?,
            StatementKind::Upkeep(upkeep) => Ready::without_query(Ok(None), Work::Upkeep(upkeep.clone())),
            StatementKind::Write(write) => {
                write.check(&view, &session.with_settings(crate::engine::settings::Settings::search_path))?;
                Ready {
                    parameter_types: self.parameters_of_write(statement, declared_types),
                    ..Ready::without_query(Ok(None), Work::Write(write.tag.clone()))
                }
            }
            kind @ (StatementKind::Prepare { .. }
            | StatementKind::Execute(_)
            | StatementKind::Explain { target: ExplainTarget::Execute(_), .. }
            | StatementKind::Fetch(_)
            | StatementKind::Close(_)) => {
                let work = work_of(kind, statement)
                    .ok_or_else(|| InternalError::new("a statement about cursors has no work"))?;
                Ready::without_query(columns_now(session, &work), work)
            }
        };
        Ok(Arc::new(Prepared {
            statement: statement.clone(),
            parameter_types: ready.parameter_types,
            columns: ready.columns,
            work: ready.work,
            catalog_version: view.version(),
            declared_types: declared_types.to_vec(),
            with_values: values.is_some(),
            has_run: AtomicBool::new(false),
            one_request_only: ready.one_request_only,
            environment: Environment::of(session),
        }))
    }

    /// Gives a prepared statement its values; plans again what needed them, or what the catalog has left behind.
    pub(super) fn bind(
        &self,
        session: &Session,
        prepared: &Arc<Prepared>,
        values: Vec<ScalarValue>,
    ) -> Result<Bound, EngineError> {
        let mut prepared = Arc::clone(prepared);
        let values = values.into_iter().map(literal::normal).collect::<Result<Vec<_>, _>>()?;
        // What is infinite cannot travel to a store.
        let stays_here =
            matches!(prepared.work, Work::Query(_) | Work::Explain { .. }) && values.iter().any(infinite::is_infinite);
        if stays_here || matches!(prepared.work, Work::NeedsValues) {
            let types: Vec<Option<SqlType>> = prepared.parameter_types.iter().cloned().map(Some).collect();
            prepared = self.prepare(session, &prepared.statement, &types, Some(&values))?;
        } else if prepared.is_outdated(session) {
            prepared = self.prepare_again(session, &prepared)?;
        }
        let columns = match &prepared.work {
            Work::Execute { .. } | Work::Fetch(_) => columns_now(session, &prepared.work)?,
            _ => prepared.columns.clone()?,
        };
        Ok(Bound { columns, prepared, values: values.into(), depth: 0 })
    }

    fn prepare_again(&self, session: &Session, old: &Arc<Prepared>) -> Result<Arc<Prepared>, EngineError> {
        let new = self.prepare(session, &old.statement, &old.declared_types, None)?;
        if new.columns != old.columns || new.parameter_types != old.parameter_types {
            return Err(changed_result().into());
        }
        Ok(new)
    }

    /// Plans a bound statement again from its text, for the tables as they are known now.
    ///
    /// # Errors
    /// Whatever planning says; `0A000` where its parameters have other types now, or its columns do and the client was
    /// told of them before.
    pub(super) fn bind_again(
        &self,
        session: &Session,
        bound: &Bound,
        was_described: bool,
    ) -> Result<Bound, EngineError> {
        let old = &bound.prepared;
        let values = old.with_values.then_some(bound.values.as_ref());
        let prepared = self.prepare(session, &old.statement, &old.declared_types, values)?;
        let columns = prepared.columns.clone()?;
        if prepared.parameter_types != old.parameter_types || was_described && columns != bound.columns {
            return Err(changed_result().into());
        }
        Ok(Bound { columns, prepared, values: Arc::clone(&bound.values), depth: bound.depth })
    }

    fn prepare_query(
        &self,
        session: &Session,
        query: &Query,
        declared_types: &[Option<SqlType>],
        values: Option<&[ScalarValue]>,
    ) -> Result<Ready, EngineError> {
        let planned = self.plan(session, query, declared_types, values)?;
        if planned.query.needs_values {
            return Ok(Ready::needs_values(planned.query.parameter_types));
        }
        let columns = output_columns(&planned.query, self.limits())?;
        let stages = compile_for(planned.query.plan, session, values)?;
        let work = self.ready(&stages, planned.is_preview)?;
        Ok(Ready {
            parameter_types: planned.query.parameter_types,
            columns: Ok(Some(columns.into())),
            work: Work::Query(Box::new(work)),
            one_request_only: planned.one_request_only,
        })
    }

    fn prepare_explain(
        &self,
        session: &Session,
        query: &Query,
        options: ExplainOptions,
        declared_types: &[Option<SqlType>],
        values: Option<&[ScalarValue]>,
    ) -> Result<Ready, EngineError> {
        let planned = self.plan(session, query, declared_types, values)?;
        if planned.query.needs_values {
            return Ok(Ready::needs_values(planned.query.parameter_types));
        }
        let columns = output_columns(&planned.query, self.limits())?;
        let stages = compile_for(planned.query.plan, session, values)?;
        let query = self.ready(&stages, planned.is_preview);
        // The stages of a query that cannot run can be seen all the same.
        let transfers = query.as_ref().map_or(&[][..], |query| query.rows.transfers());
        let explained =
            session.with_settings(|settings| explain::explain(&stages, transfers, &columns, settings, options));
        let analyze = if options.analyze {
            let query = query?;
            let pieces =
                stages.statements.iter().map(|statement| (statement.piece.id, statement.piece.store)).collect();
            Some(Box::new(Analyzed { query, pieces }))
        } else {
            None
        };
        Ok(Ready {
            parameter_types: planned.query.parameter_types,
            columns: Ok(Some(explain::columns(options.format).into())),
            work: Work::Explain { explained, analyze },
            one_request_only: planned.one_request_only,
        })
    }

    /// A write is refused when it runs, not when its parameters come: they are of the types that the client declares.
    fn parameters_of_write(&self, statement: &Statement, declared: &[Option<SqlType>]) -> Vec<SqlType> {
        let count = parameter_count(&statement.text, self.limits()).max(declared.len());
        let types = (0..count).map(|index| declared.get(index).cloned().flatten().unwrap_or(SqlType::Text));
        types.collect()
    }

    fn prepare_declare(
        &self,
        session: &Session,
        statement: &Statement,
        declare: &Declare,
        declared_types: &[Option<SqlType>],
    ) -> Result<Ready, EngineError> {
        let query = Statement { kind: StatementKind::Query(declare.query.clone()), ..statement.clone() };
        let inner = self.prepare(session, &query, declared_types, None)?;
        let parameter_types = inner.parameter_types.clone();
        let work = Work::Declare { declare: declare.clone(), inner };
        Ok(Ready { parameter_types, ..Ready::without_query(Ok(None), work) })
    }

    fn plan(
        &self,
        session: &Session,
        query: &Query,
        declared_types: &[Option<SqlType>],
        values: Option<&[ScalarValue]>,
    ) -> Result<Planned, EngineError> {
        let view = session.view();
        let Environment { search_path, time_zone, freshness } = Environment::of(session);
        let calls = WorkflowCalls::new(&view, &search_path, freshness, self.limits(), session.clock());
        let settings = PlannedSettings::new(&session.settings);
        let context = PlanContext {
            view: &view,
            search_path: &search_path,
            functions: self.functions(),
            table_functions: &calls,
            limits: self.limits(),
            user: session.identity().user().as_str(),
            database: self.database(),
            time_zone: time_zone.name(),
            session_id: session.key().id.0,
            settings: Arc::<PlannedSettings>::clone(&settings),
            declared_types,
            parameter_values: values,
        };
        let query = plan_query(query, &context)?;
        let one_request_only = calls.reads_clock() || settings.were_listed();
        Ok(Planned { query, is_preview: calls.was_preview(), one_request_only })
    }

    /// Gets every piece ready at its store.
    pub(super) fn ready(&self, stages: &Stages, is_preview: bool) -> Result<QueryWork, EngineError> {
        let pieces: Vec<Arc<dyn PreparedPiece>> =
            stages.statements.iter().map(|statement| self.ready_piece(statement)).collect::<Result<_, _>>()?;
        let rows = match (&stages.routed.local, pieces.as_slice()) {
            (Some(plan), pieces) => {
                let plan = self.local().prepare(plan, &|leaf| piece_rows(leaf, pieces))?;
                let keys = KeyExchange::new(&plan, &stages.statements, pieces, self.limits())?;
                Rows::InProcess { plan: Box::new(plan), keys }
            }
            (None, [whole]) => Rows::OnePiece(Arc::clone(whole)),
            (None, _) => return Err(InternalError::new("a plan without a local part has not exactly one piece").into()),
        };
        let stores: BTreeSet<StoreKind> = stages.statements.iter().map(|statement| statement.piece.store).collect();
        let changes = |kind: &StoreKind| self.store(*kind).is_some_and(|store| store.has_own_catalog());
        let changing_stores = stores.into_iter().filter(changes).collect();
        Ok(QueryWork { rows, is_preview, changing_stores })
    }

    pub(super) fn ready_piece(&self, statement: &PieceStatement) -> Result<Arc<dyn PreparedPiece>, EngineError> {
        let kind = statement.piece.store;
        let store = self.store(kind).ok_or_else(|| InternalError::new(format!("no store {kind} is configured")))?;
        let prepared = store.prepare(&statement.piece, &statement.verified, &statement.parameters)?;
        Ok(observed(statement.piece.id, kind, prepared, &self.metrics().stores))
    }
}

/// Where the rows of a piece's leaf come from.
fn piece_rows(leaf: &Arc<dyn TableSource>, pieces: &[Arc<dyn PreparedPiece>]) -> Option<Arc<dyn TableProvider>> {
    let piece = PieceLeaf::of(leaf)?.piece;
    Some(piece_provider(piece, Arc::clone(pieces.get(piece)?), leaf.schema()))
}

/// The report for a statement whose rows were described and are others now, in PostgreSQL's words.
fn changed_result() -> ErrorReport {
    ErrorReport::new(SqlState::FEATURE_NOT_SUPPORTED, "cached plan must not change result type")
        .with_hint("A table of the statement has changed. Prepare it again.")
}

impl Prepared {
    /// The stores that its query reads from whose tables can change on their own.
    pub(super) fn changing_stores(&self) -> &[StoreKind] {
        match &self.work {
            Work::Query(query) => &query.changing_stores,
            Work::Explain { analyze: Some(analyzed), .. } => &analyzed.query.changing_stores,
            _ => &[],
        }
    }

    /// The version of the catalog that it was planned with.
    pub(super) fn catalog_version(&self) -> u64 {
        self.catalog_version
    }

    /// A run of it begins; tells whether one did before.
    pub(super) fn begin_run(&self) -> bool {
        self.has_run.swap(true, Ordering::Relaxed)
    }

    /// Whether it was planned for a catalog or settings that are no longer those of the session.
    fn is_outdated(&self, session: &Session) -> bool {
        self.one_request_only
            || self.catalog_version != session.view().version()
            || self.environment != Environment::of(session)
    }
}

/// The columns of a statement that reads from what the session holds under a name.
fn columns_now(session: &Session, work: &Work) -> Result<Option<OutputColumns>, ErrorReport> {
    match work {
        Work::Execute { options: Some(options), .. } => Ok(Some(explain::columns(options.format).into())),
        Work::Execute { call, options: None } => session.columns_of_prepared(call),
        Work::Fetch(fetch) => Ok(session.columns_of_cursor(fetch)),
        _ => Ok(None),
    }
}

struct Planned {
    query: PlannedQuery,
    is_preview: bool,
    one_request_only: bool,
}

/// A statement's work, with what is told of it.
pub(super) struct Ready {
    parameter_types: Vec<SqlType>,
    columns: Result<Option<OutputColumns>, ErrorReport>,
    work: Work,
    one_request_only: bool,
}

impl Ready {
    /// One that has no query of its own.
    pub(super) fn without_query(columns: Result<Option<OutputColumns>, ErrorReport>, work: Work) -> Self {
        Self { parameter_types: Vec::new(), columns, work, one_request_only: false }
    }

    fn needs_values(parameter_types: Vec<SqlType>) -> Self {
        let message = "the columns of this statement depend on the values of its parameters";
        let report = ErrorReport::new(SqlState::FEATURE_NOT_SUPPORTED, message)
            .with_hint("Describe the portal after Bind, or give the graph as a literal.");
        Self { parameter_types, columns: Err(report), work: Work::NeedsValues, one_request_only: false }
    }
}

fn output_columns(planned: &PlannedQuery, limits: &LimitSet) -> Result<Vec<OutputColumn>, EngineError> {
    let (most, count) = (limits.of(limits::RESULT_COLUMNS), planned.output_names.len());
    if count > most {
        let message = format!("target lists can have at most {most} entries");
        return Err(ErrorReport::new(SqlState::TOO_MANY_COLUMNS, message)
            .with_detail(format!("The limit is {}, {count} were given.", limits::RESULT_COLUMNS.name))
            .into());
    }
    let fields = planned.plan.schema().fields().iter().zip(&planned.output_names);
    let announced = planned.announced.iter();
    fields.zip(announced).map(|((field, name), announced)| output_column(name, field.data_type(), announced)).collect()
}

fn output_column(name: &str, data_type: &DataType, announced: &Announced) -> Result<OutputColumn, EngineError> {
    let sql_type = SqlType::from_arrow(data_type).map_err(|unmapped| {
        ErrorReport::new(
            SqlState::FEATURE_NOT_SUPPORTED,
            format!("column \"{name}\" has a type without a PostgreSQL type"),
        )
        .with_detail(unmapped.to_string())
    })?;
    let sql_type = announced.text_type.clone().unwrap_or(sql_type);
    Ok(OutputColumn { name: name.to_owned(), sql_type, type_modifier: announced.type_modifier })
}
