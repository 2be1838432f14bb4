//! Tokens, and the parts of a text between its semicolons.

use sqlparser::dialect::PostgreSqlDialect;
use sqlparser::keywords::Keyword;
use sqlparser::tokenizer::{Location, Span, Token, TokenWithSpan, Tokenizer, Whitespace};

use crate::base::limits::{self, LimitSet};
use crate::base::{ErrorReport, SqlState};

/// One statement's tokens, without white space. Every location is on line 1, and its column is the 1-based character
/// position in the statement's text, so that whatever is made from the tokens knows its position.
#[derive(Debug)]
pub(super) struct Piece {
    /// The statement's text.
    pub text: String,
    /// Characters of the whole text before it.
    pub offset: usize,
    /// Its tokens.
    pub tokens: Vec<TokenWithSpan>,
}

/// Splits a text into statements. Empty ones are left out.
pub(super) fn split(text: &str, limits: &LimitSet) -> Result<Vec<Piece>, ErrorReport> {
    limits.check(limits::STATEMENT_BYTES, text.len())?;
    if text.contains('\0') {
        // The protocol ends texts with it, so only what is not the protocol brings one; no store could be told of it.
        let message = "invalid byte sequence for encoding \"UTF8\": 0x00";
        return Err(ErrorReport::new(SqlState::CHARACTER_NOT_IN_REPERTOIRE, message));
    }
    let tokens = tokenize(text)?;
    limits.check(limits::STATEMENT_TOKENS, tokens.len())?;
    let mut pieces = Vec::new();
    let mut current: Vec<TokenWithSpan> = Vec::new();
    let mut new_line = false;
    for token in tokens {
        match &token.token {
            Token::SemiColon => finish(text, std::mem::take(&mut current), &mut pieces),
            Token::Whitespace(space) => {
                new_line |= matches!(space, Whitespace::Newline | Whitespace::SingleLineComment { .. });
                continue;
            }
            Token::EOF => {}
            Token::SingleQuotedString(more) => match current.last_mut() {
                Some(TokenWithSpan { token: Token::SingleQuotedString(before), span }) => {
                    if !new_line {
                        return Err(adjacent_text(text, token.span));
                    }
                    before.push_str(more);
                    span.end = token.span.end;
                }
                Some(_) | None => current.push(token),
            },
            _ => current.push(token),
        }
        new_line = false;
    }
    finish(text, current, &mut pieces);
    limits.check(limits::STATEMENTS_PER_QUERY, pieces.len())?;
    for piece in &pieces {
        check_shape(piece, limits)?;
    }
    Ok(pieces)
}

/// Two constants of text are one only where a line ends between them.
fn adjacent_text(text: &str, span: Span) -> ErrorReport {
    let start = column(span.start);
    let near = slice(text, start.saturating_sub(1), column(span.end).saturating_sub(1));
    ErrorReport::new(SqlState::SYNTAX_ERROR, format!("syntax error at or near \"{near}\"")).with_position(start)
}

/// Tokens with locations as character positions in the whole text.
fn tokenize(text: &str) -> Result<Vec<TokenWithSpan>, ErrorReport> {
    let lines = Lines::of(text);
    let mut tokens = Tokenizer::new(&PostgreSqlDialect {}, text)
        .tokenize_with_location()
        .map_err(|error| tokenizer_report(&error.message, lines.position(error.location), text))?;
    for token in &mut tokens {
        token.span = Span::new(lines.flat(token.span.start), lines.flat(token.span.end));
    }
    Ok(tokens)
}

fn tokenizer_report(message: &str, position: usize, text: &str) -> ErrorReport {
    let (what, position) = if message.starts_with("Unterminated dollar-quoted") {
        ("unterminated dollar-quoted string", open_dollar_quote(text).unwrap_or(position))
    } else if message.starts_with("Unterminated") {
        ("unterminated quoted string", position)
    } else if message.contains("comment") {
        ("unterminated /* comment", open_comment(text).unwrap_or(position))
    } else if message.starts_with("Expected close delimiter") {
        ("unterminated quoted identifier", position)
    } else {
        return ErrorReport::new(SqlState::SYNTAX_ERROR, "syntax error").with_position(position.max(1));
    };
    let rest: String = text.chars().skip(position.saturating_sub(1)).collect();
    ErrorReport::new(SqlState::SYNTAX_ERROR, format!("{what} at or near \"{rest}\"")).with_position(position.max(1))
}

