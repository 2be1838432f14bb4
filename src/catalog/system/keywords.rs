//! `pg_get_keywords()`: the words of PostgreSQL's grammar.

use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, BooleanArray, RecordBatch, StringArray};
use datafusion::arrow::datatypes::{Field, Schema};

use crate::base::InternalError;
use crate::catalog::RowsLeaf;

/// One word.
pub(super) struct Keyword {
    pub(super) word: &'static str,
    /// `U`, `C`, `T` or `R`.
    pub(super) category: &'static str,
    is_label: bool,
}

/// All of them.
pub(super) fn all() -> impl Iterator<Item = Keyword> {
    include_str!("data/keywords.txt").lines().filter(|line| !line.starts_with('#')).filter_map(|line| {
        let mut parts = line.split(' ');
        let (word, category) = (parts.next()?, parts.next()?);
        Some(Keyword { word, category, is_label: parts.next()? == "true" })
    })
}

/// The rows of the function.
pub(super) fn rows() -> Result<Arc<RowsLeaf>, InternalError> {
    let text = |of: fn(&Keyword) -> &'static str| {
        Arc::new(all().map(|word| Some(of(&word))).collect::<StringArray>()) as ArrayRef
    };
    let labels: BooleanArray = all().map(|word| Some(word.is_label)).collect();
    let columns: [(&str, ArrayRef); 5] = [
        ("word", text(|word| word.word)),
        ("catcode", text(|word| word.category)),
        ("barelabel", Arc::new(labels)),
        ("catdesc", text(description)),
        ("baredesc", text(|word| if word.is_label { "can be bare label" } else { "requires AS" })),
    ];
    let fields = columns.iter().map(|(name, array)| Field::new(*name, array.data_type().clone(), true));
    let schema = Schema::new(fields.collect::<Vec<_>>());
    let arrays = columns.into_iter().map(|(_, array)| array).collect();
    let batch = RecordBatch::try_new(Arc::new(schema), arrays).map_err(InternalError::new)?;
    Ok(Arc::new(RowsLeaf::new(batch)))
}

fn description(word: &Keyword) -> &'static str {
    match word.category {
        "U" => "unreserved",
        "C" => "unreserved (cannot be function or type name)",
        "T" => "reserved (can be function or type name)",
        _ => "reserved",
    }
}
