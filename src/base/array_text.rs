//! The text of an array, taken apart: `{1,"b c",NULL}`.

/// Why a text is no list of elements.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NoElements {
    /// It says the bounds of its subscripts first: `[0:1]={1,2}`.
    HasBounds,
    /// Its first element is an array: `{{1,2},{3,4}}`.
    IsNested,
    /// It is no array at all; in the words that PostgreSQL has for it.
    Malformed(String),
}

/// The elements of an array of one dimension; `None` is NULL.
///
/// # Errors
/// [`NoElements`] for any other text.
pub fn elements(text: &str) -> Result<Vec<Option<String>>, NoElements> {
    let trimmed = text.trim_matches(is_space);
    if trimmed.starts_with('[') {
        return Err(NoElements::HasBounds);
    }
    let mut scanner = Scanner { rest: trimmed };
    if !scanner.take('{') {
        return Err(malformed("Array value must start with \"{\" or dimension information."));
    }
    let mut found = Vec::new();
    scanner.skip_spaces();
    if scanner.rest.starts_with('{') {
        return Err(NoElements::IsNested);
    }
    if !scanner.take('}') {
        loop {
            found.push(scanner.element()?);
            match scanner.next()? {
                ',' => {}
                '}' => break,
                other => return Err(unexpected(other)),
            }
        }
    }
    if scanner.rest.is_empty() { Ok(found) } else { Err(malformed("Junk after closing right brace.")) }
}

/// The characters that PostgreSQL's input functions skip around a value.
#[must_use]
pub fn is_space(character: char) -> bool {
    matches!(character, ' ' | '\t'..='\r')
}

fn malformed(detail: &str) -> NoElements {
    NoElements::Malformed(detail.to_owned())
}

fn unexpected(character: char) -> NoElements {
    match character {
        '{' | '}' | ',' | '\\' => NoElements::Malformed(format!("Unexpected \"{character}\" character.")),
        _ => malformed("Unexpected array element."),
    }
}

struct Scanner<'a> {
    rest: &'a str,
}

impl Scanner<'_> {
    fn skip_spaces(&mut self) {
        self.rest = self.rest.trim_start_matches(is_space);
    }

    fn take(&mut self, wanted: char) -> bool {
        let after = self.rest.strip_prefix(wanted);
        self.rest = after.unwrap_or(self.rest);
        after.is_some()
    }

    fn next(&mut self) -> Result<char, NoElements> {
        let mut characters = self.rest.chars();
        let next = characters.next().ok_or_else(|| malformed("Unexpected end of input."))?;
        self.rest = characters.as_str();
        Ok(next)
    }

    /// One element and the spaces around it; `None` for NULL.
    fn element(&mut self) -> Result<Option<String>, NoElements> {
        self.skip_spaces();
        let element = if self.take('"') { Some(self.quoted()?) } else { self.plain()? };
        self.skip_spaces();
        Ok(element)
    }

    fn quoted(&mut self) -> Result<String, NoElements> {
        let mut element = String::new();
        loop {
            match self.next()? {
                '"' => return Ok(element),
                '\\' => element.push(self.next()?),
                other => element.push(other),
            }
        }
    }

    fn plain(&mut self) -> Result<Option<String>, NoElements> {
        let mut element = String::new();
        let mut escaped = false;
        // Spaces at the end do not belong to the element, unless they are escaped.
        let mut kept = 0;
        while !self.rest.starts_with(['}', ',']) {
            match self.next()? {
                wrong @ ('"' | '{') => return Err(unexpected(wrong)),
                '\\' => {
                    escaped = true;
                    element.push(self.next()?);
                    kept = element.len();
                }
                other => {
                    element.push(other);
                    kept = if is_space(other) { kept } else { element.len() };
                }
            }
        }
        element.truncate(kept);
        if element.is_empty() {
            return Err(unexpected(self.next()?));
        }
        Ok(Some(element).filter(|element| escaped || !element.eq_ignore_ascii_case("null")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_taken_apart() {
        let read = |text| elements(text).unwrap();
        let some = |text: &str| Some(text.to_owned());
        assert_eq!(read("{}"), []);
        assert_eq!(read(" { } "), []);
        assert_eq!(read("{1,2, 3 }"), [some("1"), some("2"), some("3")]);
        assert_eq!(
            read(r#"{ "a \"b\",c" ,null,"NULL",\null,d e,""," f ",\ g\  }"#),
            [some("a \"b\",c"), None, some("NULL"), some("null"), some("d e"), some(""), some(" f "), some(" g ")]
        );
        assert_eq!(elements("{{1},{2}}"), Err(NoElements::IsNested));
        assert_eq!(elements("[0:1]={1,2}"), Err(NoElements::HasBounds));
    }

    #[test]
    fn what_is_no_array_is_told_as_by_postgresql() {
        for (text, detail) in [
            ("", "Array value must start with \"{\" or dimension information."),
            ("1,2", "Array value must start with \"{\" or dimension information."),
            ("{", "Unexpected end of input."),
            ("{1", "Unexpected end of input."),
            ("{1,", "Unexpected end of input."),
            ("{\"a}", "Unexpected end of input."),
            ("{a\\", "Unexpected end of input."),
            ("{1,}", "Unexpected \"}\" character."),
            ("{,1}", "Unexpected \",\" character."),
            ("{a{b}}", "Unexpected \"{\" character."),
            ("{a,{b}}", "Unexpected \"{\" character."),
            ("{\"a\"\\b}", "Unexpected \"\\\" character."),
            ("{a\"b\"}", "Unexpected array element."),
            ("{\"a\"b}", "Unexpected array element."),
            ("{\"a\"\"b\"}", "Unexpected array element."),
            ("{1}x", "Junk after closing right brace."),
        ] {
            assert_eq!(elements(text), Err(malformed(detail)), "{text}");
        }
    }
}
