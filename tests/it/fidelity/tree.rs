//! A statement as a tree that prints itself and names the smaller statements that are near it.
//!
//! The tree knows little of SQL: which part is a value of what type, which may be left out, which is a list. What is made
//! smaller need not be a statement any more; whoever asks lets PostgreSQL decide.

use super::kind::Kind;

/// What a node is, as far as making it smaller goes.
#[derive(Debug, Clone, PartialEq)]
pub enum Role {
    /// May become a value of its type that is in it, or a constant.
    Value(Kind),
    /// May become a query that is in it.
    Query,
    /// May be left out.
    Clause,
    /// Any of its children but the last may be left out; this is between them.
    List(&'static str),
    /// The list of a SELECT.
    Items,
    /// Stays as it is; its children may get smaller.
    Fixed,
}

/// A part of a node's text.
#[derive(Debug, Clone)]
pub enum Part {
    Text(String),
    Child(Node),
    /// `ORDER BY 1 DESC, 2, 3`: all columns of the query, each with the next of these words, in a circle.
    Order(Vec<&'static str>),
}

/// A node.
#[derive(Debug, Clone)]
pub struct Node {
    pub role: Role,
    pub parts: Vec<Part>,
}

impl Node {
    /// A node of a template whose `{}` are the children.
    pub fn new(role: Role, template: &str, children: Vec<Node>) -> Self {
        let mut parts = Vec::new();
        let mut children = children.into_iter();
        for (index, text) in template.split("{}").enumerate() {
            if index > 0 {
                parts.push(Part::Child(children.next().expect("a child for every place")));
            }
            if !text.is_empty() {
                parts.push(Part::Text(text.to_owned()));
            }
        }
        assert!(children.next().is_none(), "more children than places: {template}");
        Self { role, parts }
    }

    /// A value.
    pub fn value(kind: Kind, template: &str, children: Vec<Node>) -> Self {
        Self::new(Role::Value(kind), template, children)
    }

    /// A part that may be left out.
    pub fn clause(template: &str, children: Vec<Node>) -> Self {
        Self::new(Role::Clause, template, children)
    }

    /// What can be neither left out nor replaced.
    pub fn fixed(template: &str, children: Vec<Node>) -> Self {
        Self::new(Role::Fixed, template, children)
    }

    /// Nodes with something between them.
    pub fn list(between: &'static str, children: Vec<Node>) -> Self {
        Self { role: Role::List(between), parts: children.into_iter().map(Part::Child).collect() }
    }

    /// The list of a SELECT.
    pub fn items(children: Vec<Node>) -> Self {
        Self { role: Role::Items, parts: children.into_iter().map(Part::Child).collect() }
    }

    /// Nothing.
    pub fn nothing() -> Self {
        Self::clause("", Vec::new())
    }

    /// All columns in order, and a limit: without the order it would take any rows.
    pub fn order(words: Vec<&'static str>, limit: &str) -> Self {
        Self { role: Role::Clause, parts: vec![Part::Order(words), Part::Child(Self::clause(limit, Vec::new()))] }
    }

    /// The same where the order may not be left out: without it DISTINCT ON would keep any rows.
    pub fn kept_order(words: Vec<&'static str>, limit: &str) -> Self {
        Self { role: Role::Fixed, ..Self::order(words, limit) }
    }

    fn children(&self) -> impl Iterator<Item = &Node> {
        self.parts.iter().filter_map(|part| match part {
            Part::Child(child) => Some(child),
            Part::Text(_) | Part::Order(_) => None,
        })
    }

    /// How many columns the query has.
    fn width(&self) -> usize {
        self.children()
            .find_map(|child| match child.role {
                Role::Items => Some(child.parts.len()),
                Role::Query => Some(child.width()),
                Role::Value(_) | Role::Clause | Role::List(_) | Role::Fixed => None,
            })
            .unwrap_or(0)
    }

    /// Whether the rows of the query come in an order that leaves nothing open.
    pub fn ordered(&self) -> bool {
        self.children().any(|child| matches!(child.parts.first(), Some(Part::Order(_))))
    }

    /// The statement.
    pub fn sql(&self) -> String {
        let mut sql = String::new();
        self.print(&mut sql, 0);
        sql
    }

    fn print(&self, sql: &mut String, width: usize) {
        let width = if self.role == Role::Query { self.width() } else { width };
        let between = match self.role {
            Role::List(between) => between,
            Role::Items => ", ",
            Role::Value(_) | Role::Query | Role::Clause | Role::Fixed => "",
        };
        for (index, part) in self.parts.iter().enumerate() {
            if index > 0 {
                sql.push_str(between);
            }
            match part {
                Part::Text(text) => sql.push_str(text),
                Part::Child(child) => child.print(sql, width),
                Part::Order(words) => {
                    let keys: Vec<String> =
                        (0..width).map(|at| format!("{}{}", at + 1, words[at % words.len()])).collect();
                    sql.push_str(" ORDER BY ");
                    sql.push_str(&keys.join(", "));
                }
            }
        }
    }

