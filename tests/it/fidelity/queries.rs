//! Random queries.

use super::generator::{Generator, Leaf, Scope};
use super::kind::Kind;
use super::sources::{MOST_VALUES, SERIES};
use super::tree::{Node, Role};

/// No join has about more rows.
const MOST_ROWS: usize = 600;

/// Set operations. The first does not compare rows.
const OPERATORS: &[&str] = &["UNION ALL", "UNION", "INTERSECT", "EXCEPT", "EXCEPT ALL", "INTERSECT ALL"];

/// Directions of a total order.
const DIRECTIONS: &[&[&str]] =
    &[&[""], &[" DESC"], &["", " DESC NULLS LAST"], &[" NULLS FIRST", ""], &[" DESC", "", ""]];

/// Something to select from, and what it brings into scope.
struct Source {
    node: Node,
    leaves: Vec<Leaf>,
    key: Vec<String>,
    rows: usize,
}

impl Generator {
    /// A whole statement.
    pub fn statement(&mut self) -> Node {
        let kinds = self.kinds(1, 4);
        if self.chance(20) {
            return self.with(&kinds);
        }
        self.query(&kinds, 2, &[])
    }

    /// One or two common table expressions, of which the second may read the first.
    fn with(&mut self, kinds: &[Kind]) -> Node {
        let mut tables = Vec::new();
        let mut keyword = "";
        for _ in 0..=usize::from(self.chance(30)) {
            if self.chance(15) {
                keyword = "RECURSIVE ";
                tables.push(self.recursive_table());
            } else {
                tables.push(self.plain_table());
            }
        }
        let query = self.query(kinds, 2, &[]);
        self.tables.clear();
        let with = Node::clause(&format!("WITH {keyword}{{}} "), vec![Node::list(", ", tables)]);
        let Node { role, mut parts } = query;
        parts.insert(0, super::tree::Part::Child(with));
        Node { role, parts }
    }

    fn plain_table(&mut self) -> Node {
        let kinds = self.kinds(1, 4);
        let query = self.query(&kinds, 1, &[]);
        let name = self.name("w");
        let keyword = *self.one(&["", " MATERIALIZED", " NOT MATERIALIZED"]);
        let table = Node::fixed(&format!("{name} AS{keyword} ({{}})"), vec![query]);
        self.tables.push((name, kinds));
        table
    }

    /// A few steps, each made of the one before it. Of numerics the digits would grow: see `known`, "scale".
    fn recursive_table(&mut self) -> Node {
        let kind = *self.one(&[Kind::Text, Kind::Big, Kind::Date, Kind::Timestamp, Kind::Bool]);
        let name = self.name("w");
        let first = self.value(kind, 1, &Scope::default());
        let before = Scope { leaves: numbered(&name, &[Kind::Int, kind]), ..Scope::default() };
        let next = self.value(kind, 1, &before);
        let steps = self.between(1, 6);
        let template = format!(
            "{name}(c1, c2) AS (SELECT 1, {{}} UNION ALL SELECT {name}.c1 + 1, {{}} FROM {name} WHERE {name}.c1 < {steps})"
        );
        self.tables.push((name, vec![Kind::Int, kind]));
        Node::fixed(&template, vec![first, next])
    }

    /// A SELECT or a set operation.
    fn query(&mut self, kinds: &[Kind], depth: usize, around: &[Leaf]) -> Node {
        if depth == 0 || self.chance(85) {
            return self.select(kinds, depth, around);
        }
        let compares = !kinds.contains(&Kind::Interval);
        let operators: &[&str] = if compares { OPERATORS } else { &OPERATORS[..1] };
        // INTERSECT binds tighter than the others.
        let mut template = "({})".to_owned();
        let mut parts = vec![self.select(kinds, depth - 1, around)];
        for _ in 0..=usize::from(self.chance(25)) {
            template = format!("{template} {} ({{}})", self.one(operators));
            parts.push(self.select(kinds, depth - 1, around));
        }
        parts.push(self.end(30, 80));
        Node::new(Role::Query, &format!("{template}{{}}"), parts)
    }

