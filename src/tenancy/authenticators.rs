//! All the ways to become an [`Identity`].

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use rand::Rng;

use crate::base::{TenantId, UserName, limits};
use crate::config::{Config, ConfigError, ScramVerifier};

use super::scram::{ITERATIONS, SALT_BYTES, mac};
use super::tenant::{Identity, Tenant};
use super::token::{AuthError, MintError, Tokens};

/// Users, tenants and token keys. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Authenticators {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    users: HashMap<String, User>,
    tenants: BTreeMap<TenantId, Arc<Tenant>>,
    token_user: String,
    tokens: Option<Tokens>,
    mock: Mock,
}

#[derive(Debug)]
struct User {
    name: UserName,
    tenant: Arc<Tenant>,
    verifier: ScramVerifier,
}

/// What unknown users are answered with. They look like known ones, always the same for the same name.
struct Mock {
    secret: [u8; 32],
    iterations: u32,
    salt_bytes: usize,
}

impl std::fmt::Debug for Mock {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Mock").finish_non_exhaustive()
    }
}

impl Authenticators {
    /// Reads the configuration's users, tenants and keys. A JWKS file is opened at the first token.
    ///
    /// # Errors
    /// [`ConfigError::Problems`] when the configuration does not pass [`Config::check`].
    pub fn new(config: &Config) -> Result<Self, ConfigError> {
        let problems = config.check();
        if !problems.is_empty() {
            return Err(ConfigError::Problems(problems));
        }
        let tenants: BTreeMap<TenantId, Arc<Tenant>> = config
            .tenants
            .iter()
            .map(|section| Tenant { id: section.id.clone(), attributes: section.attributes.clone() })
            .map(|tenant| (tenant.id.clone(), Arc::new(tenant)))
            .collect();
        let users = users(config, &tenants);
        let mock = Mock::like(users.values().map(|user| &user.verifier));
        let token_bytes = config.limit_set().of(limits::TOKEN_BYTES);
        let tokens = config.auth.jwt.as_ref().map(|section| Tokens::new(section, token_bytes));
        let token_user = config.auth.token_user.clone();
        Ok(Self { inner: Arc::new(Inner { users, tenants, token_user, tokens, mock }) })
    }

    /// The verifier of a user. An unknown user has one too, that no password fits, so that nothing tells them apart.
    #[must_use]
    pub fn verifier(&self, user: &str) -> ScramVerifier {
        match self.inner.users.get(user) {
            Some(user) => user.verifier.clone(),
            None => self.inner.mock.verifier(user),
        }
    }

    /// The identity of a user whose password was just proven against [`Authenticators::verifier`]. `None` for an unknown
    /// user: a proof against a mock verifier is none.
    #[must_use]
    pub fn password_identity(&self, user: &str) -> Option<Identity> {
        let user = self.inner.users.get(user)?;
        Some(Identity::new(Arc::clone(&user.tenant), user.name.clone(), None))
    }

    /// Whether this user's password is a token.
    #[must_use]
    pub fn is_token_user(&self, user: &str) -> bool {
        self.inner.tokens.is_some() && user == self.inner.token_user
    }

    /// The identity that a token proves. May fetch public keys.
    ///
    /// # Errors
    /// [`AuthError`]; what it says to the client tells nothing that helps to forge one.
    pub async fn token_identity(&self, token: &str) -> Result<Identity, AuthError> {
        let tokens = self.inner.tokens.as_ref().ok_or(AuthError::NotConfigured)?;
        let proven = tokens.check(token).await?;
        let unknown = |_| AuthError::refused("the tenant claim names no tenant");
        let tenant_id = TenantId::new(proven.tenant).map_err(unknown)?;
        let tenant = self.inner.tenants.get(&tenant_id);
        let tenant = tenant.ok_or_else(|| AuthError::refused("the tenant claim names no tenant"))?;
        let user = proven.user.unwrap_or_else(|| self.inner.token_user.clone());
        let user = UserName::new(user).map_err(|_| AuthError::refused("sub is no user name"))?;
        Ok(Identity::new(Arc::clone(tenant), user, Some(proven.expires_at)))
    }

