//! Reading: file, then environment, then flags.

use std::path::Path;

use serde::Deserialize;

use super::error::ConfigError;
use super::secret::Secret;
use super::sections::{Config, JwtSection};

/// Variables of the environment that are settings begin with this and hold a second `__` separator.
const PREFIX: &str = "FLOWFORGE_";
/// The explained example is also what `flowforge demo` runs with.
const DEMO: &str = include_str!("../../config/flowforge.toml");

/// One value that comes from outside the file and wins over it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Override {
    /// Where it comes from, for messages: the variable or the flag.
    pub origin: String,
    /// The key, part by part.
    pub key: Vec<String>,
    /// The value: a text, or TOML where the key wants something else.
    pub value: Secret,
}

impl Override {
    /// A flag for a key such as `server.pg_listen`.
    #[expect(clippy::needless_pass_by_value, reason = "callers have numbers and addresses at hand, not references")]
    pub fn flag(origin: impl Into<String>, key: &str, value: impl ToString) -> Self {
        let key = key.split('.').map(str::to_owned).collect();
        Self { origin: origin.into(), key, value: Secret::new(value.to_string()) }
    }

    /// The settings among variables: `FLOWFORGE_SERVER__PG_LISTEN` is `server.pg_listen`. A variable without `__` is
    /// no setting.
    pub fn environment(variables: impl IntoIterator<Item = (String, String)>) -> Vec<Self> {
        let mut found: Vec<Self> = variables.into_iter().filter_map(|(name, value)| variable(name, value)).collect();
        found.sort_by(|left, right| left.origin.cmp(&right.origin));
        found
    }
}

fn variable(name: String, value: String) -> Option<Override> {
    let key = name.strip_prefix(PREFIX).filter(|rest| rest.contains("__"))?;
    let key = key.split("__").map(str::to_ascii_lowercase).collect();
    Some(Override { origin: name, key, value: Secret::new(value) })
}

impl Config {
    /// Reads a file (or starts from the defaults), applies the overrides in their order and checks all of it.
    ///
    /// # Errors
    /// [`ConfigError`]; its text names the key, and the line where the file is to blame.
    pub fn load(file: Option<&Path>, overrides: &[Override]) -> Result<Self, ConfigError> {
        let text = match file {
            Some(path) => {
                std::fs::read_to_string(path).map_err(|source| ConfigError::Read { path: path.to_owned(), source })?
            }
            None => String::new(),
        };
        Self::parse(&text, overrides)?.checked()
    }

    /// The configuration of the demo: two tenants and their users, and a token secret that is new with every start.
    ///
    /// # Errors
    /// [`ConfigError`] when an override does not fit.
    pub fn demo(overrides: &[Override]) -> Result<Self, ConfigError> {
        let mut config = Self::parse(DEMO, overrides)?;
        if config.auth.jwt.is_none() {
            let secret = format!("{}{}", uuid::Uuid::new_v4().simple(), uuid::Uuid::new_v4().simple());
            config.auth.jwt = Some(JwtSection::hs256(Secret::new(secret)));
        }
        config.checked()
    }

    /// Reads a text and applies the overrides, without the checks of [`Config::check`].
    ///
    /// # Errors
    /// [`ConfigError`] for what is no TOML, an unknown key or a value of the wrong type.
    pub fn parse(text: &str, overrides: &[Override]) -> Result<Self, ConfigError> {
        let mut config = toml::from_str::<Self>(text).map_err(|error| syntax(text, &error))?;
        if overrides.is_empty() {
            return Ok(config);
        }
        let mut table = toml::from_str::<toml::Table>(text).map_err(|error| syntax(text, &error))?;
        for one in overrides {
            config = apply(&mut table, one)?;
        }
        Ok(config)
    }

    fn checked(self) -> Result<Self, ConfigError> {
        let problems = self.check();
        if problems.is_empty() { Ok(self) } else { Err(ConfigError::Problems(problems)) }
    }
}

/// Tries the value as a text first, so that a secret of digits stays a text, and then as TOML.
fn apply(table: &mut toml::Table, one: &Override) -> Result<Config, ConfigError> {
    let fail = |message: String| ConfigError::Override { origin: one.origin.clone(), message };
    let text = toml::Value::String(one.value.expose().to_owned());
    let as_text = with(table, &one.key, text).and_then(|table| Ok((read(&table)?, table)));
    let (config, changed) = match as_text {
        Ok(done) => done,
        Err(first) => {
            let document = format!("value = {}", one.value.expose());
            let Some(value) = toml::from_str::<toml::Table>(&document).ok().and_then(|mut read| read.remove("value"))
            else {
                return Err(fail(first));
            };
            let changed = with(table, &one.key, value).map_err(fail)?;
            (read(&changed).map_err(fail)?, changed)
        }
    };
    *table = changed;
    Ok(config)
}

fn read(table: &toml::Table) -> Result<Config, String> {
    Config::deserialize(table.clone()).map_err(|mut error| {
        error.set_input(None);
        error.to_string().trim().replace('\n', " ")
    })
}

fn with(table: &toml::Table, key: &[String], value: toml::Value) -> Result<toml::Table, String> {
    let mut changed = table.clone();
    let mut place = &mut changed;
    let Some((last, sections)) = key.split_last() else {
        return Err("the key is empty".to_owned());
    };
    for section in sections {
        let next = place.entry(section.clone()).or_insert_with(|| toml::Value::Table(toml::Table::new()));
        place = next.as_table_mut().ok_or_else(|| format!("\"{section}\" is no section"))?;
    }
    place.insert(last.clone(), value);
    Ok(changed)
}