    /// ORDER BY all columns, and LIMIT only with it.
    fn end(&mut self, limited: u32, ordered: u32) -> Node {
        if self.chance(limited) {
            let limit = self.limit();
            return Node::order(self.one(DIRECTIONS).to_vec(), &limit);
        }
        if self.chance(ordered) { Node::order(self.one(DIRECTIONS).to_vec(), "") } else { Node::nothing() }
    }

    fn limit(&mut self) -> String {
        let (count, skipped) = (self.between(0, 8), self.between(0, 3));
        match self.between(0, 9) {
            0 => format!(" OFFSET {skipped} ROWS FETCH FIRST {count} ROWS ONLY"),
            1 => format!(" FETCH FIRST {count} ROWS WITH TIES"),
            2 => format!(" OFFSET {skipped}"),
            3 | 4 => format!(" LIMIT {count} OFFSET {skipped}"),
            _ => format!(" LIMIT {count}"),
        }
    }

    /// A SELECT with columns of these types. At depth 0 it has one source and no subqueries.
    pub fn select(&mut self, kinds: &[Kind], depth: usize, around: &[Leaf]) -> Node {
        let (from, scope) = self.from(depth, around);
        let filter = self.filter(" WHERE {}", 35, depth, &scope);
        let (grouping, having, scope) = if self.chance(30) {
            self.grouping(kinds, depth, &scope)
        } else {
            (Node::nothing(), Node::nothing(), scope)
        };
        let compares = !kinds.contains(&Kind::Interval);
        let first_rows = depth > 0 && compares && self.chance(5);
        let distinct = match (first_rows, compares && self.chance(10)) {
            (true, _) => "DISTINCT ON (1) ",
            (false, true) => "DISTINCT ",
            (false, false) => "",
        };
        let distinct = Node::clause(distinct, Vec::new());
        let items = self.items(kinds, depth, &scope);
        let end = match depth {
            _ if first_rows => Node::kept_order(self.one(DIRECTIONS).to_vec(), ""),
            2 => self.end(25, 70),
            _ => self.end(15, 5),
        };
        let parts = vec![distinct, items, from, filter, grouping, having, end];
        Node::new(Role::Query, "SELECT {}{} FROM {}{}{}{}{}", parts)
    }

    fn items(&mut self, kinds: &[Kind], depth: usize, scope: &Scope) -> Node {
        let mut items = Vec::new();
        for (index, kind) in kinds.iter().enumerate() {
            let window = if self.chance(15) { self.window(*kind, scope) } else { None };
            let value = match window {
                Some(window) => window,
                None => self.value(*kind, depth + 1, scope),
            };
            items.push(Node::list("", vec![value, Node::clause(&format!(" AS c{}", index + 1), Vec::new())]));
        }
        Node::items(items)
    }

    fn filter(&mut self, template: &str, percent: u32, depth: usize, scope: &Scope) -> Node {
        if !self.chance(percent) {
            return Node::nothing();
        }
        let condition = self.value(Kind::Bool, depth + 1, scope);
        Node::clause(template, vec![condition])
    }

    /// GROUP BY and HAVING, and what can be named after them: keys and aggregates.
    fn grouping(&mut self, kinds: &[Kind], depth: usize, scope: &Scope) -> (Node, Node, Scope) {
        let mut keys: Vec<Leaf> = Vec::new();
        for _ in 0..self.between(0, 2) {
            let leaf = self.one(&scope.leaves).clone();
            let text = leaf.node.sql();
            if keys.iter().all(|key| key.node.sql() != text) {
                keys.push(self.key(leaf));
            }
        }
        let mut leaves = keys.clone();
        for kind in kinds.iter().copied().chain([Kind::Big, Kind::Numeric]) {
            if let Some(node) = self.aggregate(kind, scope) {
                leaves.push(Leaf { kind, node, plain: false });
            }
        }
        let sets = !keys.is_empty() && self.chance(25);
        if sets {
            let node = Node::value(Kind::Int, "GROUPING({})", vec![keys[0].node.clone()]);
            leaves.push(Leaf { kind: Kind::Int, node, plain: false });
        }
        let key = if sets { Vec::new() } else { keys.iter().map(|key| key.node.sql()).collect() };
        let grouped = Scope { leaves, outer: scope.outer.clone(), key, rows: scope.rows, merged: None };
        let template = match (keys.is_empty(), sets) {
            (true, _) => "",
            (false, false) => " GROUP BY {}",
            (false, true) => {
                *self.one(&[" GROUP BY ROLLUP ({})", " GROUP BY CUBE ({})", " GROUP BY GROUPING SETS ({}, ())"])
            }
        };
        let list = Node::list(", ", keys.into_iter().map(|key| key.node).collect());
        let grouping = if template.is_empty() { Node::nothing() } else { Node::clause(template, vec![list]) };
        let having = self.filter(" HAVING {}", 30, depth, &grouped);
        (grouping, having, grouped)
    }