/// So many places are tried when the tokenizer does not say where something begins.
const TRIES: usize = 100;

fn is_whole(text: &str) -> bool {
    Tokenizer::new(&PostgreSqlDialect {}, text).tokenize().is_ok()
}

/// The position of the comment that does not end: the first one before which all is well.
fn open_comment(text: &str) -> Option<usize> {
    let mut opened = text.match_indices("/*").take(TRIES);
    let (byte, _) = opened.find(|(byte, _)| is_whole(&text[..*byte]) && !ends(&text[*byte..]))?;
    Some(text[..byte].chars().count() + 1)
}

/// Whether a comment ends, with those inside it.
fn ends(comment: &str) -> bool {
    let mut depth = 0_usize;
    let mut rest = comment;
    loop {
        match (rest.find("/*"), rest.find("*/")) {
            (Some(open), Some(close)) if open < close => {
                depth += 1;
                rest = &rest[open + 2..];
            }
            (_, Some(close)) => {
                depth = depth.saturating_sub(1);
                rest = &rest[close + 2..];
                if depth == 0 {
                    return true;
                }
            }
            (_, None) => return false,
        }
    }
}

/// The position of the `$tag$` that does not come again.
fn open_dollar_quote(text: &str) -> Option<usize> {
    let mut opened = text.match_indices('$').take(TRIES);
    let (byte, _) = opened.find(|(byte, _)| {
        let (before, rest) = text.split_at(*byte);
        let tag = rest[1..].find('$').map(|end| &rest[..end + 2]);
        tag.is_some_and(|tag| !rest[tag.len()..].contains(tag)) && is_whole(before)
    })?;
    Some(text[..byte].chars().count() + 1)
}

/// Where the lines of a text begin, in characters.
struct Lines {
    starts: Vec<usize>,
}

impl Lines {
    fn of(text: &str) -> Self {
        let mut starts = vec![0];
        if text.is_ascii() {
            starts.extend(text.bytes().enumerate().filter(|(_, byte)| *byte == b'\n').map(|(index, _)| index + 1));
        } else {
            starts.extend(text.chars().enumerate().filter(|(_, c)| *c == '\n').map(|(index, _)| index + 1));
        }
        Self { starts }
    }

    /// The 1-based character position.
    fn position(&self, location: Location) -> usize {
        let line = usize::try_from(location.line).unwrap_or(1).max(1) - 1;
        let start = self.starts.get(line).or(self.starts.last()).copied().unwrap_or_default();
        start + usize::try_from(location.column).unwrap_or_default()
    }

    fn flat(&self, location: Location) -> Location {
        Location::new(1, self.position(location) as u64)
    }
}

fn finish(text: &str, mut tokens: Vec<TokenWithSpan>, pieces: &mut Vec<Piece>) {
    let (Some(first), Some(last)) = (tokens.first(), tokens.last()) else { return };
    let offset = column(first.span.start).saturating_sub(1);
    let end = column(last.span.end).saturating_sub(1);
    for token in &mut tokens {
        token.span.start.column -= offset as u64;
        token.span.end.column -= offset as u64;
    }
    let text = slice(text, offset, end).to_owned();
    pieces.push(Piece { text, offset, tokens });
}

fn column(location: Location) -> usize {
    usize::try_from(location.column).unwrap_or(usize::MAX)
}

/// The part of a text between two character positions, counted from 0.
pub(super) fn slice(text: &str, start: usize, end: usize) -> &str {
    if text.is_ascii() {
        return text.get(start..end.min(text.len())).unwrap_or_default();
    }
    let mut bytes = text.char_indices().map(|(byte, _)| byte).chain(std::iter::once(text.len()));
    let from = bytes.nth(start).unwrap_or(text.len());
    let to = if end > start { bytes.nth(end - start - 1).unwrap_or(text.len()) } else { from };
    text.get(from..to).unwrap_or_default()
}

