//! Queries in parentheses that the library's parser takes for something else: `(VALUES (1))`, which it reads as a call,
//! and `((SELECT 1) UNION SELECT 2)`, of which it sees the inner parentheses only.
//!
//! Whether a parenthesis opens a query shows behind the parenthesis that closes the one inside it. All of a statement are
//! found in one pass over its tokens, so that the parser needs to try nothing.

use std::collections::{HashMap, HashSet};

use sqlparser::keywords::Keyword;
use sqlparser::tokenizer::{Token, TokenWithSpan};

use super::rewritten_tokens::keyword;

/// Where queries begin that the library does not see, as places in the list of tokens.
#[derive(Debug, Default)]
pub(super) struct Unseen {
    /// Parentheses around a query.
    around: HashSet<usize>,
    /// First tokens of a query between the parentheses of ANY, ALL or SOME, which are read with the word.
    inside: HashSet<usize>,
}

impl Unseen {
    /// Of all tokens, without blanks between them.
    pub(super) fn of(tokens: &[TokenWithSpan]) -> Self {
        let mut found = Self::default();
        let mut open = Vec::new();
        // The place behind the closing one, for each parenthesis that opens a query.
        let mut queries = HashMap::new();
        for (at, token) in tokens.iter().enumerate() {
            match token.token {
                Token::LParen => open.push(at),
                Token::RParen => {
                    let Some(begin) = open.pop() else { continue };
                    let kind = begins(tokens, begin + 1, &queries);
                    if kind == Begins::NoQuery {
                        continue;
                    }
                    queries.insert(begin, at + 1);
                    match begin.checked_sub(1).and_then(|before| keyword(tokens.get(before))) {
                        Some(Keyword::ANY | Keyword::ALL | Keyword::SOME) if kind != Begins::WithWord => {
                            found.inside.insert(begin + 1)
                        }
                        _ => kind != Begins::WithWord && found.around.insert(begin),
                    };
                }
                _ => {}
            }
        }
        found
    }

    #[cfg(test)]
    pub(super) fn is_empty(&self) -> bool {
        self.around.is_empty() && self.inside.is_empty()
    }

    /// Whether the token is a parenthesis around a query.
    pub(super) fn is_around(&self, at: usize) -> bool {
        self.around.contains(&at)
    }

    /// Whether the token is the first one of a query after ANY, ALL or SOME.
    pub(super) fn is_inside(&self, at: usize) -> bool {
        self.inside.contains(&at)
    }
}

/// What stands between parentheses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Begins {
    NoQuery,
    /// A query that begins with a word that the library looks for.
    WithWord,
    /// One that the library does not see, or of whose parentheses it sees the inner ones.
    Unseen,
}

fn begins(tokens: &[TokenWithSpan], at: usize, queries: &HashMap<usize, usize>) -> Begins {
    let is_paren = |place: usize, wanted: &Token| tokens.get(place).is_some_and(|token| token.token == *wanted);
    match keyword(tokens.get(at)) {
        Some(Keyword::SELECT | Keyword::WITH) => return Begins::WithWord,
        Some(Keyword::VALUES) if is_paren(at + 1, &Token::LParen) => return Begins::Unseen,
        _ => {}
    }
    let Some(behind) = queries.get(&at) else { return Begins::NoQuery };
    match keyword(tokens.get(*behind)) {
        Some(
            Keyword::UNION
            | Keyword::INTERSECT
            | Keyword::EXCEPT
            | Keyword::ORDER
            | Keyword::LIMIT
            | Keyword::OFFSET
            | Keyword::FETCH,
        ) => Begins::Unseen,
        _ if is_paren(*behind, &Token::RParen) => Begins::Unseen,
        _ => Begins::NoQuery,
    }
}
