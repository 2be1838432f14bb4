//! Stores over TLS: what is trusted is used, and what is not is refused and says why.

use std::path::PathBuf;

use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, KeyUsagePurpose};

use crate::engines::Engines;
use crate::processes::Encryption;
use crate::support::{TestServer, rows};

use super::{QUERIES, impatience};

/// An authority that certificates are made with.
struct Authority {
    issuer: Issuer<'static, KeyPair>,
    pem: String,
}

impl Authority {
    fn new(name: &str) -> Self {
        let mut parameters = CertificateParams::new(Vec::new()).unwrap();
        parameters.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        parameters.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        parameters.distinguished_name.push(DnType::CommonName, name);
        let key = KeyPair::generate().unwrap();
        let pem = parameters.self_signed(&key).unwrap().pem();
        Self { issuer: Issuer::new(parameters, key), pem }
    }
}

/// The stores' certificate, and an authority that has nothing to do with it.
struct Files {
    encryption: Encryption,
    stranger: PathBuf,
    _folder: tempfile::TempDir,
}

impl Files {
    /// The certificate is for the address, and for no name.
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let write = |name: &str, text: &str| {
            let path = folder.path().join(name);
            std::fs::write(&path, text).unwrap();
            path
        };
        let (authority, stranger) = (Authority::new("the stores"), Authority::new("a stranger"));
        let key = KeyPair::generate().unwrap();
        let own = CertificateParams::new(vec!["127.0.0.1".to_owned()]).unwrap().signed_by(&key, &authority.issuer);
        let encryption = Encryption {
            certificate: write("server.pem", &own.unwrap().pem()),
            key: write("server.key", &key.serialize_pem()),
            authority: write("authority.pem", &authority.pem),
        };
        Self { encryption, stranger: write("stranger.pem", &stranger.pem), _folder: folder }
    }
}

/// How a store is reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Way {
    Trusted,
    OfAStranger,
    UnderAnotherName,
}

/// A server that reaches one store in this way and the others as it should.
async fn server(engines: &Engines, files: &Files, odd: &str, way: Way) -> TestServer {
    let (clickhouse, redis) = engines.encrypted_ports();
    let (materialize, database) = (engines.materialize_port(), engines.materialize_database());
    let mut changes = Vec::new();
    for (store, _) in QUERIES {
        let way = if store == odd { way } else { Way::Trusted };
        let host = if way == Way::UnderAnotherName { "localhost" } else { "127.0.0.1" };
        let authority = if way == Way::OfAStranger { &files.stranger } else { &files.encryption.authority };
        let mode = if way == Way::Trusted { "verify-full" } else { "require" };
        let (key, address) = match store {
            "clickhouse" => ("urls", format!("[\"https://{host}:{clickhouse}\"]")),
            "materialize" => ("url", format!("postgres://postgres@{host}:{materialize}/{database}?sslmode={mode}")),
            _ => ("urls", format!("[\"rediss://{host}:{redis}/0\"]")),
        };
        changes.push((format!("stores.{store}.{key}"), address));
        changes.push((format!("stores.{store}.ca_file"), authority.display().to_string()));
        changes.extend(impatience(store, "1"));
    }
    let changes: Vec<_> = changes.iter().map(|(key, value)| (key.as_str(), value.as_str())).collect();
    engines.server_with(&changes).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_is_asked_over_tls_and_only_when_its_certificate_is_trusted() {
    let files = Files::new();
    let Some(engines) = Engines::start_apart(Some(&files.encryption)).await else { return };
    let trusting = server(&engines, &files, "none", Way::Trusted).await;
    let client = trusting.connect("acme").await;
    let mut answers = Vec::new();
    for (store, query) in QUERIES {
        let answer = rows(&client, query).await.unwrap_or_else(|error| panic!("{store}: {error:?}"));
        assert!(!answer.is_empty(), "{store}");
        answers.push(answer);
    }
    let encrypted = "SELECT count(*) FROM pg_stat_ssl JOIN pg_stat_activity USING (pid)
                     WHERE application_name = 'flowforge' AND ssl = ";
    assert!(engines.materialize_counts(&format!("{encrypted} true")).await > 0);
    assert_eq!(engines.materialize_counts(&format!("{encrypted} false")).await, 0);

    for (way, told) in [
        (Way::OfAStranger, "The store's certificate is not from an authority that this server trusts."),
        (Way::UnderAnotherName, "The store's certificate is for another name than its address."),
    ] {
        for (odd, _) in QUERIES {
            let server = server(&engines, &files, odd, way).await;
            let client = server.connect("acme").await;
            for ((store, query), answer) in QUERIES.into_iter().zip(&answers) {
                let found = rows(&client, query).await;
                if store != odd {
                    assert_eq!(found.unwrap(), *answer, "{store} while {odd} is not trusted");
                    continue;
                }
                let error = found.expect_err(store);
                let report = error.as_db_error().unwrap_or_else(|| panic!("{store}, {way:?}: {error:?}"));
                assert_eq!(report.code().code(), "08006", "{store}, {way:?}: {report:?}");
                assert_eq!(report.message(), format!("store {store} is not available"));
                assert_eq!(report.detail(), Some(told), "{store}");
            }
        }
    }
}
