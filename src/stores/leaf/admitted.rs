//! The rows of a table that one tenant may see, told at the table itself.
//!
//! The plan above holds the guard's filter too, but the engine joins filters, orders them as it likes and moves some below
//! others: a condition of the user's could fail on a row of another tenant, and the error would tell of that row. So rows
//! that are not the tenant's never leave the table, whatever stands above it.

use std::collections::BTreeSet;

use datafusion::arrow::array::{Array, AsArray, BooleanArray, RecordBatch, Scalar, StringArray};
use datafusion::arrow::compute::kernels::{boolean, cmp};
use datafusion::arrow::datatypes::Schema;
use datafusion::common::{DataFusionError, Result, ScalarValue};
use datafusion::logical_expr::{BinaryExpr, Expr, Operator};

use crate::guard::Requirement;

/// Up to so many values are compared one after the other, which is faster than a set.
const FEW_VALUES: usize = 8;

/// Which rows leave the table: those that have, in every one of these columns, one of its values.
#[derive(Debug, Clone)]
pub(in crate::stores) struct Admitted {
    columns: Vec<AdmittedColumn>,
}

#[derive(Debug, Clone)]
struct AdmittedColumn {
    position: usize,
    name: String,
    values: BTreeSet<String>,
}

impl Admitted {
    /// The rows that a requirement leaves of a table with these columns.
    ///
    /// # Errors
    /// When the table lacks a column of the requirement, or has it as something else than text.
    pub(in crate::stores) fn new(requirement: &Requirement, schema: &Schema) -> Result<Self> {
        let columns = requirement.admitted_values().into_iter();
        let columns = columns.map(|(column, values)| AdmittedColumn::new(schema, column, values));
        Ok(Self { columns: columns.collect::<Result<_>>()? })
    }

    /// All rows, for comparisons in tests. There is no other way to say so than a policy of that kind.
    #[cfg(test)]
    pub(in crate::stores) fn everything() -> Self {
        Self { columns: Vec::new() }
    }

    /// Whether every row leaves the table.
    pub(in crate::stores) fn is_all(&self) -> bool {
        self.columns.is_empty()
    }

    /// The values that the column can have; `None` when any.
    pub(in crate::stores) fn values_of(&self, column: &str) -> Option<&BTreeSet<String>> {
        self.columns.iter().find(|admitted| admitted.name == column).map(|admitted| &admitted.values)
    }

    /// Whether a filter is true for every row that leaves the table anyway.
    pub(in crate::stores) fn implies(&self, filter: &Expr) -> bool {
        self.columns.iter().any(|column| {
            true_for(filter, &column.name)
                .is_some_and(|values| column.values.iter().all(|value| values.contains(value.as_str())))
        })
    }

    /// Whether a row leaves the table, told from the texts of its columns; what is not there is a no.
    pub(in crate::stores) fn admits<'a>(&self, text_of: impl Fn(&str) -> Option<&'a str>) -> bool {
        self.columns.iter().all(|column| text_of(&column.name).is_some_and(|text| column.values.contains(text)))
    }

    /// Which rows of a batch leave the table; a NULL is a no.
    pub(in crate::stores) fn mask(&self, batch: &RecordBatch) -> Result<Option<BooleanArray>> {
        let mut mask: Option<BooleanArray> = None;
        for column in &self.columns {
            let own = column.mask(batch)?;
            mask = Some(match mask {
                None => own,
                Some(before) => boolean::and_kleene(&before, &own)?,
            });
        }
        Ok(mask)
    }
}

impl AdmittedColumn {
    fn new(schema: &Schema, name: &str, values: &[String]) -> Result<Self> {
        let position = schema.index_of(name)?;
        if schema.field(position).data_type() != &datafusion::arrow::datatypes::DataType::Utf8 {
            return Err(DataFusionError::Internal(format!("the policy's column {name} is not text")));
        }
        Ok(Self { position, name: name.to_owned(), values: values.iter().cloned().collect() })
    }

    fn mask(&self, batch: &RecordBatch) -> Result<BooleanArray> {
        let Some(texts) = batch.column(self.position).as_string_opt::<i32>() else {
            return Err(DataFusionError::Internal(format!("the policy's column {} is not text", self.name)));
        };
        if self.values.len() > FEW_VALUES {
            let found = texts.iter().map(|text| Some(text.is_some_and(|text| self.values.contains(text))));
            return Ok(found.collect());
        }
        let mut mask = BooleanArray::from(vec![false; texts.len()]);
        for value in &self.values {
            let equal = cmp::eq(texts, &Scalar::new(StringArray::from(vec![value.as_str()])))?;
            mask = boolean::or_kleene(&mask, &equal)?;
        }
        Ok(mask)
    }
}

