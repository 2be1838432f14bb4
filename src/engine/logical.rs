//! The logical tables of the configuration, against the tables that the stores have.

use std::collections::BTreeMap;
use std::sync::Arc;

use datafusion::logical_expr::Expr;

use crate::base::{InternalError, SqlType, TableName, TenantId};
use crate::catalog::{Column, LogicalTable, Placement, Snapshot, Table, TenantView};
use crate::config::{LogicalTableSection, PlacementSection, Problem};
use crate::functions::FunctionRegistry;
use crate::sql::{MappedColumn, check_expression, common_type, plan_expression};
use crate::tenancy::{PolicyBook, Tenant};

/// What became of the logical tables of a configuration.
#[derive(Debug, Default)]
pub(super) struct Defined {
    /// Those that fit their tables.
    pub(super) tables: Vec<LogicalTable>,
    /// Why the others do not. A table with a problem is not there.
    pub(super) problems: Vec<Problem>,
    /// Placements whose tables are not there, or have no policy: the other placements serve without them.
    pub(super) absent: Vec<(TableName, TableName)>,
    /// The tables that are left with no placement, and the tables of those that they have in the configuration.
    pub(super) unplaced: BTreeMap<TableName, Vec<TableName>>,
}

/// What does not fit between the logical tables of a configuration and those of these tables that they name. A placement in
/// a table that is not among them is only read, not checked against its columns.
#[must_use]
pub fn check_logical_tables(
    sections: &[LogicalTableSection],
    tables: Vec<Table>,
    policies: Arc<PolicyBook>,
) -> Vec<Problem> {
    if sections.is_empty() {
        return Vec::new();
    }
    let functions = FunctionRegistry::standard();
    let snapshot = Arc::new(Snapshot::new(0, tables, policies));
    match define(sections, &snapshot, &functions) {
        Ok(defined) => defined.problems,
        Err(error) => vec![Problem::new("logical_tables", error.to_string())],
    }
}

/// Plans every placement over the tables of a snapshot.
///
/// # Errors
/// [`InternalError`] for a defect.
pub(super) fn define(
    sections: &[LogicalTableSection],
    snapshot: &Arc<Snapshot>,
    functions: &FunctionRegistry,
) -> Result<Defined, InternalError> {
    // Nobody's rows are read: columns have the same types for every tenant.
    let nobody = TenantId::new("nobody").map_err(InternalError::new)?;
    let nobody = Arc::new(Tenant { id: nobody, attributes: BTreeMap::new() });
    let view = TenantView::new(nobody, Arc::clone(snapshot));
    let mut defined = Defined::default();
    for (index, section) in sections.iter().enumerate() {
        let name = section.full_name();
        let table = Defining { section, view: &view, functions, key: format!("logical_tables[{index}]") };
        let (placed, mut problems) = table.place_all(&mut defined.absent);
        if snapshot.is_physical(&name) {
            problems.push(table.problem("name", format!("a store has a table {name} of its own")));
        }
        match table.fitted(placed, &mut problems) {
            Some(table) if problems.is_empty() => defined.tables.push(table),
            None if problems.is_empty() => {
                let placements = section.placements.iter().map(|placement| placement.table.clone());
                defined.unplaced.insert(name, placements.collect());
            }
            Some(_) | None => defined.problems.extend(problems),
        }
    }
    Ok(defined)
}

/// One logical table while it is defined.
struct Defining<'a> {
    section: &'a LogicalTableSection,
    view: &'a TenantView,
    functions: &'a FunctionRegistry,
    /// The section's own key, for problems.
    key: String,
}

/// A placement whose table is there, with what it has of each column.
struct Placed<'a> {
    at: usize,
    section: &'a PlacementSection,
    /// The key of the physical table.
    own_key: Option<String>,
    columns: Vec<Option<MappedColumn>>,
}

impl<'a> Defining<'a> {
    fn problem(&self, field: &str, message: impl Into<String>) -> Problem {
        Problem::new(format!("{}.{field}", self.key), message)
    }

