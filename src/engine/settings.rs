//! Session settings: which exist, what they may be, and which the client is told of.
//!
//! The list is PostgreSQL's as far as clients set or show it. A setting whose other values this server cannot honour
//! refuses them instead of pretending.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use chrono_tz::Tz;

use crate::base::{ErrorReport, SqlState};
use crate::catalog::DEFAULT_SEARCH_PATH;
use crate::catalog::system::unrecognized_setting;

/// The PostgreSQL version whose answers are the specification.
pub const SERVER_VERSION: &str = "15.10";
const SERVER_VERSION_NUMBER: &str = "150010";

/// What values a setting takes.
#[derive(Debug, Clone, Copy)]
enum Kind {
    /// Cannot be set.
    Fixed,
    /// Any text.
    Text,
    /// `on` or `off`, in PostgreSQL's spellings.
    Bool,
    /// `on` or `off`, of which only this one can be honoured.
    OnlyBool(bool),
    /// A whole number in a range.
    Integer(i64, i64),
    /// Milliseconds, with PostgreSQL's units.
    Milliseconds,
    /// One of a list, case-insensitive.
    OneOf(&'static [&'static str]),
    /// One of the first list; the values of the second exist in PostgreSQL and are refused.
    Honoured(&'static [&'static str], &'static [&'static str]),
    /// An IANA time zone.
    TimeZone,
    /// `ISO` with any order of the fields.
    DateStyle,
    /// A character encoding, of which only UTF-8 can be honoured.
    Encoding,
    /// Names, joined by commas.
    NameList,
    /// The login name, or `none` for `role`.
    Role,
}

struct Setting {
    name: &'static str,
    default: &'static str,
    kind: Kind,
    reported: bool,
}

const fn setting(name: &'static str, default: &'static str, kind: Kind) -> Setting {
    Setting { name, default, kind, reported: false }
}

const fn reported(name: &'static str, default: &'static str, kind: Kind) -> Setting {
    Setting { name, default, kind, reported: true }
}

const ISOLATION: &[&str] = &["read committed", "repeatable read", "serializable", "read uncommitted"];
const MESSAGE_LEVELS: &[&str] =
    &["debug5", "debug4", "debug3", "debug2", "debug1", "debug", "log", "notice", "warning", "error"];

const SETTINGS: &[Setting] = &[
    reported("application_name", "", Kind::Text),
    setting("backslash_quote", "safe_encoding", Kind::OneOf(&["safe_encoding", "on", "off"])),
    setting("bytea_output", "hex", Kind::Honoured(&["hex"], &["escape"])),
    reported("client_encoding", "UTF8", Kind::Encoding),
    setting("client_min_messages", "notice", Kind::OneOf(MESSAGE_LEVELS)),
    reported("datestyle", "ISO, MDY", Kind::DateStyle),
    setting("default_table_access_method", "heap", Kind::OneOf(&["heap"])),
    setting("default_transaction_deferrable", "off", Kind::Bool),
    setting("default_transaction_isolation", "read committed", Kind::OneOf(ISOLATION)),
    reported("default_transaction_read_only", "on", Kind::OnlyBool(true)),
    setting("extra_float_digits", "1", Kind::Integer(1, 3)),
    setting("flowforge.freshness", "", Kind::OneOf(&["", "realtime", "point", "analytical"])),
    setting("geqo", "on", Kind::Bool),
    setting("idle_in_transaction_session_timeout", "0", Kind::Milliseconds),
    setting("idle_session_timeout", "0", Kind::Milliseconds),
    reported("in_hot_standby", "off", Kind::Fixed),
    reported("integer_datetimes", "on", Kind::Fixed),
    reported(
        "intervalstyle",
        "postgres",
        Kind::Honoured(&["postgres"], &["postgres_verbose", "sql_standard", "iso_8601"]),
    ),
    setting("jit", "off", Kind::Bool),
    setting("lc_collate", "C", Kind::Fixed),
    setting("lc_ctype", "C.UTF-8", Kind::Fixed),
    setting("lc_messages", "C", Kind::Text),
    setting("lc_monetary", "C", Kind::Text),
    setting("lc_numeric", "C", Kind::Text),
    setting("lc_time", "C", Kind::Text),
    setting("lock_timeout", "0", Kind::Milliseconds),
    setting("max_identifier_length", "63", Kind::Fixed),
    setting("max_index_keys", "32", Kind::Fixed),
    setting("role", "none", Kind::Role),
    setting("row_security", "on", Kind::OnlyBool(true)),
    setting("search_path", "", Kind::NameList),
    reported("server_encoding", "UTF8", Kind::Fixed),
    reported("server_version", SERVER_VERSION, Kind::Fixed),
    setting("server_version_num", SERVER_VERSION_NUMBER, Kind::Fixed),
    setting("ssl", "off", Kind::Fixed),
    reported("standard_conforming_strings", "on", Kind::OnlyBool(true)),
    setting("statement_timeout", "0", Kind::Milliseconds),
    setting("synchronous_commit", "on", Kind::OneOf(&["on", "off", "local", "remote_write", "remote_apply"])),
    reported("timezone", "UTC", Kind::TimeZone),
    setting("transaction_deferrable", "off", Kind::Bool),
    setting("transaction_isolation", "read committed", Kind::OneOf(ISOLATION)),
    setting("transaction_read_only", "on", Kind::OnlyBool(true)),
    setting("work_mem", "4MB", Kind::Text),
    reported("is_superuser", "off", Kind::Fixed),
    reported("session_authorization", "", Kind::Role),
];

