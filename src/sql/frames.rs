//! What a window's frame leaves out. The parser has no word for it, so it stands before the name of the window that the
//! definition goes on from, behind a mark that no text can write.

use sqlparser::ast::Ident;
use sqlparser::tokenizer::{Token, TokenWithSpan};

/// What `EXCLUDE` leaves out of a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Exclusion {
    /// The current row.
    CurrentRow,
    /// The current row and its peers.
    Group,
    /// The peers of the current row.
    Ties,
}

/// Stands for the least offset by which two keys of one type differ, in a frame by distance.
pub(super) const NEXT: &str = "\u{2063}next";

const MARK: char = '\u{2063}';

const ALL: [(Exclusion, &str); 3] =
    [(Exclusion::CurrentRow, "CURRENT ROW"), (Exclusion::Group, "GROUP"), (Exclusion::Ties, "TIES")];

impl Exclusion {
    /// As it is written.
    pub(super) fn words(self) -> &'static str {
        ALL.iter().find(|(known, _)| *known == self).map_or("", |(_, words)| words)
    }

    /// The name that says it, before another one.
    fn marked(self, name: &str) -> String {
        format!("{MARK}{}{MARK}{name}", self.words())
    }

    /// The name that says it of a definition that goes on from no other.
    pub(super) fn name(self) -> Ident {
        Ident::with_quote('"', self.marked(""))
    }
}

/// What a name says: what is left out, and the window that it names.
pub(super) fn read(name: &Ident) -> (Option<Exclusion>, Option<Ident>) {
    let Some((words, rest)) = name.value.strip_prefix(MARK).and_then(|marked| marked.split_once(MARK)) else {
        return (None, Some(name.clone()));
    };
    let exclusion = ALL.iter().find(|(_, known)| *known == words).map(|(exclusion, _)| *exclusion);
    let base = (!rest.is_empty()).then(|| Ident { value: rest.to_owned(), ..name.clone() });
    (exclusion, base)
}

/// `EXCLUDE …` at the end of a window's definition whose begin was written before: puts it there, and tells how many
/// tokens it was.
pub(super) fn take_exclusion(rest: &[TokenWithSpan], written: &mut Vec<TokenWithSpan>) -> Option<usize> {
    let word = |index: usize| match rest.get(index).map(|token| &token.token) {
        Some(Token::Word(word)) if word.quote_style.is_none() => word.value.to_uppercase(),
        Some(Token::RParen) => ")".to_owned(),
        Some(_) | None => String::new(),
    };
    if word(0) != "EXCLUDE" {
        return None;
    }
    let (exclusion, count) = match (word(1).as_str(), word(2).as_str()) {
        ("NO", "OTHERS") => (None, 3),
        ("CURRENT", "ROW") => (Some(Exclusion::CurrentRow), 3),
        ("GROUP", _) => (Some(Exclusion::Group), 2),
        ("TIES", _) => (Some(Exclusion::Ties), 2),
        _ => return None,
    };
    // The look back is long: it is taken where a definition ends only.
    let open = if word(count) == ")" { frame_of(written)? } else { return None };
    if let Some(exclusion) = exclusion {
        mark(exclusion, open, written);
    }
    Some(count)
}

/// The parenthesis that opens a definition which ends with a frame.
fn frame_of(written: &[TokenWithSpan]) -> Option<usize> {
    let (mut depth, mut has_frame) = (0_usize, false);
    for (index, token) in written.iter().enumerate().rev() {
        match &token.token {
            Token::RParen => depth += 1,
            Token::LParen if depth == 0 => return has_frame.then_some(index),
            Token::LParen => depth -= 1,
            Token::Word(word) if depth == 0 && word.quote_style.is_none() => {
                has_frame |= ["ROWS", "RANGE", "GROUPS"].contains(&word.value.to_uppercase().as_str());
            }
            _ => {}
        }
    }
    None
}

fn mark(exclusion: Exclusion, open: usize, written: &mut Vec<TokenWithSpan>) {
    let is_clause =
        |value: &str| ["PARTITION", "ORDER", "ROWS", "RANGE", "GROUPS"].contains(&value.to_uppercase().as_str());
    match written.get_mut(open + 1) {
        Some(next) if matches!(&next.token, Token::Word(word) if word.quote_style.is_some() || !is_clause(&word.value)) => {
            if let Token::Word(word) = &next.token {
                let name = if word.quote_style.is_some() { word.value.clone() } else { word.value.to_lowercase() };
                next.token = Token::make_word(&exclusion.marked(&name), Some('"'));
            }
        }
        Some(_) | None => {
            let span = written.get(open).map(|token| token.span);
            let name = Token::make_word(&exclusion.marked(""), Some('"'));
            if let Some(span) = span {
                written.insert(open + 1, TokenWithSpan::new(name, span));
            }
        }
    }
}
