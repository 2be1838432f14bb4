//! `to_char` and `to_number` of numbers.

use datafusion::arrow::datatypes::DataType;
use datafusion::common::ScalarValue;

use crate::base::{ErrorReport, SqlState};

use super::super::numeric::Big;
use super::super::overload::{Call, Overload, strict};
use super::super::value::{fail, null, text, unsupported};
use super::template::ordinal_ending;

type Found = Result<ScalarValue, ErrorReport>;

pub(super) fn functions() -> Vec<Overload> {
    let mut all = Vec::new();
    for signature in ["(int4, text) text", "(int8, text) text", "(numeric, text) text"] {
        all.push(strict("to_char", signature, |call| shown(call, &Big::of(&call.args[0]))));
    }
    for signature in ["(float4, text) text", "(float8, text) text"] {
        all.push(strict("to_char", signature, |call| {
            let value = call.float(0);
            if !value.is_finite() {
                return Err(unsupported("to_char of NaN and infinity is not supported"));
            }
            shown(call, &decimal(&format!("{value:.15}")))
        }));
    }
    all.push(strict("to_number", "(text, text) numeric", |call| read(call.text(0), call.text(1))?.value()).returning(
        |_, literals| {
            let template = match literals.get(1) {
                Some(Some(ScalarValue::Utf8(Some(template)))) => Template::of(template).ok(),
                _ => None,
            };
            let scale = template.map_or(10, |template| template.after_point());
            Some(DataType::Decimal128(38, i8::try_from(scale).unwrap_or(10)))
        },
    ));
    all
}

