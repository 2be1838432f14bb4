//! The choice of a placement for one reading of a logical table.

use std::sync::Arc;

use crate::base::Freshness;
use crate::catalog::{LogicalLeaf, Placement, TableLeaf};
use crate::route::columns::ColumnSet;
use crate::route::piece::RouteError;

use super::Choice;

/// What is known of one reading of a logical table.
#[derive(Debug, Clone, Copy)]
pub(super) struct Reading<'a> {
    /// The table.
    pub(super) leaf: &'a LogicalLeaf,
    /// The columns that the query uses.
    pub(super) used: &'a ColumnSet,
    /// The columns that it asks for by value.
    pub(super) bound: &'a ColumnSet,
    /// What the session wants.
    pub(super) wanted: Option<Freshness>,
}

/// A placement with the leaf of its table.
pub(super) type Place<'a> = (&'a Placement, &'a Arc<TableLeaf>);

impl<'a> Reading<'a> {
    /// The placement that serves the reading, with the leaf of its table, and why.
    ///
    /// # Errors
    /// [`RouteError::NoPlacement`] when none has all the columns.
    pub(super) fn choose(&self) -> Result<(Place<'a>, Choice), RouteError> {
        let able: Vec<Place<'a>> = self.leaf.placements().filter(|(placement, _)| self.has_all(placement)).collect();
        let said = self.said();
        if let Some((freshness, who)) = said
            && let Some(place) = first_for(&able, freshness)
        {
            return Ok((place, self.choice(place.0, format!("{who} asks for {freshness}"))));
        }
        let Some((place, reason)) = self.read_from_query(&able) else {
            return Err(self.refusal());
        };
        let reason = match said {
            Some((freshness, who)) => {
                format!("{who} asks for {freshness}, for which {}; {reason}", self.lack_of(freshness))
            }
            None => reason,
        };
        Ok((place, self.choice(place.0, reason)))
    }

    /// What was said of the reading, and by whom. The reader of the table knows better than its session.
    fn said(&self) -> Option<(Freshness, &'static str)> {
        let by_source = self.leaf.freshness().map(|freshness| (freshness, "the data source"));
        by_source.or_else(|| self.wanted.map(|freshness| (freshness, "flowforge.freshness")))
    }

    fn has_all(&self, placement: &Placement) -> bool {
        self.used.positions().all(|column| placement.expression(column).is_some())
    }

    /// What a query that says nothing is served by: a point where it asks for one, then history, then the live state.
    fn read_from_query(&self, able: &[Place<'a>]) -> Option<(Place<'a>, String)> {
        let by_key = able.iter().find_map(|place| Some((*place, self.asked_key(place.0)?)));
        if let Some((place, key)) = by_key {
            return Some((place, format!("the query asks for values of its key {key}")));
        }
        let is_keyed = self.leaf.placements().any(|(placement, _)| self.asked_key(placement).is_some());
        let why = if is_keyed {
            "the placement with the key that the query asks for lacks columns of it"
        } else {
            "the query asks for no key"
        };
        let order = [
            (Freshness::Analytical, why.to_owned()),
            (Freshness::Realtime, format!("{why}, and no analytical placement serves it")),
            (Freshness::Point, "no other placement serves the query".to_owned()),
        ];
        order.into_iter().find_map(|(freshness, reason)| Some((first_for(able, freshness)?, reason)))
    }

    /// The key of a placement for points, when the query asks for values of it.
    fn asked_key(&self, placement: &Placement) -> Option<&str> {
        let key = placement.key.filter(|key| placement.freshness == Freshness::Point && self.bound.contains(*key))?;
        self.leaf.table().columns.get(key).map(|column| column.name.as_str())
    }

    fn lack_of(&self, freshness: Freshness) -> &'static str {
        if self.leaf.placements().any(|(placement, _)| placement.freshness == freshness) {
            "no placement has all columns of the query"
        } else {
            "the table has no placement"
        }
    }

    fn choice(&self, placement: &Placement, reason: String) -> Choice {
        Choice {
            table: self.leaf.table().name.clone(),
            placement: placement.table.clone(),
            freshness: placement.freshness,
            reason,
        }
    }

    /// The names of the columns are those that the tenant may see anyway.
    fn refusal(&self) -> RouteError {
        let columns = &self.leaf.table().columns;
        let lacks = self.leaf.placements().map(|(placement, _)| {
            let missing = self.used.positions().filter(|column| placement.expression(*column).is_none());
            let names = missing.filter_map(|column| columns.get(column)).map(|column| column.name.as_str());
            format!("{} has no {}", placement.table, names.collect::<Vec<_>>().join(", "))
        });
        let lacks: Vec<String> = lacks.collect();
        RouteError::NoPlacement { table: self.leaf.table().name.clone(), lacks: lacks.join("; ") }
    }
}

fn first_for<'a>(able: &[Place<'a>], freshness: Freshness) -> Option<Place<'a>> {
    able.iter().find(|(placement, _)| placement.freshness == freshness).copied()
}