    /// A column, or something made of it.
    fn key(&mut self, leaf: Leaf) -> Leaf {
        let template = match leaf.kind {
            Kind::Text => "left({}, 1)",
            Kind::Date => "date_trunc('month', {})::date",
            Kind::Timestamp => "date_trunc('hour', {})",
            Kind::Numeric => "round({})",
            Kind::Big | Kind::Int => "({} % 3)",
            _ => "{}",
        };
        if template == "{}" || self.chance(70) {
            return leaf;
        }
        Leaf { kind: leaf.kind, node: Node::value(leaf.kind, template, vec![leaf.node]), plain: false }
    }

    fn from(&mut self, depth: usize, around: &[Leaf]) -> (Node, Scope) {
        let first = self.source(depth, around);
        let mut scope =
            Scope { leaves: first.leaves, outer: around.to_vec(), key: first.key, rows: first.rows, merged: None };
        let mut joins = Vec::new();
        let most = if depth == 0 { usize::from(self.chance(15)) } else { self.between(0, 2) };
        for _ in 0..most {
            let (join, joined) = self.join(depth, &scope);
            if joined.rows <= MOST_ROWS {
                joins.push(join);
                scope = joined;
            }
        }
        // Another table may have a column of this name.
        if let (1, Some(merged)) = (joins.len(), scope.merged.take()) {
            scope.leaves.push(merged);
        }
        let joins = joins.into_iter().fold(first.node, |from, join| Node::list("", vec![from, join]));
        (joins, scope)
    }

    fn join(&mut self, depth: usize, scope: &Scope) -> (Node, Scope) {
        if depth > 0 && self.chance(12) {
            return self.lateral(scope);
        }
        let right = self.source(depth, &scope.outer);
        let mut both = scope.clone();
        both.leaves.extend(right.leaves.iter().cloned());
        // A join without a key of one side has none.
        both.key = if scope.key.is_empty() || right.key.is_empty() {
            Vec::new()
        } else {
            [scope.key.clone(), right.key].concat()
        };
        both.merged = None;
        if self.chance(15)
            && let Some((name, kind)) = common_column(scope, &right.leaves)
        {
            both.rows = scope.rows.max(right.rows) * 3;
            both.merged = Some(Leaf { kind, node: Node::value(kind, &name, Vec::new()), plain: false });
            let join = *self.one(&["", " LEFT", " RIGHT", " FULL"]);
            return (Node::clause(&format!("{join} JOIN {{}} USING ({name})"), vec![right.node]), both);
        }
        let equal = self.equality(scope, &right.leaves);
        both.rows = if equal.is_some() { scope.rows.max(right.rows) * 3 } else { scope.rows * right.rows };
        let Some(equal) = equal else { return (self.without_equality(scope, right.node, &right.leaves), both) };
        let kind = *self.one(&["", " LEFT", " LEFT", " RIGHT", " FULL"]);
        // PostgreSQL joins fully over equalities only.
        let more = if kind == " FULL" { Node::nothing() } else { self.filter(" AND {}", 25, 0, &both.alone()) };
        (Node::clause(&format!("{kind} JOIN {{}} ON {{}}{{}}"), vec![right.node, equal, more]), both)
    }