/// A number from its digits.
fn decimal(text: &str) -> Big {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let digits: i128 = format!("{whole}{fraction}").parse().unwrap_or_default();
    Big::new(digits, i64::try_from(fraction.len()).unwrap_or_default())
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Item {
    Nine,
    Zero,
    Point,
    Group,
    /// `V`: what follows multiplies by ten.
    Shift,
    /// Where a sign stands that may be `+` or `-`.
    Sign,
    /// `MI`, `PL`, `SG`
    Minus,
    Plus,
    Either,
    Text(char),
}

#[derive(Debug, Default)]
struct Template {
    items: Vec<Item>,
    fill: bool,
    brackets: bool,
    scientific: bool,
    roman: Option<bool>,
    ordinal: Option<bool>,
}

fn bad(message: &str) -> ErrorReport {
    fail(SqlState::SYNTAX_ERROR, message)
}

impl Template {
    fn of(text: &str) -> Result<Self, ErrorReport> {
        let mut found = Self::default();
        let mut rest = text;
        while let Some(c) = rest.chars().next() {
            let upper: String = rest.chars().take(4).collect::<String>().to_uppercase();
            let (item, length) = match upper.as_str() {
                _ if upper.starts_with("FM") => {
                    found.fill = true;
                    (None, 2)
                }
                "EEEE" => {
                    found.scientific = true;
                    (None, 4)
                }
                _ if upper.starts_with("MI") => (Some(Item::Minus), 2),
                _ if upper.starts_with("PL") => (Some(Item::Plus), 2),
                _ if upper.starts_with("SG") => (Some(Item::Either), 2),
                _ if upper.starts_with("PR") => {
                    found.brackets = true;
                    (None, 2)
                }
                _ if upper.starts_with("RN") => {
                    found.roman = Some(rest.starts_with('R'));
                    (None, 2)
                }
                _ if upper.starts_with("TH") => {
                    found.ordinal = Some(rest.starts_with('T'));
                    (None, 2)
                }
                _ => (found.single(c)?, c.len_utf8()),
            };
            rest = &rest[length..];
            if c == '"' {
                let end = rest.find('"').unwrap_or(rest.len());
                found.items.extend(rest[..end].chars().map(Item::Text));
                rest = rest.get(end + 1..).unwrap_or_default();
            } else {
                found.items.extend(item);
            }
        }
        Ok(found)
    }

    fn single(&self, c: char) -> Result<Option<Item>, ErrorReport> {
        let repeated = |item: Item| self.items.contains(&item);
        Ok(Some(match c {
            '9' => Item::Nine,
            '0' => Item::Zero,
            '.' | 'D' | 'd' if repeated(Item::Point) => return Err(bad("multiple decimal points")),
            '.' | 'D' | 'd' => Item::Point,
            ',' | 'G' | 'g' => Item::Group,
            'S' | 's' if repeated(Item::Sign) => return Err(bad("cannot use \"S\" twice")),
            'S' | 's' => Item::Sign,
            'V' | 'v' => Item::Shift,
            // The locale C has no sign of a currency.
            'L' | 'l' => Item::Text(' '),
            // Blanks stand for zeros anyway.
            'B' | 'b' => return Ok(None),
            '"' => return Ok(None),
            other => Item::Text(other),
        }))
    }

    fn is_digit(item: &Item) -> bool {
        matches!(item, Item::Nine | Item::Zero)
    }

    fn point(&self) -> usize {
        self.items.iter().position(|item| *item == Item::Point).unwrap_or(self.items.len())
    }

    fn before_point(&self) -> usize {
        self.items[..self.point()].iter().filter(|item| Self::is_digit(item)).count()
    }

    fn after_point(&self) -> usize {
        self.items[self.point()..].iter().filter(|item| Self::is_digit(item)).count()
    }

    fn shift(&self) -> i64 {
        let begin = self.items.iter().position(|item| *item == Item::Shift).unwrap_or(self.items.len());
        let count = self.items[begin..].iter().filter(|item| Self::is_digit(item)).count();
        i64::try_from(count).unwrap_or_default()
    }

    fn has_own_sign(&self) -> bool {
        self.brackets || self.items.iter().any(|item| matches!(item, Item::Sign | Item::Minus | Item::Either))
    }
}

fn shown(call: &Call<'_>, number: &Big) -> Found {
    if call.text(1).is_empty() {
        return null(call);
    }
    let template = Template::of(call.text(1))?;
    if let Some(upper) = template.roman {
        return Ok(text(roman(number, upper, template.fill)));
    }
    if template.scientific {
        return Ok(text(scientific(number, &template)));
    }
    let scaled = if template.shift() > 0 {
        number.multiply(&Big::new(10_i128.pow(u32::try_from(template.shift()).unwrap_or_default().min(30)), 0))
    } else {
        number.clone()
    };
    let after = template.after_point();
    let rounded = scaled.at(i64::try_from(after).unwrap_or_default());
    let digits = rounded.digits_text();
    let digits = format!("{digits:0>width$}", width = after + 1);
    let (whole, fraction) = digits.split_at(digits.len() - after);
    let whole = whole.trim_start_matches('0');
    let before = template.before_point();
    let (whole, fraction) = if whole.len() > before {
        ("#".repeat(before), "#".repeat(after))
    } else {
        (whole.to_owned(), fraction.to_owned())
    };
    let writer = Writer { template: &template, negative: rounded.is_negative(), whole, fraction, out: String::new() };
    Ok(text(writer.written()))
}

struct Writer<'a> {
    template: &'a Template,
    negative: bool,
    whole: String,
    fraction: String,
    out: String,
}