/// Refuses what would cost the parser and the planner too much stack or time.
fn check_shape(piece: &Piece, limits: &LimitSet) -> Result<(), ErrorReport> {
    let allowed_depth = limits.of(limits::STATEMENT_DEPTH);
    let (allowed_links, allowed_operators) = (limits.of(limits::STATEMENT_CHAIN), limits.of(limits::OPERATOR_CHAIN));
    let mut shape = Shape::default();
    for token in &piece.tokens {
        shape.take(&token.token);
        if shape.levels.len() > allowed_depth || shape.double_parentheses > MAX_DOUBLE_PARENTHESES {
            return Err(too_complex(column(token.span.start)));
        }
        let Chain { links, operators } = *shape.chain();
        if links > allowed_links {
            return Err(limits::exceeded(limits::STATEMENT_CHAIN, allowed_links, links));
        }
        if operators > allowed_operators {
            return Err(limits::exceeded(limits::OPERATOR_CHAIN, allowed_operators, operators));
        }
    }
    Ok(())
}

/// `FROM ((` may begin a derived table or a join, and the parser tries both: every level doubles its work.
const MAX_DOUBLE_PARENTHESES: usize = 10;

fn too_complex(position: usize) -> ErrorReport {
    ErrorReport::new(SqlState::STATEMENT_TOO_COMPLEX, "stack depth limit exceeded")
        .with_detail(format!("limit {} exceeded", limits::STATEMENT_DEPTH.name))
        .with_hint("Nest the statement less deeply.")
        .with_position(position)
}

/// What has been chained so far within one list item, parenthesis, bracket or CASE.
#[derive(Default, Clone, Copy)]
struct Chain {
    /// Conditions, operators and set operations.
    links: usize,
    /// Operators since the last word that ends an operand.
    operators: usize,
}

/// How a statement nests, as far as its tokens tell.
#[derive(Default)]
struct Shape {
    /// For every open parenthesis, bracket or CASE, the chain in it so far.
    levels: Vec<Chain>,
    /// The chain outside of all.
    top: Chain,
    /// Which of the open parentheses began as the second of two in a FROM.
    doubles: Vec<usize>,
    double_parentheses: usize,
    from_like: bool,
    after_from_parenthesis: bool,
}

impl Shape {
    fn take(&mut self, token: &Token) {
        let mut from_like = false;
        let mut after_from_parenthesis = false;
        match token {
            Token::LParen => {
                after_from_parenthesis = self.from_like || self.after_from_parenthesis;
                if self.after_from_parenthesis {
                    self.doubles.push(self.levels.len());
                    self.double_parentheses += 1;
                }
                self.levels.push(Chain::default());
            }
            Token::LBracket => self.levels.push(Chain::default()),
            Token::RParen | Token::RBracket => self.close(),
            Token::Comma => {
                from_like = true;
                *self.chain() = Chain::default();
            }
            Token::Word(word) if word.quote_style.is_none() => match word.keyword {
                Keyword::CASE => self.levels.push(Chain::default()),
                Keyword::END => self.close(),
                Keyword::FROM | Keyword::JOIN | Keyword::LATERAL => {
                    from_like = true;
                    self.link();
                }
                Keyword::AND | Keyword::OR | Keyword::NOT | Keyword::UNION | Keyword::INTERSECT | Keyword::EXCEPT => {
                    self.link();
                }
                Keyword::SELECT | Keyword::WHERE | Keyword::ON | Keyword::HAVING | Keyword::BY => {
                    self.chain().operators = 0;
                }
                Keyword::WHEN | Keyword::THEN | Keyword::ELSE => self.chain().operators = 0,
                _ => {}
            },
            Token::Word(_) | Token::Number(_, _) | Token::SingleQuotedString(_) | Token::Period => {}
            // Operators and what is rare: each may nest by one.
            _ => {
                self.chain().links += 1;
                self.chain().operators += 1;
            }
        }
        self.from_like = from_like;
        self.after_from_parenthesis = after_from_parenthesis;
    }