/// The names as PostgreSQL spells them where it does not use lower case.
const SPELLINGS: &[(&str, &str)] =
    &[("datestyle", "DateStyle"), ("intervalstyle", "IntervalStyle"), ("timezone", "TimeZone")];

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
    current: BTreeMap<String, String>,
    /// What `SET LOCAL` covers until the transaction ends.
    local: BTreeMap<String, Option<String>>,
}

/// The values at one time, to go back to.
#[derive(Debug, Clone)]
pub struct SettingsMark(Arc<Values>);

impl Settings {
    /// The defaults, with what the configuration and the user's name say.
    #[must_use]
    pub fn new(user: &str, search_path: &[String], statement_timeout_ms: u64) -> Self {
        let mut initial: BTreeMap<String, String> =
            SETTINGS.iter().map(|setting| (setting.name.to_owned(), setting.default.to_owned())).collect();
        let path = if search_path.is_empty() { DEFAULT_SEARCH_PATH.join(", ") } else { search_path.join(", ") };
        initial.insert("search_path".into(), path);
        initial.insert("session_authorization".into(), user.to_owned());
        initial.insert("statement_timeout".into(), milliseconds_text(statement_timeout_ms));
        let now = Arc::new(Values { current: initial.clone(), local: BTreeMap::new() });
        Self { initial, now, version: 0 }
    }

