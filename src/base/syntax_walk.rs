//! Walking a syntax tree with a visitor.
//!
//! The parser's own `visit` is compiled anew, some six hundred functions, for every type of visitor. Here it is compiled
//! once for all of them: what it calls is found at run time.

use std::ops::ControlFlow;

use sqlparser::ast::{
    Expr, ObjectName, Query, Select, Statement, TableFactor, ValueWithSpan, Visit, VisitMut, Visitor, VisitorMut,
};

/// Shows every part of a tree to a visitor, until it breaks.
#[expect(clippy::disallowed_methods, reason = "the one place that may")]
pub fn walk<V: Visitor>(node: &impl Visit, visitor: &mut V) -> ControlFlow<V::Break> {
    let mut keeper = Keeper { visitor, broke: None };
    let _: ControlFlow<()> = node.visit(&mut Shared(&mut keeper));
    keeper.broke.map_or(ControlFlow::Continue(()), ControlFlow::Break)
}

/// Hands every part of a tree to a visitor that may change it, until it breaks.
#[expect(clippy::disallowed_methods, reason = "the one place that may")]
pub fn walk_mut<V: VisitorMut>(node: &mut impl VisitMut, visitor: &mut V) -> ControlFlow<V::Break> {
    let mut keeper = Keeper { visitor, broke: None };
    let _: ControlFlow<()> = node.visit(&mut SharedMut(&mut keeper));
    keeper.broke.map_or(ControlFlow::Continue(()), ControlFlow::Break)
}

/// A visitor, and what it broke with.
struct Keeper<'a, V, B> {
    visitor: &'a mut V,
    broke: Option<B>,
}

impl<V, B> Keeper<'_, V, B> {
    fn keep(&mut self, flow: ControlFlow<B>) -> ControlFlow<()> {
        flow.map_break(|broke| self.broke = Some(broke))
    }
}

struct Shared<'a>(&'a mut dyn Erased);

struct SharedMut<'a>(&'a mut dyn ErasedMut);

/// For every method of a visitor: the same without its type of break, and the way from the one to the other.
macro_rules! erase {
    ($erased:ident, $shared:ident, $visitor:ident, $($method:ident($part:ty)),+ $(,)?) => {
        trait $erased {
            $(fn $method(&mut self, part: $part) -> ControlFlow<()>;)+
        }

        impl<V: $visitor> $erased for Keeper<'_, V, V::Break> {
            $(fn $method(&mut self, part: $part) -> ControlFlow<()> {
                let flow = self.visitor.$method(part);
                self.keep(flow)
            })+
        }

        impl $visitor for $shared<'_> {
            type Break = ();
            $(fn $method(&mut self, part: $part) -> ControlFlow<()> {
                self.0.$method(part)
            })+
        }
    };
}

erase!(
    Erased,
    Shared,
    Visitor,
    pre_visit_query(&Query),
    post_visit_query(&Query),
    pre_visit_select(&Select),
    post_visit_select(&Select),
    pre_visit_relation(&ObjectName),
    post_visit_relation(&ObjectName),
    pre_visit_table_factor(&TableFactor),
    post_visit_table_factor(&TableFactor),
    pre_visit_expr(&Expr),
    post_visit_expr(&Expr),
    pre_visit_statement(&Statement),
    post_visit_statement(&Statement),
    pre_visit_value(&ValueWithSpan),
    post_visit_value(&ValueWithSpan),
);

erase!(
    ErasedMut,
    SharedMut,
    VisitorMut,
    pre_visit_query(&mut Query),
    post_visit_query(&mut Query),
    pre_visit_select(&mut Select),
    post_visit_select(&mut Select),
    pre_visit_relation(&mut ObjectName),
    post_visit_relation(&mut ObjectName),
    pre_visit_table_factor(&mut TableFactor),
    post_visit_table_factor(&mut TableFactor),
    pre_visit_expr(&mut Expr),
    post_visit_expr(&mut Expr),
    pre_visit_statement(&mut Statement),
    post_visit_statement(&mut Statement),
    pre_visit_value(&mut ValueWithSpan),
    post_visit_value(&mut ValueWithSpan),
);
