//! Other spellings of one thing, as tokens of the spelling that the parser knows.

use sqlparser::keywords::Keyword;
use sqlparser::tokenizer::{Token, TokenWithSpan};

use super::rewritten_tokens::{Rewritten, keyword};

/// What stands for the tokens from this place on.
pub(super) fn spelling(tokens: &[TokenWithSpan], index: usize) -> Rewritten {
    let rest = tokens.get(index..)?;
    is_null(tokens, index)
        .or_else(|| quantified_operator(rest))
        .or_else(|| trimmed_of(rest))
        .or_else(|| treated(tokens, index))
        .or_else(|| character(tokens, index))
        .or_else(|| array_type(tokens, index))
        .or_else(|| qualified_constant(rest))
        .or_else(|| order_using_operator(rest))
        .or_else(|| columns_without_alias(tokens, index))
        .or_else(|| with_children(tokens, index))
        .or_else(|| now_with_digits(rest))
        .or_else(|| field_of_word(tokens, index))
}

fn word(token: Option<&TokenWithSpan>) -> Option<String> {
    match &token?.token {
        Token::Word(word) if word.quote_style.is_none() => Some(word.value.to_uppercase()),
        _ => None,
    }
}

fn is(token: Option<&TokenWithSpan>, wanted: &Token) -> bool {
    token.is_some_and(|token| token.token == *wanted)
}

/// The place of the parenthesis that closes the one at a place.
pub(super) fn closing(tokens: &[TokenWithSpan], open: usize) -> Option<usize> {
    let mut depth = 0_usize;
    let found = tokens.get(open..)?.iter().position(|token| {
        match token.token {
            Token::LParen => depth += 1,
            Token::RParen => depth = depth.saturating_sub(1),
            _ => {}
        }
        depth == 0
    })?;
    Some(open + found)
}

/// `x ISNULL` is `x IS NULL`. The parser takes the word for an alias.
fn is_null(tokens: &[TokenWithSpan], index: usize) -> Rewritten {
    if word(tokens.get(index))? != "ISNULL" || is(tokens.get(index + 1), &Token::LParen) {
        return None;
    }
    let before = tokens.get(index.checked_sub(1)?)?;
    let is_name = before.token == Token::Period || keyword(Some(before)) == Some(Keyword::AS);
    (!is_name).then(|| (vec![Token::make_keyword("IS"), Token::make_keyword("NULL")], 1))
}

/// `OPERATOR(pg_catalog.=) ANY`: the parser knows the word alone and the quantifier alone.
fn quantified_operator(rest: &[TokenWithSpan]) -> Rewritten {
    let (operator, length) = written_operator(rest)?;
    let quantifier = keyword(rest.get(length))?;
    matches!(quantifier, Keyword::ANY | Keyword::ALL | Keyword::SOME).then(|| (vec![operator], length))
}

/// The operator in `OPERATOR(pg_catalog.=)`, and how many tokens that is.
fn written_operator(rest: &[TokenWithSpan]) -> Option<(Token, usize)> {
    if word(rest.first())? != "OPERATOR" || !is(rest.get(1), &Token::LParen) {
        return None;
    }
    let begin = if is(rest.get(3), &Token::Period) && word(rest.get(2))? == "PG_CATALOG" { 4 } else { 2 };
    let operator = rest.get(begin)?.token.clone();
    let is_name = matches!(operator, Token::Word(_) | Token::LParen | Token::RParen);
    (!is_name && is(rest.get(begin + 1), &Token::RParen)).then_some((operator, begin + 2))
}

/// `trim(LEADING FROM x, 'y')` is `ltrim(x, 'y')`.
fn trimmed_of(rest: &[TokenWithSpan]) -> Rewritten {
    let name = match (word(rest.first())?.as_str(), word(rest.get(2)).as_deref(), word(rest.get(3)).as_deref()) {
        ("TRIM", Some("LEADING"), Some("FROM")) => "ltrim",
        ("TRIM", Some("TRAILING"), Some("FROM")) => "rtrim",
        ("TRIM", Some("BOTH"), Some("FROM")) => "btrim",
        _ => return None,
    };
    let end = closing(rest, 1).filter(|_| is(rest.get(1), &Token::LParen))?;
    // With one argument it is written with a blank, and keeps its own form.
    let mut depth = 0_usize;
    let is_list = rest.get(4..end)?.iter().any(|token| {
        match token.token {
            Token::LParen | Token::LBracket => depth += 1,
            Token::RParen | Token::RBracket => depth = depth.saturating_sub(1),
            _ => {}
        }
        depth == 0 && token.token == Token::Comma
    });
    is_list.then(|| (vec![Token::make_word(name, None), Token::LParen], 4))
}

