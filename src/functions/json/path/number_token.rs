//! Numbers in the text of a path: how long they are, and what is wrong with them.

/// What begins with a digit, or with a point before one, and how many bytes it has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Number {
    /// Digits only.
    Integer(usize),
    /// With a point or an exponent.
    Decimal(usize),
    /// An exponent without digits.
    Unfinished(usize),
    /// A number and the character after it that makes it none.
    Junk(usize),
}

impl Number {
    fn length(self) -> usize {
        match self {
            Self::Integer(length) | Self::Decimal(length) | Self::Unfinished(length) | Self::Junk(length) => length,
        }
    }
}

fn digits(text: &str) -> usize {
    text.bytes().take_while(u8::is_ascii_digit).count()
}

fn after(text: &str, length: usize) -> &str {
    text.get(length..).unwrap_or_default()
}

/// The number at the begin of a text; `None` where there is none, or where a longer word begins.
///
/// `is_word` tells the characters of words. The longest reading wins, and of two that are as long the number.
pub(super) fn number(text: &str, is_word: impl Fn(char) -> bool) -> Option<Number> {
    let whole = if text.starts_with('0') { 1 } else { digits(text) };
    let mantissa = match after(text, whole).strip_prefix('.') {
        Some(rest) if whole > 0 || digits(rest) > 0 => whole + 1 + digits(rest),
        _ => whole,
    };
    if mantissa == 0 {
        return None;
    }
    let mut found = if mantissa == whole { Number::Integer(whole) } else { Number::Decimal(mantissa) };
    let rest = after(text, mantissa);
    if let Some(exponent) = rest.strip_prefix(['e', 'E']) {
        let unsigned = exponent.strip_prefix(['+', '-']).unwrap_or(exponent);
        let length = text.len() - unsigned.len();
        match digits(unsigned) {
            0 if unsigned.len() < exponent.len() => found = Number::Unfinished(length),
            0 => {}
            count => found = Number::Decimal(length + count),
        }
    }
    // PostgreSQL reads bytes: of a longer character only the first one counts as junk.
    let mut reach = found.length();
    if let (Some(c), false) = (next_word_character(text, reach, &is_word), matches!(found, Number::Unfinished(_))) {
        found = Number::Junk(reach + c.len_utf8());
        reach += 1;
    }
    let word: usize = text.chars().take_while(|c| is_word(*c)).map(char::len_utf8).sum();
    (word <= reach).then_some(found)
}

fn next_word_character(text: &str, at: usize, is_word: impl Fn(char) -> bool) -> Option<char> {
    after(text, at).chars().next().filter(|c| is_word(*c))
}
