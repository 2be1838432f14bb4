//! Clients over TLS: the server's certificate comes from files, and what is wrong with them is told.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use flowforge::base::{TenantId, UserName};
use flowforge::server::{Server, StartError};
use tokio_postgres::Client;
use tokio_postgres::config::{ChannelBinding, SslMode};
use tokio_postgres_rustls::MakeRustlsConnect;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::CertificateDer;
use tokio_rustls::rustls::{ClientConfig, RootCertStore};

use crate::support::{TestServer, sqlstate, value};

/// A certificate for the loopback address with its key, as PEM files.
pub struct Certificate {
    own: CertificateDer<'static>,
    folder: tempfile::TempDir,
}

impl Certificate {
    /// Makes one that nothing else vouches for.
    pub fn new() -> Self {
        let made = rcgen::generate_simple_self_signed(vec!["127.0.0.1".to_owned()]).unwrap();
        let certificate = Self { own: made.cert.der().clone(), folder: tempfile::tempdir().unwrap() };
        std::fs::write(certificate.file(), made.cert.pem()).unwrap();
        std::fs::write(certificate.key(), made.signing_key.serialize_pem()).unwrap();
        certificate
    }

    /// Where the files are.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// The file with the certificate.
    pub fn file(&self) -> PathBuf {
        self.folder().join("server.crt")
    }

    /// The file with its key.
    pub fn key(&self) -> PathBuf {
        self.folder().join("server.key")
    }

    /// Logs in over TLS, and only over TLS, to a server that shows this certificate and proves that it is its own.
    pub async fn connect(&self, port: u16, user: &str, password: &str) -> Result<Client, tokio_postgres::Error> {
        let mut config = tokio_postgres::Config::new();
        config.host("127.0.0.1").port(port).user(user).password(password).dbname("flowforge");
        config.ssl_mode(SslMode::Require);
        if user != "token" {
            config.channel_binding(ChannelBinding::Require);
        }
        let (client, connection) = config.connect(self.trust()).await?;
        tokio::spawn(connection);
        Ok(client)
    }

    /// A client that trusts this certificate and no other.
    fn trust(&self) -> MakeRustlsConnect {
        let mut roots = RootCertStore::empty();
        roots.add(self.own.clone()).unwrap();
        let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots)
            .with_no_client_auth();
        MakeRustlsConnect::new(config)
    }
}

/// The changes of the configuration that name these files.
fn changes<'a>(certificate: &'a Path, key: &'a Path) -> [(&'static str, &'a str); 2] {
    [("tls.certificate", certificate.to_str().unwrap()), ("tls.key", key.to_str().unwrap())]
}

async fn server(certificate: &Certificate) -> TestServer {
    TestServer::start_with(&changes(&certificate.file(), &certificate.key())).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_is_a_password_over_tls_too() {
    let certificate = Certificate::new();
    let server = server(&certificate).await;
    let (tenant, user) = (TenantId::new("globex").unwrap(), UserName::new("globex").unwrap());
    let token = server.server.mint_token(&tenant, &user, 60).unwrap();
    let client = certificate.connect(server.pg().port(), "token", &token).await.unwrap();
    assert_eq!(value(&client, "SELECT current_user").await, "globex");
    assert_eq!(value(&client, "SELECT count(DISTINCT symbol) FROM raw_trades WHERE symbol = 'TSLA'").await, "1");
    assert_eq!(value(&client, "SELECT count(*) FROM raw_trades WHERE symbol = 'AAPL'").await, "0");

    let forged = format!("{}x", &token[..token.len() - 1]);
    let refused = certificate.connect(server.pg().port(), "token", &forged).await.err().unwrap();
    assert_eq!(refused.code().map(tokio_postgres::error::SqlState::code), Some("28P01"), "{refused:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_certificate_of_the_configuration_is_shown_to_clients_and_bound_to() {
    let (certificate, other) = (Certificate::new(), Certificate::new());
    let server = server(&certificate).await;
    let port = server.pg().port();
    let client = certificate.connect(port, "acme", "acme").await.unwrap();
    assert_eq!(value(&client, "SHOW ssl").await, "on");
    // A statement is cancelled over a connection of its own, which is encrypted as well.
    client.simple_query("SET statement_timeout = '60s'").await.unwrap();
    let (cancel, connector) = (client.cancel_token(), certificate.trust());
    let endless = "SELECT count(*) FROM raw_quotes a, raw_quotes b, raw_quotes c WHERE a.bid > b.ask AND b.bid > c.ask";
    let stopper = async {
        tokio::time::sleep(std::time::Duration::from_millis(300)).await;
        cancel.cancel_query(connector).await.unwrap();
    };
    let (state, ()) = tokio::join!(sqlstate(&client, endless), stopper);
    assert_eq!(state, "57014");

    assert!(other.connect(port, "acme", "acme").await.is_err(), "a client took a certificate that it does not trust");
    let plain = server.connect("acme").await;
    assert_eq!(value(&plain, "SELECT 1").await, "1");
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_certificate_a_client_that_insists_on_tls_does_not_get_in() {
    let server = TestServer::start().await;
    let certificate = Certificate::new();
    let error = certificate.connect(server.pg().port(), "acme", "acme").await.err().unwrap();
    assert!(format!("{error:?}").contains("server does not support TLS"), "{error:?}");
    assert_eq!(value(&server.connect("acme").await, "SHOW ssl").await, "off");
}

/// What the server says that is to start with these files.
async fn refusal(certificate: &Path, key: &Path) -> String {
    match Server::start(&TestServer::config(&changes(certificate, key))).await {
        Err(StartError::Certificate(told)) => told,
        other => panic!("{} with {}: {other:?}", certificate.display(), key.display()),
    }
}

#[tokio::test]
async fn a_certificate_or_a_key_that_cannot_be_used_is_told_with_its_file() {
    let (own, other) = (Certificate::new(), Certificate::new());
    let (absent, text) = (own.folder().join("absent.pem"), own.folder().join("text.pem"));
    std::fs::write(&text, "no certificate\n").unwrap();
    for (certificate, key, blamed, words) in [
        (&absent, &own.key(), &absent, "No such file"),
        (&own.file(), &absent, &absent, "No such file"),
        (&text, &own.key(), &text, "certificate"),
        (&own.file(), &text, &text, "private key"),
        // In the place of each other.
        (&other.key(), &own.key(), &other.key(), "certificate"),
        (&own.file(), &other.file(), &other.file(), "private key"),
    ] {
        let told = refusal(certificate, key).await;
        assert!(told.contains(blamed.to_str().unwrap()) && told.contains(words), "{told}");
        let innocent = if blamed == certificate { key } else { certificate };
        assert!(!told.contains(innocent.to_str().unwrap()), "{told}");
    }
}

#[tokio::test]
async fn a_key_of_another_certificate_is_told_with_both_files() {
    let (own, other) = (Certificate::new(), Certificate::new());
    let told = refusal(&own.file(), &other.key()).await;
    for file in [own.file(), other.key()] {
        assert!(told.contains(file.to_str().unwrap()), "{told}");
    }
}
