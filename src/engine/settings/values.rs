//! What values the settings take, and what they mean.

use chrono_tz::Tz;

use crate::base::{ErrorReport, SqlState};

use super::super::session_statements::never_writes;
use super::known::{Kind, Setting, spelled};

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

/// Passes for a setting that can be set at all.
pub(super) fn refuse_fixed(setting: &Setting) -> Result<(), ErrorReport> {
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

/// The zone of a name.
pub(super) fn parse_time_zone(value: &str) -> Option<Tz> {
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
pub(super) fn parse_milliseconds(value: &str) -> Option<u64> {
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

/// The same as SHOW gives it.
pub(super) fn milliseconds_text(milliseconds: u64) -> String {
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
