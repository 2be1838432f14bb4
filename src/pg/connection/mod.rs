//! One authenticated connection: the answer to each of its messages.
//!
//! Comes in: messages in any order. Goes out: PostgreSQL's answers in PostgreSQL's order.
//! Does not: plan or run statements; the session behind [`BackendSession`] does.
//! Invariant: between two messages the output is a whole number of messages, and after an error in an extended message
//! nothing is answered until Sync.

mod extended;
mod rows;
mod simple;

use std::any::Any;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use futures::FutureExt;
use tokio_util::sync::CancellationToken;

use crate::base::limits::{self, LimitSet};
use crate::base::{ErrorReport, InternalError, SqlState, UserFacing};
use crate::engine::Notice;

use super::backend::BackendSession;
use super::failure::Failure;
use super::message::outgoing::{self, Severity};
use super::message::{Incoming, Target};
use super::socket::{Frame, Socket};

/// How long a client has to take the message that ends its connection.
const FAREWELL: Duration = Duration::from_secs(2);

/// What a message leads to.
enum Next {
    /// The next message.
    Message,
    /// The client has left.
    Leave,
}

/// One authenticated connection.
pub struct Connection<S: BackendSession> {
    socket: Socket,
    session: S,
    limits: Arc<LimitSet>,
    shutdown: CancellationToken,
    /// When a login by token ends, in seconds since 1970.
    expires_at: Option<i64>,
    skip_to_sync: bool,
    /// What the client was told of the settings, and their version then. As since PostgreSQL 14, it is told of changes when
    /// the server is ready again.
    told_settings: Vec<(String, String)>,
    told_version: u64,
    /// The server has said that it is ready, and nothing has come since.
    is_idle: bool,
}

impl<S: BackendSession> Connection<S> {
    /// A connection whose client was told that it is authenticated.
    pub fn new(
        socket: Socket,
        session: S,
        limits: Arc<LimitSet>,
        expires_at: Option<i64>,
        shutdown: CancellationToken,
    ) -> Self {
        let patience = u64::try_from(limits.of(limits::CLIENT_WRITE_SECONDS)).unwrap_or(u64::MAX);
        Self {
            socket: socket.with_patience(Duration::from_secs(patience)),
            session,
            limits,
            shutdown,
            expires_at,
            skip_to_sync: false,
            told_settings: Vec::new(),
            told_version: 0,
            is_idle: false,
        }
    }

    /// Answers messages until the client leaves, breaks the protocol, or the server shuts down; `force` ends a statement
    /// that runs, too.
    pub async fn run(mut self, force: &CancellationToken) {
        // A panic in the engine is a defect that costs this one connection, and its client hears of it.
        let serving = AssertUnwindSafe(self.serve()).catch_unwind();
        let served = tokio::select! {
            served = serving => served.unwrap_or_else(|panic| Err(Failure::Fatal(panicked(panic.as_ref())))),
            () = force.cancelled() => Err(shut_down()),
        };
        if let Err(failure) = served {
            farewell(&mut self.socket, failure).await;
        }
        // The end of encryption is a message, too, and a client that reads nothing takes none.
        let _ = tokio::time::timeout(FAREWELL, self.socket.close()).await;
    }

    async fn serve(&mut self) -> Result<(), Failure> {
        self.greet().await?;
        loop {
            let frame = self.next_frame().await?;
            match self.answer(frame).await {
                Ok(Next::Message) => {}
                Ok(Next::Leave) => return Ok(()),
                Err(Failure::Error(report)) => self.report(&report).await?,
                Err(fatal) => return Err(fatal),
            }
        }
    }

    async fn greet(&mut self) -> Result<(), Failure> {
        self.tell_settings();
        let key = self.session.key();
        outgoing::backend_key_data(&mut self.socket.output, key.id.0, key.secret);
        self.ready().await
    }

    async fn next_frame(&mut self) -> Result<Frame, Failure> {
        let limit_bytes = self.limits.of(limits::FRONTEND_MESSAGE_BYTES);
        // Messages that came together are answered without waiting for anything.
        if !self.shutdown.is_cancelled()
            && let Some(frame) = self.socket.ready_frame(limit_bytes)?
        {
            self.is_idle = false;
            return Ok(frame);
        }
        let idle = if self.is_idle { self.session.idle_timeout() } else { None };
        let frame = tokio::select! {
            biased;
            () = self.shutdown.cancelled() => Err(shut_down()),
            frame = self.socket.frame(limit_bytes) => frame,
            report = passed(idle) => Err(Failure::Fatal(report)),
        };
        self.is_idle = false;
        frame
    }

    /// Answers one message; an error is not yet told.
    async fn answer(&mut self, frame: Frame) -> Result<Next, Failure> {
        if self.skip_to_sync && !matches!(frame.kind, b'S' | b'X') {
            return Ok(Next::Message);
        }
        // Set before the body is read: an error in it counts as one in its message.
        self.skip_to_sync = Incoming::is_extended(frame.kind);
        let kind = frame.kind;
        let message = match Incoming::decode(kind, frame.body) {
            Ok(Some(message)) => message,
            Ok(None) => return Err(Failure::broken(format!("invalid frontend message type {kind}"))),
            Err(report) if kind == b'Q' || kind == b'S' => return self.failed_group(report).await,
            Err(report) => return Err(Failure::Error(report)),
        };
        self.check_expiry()?;
        let next = self.dispatch(message).await?;
        self.skip_to_sync = false;
        Ok(next)
    }

