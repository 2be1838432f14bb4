//! What a configuration must be beyond its types. All problems at once.

use std::collections::BTreeSet;

use crate::base::limits::{self, LimitSet};

use super::Secret;
use super::error::Problem;
use super::sections::{Config, JwtAlgorithm, JwtSection, PolicyKind, PolicySection};
use super::stores::{
    ConnectionSection, RedisCatalogSection, RedisSection, RedisTableSection, RedisTopology, StoreBackend,
};
use super::verifier::ScramVerifier;

/// A shorter secret can be guessed offline from one token.
const SECRET_BYTES: usize = 32;
/// A leeway is for clocks, not for late clients.
const LEEWAY_SECONDS: u64 = 300;
/// A view of the catalog is written again while it lives; the stores are asked every minute.
const CATALOG_LIFETIME_SECONDS: u64 = 600;

impl Config {
    /// Everything that is wrong; empty when nothing is.
    #[must_use]
    pub fn check(&self) -> Vec<Problem> {
        let mut problems = Vec::new();
        self.check_server(&mut problems);
        self.check_tls(&mut problems);
        self.check_users(&mut problems);
        self.check_jwt(&mut problems);
        self.check_tenants(&mut problems);
        self.check_policies(&mut problems);
        self.check_logical_tables(&mut problems);
        self.check_limits(&mut problems);
        self.check_live(&mut problems);
        self.check_stores(&mut problems);
        problems
    }

    /// The limits in force. Names that no limit has are left out; [`Config::check`] reports them.
    #[must_use]
    pub fn limit_set(&self) -> LimitSet {
        let mut set = LimitSet::default();
        for (name, value) in &self.limits {
            // An unknown name was reported by `check`.
            drop(set.set(name, *value));
        }
        set
    }

    fn check_server(&self, problems: &mut Vec<Problem>) {
        if self.server.database.is_empty() {
            problems.push(Problem::new("server.database", "it is empty"));
        }
        if self.server.pg_listen == self.server.http_listen && self.server.pg_listen.port() != 0 {
            problems.push(Problem::new("server.http_listen", "it is the address of server.pg_listen"));
        }
        if self.session.search_path.iter().any(String::is_empty) {
            problems.push(Problem::new("session.search_path", "a name in it is empty"));
        }
    }

    fn check_tls(&self, problems: &mut Vec<Problem>) {
        let Some(tls) = &self.tls else { return };
        for (name, file) in [("certificate", &tls.certificate), ("key", &tls.key)] {
            if file.as_os_str().is_empty() {
                problems.push(Problem::new(format!("tls.{name}"), "it names no file"));
            }
        }
    }

    fn check_users(&self, problems: &mut Vec<Problem>) {
        let mut seen = BTreeSet::new();
        for (index, user) in self.auth.users.iter().enumerate() {
            let key = |field: &str| format!("auth.users[{index}].{field}");
            if !seen.insert(&user.name) {
                problems.push(Problem::new(key("name"), format!("user \"{}\" is there twice", user.name)));
            }
            if user.name.as_str() == self.auth.token_user {
                problems.push(Problem::new(key("name"), format!("\"{}\" is auth.token_user", user.name)));
            }
            if !self.tenants.iter().any(|tenant| tenant.id == user.tenant) {
                problems.push(Problem::new(key("tenant"), format!("there is no tenant \"{}\"", user.tenant)));
            }
            if let Err(error) = user.verifier.expose().parse::<ScramVerifier>() {
                problems.push(Problem::new(key("verifier"), error.to_string()));
            }
        }
    }

    fn check_jwt(&self, problems: &mut Vec<Problem>) {
        let Some(jwt) = &self.auth.jwt else { return };
        match jwt.algorithm {
            JwtAlgorithm::HS256 => check_shared_secret(jwt, problems),
            JwtAlgorithm::RS256 | JwtAlgorithm::ES256 => check_public_keys(jwt, problems),
        }
        if jwt.leeway_seconds > LEEWAY_SECONDS {
            let message = format!("at most {LEEWAY_SECONDS} seconds");
            problems.push(Problem::new("auth.jwt.leeway_seconds", message));
        }
        if jwt.tenant_claim.is_empty() {
            problems.push(Problem::new("auth.jwt.tenant_claim", "it is empty"));
        }
    }

    fn check_tenants(&self, problems: &mut Vec<Problem>) {
        let mut seen = BTreeSet::new();
        for (index, tenant) in self.tenants.iter().enumerate() {
            if !seen.insert(&tenant.id) {
                let message = format!("tenant \"{}\" is there twice", tenant.id);
                problems.push(Problem::new(format!("tenants[{index}].id"), message));
            }
        }
    }

