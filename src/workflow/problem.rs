//! Problems of a graph, and the error that a refused graph becomes.

use std::fmt;

use serde::Serialize;

use crate::base::{ErrorReport, InternalError, SqlState, UserFacing};

/// Whether a graph with the problem runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// It does not run.
    Error,
    /// It runs; the user may want to know.
    Warning,
}

impl Severity {
    /// The word in `workflow_validate`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warning => "warning",
        }
    }
}

macro_rules! problem_codes {
    ($($(#[doc = $doc:literal])+ $variant:ident = $name:literal, $state:ident;)+) => {
        /// What kind of problem it is. The names are part of the contract with the canvas.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum ProblemCode {
            $($(#[doc = $doc])+ $variant,)+
        }

        impl ProblemCode {
            /// Every code, in the order of the contract.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)+];

            /// The name in `workflow_validate`.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$variant => $name,)+
                }
            }

            /// The SQLSTATE of a request that is refused for it.
            #[must_use]
            pub const fn sqlstate(self) -> SqlState {
                match self {
                    $(Self::$variant => SqlState::$state,)+
                }
            }
        }
    };
}

problem_codes! {
    /// Two nodes have one id.
    DuplicateNodeId = "duplicate_node_id", INVALID_PARAMETER_VALUE;
    /// An edge begins or ends at a node that is not there.
    DanglingEdge = "dangling_edge", INVALID_PARAMETER_VALUE;
    /// Nodes feed each other in a circle.
    Cycle = "cycle", INVALID_PARAMETER_VALUE;
    /// No node type of that name.
    UnknownNodeType = "unknown_node_type", INVALID_PARAMETER_VALUE;
    /// An input is not connected.
    MissingInput = "missing_input", INVALID_PARAMETER_VALUE;
    /// More edges arrive than the node has inputs.
    TooManyInputs = "too_many_inputs", INVALID_PARAMETER_VALUE;
    /// A key of the configuration has a value that it cannot have.
    BadConfig = "bad_config", INVALID_PARAMETER_VALUE;
    /// A key that the node type does not have.
    UnknownKey = "unknown_key", INVALID_PARAMETER_VALUE;
    /// The configuration is not filled in yet.
    Unfinished = "unfinished", INVALID_PARAMETER_VALUE;
    /// No table of that name.
    UnknownTable = "unknown_table", UNDEFINED_TABLE;
    /// A bare name that several schemas have.
    AmbiguousTable = "ambiguous_table", AMBIGUOUS_ALIAS;
    /// No column of that name.
    UnknownColumn = "unknown_column", UNDEFINED_COLUMN;
    /// A column is named twice.
    DuplicateColumn = "duplicate_column", DUPLICATE_COLUMN;
    /// A value or column of the wrong type.
    TypeMismatch = "type_mismatch", DATATYPE_MISMATCH;
    /// The keys of a join cannot be compared.
    JoinKeyType = "join_key_type", DATATYPE_MISMATCH;
    /// The inputs of a union do not fit on each other.
    UnionIncompatible = "union_incompatible", DATATYPE_MISMATCH;
    /// A formula that cannot be read.
    FormulaSyntax = "formula_syntax", SYNTAX_ERROR;
    /// A formula names a column that is not there.
    FormulaUnknownColumn = "formula_unknown_column", UNDEFINED_COLUMN;
    /// A formula calls a function that is not there.
    FormulaUnknownFunction = "formula_unknown_function", UNDEFINED_FUNCTION;
    /// An aggregate function outside a group.
    AggregateOutsideGroupBy = "aggregate_outside_group_by", GROUPING_ERROR;
    /// A window function that needs an order where none is in effect.
    WindowWithoutOrder = "window_without_order", WINDOWING_ERROR;
    /// The columns that the canvas has are not those of the catalog.
    SchemaDrift = "schema_drift", WARNING;
    /// A limit is passed.
    TooLarge = "too_large", PROGRAM_LIMIT_EXCEEDED;
}

/// One problem of a graph.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// The node; `None` for the graph as a whole.
    pub node_id: Option<String>,
    /// The input or the key of the configuration where it is.
    pub port: Option<String>,
    /// Whether the graph runs.
    pub severity: Severity,
    /// What kind.
    pub code: ProblemCode,
    /// A sentence, PostgreSQL's way.
    pub message: String,
    /// What was expected.
    pub expected: Option<String>,
    /// What was found.
    pub actual: Option<String>,
    /// 1-based character position in the text that is wrong: a formula, or the graph.
    pub position: Option<usize>,
    /// The error behind it, where it is not the graph's: its SQLSTATE and hint are those of a request that is refused for it.
    pub cause: Option<ErrorReport>,
}

impl Problem {
    /// An error of the graph as a whole; the rest is added with the other methods.
    pub fn error(code: ProblemCode, message: impl Into<String>) -> Self {
        Self {
            node_id: None,
            port: None,
            severity: Severity::Error,
            code,
            message: message.into(),
            expected: None,
            actual: None,
            position: None,
            cause: None,
        }
    }

    /// The same as a warning.
    pub fn warning(code: ProblemCode, message: impl Into<String>) -> Self {
        Self { severity: Severity::Warning, ..Self::error(code, message) }
    }

    /// The same at a node.
    #[must_use]
    pub fn at(mut self, node_id: &str) -> Self {
        self.node_id = Some(node_id.to_owned());
        self
    }

