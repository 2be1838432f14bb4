//! What values the settings take, and what they mean.

use chrono_tz::Tz;

use crate::base::{ErrorReport, SqlState};

use super::super::session_statements::never_writes;
use super::known::{Kind, Setting};
use super::listed::{Context, Reference};
use super::numbers::{self, Number};

fn invalid(setting: &Setting, value: &str) -> ErrorReport {
    ErrorReport::new(
        SqlState::INVALID_PARAMETER_VALUE,
        format!("invalid value for parameter \"{}\": \"{value}\"", setting.name),
    )
}

fn not_honoured(setting: &Setting, value: &str) -> ErrorReport {
    ErrorReport::new(
        SqlState::FEATURE_NOT_SUPPORTED,
        format!("parameter \"{}\" cannot be set to \"{value}\" here", setting.name),
    )
    .with_hint(format!("Leave it at \"{}\".", setting.default))
}

/// The value as it is kept and shown.
pub(super) fn check(setting: &Setting, value: &str) -> Result<String, ErrorReport> {
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
        Kind::ReadOnly => match parse_bool(value) {
            Some(true) => Ok("on".to_owned()),
            Some(false) => Err(never_writes()),
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
        Kind::Listed => listed(setting, value),
        Kind::OnlyDefault => match listed(setting, value)? {
            checked if checked.eq_ignore_ascii_case(setting.default) => Ok(setting.default.to_owned()),
            other => Err(not_honoured(setting, &other)),
        },
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

/// Passes for a setting that can be set at all.
pub(super) fn refuse_fixed(setting: &Setting) -> Result<(), ErrorReport> {
    if !matches!(setting.kind, Kind::Fixed) {
        return Ok(());
    }
    let name = setting.name;
    let (sqlstate, message) = match setting.reference.map(|reference| reference.context) {
        Some(Context::Superuser) => {
            (SqlState::INSUFFICIENT_PRIVILEGE, format!("permission denied to set parameter \"{name}\""))
        }
        Some(Context::Restart) => (
            SqlState::CANT_CHANGE_RUNTIME_PARAM,
            format!("parameter \"{name}\" cannot be changed without restarting the server"),
        ),
        Some(Context::Reload) => {
            (SqlState::CANT_CHANGE_RUNTIME_PARAM, format!("parameter \"{name}\" cannot be changed now"))
        }
        Some(Context::ConnectionStart) => {
            (SqlState::CANT_CHANGE_RUNTIME_PARAM, format!("parameter \"{name}\" cannot be set after connection start"))
        }
        Some(Context::Internal | Context::User) | None => {
            (SqlState::CANT_CHANGE_RUNTIME_PARAM, format!("parameter \"{name}\" cannot be changed"))
        }
    };
    Err(ErrorReport::new(sqlstate, message))
}

/// A value that PostgreSQL's list allows.
fn listed(setting: &Setting, value: &str) -> Result<String, ErrorReport> {
    let Some(reference) = &setting.reference else { return Ok(value.to_owned()) };
    match reference.value_type {
        "bool" => parse_bool(value).map(|flag| on_off(flag).to_owned()).ok_or_else(|| boolean_expected(setting)),
        "enum" => one_of_listed(setting, reference, value),
        "integer" | "real" => Number::read(reference, value)
            .and_then(|number| number.in_range(reference))
            .map(|number| number.shown(reference))
            .map_err(|problem| refused_number(setting, reference, value, problem)),
        _ => Ok(value.to_owned()),
    }
}

/// Values of which two are on and off are also taken in the other spellings of these.
fn one_of_listed(setting: &Setting, reference: &Reference, value: &str) -> Result<String, ErrorReport> {
    let of_name = |name: &str| reference.values().find(|known| known.eq_ignore_ascii_case(name)).map(str::to_owned);
    let known = of_name(value).or_else(|| match value.to_lowercase().as_str() {
        "true" | "yes" | "1" => of_name("on"),
        "false" | "no" | "0" => of_name("off"),
        _ => None,
    });
    let values = || reference.values().collect::<Vec<_>>().join(", ");
    known.ok_or_else(|| invalid(setting, value).with_hint(format!("Available values: {}.", values())))
}

fn refused_number(setting: &Setting, reference: &Reference, value: &str, problem: numbers::Problem) -> ErrorReport {
    match problem {
        numbers::Problem::NoNumber => invalid(setting, value),
        numbers::Problem::Unit(units) => invalid(setting, value).with_hint(units),
        numbers::Problem::TooLarge => invalid(setting, value).with_hint("Value exceeds integer range."),
        numbers::Problem::OutOfRange(number) => {
            let unit = if reference.unit.is_empty() { String::new() } else { format!(" {}", reference.unit) };
            let (name, low, high) = (setting.name, reference.minimum, reference.maximum);
            let message =
                format!("{number}{unit} is outside the valid range for parameter \"{name}\" ({low} .. {high})");
            ErrorReport::new(SqlState::INVALID_PARAMETER_VALUE, message)
        }
    }
}

/// The value as a number of the setting's own unit, as `pg_settings` shows it.
pub(super) fn without_unit(setting: &Setting, value: &str) -> String {
    let number = setting.reference.filter(|reference| !reference.unit.is_empty());
    let number = number.and_then(|reference| Number::read(&reference, value).ok());
    number.map_or_else(|| value.to_owned(), |number| number.to_string())
}

fn boolean_expected(setting: &Setting) -> ErrorReport {
    ErrorReport::new(
        SqlState::INVALID_PARAMETER_VALUE,
        format!("parameter \"{}\" requires a Boolean value", setting.name),
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

/// The zone of a name.
pub(super) fn parse_time_zone(value: &str) -> Option<Tz> {
    let name = value.trim();
    if name.eq_ignore_ascii_case("utc") || name.eq_ignore_ascii_case("gmt") || name == "0" {
        return Some(Tz::UTC);
    }
    name.parse().ok().or_else(|| chrono_tz::TZ_VARIANTS.into_iter().find(|zone| zone.name().eq_ignore_ascii_case(name)))
}

/// Names of a list such as `a, "B", c`; unquoted ones are folded to lower case.
pub(super) fn split_names(text: &str) -> Vec<String> {
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
