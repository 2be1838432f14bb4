//! Chance, and what it is asked for everywhere.

use rand::seq::IndexedRandom;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::kind::Kind;
use super::sources::Table;
use super::tree::Node;

/// Makes the statements of a seed: always the same.
pub struct Generator {
    random: ChaCha8Rng,
    names: usize,
    /// The tables that are there.
    pub sources: &'static [Table],
    /// The common table expressions that can be named.
    pub tables: Vec<(String, Vec<Kind>)>,
}

/// A value that an expression can begin with.
#[derive(Clone)]
pub struct Leaf {
    pub kind: Kind,
    pub node: Node,
    /// A column, which a subquery may name too.
    pub plain: bool,
}

/// What an expression can name.
#[derive(Clone, Default)]
pub struct Scope {
    pub leaves: Vec<Leaf>,
    /// Columns of the queries around this one.
    pub outer: Vec<Leaf>,
    /// Columns that together tell every row from every other. Empty where there are none.
    pub key: Vec<String>,
    /// About how many rows there are.
    pub rows: usize,
    /// The column that the last join with USING made of one of each side.
    pub merged: Option<Leaf>,
}

impl Scope {
    /// The scope without the queries around it.
    pub fn alone(&self) -> Self {
        Self { outer: Vec::new(), ..self.clone() }
    }

    /// What a subquery sees of it.
    pub fn around(&self) -> Vec<Leaf> {
        self.leaves.iter().chain(&self.outer).filter(|leaf| leaf.plain).cloned().collect()
    }
}

impl Generator {
    /// The generator of a seed.
    pub fn new(seed: u64, sources: &'static [Table]) -> Self {
        Self { random: ChaCha8Rng::seed_from_u64(seed), names: 0, sources, tables: Vec::new() }
    }

    /// True so many times of a hundred.
    pub fn chance(&mut self, percent: u32) -> bool {
        self.random.random_range(0..100) < percent
    }

    /// A number, both ends included.
    pub fn between(&mut self, low: usize, high: usize) -> usize {
        self.random.random_range(low..=high)
    }

    /// One of these.
    pub fn one<'a, T>(&mut self, of: &'a [T]) -> &'a T {
        of.choose(&mut self.random).expect("something to choose from")
    }

    /// A type.
    pub fn kind(&mut self) -> Kind {
        *self.one(&Kind::ALL)
    }

    /// A type whose values are compared: an interval rarely, for that is refused in most places.
    pub fn compared(&mut self) -> Kind {
        match self.kind() {
            Kind::Interval if !self.chance(5) => Kind::Int,
            kind => kind,
        }
    }

    /// Some types.
    pub fn kinds(&mut self, low: usize, high: usize) -> Vec<Kind> {
        (0..self.between(low, high)).map(|_| self.kind()).collect()
    }

    /// A name that nothing else has.
    pub fn name(&mut self, prefix: &str) -> String {
        self.names += 1;
        format!("{prefix}{}", self.names)
    }

    /// A constant.
    pub fn constant(&mut self, kind: Kind) -> Node {
        if self.chance(12) {
            return Node::value(kind, &format!("NULL::{}", kind.sql()), Vec::new());
        }
        let text = *self.one(kind.constants());
        Node::value(kind, text, Vec::new())
    }

    /// A column, where there is one of the type.
    pub fn column(&mut self, kind: Kind, scope: &Scope) -> Option<Node> {
        let outer = !scope.outer.is_empty() && self.chance(15);
        let leaves = if outer { &scope.outer } else { &scope.leaves };
        let fitting: Vec<&Leaf> = leaves.iter().filter(|leaf| leaf.kind == kind).collect();
        fitting.choose(&mut self.random).map(|leaf| leaf.node.clone())
    }

    /// A column or a constant.
    pub fn leaf(&mut self, kind: Kind, scope: &Scope) -> Node {
        if self.chance(80)
            && let Some(column) = self.column(kind, scope)
        {
            return column;
        }
        self.constant(kind)
    }
}