    fn column_problem(&self, placement: usize, column: &str, message: impl Into<String>) -> Problem {
        self.problem(&format!("placements[{placement}].columns.{column}"), message)
    }

    /// Every placement whose table is there; the tables of the others are noted.
    fn place_all(&self, absent: &mut Vec<(TableName, TableName)>) -> (Vec<Placed<'a>>, Vec<Problem>) {
        let (mut placed, mut problems) = (Vec::new(), Vec::new());
        for (at, section) in self.section.placements.iter().enumerate() {
            match self.view.leaf(&section.table) {
                Ok(leaf) => {
                    let columns = self.planned(at, section, &mut problems);
                    placed.push(Placed { at, section, own_key: leaf.table().key.clone(), columns });
                }
                Err(_) => {
                    absent.push((self.section.full_name(), section.table.clone()));
                    self.only_read(at, section, &mut problems);
                }
            }
        }
        (placed, problems)
    }

    fn planned(&self, at: usize, section: &PlacementSection, problems: &mut Vec<Problem>) -> Vec<Option<MappedColumn>> {
        let mut plan = |column: &String| {
            let planned = self.plan(section, &section.expression(column)?);
            planned.map_err(|message| problems.push(self.column_problem(at, column, message))).ok()
        };
        self.section.columns.iter().map(&mut plan).collect()
    }

    fn plan(&self, section: &PlacementSection, expression: &str) -> Result<MappedColumn, String> {
        plan_expression(&section.table, expression, self.view, self.functions).map_err(|error| error.0.message)
    }

    /// The expressions of a table that is not there are read all the same.
    fn only_read(&self, at: usize, section: &PlacementSection, problems: &mut Vec<Problem>) {
        for column in &self.section.columns {
            let Some(expression) = section.expression(column) else { continue };
            if let Err(error) = check_expression(&expression) {
                problems.push(self.column_problem(at, column, error.0.message));
            }
        }
    }

    /// The table with each column in one type; `None` when nothing is left of it.
    fn fitted(&self, mut placed: Vec<Placed<'a>>, problems: &mut Vec<Problem>) -> Option<LogicalTable> {
        let mut kept = Vec::new();
        let mut columns = Vec::new();
        for (at, name) in self.section.columns.iter().enumerate() {
            let sql_type = match self.common_type_of(name, at, &placed) {
                Ok(Some(sql_type)) => sql_type,
                Ok(None) => continue,
                Err(message) => {
                    problems.push(self.problem("columns", message));
                    continue;
                }
            };
            for place in &mut placed {
                if let Err(message) = self.cast(place, at, name, &sql_type) {
                    problems.push(self.column_problem(place.at, name, message));
                }
            }
            let nullable = placed.iter().filter_map(|place| place.column(at)).any(|column| column.nullable);
            columns.push(Column { name: name.clone(), store_type: sql_type.name(), sql_type, nullable });
            kept.push(at);
        }
        let placements = placed.iter().map(|place| self.placement(place, &kept)).collect();
        (!kept.is_empty()).then(|| LogicalTable { name: self.section.full_name(), columns, placements })
    }

