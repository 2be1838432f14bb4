//! Random expressions.

use super::forms::{AGGREGATES, CHOICES, COMPARISONS, FORMS, Form, ORDERED_AGGREGATES, POSITIONS, RANKS};
use super::generator::{Generator, Scope};
use super::kind::Kind;
use super::tree::Node;

/// Subqueries are made in values only so deep.
const DEEP: usize = 2;

impl Generator {
    /// A value of a type.
    pub fn value(&mut self, kind: Kind, depth: usize, scope: &Scope) -> Node {
        if depth == 0 || self.chance(20) {
            return self.leaf(kind, scope);
        }
        if depth >= DEEP && self.chance(8) {
            return self.scalar_subquery(kind, scope);
        }
        if self.chance(18) {
            return self.choice(kind, depth, scope);
        }
        if kind == Kind::Bool && self.chance(55) {
            return self.condition(depth, scope);
        }
        self.form(kind, FORMS, depth, scope)
    }

    fn form(&mut self, kind: Kind, forms: &[Form], depth: usize, scope: &Scope) -> Node {
        let fitting: Vec<&Form> = forms.iter().filter(|form| form.0 == kind).collect();
        if fitting.is_empty() {
            return self.leaf(kind, scope);
        }
        let (_, template, kinds) = **self.one(&fitting);
        self.filled(kind, template, kinds, depth - 1, scope)
    }

    fn filled(&mut self, kind: Kind, template: &str, kinds: &[Kind], depth: usize, scope: &Scope) -> Node {
        let mut children: Vec<Node> = kinds.iter().map(|kind| self.value(*kind, depth, scope)).collect();
        while children.len() < template.matches("{}").count() {
            children.push(children[children.len() - 1].clone());
        }
        Node::value(kind, template, children)
    }

    fn choice(&mut self, kind: Kind, depth: usize, scope: &Scope) -> Node {
        let alike = kind == Kind::Interval && !self.chance(2);
        // The last of them compare.
        let template = *self.one(if alike { &CHOICES[..4] } else { CHOICES });
        let children = template
            .char_indices()
            .filter(|(_, letter)| matches!(letter, '{' | '?'))
            .map(|(_, letter)| self.value(if letter == '?' { Kind::Bool } else { kind }, depth - 1, scope))
            .collect();
        Node::value(kind, &template.replace('?', "{}"), children)
    }

    fn condition(&mut self, depth: usize, scope: &Scope) -> Node {
        if depth >= DEEP && self.chance(20) {
            return self.subquery_condition(scope);
        }
        let kind = self.compared();
        let template = *self.one(COMPARISONS);
        let kinds = vec![kind; template.matches("{}").count()];
        self.filled(Kind::Bool, template, &kinds, depth - 1, scope)
    }

    fn scalar_subquery(&mut self, kind: Kind, scope: &Scope) -> Node {
        let query = if self.chance(60) {
            self.aggregate_query(kind, &scope.around())
        } else {
            self.first_row_query(kind, &scope.around())
        };
        Node::value(kind, "({})", vec![query])
    }

    fn subquery_condition(&mut self, scope: &Scope) -> Node {
        if self.chance(45) {
            let kinds = self.kinds(1, 1);
            let query = self.select(&kinds, 0, &scope.around());
            return Node::value(
                Kind::Bool,
                if self.chance(30) { "(NOT EXISTS ({}))" } else { "EXISTS ({})" },
                vec![query],
            );
        }
        if self.chance(15) {
            return self.pair_condition(scope);
        }
        let kind = self.compared();
        let value = self.value(kind, 1, scope);
        let query = self.select(&[kind], 0, &scope.around());
        let template =
            *self.one(&["({} IN ({}))", "({} NOT IN ({}))", "({} = ANY ({}))", "({} > ALL ({}))", "({} <= ANY ({}))"]);
        Node::value(Kind::Bool, template, vec![value, query])
    }