    async fn dispatch(&mut self, message: Incoming) -> Result<Next, Failure> {
        match message {
            Incoming::Query(text) => self.query(&text).await?,
            Incoming::Parse { name, text, types } => self.parse(name, &text, &types)?,
            Incoming::Bind { portal, statement, parameter_formats, values, result_formats } => {
                self.bind(portal, &statement, &parameter_formats, &values, &result_formats)?;
            }
            Incoming::Describe(Target::Statement(name)) => self.describe_statement(&name)?,
            Incoming::Describe(Target::Portal(name)) => self.describe_portal(&name)?,
            Incoming::Execute { portal, max_rows } => self.execute(&portal, max_rows).await?,
            Incoming::Close(target) => {
                match &target {
                    Target::Statement(name) => self.session.statements().close(name),
                    Target::Portal(name) => drop(self.session.portals().close(name)),
                }
                outgoing::empty(&mut self.socket.output, b'3');
            }
            Incoming::Flush => self.socket.flush().await?,
            Incoming::Sync => {
                self.end_group();
                self.ready().await?;
            }
            Incoming::Terminate => return Ok(Next::Leave),
            Incoming::FunctionCall => return self.failed_group(no_function_call()).await,
            Incoming::CopyData | Incoming::CopyDone | Incoming::CopyFail => {}
        }
        Ok(Next::Message)
    }

    /// An error in a message that ends its group by itself.
    async fn failed_group(&mut self, report: ErrorReport) -> Result<Next, Failure> {
        self.skip_to_sync = false;
        self.report(&report).await?;
        self.end_group();
        self.ready().await?;
        Ok(Next::Message)
    }

    /// Tells an error; an open transaction block has failed.
    async fn report(&mut self, report: &ErrorReport) -> Result<(), Failure> {
        self.session.fail();
        outgoing::error_response(&mut self.socket.output, Severity::Error, report);
        self.socket.flush().await
    }

    /// Outside a block, the end of a group of messages is the end of its transaction.
    fn end_group(&mut self) {
        self.session.end_group();
    }

    async fn ready(&mut self) -> Result<(), Failure> {
        if self.session.settings_version() != self.told_version {
            self.tell_settings();
        }
        outgoing::ready_for_query(&mut self.socket.output, self.session.transaction_status());
        self.is_idle = true;
        self.socket.flush().await
    }

    /// Tells the settings that the client does not know yet.
    fn tell_settings(&mut self) {
        let settings = self.session.reported_settings();
        for (name, value) in settings.iter().filter(|setting| !self.told_settings.contains(setting)) {
            outgoing::parameter_status(&mut self.socket.output, name, value);
        }
        self.told_settings = settings;
        self.told_version = self.session.settings_version();
    }

    fn check_expiry(&self) -> Result<(), Failure> {
        match self.expires_at {
            Some(expires_at) if chrono::Utc::now().timestamp() >= expires_at => Err(Failure::Fatal(
                ErrorReport::new(
                    SqlState::INVALID_AUTHORIZATION_SPECIFICATION,
                    "the token of this session has expired",
                )
                .with_hint("Connect again with a new token."),
            )),
            _ => Ok(()),
        }
    }

    fn notices(&mut self, notices: &[Notice]) {
        for notice in notices {
            outgoing::notice_response(&mut self.socket.output, notice.severity, &notice.report);
        }
    }
}

/// Waits until a timeout has passed; for ever where there is none.
async fn passed(timeout: Option<(Duration, ErrorReport)>) -> ErrorReport {
    match timeout {
        Some((timeout, report)) => {
            tokio::time::sleep(timeout).await;
            report
        }
        None => std::future::pending().await,
    }
}

/// What a client is told when the server ends.
fn shut_down() -> Failure {
    let message = "terminating connection due to administrator command";
    Failure::Fatal(ErrorReport::new(SqlState::ADMIN_SHUTDOWN, message))
}

/// Tells the client why its connection ends, if it is still there.
pub async fn farewell(socket: &mut Socket, failure: Failure) {
    let report = match failure {
        Failure::Gone => return,
        Failure::Error(report) | Failure::Fatal(report) => report,
    };
    outgoing::error_response(&mut socket.output, Severity::Fatal, &report);
    // A client that reads nothing must not keep the connection open.
    let told = async {
        socket.flush().await?;
        socket.drain().await
    };
    let _ = tokio::time::timeout(FAREWELL, told).await;
}

fn no_function_call() -> ErrorReport {
    ErrorReport::new(SqlState::FEATURE_NOT_SUPPORTED, "function calls by message are not supported")
        .with_hint("Call the function in a SELECT.")
}

fn panicked(panic: &(dyn Any + Send)) -> ErrorReport {
    let words = panic.downcast_ref::<&str>().copied();
    let words = words.or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    InternalError::new(format!("panic: {}", words.unwrap_or("without words"))).report()
}

/// A state that the code rules out.
fn impossible(what: &str) -> Failure {
    Failure::Error(InternalError::new(what).report())
}