    /// Every row with every other, or with those that are less or greater.
    fn without_equality(&mut self, scope: &Scope, right: Node, leaves: &[Leaf]) -> Node {
        let pairs = pairs(scope, leaves);
        if pairs.is_empty() || self.chance(50) {
            return Node::clause(" CROSS JOIN {}", vec![right]);
        }
        let (left, other) = *self.one(&pairs);
        let template = *self.one(&["({} < {})", "({} >= {})", "({} <> {})"]);
        let condition = Node::value(Kind::Bool, template, vec![left.node.clone(), other.node.clone()]);
        let join = *self.one(&["", " LEFT", " LEFT", " RIGHT"]);
        Node::clause(&format!("{join} JOIN {{}} ON {{}}"), vec![right, condition])
    }

    fn equality(&mut self, scope: &Scope, right: &[Leaf]) -> Option<Node> {
        let pairs = pairs(scope, right);
        if pairs.is_empty() || self.chance(10) {
            return None;
        }
        let alike: Vec<_> = pairs.iter().copied().filter(|(left, right)| same_name(left, right)).collect();
        let (left, right) = if !alike.is_empty() && self.chance(85) { *self.one(&alike) } else { *self.one(&pairs) };
        Some(Node::value(Kind::Bool, "({} = {})", vec![left.node.clone(), right.node.clone()]))
    }

    fn lateral(&mut self, scope: &Scope) -> (Node, Scope) {
        let kinds = self.kinds(1, 2);
        let query = if self.chance(50) {
            self.aggregate_query(kinds[0], &scope.around())
        } else {
            self.first_row_query(kinds[0], &scope.around())
        };
        let name = self.name("l");
        let mut both = scope.clone();
        both.leaves.push(column(&name, "c1", kinds[0]));
        let template = if self.chance(50) { " CROSS JOIN LATERAL ({}) " } else { " LEFT JOIN LATERAL ({}) " };
        let end = if template.contains("LEFT") { " ON true" } else { "" };
        (Node::clause(&format!("{template}{name}{end}"), vec![query]), both)
    }

    /// A query with one row: an aggregate where the type has one. Only its condition has subqueries.
    pub fn aggregate_query(&mut self, kind: Kind, around: &[Leaf]) -> Node {
        let (from, scope) = self.from(0, around);
        let Some(value) = self.aggregate(kind, &scope) else { return self.first_row_query(kind, around) };
        let depth = usize::from(self.chance(20));
        let filter = self.filter(" WHERE {}", 80, depth, &scope);
        let items = Node::items(vec![Node::list("", vec![value, Node::clause(" AS c1", Vec::new())])]);
        Node::new(Role::Query, "SELECT {} FROM {}{}", vec![items, from, filter])
    }

    /// A query with at most one row: the first in an order. It has no subqueries.
    pub fn first_row_query(&mut self, kind: Kind, around: &[Leaf]) -> Node {
        let (from, scope) = self.from(0, around);
        let items = self.items(&[kind], 0, &scope);
        let filter = self.filter(" WHERE {}", 80, 0, &scope);
        let order = Node::order(self.one(DIRECTIONS).to_vec(), " LIMIT 1");
        Node::new(Role::Query, "SELECT {} FROM {}{}{}", vec![items, from, filter, order])
    }

    /// A relation. A query in FROM sees the columns of the queries around this one, and none of its neighbours.
    fn source(&mut self, depth: usize, around: &[Leaf]) -> Source {
        match self.between(0, 99) {
            0..20 => self.values(),
            20..35 if depth > 0 || !around.is_empty() => self.derived(depth, around),
            35..70 if !self.tables.is_empty() => self.common_table(),
            70..75 => self.series(),
            _ => self.table(),
        }
    }

    fn table(&mut self) -> Source {
        let table = self.one(self.sources);
        let name = self.name("t");
        let leaves = table.columns.iter().map(|(of_table, kind)| column(&name, of_table, *kind)).collect();
        let text = match table.parts {
            [] => format!("{} {name}", table.name),
            parts => format!("(SELECT * FROM {} WHERE {}) {name}", table.name, self.one(parts)),
        };
        let key = table.key.iter().map(|key| format!("{name}.{key}")).collect();
        let rows = if table.key.len() == 1 && table.parts.is_empty() { 7 } else { 40 };
        Source { node: Node::list("", vec![Node::new(Role::List(""), &text, Vec::new())]), leaves, key, rows }
    }

