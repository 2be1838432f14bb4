//! Accepts connections, brings each to its session, and ends them all in order.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use socket2::{SockRef, TcpKeepalive};
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::base::limits::{self, LimitSet};
use crate::base::{ErrorReport, SqlState};

use super::auth::{Authenticator, Peer, authenticate};
use super::backend::Backend;
use super::connection::{Connection, farewell};
use super::failure::Failure;
use super::socket::{Socket, Transport};
use super::startup::{Opening, StartupMessage, open};
use super::tls::TlsSettings;

/// Connections for each allowed session: the rest is for clients that still log in, are refused, or cancel.
const CONNECTIONS_PER_SESSION: usize = 2;

/// What all connections of the front share.
pub struct PgContext<B> {
    /// Opens the sessions.
    pub backend: B,
    /// Knows the users.
    pub authenticator: Arc<dyn Authenticator>,
    /// Encryption, when it is configured.
    pub tls: Option<TlsSettings>,
    /// The limits in force.
    pub limits: Arc<LimitSet>,
    /// How long running statements may go on after a shutdown began.
    pub shutdown_grace: Duration,
}

/// Counts a connection while it lives.
struct Place(Arc<AtomicUsize>);

impl Place {
    fn take(count: &Arc<AtomicUsize>) -> Self {
        count.fetch_add(1, Ordering::Relaxed);
        Self(Arc::clone(count))
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Serves a listener until `shutdown`. Then idle connections end with `57P01`, the others when their statement has
/// ended, or at the end of the grace period.
pub async fn serve<B: Backend>(listener: TcpListener, context: Arc<PgContext<B>>, shutdown: CancellationToken) {
    let tasks = TaskTracker::new();
    let force = CancellationToken::new();
    let count = Arc::new(AtomicUsize::new(0));
    let most = context.limits.of(limits::SESSIONS).saturating_mul(CONNECTIONS_PER_SESSION);
    loop {
        let accepted = tokio::select! {
            biased;
            () = shutdown.cancelled() => break,
            accepted = listener.accept() => accepted,
        };
        match accepted {
            Ok(_) if count.load(Ordering::Relaxed) >= most => tracing::warn!("too many connections, one was dropped"),
            Ok((stream, address)) => {
                let place = Place::take(&count);
                let (context, shutdown, force) = (Arc::clone(&context), shutdown.clone(), force.clone());
                tasks.spawn(async move {
                    let _place = place;
                    tokio::select! {
                        () = Box::pin(connect(stream, address, context, shutdown)) => {}
                        () = force.cancelled() => {}
                    }
                });
            }
            Err(error) => {
                // Out of file descriptors, for one: give the others time to free some.
                tracing::warn!(%error, "a connection could not be accepted");
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        }
    }
    drop(listener);
    tasks.close();
    if tokio::time::timeout(context.shutdown_grace, tasks.wait()).await.is_err() {
        force.cancel();
        tasks.wait().await;
    }
}

async fn connect<B: Backend>(
    stream: TcpStream,
    address: SocketAddr,
    context: Arc<PgContext<B>>,
    shutdown: CancellationToken,
) {
    if let Err(error) = stream.set_nodelay(true).and_then(|()| keep_alive(&stream)) {
        tracing::debug!(%error, "no TCP_NODELAY, or no keepalive");
    }
    let seconds = u64::try_from(context.limits.of(limits::AUTHENTICATION_SECONDS)).unwrap_or(u64::MAX);
    let login = Box::pin(log_in(stream, address, &context, &shutdown));
    match tokio::time::timeout(Duration::from_secs(seconds), login).await {
        Ok(Some(connection)) => Box::pin(connection.run()).await,
        Ok(None) => {}
        Err(_) => tracing::debug!(%address, "authentication took too long"),
    }
}

/// A peer that is gone without a word is noticed within some minutes, also where nothing is to be sent.
fn keep_alive(stream: &TcpStream) -> std::io::Result<()> {
    let probes =
        TcpKeepalive::new().with_time(Duration::from_secs(120)).with_interval(Duration::from_secs(30)).with_retries(4);
    SockRef::from(stream).set_tcp_keepalive(&probes)
}

/// Everything before the first message of a session; `None` when it does not come to that.
async fn log_in<B: Backend>(
    stream: TcpStream,
    address: SocketAddr,
    context: &PgContext<B>,
    shutdown: &CancellationToken,
) -> Option<Connection<B::Session>> {
    let limit_bytes = context.limits.of(limits::STARTUP_MESSAGE_BYTES);
    let opening = tokio::select! {
        biased;
        () = shutdown.cancelled() => return None,
        opening = open(Transport::Plain(stream), context.tls.as_ref(), limit_bytes) => opening,
    };
    let (mut socket, message) = match opening {
        Ok(Opening::Session(socket, message)) => (*socket, message),
        Ok(Opening::Cancel(key)) => {
            context.backend.cancel(key);
            return None;
        }
        Err(failed) => {
            if let Some(mut socket) = failed.socket {
                farewell(&mut socket, failed.failure).await;
            }
            return None;
        }
    };
    match session(&mut socket, address, context, &message).await {
        Ok((session, expires_at)) => {
            Some(Connection::new(socket, session, Arc::clone(&context.limits), expires_at, shutdown.clone()))
        }
        Err(failure) => {
            farewell(&mut socket, failure).await;
            socket.close().await;
            None
        }
    }
}

async fn session<B: Backend>(
    socket: &mut Socket,
    address: SocketAddr,
    context: &PgContext<B>,
    message: &StartupMessage,
) -> Result<(B::Session, Option<i64>), Failure> {
    let channel_binding = context
        .tls
        .as_ref()
        .filter(|_| socket.is_encrypted())
        .and_then(TlsSettings::channel_binding)
        .map(<[u8]>::to_vec);
    let peer = Peer { loopback: address.ip().to_canonical().is_loopback(), channel_binding };
    let token_bytes = context.limits.of(limits::TOKEN_BYTES);
    let identity = authenticate(socket, context.authenticator.as_ref(), &message.user, &peer, token_bytes).await?;
    let expires_at = identity.expires_at();
    let session = context.backend.connect(identity, &message.database, &message.settings).map_err(too_many)?;
    Ok((session, expires_at))
}

/// PostgreSQL's words for a full server; other refusals keep theirs.
fn too_many(report: ErrorReport) -> Failure {
    if report.sqlstate == SqlState::TOO_MANY_CONNECTIONS {
        return Failure::Fatal(ErrorReport { message: "sorry, too many clients already".to_owned(), ..report });
    }
    Failure::Fatal(report)
}
