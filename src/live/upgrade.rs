//! `GET /ws`: what is decided before there is a connection.

use std::sync::Arc;

use axum::extract::rejection::QueryRejection;
use axum::extract::ws::WebSocketUpgrade;
use axum::extract::{Query, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;

use crate::base::limits;

use super::connection;
use super::server::Shared;

#[derive(Debug, Deserialize)]
pub(super) struct TokenQuery {
    token: Option<String>,
}

pub(super) async fn handle(
    State(shared): State<Arc<Shared>>,
    query: Result<Query<TokenQuery>, QueryRejection>,
    headers: HeaderMap,
    upgrade: WebSocketUpgrade,
) -> Response {
    if !origin_is_allowed(&headers, &shared.context.settings.allowed_origins) {
        return (StatusCode::FORBIDDEN, "this origin may not connect\n").into_response();
    }
    let Ok(Query(query)) = query else {
        return (StatusCode::BAD_REQUEST, "the query cannot be read\n").into_response();
    };
    let Ok(place) = Arc::clone(&shared.places).try_acquire_owned() else {
        return (StatusCode::SERVICE_UNAVAILABLE, "limit websocket_connections exceeded\n").into_response();
    };
    let token = bearer(&headers).or(query.token);
    let limit = shared.context.limits.of(limits::WEBSOCKET_MESSAGE_BYTES);
    let hard_limit = limit.saturating_mul(limits::WEBSOCKET_HARD_LIMIT_FACTOR);
    let running = shared.tasks.token();
    upgrade
        .max_message_size(hard_limit)
        .max_frame_size(hard_limit)
        // Connections are many and mostly idle: small buffers. Messages are written whole anyway.
        .read_buffer_size(4 * 1024)
        .write_buffer_size(0)
        .on_upgrade(move |socket| async move {
            connection::run(socket, &shared, token).await;
            drop((place, running));
        })
}

/// A browser names its page's origin and cannot lie about it; other clients name none.
fn origin_is_allowed(headers: &HeaderMap, allowed: &[String]) -> bool {
    headers.get_all(header::ORIGIN).iter().all(|origin| {
        origin.to_str().is_ok_and(|origin| allowed.iter().any(|allowed| allowed.eq_ignore_ascii_case(origin)))
    })
}

/// The token of `Authorization: Bearer …`. Any other kind of authorization is taken for a bad token.
fn bearer(headers: &HeaderMap) -> Option<String> {
    let value = headers.get(header::AUTHORIZATION)?;
    let text = value.to_str().unwrap_or_default();
    let token = match text.split_once(' ') {
        Some((scheme, token)) if scheme.eq_ignore_ascii_case("bearer") => token.trim(),
        Some(_) | None => "",
    };
    Some(token.to_owned())
}