fn syntax(text: &str, error: &toml::de::Error) -> ConfigError {
    let start = error.span().map_or(0, |span| span.start.min(text.len()));
    let before = text.get(..start).unwrap_or_default();
    let line = before.matches('\n').count() + 1;
    let message = error.message().trim().replace('\n', " ");
    ConfigError::Syntax { line, key: key_at(text, line), message }
}

/// The section and the key of a line, without the value: it may be a secret.
fn key_at(text: &str, line: usize) -> String {
    let head = |line: &str| line.trim().starts_with('[').then(|| line.trim().trim_matches(['[', ']']).to_owned());
    let section = text.lines().take(line).filter_map(head).last().unwrap_or_default();
    let current = text.lines().nth(line - 1).unwrap_or_default();
    match current.split_once('=') {
        Some((key, _)) if head(current).is_none() && section.is_empty() => key.trim().to_owned(),
        Some((key, _)) if head(current).is_none() => format!("{section}.{}", key.trim()),
        _ => section,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn environment(pairs: &[(&str, &str)]) -> Vec<Override> {
        Override::environment(pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())))
    }

    #[test]
    fn an_unknown_key_is_named_with_its_line() {
        let error = Config::parse("[server]\ndatabase = \"x\"\npg_lisen = \"127.0.0.1:1\"\n", &[]).unwrap_err();
        let text = error.to_string();
        assert!(text.starts_with("line 3: server.pg_lisen: unknown field `pg_lisen`"), "{text}");
    }

    #[test]
    fn a_wrong_type_is_named_without_the_value_of_the_line() {
        let text = "[auth.jwt]\nalgorithm = \"HS256\"\nsecret = 12\n";
        let error = Config::parse(text, &[]).unwrap_err().to_string();
        assert!(error.starts_with("line 3: auth.jwt.secret: invalid type"), "{error}");
        let bad = Config::parse("[server]\npg_listen = \"here\"\n", &[]).unwrap_err().to_string();
        assert!(bad.starts_with("line 2: server.pg_listen:"), "{bad}");
        let none = Config::parse("[server\n", &[]).unwrap_err().to_string();
        assert!(none.starts_with("line 1:"), "{none}");
    }

    #[test]
    fn the_environment_wins_over_the_file_and_a_flag_over_both() {
        let text = "[server]\npg_listen = \"127.0.0.1:1\"\n";
        let mut overrides = environment(&[
            ("FLOWFORGE_SERVER__PG_LISTEN", "127.0.0.1:2"),
            ("FLOWFORGE_SESSION__STATEMENT_TIMEOUT_MS", "250"),
            ("FLOWFORGE_LIVE__ALLOWED_ORIGINS", "[\"http://a\"]"),
            ("FLOWFORGE_LOG", "not a setting"),
            ("PATH", "/bin"),
        ]);
        let config = Config::parse(text, &overrides).unwrap();
        assert_eq!(config.server.pg_listen.port(), 2);
        assert_eq!(config.session.statement_timeout_ms, 250);
        assert_eq!(config.live.allowed_origins, ["http://a"]);
        overrides.push(Override::flag("--pg-listen", "server.pg_listen", "127.0.0.1:3"));
        assert_eq!(Config::parse(text, &overrides).unwrap().server.pg_listen.port(), 3);
    }

    #[test]
    fn a_secret_of_digits_stays_a_text() {
        let text = "[auth.jwt]\nalgorithm = \"HS256\"\n";
        let config = Config::parse(text, &environment(&[("FLOWFORGE_AUTH__JWT__SECRET", "0123")])).unwrap();
        assert_eq!(config.auth.jwt.unwrap().secret.unwrap().expose(), "0123");
    }

    #[test]
    fn a_section_whose_keys_are_all_needed_comes_from_the_environment_too() {
        let both = [("FLOWFORGE_TLS__CERTIFICATE", "server.crt"), ("FLOWFORGE_TLS__KEY", "server.key")];
        let tls = Config::load(None, &environment(&both)).unwrap().tls.unwrap();
        assert_eq!((tls.certificate.as_path(), tls.key.as_path()), (Path::new("server.crt"), Path::new("server.key")));
        for (given, missing) in [(0, "tls.key"), (1, "tls.certificate")] {
            let error = Config::load(None, &environment(&both[given..=given])).unwrap_err().to_string();
            assert!(error.starts_with(missing), "{error}");
        }
    }

    #[test]
    fn a_variable_that_fits_nothing_is_named() {
        let unknown = environment(&[("FLOWFORGE_SERVER__PORT", "1")]);
        let error = Config::parse("", &unknown).unwrap_err().to_string();
        assert!(error.starts_with("FLOWFORGE_SERVER__PORT: unknown field `port`"), "{error}");
        let wrong = environment(&[("FLOWFORGE_DEMO__SEED", "many")]);
        let error = Config::parse("", &wrong).unwrap_err().to_string();
        assert!(error.starts_with("FLOWFORGE_DEMO__SEED:"), "{error}");
    }

    #[test]
    fn a_store_of_an_unknown_kind_is_refused_in_words() {
        let error = Config::parse("[stores.redis]\nkind = \"redis\"\n", &[]).unwrap_err().to_string();
        assert!(error.starts_with("line 2: stores.redis.kind: unknown variant `redis`, expected one of"), "{error}");
    }

    #[test]
    fn the_demo_has_two_tenants_and_a_new_secret_each_time() {
        let (first, second) = (Config::demo(&[]).unwrap(), Config::demo(&[]).unwrap());
        assert_eq!(first.tenants.len(), 2);
        assert_ne!(first.auth.jwt, second.auth.jwt);
    }
}