/// `TREAT(x AS t)` is a cast.
fn treated(tokens: &[TokenWithSpan], index: usize) -> Rewritten {
    let is_treat = word(tokens.get(index))? == "TREAT" && is(tokens.get(index + 1), &Token::LParen);
    let end = closing(tokens, index + 1).filter(|_| is_treat)?;
    let mut depth = 0_usize;
    let has_type = tokens.get(index + 2..end)?.iter().any(|token| {
        match token.token {
            Token::LParen => depth += 1,
            Token::RParen => depth = depth.saturating_sub(1),
            _ => {}
        }
        depth == 0 && keyword(Some(token)) == Some(Keyword::AS)
    });
    has_type.then(|| (vec![Token::make_keyword("CAST")], 1))
}

/// `NATIONAL CHARACTER VARYING`, `NCHAR VARYING`, `CHAR VARYING` and the same without the last word.
fn character(tokens: &[TokenWithSpan], index: usize) -> Rewritten {
    let first = word(tokens.get(index))?;
    let next = word(tokens.get(index + 1));
    let varying = |at: usize| word(tokens.get(at)).as_deref() == Some("VARYING");
    let before = tokens.get(index.wrapping_sub(1));
    let is_cast = is(before, &Token::DoubleColon) || keyword(before) == Some(Keyword::AS);
    let length = match first.as_str() {
        "NATIONAL" if matches!(next.as_deref(), Some("CHARACTER" | "CHAR")) => 2,
        "NCHAR" | "CHAR" if varying(index + 1) => 1,
        "NCHAR" if is_cast => 1,
        _ => return None,
    };
    let is_varying = varying(index + length);
    let name = if is_varying { "VARCHAR" } else { "CHAR" };
    Some((vec![Token::make_keyword(name)], length + usize::from(is_varying)))
}

/// `::integer ARRAY[3]` is `::integer[3]`, and `::integer ARRAY` is `::integer[]`.
fn array_type(tokens: &[TokenWithSpan], index: usize) -> Rewritten {
    if word(tokens.get(index))? != "ARRAY" {
        return None;
    }
    let before = tokens.get(index.checked_sub(2)?);
    let is_type = matches!(tokens.get(index - 1)?.token, Token::Word(_))
        && (is(before, &Token::DoubleColon) || keyword(before) == Some(Keyword::AS));
    let follows = tokens.get(index + 1).map(|token| &token.token);
    let is_array = matches!(follows, Some(Token::LBracket | Token::LParen));
    let is_sized = is(tokens.get(index + 1), &Token::LBracket)
        && matches!(tokens.get(index + 2).map(|token| &token.token), Some(Token::Number(..)))
        && is(tokens.get(index + 3), &Token::RBracket);
    match (is_type, is_sized, is_array) {
        (true, true, _) => Some((Vec::new(), 1)),
        (true, false, false) => Some((vec![Token::LBracket, Token::RBracket], 1)),
        _ => None,
    }
}

/// `pg_catalog.date '2025-05-28'` is `date '2025-05-28'`.
fn qualified_constant(rest: &[TokenWithSpan]) -> Rewritten {
    let is_schema = word(rest.first())? == "PG_CATALOG" && is(rest.get(1), &Token::Period);
    let [name, text] = rest.get(2..4)? else { return None };
    let is_constant = matches!(name.token, Token::Word(_)) && matches!(text.token, Token::SingleQuotedString(_));
    (is_schema && is_constant).then(|| (Vec::new(), 2))
}

/// `ORDER BY x USING OPERATOR(pg_catalog.<)` is `ORDER BY x ASC`.
fn order_using_operator(rest: &[TokenWithSpan]) -> Rewritten {
    if keyword(rest.first()) != Some(Keyword::USING) {
        return None;
    }
    let (operator, length) = written_operator(rest.get(1..)?)?;
    let direction = match operator {
        Token::Lt => "ASC",
        Token::Gt => "DESC",
        _ => return None,
    };
    Some((vec![Token::make_keyword(direction)], length + 1))
}

