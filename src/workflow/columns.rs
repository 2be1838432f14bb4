//! The columns of a node, as the canvas and the wire know them.

use std::collections::HashMap;
use std::sync::{Arc, OnceLock};

use crate::base::{CanvasType, SqlType};

/// Beyond this number of columns a name is looked up in an index.
const LINEAR_COLUMNS: usize = 24;

/// One column of a node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ColumnInfo {
    /// The name.
    pub name: Arc<str>,
    /// The type that the wire announces.
    pub sql_type: SqlType,
    /// Whether it may hold NULL.
    pub nullable: bool,
}

impl ColumnInfo {
    /// The coarse type of the canvas.
    #[must_use]
    pub fn dtype(&self) -> CanvasType {
        self.sql_type.canvas()
    }
}

/// The columns of a node, in their order. Cheap to clone; names are unique.
#[derive(Debug, Clone, Default)]
pub struct Columns(Arc<List>);

#[derive(Debug, Default)]
struct List {
    columns: Vec<ColumnInfo>,
    index: OnceLock<HashMap<Arc<str>, usize>>,
}

impl Columns {
    /// The columns of a list.
    #[must_use]
    pub fn new(columns: Vec<ColumnInfo>) -> Self {
        Self(Arc::new(List { columns, index: OnceLock::new() }))
    }

    /// The place of a name.
    #[must_use]
    pub fn find(&self, name: &str) -> Option<usize> {
        if self.0.columns.len() <= LINEAR_COLUMNS {
            return self.0.columns.iter().position(|column| column.name.as_ref() == name);
        }
        let build = || self.0.columns.iter().enumerate().map(|(i, column)| (Arc::clone(&column.name), i)).collect();
        self.0.index.get_or_init(build).get(name).copied()
    }

    /// The names, in their order.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.columns.iter().map(|column| column.name.as_ref())
    }
}

impl std::ops::Deref for Columns {
    type Target = [ColumnInfo];
    fn deref(&self) -> &[ColumnInfo] {
        &self.0.columns
    }
}

impl FromIterator<ColumnInfo> for Columns {
    fn from_iter<I: IntoIterator<Item = ColumnInfo>>(columns: I) -> Self {
        Self::new(columns.into_iter().collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn few_and_many_columns_are_found_alike() {
        for count in [0, 1, LINEAR_COLUMNS, LINEAR_COLUMNS + 1, 200] {
            let columns: Columns = (0..count)
                .map(|i| ColumnInfo { name: format!("c{i}").into(), sql_type: SqlType::Int4, nullable: false })
                .collect();
            for i in 0..count {
                assert_eq!(columns.find(&format!("c{i}")), Some(i));
            }
            assert_eq!(columns.find("x"), None);
        }
    }
}
