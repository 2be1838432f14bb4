//! `TABLESAMPLE SYSTEM (…) REPEATABLE (…)` with what the parser has no room for: several arguments, and a seed that is no
//! number.

use sqlparser::keywords::Keyword;
use sqlparser::tokenizer::{Token, TokenWithSpan};

use super::rewritten_tokens::keyword;
use super::rows_from::top_level_commas;

/// Names a call of the percentage and the seed, which no text can write.
pub(super) const SEEDED: &str = "\u{2063}seeded";

/// The tokens that stand for the ones from here, and how many those are. Several arguments become one row, for which there
/// is never a sample; a seed stands behind the percentage.
pub(super) fn sample(tokens: &[TokenWithSpan], index: usize) -> Option<(Vec<TokenWithSpan>, usize)> {
    let before = index.checked_sub(1).and_then(|before| tokens.get(before));
    if keyword(before) != Some(Keyword::TABLESAMPLE) {
        return None;
    }
    let method = tokens.get(index)?;
    let rest = &tokens[index + 1..];
    let arguments = in_parentheses(rest)?;
    if arguments.is_empty() {
        // Of nothing the parser complains behind it. Of another parenthesis it does so where that closes.
        let open = rest.first()?.clone();
        return Some((vec![method.clone(), open.clone(), open], 2));
    }
    let after = &rest[arguments.len() + 2..];
    let seed = match keyword(after.first()) {
        Some(Keyword::REPEATABLE) => Some(in_parentheses(&after[1..])?),
        _ => None,
    };
    let taken = 1 + arguments.len() + 2 + seed.map_or(0, |seed| seed.len() + 3);
    let at = |token: Token| TokenWithSpan::new(token, method.span);
    let mut written = vec![method.clone(), at(Token::LParen)];
    if top_level_commas(arguments) > 0 {
        written.push(at(Token::LParen));
        written.extend(arguments.iter().cloned());
    } else {
        let seed = seed.filter(|seed| !is_number(seed) && !seed.is_empty() && top_level_commas(seed) == 0)?;
        written.extend([at(Token::make_word(SEEDED, Some('"'))), at(Token::LParen)]);
        written.extend(arguments.iter().cloned().chain([at(Token::Comma)]).chain(seed.iter().cloned()));
    }
    written.extend([at(Token::RParen), at(Token::RParen)]);
    Some((written, taken))
}

fn is_number(tokens: &[TokenWithSpan]) -> bool {
    matches!(tokens, [TokenWithSpan { token: Token::Number(..), .. }])
}

/// What stands between a parenthesis and the one that closes it.
fn in_parentheses(tokens: &[TokenWithSpan]) -> Option<&[TokenWithSpan]> {
    let mut depth = 0_usize;
    for (place, token) in tokens.iter().enumerate() {
        match token.token {
            Token::LParen => depth += 1,
            Token::RParen if depth == 1 => return tokens.get(1..place),
            Token::RParen => depth = depth.checked_sub(1)?,
            _ if depth == 0 => return None,
            _ => {}
        }
    }
    None
}
