//! Session settings: which exist, what they may be, and which the client is told of.
//!
//! Comes in: names and values of SET, of the startup message and of the configuration. Goes out: the values now.
//! Does not: act on a value; whoever a setting concerns reads it.
//! Invariant: a setting whose other values this server cannot honour refuses them instead of pretending.
//!
//! The list is PostgreSQL's (`postgresql.txt`), with this server's own rules for those that concern it.

mod known;
mod listed;
mod numbers;
mod values;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use chrono_tz::Tz;

use crate::base::{ErrorReport, Freshness, SqlState};
use crate::catalog::DEFAULT_SEARCH_PATH;
use crate::catalog::system::{Setting as SystemSetting, unrecognized_setting};
use crate::config::SessionSection;

use known::{Kind, SETTINGS, Setting, find, is_custom};
use numbers::{milliseconds, milliseconds_text};
use values::{check, parse_time_zone, refuse_fixed, split_names, without_unit};

pub use known::SERVER_VERSION;
pub(super) use known::display_name;

/// The values of one session.
#[derive(Debug, Clone)]
pub struct Settings {
    /// What the session began with: RESET goes back to it.
    initial: BTreeMap<String, String>,
    now: Arc<Values>,
    /// Counts the changes, so that whoever told the client something knows when to look again.
    version: u64,
}

#[derive(Debug, Clone, Default)]
struct Values {
    /// By names in lower case; what is not here has its default.
    current: BTreeMap<String, String>,
    /// What `SET LOCAL` covers until the transaction ends.
    local: BTreeMap<String, Option<String>>,
    /// What every statement asks for, once it was asked for.
    read: OnceLock<ReadValues>,
}

impl Values {
    fn new(current: BTreeMap<String, String>) -> Self {
        Self { current, ..Self::default() }
    }

    fn read(&self) -> &ReadValues {
        self.read.get_or_init(|| ReadValues::of(&self.current))
    }
}

/// Values as those whom they concern read them.
#[derive(Debug, Clone)]
struct ReadValues {
    search_path: Arc<[String]>,
    time_zone: Tz,
    freshness: Option<Freshness>,
    timeouts: [Option<Duration>; Timeout::ALL.len()],
    /// The settings of transactions that differ from their defaults, with these.
    own_transaction: Vec<(&'static str, String)>,
}

impl ReadValues {
    fn of(current: &BTreeMap<String, String>) -> Self {
        let text = |name: &str| value_of(current, name).unwrap_or_default();
        let timeout = |timeout: Timeout| {
            let milliseconds = milliseconds(text(timeout.name())).filter(|milliseconds| *milliseconds > 0)?;
            Some(Duration::from_millis(milliseconds))
        };
        let differing = TRANSACTION_DEFAULTS.iter().filter(|(name, default)| text(name) != text(default));
        Self {
            search_path: split_names(text("search_path")).into(),
            time_zone: parse_time_zone(text("timezone")).unwrap_or(Tz::UTC),
            freshness: Freshness::of_name(text("flowforge.freshness")),
            timeouts: Timeout::ALL.map(timeout),
            own_transaction: differing.map(|(name, default)| (*name, text(default).to_owned())).collect(),
        }
    }
}

/// Settings that every transaction begins with, and where their values come from.
const TRANSACTION_DEFAULTS: [(&str, &str); 2] = [
    ("transaction_isolation", "default_transaction_isolation"),
    ("transaction_deferrable", "default_transaction_deferrable"),
];

/// The value that was set, or the default.
fn value_of<'a>(values: &'a BTreeMap<String, String>, key: &str) -> Option<&'a str> {
    values.get(key).map(String::as_str).or_else(|| find(key).map(|setting| setting.default))
}

/// One setting of a session, as lists show it.
#[derive(Debug, Clone, Copy)]
pub struct ListedSetting<'a> {
    /// The name, as PostgreSQL spells it.
    pub name: &'a str,
    /// The value as SHOW gives it.
    pub value: &'a str,
    /// The value that RESET goes back to, as SHOW gives it.
    pub reset_value: &'a str,
    known: Option<&'static Setting>,
}

/// How long a session may be busy, or idle.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Timeout {
    /// One statement.
    Statement,
    /// The wait for the next one, outside of a transaction block.
    IdleSession,
    /// The wait for the next one inside of one.
    IdleInTransaction,
}

impl Timeout {
    /// In the order of their numbers.
    const ALL: [Self; 3] = [Self::Statement, Self::IdleSession, Self::IdleInTransaction];

