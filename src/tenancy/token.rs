//! Tokens (JWT, RFC 7519): checking and, for development, making them.

use jsonwebtoken::errors::ErrorKind;
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation};
use serde_json::{Map, Value};

use crate::base::{InternalError, SqlState, TenantId, UserFacing, UserName};
use crate::config::{JwtAlgorithm, JwtSection};

use super::keys::{KeySet, Source};

/// Why a token proves nothing. The client is told little; the reason is for the log.
#[derive(Debug, Clone, thiserror::Error)]
pub enum AuthError {
    /// No tokens are accepted here.
    #[error("token authentication is not configured")]
    NotConfigured,
    /// It was good once.
    #[error("token has expired")]
    Expired,
    /// Too long, not a token, badly signed, wrong claims.
    #[error("token authentication failed")]
    Refused {
        /// What is wrong with it. Not for the client.
        reason: String,
    },
    /// The public keys could not be read yet.
    #[error("token authentication is not available")]
    KeysUnavailable,
}

impl AuthError {
    pub(super) fn refused(reason: impl Into<String>) -> Self {
        Self::Refused { reason: reason.into() }
    }

    /// For the log: what a client must not be told.
    #[must_use]
    pub fn reason(&self) -> String {
        match self {
            Self::Refused { reason } => reason.clone(),
            Self::NotConfigured | Self::Expired | Self::KeysUnavailable => self.to_string(),
        }
    }
}

impl UserFacing for AuthError {
    fn sqlstate(&self) -> SqlState {
        match self {
            Self::NotConfigured | Self::Expired | Self::Refused { .. } => SqlState::INVALID_PASSWORD,
            Self::KeysUnavailable => SqlState::CANNOT_CONNECT_NOW,
        }
    }
}

/// Why no token was made.
#[derive(Debug, thiserror::Error)]
pub enum MintError {
    /// Tokens come from somewhere else.
    #[error("tokens can only be made with a shared secret: set auth.jwt.algorithm to HS256 and auth.jwt.secret")]
    NoSharedSecret,
    /// Nobody could use it.
    #[error("there is no tenant \"{0}\"")]
    UnknownTenant(TenantId),
    /// A defect.
    #[error(transparent)]
    Internal(#[from] InternalError),
}

/// What a good token says.
pub(super) struct Proven {
    pub(super) tenant: String,
    pub(super) user: Option<String>,
    pub(super) expires_at: i64,
}

/// The way tokens are checked.
pub(super) struct Tokens {
    keys: Keys,
    validation: Validation,
    tenant_claim: String,
    token_bytes: usize,
    issuer: Option<String>,
    audience: Option<String>,
}

enum Keys {
    Shared { decoding: Box<DecodingKey>, encoding: Box<EncodingKey> },
    Public(KeySet),
}

impl std::fmt::Debug for Tokens {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Tokens").field("tenant_claim", &self.tenant_claim).finish_non_exhaustive()
    }
}

impl Tokens {
    /// From a checked section.
    pub(super) fn new(section: &JwtSection, token_bytes: usize) -> Self {
        Self {
            keys: keys(section),
            validation: validation(section),
            tenant_claim: section.tenant_claim.clone(),
            token_bytes,
            issuer: section.issuer.clone(),
            audience: section.audience.clone(),
        }
    }

    pub(super) async fn check(&self, token: &str) -> Result<Proven, AuthError> {
        if token.len() > self.token_bytes {
            return Err(AuthError::refused("the token is too long"));
        }
        // `alg: none` is no algorithm that the library reads, so it fails here.
        let header = jsonwebtoken::decode_header(token).map_err(|error| refusal(&error))?;
        if !self.validation.algorithms.contains(&header.alg) {
            return Err(AuthError::refused("the token is signed with another algorithm"));
        }
        let claims = match &self.keys {
            Keys::Shared { decoding, .. } => self.decode(token, decoding)?,
            Keys::Public(set) => {
                let keys = set.candidates(header.kid.as_deref()).await.ok_or(AuthError::KeysUnavailable)?;
                self.decode_with_any(token, &keys)?
            }
        };
        self.proven(&claims)
    }

    fn decode(&self, token: &str, key: &DecodingKey) -> Result<Map<String, Value>, AuthError> {
        let decoded = jsonwebtoken::decode::<Map<String, Value>>(token, key, &self.validation);
        Ok(decoded.map_err(|error| refusal(&error))?.claims)
    }

