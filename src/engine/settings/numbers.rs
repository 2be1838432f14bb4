//! Numbers of settings with and without their units, read and shown as PostgreSQL does.

use std::fmt;

use super::listed::Reference;

/// Why a text is no value of a setting that is a number.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Problem {
    /// It does not begin with a number, or goes on where nothing may follow.
    NoNumber,
    /// A unit that does not exist; with the sentence that names those that do.
    Unit(&'static str),
    /// More than an integer holds.
    TooLarge,
    /// Outside of the setting's range; with the number as PostgreSQL writes it.
    OutOfRange(String),
}

/// A value in the setting's own unit.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Number {
    Integer(i64),
    Real(f64),
}

/// Names and sizes, from the largest.
type Units = &'static [(&'static str, f64)];

/// In bytes.
const MEMORY: Units =
    &[("TB", 1_099_511_627_776.0), ("GB", 1_073_741_824.0), ("MB", 1_048_576.0), ("kB", 1_024.0), ("B", 1.0)];
/// In microseconds.
const TIME: Units = &[
    ("d", 86_400_000_000.0),
    ("h", 3_600_000_000.0),
    ("min", 60_000_000.0),
    ("s", 1_000_000.0),
    ("ms", 1_000.0),
    ("us", 1.0),
];
const BLOCK: (&str, f64) = ("8kB", 8_192.0);
const MEMORY_HINT: &str = "Valid units for this parameter are \"B\", \"kB\", \"MB\", \"GB\", and \"TB\".";
const TIME_HINT: &str = "Valid units for this parameter are \"us\", \"ms\", \"s\", \"min\", \"h\", and \"d\".";

/// The unit of the timeouts.
const MILLISECOND: &str = "ms";

/// The units that may stand beside one, with the size of this one.
fn units_beside(unit: &str) -> Option<(Units, f64)> {
    if unit == BLOCK.0 {
        return Some((MEMORY, BLOCK.1));
    }
    [MEMORY, TIME].into_iter().find_map(|units| {
        let (_, size) = units.iter().find(|(name, _)| *name == unit)?;
        Some((units, *size))
    })
}

impl Number {
    /// Reads a value as PostgreSQL does: decimal, octal or hexadecimal, with a fraction, with a unit.
    ///
    /// # Errors
    /// The [`Problem`] of it.
    pub(super) fn read(reference: &Reference, text: &str) -> Result<Self, Problem> {
        let value = in_unit(text, reference.unit)?;
        if reference.value_type == "real" {
            return Ok(Self::Real(value));
        }
        let rounded = value.round_ties_even();
        if !(f64::from(i32::MIN)..=f64::from(i32::MAX)).contains(&rounded) {
            return Err(Problem::TooLarge);
        }
        #[expect(clippy::cast_possible_truncation, reason = "the range was looked at")]
        Ok(Self::Integer(rounded as i64))
    }

    /// Passes for a number of the setting's range.
    ///
    /// # Errors
    /// [`Problem::OutOfRange`].
    pub(super) fn in_range(self, reference: &Reference) -> Result<Self, Problem> {
        let bound = |text: &str| text.parse::<f64>().ok();
        let value = self.as_f64();
        let below = bound(reference.minimum).is_some_and(|minimum| value < minimum);
        let above = bound(reference.maximum).is_some_and(|maximum| value > maximum);
        if below || above { Err(Problem::OutOfRange(self.to_string())) } else { Ok(self) }
    }

    /// As SHOW gives it: in the largest unit in which it is whole.
    pub(super) fn shown(self, reference: &Reference) -> String {
        shown(self, reference.unit)
    }

    #[expect(clippy::cast_precision_loss, reason = "the integers of settings have 32 bits")]
    const fn as_f64(self) -> f64 {
        match self {
            Self::Integer(value) => value as f64,
            Self::Real(value) => value,
        }
    }
}

impl fmt::Display for Number {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Integer(value) => write!(f, "{value}"),
            Self::Real(value) => f.write_str(&six_digits(*value)),
        }
    }
}

fn shown(number: Number, unit: &str) -> String {
    let value = number.as_f64();
    let Some((units, size)) = units_beside(unit).filter(|_| value > 0.0) else { return number.to_string() };
    let whole = |in_unit: f64| match number {
        Number::Integer(_) => in_unit.fract() == 0.0,
        Number::Real(_) => in_unit.round() > 0.0 && (in_unit.round() / in_unit - 1.0).abs() <= 1e-8,
    };
    let of_unit = |(name, unit_size): &(&str, f64)| (value * size / unit_size, (*name).to_owned());
    let in_units = || units.iter().map(of_unit);
    let (value, name) =
        in_units().find(|(value, _)| whole(*value)).or_else(|| in_units().next_back()).unwrap_or_default();
    format!("{}{name}", six_digits_unless_whole(value))
}

fn six_digits_unless_whole(value: f64) -> String {
    if value.fract() == 0.0 { format!("{value}") } else { six_digits(value) }
}