/// The values of the column for which the filter is true, where it says exactly that and nothing else.
fn true_for<'a>(filter: &'a Expr, column: &str) -> Option<BTreeSet<&'a str>> {
    match filter {
        Expr::InList(list) if !list.negated && is_column(&list.expr, column) => list.list.iter().map(text).collect(),
        Expr::BinaryExpr(BinaryExpr { left, op: Operator::Eq, right }) if is_column(left, column) => {
            Some(BTreeSet::from([text(right)?]))
        }
        Expr::BinaryExpr(BinaryExpr { left, op: Operator::Or, right }) => {
            Some(&true_for(left, column)? | &true_for(right, column)?)
        }
        _ => None,
    }
}

fn is_column(expression: &Expr, name: &str) -> bool {
    matches!(expression, Expr::Column(column) if column.name == name)
}

fn text(expression: &Expr) -> Option<&str> {
    match expression {
        Expr::Literal(ScalarValue::Utf8(text) | ScalarValue::Utf8View(text) | ScalarValue::LargeUtf8(text), _) => {
            text.as_deref()
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::sync::Arc;

    use datafusion::arrow::datatypes::{DataType, Field};
    use datafusion::logical_expr::{col, lit};
    use proptest::prelude::*;

    use super::*;
    use crate::base::TenantId;
    use crate::tenancy::{Admission, Cell, Policy, Tenant};

    fn policies() -> [Policy; 4] {
        let (tenant_column, column, attribute) = ("tenant_id".to_owned(), "symbol".to_owned(), "symbols".to_owned());
        [
            Policy::TenantColumn { column: tenant_column.clone() },
            Policy::ListAttribute { column: column.clone(), attribute: attribute.clone() },
            Policy::TenantColumnAndList { tenant_column, column, attribute },
            Policy::Shared,
        ]
    }

    fn schema() -> Arc<Schema> {
        let text = |name| Field::new(name, DataType::Utf8, true);
        Arc::new(Schema::new(vec![text("symbol"), text("tenant_id")]))
    }

    fn admitted(policy: &Policy, list: &[String]) -> (Admitted, Tenant) {
        let attributes = BTreeMap::from([("symbols".to_owned(), list.to_vec())]);
        let tenant = Tenant { id: TenantId::new("acme").unwrap(), attributes };
        let requirement = Requirement::new(vec!["t".to_owned()], policy, &tenant);
        (Admitted::new(&requirement, &schema()).unwrap(), tenant)
    }

    proptest! {
        /// A row leaves the table exactly when its policy admits it.
        #[test]
        fn the_mask_is_the_policy(
            rows in proptest::collection::vec(
                (proptest::option::of("AAPL|TSLA|aapl|S[0-9]|"), proptest::option::of("acme|globex|")), 0..40),
            list in proptest::collection::vec("AAPL|S[0-9]|", 0..14),
        ) {
            let symbols = StringArray::from_iter(rows.iter().map(|(symbol, _)| symbol.as_deref()));
            let owners = StringArray::from_iter(rows.iter().map(|(_, owner)| owner.as_deref()));
            let batch = RecordBatch::try_new(schema(), vec![Arc::new(symbols), Arc::new(owners)]).unwrap();
            for policy in policies() {
                let (admitted, tenant) = admitted(&policy, &list);
                let mask = admitted.mask(&batch).unwrap();
                for (at, (symbol, owner)) in rows.iter().enumerate() {
                    let leaves = mask.as_ref().is_none_or(|mask| mask.is_valid(at) && mask.value(at));
                    let cell = |column: &str| {
                        let value = if column == "symbol" { symbol } else { owner };
                        value.as_deref().map_or(Cell::Null, Cell::Text)
                    };
                    prop_assert_eq!(leaves, policy.admits(&tenant, cell) == Admission::Yes, "{:?} {}", policy, at);
                }
            }
        }
    }

    #[test]
    fn a_filter_that_says_what_is_so_anyway_is_known() {
        let list = ["A".to_owned(), "B".to_owned()];
        let (both, _) = admitted(&policies()[2], &list);
        let is = |column: &str, value: &str| col(column).eq(lit(value));
        let implied = [
            is("tenant_id", "acme"),
            is("symbol", "A").or(is("symbol", "B")),
            col("t.symbol").in_list(vec![lit("B"), lit("C"), lit("A")], false),
        ];
        let more = [
            is("tenant_id", "globex"),
            is("symbol", "A"),
            is("symbol", "A").or(is("tenant_id", "acme")),
            is("symbol", "A").or(is("symbol", "B")).and(lit(false)),
            col("symbol").in_list(vec![lit("B"), lit("A")], true),
            col("symbol").in_list(vec![lit("A"), lit("C")], false),
            col("symbol").in_list(vec![lit("A"), lit("B"), col("symbol")], false),
            col("other").eq(lit("acme")),
        ];
        implied.iter().for_each(|filter| assert!(both.implies(filter), "{filter}"));
        more.iter().for_each(|filter| assert!(!both.implies(filter), "{filter}"));
        let (none, _) = admitted(&policies()[1], &[]);
        assert!(!none.is_all() && !none.implies(&col("symbol").eq(col("symbol"))));
    }
}
