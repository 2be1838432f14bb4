//! The words of dates: months, days of the week, and the short and the long names of zones.

use chrono_tz::TZ_VARIANTS;

use super::date_text::Zone;

const MONTHS: [&str; 12] = [
    "january",
    "february",
    "march",
    "april",
    "may",
    "june",
    "july",
    "august",
    "september",
    "october",
    "november",
    "december",
];

const WEEKDAYS: [&str; 7] = ["sunday", "monday", "tuesday", "wednesday", "thursday", "friday", "saturday"];

/// A word of which the first three letters are enough, or all of them; some have more short forms.
fn place_in(names: &[&str], more: &[(&str, usize)], word: &str) -> Option<usize> {
    let named = names.iter().position(|name| word == *name || (word.len() == 3 && name.starts_with(word)));
    named.or_else(|| more.iter().find(|(known, _)| *known == word).map(|(_, place)| *place))
}

pub(super) fn month(word: &str) -> Option<u32> {
    let place = place_in(&MONTHS, &[("sept", 8)], word)?;
    u32::try_from(place + 1).ok()
}

pub(super) fn is_weekday(word: &str) -> bool {
    place_in(&WEEKDAYS, &[("tues", 2), ("weds", 3), ("thur", 4), ("thurs", 4)], word).is_some()
}

/// Hours east of UTC of the short names that PostgreSQL knows without being told, in quarters.
const ZONES: [(&str, i64); 38] = [
    ("utc", 0),
    ("ut", 0),
    ("gmt", 0),
    ("z", 0),
    ("zulu", 0),
    ("wet", 0),
    ("west", 4),
    ("bst", 4),
    ("cet", 4),
    ("cest", 8),
    ("met", 4),
    ("mest", 8),
    ("eet", 8),
    ("eest", 12),
    ("ist", 8),
    ("idt", 12),
    ("msk", 12),
    ("msd", 16),
    ("jst", 36),
    ("kst", 36),
    ("sgt", 32),
    ("hkt", 32),
    ("nzst", 48),
    ("nzdt", 52),
    ("aest", 40),
    ("aedt", 44),
    ("acst", 38),
    ("awst", 32),
    ("est", -20),
    ("edt", -16),
    ("cst", -24),
    ("cdt", -20),
    ("mst", -28),
    ("mdt", -24),
    ("pst", -32),
    ("pdt", -28),
    ("akst", -36),
    ("hst", -40),
];

pub(super) fn short_zone(word: &str) -> Option<Zone> {
    ZONES.iter().find(|(known, _)| *known == word).map(|(_, quarters)| Zone::Offset(quarters * 900))
}

pub(super) fn named_zone(name: &str) -> Option<Zone> {
    TZ_VARIANTS.iter().find(|zone| zone.name().eq_ignore_ascii_case(name)).copied().map(Zone::Named)
}

pub(super) fn is_known(word: &str) -> bool {
    month(word).is_some() || is_weekday(word) || short_zone(word).is_some() || matches!(word, "t" | "j" | "am" | "pm")
}