/// The number that a text says, in this unit.
fn in_unit(text: &str, unit: &str) -> Result<f64, Problem> {
    let text = text.trim();
    let (value, rest) = leading_number(text).ok_or(Problem::NoNumber)?;
    let suffix = rest.trim();
    if suffix.is_empty() {
        return Ok(value);
    }
    let Some((units, size)) = units_beside(unit) else { return Err(Problem::NoNumber) };
    let hint = if units[0].0 == "TB" { MEMORY_HINT } else { TIME_HINT };
    let Some(at) = units.iter().position(|(name, _)| *name == suffix) else { return Err(Problem::Unit(hint)) };
    let converted = value * units[at].1 / size;
    // A fraction of a unit is rounded to the next smaller one.
    Ok(units.get(at + 1).map_or(converted, |(_, smaller)| {
        let step = smaller / size;
        (converted / step).round_ties_even() * step
    }))
}

/// The number that a text begins with, and what stands behind it.
fn leading_number(text: &str) -> Option<(f64, &str)> {
    let unsigned = text.trim_start_matches(['+', '-']);
    if text.len() - unsigned.len() > 1 {
        return None;
    }
    let sign = if text.starts_with('-') { -1.0 } else { 1.0 };
    let (radix, digits) = match unsigned.strip_prefix("0x").or_else(|| unsigned.strip_prefix("0X")) {
        Some(digits) => (16, digits),
        None if unsigned.starts_with('0') && !unsigned.contains(['.', 'e', 'E']) => (8, unsigned),
        None => return leading_decimal(unsigned).map(|(value, rest)| (sign * value, rest)),
    };
    let end = digits.find(|c: char| !c.is_digit(radix)).unwrap_or(digits.len());
    #[expect(clippy::cast_precision_loss, reason = "PostgreSQL reads what is too long for an integer as a float, too")]
    let value = u64::from_str_radix(&digits[..end], radix).ok()? as f64;
    Some((sign * value, &digits[end..]))
}

fn leading_decimal(text: &str) -> Option<(f64, &str)> {
    let digits = |from: usize| from + text[from..].find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len() - from);
    let mut end = digits(0);
    if text[end..].starts_with('.') {
        end = digits(end + 1);
    }
    if let Some(exponent) = text[end..].strip_prefix(['e', 'E']) {
        let sign = usize::from(exponent.starts_with(['+', '-']));
        let first = end + 1 + sign;
        if digits(first) > first {
            end = digits(first);
        }
    }
    Some((text[..end].parse().ok()?, &text[end..]))
}

/// A number as C's `%g` writes it.
fn six_digits(value: f64) -> String {
    let scientific = format!("{value:.5e}");
    let Some((mantissa, exponent)) = scientific.split_once('e') else { return scientific };
    let exponent: i32 = exponent.parse().unwrap_or_default();
    let without_zeros = |digits: &str| match digits.contains('.') {
        true => digits.trim_end_matches('0').trim_end_matches('.').to_owned(),
        false => digits.to_owned(),
    };
    if !(-4..6).contains(&exponent) {
        let sign = if exponent < 0 { '-' } else { '+' };
        return format!("{}e{sign}{:02}", without_zeros(mantissa), exponent.abs());
    }
    let decimals = usize::try_from(5 - exponent).unwrap_or_default();
    without_zeros(&format!("{value:.decimals$}"))
}

/// Milliseconds of a timeout as it is shown, such as `5s`.
pub(super) fn milliseconds(shown: &str) -> Option<u64> {
    let value = in_unit(shown, MILLISECOND).ok().filter(|value| *value >= 0.0)?;
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a timeout is no negative number")]
    Some(value as u64)
}

/// A timeout as SHOW gives it.
pub(super) fn milliseconds_text(milliseconds: u64) -> String {
    shown(Number::Integer(i64::try_from(milliseconds).unwrap_or(i64::MAX)), MILLISECOND)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_written_as_by_c() {
        for (value, text) in
            [(0.0, "0"), (0.3, "0.3"), (100_000.0, "100000"), (1_000_000.0, "1e+06"), (0.00001, "1e-05"), (1.5, "1.5")]
        {
            assert_eq!(six_digits(value), text);
        }
    }

    #[test]
    fn numbers_are_read_in_every_form() {
        for (text, value, rest) in
            [("5s", 5.0, "s"), ("0x1F", 31.0, ""), ("010", 8.0, ""), ("-1.5e2 kB", -150.0, " kB"), ("0.5", 0.5, "")]
        {
            assert_eq!(leading_number(text), Some((value, rest)), "{text}");
        }
        for bad in ["", "x", "--1", "s5"] {
            assert_eq!(leading_number(bad), None, "{bad}");
        }
    }

    #[test]
    fn a_fraction_of_a_unit_is_one_of_the_next_smaller() {
        assert_eq!(in_unit("1.5MB", "kB"), Ok(1536.0));
        assert_eq!(in_unit("16 MB", "8kB"), Ok(2048.0));
        assert_eq!(in_unit("2min", "ms"), Ok(120_000.0));
        assert_eq!(in_unit("1 parsec", "ms"), Err(Problem::Unit(TIME_HINT)));
        assert_eq!(in_unit("1 s", ""), Err(Problem::NoNumber));
    }
}
