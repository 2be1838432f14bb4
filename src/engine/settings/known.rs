//! Which settings there are, and what they may be.

/// The PostgreSQL version whose answers are the specification.
pub const SERVER_VERSION: &str = "15.10";
const SERVER_VERSION_NUMBER: &str = "150010";

/// What values a setting takes.
#[derive(Debug, Clone, Copy)]
pub(super) enum Kind {
    /// Cannot be set.
    Fixed,
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

/// One setting.
pub(super) struct Setting {
    pub(super) name: &'static str,
    pub(super) default: &'static str,
    pub(super) kind: Kind,
    /// The client is told of its changes.
    pub(super) reported: bool,
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

/// All of them.
pub(super) const SETTINGS: &[Setting] = &[
    reported("application_name", "", Kind::Text),
    setting("backslash_quote", "safe_encoding", Kind::OneOf(&["safe_encoding", "on", "off"])),
    setting("bytea_output", "hex", Kind::Honoured(&["hex"], &["escape"])),
    reported("client_encoding", "UTF8", Kind::Encoding),
    setting("client_min_messages", "notice", Kind::OneOf(MESSAGE_LEVELS)),
    reported("datestyle", "ISO, MDY", Kind::DateStyle),
    setting("default_table_access_method", "heap", Kind::OneOf(&["heap"])),
    setting("default_transaction_deferrable", "off", Kind::Bool),
    setting("default_transaction_isolation", "read committed", Kind::OneOf(ISOLATION)),
    reported("default_transaction_read_only", "on", Kind::Bool),
    setting("extra_float_digits", "1", Kind::Integer(1, 3)),
    setting("flowforge.freshness", "auto", Kind::OneOf(&["auto", "realtime", "point", "analytical"])),
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
    setting("transaction_read_only", "on", Kind::ReadOnly),
    setting("work_mem", "4MB", Kind::Text),
    reported("is_superuser", "off", Kind::Fixed),
    reported("session_authorization", "", Kind::Role),
];

/// The names as PostgreSQL spells them where it does not use lower case.
const SPELLINGS: &[(&str, &str)] =
    &[("datestyle", "DateStyle"), ("intervalstyle", "IntervalStyle"), ("timezone", "TimeZone")];

/// The setting of a name in lower case.
pub(super) fn find(key: &str) -> Option<&'static Setting> {
    SETTINGS.iter().find(|setting| setting.name == key)
}

/// PostgreSQL takes any name of two parts as a setting of an extension.
pub(super) fn is_custom(key: &str) -> bool {
    key.split_once('.').is_some_and(|(class, name)| !class.is_empty() && !name.is_empty() && class != "flowforge")
}

/// The name as PostgreSQL spells it.
pub(in crate::engine) fn display_name(name: &str) -> &str {
    let key = name.to_lowercase();
    SPELLINGS.iter().find(|(known, _)| *known == key).map_or(name, |(_, spelling)| spelling)
}

/// The same for a name in lower case.
pub(super) fn spelled(name: &str) -> &str {
    SPELLINGS.iter().find(|(key, _)| *key == name).map_or(name, |(_, spelling)| spelling)
}
