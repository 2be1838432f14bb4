//! Forms that the parser does not know, as tokens that it knows.

use sqlparser::keywords::Keyword;
use sqlparser::tokenizer::{Token, TokenWithSpan};

use super::frames::take_exclusion;
use super::normalise::VARIADIC;
use super::rows_from::rows_from;
use super::sample_tokens::sample;
use super::shorthand::{DISTINCT_SETS, JOIN_ALIAS, NOTHING};
use super::spellings::{closing, spelling};
use super::words::folded_word;

/// The tokens of a query as the parser reads them.
#[recursive::recursive]
pub(super) fn rewritten(tokens: &[TokenWithSpan]) -> Vec<TokenWithSpan> {
    let mut done: Vec<TokenWithSpan> = Vec::with_capacity(tokens.len() + 2);
    let mut index = 0;
    // Where a parenthesis that was opened here is to be closed.
    let mut closes = Vec::new();
    // Where one is to be left out, because the one that it closes was.
    let mut dropped = Vec::new();
    while let Some(token) = tokens.get(index) {
        let rest = &tokens[index..];
        if closes.last() == Some(&index) {
            closes.pop();
            done.push(token.clone());
        }
        if dropped.last() == Some(&index) {
            dropped.pop();
            index += 1;
            continue;
        }
        if let Some(close) = sets_in_sets(tokens, index, &done) {
            dropped.push(close);
            index += 3;
            continue;
        }
        if let Some(close) = fetched(tokens, index) {
            done.push(TokenWithSpan::new(Token::make_keyword("LIMIT"), token.span));
            done.extend(rewritten(&tokens[index + 2..=close]));
            index = close + 3;
            continue;
        }
        if let Some(part) = substring_for_from(tokens, index).or_else(|| group_operands(tokens, index)) {
            done.extend(rewritten(&part.tokens));
            index = part.end;
            continue;
        }
        if let Some((quantifier, length)) = patterns_of_query(tokens, index) {
            let words = [Token::make_keyword(quantifier), Token::LParen, Token::make_keyword("ARRAY"), Token::LParen];
            done.extend(words.into_iter().map(|written| TokenWithSpan::new(written, token.span)));
            closes.push(index + length);
            index += 2;
            continue;
        }
        if let Some((written, taken)) = rows_from(tokens, index).or_else(|| sample(tokens, index)) {
            done.extend(written);
            index += taken;
            continue;
        }
        if let Some(taken) = take_exclusion(rest, &mut done) {
            index += taken;
            continue;
        }
        let (written, taken) = spelling(tokens, index)
            .or_else(|| table_statement(tokens, index))
            .or_else(|| order_using(rest))
            .or_else(|| symmetric(rest))
            .or_else(|| trimmed(rest))
            .or_else(|| empty_list(rest))
            .or_else(|| interval_digits(rest))
            .or_else(|| similar_part(tokens, index))
            .or_else(|| only(tokens, index))
            .or_else(|| group_by_quantifier(rest))
            .or_else(|| join_alias(tokens, index))
            .or_else(|| variadic_argument(tokens, index))
            .or_else(|| double_equal(token))
            .unwrap_or_else(|| (vec![token.token.clone()], 1));
        done.extend(written.into_iter().map(|written| TokenWithSpan::new(written, token.span)));
        index += taken;
    }
    done
}

/// What stands for the first tokens, and how many they are.
pub(super) type Rewritten = Option<(Vec<Token>, usize)>;

pub(super) fn keyword(token: Option<&TokenWithSpan>) -> Option<Keyword> {
    match &token?.token {
        Token::Word(word) if word.quote_style.is_none() => Some(word.keyword),
        _ => None,
    }
}