    /// The type in which a column of all placements meets; `None` where none of those that are there has it.
    fn common_type_of(&self, name: &str, at: usize, placed: &[Placed<'_>]) -> Result<Option<SqlType>, String> {
        let mut met: Option<(SqlType, &TableName)> = None;
        for place in placed {
            let Some(column) = place.column(at) else { continue };
            met = Some(match met {
                None => (column.sql_type.clone(), &place.section.table),
                Some((before, table)) => match common_type(&before, &column.sql_type) {
                    Some(common) => (common, table),
                    None => {
                        let (other, own) = (&place.section.table, &column.sql_type);
                        return Err(format!(
                            "column \"{name}\" is {before} in {table} and {own} in {other}; cast one of them"
                        ));
                    }
                },
            });
        }
        Ok(met.map(|(sql_type, _)| sql_type))
    }

    /// Brings a column of a placement into the common type, in PostgreSQL's way.
    fn cast(&self, place: &mut Placed<'_>, at: usize, name: &str, wanted: &SqlType) -> Result<(), String> {
        let Some(Some(column)) = place.columns.get_mut(at) else { return Ok(()) };
        if column.sql_type == *wanted {
            return Ok(());
        }
        let own = place.section.expression(name).unwrap_or_default();
        let cast = self.plan(place.section, &format!("CAST(({own}) AS {wanted})"))?;
        if cast.sql_type != *wanted {
            return Err(format!("{} cannot be made {wanted}", column.sql_type));
        }
        *column = cast;
        Ok(())
    }

    fn placement(&self, place: &Placed<'_>, kept: &[usize]) -> Placement {
        let is_key = |at: &usize| match (&place.section.key, &place.own_key) {
            (Some(key), _) => self.section.columns.get(*at) == Some(key),
            (None, Some(key)) => place.column(*at).is_some_and(|column| is_column(&column.expression, key)),
            (None, None) => false,
        };
        Placement {
            freshness: place.section.freshness,
            table: place.section.table.clone(),
            key: kept.iter().position(is_key),
            expressions: kept.iter().map(|at| place.column(*at).map(|column| column.expression.clone())).collect(),
        }
    }
}

impl Placed<'_> {
    fn column(&self, at: usize) -> Option<&MappedColumn> {
        self.columns.get(at)?.as_ref()
    }
}