impl Writer<'_> {
    /// The digit before the point where the number begins.
    fn begin(&self) -> usize {
        let before = self.template.before_point();
        let digits = self.template.items[..self.template.point()].iter().filter(|item| Template::is_digit(item));
        let zero = digits.enumerate().find(|(_, item)| **item == Item::Zero).map(|(index, _)| index);
        let own = before - self.whole.len();
        let own =
            if self.whole.is_empty() && self.template.after_point() == 0 { before.saturating_sub(1) } else { own };
        zero.map_or(own, |zero| zero.min(own))
    }

    fn leading_sign(&self) -> Option<char> {
        let items = &self.template.items;
        let first_digit = items.iter().position(Template::is_digit).unwrap_or(items.len());
        let ahead = items[..first_digit].contains(&Item::Sign);
        let blank = (!self.template.fill).then_some(' ');
        if ahead {
            return Some(if self.negative { '-' } else { '+' });
        }
        if self.template.brackets {
            return if self.negative { Some('<') } else { blank };
        }
        if self.template.has_own_sign() {
            return None;
        }
        if self.negative { Some('-') } else { blank }
    }

    fn written(mut self) -> String {
        let template = self.template;
        let (begin, before) = (self.begin(), template.before_point());
        let kept = self.kept_fraction();
        let (mut place, mut after, mut started) = (0, 0, false);
        let mut past_point = false;
        let first_digit = template.items.iter().position(Template::is_digit).unwrap_or(0);
        for (index, item) in template.items.iter().enumerate() {
            match item {
                Item::Nine | Item::Zero if !past_point => {
                    if place == begin {
                        self.out.extend(self.leading_sign());
                        started = true;
                    }
                    if place >= begin {
                        let own = (place + self.whole.len()).checked_sub(before);
                        let digit = own.and_then(|own| self.whole.as_bytes().get(own));
                        self.out.push(digit.map_or('0', |digit| char::from(*digit)));
                    } else if !template.fill {
                        self.out.push(' ');
                    }
                    place += 1;
                }
                Item::Nine | Item::Zero => {
                    if after < kept {
                        self.out.push(self.fraction.as_bytes().get(after).map_or('0', |digit| char::from(*digit)));
                    }
                    after += 1;
                }
                Item::Point => {
                    if !started {
                        self.out.extend(self.leading_sign());
                        started = true;
                    }
                    past_point = true;
                    if template.after_point() > 0 {
                        self.out.push('.');
                    }
                }
                Item::Group if started => self.out.push(','),
                Item::Group if template.fill => {}
                Item::Group => self.out.push(' '),
                Item::Shift => {}
                Item::Sign if index < first_digit => {}
                Item::Sign => self.out.push(if self.negative { '-' } else { '+' }),
                Item::Minus if self.negative => self.out.push('-'),
                Item::Plus if !self.negative => self.out.push('+'),
                Item::Either => self.out.push(if self.negative { '-' } else { '+' }),
                Item::Minus | Item::Plus => {
                    if !template.fill {
                        self.out.push(' ');
                    }
                }
                Item::Text(c) => self.out.push(*c),
            }
        }
        self.end()
    }

    /// Without padding, zeros at the end go where the template has a 9.
    fn kept_fraction(&self) -> usize {
        if !self.template.fill || self.fraction.starts_with('#') {
            return self.fraction.len();
        }
        let items = &self.template.items[self.template.point()..];
        let digits: Vec<&Item> = items.iter().filter(|item| Template::is_digit(item)).collect();
        let forced = digits.iter().rposition(|item| **item == Item::Zero).map_or(0, |index| index + 1);
        self.fraction.trim_end_matches('0').len().max(forced)
    }

    /// Whether the number is a whole one that is shown.
    fn ends_in_digit(&self) -> bool {
        self.template.after_point() == 0 && !self.whole.starts_with('#')
    }

    fn end(mut self) -> String {
        if let (Some(upper), false) = (self.template.ordinal, self.negative || !self.ends_in_digit()) {
            let ending = ordinal_ending(&self.out, upper);
            self.out.push_str(ending);
        }
        if self.template.brackets {
            if self.negative {
                self.out.push('>');
            } else if !self.template.fill {
                self.out.push(' ');
            }
        }
        self.out
    }
}