/// `TABLE t` is `SELECT * FROM t`; the parser swallows what follows the name.
fn table_statement(tokens: &[TokenWithSpan], index: usize) -> Rewritten {
    let begins = match index.checked_sub(1).and_then(|before| tokens.get(before)).map(|token| &token.token) {
        None | Some(Token::LParen) => true,
        Some(Token::Word(word)) => matches!(
            word.keyword,
            Keyword::UNION | Keyword::ALL | Keyword::DISTINCT | Keyword::INTERSECT | Keyword::EXCEPT
        ),
        Some(_) => false,
    };
    let is_name = matches!(tokens.get(index + 1).map(|next| &next.token), Some(Token::Word(_)));
    let is_table = keyword(tokens.get(index)) == Some(Keyword::TABLE);
    let words = || vec![Token::make_keyword("SELECT"), Token::Mul, Token::make_keyword("FROM")];
    (begins && is_name && is_table).then(|| (words(), 1))
}

/// `FROM ONLY t` is `FROM t`: no table here has children.
fn only(tokens: &[TokenWithSpan], index: usize) -> Rewritten {
    if keyword(tokens.get(index)) != Some(Keyword::ONLY) {
        return None;
    }
    let before = tokens.get(index.checked_sub(1)?)?;
    let is_table = before.token == Token::Comma || matches!(keyword(Some(before)), Some(Keyword::FROM | Keyword::JOIN));
    let is_name = matches!(tokens.get(index + 1)?.token, Token::Word(_));
    (is_table && is_name).then(|| (Vec::new(), 1))
}

/// `ORDER BY x USING <` is `ORDER BY x ASC`.
fn order_using(tokens: &[TokenWithSpan]) -> Rewritten {
    if keyword(tokens.first()) != Some(Keyword::USING) {
        return None;
    }
    match &tokens.get(1)?.token {
        Token::Lt => Some((vec![Token::make_keyword("ASC")], 2)),
        Token::Gt => Some((vec![Token::make_keyword("DESC")], 2)),
        _ => None,
    }
}

/// `BETWEEN SYMMETRIC a AND b`: the first bound gets a sign that PostgreSQL has for shapes only, which there are none of
/// here.
fn symmetric(tokens: &[TokenWithSpan]) -> Rewritten {
    if keyword(tokens.first()) != Some(Keyword::BETWEEN) {
        return None;
    }
    match keyword(tokens.get(1))? {
        Keyword::SYMMETRIC => Some((vec![Token::make_keyword("BETWEEN"), Token::AtAt], 2)),
        Keyword::ASYMMETRIC => Some((vec![Token::make_keyword("BETWEEN")], 2)),
        _ => None,
    }
}

/// `trim(TRAILING FROM x)` takes blanks away.
fn trimmed(tokens: &[TokenWithSpan]) -> Rewritten {
    if keyword(tokens.first()) != Some(Keyword::TRIM) || tokens.get(1)?.token != Token::LParen {
        return None;
    }
    let blank = || Token::SingleQuotedString(" ".to_owned());
    let trim = || vec![Token::make_keyword("TRIM"), Token::LParen];
    match keyword(tokens.get(2))? {
        Keyword::FROM => {
            let mut written = trim();
            written.extend([Token::make_keyword("BOTH"), blank(), Token::make_keyword("FROM")]);
            Some((written, 3))
        }
        Keyword::LEADING | Keyword::TRAILING | Keyword::BOTH if keyword(tokens.get(3)) == Some(Keyword::FROM) => {
            let mut written = trim();
            written.extend([tokens.get(2)?.token.clone(), blank(), Token::make_keyword("FROM")]);
            Some((written, 4))
        }
        _ => None,
    }
}