fn is_column(expression: &Expr, name: &str) -> bool {
    matches!(expression, Expr::Column(column) if column.name == name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::{Freshness, StoreKind};
    use crate::config::Config;
    use crate::tenancy::Policy;

    fn table(name: &str, store: StoreKind, key: Option<&str>, columns: &[(&str, SqlType)]) -> Table {
        let name = TableName::parse(name).unwrap();
        let column = |(name, sql_type): &(&str, SqlType)| Column {
            name: (*name).to_owned(),
            sql_type: sql_type.clone(),
            nullable: true,
            store_type: String::new(),
        };
        Table {
            physical: vec![name.schema.clone(), name.table.clone()],
            name,
            store,
            columns: columns.iter().map(column).collect(),
            key: key.map(str::to_owned),
            filters_first: false,
            stale: false,
        }
    }

    fn defined(text: &str, visible: &[&str]) -> Defined {
        let number = SqlType::Numeric { precision: 38, scale: 6 };
        let tables = [
            table(
                "live.positions",
                StoreKind::Materialize,
                None,
                &[("symbol", SqlType::Text), ("net_qty", number), ("day", SqlType::Date)],
            ),
            table(
                "latest.position",
                StoreKind::Redis,
                Some("symbol"),
                &[("symbol", SqlType::Text), ("quantity", SqlType::Float8)],
            ),
        ];
        let policies = visible.iter().map(|name| (TableName::parse(name).unwrap(), Policy::Shared));
        let snapshot = Arc::new(Snapshot::new(1, tables, Arc::new(PolicyBook::new(policies))));
        let config = Config::parse(text, &[]).unwrap();
        assert_eq!(config.check(), []);
        define(&config.logical_tables, &snapshot, &FunctionRegistry::standard()).unwrap()
    }

    fn positions(live: &str, latest: &str) -> String {
        format!(
            "[[logical_tables]]\nname = \"positions\"\ncolumns = [\"symbol\", \"quantity\", \"day\"]\n\
             [[logical_tables.placements]]\nfreshness = \"realtime\"\ntable = \"live.positions\"\n\
             columns = {{ symbol = \"symbol\", quantity = '{live}', day = \"day\" }}\n\
             [[logical_tables.placements]]\nfreshness = \"point\"\ntable = \"latest.position\"\n\
             columns = {{ symbol = \"symbol\", quantity = '{latest}' }}\n"
        )
    }

    const BOTH: &[&str] = &["live.positions", "latest.position"];

    fn problems(text: &str, visible: &[&str]) -> Vec<String> {
        defined(text, visible).problems.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn columns_meet_in_one_type_and_keys_are_found() {
        let defined = defined(&positions("net_qty", "quantity"), BOTH);
        assert_eq!(defined.problems, []);
        let [table] = defined.tables.as_slice() else { panic!("{:?}", defined.tables) };
        let columns: Vec<String> =
            table.columns.iter().map(|column| format!("{} {}", column.name, column.sql_type)).collect();
        assert_eq!(columns, ["symbol text", "quantity double precision", "day date"]);
        let [live, point] = table.placements.as_slice() else { panic!("{:?}", table.placements) };
        assert_eq!((live.freshness, live.key), (Freshness::Realtime, None));
        assert_eq!((point.freshness, point.key), (Freshness::Point, Some(0)));
        assert!(live.expression(1).is_some_and(|cast| !is_column(cast, "net_qty")), "{live:?}");
        assert!(matches!(point.expression(1), Some(Expr::Column(_))), "{point:?}");
        assert!(live.expression(2).is_some() && point.expression(2).is_none());
    }

    #[test]
    fn an_explicit_cast_decides_the_type() {
        let defined = defined(&positions("net_qty", "quantity::numeric(38,6)"), BOTH);
        assert_eq!(defined.problems, []);
        assert_eq!(defined.tables[0].columns[1].sql_type, SqlType::Numeric { precision: 38, scale: 6 });
        assert!(matches!(defined.tables[0].placements[0].expression(1), Some(Expr::Column(_))));
    }

    #[test]
    fn what_does_not_fit_is_told_and_the_table_is_not_there() {
        let place = "logical_tables[0].placements[0].columns.quantity: ";
        for (live, latest, expected) in [
            ("gone", "quantity", format!("{place}column \"gone\" does not exist")),
            ("net_qty +", "quantity", format!("{place}syntax error")),
            ("sum(net_qty)", "quantity", format!("{place}it must be an expression over one row")),
            ("current_user", "quantity", format!("{place}it must be an expression over one row")),
            (
                "symbol",
                "quantity",
                "logical_tables[0].columns: column \"quantity\" is text in live.positions and double precision in \
                 latest.position; cast one of them"
                    .to_owned(),
            ),
        ] {
            let text = positions(live, latest);
            let problems = problems(&text, BOTH);
            assert_eq!(problems.len(), 1, "{live}: {problems:?}");
            assert!(problems[0].starts_with(&expected), "{problems:?} should start with {expected}");
            assert!(defined(&text, BOTH).tables.is_empty(), "{live}");
        }
    }

    #[test]
    fn a_placement_without_a_visible_table_is_left_out_and_still_read() {
        let text = positions("net_qty", "quantity");
        let point_only = defined(&text, &["latest.position"]);
        assert_eq!(point_only.problems, []);
        assert_eq!(point_only.absent.len(), 1);
        let [table] = point_only.tables.as_slice() else { panic!("{:?}", point_only.tables) };
        assert_eq!(table.columns.len(), 2, "nobody has the day");
        assert_eq!(table.placements.len(), 1);
        let nothing = defined(&text, &[]);
        assert!(nothing.tables.is_empty() && nothing.problems.is_empty());
        let wanted = BOTH.iter().map(|table| TableName::parse(table).unwrap()).collect();
        assert_eq!(nothing.unplaced, BTreeMap::from([(TableName::new("flowforge", "positions"), wanted)]));
        assert_eq!(point_only.unplaced, BTreeMap::new());
        assert_eq!(
            defined(&positions("net_qty +", "quantity"), &[]).unplaced,
            BTreeMap::new(),
            "it can never be there"
        );
        assert_eq!(problems(&positions("net_qty +", "quantity"), &["latest.position"]).len(), 1);
    }

    #[test]
    fn a_store_keeps_the_name_of_its_table() {
        let text = "[[logical_tables]]\nname = \"positions\"\nschema = \"live\"\ncolumns = [\"symbol\"]\n\
                    placements = [{ freshness = \"point\", table = \"latest.position\" }]\n";
        assert_eq!(problems(text, BOTH), ["logical_tables[0].name: a store has a table live.positions of its own"]);
    }
}
