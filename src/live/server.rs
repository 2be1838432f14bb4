//! The listener and its plain HTTP routes.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Json, Response};
use axum::routing::get;
use axum::serve::ListenerExt;
use serde_json::json;
use tokio::net::TcpListener;
use tokio::sync::Semaphore;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::base::{InternalError, StoreKind, limits};

use super::context::LiveContext;
use super::dispatch;
use super::members::Members;
use super::upgrade;

/// How long connections have to say goodbye at the end.
const GOODBYE: Duration = Duration::from_secs(6);
/// How long the stores have to answer `/readyz`.
const READINESS: Duration = Duration::from_secs(3);

/// What all connections share.
pub(super) struct Shared {
    pub(super) context: LiveContext,
    pub(super) members: Arc<Members>,
    pub(super) places: Arc<Semaphore>,
    pub(super) tasks: TaskTracker,
    pub(super) shutdown: CancellationToken,
}

/// Serves until the token is cancelled; then closes every connection with 1001.
///
/// # Errors
/// What the system says of the listener.
pub async fn serve(listener: TcpListener, context: LiveContext, shutdown: CancellationToken) -> io::Result<()> {
    let broadcasts = context.hub.subscribe();
    let shared = Arc::new(Shared {
        members: Arc::new(Members::new(context.metrics.clone())),
        places: Arc::new(Semaphore::new(context.limits.of(limits::WEBSOCKET_CONNECTIONS).min(Semaphore::MAX_PERMITS))),
        tasks: TaskTracker::new(),
        shutdown: shutdown.clone(),
        context,
    });
    let dispatcher = tokio::spawn(dispatch::run(Arc::clone(&shared), broadcasts, shutdown.clone()));
    let listener = listener.tap_io(|stream| {
        // Without it a message may wait for the answer to the one before.
        drop(stream.set_nodelay(true));
    });
    let server = axum::serve(listener, router(&shared)).with_graceful_shutdown(shutdown.clone().cancelled_owned());
    let served = tokio::select! {
        served = server.into_future() => served,
        // A client that keeps a plain HTTP connection open must not keep the process alive.
        () = overdue(&shutdown) => Ok(()),
    };
    shutdown.cancel();
    shared.tasks.close();
    drop(timeout(GOODBYE, shared.tasks.wait()).await);
    drop(dispatcher.await);
    served
}

async fn overdue(shutdown: &CancellationToken) {
    shutdown.cancelled().await;
    tokio::time::sleep(GOODBYE).await;
}

fn router(shared: &Arc<Shared>) -> Router {
    Router::new()
        .route("/ws", get(upgrade::handle))
        .route("/healthz", get(|| async { "ok\n" }))
        .route("/readyz", get(ready))
        .route("/metrics", get(metrics))
        .with_state(Arc::clone(shared))
}

async fn ready(State(shared): State<Arc<Shared>>) -> Response {
    // Stores that do not say in time whether they can be reached cannot be.
    let unreachable = timeout(READINESS, shared.context.readiness.unreachable()).await;
    let names: Vec<&str> =
        unreachable.unwrap_or_else(|_| StoreKind::ALL.to_vec()).into_iter().map(StoreKind::name).collect();
    let (code, status) = match (shared.shutdown.is_cancelled(), names.is_empty()) {
        (true, _) => (StatusCode::SERVICE_UNAVAILABLE, "shutting down"),
        (false, false) => (StatusCode::SERVICE_UNAVAILABLE, "not ready"),
        (false, true) => (StatusCode::OK, "ready"),
    };
    (code, Json(json!({"status": status, "unreachable": names}))).into_response()
}

async fn metrics(State(shared): State<Arc<Shared>>) -> Response {
    let mut text = String::new();
    match prometheus_client::encoding::text::encode(&mut text, &shared.context.registry) {
        Ok(()) => {
            let kind = "application/openmetrics-text; version=1.0.0; charset=utf-8";
            ([(header::CONTENT_TYPE, kind)], text).into_response()
        }
        Err(error) => (StatusCode::INTERNAL_SERVER_ERROR, format!("{}\n", InternalError::new(error))).into_response(),
    }
}
