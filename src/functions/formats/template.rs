//! The template of a date or a time, taken apart.

/// How a word is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Letters {
    Upper,
    Lower,
    Capital,
}

impl Letters {
    /// The pattern in these letters.
    pub(super) fn of(self, key: &str) -> String {
        match self {
            Self::Upper => key.to_owned(),
            Self::Lower => key.to_lowercase(),
            Self::Capital => format!("{}{}", &key[..1], key[1..].to_lowercase()),
        }
    }
}

/// A part of a template.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Part {
    Key {
        /// The pattern in upper case.
        key: &'static str,
        letters: Letters,
        /// Without padding.
        fill: bool,
        /// An ordinal ending, and whether it is upper case.
        ordinal: Option<bool>,
    },
    Text(char),
    /// From a part in quotes.
    Quoted(char),
}

/// Every pattern; of two that fit the longer one counts.
const KEYS: [&str; 49] = [
    "SSSSS", "Y,YYY", "MONTH", "A.D.", "A.M.", "B.C.", "P.M.", "HH24", "HH12", "IDDD", "IYYY", "SSSS", "YYYY", "DAY",
    "DDD", "FF1", "FF2", "FF3", "FF4", "FF5", "FF6", "IYY", "MON", "TZH", "TZM", "YYY", "AD", "AM", "BC", "CC", "DD",
    "DY", "HH", "ID", "IW", "IY", "MI", "MM", "MS", "OF", "PM", "RM", "SS", "TZ", "US", "WW", "YY", "D", "I",
];

const SHORT: [&str; 4] = ["J", "Q", "W", "Y"];

fn key_at(text: &str) -> Option<(&'static str, Letters)> {
    KEYS.iter().chain(&SHORT).find_map(|key| {
        let head = text.get(..key.len())?;
        let capital = || {
            let mut chars = key.chars();
            let first = chars.next().map(String::from).unwrap_or_default();
            format!("{first}{}", chars.as_str().to_lowercase())
        };
        if head == *key {
            Some((*key, Letters::Upper))
        } else if head == key.to_lowercase() {
            Some((*key, Letters::Lower))
        } else if matches!(*key, "MONTH" | "MON" | "DAY" | "DY") && head == capital() {
            Some((*key, Letters::Capital))
        } else {
            None
        }
    })
}

/// Takes a template apart.
pub(super) fn parts(template: &str) -> Vec<Part> {
    let mut found = Vec::new();
    let mut rest = template;
    let mut fill = false;
    while let Some(c) = rest.chars().next() {
        if let Some(after) = rest.strip_prefix("FM").or_else(|| rest.strip_prefix("fm")) {
            fill = true;
            rest = after;
            continue;
        }
        if let Some(after) = ["FX", "fx", "TM", "tm"].iter().find_map(|prefix| rest.strip_prefix(prefix)) {
            rest = after;
            continue;
        }
        if let Some((key, letters)) = key_at(rest) {
            rest = &rest[key.len()..];
            let mut ordinal = None;
            for (suffix, upper) in [("TH", true), ("th", false)] {
                if let Some(after) = rest.strip_prefix(suffix) {
                    (ordinal, rest) = (Some(upper), after);
                }
            }
            found.push(Part::Key { key, letters, fill: std::mem::take(&mut fill), ordinal });
            continue;
        }
        rest = &rest[c.len_utf8()..];
        match c {
            '"' => rest = quoted(rest, &mut found),
            '\\' if rest.starts_with('"') => {
                found.push(Part::Text('"'));
                rest = &rest[1..];
            }
            other => found.push(Part::Text(other)),
        }
    }
    found
}

fn quoted<'a>(text: &'a str, found: &mut Vec<Part>) -> &'a str {
    let mut chars = text.char_indices();
    while let Some((index, c)) = chars.next() {
        match c {
            '"' => return &text[index + 1..],
            '\\' => {
                if let Some((_, next)) = chars.next() {
                    found.push(Part::Quoted(next));
                }
            }
            other => found.push(Part::Quoted(other)),
        }
    }
    ""
}

pub(super) const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];

pub(super) const DAYS: [&str; 7] = ["Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"];

pub(super) const ROMAN: [&str; 12] = ["I", "II", "III", "IV", "V", "VI", "VII", "VIII", "IX", "X", "XI", "XII"];

/// `st`, `nd`, `rd`, `th`
pub(super) fn ordinal_ending(number: &str, upper: bool) -> &'static str {
    let bytes = number.as_bytes();
    let teen = bytes.len() > 1 && bytes[bytes.len() - 2] == b'1';
    let index = match bytes.last() {
        Some(b'1') if !teen => 0,
        Some(b'2') if !teen => 1,
        Some(b'3') if !teen => 2,
        _ => 3,
    };
    if upper { ["ST", "ND", "RD", "TH"][index] } else { ["st", "nd", "rd", "th"][index] }
}
