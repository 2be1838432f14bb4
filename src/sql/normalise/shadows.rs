//! A WITH inside of another may use a name again; the planner wants every name once.

use std::collections::HashMap;
use std::ops::ControlFlow;

use sqlparser::ast::{Ident, ObjectName, ObjectNamePart, Query, TableFactor, VisitorMut};

use crate::base::syntax_walk::walk_mut;
use crate::sql::words::folded;

use super::tables::plain_alias;

/// Gives the inner ones of queries with the same name names of their own.
pub(super) fn rename(query: &mut Query) {
    let _: ControlFlow<()> = walk_mut(query, &mut Shadows { open: HashMap::new(), count: 0 });
}

struct Shadows {
    /// How many queries around this place name it.
    open: HashMap<String, usize>,
    count: usize,
}

fn names(query: &Query) -> Vec<String> {
    query.with.iter().flat_map(|with| &with.cte_tables).map(|table| folded(&table.alias.name)).collect()
}

impl VisitorMut for Shadows {
    type Break = ();

    fn pre_visit_query(&mut self, query: &mut Query) -> ControlFlow<()> {
        for name in names(query) {
            *self.open.entry(name).or_default() += 1;
        }
        ControlFlow::Continue(())
    }

    // Inner queries first: none of them has the name any more when an outer one is renamed.
    fn post_visit_query(&mut self, query: &mut Query) -> ControlFlow<()> {
        let all = names(query);
        for (index, name) in all.iter().enumerate() {
            let around = self.open.entry(name.clone()).or_default();
            *around = around.saturating_sub(1);
            let is_twice_here = all.iter().filter(|other| *other == name).count() > 1;
            if *around > 0 && !is_twice_here {
                self.count += 1;
                replace(query, index, name, &format!("{name}\u{2063}{}", self.count));
            }
        }
        ControlFlow::Continue(())
    }
}

/// Renames one query of a WITH, and what reads it.
fn replace(query: &mut Query, index: usize, name: &str, fresh: &str) {
    let mut readers = Readers { name, fresh };
    if let Some(with) = &mut query.with {
        let recursive = with.recursive;
        for (place, table) in with.cte_tables.iter_mut().enumerate() {
            if place == index {
                table.alias.name = Ident::with_quote('"', fresh);
            }
            if place > index || recursive {
                let _: ControlFlow<()> = walk_mut(&mut table.query, &mut readers);
            }
        }
    }
    let with = query.with.take();
    let _: ControlFlow<()> = walk_mut(query, &mut readers);
    query.with = with;
}

struct Readers<'a> {
    name: &'a str,
    fresh: &'a str,
}

impl VisitorMut for Readers<'_> {
    type Break = ();

    fn pre_visit_table_factor(&mut self, factor: &mut TableFactor) -> ControlFlow<()> {
        if let TableFactor::Table { name, alias, args: None, .. } = factor
            && let [ObjectNamePart::Identifier(ident)] = name.0.as_slice()
            && folded(ident) == self.name
        {
            alias.get_or_insert_with(|| plain_alias(Ident::with_quote('"', self.name)));
            *name = ObjectName::from(vec![Ident::with_quote('"', self.fresh)]);
        }
        ControlFlow::Continue(())
    }
}