    fn chain(&mut self) -> &mut Chain {
        self.levels.last_mut().unwrap_or(&mut self.top)
    }

    /// Another condition or query.
    fn link(&mut self) {
        let chain = self.chain();
        *chain = Chain { links: chain.links + 1, operators: 0 };
    }

    fn close(&mut self) {
        self.levels.pop();
        if self.doubles.last() == Some(&self.levels.len()) {
            self.doubles.pop();
            self.double_parentheses -= 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parts(text: &str) -> Vec<(String, usize)> {
        split(text, &LimitSet::default()).unwrap().into_iter().map(|piece| (piece.text, piece.offset)).collect()
    }

    #[test]
    fn a_text_that_no_client_can_send_is_refused() {
        let report = split("SELECT 'a\0b' FROM t", &LimitSet::default()).unwrap_err();
        assert_eq!(report.sqlstate, SqlState::CHARACTER_NOT_IN_REPERTOIRE);
    }

    #[test]
    fn statements_know_their_place_in_characters() {
        assert_eq!(parts("  ; "), vec![]);
        assert_eq!(
            parts("/* a;b */ select ';' -- x;y\n;\n select 2"),
            vec![("select ';'".to_owned(), 10), ("select 2".to_owned(), 31)]
        );
        assert_eq!(
            parts("select 'ä;ö'; select 'ü'"),
            vec![("select 'ä;ö'".to_owned(), 0), ("select 'ü'".to_owned(), 14)]
        );
    }

    #[test]
    fn columns_are_positions_in_the_statement() {
        let pieces = split("select 1;\n\nselect\n  'ä', x", &LimitSet::default()).unwrap();
        let last = pieces[1].tokens.last().unwrap();
        assert_eq!((last.span.start.line, last.span.start.column), (1, 15));
    }

    #[test]
    fn depth_and_chains_are_bounded() {
        let nested = |depth: usize| format!("select {}1{}", "(".repeat(depth), ")".repeat(depth));
        assert!(split(&nested(250), &LimitSet::default()).is_ok());
        let report = split(&nested(10_000), &LimitSet::default()).unwrap_err();
        assert_eq!(report.sqlstate, SqlState::STATEMENT_TOO_COMPLEX);
        let chain = format!("select 1{}", " + 1".repeat(1_000_000));
        assert_eq!(split(&chain, &LimitSet::default()).unwrap_err().sqlstate, SqlState::PROGRAM_LIMIT_EXCEEDED);
        let joins = format!("select * from {}a", "((select * from ".repeat(30));
        assert!(split(&joins, &LimitSet::default()).is_err());
    }

    #[test]
    fn texts_are_joined_across_lines_only() {
        let pieces = split("select 'a'\n 'b' -- c\n'd'", &LimitSet::default()).unwrap();
        assert_eq!(pieces[0].tokens[1].token, Token::SingleQuotedString("abd".to_owned()));
        assert_eq!(pieces[0].tokens.len(), 2);
        let report = split("select 'a' 'b'", &LimitSet::default()).unwrap_err();
        assert_eq!((report.message.as_str(), report.position), ("syntax error at or near \"'b'\"", Some(12)));
    }

    #[test]
    fn an_open_string_is_told_as_postgresql_tells_it() {
        let report = split("select 'abc", &LimitSet::default()).unwrap_err();
        assert_eq!(report.message, "unterminated quoted string at or near \"'abc\"");
        assert_eq!(report.position, Some(8));
        let told = |text: &str| {
            let report = split(text, &LimitSet::default()).unwrap_err();
            (report.message, report.position)
        };
        let open = "unterminated /* comment at or near \"/* b /* c */\"".to_owned();
        assert_eq!(told("select '/*' /* a */ /* b /* c */"), (open, Some(21)));
        let open = "unterminated dollar-quoted string at or near \"$x$ab$y$\"".to_owned();
        assert_eq!(told("select $x$ab$y$"), (open, Some(8)));
        assert_eq!(told("select \"a").0, "unterminated quoted identifier at or near \"\"a\"");
    }
}