fn roman(number: &Big, upper: bool, fill: bool) -> String {
    const SIGNS: [(i64, &str); 13] = [
        (1_000, "M"),
        (900, "CM"),
        (500, "D"),
        (400, "CD"),
        (100, "C"),
        (90, "XC"),
        (50, "L"),
        (40, "XL"),
        (10, "X"),
        (9, "IX"),
        (5, "V"),
        (4, "IV"),
        (1, "I"),
    ];
    let mut rest = match number.int8() {
        Ok(ScalarValue::Int64(Some(value))) if (1..4_000).contains(&value) => value,
        _ => return "#".repeat(15),
    };
    let mut out = String::new();
    for (value, sign) in SIGNS {
        while rest >= value {
            out.push_str(sign);
            rest -= value;
        }
    }
    let out = if upper { out } else { out.to_lowercase() };
    if fill { out } else { format!("{out:>15}") }
}

/// ` 1.23e+04`
fn scientific(number: &Big, template: &Template) -> String {
    let after = template.after_point();
    let digits = number.digits_text();
    let digits = digits.trim_start_matches('0');
    let length = i64::try_from(digits.len()).unwrap_or_default();
    let mut exponent = if digits.is_empty() { 0 } else { length - 1 - number.scale() };
    let wanted = i64::try_from(after).unwrap_or_default();
    let mantissa = Big::new(digits.parse::<i128>().unwrap_or_default(), (length - 1).max(0)).at(wanted);
    let mut text = format!("{:0>width$}", mantissa.digits_text(), width = after + 1);
    if text.len() > after + 1 {
        text.pop();
        exponent += 1;
    }
    let (whole, fraction) = text.split_at(text.len() - after);
    let point = if after > 0 { "." } else { "" };
    let sign = match (number.is_negative(), template.fill) {
        (true, _) => "-",
        (false, true) => "",
        (false, false) => " ",
    };
    let way = if exponent < 0 { '-' } else { '+' };
    format!("{sign}{whole}{point}{fraction}e{way}{:02}", exponent.abs())
}

/// The number that a text shows by a template.
fn read(input: &str, pattern: &str) -> Result<Big, ErrorReport> {
    let template = Template::of(pattern)?;
    if template.scientific || template.roman.is_some() {
        return Err(unsupported("this template is not supported for input"));
    }
    let mut rest = input.chars().peekable();
    let (mut digits, mut scale, mut negative, mut past_point) = (String::new(), 0_i64, false, false);
    let mut take_sign = |rest: &mut std::iter::Peekable<std::str::Chars<'_>>| {
        while rest.peek() == Some(&' ') {
            rest.next();
        }
        match rest.peek() {
            Some('-' | '<') => {
                rest.next();
                negative = true;
            }
            Some('+') => drop(rest.next()),
            Some(_) | None => {}
        }
    };
    for item in &template.items {
        match item {
            Item::Nine | Item::Zero => {
                if digits.is_empty() {
                    take_sign(&mut rest);
                }
                if let Some(digit) = rest.peek().filter(|c| c.is_ascii_digit()) {
                    digits.push(*digit);
                    scale += i64::from(past_point);
                    rest.next();
                }
            }
            Item::Point => {
                if rest.peek() == Some(&'.') {
                    rest.next();
                    past_point = true;
                }
            }
            Item::Group => {
                if rest.peek() == Some(&',') {
                    rest.next();
                }
            }
            Item::Sign | Item::Minus | Item::Plus | Item::Either => take_sign(&mut rest),
            Item::Shift => past_point = true,
            Item::Text(_) => drop(rest.next()),
        }
        // A point in the text counts where the template has one later.
        if !past_point && rest.peek() == Some(&'.') && !template.items.contains(&Item::Point) {
            break;
        }
    }
    if digits.is_empty() {
        let message = format!("invalid input syntax for type numeric: \"{}\"", if input.is_empty() { "" } else { " " });
        return Err(fail(SqlState::INVALID_TEXT_REPRESENTATION, message));
    }
    let value: i128 = digits.parse().map_err(|_| super::super::value::overflow())?;
    Ok(Big::new(if negative { -value } else { value }, scale))
}