/// `SELECT WHERE …` selects nothing. The parser knows that only before FROM.
fn empty_list(tokens: &[TokenWithSpan]) -> Rewritten {
    if keyword(tokens.first()) != Some(Keyword::SELECT) {
        return None;
    }
    let ends = match tokens.get(1).map(|next| &next.token) {
        None | Some(Token::RParen) => true,
        Some(Token::Word(word)) if word.quote_style.is_none() => matches!(
            word.keyword,
            Keyword::WHERE
                | Keyword::GROUP
                | Keyword::HAVING
                | Keyword::WINDOW
                | Keyword::UNION
                | Keyword::INTERSECT
                | Keyword::EXCEPT
                | Keyword::ORDER
                | Keyword::LIMIT
                | Keyword::OFFSET
                | Keyword::FETCH
                | Keyword::FOR
        ),
        Some(_) => false,
    };
    ends.then(|| (vec![tokens[0].token.clone(), Token::make_word(NOTHING, Some('"'))], 1))
}

/// `LIKE ANY (SELECT …)` is `LIKE ANY (ARRAY (SELECT …))`. Gives the quantifier, and how far away the last parenthesis is.
fn patterns_of_query(tokens: &[TokenWithSpan], index: usize) -> Option<(&'static str, usize)> {
    let quantifier = match keyword(tokens.get(index))? {
        Keyword::ALL => "ALL",
        Keyword::ANY | Keyword::SOME => "ANY",
        _ => return None,
    };
    if tokens.get(index + 1)?.token != Token::LParen {
        return None;
    }
    let is_like = matches!(keyword(tokens.get(index.checked_sub(1)?)), Some(Keyword::LIKE | Keyword::ILIKE));
    let is_query = matches!(keyword(tokens.get(index + 2)), Some(Keyword::SELECT | Keyword::WITH | Keyword::VALUES));
    if !is_like || !is_query {
        return None;
    }
    let mut depth = 0_usize;
    let length = tokens[index..].iter().position(|token| {
        match token.token {
            Token::LParen => depth += 1,
            Token::RParen => depth -= 1,
            _ => {}
        }
        depth == 0 && token.token == Token::RParen
    })?;
    Some((quantifier, length))
}

/// `GROUP BY DISTINCT …` has a mark before its keys; `GROUP BY ALL …` is `GROUP BY …`.
fn group_by_quantifier(tokens: &[TokenWithSpan]) -> Rewritten {
    let [group, by, quantifier] = tokens.get(..3)? else { return None };
    if keyword(Some(group)) != Some(Keyword::GROUP) || keyword(Some(by)) != Some(Keyword::BY) {
        return None;
    }
    let mut written = vec![group.token.clone(), by.token.clone()];
    match keyword(Some(quantifier))? {
        Keyword::DISTINCT => written.extend([Token::make_word(DISTINCT_SETS, Some('"')), Token::Comma]),
        Keyword::ALL => {}
        _ => return None,
    }
    Some((written, 3))
}

/// `USING (k) AS m` has the alias as its last name, behind a mark.
fn join_alias(tokens: &[TokenWithSpan], index: usize) -> Rewritten {
    let [close, word, alias] = tokens.get(index..index + 3)? else { return None };
    let Token::Word(name) = &alias.token else { return None };
    if close.token != Token::RParen || keyword(Some(word)) != Some(Keyword::AS) {
        return None;
    }
    // A list of names holds no parentheses.
    let open = tokens[..index].iter().rposition(|token| matches!(token.token, Token::LParen | Token::RParen))?;
    let is_using =
        tokens[open].token == Token::LParen && keyword(tokens.get(open.checked_sub(1)?)) == Some(Keyword::USING);
    let mark = Token::make_word(&format!("{JOIN_ALIAS}{}", folded_word(name)), Some('"'));
    is_using.then(|| (vec![Token::Comma, mark, Token::RParen], 3))
}

/// The argument after VARIADIC has a name that tells of it.
fn variadic_argument(tokens: &[TokenWithSpan], index: usize) -> Rewritten {
    let Token::Word(word) = &tokens.get(index)?.token else { return None };
    let is_variadic = word.quote_style.is_none() && word.value.eq_ignore_ascii_case("VARIADIC");
    let before = &tokens.get(index.checked_sub(1)?)?.token;
    let follows = &tokens.get(index + 1)?.token;
    let is_argument = matches!(before, Token::LParen | Token::Comma)
        && !matches!(follows, Token::Comma | Token::RParen | Token::Period | Token::RArrow);
    (is_variadic && is_argument).then(|| (vec![Token::make_word(VARIADIC, Some('"')), Token::RArrow], 1))
}