    /// Two values that a row of a query has, or none has.
    fn pair_condition(&mut self, scope: &Scope) -> Node {
        let kinds = [self.compared(), self.compared()];
        let values = kinds.map(|kind| self.value(kind, 1, scope));
        let query = self.select(&kinds, 0, &scope.around());
        let template = *self.one(&["(({}, {}) IN ({}))", "(({}, {}) NOT IN ({}))"]);
        let [first, second] = values;
        Node::value(Kind::Bool, template, vec![first, second, query])
    }

    /// An aggregate over a scope whose rows are grouped, or all one group.
    pub fn aggregate(&mut self, kind: Kind, scope: &Scope) -> Option<Node> {
        // Over columns of the query around it, an aggregate would be one of that query.
        let scope = scope.alone();
        let ordered = self.chance(15) && ORDERED_AGGREGATES.iter().any(|form| form.0 == kind);
        let forms = if ordered { ORDERED_AGGREGATES } else { AGGREGATES };
        if !forms.iter().any(|form| form.0 == kind) {
            return None;
        }
        let call = self.form(kind, forms, 2, &scope);
        if !ordered && self.chance(20) {
            let condition = self.value(Kind::Bool, 2, &scope);
            return Some(Node::value(kind, "{}{}", vec![call, Node::clause(" FILTER (WHERE {})", vec![condition])]));
        }
        Some(call)
    }

    /// A window's value, where the type has one.
    pub fn window(&mut self, kind: Kind, scope: &Scope) -> Option<Node> {
        let positions = !scope.key.is_empty() && self.chance(50);
        let forms = match self.between(0, 2) {
            0 if !positions => RANKS,
            1 if positions => POSITIONS,
            _ => AGGREGATES,
        };
        let fitting: Vec<&Form> = forms.iter().filter(|form| form.0 == kind && !is_no_window(form.1)).collect();
        if fitting.is_empty() {
            return None;
        }
        let (_, template, kinds) = **self.one(&fitting);
        let call = self.filled(kind, template, kinds, 1, scope);
        let partition = if self.chance(50) {
            let by = if self.chance(30) { Kind::Bool } else { self.compared() };
            let by = self.value(by, 1, scope);
            Node::clause("PARTITION BY {} ", vec![by])
        } else {
            Node::nothing()
        };
        let order = self.window_order(positions, scope);
        Some(Node::value(kind, "{} OVER ({}{})", vec![call, partition, order]))
    }

    /// The order of a window. With positions no two rows are equal in it; without, its frame ends with equal rows.
    fn window_order(&mut self, positions: bool, scope: &Scope) -> Node {
        let by = if self.chance(10) { Kind::Bool } else { self.compared() };
        let is_interval = matches!(by, Kind::Interval) && !positions;
        let by = self.value(by, 1, scope);
        let direction = *self.one(&["", " DESC", " NULLS FIRST", " DESC NULLS LAST"]);
        let frames: &[&str] = if positions {
            &[
                "",
                " ROWS BETWEEN 2 PRECEDING AND CURRENT ROW",
                " ROWS BETWEEN 1 PRECEDING AND 1 FOLLOWING",
                " ROWS BETWEEN 2 PRECEDING AND 2 FOLLOWING EXCLUDE CURRENT ROW",
                " ROWS BETWEEN CURRENT ROW AND UNBOUNDED FOLLOWING",
                " ROWS UNBOUNDED PRECEDING",
            ]
        } else {
            &[
                "",
                "",
                " RANGE BETWEEN CURRENT ROW AND UNBOUNDED FOLLOWING",
                " GROUPS BETWEEN 1 PRECEDING AND CURRENT ROW",
                " RANGE UNBOUNDED PRECEDING",
            ]
        };
        let distance = " RANGE BETWEEN '1 day' PRECEDING AND '36 hours' FOLLOWING";
        let frame = if is_interval && self.chance(50) { distance } else { *self.one(frames) };
        let frame = Node::clause(frame, Vec::new());
        let total = if positions { format!(", {}", scope.key.join(", ")) } else { String::new() };
        Node::new(super::tree::Role::Clause, &format!("ORDER BY {{}}{direction}{total}{{}}"), vec![by, frame])
    }
}

/// DISTINCT is refused by PostgreSQL too.
fn is_no_window(template: &str) -> bool {
    template.contains("DISTINCT")
}
