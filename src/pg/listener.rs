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
/// ended, or with it at the end of the grace period.
pub async fn serve<B: Backend>(listener: TcpListener, context: Arc<PgContext<B>>, shutdown: CancellationToken) {
    let tasks = TaskTracker::new();
    let force = CancellationToken::new();
    let count = Arc::new(AtomicUsize::new(0));
    let most = context.limits.of(limits::SESSIONS).saturating_mul(limits::CONNECTIONS_PER_SESSION);
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
                    Box::pin(connect(stream, address, context, shutdown, force)).await;
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
    force: CancellationToken,
) {
    if let Err(error) = stream.set_nodelay(true).and_then(|()| keep_alive(&stream)) {
        tracing::debug!(%error, "no TCP_NODELAY, or no keepalive");
    }
    let seconds = u64::try_from(context.limits.of(limits::AUTHENTICATION_SECONDS)).unwrap_or(u64::MAX);
    let login =
        tokio::time::timeout(Duration::from_secs(seconds), Box::pin(log_in(stream, address, &context, &shutdown)));
    let logged_in = tokio::select! {
        logged_in = login => logged_in,
        () = force.cancelled() => return,
    };
    match logged_in {
        Ok(Some(connection)) => Box::pin(connection.run(&force)).await,
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

#[cfg(test)]
mod tests {
    use std::net::{IpAddr, Ipv4Addr};

    use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
    use tokio_rustls::TlsConnector;
    use tokio_rustls::rustls::crypto::ring;
    use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName};
    use tokio_rustls::rustls::{ClientConfig, RootCertStore};

    use super::*;
    use crate::base::{TenantId, UserName};
    use crate::config::Config;
    use crate::engine::{Session, SessionKey};
    use crate::tenancy::{Authenticators, Identity};

    const NEAR: [&str; 4] = ["127.0.0.1", "127.9.8.7", "::1", "::ffff:127.0.0.1"];
    const FAR: [&str; 6] = ["192.0.2.7", "10.1.2.3", "2001:db8::7", "fe80::7", "::ffff:192.0.2.7", "::127.0.0.1"];

    /// What a client that has proven who it is hears of [`Deaf`].
    const PROVEN: &str = "the token was believed";
    /// `AuthenticationCleartextPassword`.
    const ASKED: &[u8] = b"R\0\0\0\x08\0\0\0\x03";
    const SSL_REQUEST: &[u8] = &[0, 0, 0, 8, 4, 210, 22, 47];

    /// Opens no session.
    struct Deaf;

    impl Backend for Deaf {
        type Session = Session;

        fn connect(&self, _: Identity, _: &str, _: &[(String, String)]) -> Result<Session, ErrorReport> {
            Err(ErrorReport::new(SqlState::INVALID_CATALOG_NAME, PROVEN))
        }

        fn cancel(&self, _: SessionKey) {}
    }

    /// A server with a certificate, and what its clients bring.
    struct Bench {
        context: Arc<PgContext<Deaf>>,
        certificate: CertificateDer<'static>,
        token: String,
    }

    impl Bench {
        fn new() -> Self {
            let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
            let (certificates, key) = (made.cert.pem(), made.signing_key.serialize_pem());
            let authenticators = Authenticators::new(&Config::demo(&[]).unwrap()).unwrap();
            let (tenant, user) = (TenantId::new("acme").unwrap(), UserName::new("acme").unwrap());
            let token = authenticators.mint_token(&tenant, &user, 60).unwrap();
            let context = PgContext {
                backend: Deaf,
                authenticator: Arc::new(authenticators),
                tls: Some(TlsSettings::from_pem(certificates.as_bytes(), key.as_bytes()).unwrap()),
                limits: Arc::new(LimitSet::default()),
                shutdown_grace: Duration::ZERO,
            };
            Self { context: Arc::new(context), certificate: made.cert.der().clone(), token }
        }

        /// What a client hears that logs in with a good token. The system says that it comes from `address`.
        async fn told(&self, address: &str, encrypted: bool) -> Vec<u8> {
            let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
            let client = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
            let (accepted, _) = listener.accept().await.unwrap();
            let address = SocketAddr::new(address.parse::<IpAddr>().unwrap(), 50_000);
            let (shutdown, force) = (CancellationToken::new(), CancellationToken::new());
            let served = Box::pin(connect(accepted, address, Arc::clone(&self.context), shutdown, force));
            let client = async {
                if encrypted { self.log_in(self.encrypt(client).await).await } else { self.log_in(client).await }
            };
            tokio::join!(client, served).0
        }

        async fn encrypt(&self, mut stream: TcpStream) -> impl AsyncRead + AsyncWrite + Unpin + use<> {
            stream.write_all(SSL_REQUEST).await.unwrap();
            assert_eq!(stream.read_u8().await.unwrap(), b'S');
            let mut roots = RootCertStore::empty();
            roots.add(self.certificate.clone()).unwrap();
            let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
                .with_safe_default_protocol_versions()
                .unwrap()
                .with_root_certificates(roots)
                .with_no_client_auth();
            let name = ServerName::try_from("localhost").unwrap();
            TlsConnector::from(Arc::new(config)).connect(name, stream).await.unwrap()
        }

        /// Sends the token without being asked, as one does who wants it to be taken whatever the server says.
        async fn log_in(&self, mut stream: impl AsyncRead + AsyncWrite + Unpin) -> Vec<u8> {
            let startup = b"\0\x03\0\0user\0token\0database\0flowforge\0\0";
            let password = [self.token.as_bytes(), b"\0"].concat();
            let length = |body: &[u8]| u32::try_from(body.len() + 4).unwrap().to_be_bytes();
            let sent = [&length(startup)[..], startup, b"p", &length(&password), &password].concat();
            stream.write_all(&sent).await.unwrap();
            stream.flush().await.unwrap();
            let mut answer = Vec::new();
            stream.read_to_end(&mut answer).await.unwrap();
            answer
        }
    }

    fn has(answer: &[u8], text: &str) -> bool {
        String::from_utf8_lossy(answer).contains(text)
    }

    #[tokio::test]
    async fn a_token_in_clear_text_from_elsewhere_is_neither_asked_for_nor_believed() {
        let bench = Bench::new();
        for address in FAR {
            let answer = bench.told(address, false).await;
            assert_eq!(answer.first(), Some(&b'E'), "{address} is asked: {}", String::from_utf8_lossy(&answer));
            assert!(has(&answer, "C28000\0") && has(&answer, "encrypted connection"), "{address}");
            assert!(!has(&answer, PROVEN), "{address}");
        }
        for address in NEAR {
            let answer = bench.told(address, false).await;
            assert!(answer.starts_with(ASKED) && has(&answer, PROVEN), "{address}");
        }
    }

    #[tokio::test]
    async fn a_token_over_tls_is_believed_wherever_it_comes_from() {
        let bench = Bench::new();
        for address in FAR.into_iter().chain(NEAR) {
            let answer = bench.told(address, true).await;
            assert!(answer.starts_with(ASKED) && has(&answer, PROVEN), "{address}");
        }
    }
}
