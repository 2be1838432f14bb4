//! Whose certificates a store may show over TLS, and what is said of one that is not accepted.

use std::error::Error;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::CertificateDer;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::{self, CertificateError, ClientConfig, RootCertStore};

use crate::base::InternalError;

/// Why a file of authorities cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum InvalidAuthorities {
    /// It cannot be read.
    #[error("cannot read {}: {source}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// It is not PEM, or what it holds is no certificate of an authority.
    #[error("{}: {message}", path.display())]
    Certificate {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        message: String,
    },
}

/// The authorities whose certificates are trusted.
#[derive(Debug, Clone)]
pub struct Trust {
    roots: Arc<RootCertStore>,
    /// The text of the file that names them; `None` for those of the system.
    pem: Option<Vec<u8>>,
}

impl Trust {
    /// The authorities of a file, or those that the system trusts.
    ///
    /// # Errors
    /// [`InvalidAuthorities`] when the file cannot be read or holds no certificates.
    pub fn new(ca_file: Option<&Path>) -> Result<Self, InvalidAuthorities> {
        let Some(path) = ca_file else {
            return Ok(Self { roots: Arc::new(of_system()), pem: None });
        };
        let pem = std::fs::read(path).map_err(|source| InvalidAuthorities::Read { path: path.to_owned(), source })?;
        let roots =
            of_text(&pem).map_err(|message| InvalidAuthorities::Certificate { path: path.to_owned(), message })?;
        Ok(Self { roots: Arc::new(roots), pem: Some(pem) })
    }

    /// For a connection: certificates are checked, and the names in them.
    ///
    /// # Errors
    /// [`InternalError`] when the library refuses its own defaults.
    pub(super) fn client_config(&self) -> Result<ClientConfig, InternalError> {
        // Named, because more than one provider may be built in by way of other crates.
        let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .map_err(InternalError::new)?;
        Ok(config.with_root_certificates(Arc::clone(&self.roots)).with_no_client_auth())
    }

    /// The text of the file, for a driver that reads it itself; `None` for the authorities of the system.
    pub(super) fn pem(&self) -> Option<&[u8]> {
        self.pem.as_deref()
    }
}

fn of_system() -> RootCertStore {
    let mut roots = RootCertStore::empty();
    for certificate in rustls_native_certs::load_native_certs().certs {
        if let Err(error) = roots.add(certificate) {
            tracing::debug!(%error, "a certificate of the system cannot be used");
        }
    }
    roots
}

fn of_text(pem: &[u8]) -> Result<RootCertStore, String> {
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(pem) {
        let certificate = certificate.map_err(|error| error.to_string())?;
        roots.add(certificate).map_err(|error| error.to_string())?;
    }
    if roots.is_empty() {
        return Err("it holds no certificate".to_owned());
    }
    Ok(roots)
}

/// What is wrong with the certificate that a connection failed over; `None` when it failed over something else. Says
/// nothing of the store but what a look at its certificate would.
pub(super) fn refusal(error: &(dyn Error + 'static)) -> Option<&'static str> {
    std::iter::successors(Some(error), |outer| cause(*outer)).find_map(|error| match error.downcast_ref() {
        Some(rustls::Error::InvalidCertificate(fault)) => Some(words(fault)),
        Some(_) | None => None,
    })
}

/// What is behind an error. Two kinds of errors pass over what they wrap when they are asked for their source.
fn cause<'error>(error: &'error (dyn Error + 'static)) -> Option<&'error (dyn Error + 'static)> {
    if let Some(shared) = error.downcast_ref::<Arc<dyn Error + Send + Sync>>() {
        return Some(shared.as_ref());
    }
    match error.downcast_ref::<io::Error>().and_then(io::Error::get_ref) {
        Some(wrapped) => Some(wrapped),
        None => error.source(),
    }
}

fn words(fault: &CertificateError) -> &'static str {
    match fault {
        CertificateError::UnknownIssuer => "The store's certificate is not from an authority that this server trusts.",
        CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
            "The store's certificate is for another name than its address."
        }
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => "The store's certificate has expired.",
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
            "The store's certificate is not valid yet."
        }
        _ => "The store's certificate is not valid; the log says why.",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn unknown() -> rustls::Error {
        rustls::Error::InvalidCertificate(CertificateError::UnknownIssuer)
    }

    #[test]
    fn the_fault_of_a_certificate_is_found_behind_what_wraps_it() {
        let once = io::Error::new(io::ErrorKind::InvalidData, unknown());
        let shared = redis::RedisError::from(io::Error::new(io::ErrorKind::InvalidData, unknown()));
        let twice = io::Error::other(io::Error::new(io::ErrorKind::InvalidData, unknown()));
        let told = Some("The store's certificate is not from an authority that this server trusts.");
        for error in [&once as &(dyn Error + 'static), &shared, &twice, &unknown()] {
            assert_eq!(refusal(error), told, "{error:?}");
        }
        assert_eq!(refusal(&io::Error::from(io::ErrorKind::ConnectionRefused)), None);
        assert_eq!(refusal(&io::Error::new(io::ErrorKind::InvalidData, rustls::Error::DecryptError)), None);
    }

    #[test]
    fn a_file_of_authorities_must_hold_some() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("ca.pem");
        let told = |path: &Path| Trust::new(Some(path)).unwrap_err().to_string();
        assert!(told(&path).starts_with(&format!("cannot read {}: ", path.display())));
        std::fs::write(&path, "nothing").unwrap();
        assert_eq!(told(&path), format!("{}: it holds no certificate", path.display()));
        let own = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
        std::fs::write(&path, own.cert.pem()).unwrap();
        assert_eq!(Trust::new(Some(&path)).unwrap().roots.len(), 1);
    }
}
