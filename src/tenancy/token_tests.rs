//! Tests of tokens: what gets in, and everything that must not.

use std::io::{Read, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::jwk::Jwk;
use serde_json::json;

use super::*;
use crate::config::{Config, Override, Secret};
use crate::tenancy::{Authenticators, Identity};

const SECRET: &str = "a secret of thirty-two bytes, at least";
const RSA: &[u8] = include_bytes!("testdata/rsa_test_only.pem");
const EC: &[u8] = include_bytes!("testdata/ec_test_only.pem");

fn with(section: JwtSection) -> Authenticators {
    let mut config = Config::demo(&[]).unwrap();
    config.auth.jwt = Some(section);
    Authenticators::new(&config).unwrap()
}

fn hs256() -> JwtSection {
    JwtSection::hs256(Secret::new(SECRET))
}

fn now() -> u64 {
    jsonwebtoken::get_current_timestamp()
}

fn claims() -> Value {
    json!({"exp": now() + 60, "tenant_id": "acme", "sub": "ann"})
}

fn signed(claims: &Value) -> String {
    let key = EncodingKey::from_secret(SECRET.as_bytes());
    jsonwebtoken::encode(&Header::new(Algorithm::HS256), claims, &key).unwrap()
}

fn altered(change: impl Fn(&mut Map<String, Value>)) -> String {
    let mut claims = claims();
    change(claims.as_object_mut().unwrap());
    signed(&claims)
}

async fn refused(authenticators: &Authenticators, token: &str) -> String {
    let error = authenticators.token_identity(token).await.unwrap_err();
    assert_eq!(error.sqlstate(), SqlState::INVALID_PASSWORD);
    error.reason()
}

fn part(value: &Value) -> String {
    URL_SAFE_NO_PAD.encode(value.to_string())
}

#[tokio::test]
async fn a_minted_token_proves_tenant_and_user_until_it_expires() {
    let authenticators = with(hs256());
    let (tenant, user) = (TenantId::new("globex").unwrap(), UserName::new("ann").unwrap());
    let token = authenticators.mint_token(&tenant, &user, 60).unwrap();
    let identity: Identity = authenticators.token_identity(&token).await.unwrap();
    assert_eq!(identity.tenant().id, tenant);
    assert_eq!(identity.user(), &user);
    let left = identity.expires_at().unwrap() - i64::try_from(now()).unwrap();
    assert!((58..=60).contains(&left), "{left}");
    let nobody = TenantId::new("nobody").unwrap();
    assert!(matches!(authenticators.mint_token(&nobody, &user, 60), Err(MintError::UnknownTenant(_))));
}

#[tokio::test]
async fn claims_are_checked() {
    let authenticators = with(hs256());
    let bad = [
        (altered(|claims| drop(claims.remove("exp"))), "exp"),
        (altered(|claims| drop(claims.insert("exp".into(), json!("soon")))), "exp"),
        (altered(|claims| drop(claims.insert("exp".into(), json!(now() - 60)))), "expired"),
        (altered(|claims| drop(claims.insert("nbf".into(), json!(now() + 60)))), "Immature"),
        (altered(|claims| drop(claims.remove("tenant_id"))), "tenant claim"),
        (altered(|claims| drop(claims.insert("tenant_id".into(), json!(7)))), "tenant claim"),
        (altered(|claims| drop(claims.insert("tenant_id".into(), json!("nobody")))), "names no tenant"),
        (altered(|claims| drop(claims.insert("tenant_id".into(), json!("acme:*")))), "names no tenant"),
        (altered(|claims| drop(claims.insert("aud".into(), json!("others")))), "Audience"),
        (altered(|claims| drop(claims.insert("sub".into(), json!("")))), "user name"),
    ];
    for (token, reason) in bad {
        let said = refused(&authenticators, &token).await;
        assert!(said.contains(reason), "{said} should say {reason}");
    }
    let without_sub = altered(|claims| drop(claims.remove("sub")));
    assert_eq!(authenticators.token_identity(&without_sub).await.unwrap().user().as_str(), "token");
}

#[tokio::test]
async fn issuer_and_audience_are_required_when_configured() {
    let mut section = hs256();
    section.issuer = Some("https://login".to_owned());
    section.audience = Some("flowforge".to_owned());
    let authenticators = with(section);
    assert!(refused(&authenticators, &signed(&claims())).await.contains("required"));
    let wrong = altered(|claims| {
        claims.insert("iss".into(), json!("https://evil"));
        claims.insert("aud".into(), json!(["flowforge"]));
    });
    assert!(refused(&authenticators, &wrong).await.contains("Issuer"));
    let right = altered(|claims| {
        claims.insert("iss".into(), json!("https://login"));
        claims.insert("aud".into(), json!(["x", "flowforge"]));
    });
    assert!(authenticators.token_identity(&right).await.is_ok());
    let (tenant, user) = (TenantId::new("acme").unwrap(), UserName::new("ann").unwrap());
    let minted = authenticators.mint_token(&tenant, &user, 60).unwrap();
    assert!(authenticators.token_identity(&minted).await.is_ok());
}

#[tokio::test]
async fn no_signature_and_foreign_signatures_are_refused() {
    let authenticators = with(hs256());
    let good = signed(&claims());
    let (head, signature) = good.rsplit_once('.').unwrap();
    let body = part(&claims());
    let none = format!("{}.{body}.", part(&json!({"alg": "none", "typ": "JWT"})));
    let none_signed = format!("{}.{body}.{signature}", part(&json!({"alg": "none"})));
    let other_key = {
        let key = EncodingKey::from_secret(b"another secret of thirty-two bytes!!");
        jsonwebtoken::encode(&Header::new(Algorithm::HS256), &claims(), &key).unwrap()
    };
    let other_algorithm = {
        let key = EncodingKey::from_secret(SECRET.as_bytes());
        jsonwebtoken::encode(&Header::new(Algorithm::HS512), &claims(), &key).unwrap()
    };
    let rsa = rsa_token(None);
    let forged_claims = format!("{}.{}.{signature}", head.split_once('.').unwrap().0, part(&json!({"exp": 9e12})));
    let long = "x".repeat(17 * 1024);
    let deep = format!("{}.{}.x", part(&json!({"alg": "HS256"})), URL_SAFE_NO_PAD.encode("[".repeat(10_000)));
    for token in [
        "",
        ".",
        "..",
        "a.b.c",
        head,
        &none,
        &none_signed,
        &other_key,
        &other_algorithm,
        &rsa,
        &forged_claims,
        &long,
        &deep,
    ] {
        refused(&authenticators, token).await;
    }
    assert!(authenticators.token_identity(&good).await.is_ok());
}

fn rsa_token(kid: Option<&str>) -> String {
    let header = Header { kid: kid.map(str::to_owned), ..Header::new(Algorithm::RS256) };
    jsonwebtoken::encode(&header, &claims(), &EncodingKey::from_rsa_pem(RSA).unwrap()).unwrap()
}

fn ec_token(kid: Option<&str>) -> String {
    let header = Header { kid: kid.map(str::to_owned), ..Header::new(Algorithm::ES256) };
    jsonwebtoken::encode(&header, &claims(), &EncodingKey::from_ec_pem(EC).unwrap()).unwrap()
}

fn key_set() -> String {
    let mut rsa = Jwk::from_encoding_key(&EncodingKey::from_rsa_pem(RSA).unwrap(), Algorithm::RS256).unwrap();
    rsa.common.key_id = Some("rsa-1".to_owned());
    let mut ec = Jwk::from_encoding_key(&EncodingKey::from_ec_pem(EC).unwrap(), Algorithm::ES256).unwrap();
    ec.common.key_id = Some("ec-1".to_owned());
    json!({"keys": [rsa, ec]}).to_string()
}

fn public(algorithm: JwtAlgorithm) -> JwtSection {
    JwtSection { algorithm, secret: None, ..hs256() }
}

#[tokio::test]
async fn public_keys_of_a_file_check_their_own_algorithm_only() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("jwks.json");
    std::fs::write(&file, key_set()).unwrap();
    for (algorithm, good, foreign) in [
        (JwtAlgorithm::RS256, rsa_token(Some("rsa-1")), ec_token(Some("ec-1"))),
        (JwtAlgorithm::ES256, ec_token(None), rsa_token(None)),
    ] {
        let authenticators = with(JwtSection { jwks_file: Some(file.clone()), ..public(algorithm) });
        assert!(authenticators.token_identity(&good).await.is_ok(), "{algorithm:?}");
        refused(&authenticators, &foreign).await;
        refused(&authenticators, &signed(&claims())).await;
        // The public key as a shared secret: the classic confusion of algorithms.
        let confused = jsonwebtoken::encode(&Header::new(Algorithm::HS256), &claims(), &EncodingKey::from_secret(RSA));
        refused(&authenticators, &confused.unwrap()).await;
        let (tenant, user) = (TenantId::new("acme").unwrap(), UserName::new("ann").unwrap());
        assert!(matches!(authenticators.mint_token(&tenant, &user, 60), Err(MintError::NoSharedSecret)));
    }
}