    fn decode_with_any(&self, token: &str, keys: &[DecodingKey]) -> Result<Map<String, Value>, AuthError> {
        let mut last = AuthError::refused("no known key has signed it");
        for key in keys {
            match self.decode(token, key) {
                Ok(claims) => return Ok(claims),
                Err(error) => last = error,
            }
        }
        Err(last)
    }

    fn proven(&self, claims: &Map<String, Value>) -> Result<Proven, AuthError> {
        let text = |claim: &str| claims.get(claim).and_then(Value::as_str).map(str::to_owned);
        let tenant =
            text(&self.tenant_claim).ok_or_else(|| AuthError::refused("the tenant claim is missing or no text"))?;
        let expires_at = claims.get("exp").and_then(seconds).ok_or_else(|| AuthError::refused("exp is no time"))?;
        Ok(Proven { tenant, user: text("sub"), expires_at })
    }

    pub(super) fn mint(&self, tenant: &TenantId, user: &UserName, lifetime_seconds: u64) -> Result<String, MintError> {
        let Keys::Shared { encoding, .. } = &self.keys else {
            return Err(MintError::NoSharedSecret);
        };
        let now = jsonwebtoken::get_current_timestamp();
        let mut claims = Map::new();
        claims.insert("iat".to_owned(), now.into());
        claims.insert("exp".to_owned(), now.saturating_add(lifetime_seconds).into());
        claims.insert("sub".to_owned(), user.as_str().into());
        claims.insert(self.tenant_claim.clone(), tenant.as_str().into());
        for (claim, value) in [("iss", &self.issuer), ("aud", &self.audience)] {
            if let Some(value) = value {
                claims.insert(claim.to_owned(), value.as_str().into());
            }
        }
        let token = jsonwebtoken::encode(&Header::new(Algorithm::HS256), &claims, encoding);
        Ok(token.map_err(InternalError::new)?)
    }
}

fn keys(section: &JwtSection) -> Keys {
    match (&section.secret, &section.jwks_file, &section.jwks_url) {
        (Some(secret), ..) => {
            let bytes = secret.expose().as_bytes();
            let (decoding, encoding) = (DecodingKey::from_secret(bytes), EncodingKey::from_secret(bytes));
            Keys::Shared { decoding: Box::new(decoding), encoding: Box::new(encoding) }
        }
        (None, Some(file), _) => Keys::Public(KeySet::new(Source::File(file.clone()), section.algorithm)),
        (None, None, url) => Keys::Public(KeySet::new(Source::Url(url.clone().unwrap_or_default()), section.algorithm)),
    }
}

fn validation(section: &JwtSection) -> Validation {
    let mut validation = Validation::new(library_algorithm(section.algorithm));
    validation.leeway = section.leeway_seconds;
    validation.validate_nbf = true;
    let mut required = vec!["exp"];
    // The library lets a token without `iss` or `aud` pass unless they are required.
    if let Some(issuer) = &section.issuer {
        validation.set_issuer(&[issuer]);
        required.push("iss");
    }
    if let Some(audience) = &section.audience {
        validation.set_audience(&[audience]);
        required.push("aud");
    }
    validation.set_required_spec_claims(&required);
    validation
}

pub(super) fn library_algorithm(algorithm: JwtAlgorithm) -> Algorithm {
    match algorithm {
        JwtAlgorithm::HS256 => Algorithm::HS256,
        JwtAlgorithm::RS256 => Algorithm::RS256,
        JwtAlgorithm::ES256 => Algorithm::ES256,
    }
}

fn refusal(error: &jsonwebtoken::errors::Error) -> AuthError {
    if matches!(error.kind(), ErrorKind::ExpiredSignature) {
        return AuthError::Expired;
    }
    AuthError::refused(error.to_string())
}

/// A NumericDate: seconds since 1970, perhaps with a fraction.
fn seconds(value: &Value) -> Option<i64> {
    #[expect(clippy::cast_possible_truncation, reason = "the cast saturates, and a time that far off never comes")]
    let rounded = |fraction: f64| fraction.round() as i64;
    value.as_i64().or_else(|| value.as_f64().map(rounded))
}

#[cfg(test)]
#[path = "token_tests.rs"]
mod tests;