    /// Makes a token for development, with HS256.
    ///
    /// # Errors
    /// [`MintError`] when the tenant is unknown or tokens are not made with a shared secret.
    pub fn mint_token(&self, tenant: &TenantId, user: &UserName, lifetime_seconds: u64) -> Result<String, MintError> {
        if !self.inner.tenants.contains_key(tenant) {
            return Err(MintError::UnknownTenant(tenant.clone()));
        }
        let tokens = self.inner.tokens.as_ref().ok_or(MintError::NoSharedSecret)?;
        tokens.mint(tenant, user, lifetime_seconds)
    }

    /// Every tenant, in the order of their ids.
    pub fn tenants(&self) -> impl Iterator<Item = &Arc<Tenant>> {
        self.inner.tenants.values()
    }
}

fn users(config: &Config, tenants: &BTreeMap<TenantId, Arc<Tenant>>) -> HashMap<String, User> {
    let users = config.auth.users.iter().filter_map(|section| {
        // `check` has found a verifier that does not read and a tenant that does not exist.
        let verifier = section.verifier.expose().parse().ok()?;
        let tenant = Arc::clone(tenants.get(&section.tenant)?);
        Some((section.name.to_string(), User { name: section.name.clone(), tenant, verifier }))
    });
    users.collect()
}

impl Mock {
    /// With the iterations and the length of salt that most users have. What it answers is made of the verifiers, which
    /// nobody outside knows: a salt that changed with every start would tell who is unknown.
    fn like<'a>(verifiers: impl Iterator<Item = &'a ScramVerifier>) -> Self {
        let mut counts: BTreeMap<(u32, usize), usize> = BTreeMap::new();
        let mut keys = Vec::new();
        for verifier in verifiers {
            *counts.entry((verifier.iterations, verifier.salt.len())).or_default() += 1;
            keys.push(verifier.stored_key);
        }
        keys.sort_unstable();
        let secret = keys.iter().fold(None::<[u8; 32]>, |secret, key| Some(mac(&secret.unwrap_or_default(), key)));
        let most = counts.into_iter().max_by_key(|(_, count)| *count);
        let (iterations, salt_bytes) = most.map_or((ITERATIONS, SALT_BYTES), |(shape, _)| shape);
        Self { secret: secret.unwrap_or_else(|| rand::rng().random::<[u8; 32]>()), iterations, salt_bytes }
    }

    fn verifier(&self, user: &str) -> ScramVerifier {
        let derive = |purpose: &str| mac(&self.secret, format!("{purpose}:{user}").as_bytes());
        let mut salt = [derive("salt"), derive("more salt")].concat();
        salt.truncate(self.salt_bytes);
        ScramVerifier {
            iterations: self.iterations,
            salt,
            stored_key: derive("stored key"),
            server_key: derive("server key"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn demo() -> Authenticators {
        Authenticators::new(&Config::demo(&[]).unwrap()).unwrap()
    }

    #[test]
    fn the_demo_users_have_their_names_as_passwords() {
        let demo = demo();
        for (user, tenant) in [("acme", "acme"), ("acme_viewer", "acme"), ("globex", "globex")] {
            assert!(demo.verifier(user).check_password(user));
            let identity = demo.password_identity(user).unwrap();
            assert_eq!(identity.tenant().id.as_str(), tenant);
            assert_eq!(identity.user().as_str(), user);
            assert_eq!(identity.expires_at(), None);
        }
        assert!(!demo.verifier("acme").check_password("globex"));
    }

    #[test]
    fn an_unknown_user_looks_like_a_known_one_and_never_gets_in() {
        let demo = demo();
        let (known, first, again) = (demo.verifier("acme"), demo.verifier("nobody"), demo.verifier("nobody"));
        assert_eq!(first, again);
        assert_ne!(first.salt, demo.verifier("nobody2").salt);
        assert_eq!((first.iterations, first.salt.len()), (known.iterations, known.salt.len()));
        assert!(!first.check_password("nobody"));
        assert!(demo.password_identity("nobody").is_none());
    }

    #[test]
    fn an_unknown_user_has_the_same_salt_after_the_next_start() {
        let config = Config::demo(&[]).unwrap();
        let start = || Authenticators::new(&config).unwrap().verifier("nobody");
        assert_eq!(start(), start());
        let mut other = config.clone();
        other.auth.users.pop();
        assert_ne!(start(), Authenticators::new(&other).unwrap().verifier("nobody"));
    }

    #[test]
    fn a_broken_configuration_gives_no_authenticators() {
        let mut config = Config::demo(&[]).unwrap();
        config.tenants.clear();
        assert!(Authenticators::new(&config).is_err());
    }
}