    /// What a function makes.
    fn series(&mut self) -> Source {
        let (call, kind) = *self.one(SERIES);
        let name = self.name("s");
        let ordinal = if self.chance(50) { " WITH ORDINALITY" } else { "" };
        let names = if ordinal.is_empty() { "c1" } else { "c1, k" };
        let mut leaves = vec![column(&name, "c1", kind)];
        let mut key = Vec::new();
        if !ordinal.is_empty() {
            leaves.push(column(&name, "k", Kind::Big));
            key.push(format!("{name}.k"));
        }
        let node = Node::fixed(&format!("{call}{ordinal} {name}({names})"), Vec::new());
        Source { node: Node::list("", vec![node]), leaves, key, rows: 5 }
    }

    fn common_table(&mut self) -> Source {
        let (table, kinds) = self.one(&self.tables.clone()).clone();
        let name = self.name("t");
        let leaves = numbered(&name, &kinds);
        Source {
            node: Node::list("", vec![Node::new(Role::List(""), &format!("{table} {name}"), Vec::new())]),
            leaves,
            key: Vec::new(),
            rows: 40,
        }
    }

    fn derived(&mut self, depth: usize, around: &[Leaf]) -> Source {
        let kinds = self.kinds(1, 4);
        let query = if depth == 0 { self.select(&kinds, 0, around) } else { self.query(&kinds, depth - 1, around) };
        let name = self.name("d");
        let node = Node::new(Role::List(""), &format!("({{}}) {name}"), vec![query]);
        Source { node: Node::list("", vec![node]), leaves: numbered(&name, &kinds), key: Vec::new(), rows: 40 }
    }

    fn values(&mut self) -> Source {
        let kinds = self.kinds(1, MOST_VALUES);
        let name = self.name("v");
        let mut rows = Vec::new();
        for number in 1..=self.between(2, 6) {
            let mut text = format!("({number}");
            for kind in &kinds {
                let value = if number > 1 && self.chance(30) { "NULL" } else { self.one(kind.constants()) };
                text.push_str(", ");
                text.push_str(value);
            }
            rows.push(Node::new(Role::List(""), &format!("{text})"), Vec::new()));
        }
        let count = rows.len();
        let names: Vec<String> = (1..=kinds.len()).map(|index| format!("c{index}")).collect();
        let mut leaves = numbered(&name, &kinds);
        leaves.push(column(&name, "k", Kind::Int));
        let template = format!("(VALUES {{}}) {name}(k, {})", names.join(", "));
        let node = Node::new(Role::List(""), &template, vec![Node::list(", ", rows)]);
        Source { node: Node::list("", vec![node]), leaves, key: vec![format!("{name}.k")], rows: count }
    }
}

fn column(table: &str, name: &str, kind: Kind) -> Leaf {
    let name = if name == "timestamp" { "\"timestamp\"" } else { name };
    Leaf { kind, node: Node::value(kind, &format!("{table}.{name}"), Vec::new()), plain: true }
}

/// The name of a column, without its table.
fn own_name(leaf: &Leaf) -> Option<String> {
    leaf.node.sql().split('.').next_back().map(str::to_owned)
}

fn same_name(left: &Leaf, right: &Leaf) -> bool {
    own_name(left) == own_name(right)
}

/// Columns of both sides that can be compared.
fn pairs<'a>(scope: &'a Scope, right: &'a [Leaf]) -> Vec<(&'a Leaf, &'a Leaf)> {
    let all = scope.leaves.iter().flat_map(|left| right.iter().map(move |right| (left, right)));
    all.filter(|(left, right)| left.kind == right.kind && !matches!(left.kind, Kind::Bool | Kind::Float)).collect()
}

/// A column that both sides have, and each only once.
fn common_column(scope: &Scope, right: &[Leaf]) -> Option<(String, Kind)> {
    let (left, _) = pairs(scope, right).into_iter().find(|(left, right)| {
        let times = scope.leaves.iter().filter(|leaf| same_name(leaf, left)).count();
        same_name(left, right) && times == 1
    })?;
    Some((own_name(left)?, left.kind))
}

fn numbered(table: &str, kinds: &[Kind]) -> Vec<Leaf> {
    kinds.iter().enumerate().map(|(index, kind)| column(table, &format!("c{}", index + 1), *kind)).collect()
}