/// `INTERVAL(1) '1.26 seconds'` is a cast of the constant.
fn interval_digits(tokens: &[TokenWithSpan]) -> Rewritten {
    let is_interval = keyword(tokens.first()) == Some(Keyword::INTERVAL);
    let [first, open, digits, close, text] = tokens.get(..5)? else { return None };
    let fits = is_interval
        && matches!(
            (&open.token, &digits.token, &close.token, &text.token),
            (Token::LParen, Token::Number(..), Token::RParen, Token::SingleQuotedString(_))
        );
    let cast = || {
        let mut written = vec![Token::make_keyword("CAST"), Token::LParen, text.token.clone()];
        written.extend([Token::make_keyword("AS"), first.token.clone()]);
        written.extend([Token::LParen, digits.token.clone(), Token::RParen, Token::RParen]);
        written
    };
    fits.then(|| (cast(), 5))
}

/// `substring(x SIMILAR pattern ESCAPE sign)` is `substring(x, pattern, sign)`.
fn similar_part(tokens: &[TokenWithSpan], index: usize) -> Rewritten {
    let word = |index: usize| match &tokens.get(index)?.token {
        Token::Word(word) if word.quote_style.is_none() => Some(word.value.to_uppercase()),
        _ => None,
    };
    let is_similar = match word(index)?.as_str() {
        "SIMILAR" => word(index + 1).as_deref() != Some("TO"),
        "ESCAPE" => false,
        _ => return None,
    };
    let mut depth = 0_usize;
    let mut follows_similar = false;
    for before in (0..index).rev() {
        match &tokens[before].token {
            Token::RParen => depth += 1,
            Token::LParen if depth == 0 => {
                let is_substring = before.checked_sub(1).and_then(word).as_deref() == Some("SUBSTRING");
                return (is_substring && is_similar != follows_similar).then(|| (vec![Token::Comma], 1));
            }
            Token::LParen => depth -= 1,
            _ if depth == 0 && word(before).as_deref() == Some("SIMILAR") => {
                follows_similar = word(before + 1).as_deref() != Some("TO");
            }
            _ => {}
        }
    }
    None
}

/// `==` is no operator of PostgreSQL; the parser takes it for `=`.
fn double_equal(token: &TokenWithSpan) -> Rewritten {
    (token.token == Token::DoubleEq).then(|| (vec![Token::CustomBinaryOperator("==".to_owned())], 1))
}

/// `GROUPING SETS (a, GROUPING SETS (b, c))` is `GROUPING SETS (a, b, c)`: gives the parenthesis that goes with the words.
fn sets_in_sets(tokens: &[TokenWithSpan], index: usize, done: &[TokenWithSpan]) -> Option<usize> {
    let begins = |at: usize| {
        keyword(tokens.get(at)) == Some(Keyword::GROUPING)
            && keyword(tokens.get(at + 1)) == Some(Keyword::SETS)
            && tokens.get(at + 2).is_some_and(|token| token.token == Token::LParen)
    };
    if !begins(index) {
        return None;
    }
    // The list around it, in what was written already: a list of sets that was left out is part of the one around.
    let mut depth = 0_usize;
    let open = done.iter().rposition(|token| {
        match token.token {
            Token::RParen => depth += 1,
            Token::LParen if depth == 0 => return true,
            Token::LParen => depth -= 1,
            _ => {}
        }
        false
    })?;
    let is_of_sets = keyword(done.get(open.checked_sub(1)?)) == Some(Keyword::SETS);
    closing(tokens, index + 2).filter(|_| is_of_sets)
}

