//! Session settings: which exist, what they may be, and which the client is told of.
//!
//! The list is PostgreSQL's as far as clients set or show it. A setting whose other values this server cannot honour
//! refuses them instead of pretending.

use std::collections::BTreeMap;

use chrono_tz::Tz;

use crate::base::{ErrorReport, SqlState};
use crate::catalog::DEFAULT_SEARCH_PATH;

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
    /// Names, joined by commas.
    NameList,
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
    reported("client_encoding", "UTF8", Kind::Honoured(&["UTF8", "UTF-8", "UNICODE"], &["SQL_ASCII", "LATIN1"])),
    setting("client_min_messages", "notice", Kind::OneOf(MESSAGE_LEVELS)),
    reported("datestyle", "ISO, MDY", Kind::DateStyle),
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
    reported("session_authorization", "", Kind::Fixed),
];

/// The names as PostgreSQL spells them where it does not use lower case.
const SPELLINGS: &[(&str, &str)] =
    &[("datestyle", "DateStyle"), ("intervalstyle", "IntervalStyle"), ("timezone", "TimeZone")];

/// The values of one session.
#[derive(Debug, Clone)]
pub struct Settings {
    /// What the session began with: RESET goes back to it.
    initial: BTreeMap<String, String>,
    current: BTreeMap<String, String>,
    /// What was in force before a block, for ROLLBACK.
    before_block: Option<BTreeMap<String, String>>,
    /// What `SET LOCAL` covers until the block ends.
    local: BTreeMap<String, Option<String>>,
}

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
        Self { current: initial.clone(), initial, before_block: None, local: BTreeMap::new() }
    }

    /// A value of the startup message: it becomes what RESET goes back to.
    ///
    /// # Errors
    /// As [`Settings::set`].
    pub fn set_initial(&mut self, name: &str, value: &str) -> Result<(), ErrorReport> {
        self.set(name, Some(value), false)?;
        let key = name.to_lowercase();
        if let Some(value) = self.current.get(&key) {
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
            (None, _) if !is_custom(&key) => return Err(unrecognized(name)),
            (None, None) => String::new(),
            (None, Some(value)) => value.to_owned(),
            (Some(_), None) => self.initial.get(&key).cloned().unwrap_or_default(),
            (Some(setting), Some(value)) => check(setting, value)?,
        };
        if local {
            let before = self.current.get(&key).cloned();
            self.local.entry(key.clone()).or_insert(before);
        } else {
            self.local.remove(&key);
        }
        self.current.insert(key, checked);
        Ok(())
    }

    /// A value as SHOW gives it.
    ///
    /// # Errors
    /// `42704` for an unknown setting.
    pub fn get(&self, name: &str) -> Result<&str, ErrorReport> {
        self.current.get(&name.to_lowercase()).map(String::as_str).ok_or_else(|| unrecognized(name))
    }

    /// Every setting, by name.
    pub fn all(&self) -> impl Iterator<Item = (&str, &str)> {
        self.current.iter().map(|(name, value)| (spelled(name), value.as_str()))
    }

    /// Every setting, by name: its value, and the one that RESET goes back to.
    pub fn all_with_reset(&self) -> impl Iterator<Item = (&str, &str, &str)> {
        self.current.iter().map(|(name, value)| {
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
            .filter_map(|setting| Some((spelled(setting.name).to_owned(), self.current.get(setting.name)?.clone())))
            .collect()
    }

    /// What changed of the reported ones since `before`.
    #[must_use]
    pub fn reported_changes(&self, before: &[(String, String)]) -> Vec<(String, String)> {
        self.reported().into_iter().filter(|pair| !before.contains(pair)).collect()
    }

    /// Back to what the session began with.
    pub fn reset_all(&mut self) {
        self.current = self.initial.clone();
        self.local.clear();
    }

    /// A block begins.
    pub fn begin_block(&mut self) {
        self.before_block = Some(self.current.clone());
    }

    /// A block ends; without commit, its changes are undone.
    pub fn end_block(&mut self, commit: bool) {
        let before = self.before_block.take();
        let local = std::mem::take(&mut self.local);
        match before {
            Some(before) if !commit => self.current = before,
            Some(_) | None => {
                for (name, value) in local {
                    match value {
                        Some(value) => self.current.insert(name, value),
                        None => self.current.remove(&name),
                    };
                }
            }
        }
    }

    /// The schemas of `search_path`, in order.
    #[must_use]
    pub fn search_path(&self) -> Vec<String> {
        split_names(self.current.get("search_path").map_or("", String::as_str))
    }

    /// The time zone.
    #[must_use]
    pub fn time_zone(&self) -> Tz {
        self.current.get("timezone").and_then(|name| parse_time_zone(name)).unwrap_or(Tz::UTC)
    }

    /// The statement timeout, if one is set.
    #[must_use]
    pub fn statement_timeout(&self) -> Option<std::time::Duration> {
        let text = self.current.get("statement_timeout")?;
        let milliseconds = parse_milliseconds(text)?;
        (milliseconds > 0).then(|| std::time::Duration::from_millis(milliseconds))
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

fn unrecognized(name: &str) -> ErrorReport {
    ErrorReport::new(SqlState::UNDEFINED_OBJECT, format!("unrecognized configuration parameter \"{name}\""))
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
        Kind::Fixed => Err(ErrorReport::new(
            SqlState::CANT_CHANGE_RUNTIME_PARAM,
            format!("parameter \"{}\" cannot be changed", spelled(setting.name)),
        )),
        Kind::Text => Ok(value.to_owned()),
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
        Kind::Milliseconds => parse_milliseconds(value).map(milliseconds_text).ok_or_else(|| invalid(setting, value)),
        Kind::OneOf(list) => one_of(list).ok_or_else(|| invalid(setting, value)),
        Kind::Honoured(list, refused) => match (one_of(list), one_of(refused)) {
            (Some(_), _) => Ok(list[0].to_owned()),
            (None, Some(known)) => Err(not_honoured(setting, &known)),
            (None, None) => Err(invalid(setting, value)),
        },
        Kind::TimeZone => {
            parse_time_zone(value).map(|zone| zone.name().to_owned()).ok_or_else(|| invalid(setting, value))
        }
        Kind::DateStyle => date_style(setting, value),
        Kind::NameList => Ok(split_names(value).join(", ")),
    }
}

fn boolean_expected(setting: &Setting) -> ErrorReport {
    ErrorReport::new(
        SqlState::INVALID_PARAMETER_VALUE,
        format!("parameter \"{}\" requires a Boolean value", spelled(setting.name)),
    )
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
    number.checked_mul(factor).filter(|milliseconds| *milliseconds <= i32::MAX as u64)
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
    fn a_block_that_rolls_back_undoes_its_settings() {
        let mut settings = settings();
        settings.begin_block();
        settings.set("application_name", Some("a"), false).unwrap();
        settings.end_block(false);
        assert_eq!(settings.get("application_name").unwrap(), "");
        settings.begin_block();
        settings.set("application_name", Some("b"), false).unwrap();
        settings.set("timezone", Some("Europe/Berlin"), true).unwrap();
        assert_eq!(settings.time_zone(), Tz::Europe__Berlin);
        settings.end_block(true);
        assert_eq!(settings.get("application_name").unwrap(), "b");
        assert_eq!(settings.time_zone(), Tz::UTC);
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