    /// The same at an input or a key of the configuration.
    #[must_use]
    pub fn port(mut self, port: impl Into<String>) -> Self {
        self.port = Some(port.into());
        self
    }

    /// The same with what was expected.
    #[must_use]
    pub fn expected(mut self, expected: impl Into<String>) -> Self {
        self.expected = Some(expected.into());
        self
    }

    /// The same with what was found.
    #[must_use]
    pub fn actual(mut self, actual: impl Into<String>) -> Self {
        self.actual = Some(actual.into());
        self
    }

    /// The same with a 1-based character position.
    #[must_use]
    pub fn position(mut self, position: usize) -> Self {
        self.position = Some(position);
        self
    }

    /// The same with the error behind it, which is not the graph's.
    #[must_use]
    pub fn caused_by(mut self, cause: ErrorReport) -> Self {
        self.cause = Some(cause);
        self
    }

    /// Whether the graph does not run because of it.
    #[must_use]
    pub fn is_error(&self) -> bool {
        self.severity == Severity::Error
    }
}

impl From<ErrorReport> for Problem {
    /// A limit that was passed.
    fn from(report: ErrorReport) -> Self {
        let problem = Self::error(ProblemCode::TooLarge, report.message);
        match report.detail {
            Some(detail) => problem.actual(detail),
            None => problem,
        }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.node_id {
            Some(node) => write!(f, "node \"{node}\": {}", self.message),
            None => f.write_str(&self.message),
        }
    }
}

/// Why a graph does not become a plan.
#[derive(Debug, Clone, thiserror::Error)]
pub enum WorkflowError {
    /// The text is not JSON.
    #[error("invalid input syntax for type json")]
    Malformed {
        /// What the parser met.
        detail: String,
        /// 1-based character position in the graph's text.
        position: Option<usize>,
    },
    /// The first problem on the way to the target.
    #[error("{0}")]
    Invalid(Box<Problem>),
    /// The target is not a node of the graph.
    #[error("there is no node \"{target}\" in the workflow")]
    UnknownTarget {
        /// The id that was asked for.
        target: String,
        /// The most similar id.
        nearest: Option<String>,
    },
    /// A node type that this version knows and cannot run.
    #[error("node \"{node_id}\": node type \"{node_type}\" is not built yet")]
    NotBuilt {
        /// The node.
        node_id: String,
        /// Its type.
        node_type: String,
    },
    /// A number of rows that cannot be.
    #[error("{name} must not be negative")]
    NegativeRows {
        /// `limit` or `offset`.
        name: &'static str,
    },
    /// A limit was passed.
    #[error(transparent)]
    TooLarge(ErrorReport),
    /// A defect.
    #[error(transparent)]
    Internal(#[from] InternalError),
}

impl From<Problem> for WorkflowError {
    fn from(problem: Problem) -> Self {
        Self::Invalid(Box::new(problem))
    }
}

impl UserFacing for WorkflowError {
    fn sqlstate(&self) -> SqlState {
        match self {
            Self::Malformed { .. } => SqlState::INVALID_TEXT_REPRESENTATION,
            Self::Invalid(problem) => {
                problem.cause.as_ref().map_or_else(|| problem.code.sqlstate(), |cause| cause.sqlstate)
            }
            Self::UnknownTarget { .. } => SqlState::INVALID_PARAMETER_VALUE,
            Self::NotBuilt { .. } => SqlState::FEATURE_NOT_SUPPORTED,
            Self::NegativeRows { name: "offset" } => SqlState::INVALID_ROW_COUNT_IN_RESULT_OFFSET_CLAUSE,
            Self::NegativeRows { .. } => SqlState::INVALID_ROW_COUNT_IN_LIMIT_CLAUSE,
            Self::TooLarge(report) => report.sqlstate,
            Self::Internal(error) => error.sqlstate(),
        }
    }

    fn detail(&self) -> Option<String> {
        match self {
            Self::Malformed { detail, .. } => Some(detail.clone()),
            Self::Invalid(problem) => details(problem),
            Self::TooLarge(report) => report.detail.clone(),
            Self::UnknownTarget { .. } | Self::NotBuilt { .. } | Self::NegativeRows { .. } | Self::Internal(_) => None,
        }
    }

    fn hint(&self) -> Option<String> {
        match self {
            Self::UnknownTarget { nearest: Some(near), .. } => Some(format!("Perhaps you meant the node \"{near}\".")),
            Self::Invalid(problem) if problem.cause.is_some() => {
                problem.cause.as_ref().and_then(|cause| cause.hint.clone())
            }
            Self::Invalid(_) => Some("workflow_validate lists every problem of a workflow.".to_owned()),
            Self::TooLarge(report) => report.hint.clone(),
            Self::Internal(error) => error.hint(),
            Self::Malformed { .. } | Self::UnknownTarget { .. } | Self::NotBuilt { .. } | Self::NegativeRows { .. } => {
                None
            }
        }
    }
}

fn details(problem: &Problem) -> Option<String> {
    let place = problem.port.as_ref().map(|port| format!("In {port}."));
    let expected = problem.expected.as_ref().map(|expected| format!("Expected: {expected}."));
    let actual = problem.actual.as_ref().map(|actual| format!("Found: {actual}."));
    let cause = problem.cause.as_ref().and_then(|cause| cause.detail.clone());
    let parts: Vec<String> = [place, expected, actual, cause].into_iter().flatten().collect();
    (!parts.is_empty()).then(|| parts.join(" "))
}