    /// The setting.
    const fn name(self) -> &'static str {
        match self {
            Self::Statement => "statement_timeout",
            Self::IdleSession => "idle_session_timeout",
            Self::IdleInTransaction => "idle_in_transaction_session_timeout",
        }
    }
}

/// The values at one time, to go back to.
#[derive(Debug, Clone)]
pub struct SettingsMark(Arc<Values>);

impl ListedSetting<'_> {
    /// The setting as `pg_settings` shows it: numbers in their unit, and what PostgreSQL says of it.
    #[must_use]
    pub fn system_row(&self) -> SystemSetting {
        let number = |value: &str| self.known.map_or_else(|| value.to_owned(), |setting| without_unit(setting, value));
        let reference = self.known.and_then(|setting| setting.reference);
        let text = |value: &'static str| Some(value).filter(|value| !value.is_empty());
        SystemSetting {
            name: self.name.to_owned(),
            value: number(self.value),
            reset_value: number(self.reset_value),
            boot_value: number(self.known.map_or("", |setting| setting.default)),
            unit: reference.and_then(|reference| text(reference.unit)),
            category: reference.map_or("Customized Options", |reference| reference.category),
            context: reference.map_or("user", |reference| reference.context_name),
            value_type: reference.map_or("string", |reference| reference.value_type),
            minimum: reference.and_then(|reference| text(reference.minimum)),
            maximum: reference.and_then(|reference| text(reference.maximum)),
            values: reference.filter(|reference| reference.value_type == "enum").map(|found| found.values().collect()),
        }
    }
}

impl Settings {
    /// The defaults, with what the configuration, the user's name and the server itself say.
    #[must_use]
    pub fn new(user: &str, session: &SessionSection, server: &[(&str, String)]) -> Self {
        let mut initial = BTreeMap::new();
        let path = match session.search_path.as_slice() {
            [] => DEFAULT_SEARCH_PATH.join(", "),
            names => names.join(", "),
        };
        initial.extend(server.iter().map(|(name, value)| ((*name).to_owned(), value.clone())));
        initial.insert("search_path".into(), path);
        initial.insert("session_authorization".into(), user.to_owned());
        let timeouts = [
            (Timeout::Statement, session.statement_timeout_ms),
            (Timeout::IdleSession, session.idle_session_timeout_ms),
            (Timeout::IdleInTransaction, session.idle_in_transaction_session_timeout_ms),
        ];
        for (timeout, milliseconds) in timeouts {
            initial.insert(timeout.name().to_owned(), milliseconds_text(milliseconds));
        }
        let now = Arc::new(Values::new(initial.clone()));
        Self { initial, now, version: 0 }
    }

    fn values(&mut self) -> &mut Values {
        self.version += 1;
        let values = Arc::make_mut(&mut self.now);
        values.read = OnceLock::new();
        values
    }

    /// How often something changed.
    #[must_use]
    pub fn version(&self) -> u64 {
        self.version
    }

    /// A value of the startup message: it becomes what RESET goes back to.
    ///
    /// # Errors
    /// As [`Settings::set`].
    pub fn set_initial(&mut self, name: &str, value: &str) -> Result<(), ErrorReport> {
        self.set(name, Some(value), false)?;
        let key = name.to_lowercase();
        if let Some(value) = self.now.current.get(&key) {
            self.initial.insert(key, value.clone());
        }
        Ok(())
    }

    /// Changes a value; `None` is its default.
    ///
    /// # Errors
    /// `42704` for an unknown setting, `22023` for a value that it does not take, `55P02` for a fixed one, `0A000` for a
    /// value that PostgreSQL has and this server does not.
    pub fn set(&mut self, name: &str, value: Option<&str>, local: bool) -> Result<(), ErrorReport> {
        let key = name.to_lowercase();
        let checked = match (find(&key), value) {
            (None, _) if !is_custom(&key) => return Err(unrecognized_setting(name)),
            (None, None) => String::new(),
            (None, Some(value)) => value.to_owned(),
            (Some(setting), None) => {
                refuse_fixed(setting)?;
                value_of(&self.initial, &key).unwrap_or_default().to_owned()
            }
            (Some(setting), Some(value)) => self.check(setting, value)?,
        };
        let values = self.values();
        if local {
            let before = values.current.get(&key).cloned();
            values.local.entry(key.clone()).or_insert(before);
        } else {
            values.local.remove(&key);
        }
        values.current.insert(key, checked);
        Ok(())
    }