/// Serves the keys over HTTP and counts how often it was asked.
fn key_server(body: String) -> (String, Arc<AtomicUsize>) {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/jwks.json", listener.local_addr().unwrap());
    let asked = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&asked);
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            counter.fetch_add(1, Ordering::SeqCst);
            let _bytes = stream.read(&mut [0; 4096]).unwrap();
            let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\nConnection: close\r\n\r\n", body.len());
            stream.write_all(format!("{head}{body}").as_bytes()).unwrap();
        }
    });
    (url, asked)
}

#[tokio::test]
async fn an_unknown_key_id_fetches_at_most_once_a_minute() {
    let (url, asked) = key_server(key_set());
    let authenticators = with(JwtSection { jwks_url: Some(url), ..public(JwtAlgorithm::RS256) });
    assert!(authenticators.token_identity(&rsa_token(Some("rsa-1"))).await.is_ok());
    assert_eq!(asked.load(Ordering::SeqCst), 1);
    for index in 0..20 {
        refused(&authenticators, &rsa_token(Some(&format!("made-up-{index}")))).await;
    }
    assert!(authenticators.token_identity(&rsa_token(None)).await.is_ok());
    assert_eq!(asked.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn keys_that_cannot_be_read_are_no_wrong_password() {
    let file = Some("/nonexistent/jwks.json".into());
    let authenticators = with(JwtSection { jwks_file: file, ..public(JwtAlgorithm::RS256) });
    let error = authenticators.token_identity(&rsa_token(None)).await.unwrap_err();
    assert!(matches!(error, AuthError::KeysUnavailable));
}

#[tokio::test]
async fn without_a_section_there_are_no_tokens() {
    let mut config = Config::demo(&[Override::flag("test", "server.database", "x")]).unwrap();
    config.auth.jwt = None;
    let authenticators = Authenticators::new(&config).unwrap();
    assert!(!authenticators.is_token_user("token"));
    assert!(matches!(authenticators.token_identity(&signed(&claims())).await, Err(AuthError::NotConfigured)));
    assert!(with(hs256()).is_token_user("token"));
}