/// `FETCH FIRST (n) ROWS ONLY` is `LIMIT (n)`: gives the last parenthesis.
fn fetched(tokens: &[TokenWithSpan], index: usize) -> Option<usize> {
    let begins = keyword(tokens.get(index)) == Some(Keyword::FETCH)
        && matches!(keyword(tokens.get(index + 1)), Some(Keyword::FIRST | Keyword::NEXT))
        && tokens.get(index + 2)?.token == Token::LParen;
    let close = closing(tokens, index + 2).filter(|_| begins)?;
    let ends = matches!(keyword(tokens.get(close + 1)), Some(Keyword::ROW | Keyword::ROWS))
        && keyword(tokens.get(close + 2)) == Some(Keyword::ONLY);
    ends.then_some(close)
}

/// What stands for the tokens up to a place.
struct Part {
    tokens: Vec<TokenWithSpan>,
    end: usize,
}

/// `substring(x FOR n FROM m)` is `substring(x FROM m FOR n)`.
fn substring_for_from(tokens: &[TokenWithSpan], index: usize) -> Option<Part> {
    if keyword(tokens.get(index)) != Some(Keyword::SUBSTRING) || tokens.get(index + 1)?.token != Token::LParen {
        return None;
    }
    let close = closing(tokens, index + 1)?;
    let mut depth = 0_usize;
    let (mut length, mut start) = (None, None);
    for (at, token) in tokens.iter().enumerate().take(close).skip(index + 2) {
        match (&token.token, keyword(Some(token))) {
            (Token::LParen, _) => depth += 1,
            (Token::RParen, _) => depth = depth.saturating_sub(1),
            (_, Some(Keyword::FOR)) if depth == 0 && start.is_none() => length = length.or(Some(at)),
            (_, Some(Keyword::FROM)) if depth == 0 => start = start.or(Some(at)),
            _ => {}
        }
    }
    let (length, start) = (length?, start?);
    let parts = [&tokens[index..length], &tokens[start..close], &tokens[length..start], &tokens[close..=close]];
    Some(Part { tokens: parts.concat(), end: close + 1 })
}

/// `CUBE ((a + 1) * 2, b)` is `CUBE (((a + 1) * 2), b)`: the parser takes the parenthesis that a key begins with for a list of
/// keys.
fn group_operands(tokens: &[TokenWithSpan], index: usize) -> Option<Part> {
    let is_list = matches!(keyword(tokens.get(index)), Some(Keyword::CUBE | Keyword::ROLLUP | Keyword::SETS));
    if !is_list || tokens.get(index + 1)?.token != Token::LParen {
        return None;
    }
    let close = closing(tokens, index + 1)?;
    let mut written = tokens[index..index + 2].to_vec();
    let mut begin = index + 2;
    let mut changed = false;
    while begin < close {
        let end = operand_end(tokens, begin, close);
        let is_partly_enclosed = closing(tokens, begin).is_some_and(|inner| inner + 1 < end);
        let wraps = tokens[begin].token == Token::LParen && is_partly_enclosed;
        let span = tokens[begin].span;
        written.extend(wraps.then(|| TokenWithSpan::new(Token::LParen, span)));
        written.extend_from_slice(&tokens[begin..end]);
        written.extend(wraps.then(|| TokenWithSpan::new(Token::RParen, span)));
        written.push(tokens[end].clone());
        changed |= wraps;
        begin = end + 1;
    }
    changed.then_some(Part { tokens: written, end: close + 1 })
}

/// The comma or the parenthesis that ends what begins at a place.
fn operand_end(tokens: &[TokenWithSpan], begin: usize, close: usize) -> usize {
    let mut depth = 0_usize;
    let end = tokens[begin..close].iter().position(|token| {
        match token.token {
            Token::LParen | Token::LBracket => depth += 1,
            Token::RParen | Token::RBracket => depth = depth.saturating_sub(1),
            _ => {}
        }
        depth == 0 && token.token == Token::Comma
    });
    end.map_or(close, |length| begin + length)
}
