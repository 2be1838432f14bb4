//! Encrypted connections: asked for and direct, and SCRAM bound to the certificate.

use std::sync::Arc;

use flowforge::pg::TlsSettings;
use postgres_protocol::authentication::sasl::{ChannelBinding, SCRAM_SHA_256, SCRAM_SHA_256_PLUS, ScramSha256};
use sha2::{Digest, Sha256};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName};
use tokio_rustls::rustls::{ClientConfig, RootCertStore};

use super::Server;

const SSL_REQUEST: [u8; 8] = [0, 0, 0, 8, 4, 210, 22, 47];

/// A server with a certificate of its own making, and that certificate.
fn start() -> (Server, CertificateDer<'static>) {
    let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
    let settings =
        TlsSettings::from_pem(made.cert.pem().as_bytes(), made.signing_key.serialize_pem().as_bytes()).unwrap();
    (Server::start_with(Some(settings), &[]), made.cert.der().clone())
}

async fn shake_hands(
    stream: TcpStream,
    certificate: &CertificateDer<'static>,
    protocol: Option<&[u8]>,
) -> std::io::Result<TlsStream<TcpStream>> {
    let mut roots = RootCertStore::empty();
    roots.add(certificate.clone()).unwrap();
    let mut config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = protocol.map(<[u8]>::to_vec).into_iter().collect();
    TlsConnector::from(Arc::new(config)).connect(ServerName::try_from("localhost").unwrap(), stream).await
}

async fn encrypted(server: &Server, certificate: &CertificateDer<'static>) -> TlsStream<TcpStream> {
    let mut stream = TcpStream::connect(server.address).await.unwrap();
    stream.write_all(&SSL_REQUEST).await.unwrap();
    assert_eq!(stream.read_u8().await.unwrap(), b'S');
    shake_hands(stream, certificate, None).await.unwrap()
}

async fn message(stream: &mut TlsStream<TcpStream>) -> (u8, Vec<u8>) {
    let kind = stream.read_u8().await.unwrap();
    let length = stream.read_u32().await.unwrap();
    let mut body = vec![0; length as usize - 4];
    stream.read_exact(&mut body).await.unwrap();
    (kind, body)
}

async fn send(stream: &mut TlsStream<TcpStream>, kind: Option<u8>, body: &[u8]) {
    let mut bytes: Vec<u8> = kind.into_iter().collect();
    bytes.extend(u32::try_from(body.len() + 4).unwrap().to_be_bytes());
    bytes.extend(body);
    stream.write_all(&bytes).await.unwrap();
    stream.flush().await.unwrap();
}

/// Logs in with a mechanism; gives the last message of the server.
async fn log_in(stream: &mut TlsStream<TcpStream>, mechanism: &str, binding: ChannelBinding) -> (u8, Vec<u8>) {
    send(stream, None, b"\0\x03\0\0user\0acme\0database\0flowforge\0\0").await;
    let (_, offered) = message(stream).await;
    assert_eq!(&offered[4..], b"SCRAM-SHA-256-PLUS\0SCRAM-SHA-256\0\0");
    let mut scram = ScramSha256::new(b"acme", binding);
    let mut first = format!("{mechanism}\0").into_bytes();
    first.extend(u32::try_from(scram.message().len()).unwrap().to_be_bytes());
    first.extend(scram.message());
    send(stream, Some(b'p'), &first).await;
    let (kind, challenge) = message(stream).await;
    if kind != b'R' {
        return (kind, challenge);
    }
    scram.update(&challenge[4..]).unwrap();
    let last = scram.message().to_vec();
    send(stream, Some(b'p'), &last).await;
    let (kind, proof) = message(stream).await;
    if kind == b'R' {
        scram.finish(&proof[4..]).unwrap();
    }
    (kind, proof)
}

fn code(body: &[u8]) -> String {
    let field = body.split(|byte| *byte == 0).find(|field| field.first() == Some(&b'C')).unwrap();
    String::from_utf8(field[1..].to_vec()).unwrap()
}

fn run(test: impl std::future::Future<Output = ()>) {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(test);
}

#[test]
fn scram_binds_to_the_certificate() {
    let (server, certificate) = start();
    run(async {
        let right = Sha256::digest(&certificate).to_vec();
        let mut stream = encrypted(&server, &certificate).await;
        let binding = ChannelBinding::tls_server_end_point(right);
        assert_eq!(log_in(&mut stream, SCRAM_SHA_256_PLUS, binding).await.0, b'R');

        let mut stream = encrypted(&server, &certificate).await;
        let binding = ChannelBinding::tls_server_end_point(vec![0; 32]);
        let (kind, body) = log_in(&mut stream, SCRAM_SHA_256_PLUS, binding).await;
        assert_eq!((kind, code(&body).as_str()), (b'E', "28000"));
    });
}

#[test]
fn a_client_that_was_told_there_is_no_binding_is_refused() {
    let (server, certificate) = start();
    run(async {
        let mut stream = encrypted(&server, &certificate).await;
        let (kind, body) = log_in(&mut stream, SCRAM_SHA_256, ChannelBinding::unrequested()).await;
        assert_eq!((kind, code(&body).as_str()), (b'E', "28000"));

        let mut stream = encrypted(&server, &certificate).await;
        assert_eq!(log_in(&mut stream, SCRAM_SHA_256, ChannelBinding::unsupported()).await.0, b'R');
    });
}

#[test]
fn tls_without_a_request_must_name_the_protocol() {
    let (server, certificate) = start();
    run(async {
        let stream = TcpStream::connect(server.address).await.unwrap();
        let mut stream = shake_hands(stream, &certificate, Some(b"postgresql")).await.unwrap();
        assert_eq!(log_in(&mut stream, SCRAM_SHA_256, ChannelBinding::unsupported()).await.0, b'R');

        let stream = TcpStream::connect(server.address).await.unwrap();
        let mut stream = shake_hands(stream, &certificate, None).await.unwrap();
        assert!(stream.read_u8().await.is_err());
    });
}

#[test]
fn what_came_before_the_handshake_is_not_believed() {
    let (server, _) = start();
    run(async {
        let mut stream = TcpStream::connect(server.address).await.unwrap();
        let mut bytes = SSL_REQUEST.to_vec();
        bytes.extend(b"\0\0\0\x12\0\x03\0\0user\0acme\0\0");
        stream.write_all(&bytes).await.unwrap();
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).await.unwrap();
        assert!(String::from_utf8_lossy(&answer).contains("unencrypted data after SSL request"));
    });
}

#[test]
fn without_encryption_the_connection_still_works() {
    let (server, _) = start();
    let options = serde_json::json!({"user": "acme", "password": "acme"});
    let (_, shown) = super::client::Client::connect(server.address, &options);
    assert_eq!(shown[0], "AuthenticationOk");
}