    fn check_policies(&self, problems: &mut Vec<Problem>) {
        let mut seen = BTreeSet::new();
        for (index, policy) in self.policies.iter().enumerate() {
            if !seen.insert(&policy.table) {
                let message = format!("table {} has two policies", policy.table);
                problems.push(Problem::new(format!("policies[{index}].table"), message));
            }
            check_fields(index, policy, problems);
            if let Some(attribute) = &policy.attribute
                && !self.tenants.iter().any(|tenant| tenant.attributes.contains_key(attribute))
            {
                let message = format!("no tenant has the attribute \"{attribute}\"");
                problems.push(Problem::new(format!("policies[{index}].attribute"), message));
            }
        }
    }

    fn check_limits(&self, problems: &mut Vec<Problem>) {
        for (name, value) in &self.limits {
            let key = format!("limits.{name}");
            if !limits::ALL.iter().any(|limit| limit.name == name) {
                problems.push(Problem::new(&key, limits::UnknownLimit(name.clone()).to_string()));
            } else if *value == 0 && !limits::MAY_BE_ZERO.iter().any(|limit| limit.name == name) {
                problems.push(Problem::new(&key, "a limit must be at least 1"));
            }
        }
    }

    fn check_stores(&self, problems: &mut Vec<Problem>) {
        let stores = &self.stores;
        let web = |url: &String| url.starts_with("https://") || url.starts_with("http://");
        if stores.clickhouse.kind == StoreBackend::Remote
            && (stores.clickhouse.urls.is_empty() || !stores.clickhouse.urls.iter().all(web))
        {
            let message = "it must have addresses that begin with https:// or http://";
            problems.push(Problem::new("stores.clickhouse.urls", message));
        }
        if stores.materialize.kind == StoreBackend::Remote && stores.materialize.url.is_none() {
            problems.push(Problem::new("stores.materialize.url", "a remote store needs it"));
        }
        if stores.redis.kind == StoreBackend::Remote && stores.redis.urls.is_empty() {
            problems.push(Problem::new("stores.redis.urls", "a remote store needs an address"));
        }
        let encrypted = [
            ("clickhouse", &stores.clickhouse.ca_file, "https://", stores.clickhouse.urls.as_slice()),
            ("redis", &stores.redis.ca_file, "rediss://", stores.redis.urls.as_slice()),
        ];
        for (store, ca_file, scheme, urls) in encrypted {
            if ca_file.is_some() && !urls.iter().all(|url| url.starts_with(scheme)) {
                let message = format!("it is for addresses that begin with {scheme}");
                problems.push(Problem::new(format!("stores.{store}.ca_file"), message));
            }
        }
        let url = stores.materialize.url.as_ref().map_or("", Secret::expose);
        let is_required =
            ["require", "verify-ca", "verify-full"].iter().any(|mode| url.contains(&format!("sslmode={mode}")));
        if stores.materialize.ca_file.is_some() && !is_required {
            let message = "it is for an address with sslmode=require, verify-ca or verify-full";
            problems.push(Problem::new("stores.materialize.ca_file", message));
        }
        if stores.redis.topology == RedisTopology::Sentinel && stores.redis.master.is_none() {
            problems.push(Problem::new("stores.redis.master", "Sentinel needs the name of the master"));
        }
        check_kept_catalog(&stores.redis, problems);
        self.check_key_patterns(&stores.redis, problems);
        let sections = [
            ("clickhouse", &stores.clickhouse.connection),
            ("materialize", &stores.materialize.connection),
            ("redis", &stores.redis.connection),
        ];
        for (store, connection) in sections {
            check_connection(store, connection, problems);
        }
    }

    /// A key that two tables read is guarded by the policy of the one that is asked.
    fn check_key_patterns(&self, section: &RedisSection, problems: &mut Vec<Problem>) {
        let rule_of = |table: &RedisTableSection| {
            let policy = self.policies.iter().find(|policy| policy.table == table.table);
            policy.map(|policy| (policy.kind, &policy.column, &policy.tenant_column, &policy.attribute))
        };
        for (index, table) in section.tables.iter().enumerate() {
            let others = section.tables.iter().take(index);
            for other in others.filter(|other| share_keys(&table.pattern, &other.pattern)) {
                if rule_of(table) != rule_of(other) {
                    let message = format!("keys of {} match it too, and that table has another policy", other.table);
                    problems.push(Problem::new(format!("stores.redis.tables[{index}].pattern"), message));
                }
            }
        }
    }

    fn check_live(&self, problems: &mut Vec<Problem>) {
        if self.live.heartbeat_seconds == 0 {
            problems.push(Problem::new("live.heartbeat_seconds", "it must be at least 1"));
        }
        if self.live.dead_after_seconds <= self.live.heartbeat_seconds {
            let message = "it must be more than live.heartbeat_seconds";
            problems.push(Problem::new("live.dead_after_seconds", message));
        }
    }
}