    fn values(&mut self) -> &mut Values {
        self.version += 1;
        Arc::make_mut(&mut self.now)
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
                self.initial.get(&key).cloned().unwrap_or_default()
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
    /// `42704` for an unknown setting.
    pub fn get(&self, name: &str) -> Result<&str, ErrorReport> {
        let value = self.now.current.get(&name.to_lowercase());
        value.map(String::as_str).ok_or_else(|| unrecognized_setting(name))
    }

    /// Every setting, by name.
    pub fn all(&self) -> impl Iterator<Item = (&str, &str)> {
        self.now.current.iter().map(|(name, value)| (spelled(name), value.as_str()))
    }

    /// Every setting, by name: its value, and the one that RESET goes back to.
    pub fn all_with_reset(&self) -> impl Iterator<Item = (&str, &str, &str)> {
        self.now.current.iter().map(|(name, value)| {
            let initial = self.initial.get(name).unwrap_or(value);
            (spelled(name), value.as_str(), initial.as_str())
        })
    }

    /// The settings that a client is told of.
    #[must_use]
    pub fn reported(&self) -> Vec<(String, String)> {
        SETTINGS
            .iter()
            .filter(|setting| setting.reported)
            .filter_map(|setting| Some((spelled(setting.name).to_owned(), self.now.current.get(setting.name)?.clone())))
            .collect()
    }

    /// Back to what the session began with.
    pub fn reset_all(&mut self) {
        let current = self.initial.clone();
        *self.values() = Values { current, local: BTreeMap::new() };
    }

    /// A transaction begins, with the defaults for transactions.
    pub fn begin_transaction(&mut self) -> SettingsMark {
        let mark = self.mark();
        for name in ["transaction_isolation", "transaction_deferrable"] {
            let default = self.now.current.get(&format!("default_{name}")).cloned();
            if default.as_ref() != self.now.current.get(name) {
                self.set_for_transaction(name, default.as_deref().unwrap_or_default());
            }
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
    pub fn search_path(&self) -> Vec<String> {
        split_names(self.now.current.get("search_path").map_or("", String::as_str))
    }

    /// The time zone.
    #[must_use]
    pub fn time_zone(&self) -> Tz {
        self.now.current.get("timezone").and_then(|name| parse_time_zone(name)).unwrap_or(Tz::UTC)
    }

    /// A timeout, if it is set.
    #[must_use]
    pub fn timeout(&self, name: &str) -> Option<Duration> {
        let milliseconds = parse_milliseconds(self.now.current.get(name)?)?;
        (milliseconds > 0).then(|| Duration::from_millis(milliseconds))
    }
}

fn find(key: &str) -> Option<&'static Setting> {
    SETTINGS.iter().find(|setting| setting.name == key)
}

/// PostgreSQL takes any name of two parts as a setting of an extension.
fn is_custom(key: &str) -> bool {
    key.split_once('.').is_some_and(|(class, name)| !class.is_empty() && !name.is_empty() && class != "flowforge")
}

/// The name as PostgreSQL spells it.
pub(super) fn display_name(name: &str) -> &str {
    let key = name.to_lowercase();
    SPELLINGS.iter().find(|(known, _)| *known == key).map_or(name, |(_, spelling)| spelling)
}

fn spelled(name: &str) -> &str {
    SPELLINGS.iter().find(|(key, _)| *key == name).map_or(name, |(_, spelling)| spelling)
}

fn invalid(setting: &Setting, value: &str) -> ErrorReport {
    ErrorReport::new(
        SqlState::INVALID_PARAMETER_VALUE,
        format!("invalid value for parameter \"{}\": \"{value}\"", spelled(setting.name)),
    )
}

fn not_honoured(setting: &Setting, value: &str) -> ErrorReport {
    ErrorReport::new(
        SqlState::FEATURE_NOT_SUPPORTED,
        format!("parameter \"{}\" cannot be set to \"{value}\" here", spelled(setting.name)),
    )
    .with_hint(format!("Leave it at \"{}\".", setting.default))
}

fn check(setting: &Setting, value: &str) -> Result<String, ErrorReport> {
    let one_of = |list: &[&'static str]| {
        list.iter().find(|candidate| candidate.eq_ignore_ascii_case(value)).map(|found| (*found).to_owned())
    };
    match setting.kind {
        Kind::Fixed => refuse_fixed(setting).map(|()| value.to_owned()),
        Kind::Text | Kind::Role => Ok(value.to_owned()),
        Kind::Bool => match parse_bool(value) {
            Some(flag) => Ok(on_off(flag).to_owned()),
            None => Err(boolean_expected(setting)),
        },
        Kind::OnlyBool(only) => match parse_bool(value) {
            Some(flag) if flag == only => Ok(on_off(flag).to_owned()),
            Some(flag) => Err(not_honoured(setting, on_off(flag))),
            None => Err(boolean_expected(setting)),
        },
        Kind::Integer(low, high) => match value.trim().parse::<i64>() {
            Ok(number) if (low..=high).contains(&number) => Ok(number.to_string()),
            Ok(number) => Err(not_honoured(setting, &number.to_string())),
            Err(_) => Err(invalid(setting, value)),
        },
        Kind::Milliseconds => milliseconds(setting, value),
        Kind::OneOf(list) => one_of(list).ok_or_else(|| invalid(setting, value)),
        Kind::Honoured(list, refused) => match (one_of(list), one_of(refused)) {
            (Some(_), _) => Ok(list[0].to_owned()),
            (None, Some(known)) => Err(not_honoured(setting, &known)),
            (None, None) => Err(invalid(setting, value)),
        },
        Kind::Encoding => encoding(setting, value),
        Kind::TimeZone => {
            parse_time_zone(value).map(|zone| zone.name().to_owned()).ok_or_else(|| invalid(setting, value))
        }
        Kind::DateStyle => date_style(setting, value),
        Kind::NameList => Ok(split_names(value).join(", ")),
    }
}

fn refuse_fixed(setting: &Setting) -> Result<(), ErrorReport> {
    match setting.kind {
        Kind::Fixed => Err(ErrorReport::new(
            SqlState::CANT_CHANGE_RUNTIME_PARAM,
            format!("parameter \"{}\" cannot be changed", spelled(setting.name)),
        )),
        _ => Ok(()),
    }
}

fn boolean_expected(setting: &Setting) -> ErrorReport {
    ErrorReport::new(
        SqlState::INVALID_PARAMETER_VALUE,
        format!("parameter \"{}\" requires a Boolean value", spelled(setting.name)),
    )
}

/// As in PostgreSQL, only letters and digits count, so that drivers may write `'utf-8'` with its quotes.
fn encoding(setting: &Setting, value: &str) -> Result<String, ErrorReport> {
    let known: String = value.chars().filter(char::is_ascii_alphanumeric).collect::<String>().to_lowercase();
    match known.as_str() {
        "utf8" | "unicode" => Ok("UTF8".to_owned()),
        "sqlascii" | "latin1" | "iso88591" | "win1252" | "windows1252" | "latin9" | "iso885915" => {
            Err(not_honoured(setting, value))
        }
        _ => Err(invalid(setting, value)),
    }
}

fn date_style(setting: &Setting, value: &str) -> Result<String, ErrorReport> {
    let mut order = "MDY";
    for word in value.split(',').map(str::trim).filter(|word| !word.is_empty()) {
        match word.to_uppercase().as_str() {
            "ISO" => {}
            "MDY" | "US" | "NONEURO" => order = "MDY",
            "DMY" | "EURO" => order = "DMY",
            "YMD" => order = "YMD",
            "SQL" | "POSTGRES" | "GERMAN" => return Err(not_honoured(setting, word)),
            _ => return Err(invalid(setting, value)),
        }
    }
    Ok(format!("ISO, {order}"))
}

fn parse_bool(value: &str) -> Option<bool> {
    match value.to_lowercase().as_str() {
        "on" | "true" | "t" | "yes" | "y" | "1" => Some(true),
        "off" | "of" | "false" | "f" | "no" | "n" | "0" => Some(false),
        _ => None,
    }
}

const fn on_off(flag: bool) -> &'static str {
    if flag { "on" } else { "off" }
}

fn parse_time_zone(value: &str) -> Option<Tz> {
    let name = value.trim();
    if name.eq_ignore_ascii_case("utc") || name.eq_ignore_ascii_case("gmt") || name == "0" {
        return Some(Tz::UTC);
    }
    name.parse().ok().or_else(|| chrono_tz::TZ_VARIANTS.into_iter().find(|zone| zone.name().eq_ignore_ascii_case(name)))
}

fn milliseconds(setting: &Setting, value: &str) -> Result<String, ErrorReport> {
    let (digits, negative) = match value.trim().strip_prefix('-') {
        Some(digits) => (digits, true),
        None => (value, false),
    };
    match parse_milliseconds(digits) {
        Some(number) if number > MOST_MILLISECONDS => {
            Err(invalid(setting, value).with_hint("Value exceeds integer range."))
        }
        Some(number) if number == 0 || !negative => Ok(milliseconds_text(number)),
        Some(number) => {
            let sign = if negative { "-" } else { "" };
            let name = spelled(setting.name);
            Err(ErrorReport::new(
                SqlState::INVALID_PARAMETER_VALUE,
                format!(
                    "{sign}{number} ms is outside the valid range for parameter \"{name}\" (0 .. {MOST_MILLISECONDS})"
                ),
            ))
        }
        None => Err(invalid(setting, value).with_hint(MILLISECONDS_HINT)),
    }
}

const MOST_MILLISECONDS: u64 = i32::MAX as u64;
const MILLISECONDS_HINT: &str = "Valid units for this parameter are \"us\", \"ms\", \"s\", \"min\", \"h\", and \"d\".";

/// Milliseconds of `5s`, `1min`, `250`: PostgreSQL's units, case-sensitive as there.
fn parse_milliseconds(value: &str) -> Option<u64> {
    let value = value.trim();
    let digits = value.find(|c: char| !c.is_ascii_digit()).unwrap_or(value.len());
    let number: u64 = value[..digits].parse().ok()?;
    let factor = match value[digits..].trim() {
        "" | "ms" => 1,
        "s" => 1_000,
        "min" => 60_000,
        "h" => 3_600_000,
        "d" => 86_400_000,
        "us" => return Some(number / 1_000),
        _ => return None,
    };
    number.checked_mul(factor)
}

fn milliseconds_text(milliseconds: u64) -> String {
    match milliseconds {
        0 => "0".to_owned(),
        m if m % 86_400_000 == 0 => format!("{}d", m / 86_400_000),
        m if m % 3_600_000 == 0 => format!("{}h", m / 3_600_000),
        m if m % 60_000 == 0 => format!("{}min", m / 60_000),
        m if m % 1_000 == 0 => format!("{}s", m / 1_000),
        m => format!("{m}ms"),
    }
}

/// Names of a list such as `a, "B", c`; unquoted ones are folded to lower case.
fn split_names(text: &str) -> Vec<String> {
    let mut names = Vec::new();
    let mut rest = text.trim();
    while !rest.is_empty() {
        let (name, after) = match rest.strip_prefix('"') {
            Some(quoted) => {
                quoted.split_once('"').map_or((quoted.to_owned(), ""), |(name, after)| (name.to_owned(), after))
            }
            None => {
                let end = rest.find(',').unwrap_or(rest.len());
                (rest[..end].trim().to_lowercase(), &rest[end..])
            }
        };
        if !name.is_empty() {
            names.push(name);
        }
        rest = after.trim_start().trim_start_matches(',').trim_start();
    }
    names
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings() -> Settings {
        Settings::new("acme", &[], 0)
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
        assert_eq!(settings().set("server_version", Some("9"), false).unwrap_err().sqlstate.code(), "55P02");
    }

    #[test]
    fn names_of_a_path_fold_unless_quoted() {
        assert_eq!(split_names("Marts, \"Big\" ,metrics"), ["marts", "Big", "metrics"]);
        assert_eq!(split_names(""), Vec::<String>::new());
    }
}
