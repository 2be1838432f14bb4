//! Intervals in the forms of ISO 8601 and of the SQL standard, as numbers with units.

/// `P1Y2M3DT4H5M6S`, `1-2`, `3 4:05:06`; `None` for what is in neither form.
pub(super) fn named(text: &str) -> Option<String> {
    iso(text).or_else(|| standard(text))
}

fn iso(text: &str) -> Option<String> {
    let mut rest = text.strip_prefix('P')?;
    if rest.contains('-') && rest.contains(':') {
        return alternative(rest);
    }
    let mut written = String::new();
    let mut in_time = false;
    while !rest.is_empty() {
        if let Some(after) = rest.strip_prefix('T') {
            in_time = true;
            rest = after;
            continue;
        }
        let end = rest.find(|c: char| c.is_ascii_alphabetic())?;
        let (number, after) = rest.split_at(end);
        let unit = after.chars().next()?;
        let name = match (unit, in_time) {
            ('Y', false) => "years",
            ('M', false) => "months",
            ('W', false) => "weeks",
            ('D', false) => "days",
            ('H', true) => "hours",
            ('M', true) => "minutes",
            ('S', true) => "seconds",
            _ => return None,
        };
        number.parse::<f64>().ok()?;
        written.push_str(&format!("{number} {name} "));
        rest = &after[1..];
    }
    (!written.is_empty()).then_some(written)
}

/// `0001-02-03T04:05:06`, after its `P`.
fn alternative(text: &str) -> Option<String> {
    let (date, time) = text.split_once('T')?;
    let parts: Vec<&str> = date.split('-').collect();
    let [years, months, days] = parts.as_slice() else { return None };
    let is_number = |part: &&str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    let is_date = parts.iter().all(is_number);
    is_date.then(|| format!("{years} years {months} months {days} days {time}"))
}

/// Years and months with a dash between them, days and a time of the day.
fn standard(text: &str) -> Option<String> {
    let mut words = text.split_whitespace();
    let first = words.next()?;
    if let Some(months) = years_and_months(first) {
        let rest = words.collect::<Vec<_>>().join(" ");
        return Some(format!("{months} {}", standard(&rest).unwrap_or(rest)));
    }
    let time = words.next()?;
    let is_days = first.trim_start_matches(['+', '-']).bytes().all(|byte| byte.is_ascii_digit());
    (is_days && time.contains(':') && words.next().is_none()).then(|| format!("{first} days {time}"))
}

fn years_and_months(word: &str) -> Option<String> {
    let (sign, rest) = word.strip_prefix('-').map_or(("", word), |rest| ("-", rest));
    let (years, months) = rest.strip_prefix('+').unwrap_or(rest).split_once('-')?;
    let is_number = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    (is_number(years) && is_number(months)).then(|| format!("{sign}{years} years {sign}{months} months"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn other_forms_become_units() {
        assert_eq!(
            named("P1Y2M3DT4H5M6.5S").as_deref(),
            Some("1 years 2 months 3 days 4 hours 5 minutes 6.5 seconds ")
        );
        assert_eq!(named("-1-2").as_deref(), Some("-1 years -2 months "));
        assert_eq!(named("1 02:03:04").as_deref(), Some("1 days 02:03:04"));
        for other in ["1 day", "P", "P1", "02:03", "1 day 02:03", "PT1X"] {
            assert_eq!(named(other), None, "{other}");
        }
    }
}