/// `json_to_record(…) AS (a int, b text)`: the relation has the name of the function.
fn columns_without_alias(tokens: &[TokenWithSpan], index: usize) -> Rewritten {
    let begins = keyword(tokens.get(index)) == Some(Keyword::AS) && is(tokens.get(index + 1), &Token::LParen);
    let [first, second] = tokens.get(index + 2..index + 4)? else { return None };
    let is_column = matches!(first.token, Token::Word(_)) && matches!(second.token, Token::Word(_));
    let is_query = matches!(
        keyword(Some(first)),
        Some(Keyword::SELECT | Keyword::WITH | Keyword::VALUES | Keyword::TABLE | Keyword::PARTITION | Keyword::ORDER)
    );
    if !begins || !is_column || is_query || !is(tokens.get(index.checked_sub(1)?), &Token::RParen) {
        return None;
    }
    let mut depth = 0_usize;
    let open = tokens[..index].iter().rposition(|token| {
        match token.token {
            Token::RParen => depth += 1,
            Token::LParen => depth = depth.saturating_sub(1),
            _ => {}
        }
        depth == 0
    })?;
    let name = tokens.get(open.checked_sub(1)?)?.token.clone();
    matches!(name, Token::Word(_)).then(|| (vec![tokens[index].token.clone(), name], 1))
}

/// `FROM t *` is `FROM t`, with its children.
fn with_children(tokens: &[TokenWithSpan], index: usize) -> Rewritten {
    if !is(tokens.get(index), &Token::Mul) {
        return None;
    }
    let mut begin = index.checked_sub(1)?;
    while matches!(tokens.get(begin)?.token, Token::Word(_)) && is(tokens.get(begin.checked_sub(1)?), &Token::Period) {
        begin = begin.checked_sub(2)?;
    }
    let is_name = matches!(tokens.get(begin)?.token, Token::Word(_));
    let follows = keyword(tokens.get(begin.checked_sub(1)?));
    let is_table = matches!(follows, Some(Keyword::FROM | Keyword::JOIN));
    let of_call = word(tokens.get(begin.checked_sub(2)?)).is_none() && is(tokens.get(begin - 2), &Token::LParen);
    (is_name && is_table && !of_call).then(|| (Vec::new(), 1))
}

/// `localtimestamp(2)` is a cast of it.
fn now_with_digits(rest: &[TokenWithSpan]) -> Rewritten {
    let (data_type, zone): (_, &[&str]) = match word(rest.first())?.as_str() {
        "CURRENT_TIMESTAMP" => ("TIMESTAMP", &["WITH", "TIME", "ZONE"]),
        "LOCALTIMESTAMP" => ("TIMESTAMP", &[]),
        "LOCALTIME" => ("TIME", &[]),
        _ => return None,
    };
    let [function, open, digits, close] = rest.get(..4)? else { return None };
    let fits = open.token == Token::LParen && close.token == Token::RParen;
    let cast = || {
        let mut written = vec![Token::make_keyword("CAST"), Token::LParen, function.token.clone()];
        written.extend([Token::make_keyword("AS"), Token::make_keyword(data_type)]);
        written.extend([Token::LParen, digits.token.clone(), Token::RParen]);
        written.extend(zone.iter().map(|word| Token::make_keyword(word)));
        written.push(Token::RParen);
        written
    };
    (fits && matches!(digits.token, Token::Number(..))).then(|| (cast(), 4))
}

/// `t.user` is a column, although `user` alone is a call.
fn field_of_word(tokens: &[TokenWithSpan], index: usize) -> Rewritten {
    if !is(tokens.get(index.checked_sub(1)?), &Token::Period) || is(tokens.get(index + 1), &Token::LParen) {
        return None;
    }
    let name = word(tokens.get(index))?;
    let is_call = matches!(
        name.as_str(),
        "CURRENT_CATALOG"
            | "CURRENT_DATE"
            | "CURRENT_ROLE"
            | "CURRENT_SCHEMA"
            | "CURRENT_TIME"
            | "CURRENT_TIMESTAMP"
            | "CURRENT_USER"
            | "LOCALTIME"
            | "LOCALTIMESTAMP"
            | "SESSION_USER"
            | "USER"
    );
    is_call.then(|| (vec![Token::make_word(&name.to_lowercase(), Some('"'))], 1))
}
