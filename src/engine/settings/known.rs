//! Which settings there are, and what they may be.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use super::listed::{Context, Reference, references};

/// The PostgreSQL version whose answers are the specification.
pub const SERVER_VERSION: &str = "15.10";
const SERVER_VERSION_NUMBER: &str = "150010";

/// What values a setting takes.
#[derive(Debug, Clone, Copy)]
pub(super) enum Kind {
    /// Cannot be set.
    Fixed,
    /// What PostgreSQL's list says of it. No value changes an answer of this server.
    Listed,
    /// What PostgreSQL's list says of it, and of that only the default: another would change answers.
    OnlyDefault,
    /// Any text.
    Text,
    /// `on` or `off`, in PostgreSQL's spellings.
    Bool,
    /// `on` or `off`, of which only this one can be honoured.
    OnlyBool(bool),
    /// `on`: no transaction here writes.
    ReadOnly,
    /// A whole number in a range.
    Integer(i64, i64),
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

/// One setting.
#[derive(Debug, Clone, Copy)]
pub(super) struct Setting {
    /// As PostgreSQL spells it.
    pub(super) name: &'static str,
    pub(super) default: &'static str,
    pub(super) kind: Kind,
    /// The client is told of its changes.
    pub(super) reported: bool,
    /// What PostgreSQL says of it.
    pub(super) reference: Option<Reference>,
}

impl Setting {
    /// A setting of which this server knows no more than that PostgreSQL has it.
    fn of_reference(reference: Reference) -> Self {
        let kind = if reference.context == Context::User { Kind::Listed } else { Kind::Fixed };
        Self { name: reference.name, default: reference.default, kind, reported: false, reference: Some(reference) }
    }

    /// Whether `SHOW ALL` and `pg_settings` have it.
    pub(super) fn is_listed(&self) -> bool {
        !UNLISTED.contains(&self.name) && self.reference.is_none_or(|reference| !reference.is_hidden)
    }
}

/// What PostgreSQL shows when it is asked for, and not in the list of all.
const UNLISTED: [&str; 3] = ["is_superuser", "role", "session_authorization"];

const fn setting(name: &'static str, default: &'static str, kind: Kind) -> Setting {
    Setting { name, default, kind, reported: false, reference: None }
}

const fn reported(name: &'static str, default: &'static str, kind: Kind) -> Setting {
    Setting { name, default, kind, reported: true, reference: None }
}

const ISOLATION: &[&str] = &["read committed", "repeatable read", "serializable", "read uncommitted"];
const MESSAGE_LEVELS: &[&str] =
    &["debug5", "debug4", "debug3", "debug2", "debug1", "debug", "log", "notice", "warning", "error"];

/// Those of which this server has something to say beyond PostgreSQL's list.
const OWN: &[Setting] = &[
    reported("application_name", "", Kind::Text),
    setting("array_nulls", "on", Kind::OnlyDefault),
    setting("bytea_output", "hex", Kind::Honoured(&["hex"], &["escape"])),
    reported("client_encoding", "UTF8", Kind::Encoding),
    setting("client_min_messages", "notice", Kind::OneOf(MESSAGE_LEVELS)),
    reported("DateStyle", "ISO, MDY", Kind::DateStyle),
    setting("default_table_access_method", "heap", Kind::OneOf(&["heap"])),
    setting("default_transaction_isolation", "read committed", Kind::OneOf(ISOLATION)),
    reported("default_transaction_read_only", "on", Kind::Bool),
    setting("exit_on_error", "off", Kind::OnlyDefault),
    setting("extra_float_digits", "1", Kind::Integer(1, 3)),
    setting("flowforge.freshness", "auto", Kind::OneOf(&["auto", "realtime", "point", "analytical"])),
    reported("in_hot_standby", "off", Kind::Fixed),
    reported("integer_datetimes", "on", Kind::Fixed),
    reported(
        "IntervalStyle",
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
    setting("quote_all_identifiers", "off", Kind::OnlyDefault),
    setting("role", "none", Kind::Role),
    setting("row_security", "on", Kind::OnlyBool(true)),
    setting("search_path", "", Kind::NameList),
    reported("server_encoding", "UTF8", Kind::Fixed),
    reported("server_version", SERVER_VERSION, Kind::Fixed),
    setting("server_version_num", SERVER_VERSION_NUMBER, Kind::Fixed),
    setting("ssl", "off", Kind::Fixed),
    reported("standard_conforming_strings", "on", Kind::OnlyBool(true)),
    reported("TimeZone", "UTC", Kind::TimeZone),
    setting("timezone_abbreviations", "Default", Kind::OnlyDefault),
    setting("transaction_isolation", "read committed", Kind::OneOf(ISOLATION)),
    setting("transaction_read_only", "on", Kind::ReadOnly),
    setting("transform_null_equals", "off", Kind::OnlyDefault),
    reported("is_superuser", "off", Kind::Fixed),
    reported("session_authorization", "", Kind::Role),
];

/// All of them, by their names in lower case.
pub(super) static SETTINGS: LazyLock<BTreeMap<String, Setting>> = LazyLock::new(|| {
    let of_list = references().map(Setting::of_reference);
    let mut settings: BTreeMap<String, Setting> =
        of_list.map(|setting| (setting.name.to_lowercase(), setting)).collect();
    for own in OWN {
        let key = own.name.to_lowercase();
        let reference = settings.get(&key).and_then(|listed| listed.reference);
        settings.insert(key, Setting { reference, ..*own });
    }
    settings
});

/// The setting of a name in lower case.
pub(super) fn find(key: &str) -> Option<&'static Setting> {
    SETTINGS.get(key)
}

/// PostgreSQL takes any name of two parts as a setting of an extension.
pub(super) fn is_custom(key: &str) -> bool {
    key.split_once('.').is_some_and(|(class, name)| !class.is_empty() && !name.is_empty() && class != "flowforge")
}

/// The name as PostgreSQL spells it.
pub(in crate::engine) fn display_name(name: &str) -> &str {
    find(&name.to_lowercase()).map_or(name, |setting| setting.name)
}