    fn check(&self, setting: &Setting, value: &str) -> Result<String, ErrorReport> {
        if !matches!(setting.kind, Kind::Role) {
            return check(setting, value);
        }
        let user = self.initial.get("session_authorization").map_or("", String::as_str);
        if value == user || (setting.name == "role" && value == "none") {
            return Ok(value.to_owned());
        }
        Err(ErrorReport::new(SqlState::INVALID_PARAMETER_VALUE, format!("role \"{value}\" does not exist")))
    }

    /// A value as SHOW gives it.
    ///
    /// # Errors
    /// `42704` for an unknown setting, `42501` for one that only operators may see.
    pub fn get(&self, name: &str) -> Result<&str, ErrorReport> {
        let key = name.to_lowercase();
        if let Some(reference) = find(&key).and_then(|setting| setting.reference)
            && reference.is_hidden
        {
            let name = reference.name;
            let message = format!("must be superuser or have privileges of pg_read_all_settings to examine \"{name}\"");
            return Err(ErrorReport::new(SqlState::INSUFFICIENT_PRIVILEGE, message));
        }
        value_of(&self.now.current, &key).ok_or_else(|| unrecognized_setting(name))
    }

    /// Every setting that lists show, by name.
    #[must_use]
    pub fn all(&self) -> Vec<ListedSetting<'_>> {
        let names = SETTINGS.iter().filter(|(_, setting)| setting.is_listed()).map(|(key, _)| key);
        let custom = self.now.current.keys().filter(|key| find(key).is_none());
        let keys: BTreeSet<&String> = names.chain(custom).collect();
        keys.into_iter().map(|key| self.listed(key)).collect()
    }

    fn listed<'a>(&'a self, key: &'a str) -> ListedSetting<'a> {
        let known = find(key);
        let value = value_of(&self.now.current, key).unwrap_or_default();
        let reset_value = value_of(&self.initial, key).unwrap_or(value);
        ListedSetting { name: known.map_or(key, |setting| setting.name), value, reset_value, known }
    }

    /// The settings that a client is told of.
    #[must_use]
    pub fn reported(&self) -> Vec<(String, String)> {
        let reported = SETTINGS.iter().filter(|(_, setting)| setting.reported);
        reported
            .map(|(key, setting)| {
                (setting.name.to_owned(), value_of(&self.now.current, key).unwrap_or_default().to_owned())
            })
            .collect()
    }

    /// Back to what the session began with.
    pub fn reset_all(&mut self) {
        let current = self.initial.clone();
        *self.values() = Values::new(current);
    }

    /// A transaction begins, with the defaults for transactions.
    pub fn begin_transaction(&mut self) -> SettingsMark {
        let mark = self.mark();
        for (name, default) in self.now.read().own_transaction.clone() {
            self.set_for_transaction(name, &default);
        }
        mark
    }

    /// Sets what holds until the transaction ends.
    pub fn set_for_transaction(&mut self, name: &str, value: &str) {
        let values = self.values();
        let before = values.current.insert(name.to_owned(), value.to_owned());
        values.local.entry(name.to_owned()).or_insert(before);
    }

    /// The values now.
    #[must_use]
    pub fn mark(&self) -> SettingsMark {
        SettingsMark(Arc::clone(&self.now))
    }

    /// Undoes what changed since then.
    pub fn restore(&mut self, mark: SettingsMark) {
        if !Arc::ptr_eq(&self.now, &mark.0) {
            self.version += 1;
            self.now = mark.0;
        }
    }

    /// A transaction is committed: what `SET LOCAL` covered comes back.
    pub fn commit(&mut self) {
        if self.now.local.is_empty() {
            return;
        }
        let values = self.values();
        for (name, value) in std::mem::take(&mut values.local) {
            match value {
                Some(value) => values.current.insert(name, value),
                None => values.current.remove(&name),
            };
        }
    }

    /// The schemas of `search_path`, in order.
    #[must_use]
    pub fn search_path(&self) -> Arc<[String]> {
        Arc::clone(&self.now.read().search_path)
    }

    /// The time zone.
    #[must_use]
    pub fn time_zone(&self) -> Tz {
        self.now.read().time_zone
    }

    /// The placements that logical tables are to be served from; `None` when the query decides.
    #[must_use]
    pub fn freshness(&self) -> Option<Freshness> {
        self.now.read().freshness
    }

    /// A timeout, if it is set.
    #[must_use]
    pub fn timeout(&self, timeout: Timeout) -> Option<Duration> {
        self.now.read().timeouts[timeout as usize]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings() -> Settings {
        Settings::new("acme", &SessionSection::default(), &[])
    }

    #[test]
    fn unknown_settings_are_an_error_as_in_postgresql() {
        let error = settings().set("no_such", Some("1"), false).unwrap_err();
        assert_eq!(error.sqlstate, SqlState::UNDEFINED_OBJECT);
        assert_eq!(error.message, "unrecognized configuration parameter \"no_such\"");
        assert!(settings().set("myapp.user", Some("1"), false).is_ok());
        assert!(settings().set("flowforge.nothing", Some("1"), false).is_err());
    }

    #[test]
    fn timeouts_read_and_show_postgresqls_units() {
        for (text, shown) in [("5000", "5s"), ("1min", "1min"), ("250ms", "250ms"), ("0", "0"), ("90s", "90s")] {
            let mut settings = settings();
            settings.set("statement_timeout", Some(text), false).unwrap();
            assert_eq!(settings.get("statement_timeout").unwrap(), shown);
        }
        for bad in ["-1", "5 parsecs", "", "99999999999"] {
            assert!(settings().set("statement_timeout", Some(bad), false).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_transaction_that_rolls_back_undoes_its_settings() {
        let mut settings = settings();
        let mark = settings.begin_transaction();
        settings.set("application_name", Some("a"), false).unwrap();
        settings.restore(mark);
        assert_eq!(settings.get("application_name").unwrap(), "");
        settings.begin_transaction();
        settings.set("application_name", Some("b"), false).unwrap();
        settings.set("timezone", Some("Europe/Berlin"), true).unwrap();
        assert_eq!(settings.time_zone(), Tz::Europe__Berlin);
        settings.commit();
        assert_eq!(settings.get("application_name").unwrap(), "b");
        assert_eq!(settings.time_zone(), Tz::UTC);
    }

    #[test]
    fn what_statements_ask_for_follows_every_change() {
        let mut settings = settings();
        assert_eq!(settings.timeout(Timeout::Statement), None);
        let before = settings.search_path();
        let mark = settings.begin_transaction();
        settings.set("statement_timeout", Some("5s"), false).unwrap();
        settings.set("idle_session_timeout", Some("1min"), false).unwrap();
        settings.set("search_path", Some("marts, public"), true).unwrap();
        assert_eq!(settings.timeout(Timeout::Statement), Some(Duration::from_secs(5)));
        assert_eq!(settings.timeout(Timeout::IdleSession), Some(Duration::from_secs(60)));
        assert_eq!(settings.timeout(Timeout::IdleInTransaction), None);
        assert_eq!(*settings.search_path(), ["marts", "public"]);
        settings.commit();
        assert_eq!(settings.search_path(), before, "SET LOCAL ends");
        assert_eq!(settings.timeout(Timeout::Statement), Some(Duration::from_secs(5)));
        settings.restore(mark);
        assert_eq!(settings.timeout(Timeout::Statement), None);
        settings.set("statement_timeout", Some("2s"), false).unwrap();
        settings.reset_all();
        assert_eq!(settings.timeout(Timeout::Statement), None);
    }

    #[test]
    fn a_transaction_begins_with_the_defaults_of_transactions() {
        let mut settings = settings();
        settings.set("default_transaction_isolation", Some("serializable"), false).unwrap();
        settings.begin_transaction();
        assert_eq!(settings.get("transaction_isolation").unwrap(), "serializable");
        settings.set_for_transaction("transaction_isolation", "repeatable read");
        settings.commit();
        assert_eq!(settings.get("transaction_isolation").unwrap(), "read committed");
    }

    #[test]
    fn roles_are_ones_own() {
        let mut settings = settings();
        for (name, value) in [("role", "none"), ("role", "acme"), ("session_authorization", "acme")] {
            settings.set(name, Some(value), false).unwrap();
        }
        let error = settings.set("role", Some("globex"), false).unwrap_err();
        assert_eq!(error.message, "role \"globex\" does not exist");
        assert!(settings.set("session_authorization", Some("none"), false).is_err());
    }

    #[test]
    fn what_cannot_be_honoured_is_refused() {
        for (name, value) in [("datestyle", "German"), ("bytea_output", "escape"), ("extra_float_digits", "0")] {
            let error = settings().set(name, Some(value), false).unwrap_err();
            assert_eq!(error.sqlstate, SqlState::FEATURE_NOT_SUPPORTED, "{name}");
        }
        let error = settings().set("transaction_read_only", Some("off"), false).unwrap_err();
        assert_eq!(error.message, "cannot set transaction read-write mode during recovery");
        // What transactions to come would like to be changes nothing, as on a hot standby.
        assert!(settings().set("default_transaction_read_only", Some("off"), false).is_ok());
        assert_eq!(settings().set("server_version", Some("9"), false).unwrap_err().sqlstate.code(), "55P02");
    }

    #[test]
    fn what_postgresql_has_is_no_unknown_setting() {
        let mut settings = settings();
        for (name, value, shown) in [
            ("enable_hashjoin", "FALSE", "off"),
            ("work_mem", "1.5MB", "1536kB"),
            ("Seq_Page_Cost", "0.30", "0.3"),
            ("vacuum_cost_delay", "1500us", "1500us"),
            ("geqo_effort", "2.7", "3"),
            ("plan_cache_mode", "AUTO", "auto"),
            ("synchronous_commit", "true", "on"),
            ("statement_timeout", "1.5s", "1500ms"),
            ("default_text_search_config", "pg_catalog.english", "pg_catalog.english"),
        ] {
            settings.set(name, Some(value), false).unwrap();
            assert_eq!(settings.get(name).unwrap(), shown, "{name}");
            settings.set(name, None, false).unwrap();
            assert_eq!(settings.get(name).unwrap(), find(&name.to_lowercase()).unwrap().default, "{name}");
        }
        assert_eq!(settings.get("shared_buffers").unwrap(), "128MB");
    }

    #[test]
    fn postgresqls_errors_are_given_for_its_settings() {
        for (name, value, code, message) in [
            ("enable_sort", "maybe", "22023", "parameter \"enable_sort\" requires a Boolean value"),
            ("work_mem", "1xx", "22023", "invalid value for parameter \"work_mem\": \"1xx\""),
            ("work_mem", "1", "22023", "1 kB is outside the valid range for parameter \"work_mem\" (64 .. 2147483647)"),
            (
                "statement_timeout",
                "-5s",
                "22023",
                "-5000 ms is outside the valid range for parameter \"statement_timeout\" (0 .. 2147483647)",
            ),
            (
                "seq_page_cost",
                "-1",
                "22023",
                "-1 is outside the valid range for parameter \"seq_page_cost\" (0 .. 1.79769e+308)",
            ),
            ("plan_cache_mode", "x", "22023", "invalid value for parameter \"plan_cache_mode\": \"x\""),
            (
                "max_connections",
                "5",
                "55P02",
                "parameter \"max_connections\" cannot be changed without restarting the server",
            ),
            ("autovacuum", "off", "55P02", "parameter \"autovacuum\" cannot be changed now"),
            ("block_size", "5", "55P02", "parameter \"block_size\" cannot be changed"),
            ("log_connections", "on", "55P02", "parameter \"log_connections\" cannot be set after connection start"),
            ("log_duration", "on", "42501", "permission denied to set parameter \"log_duration\""),
            (
                "transform_null_equals",
                "on",
                "0A000",
                "parameter \"transform_null_equals\" cannot be set to \"on\" here",
            ),
        ] {
            let error = settings().set(name, Some(value), false).unwrap_err();
            assert_eq!((error.sqlstate.code(), error.message.as_str()), (code, message));
        }
        assert_eq!(settings().get("data_directory").unwrap_err().sqlstate, SqlState::INSUFFICIENT_PRIVILEGE);
    }

    #[test]
    fn the_server_says_its_own_of_itself() {
        let own = [("max_connections", "7".to_owned())];
        let settings = Settings::new("acme", &SessionSection::default(), &own);
        assert_eq!(settings.get("max_connections").unwrap(), "7");
        let all = settings.all();
        assert!(all.iter().any(|setting| setting.name == "max_connections" && setting.value == "7"));
        assert!(!all.iter().any(|setting| ["role", "data_directory"].contains(&setting.name)));
    }

    #[test]
    fn freshness_is_one_of_its_values() {
        let mut settings = settings();
        assert_eq!((settings.get("flowforge.freshness").unwrap(), settings.freshness()), ("auto", None));
        for freshness in Freshness::ALL {
            settings.set("flowforge.freshness", Some(&freshness.name().to_uppercase()), false).unwrap();
            assert_eq!(settings.freshness(), Some(freshness));
        }
        let error = settings.set("flowforge.freshness", Some("soon"), false).unwrap_err();
        assert_eq!(error.sqlstate, SqlState::INVALID_PARAMETER_VALUE);
        settings.set("flowforge.freshness", None, false).unwrap();
        assert_eq!(settings.freshness(), None);
    }

    #[test]
    fn names_of_a_path_fold_unless_quoted() {
        assert_eq!(split_names("Marts, \"Big\" ,metrics"), ["marts", "Big", "metrics"]);
        assert_eq!(split_names(""), Vec::<String>::new());
    }
}
