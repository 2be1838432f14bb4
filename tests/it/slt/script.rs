//! The text of a script: blocks with a blank line between them.
//!
//! ```text
//! # user: globex              the user of the whole file; acme where it says nothing
//!
//! statement ok
//! SET TimeZone = 'UTC'
//!
//! statement error (42P01)
//! SELECT * FROM nowhere
//! ----
//! relation "nowhere" does not exist
//!
//! query rowsort
//! SELECT symbol, count(*) FROM raw_trades GROUP BY symbol
//! ----
//! symbol text | count int8
//! AAPL | 5123
//! ```
//!
//! The first line after `----` of a query names the columns and their types. NULL, an empty text and the text `NULL` are
//! written `NULL`, `(empty)` and `'NULL'`; a tab, a line break, a bar and a backslash in a text are escaped. `rowsort` is
//! for a query whose order is not fixed.

use std::fmt::Write;

use super::answer::{Answer, Failure, Outcome, Shape};

/// A script.
pub struct Script {
    pub user: String,
    pub blocks: Vec<Block>,
}

/// A part of a script.
pub enum Block {
    Comment(String),
    Case(Case),
}

/// A statement and what must come back.
pub struct Case {
    pub sorted: bool,
    pub sql: String,
    /// `None` for a new query that nobody has answered yet.
    pub expected: Option<Outcome>,
}

/// Reads a script.
pub fn parse(text: &str) -> Script {
    let mut script = Script { user: "acme".to_owned(), blocks: Vec::new() };
    for chunk in text.split("\n\n") {
        let lines: Vec<&str> = chunk.lines().filter(|line| !line.is_empty()).collect();
        let (comments, lines): (Vec<&str>, Vec<&str>) = lines.into_iter().partition(|line| line.starts_with("# "));
        for comment in comments {
            if let Some(user) = comment.strip_prefix("# user: ") {
                user.trim().clone_into(&mut script.user);
            }
            script.blocks.push(Block::Comment(comment.to_owned()));
        }
        if let Some((directive, rest)) = lines.split_first() {
            script.blocks.push(Block::Case(case(directive, rest)));
        }
    }
    script
}

fn case(directive: &str, lines: &[&str]) -> Case {
    let mut halves = lines.splitn(2, |line| *line == "----");
    let sql = halves.next().unwrap_or_default().join("\n");
    let below = halves.next();
    let (words, code) = directive.split_once('(').unwrap_or((directive, ""));
    let expected = match words.trim() {
        "statement ok" => Some(Outcome::Done),
        "statement error" => Some(Outcome::Failed(failure(code.trim_end_matches(')'), below.unwrap_or_default()))),
        "query" | "query rowsort" => below.map(answer),
        other => panic!("no directive {other}"),
    };
    Case { sorted: words.trim().ends_with("rowsort"), sql, expected }
}

fn failure(code: &str, lines: &[&str]) -> Failure {
    let position = lines.get(1).and_then(|line| line.strip_prefix("at ")).map(|number| number.parse().unwrap());
    let message = lines.first().map_or_else(String::new, |line| unescaped(line));
    Failure { code: code.to_owned(), message, position }
}

fn answer(lines: &[&str]) -> Outcome {
    let (header, rows) = lines.split_first().expect("a header line after ----");
    let columns = cells(header)
        .iter()
        .map(|cell| {
            let (name, type_name) = cell.rsplit_once(' ').expect("a name and a type");
            Shape { name: unescaped(name), type_name: type_name.to_owned() }
        })
        .collect();
    let rows = rows.iter().map(|row| cells(row).into_iter().map(read_value).collect()).collect();
    Outcome::Rows(Answer { columns, rows })
}

fn cells(line: &str) -> Vec<&str> {
    line.split(" | ").collect()
}

fn read_value(cell: &str) -> Option<String> {
    match cell {
        "NULL" => None,
        "(empty)" => Some(String::new()),
        "'NULL'" => Some("NULL".to_owned()),
        text => Some(unescaped(text)),
    }
}

/// A value as scripts write it.
pub fn write_value(value: Option<&str>) -> String {
    match value {
        None => "NULL".to_owned(),
        Some("") => "(empty)".to_owned(),
        Some("NULL") => "'NULL'".to_owned(),
        Some(text) => escaped(text),
    }
}

fn escaped(text: &str) -> String {
    let escaped = text.replace('\\', "\\\\").replace('\n', "\\n").replace('\t', "\\t").replace('\r', "\\r");
    // Blanks at the ends would be lost to editors, a bar would end the cell, and `# ` begins a comment.
    let escaped = escaped.replace('|', "\\p").replace("# ", "\\h ");
    match (escaped.starts_with(' '), escaped.ends_with(' ')) {
        (false, false) => escaped,
        _ => escaped.replace(' ', "\\s"),
    }
}

fn unescaped(text: &str) -> String {
    let mut plain = String::new();
    let mut letters = text.chars();
    while let Some(letter) = letters.next() {
        if letter != '\\' {
            plain.push(letter);
            continue;
        }
        plain.push(match letters.next() {
            Some('n') => '\n',
            Some('t') => '\t',
            Some('r') => '\r',
            Some('p') => '|',
            Some('h') => '#',
            Some('s') => ' ',
            _ => '\\',
        });
    }
    plain
}

/// The text of a script.
pub fn render(script: &Script) -> String {
    let mut text = String::new();
    for (index, block) in script.blocks.iter().enumerate() {
        match block {
            Block::Comment(comment) => {
                let _ = writeln!(text, "{comment}");
                if matches!(script.blocks.get(index + 1), Some(Block::Case(_)) | None) {
                    text.push('\n');
                }
            }
            Block::Case(case) => text.push_str(&render_case(case)),
        }
    }
    text.truncate(text.trim_end().len());
    text.push('\n');
    text
}

fn render_case(case: &Case) -> String {
    let sort = if case.sorted { " rowsort" } else { "" };
    match &case.expected {
        None => format!("query{sort}\n{}\n\n", case.sql),
        Some(Outcome::Done) => format!("statement ok\n{}\n\n", case.sql),
        Some(Outcome::Failed(failure)) => {
            format!("statement error ({})\n{}\n----\n{}\n", failure.code, case.sql, failure.render())
        }
        Some(Outcome::Rows(answer)) => format!("query{sort}\n{}\n----\n{}\n", case.sql, answer.render(case.sorted)),
    }
}

impl Failure {
    /// As below `----`.
    pub fn render(&self) -> String {
        let position = self.position.map(|position| format!("at {position}\n")).unwrap_or_default();
        format!("{}\n{position}", escaped(&self.message))
    }
}

impl Answer {
    /// As below `----`.
    pub fn render(&self, sorted: bool) -> String {
        let header: Vec<String> =
            self.columns.iter().map(|column| format!("{} {}", escaped(&column.name), column.type_name)).collect();
        format!(
            "{}\n{}",
            header.join(" | "),
            self.lines(sorted).iter().map(|line| format!("{line}\n")).collect::<String>()
        )
    }

    /// The rows as lines.
    pub fn lines(&self, sorted: bool) -> Vec<String> {
        let line = |row: &Vec<Option<String>>| {
            row.iter().map(|value| write_value(value.as_deref())).collect::<Vec<_>>().join(" | ")
        };
        let mut lines: Vec<String> = self.rows.iter().map(line).collect();
        if sorted {
            lines.sort();
        }
        lines
    }
}
