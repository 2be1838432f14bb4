//! `ROWS FROM (f(…), g(…))`: calls side by side, as the arrays of one `unnest`.
//!
//! The columns have the names of the functions, which is written behind the alias where the text has no names.

use sqlparser::keywords::Keyword;
use sqlparser::tokenizer::{Span, Token, TokenWithSpan};

use super::rewritten_tokens::keyword;
use super::words::{folded_word, is_reserved};

/// The tokens that stand for the ones from here, and how many those are.
pub(super) fn rows_from(tokens: &[TokenWithSpan], index: usize) -> Option<(Vec<TokenWithSpan>, usize)> {
    let rest = &tokens[index..];
    let is_begin = keyword(rest.first()) == Some(Keyword::ROWS) && keyword(rest.get(1)) == Some(Keyword::FROM);
    let before = index.checked_sub(1).and_then(|before| tokens.get(before))?;
    let is_table = matches!(before.token, Token::Comma | Token::LParen)
        || matches!(keyword(Some(before)), Some(Keyword::FROM | Keyword::JOIN | Keyword::LATERAL));
    if !is_begin || !is_table {
        return None;
    }
    let (calls, mut next) = calls(rest, 2)?;
    let span = rest.first()?.span;
    let at = |token: Token| TokenWithSpan::new(token, span);
    let mut written = vec![at(Token::make_word("unnest", None)), at(Token::LParen)];
    for (place, call) in calls.iter().enumerate() {
        if place > 0 {
            written.push(at(Token::Comma));
        }
        written.extend(call.as_arrays(span_at(call.tokens)));
    }
    written.push(at(Token::RParen));
    let mut names: Vec<&str> = calls.iter().flat_map(Call::columns).collect();
    if keyword(rest.get(next)) == Some(Keyword::WITH) && keyword(rest.get(next + 1)) == Some(Keyword::ORDINALITY) {
        written.extend(rest[next..next + 2].iter().cloned());
        names.push("ordinality");
        next += 2;
    }
    next += alias(&rest[next..], &names, &mut written)?;
    Some((written, next))
}

/// One call.
struct Call<'a> {
    /// Its function.
    name: String,
    /// All of it.
    tokens: &'a [TokenWithSpan],
    /// What stands between its parentheses.
    arguments: &'a [TokenWithSpan],
}

fn span_at(tokens: &[TokenWithSpan]) -> Span {
    tokens.first().map_or_else(Span::empty, |token| token.span)
}

impl Call<'_> {
    /// The names of its columns: that of the function, but for those that name them themselves.
    fn columns(&self) -> Vec<&str> {
        match self.name.as_str() {
            "json_array_elements"
            | "jsonb_array_elements"
            | "json_array_elements_text"
            | "jsonb_array_elements_text" => vec!["value"],
            "json_each" | "jsonb_each" | "json_each_text" | "jsonb_each_text" => vec!["key", "value"],
            "unnest" => vec!["unnest"; top_level_commas(self.arguments) + 1],
            name => vec![name],
        }
    }

    /// `ARRAY (SELECT * FROM f(…))`, one for each column; the arrays themselves of `unnest(array, …)`.
    fn as_arrays(&self, span: Span) -> Vec<TokenWithSpan> {
        match self.columns().as_slice() {
            _ if self.name == "unnest" => self.arguments.to_vec(),
            [_] => self.array_of(Token::Mul, span),
            several => {
                let arrays = several.iter().map(|name| self.array_of(Token::make_word(name, Some('"')), span));
                arrays.collect::<Vec<_>>().join(&TokenWithSpan::new(Token::Comma, span))
            }
        }
    }

    fn array_of(&self, column: Token, span: Span) -> Vec<TokenWithSpan> {
        let before = [
            Token::make_keyword("ARRAY"),
            Token::LParen,
            Token::make_keyword("SELECT"),
            column,
            Token::make_keyword("FROM"),
        ];
        let before = before.into_iter().map(|token| TokenWithSpan::new(token, span));
        let close = TokenWithSpan::new(Token::RParen, span);
        before.chain(self.tokens.iter().cloned()).chain([close]).collect()
    }
}