/// Whether a key can match both patterns, of which each has one `*`.
fn share_keys(one: &str, other: &str) -> bool {
    let ends = |pattern: &str| pattern.split_once('*').map(|(begin, end)| (begin.to_owned(), end.to_owned()));
    let (Some((one_begin, one_end)), Some((other_begin, other_end))) = (ends(one), ends(other)) else { return false };
    (one_begin.starts_with(&other_begin) || other_begin.starts_with(&one_begin))
        && (one_end.ends_with(&other_end) || other_end.ends_with(&one_end))
}

/// What is kept must not pass for a row of a table, nor live for a moment only.
fn check_kept_catalog(section: &RedisSection, problems: &mut Vec<Problem>) {
    let RedisCatalogSection { prefix, lifetime_seconds } = &section.catalog;
    if prefix.is_empty() {
        return;
    }
    for table in &section.tables {
        let begins = table.pattern.split('*').next().unwrap_or_default();
        if begins.starts_with(prefix.as_str()) || prefix.starts_with(begins) {
            let message = format!("keys of {} begin so too", table.table);
            problems.push(Problem::new("stores.redis.catalog.prefix", message));
        }
    }
    if *lifetime_seconds < CATALOG_LIFETIME_SECONDS {
        let message = format!("it must be at least {CATALOG_LIFETIME_SECONDS}");
        problems.push(Problem::new("stores.redis.catalog.lifetime_seconds", message));
    }
}

fn check_connection(store: &str, section: &ConnectionSection, problems: &mut Vec<Problem>) {
    let values = [
        ("connect_timeout_ms", section.connect_timeout_ms == 0),
        ("answer_timeout_ms", section.answer_timeout_ms == 0),
        ("concurrent_queries", section.concurrent_queries == 0),
        ("attempts", section.attempts == 0),
        ("breaker_failures", section.breaker_failures == 0),
        ("breaker_pause_ms", section.breaker_pause_ms == 0),
    ];
    for (name, is_zero) in values {
        if is_zero {
            problems.push(Problem::new(format!("stores.{store}.connection.{name}"), "it must be at least 1"));
        }
    }
}

fn check_shared_secret(jwt: &JwtSection, problems: &mut Vec<Problem>) {
    match &jwt.secret {
        None => problems.push(Problem::new("auth.jwt.secret", "HS256 needs it")),
        Some(secret) if secret.expose().len() < SECRET_BYTES => {
            problems.push(Problem::new("auth.jwt.secret", format!("it must have at least {SECRET_BYTES} bytes")));
        }
        Some(_) => {}
    }
    for (key, given) in [("jwks_file", jwt.jwks_file.is_some()), ("jwks_url", jwt.jwks_url.is_some())] {
        if given {
            problems.push(Problem::new(format!("auth.jwt.{key}"), "HS256 has no public keys"));
        }
    }
}

fn check_public_keys(jwt: &JwtSection, problems: &mut Vec<Problem>) {
    if jwt.secret.is_some() {
        problems.push(Problem::new("auth.jwt.secret", "only HS256 has a shared secret"));
    }
    if jwt.jwks_file.is_some() == jwt.jwks_url.is_some() {
        let message = "RS256 and ES256 need exactly one of jwks_file and jwks_url";
        problems.push(Problem::new("auth.jwt.jwks_file", message));
    }
    let web = |url: &String| url.starts_with("https://") || url.starts_with("http://");
    if jwt.jwks_url.as_ref().is_some_and(|url| !web(url)) {
        problems.push(Problem::new("auth.jwt.jwks_url", "it must begin with https:// or http://"));
    }
}

fn check_fields(index: usize, policy: &PolicySection, problems: &mut Vec<Problem>) {
    let (column, tenant_column, attribute) = match policy.kind {
        PolicyKind::TenantColumn => (true, false, false),
        PolicyKind::ListAttribute => (true, false, true),
        PolicyKind::TenantColumnAndList => (true, true, true),
        PolicyKind::Shared => (false, false, false),
    };
    let fields = [
        ("column", column, &policy.column),
        ("tenant_column", tenant_column, &policy.tenant_column),
        ("attribute", attribute, &policy.attribute),
    ];
    for (name, wanted, given) in fields {
        let message = match given {
            None if wanted => "this kind of policy needs it",
            Some(_) if !wanted => "this kind of policy does not have it",
            Some(text) if text.is_empty() => "it is empty",
            None | Some(_) => continue,
        };
        problems.push(Problem::new(format!("policies[{index}].{name}"), message));
    }
}

#[cfg(test)]
#[path = "check_tests.rs"]
mod tests;
