//! The public keys that sign tokens: a JWKS file or address, read again from time to time.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use arc_swap::ArcSwap;
use jsonwebtoken::DecodingKey;
use jsonwebtoken::jwk::{AlgorithmParameters, EllipticCurve, Jwk, PublicKeyUse};

use crate::base::limits;
use crate::config::JwtAlgorithm;

/// Keys older than this are read again.
const REFRESH: Duration = Duration::from_secs(300);
/// An unknown key id reads again at most this often: strangers choose the ids.
const UNKNOWN_KEY: Duration = Duration::from_secs(60);
/// As long as there are no keys at all, nobody can log in: try sooner.
const RETRY: Duration = Duration::from_secs(5);
/// How long the address may take.
const FETCH: Duration = Duration::from_secs(5);
/// Where the keys come from.
#[derive(Debug, Clone)]
pub(super) enum Source {
    /// A file.
    File(PathBuf),
    /// An address.
    Url(String),
}

/// The keys for one algorithm.
pub(super) struct KeySet {
    source: Source,
    algorithm: JwtAlgorithm,
    loaded: ArcSwap<Loaded>,
    last_attempt: tokio::sync::Mutex<Option<Instant>>,
}

#[derive(Default)]
struct Loaded {
    keys: Vec<Key>,
    at: Option<Instant>,
}

struct Key {
    id: Option<String>,
    key: DecodingKey,
}

impl std::fmt::Debug for KeySet {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("KeySet").field("source", &self.source).finish_non_exhaustive()
    }
}

impl KeySet {
    pub(super) fn new(source: Source, algorithm: JwtAlgorithm) -> Self {
        Self { source, algorithm, loaded: ArcSwap::default(), last_attempt: tokio::sync::Mutex::new(None) }
    }

    /// The keys that may have signed a token with this key id; all of them where it names none.
    /// `None`: no keys were ever read.
    pub(super) async fn candidates(&self, id: Option<&str>) -> Option<Vec<DecodingKey>> {
        let loaded = self.loaded.load_full();
        let unknown = id.is_some_and(|id| !loaded.has(id));
        let stale = loaded.at.is_none_or(|at| at.elapsed() > REFRESH);
        if unknown || stale {
            self.reload(&loaded, unknown).await;
        }
        let loaded = self.loaded.load_full();
        loaded.at?;
        let fits = |key: &&Key| id.is_none_or(|id| key.id.as_deref() == Some(id));
        Some(loaded.keys.iter().filter(fits).map(|key| key.key.clone()).collect())
    }

    async fn reload(&self, seen: &Arc<Loaded>, wait: bool) {
        // Old keys still serve while somebody else reads new ones.
        let guard = if wait || seen.at.is_none() {
            Some(self.last_attempt.lock().await)
        } else {
            self.last_attempt.try_lock().ok()
        };
        let Some(mut last_attempt) = guard else { return };
        let pause = if seen.at.is_none() { RETRY } else { UNKNOWN_KEY };
        let renewed = self.loaded.load().at != seen.at;
        if renewed || last_attempt.is_some_and(|at| at.elapsed() < pause) {
            return;
        }
        *last_attempt = Some(Instant::now());
        match self.fetch().await {
            Ok(text) => self.store(&text),
            Err(error) => tracing::warn!(source = ?self.source, %error, "cannot read the public keys of tokens"),
        }
    }

    async fn fetch(&self) -> Result<String, String> {
        let source = self.source.clone();
        let reading = tokio::task::spawn_blocking(move || match source {
            Source::File(path) => std::fs::read_to_string(path).map_err(|error| error.to_string()),
            Source::Url(url) => get(&url).map_err(|error| error.to_string()),
        });
        reading.await.map_err(|error| error.to_string())?
    }

    fn store(&self, text: &str) {
        match read(text, self.algorithm) {
            Ok(keys) => self.loaded.store(Arc::new(Loaded { keys, at: Some(Instant::now()) })),
            Err(error) => tracing::warn!(source = ?self.source, %error, "the public keys of tokens are no JWKS"),
        }
    }
}

impl Loaded {
    fn has(&self, id: &str) -> bool {
        self.keys.iter().any(|key| key.id.as_deref() == Some(id))
    }
}

fn get(url: &str) -> Result<String, ureq::Error> {
    let agent: ureq::Agent = ureq::Agent::config_builder().timeout_global(Some(FETCH)).max_redirects(3).build().into();
    let mut response = agent.get(url).call()?;
    response.body_mut().with_config().limit(limits::KEY_SET_BYTES).read_to_string()
}

/// The keys of a JWKS that fit the algorithm. Keys for other purposes and of unknown kinds are passed over.
fn read(text: &str, algorithm: JwtAlgorithm) -> Result<Vec<Key>, serde_json::Error> {
    #[derive(serde::Deserialize)]
    struct Document {
        keys: Vec<serde_json::Value>,
    }
    let document: Document = serde_json::from_str(text)?;
    let keys = document.keys.into_iter().filter_map(|value| serde_json::from_value::<Jwk>(value).ok());
    Ok(keys
        .filter(|key| fits(key, algorithm))
        .filter_map(|key| decoding_key(&key))
        .take(limits::KEY_SET_KEYS)
        .collect())
}

fn decoding_key(key: &Jwk) -> Option<Key> {
    let decoding = DecodingKey::from_jwk(key).ok()?;
    Some(Key { id: key.common.key_id.clone(), key: decoding })
}

fn fits(key: &Jwk, algorithm: JwtAlgorithm) -> bool {
    let kind = match (&key.algorithm, algorithm) {
        (AlgorithmParameters::RSA(_), JwtAlgorithm::RS256) => true,
        (AlgorithmParameters::EllipticCurve(key), JwtAlgorithm::ES256) => key.curve == EllipticCurve::P256,
        (_, JwtAlgorithm::RS256 | JwtAlgorithm::ES256 | JwtAlgorithm::HS256) => false,
    };
    let purpose = matches!(key.common.public_key_use, None | Some(PublicKeyUse::Signature));
    let wanted = super::token::library_algorithm(algorithm);
    let named = key.common.key_algorithm.is_none_or(|named| named.to_string().parse() == Ok(wanted));
    kind && purpose && named
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_keys_that_may_sign_with_the_algorithm_are_kept() {
        let text = r#"{"keys":[
            {"kty":"oct","kid":"a","k":"c2VjcmV0"},
            {"kty":"EC","kid":"b","crv":"P-384","x":"AA","y":"AA"},
            {"kty":"EC","kid":"c","crv":"P-256","x":"AA","y":"AA","use":"enc"},
            {"kty":"EC","kid":"d","crv":"P-256","x":"AA","y":"AA","alg":"ES384"},
            {"kty":"EC","kid":"e","crv":"P-256","x":"AA","y":"AA","alg":"ES256","use":"sig"},
            {"kty":"new","kid":"f"}, 7,
            {"kty":"RSA","kid":"g","n":"AQAB","e":"AQAB"}
        ]}"#;
        let ids = |algorithm| {
            let keys = read(text, algorithm).unwrap();
            keys.into_iter().filter_map(|key| key.id).collect::<Vec<_>>()
        };
        assert_eq!(ids(JwtAlgorithm::ES256), ["e"]);
        assert_eq!(ids(JwtAlgorithm::RS256), ["g"]);
        assert!(ids(JwtAlgorithm::HS256).is_empty());
        assert!(read("[]", JwtAlgorithm::RS256).is_err());
    }
}