/// How many commas stand in none of the parentheses and brackets.
pub(super) fn top_level_commas(tokens: &[TokenWithSpan]) -> usize {
    let mut depth = 0_usize;
    let mut count = 0;
    for token in tokens {
        match token.token {
            Token::LParen | Token::LBracket => depth += 1,
            Token::RParen | Token::RBracket => depth = depth.saturating_sub(1),
            Token::Comma if depth == 0 => count += 1,
            _ => {}
        }
    }
    count
}

/// The calls of a list in parentheses that begins here, and the place after it. `None` where it holds anything else: a
/// column may be called `rows`.
fn calls(tokens: &[TokenWithSpan], open: usize) -> Option<(Vec<Call<'_>>, usize)> {
    if tokens.get(open)?.token != Token::LParen {
        return None;
    }
    let mut found = Vec::new();
    let mut next = open + 1;
    loop {
        let (call, after) = call(tokens, next)?;
        found.push(call);
        match tokens.get(after)?.token {
            Token::Comma => next = after + 1,
            Token::RParen => return Some((found, after + 1)),
            _ => return None,
        }
    }
}

fn call(tokens: &[TokenWithSpan], begin: usize) -> Option<(Call<'_>, usize)> {
    let mut next = begin;
    let name = loop {
        let Token::Word(word) = &tokens.get(next)?.token else { return None };
        next += 2;
        match tokens.get(next - 1)?.token {
            Token::Period => {}
            Token::LParen => break folded_word(word),
            _ => return None,
        }
    };
    let first = next;
    let mut depth = 1_usize;
    while depth > 0 {
        match tokens.get(next)?.token {
            Token::LParen => depth += 1,
            Token::RParen => depth -= 1,
            _ => {}
        }
        next += 1;
    }
    Some((Call { name, tokens: &tokens[begin..next], arguments: &tokens[first..next - 1] }, next))
}

/// Writes the alias with a name for every column; tells how many tokens of the text it was.
fn alias(rest: &[TokenWithSpan], names: &[&str], written: &mut Vec<TokenWithSpan>) -> Option<usize> {
    let span = written.last().map_or_else(Span::empty, |token| token.span);
    let at = |token: Token| TokenWithSpan::new(token, span);
    let quoted = |name: &str| at(Token::make_word(name, Some('"')));
    let with_as = usize::from(keyword(rest.first()) == Some(Keyword::AS));
    let mut names = names.to_vec();
    let mut taken = 0;
    let own;
    written.push(at(Token::make_keyword("AS")));
    match rest.get(with_as).filter(|token| with_as == 1 || is_alias(token)) {
        Some(token) => {
            let Token::Word(word) = &token.token else { return None };
            written.push(token.clone());
            taken = with_as + 1;
            own = folded_word(word);
            // The column of a single call has the name of the table.
            if let [only] | [only, "ordinality"] = names.as_mut_slice() {
                *only = &own;
            }
        }
        None => written.push(quoted(names.first()?)),
    }
    let (given, list) = given_names(&rest[taken..]);
    written.push(at(Token::LParen));
    written.extend(list.iter().cloned());
    for (place, name) in names.into_iter().enumerate().skip(given) {
        if place > 0 {
            written.push(at(Token::Comma));
        }
        written.push(quoted(name));
    }
    written.push(at(Token::RParen));
    // Its parentheses.
    Some(taken + if given > 0 { list.len() + 2 } else { 0 })
}

/// How many names the text gives to columns, and the tokens between its parentheses.
fn given_names(rest: &[TokenWithSpan]) -> (usize, &[TokenWithSpan]) {
    let close = rest.iter().position(|token| token.token == Token::RParen);
    match (rest.first().map(|token| &token.token), close) {
        (Some(Token::LParen), Some(close)) => (top_level_commas(&rest[1..close]) + 1, &rest[1..close]),
        _ => (0, &[]),
    }
}

/// Whether a word after a table is its alias.
fn is_alias(token: &TokenWithSpan) -> bool {
    const JOINS: [&str; 8] = ["cross", "full", "inner", "join", "left", "natural", "right", "tablesample"];
    let Token::Word(word) = &token.token else { return false };
    word.quote_style.is_some()
        || !(is_reserved(&word.value) || JOINS.iter().any(|join| word.value.eq_ignore_ascii_case(join)))
}