    /// The trees that are this one with something smaller in the place of one node.
    pub fn smaller(&self) -> Vec<Node> {
        let mut found = Vec::new();
        let mut queries = Vec::new();
        self.descendants(&mut |node| {
            if node.role == Role::Query {
                queries.push(node.clone());
            }
        });
        found.extend(queries);
        for path in self.paths() {
            for replacement in self.at(&path).replacements() {
                let mut tree = self.clone();
                *tree.at_mut(&path) = replacement;
                found.push(tree);
            }
        }
        found
    }

    fn descendants(&self, visit: &mut impl FnMut(&Node)) {
        for child in self.children() {
            visit(child);
            child.descendants(visit);
        }
    }

    fn paths(&self) -> Vec<Vec<usize>> {
        let mut paths = vec![Vec::new()];
        for (index, part) in self.parts.iter().enumerate() {
            if let Part::Child(child) = part {
                paths.extend(child.paths().into_iter().map(|path| [vec![index], path].concat()));
            }
        }
        // Large parts first, which are near the root.
        paths.sort_by_key(Vec::len);
        paths
    }

    fn at(&self, path: &[usize]) -> &Node {
        path.iter().fold(self, |node, index| match &node.parts[*index] {
            Part::Child(child) => child,
            Part::Text(_) | Part::Order(_) => node,
        })
    }

    fn at_mut(&mut self, path: &[usize]) -> &mut Node {
        path.iter().fold(self, |node, index| match &mut node.parts[*index] {
            Part::Child(child) => child,
            Part::Text(_) | Part::Order(_) => unreachable!("a path leads through children"),
        })
    }

    fn replacements(&self) -> Vec<Node> {
        match &self.role {
            Role::Value(kind) => {
                let mut found = vec![Node::value(*kind, kind.constants()[0], Vec::new())];
                found.extend(self.within(|role| *role == self.role));
                found.push(Node::value(*kind, &format!("NULL::{}", kind.sql()), Vec::new()));
                found
            }
            Role::Query => self.within(|role| *role == Role::Query),
            Role::Fixed => Vec::new(),
            Role::Clause if self.parts.is_empty() => Vec::new(),
            Role::Clause => vec![Node::nothing()],
            Role::List(_) | Role::Items if self.parts.len() > 1 => (0..self.parts.len())
                .map(|left_out| {
                    let mut parts = self.parts.clone();
                    parts.remove(left_out);
                    Node { role: self.role.clone(), parts }
                })
                .collect(),
            Role::List(_) | Role::Items => Vec::new(),
        }
    }

    fn within(&self, wanted: impl Fn(&Role) -> bool) -> Vec<Node> {
        let mut found = Vec::new();
        self.descendants(&mut |node| {
            if wanted(&node.role) {
                found.push(node.clone());
            }
        });
        found
    }
}

#[test]
fn a_tree_gets_smaller_in_every_part() {
    let column = |name: &str| Node::value(Kind::Text, name, Vec::new());
    let upper = Node::value(Kind::Text, "upper({})", vec![column("t.a")]);
    let items = Node::items(vec![upper, column("t.b")]);
    let query = Node::new(
        Role::Query,
        "SELECT {} FROM t{}{}",
        vec![
            items,
            Node::clause(" WHERE {}", vec![Node::value(Kind::Bool, "t.c", Vec::new())]),
            Node::order(vec![" DESC", ""], " LIMIT 5"),
        ],
    );
    assert_eq!(query.sql(), "SELECT upper(t.a), t.b FROM t WHERE t.c ORDER BY 1 DESC, 2 LIMIT 5");
    assert!(query.ordered());
    let smaller: Vec<String> = query.smaller().iter().map(Node::sql).collect();
    for expected in [
        "SELECT t.b FROM t WHERE t.c ORDER BY 1 DESC LIMIT 5",
        "SELECT t.a, t.b FROM t WHERE t.c ORDER BY 1 DESC, 2 LIMIT 5",
        "SELECT upper(t.a), t.b FROM t ORDER BY 1 DESC, 2 LIMIT 5",
        "SELECT upper(t.a), t.b FROM t WHERE t.c",
        "SELECT upper(t.a), t.b FROM t WHERE t.c ORDER BY 1 DESC, 2",
        "SELECT upper(t.a), t.b FROM t WHERE true ORDER BY 1 DESC, 2 LIMIT 5",
    ] {
        assert!(smaller.iter().any(|sql| sql == expected), "{expected} is not in {smaller:#?}");
    }
}
