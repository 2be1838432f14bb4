//! What a chain means, node by node on rows, written as plainly as possible. It shares no code with the planner.

use std::cmp::Ordering;

/// A value.
#[derive(Debug, Clone, PartialEq)]
pub enum Cell {
    Null,
    Int(i64),
    /// Ten-thousandths.
    Number(i64),
    Text(String),
}

impl Cell {
    pub fn text(&self) -> String {
        match self {
            Self::Null => "NULL".to_owned(),
            Self::Int(value) => value.to_string(),
            Self::Number(value) => {
                let sign = if *value < 0 { "-" } else { "" };
                format!("{sign}{}.{:04}", value.abs() / 10_000, value.abs() % 10_000)
            }
            Self::Text(value) => value.clone(),
        }
    }

    fn compare(&self, other: &Self) -> Ordering {
        match (self, other) {
            (Self::Int(a), Self::Int(b)) | (Self::Number(a), Self::Number(b)) => a.cmp(b),
            (Self::Text(a), Self::Text(b)) => a.as_bytes().cmp(b.as_bytes()),
            _ => panic!("{self:?} and {other:?}"),
        }
    }
}

/// A node of a chain.
#[derive(Debug, Clone)]
pub enum Step {
    Filter {
        column: String,
        operator: &'static str,
        values: Vec<Cell>,
    },
    Any(Vec<Step>),
    Select(Vec<String>),
    /// Column, ascending, NULLs first.
    Sort(Vec<(String, bool, bool)>),
    Limit {
        limit: usize,
        offset: usize,
    },
}

/// Rows with the names of their columns.
#[derive(Debug, Clone)]
pub struct Rows {
    pub names: Vec<String>,
    pub rows: Vec<Vec<Cell>>,
}

impl Rows {
    fn place(&self, name: &str) -> usize {
        self.names.iter().position(|known| known == name).unwrap()
    }

    /// The rows after one more node.
    pub fn apply(mut self, step: &Step) -> Self {
        match step {
            Step::Filter { .. } | Step::Any(_) => {
                let kept: Vec<Vec<Cell>> = self.rows.iter().filter(|row| self.keeps(step, row)).cloned().collect();
                self.rows = kept;
            }
            Step::Select(names) => {
                let places: Vec<usize> = names.iter().map(|name| self.place(name)).collect();
                self.rows =
                    self.rows.iter().map(|row| places.iter().map(|place| row[*place].clone()).collect()).collect();
                self.names.clone_from(names);
            }
            Step::Sort(keys) => {
                let keys: Vec<(usize, bool, bool)> =
                    keys.iter().map(|(name, ascending, first)| (self.place(name), *ascending, *first)).collect();
                self.rows.sort_by(|a, b| {
                    keys.iter()
                        .map(|key| order(&a[key.0], &b[key.0], key.1, key.2))
                        .find(|o| o.is_ne())
                        .unwrap_or(Ordering::Equal)
                });
            }
            Step::Limit { limit, offset } => {
                self.rows = self.rows.into_iter().skip(*offset).take(*limit).collect();
            }
        }
        self
    }

    fn keeps(&self, step: &Step, row: &[Cell]) -> bool {
        match step {
            Step::Any(steps) => steps.iter().any(|step| self.keeps(step, row)),
            Step::Filter { column, operator, values } => holds(&row[self.place(column)], operator, values),
            _ => panic!("{step:?} is no condition"),
        }
    }
}

fn order(a: &Cell, b: &Cell, ascending: bool, nulls_first: bool) -> Ordering {
    match (a == &Cell::Null, b == &Cell::Null) {
        (true, true) => Ordering::Equal,
        (true, false) => {
            if nulls_first {
                Ordering::Less
            } else {
                Ordering::Greater
            }
        }
        (false, true) => {
            if nulls_first {
                Ordering::Greater
            } else {
                Ordering::Less
            }
        }
        (false, false) if ascending => a.compare(b),
        (false, false) => b.compare(a),
    }
}

fn holds(cell: &Cell, operator: &str, values: &[Cell]) -> bool {
    match operator {
        "is null" => return cell == &Cell::Null,
        "is not null" => return cell != &Cell::Null,
        _ if cell == &Cell::Null => return false,
        _ => {}
    }
    let (own, other) = (cell.text(), values[0].text());
    match operator {
        "=" => cell == &values[0],
        "!=" => cell != &values[0],
        ">" => cell.compare(&values[0]).is_gt(),
        "<" => cell.compare(&values[0]).is_lt(),
        ">=" => cell.compare(&values[0]).is_ge(),
        "<=" => cell.compare(&values[0]).is_le(),
        "between" => cell.compare(&values[0]).is_ge() && cell.compare(&values[1]).is_le(),
        "in" => values.contains(cell),
        "not in" => !values.contains(cell),
        "contains" => own.contains(&other),
        "not contains" => !own.contains(&other),
        "starts with" => own.starts_with(&other),
        "ends with" => own.ends_with(&other),
        _ => panic!("{operator}"),
    }
}
