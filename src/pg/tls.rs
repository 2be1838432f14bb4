//! TLS: the acceptor, and the hash of the certificate that SCRAM binds to.

use std::fmt;
use std::sync::Arc;

use sha2::{Digest, Sha256, Sha384, Sha512};
use tokio::net::TcpStream;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};

use super::failure::Failure;
use super::socket::Transport;

/// The protocol name that clients which start TLS without asking must name (ALPN).
pub const PROTOCOL: &[u8] = b"postgresql";

/// How to encrypt connections.
#[derive(Clone)]
pub struct TlsSettings {
    acceptor: TlsAcceptor,
    /// `tls-server-end-point` of RFC 5929; `None` when the certificate's signature has no plain hash.
    binding: Option<Vec<u8>>,
}

impl fmt::Debug for TlsSettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TlsSettings").field("channel_binding", &self.binding.is_some()).finish()
    }
}

/// A certificate or a private key that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum InvalidTls {
    /// The certificate file is not PEM, or holds no certificate.
    #[error("the certificate cannot be read: {0}")]
    Certificate(String),
    /// The key file is not PEM, or holds no private key.
    #[error("the private key cannot be read: {0}")]
    Key(String),
    /// They do not go together.
    #[error("the certificate and the private key cannot be used: {0}")]
    Pair(#[from] tokio_rustls::rustls::Error),
}

impl TlsSettings {
    /// Settings from PEM texts: the certificate chain, the server's own certificate first, and its private key.
    ///
    /// # Errors
    /// [`InvalidTls`] says which of them cannot be used.
    pub fn from_pem(certificates: &[u8], private_key: &[u8]) -> Result<Self, InvalidTls> {
        let chain = CertificateDer::pem_slice_iter(certificates)
            .collect::<Result<Vec<_>, _>>()
            .map_err(|error| InvalidTls::Certificate(error.to_string()))?;
        let own = chain.first().cloned().ok_or_else(|| InvalidTls::Certificate("there is none".to_owned()))?;
        let key = PrivateKeyDer::from_pem_slice(private_key).map_err(|error| InvalidTls::Key(error.to_string()))?;
        // Named, because more than one provider may be built in by way of other crates.
        let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()?
            .with_no_client_auth()
            .with_single_cert(chain, key)?;
        Ok(Self::new(config, &own))
    }

    /// Settings from a configuration of the TLS library and the server's own certificate, the one that clients see.
    #[must_use]
    pub fn new(mut config: ServerConfig, certificate: &CertificateDer<'_>) -> Self {
        config.alpn_protocols = vec![PROTOCOL.to_vec()];
        Self { acceptor: TlsAcceptor::from(Arc::new(config)), binding: end_point(certificate) }
    }

    /// The value that SCRAM binds to.
    pub(super) fn channel_binding(&self) -> Option<&[u8]> {
        self.binding.as_deref()
    }

    /// Shakes hands. A client that did not ask first (`direct`) must have named the protocol.
    pub(super) async fn accept(&self, stream: TcpStream, direct: bool) -> Result<Transport, Failure> {
        let stream = self.acceptor.accept(stream).await?;
        if direct && stream.get_ref().1.alpn_protocol() != Some(PROTOCOL) {
            tracing::debug!("TLS without a request and without the protocol's name");
            return Err(Failure::Gone);
        }
        Ok(Transport::Tls(Box::new(stream)))
    }
}

/// The hash of the certificate by the hash of its signature; SHA-256 where that is MD5 or SHA-1.
fn end_point(certificate: &[u8]) -> Option<Vec<u8>> {
    // Object identifiers below 1.2.840.113549.1.1 (RSA) and 1.2.840.10045.4 (ECDSA).
    const RSA: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01];
    const ECDSA: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04];
    let algorithm = signature_algorithm(certificate)?;
    let sha256 = || Some(Sha256::digest(certificate).to_vec());
    let sha384 = || Some(Sha384::digest(certificate).to_vec());
    let sha512 = || Some(Sha512::digest(certificate).to_vec());
    match (algorithm.strip_prefix(RSA), algorithm.strip_prefix(ECDSA)) {
        (Some([4 | 5 | 11]), _) | (_, Some([1] | [3, 2])) => sha256(),
        (Some([12]), _) | (_, Some([3, 3])) => sha384(),
        (Some([13]), _) | (_, Some([3, 4])) => sha512(),
        _ => None,
    }
}

/// The identifier in `Certificate ::= SEQUENCE { tbsCertificate, signatureAlgorithm SEQUENCE { OID … }, … }`.
fn signature_algorithm(certificate: &[u8]) -> Option<&[u8]> {
    let (outer, _) = element(certificate, 0x30)?;
    let (_, after_body) = element(outer, 0x30)?;
    let (algorithm, _) = element(after_body, 0x30)?;
    element(algorithm, 0x06).map(|(identifier, _)| identifier)
}

/// The content of the DER element with this tag at the start, and what follows it.
fn element(input: &[u8], tag: u8) -> Option<(&[u8], &[u8])> {
    let (&found, rest) = input.split_first()?;
    let (&first, rest) = rest.split_first()?;
    if found != tag {
        return None;
    }
    let (length, rest) = if first < 0x80 {
        (usize::from(first), rest)
    } else {
        let (digits, rest) =
            rest.split_at_checked(usize::from(first & 0x7f)).filter(|(digits, _)| digits.len() <= 4)?;
        (digits.iter().fold(0, |length, digit| length << 8 | usize::from(*digit)), rest)
    };
    rest.split_at_checked(length)
}
