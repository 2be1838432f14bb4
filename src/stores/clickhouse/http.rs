//! The HTTP requests.

use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::body::Incoming;
use hyper::header::{CONTENT_TYPE, HeaderValue};
use hyper::{Method, Request, Response, StatusCode, Uri};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioTimer};

use crate::base::InternalError;
use crate::config::Secret;
use crate::stores::{Trust, causes, trust};

use super::exception::Exception;

/// Bytes of an error's text that are read.
const ERROR_BYTES: usize = 64 * 1024;

/// Why there are no rows, or no more.
#[derive(Debug, Clone)]
pub(super) enum Failure {
    /// The server was not reached; it has not begun to work.
    Unreachable(String),
    /// The server's certificate was not accepted, for this reason.
    Untrusted(&'static str),
    /// The connection was cut before the answer was whole.
    Cut(String),
    /// The server said why.
    Exception(Exception),
    /// What came is no answer of a ClickHouse server.
    Garbage(String),
}

/// One statement on its way.
pub(super) struct Question<'a> {
    pub(super) statement: &'a str,
    pub(super) query_id: &'a str,
    pub(super) format: &'a str,
    pub(super) settings: &'a [(&'static str, String)],
    /// `param_…` fields and their values.
    pub(super) parameters: &'a [(String, String)],
}

/// Connections to all replicas, kept open between statements.
#[derive(Debug, Clone)]
pub(super) struct Http {
    client: Client<HttpsConnector<HttpConnector>, Full<Bytes>>,
    user: String,
    password: Secret,
}

impl Http {
    pub(super) fn new(
        user: String,
        password: Secret,
        trust: &Trust,
        connect_timeout: Duration,
    ) -> Result<Self, InternalError> {
        let mut connector = HttpConnector::new();
        connector.enforce_http(false);
        connector.set_nodelay(true);
        connector.set_connect_timeout(Some(connect_timeout));
        let connector = HttpsConnectorBuilder::new()
            .with_tls_config(trust.client_config()?)
            .https_or_http()
            .enable_http1()
            .wrap_connector(connector);
        let client = Client::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(Duration::from_secs(30))
            .build(connector);
        Ok(Self { client, user, password })
    }

    /// Sends a statement and waits for the head of its answer.
    pub(super) async fn ask(&self, replica: &Uri, question: &Question<'_>) -> Result<Incoming, Failure> {
        let request = self.request(replica, question)?;
        let response = self.client.request(request).await.map_err(|error| reached(&error))?;
        if response.status() == StatusCode::OK {
            return Ok(response.into_body());
        }
        Err(refused(response).await)
    }

    fn request(&self, replica: &Uri, question: &Question<'_>) -> Result<Request<Full<Bytes>>, Failure> {
        let uri = address(replica, question)?;
        let mut request = Request::builder()
            .method(Method::POST)
            .uri(uri)
            .header("X-ClickHouse-User", header(&self.user)?)
            .header("X-ClickHouse-Key", header(self.password.expose())?);
        let body = if question.parameters.is_empty() {
            question.statement.to_owned()
        } else {
            let boundary = uuid::Uuid::new_v4().simple().to_string();
            request = request.header(CONTENT_TYPE, format!("multipart/form-data; boundary={boundary}"));
            form(&boundary, question)
        };
        request.body(Full::new(Bytes::from(body))).map_err(|error| Failure::Garbage(error.to_string()))
    }
}

/// The address with everything that is not the statement's own.
fn address(replica: &Uri, question: &Question<'_>) -> Result<Uri, Failure> {
    let mut query = form_urlencoded::Serializer::new(String::new());
    query.append_pair("default_format", question.format).append_pair("query_id", question.query_id);
    for (name, value) in question.settings {
        query.append_pair(name, value);
    }
    let base = replica.to_string();
    format!("{}/?{}", base.trim_end_matches('/'), query.finish())
        .parse()
        .map_err(|error: hyper::http::uri::InvalidUri| Failure::Garbage(error.to_string()))
}

fn header(value: &str) -> Result<HeaderValue, Failure> {
    HeaderValue::from_str(value).map_err(|error| Failure::Garbage(error.to_string()))
}

/// The statement and its parameters as the fields of a form. Addresses have a length limit, forms have none.
fn form(boundary: &str, question: &Question<'_>) -> String {
    let statement = [("query", question.statement)];
    let parameters = question.parameters.iter().map(|(name, value)| (name.as_str(), value.as_str()));
    let mut body = String::new();
    for (name, value) in statement.into_iter().chain(parameters) {
        for part in ["--", boundary, "\r\nContent-Disposition: form-data; name=\"", name, "\"\r\n\r\n", value, "\r\n"] {
            body.push_str(part);
        }
    }
    for part in ["--", boundary, "--\r\n"] {
        body.push_str(part);
    }
    body
}

fn reached(error: &hyper_util::client::legacy::Error) -> Failure {
    let words = causes(error);
    if let Some(fault) = trust::refusal(error) {
        tracing::warn!(%words, "clickhouse's certificate is not accepted");
        return Failure::Untrusted(fault);
    }
    if error.is_connect() { Failure::Unreachable(words) } else { Failure::Cut(words) }
}

async fn refused(response: Response<Incoming>) -> Failure {
    let status = response.status();
    match Limited::new(response.into_body(), ERROR_BYTES).collect().await {
        Ok(body) => {
            let text = String::from_utf8_lossy(&body.to_bytes()).into_owned();
            match Exception::read(&text) {
                Some(exception) => Failure::Exception(exception),
                None => Failure::Garbage(format!("status {status}")),
            }
        }
        Err(error) => Failure::Cut(error.to_string()),
    }
}
