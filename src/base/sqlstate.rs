//! The SQLSTATE codes that this server sends. Source: PostgreSQL 15 documentation, appendix A.

use std::fmt;

/// A five-character SQLSTATE. Only the constants below exist, so the list of what a client can meet is this file.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SqlState(&'static str);

impl SqlState {
    /// The five characters.
    #[must_use]
    pub const fn code(self) -> &'static str {
        self.0
    }

    /// The two characters of the class.
    #[must_use]
    pub fn class(self) -> &'static str {
        &self.0[..2]
    }
}

impl fmt::Display for SqlState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

impl fmt::Debug for SqlState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

macro_rules! sqlstates {
    ($($(#[doc = $doc:literal])+ $name:ident = $code:literal;)+) => {
        impl SqlState {
            $($(#[doc = $doc])+ pub const $name: Self = Self($code);)+

            /// Every code with its condition name, for the generated table in `protocol/`.
            pub const ALL: &'static [(&'static str, Self)] = &[$((stringify!($name), Self::$name)),+];
        }
    };
}

sqlstates! {
    /// A notice that is not an error.
    WARNING = "01000";
    /// A parameter was given twice or makes no sense here.
    FEATURE_NOT_SUPPORTED = "0A000";
    /// The connection to a store failed.
    CONNECTION_FAILURE = "08006";
    /// The client broke the wire protocol.
    PROTOCOL_VIOLATION = "08P01";
    /// More than one row from a scalar subquery.
    CARDINALITY_VIOLATION = "21000";
    /// Data that a function cannot take.
    DATA_EXCEPTION = "22000";
    /// Text too long for its type.
    STRING_DATA_RIGHT_TRUNCATION = "22001";
    /// NULL where none may be.
    NULL_VALUE_NOT_ALLOWED = "22004";
    /// A number outside the range of its type.
    NUMERIC_VALUE_OUT_OF_RANGE = "22003";
    /// A date or time that cannot be read.
    INVALID_DATETIME_FORMAT = "22007";
    /// A date or time outside the range.
    DATETIME_FIELD_OVERFLOW = "22008";
    /// A field of an interval outside the range.
    INTERVAL_FIELD_OVERFLOW = "22015";
    /// Division by zero.
    DIVISION_BY_ZERO = "22012";
    /// A negative length.
    SUBSTRING_ERROR = "22011";
    /// A histogram without buckets.
    INVALID_ARGUMENT_FOR_WIDTH_BUCKET_FUNCTION = "2201G";
    /// A number of buckets that is less than one.
    INVALID_ARGUMENT_FOR_NTILE_FUNCTION = "22014";
    /// A number of a row that is less than one.
    INVALID_ARGUMENT_FOR_NTH_VALUE_FUNCTION = "22016";
    /// Arrays whose dimensions do not fit.
    ARRAY_SUBSCRIPT_ERROR = "2202E";
    /// A character that cannot be a text.
    UNTRANSLATABLE_CHARACTER = "22P05";
    /// A window frame that ends before it begins.
    INVALID_PRECEDING_OR_FOLLOWING_SIZE = "22013";
    /// An escape character that means nothing where it stands.
    INVALID_USE_OF_ESCAPE_CHARACTER = "2200C";
    /// An escape that is none.
    INVALID_ESCAPE_SEQUENCE = "22025";
    /// A LIMIT below zero.
    INVALID_ROW_COUNT_IN_LIMIT_CLAUSE = "2201W";
    /// An OFFSET below zero.
    INVALID_ROW_COUNT_IN_RESULT_OFFSET_CLAUSE = "2201X";
    /// A regular expression that does not compile.
    INVALID_REGULAR_EXPRESSION = "2201B";
    /// A logarithm of zero or less.
    INVALID_ARGUMENT_FOR_LOGARITHM = "2201E";
    /// A power that has no real result.
    INVALID_ARGUMENT_FOR_POWER_FUNCTION = "2201F";
    /// Bytes that are not valid in the encoding.
    CHARACTER_NOT_IN_REPERTOIRE = "22021";
    /// More hours from UTC than there are.
    INVALID_TIME_ZONE_DISPLACEMENT = "22009";
    /// A sample of a table that is repeated after nothing.
    INVALID_TABLESAMPLE_REPEAT = "2202G";
    /// A part of a table that is not between nothing and all of it.
    INVALID_TABLESAMPLE_ARGUMENT = "2202H";
    /// An argument with a value that the function refuses.
    INVALID_PARAMETER_VALUE = "22023";
    /// Text that does not parse as the type.
    INVALID_TEXT_REPRESENTATION = "22P02";
    /// Binary data that does not parse as the type.
    INVALID_BINARY_REPRESENTATION = "22P03";
    /// A write on a read-only server.
    READ_ONLY_SQL_TRANSACTION = "25006";
    /// A statement that may not run inside a transaction block.
    ACTIVE_SQL_TRANSACTION = "25001";
    /// An idle transaction block took too long.
    IDLE_IN_TRANSACTION_SESSION_TIMEOUT = "25P03";
    /// A statement that needs a transaction block.
    NO_ACTIVE_SQL_TRANSACTION = "25P01";
    /// The transaction block has failed.
    IN_FAILED_SQL_TRANSACTION = "25P02";
    /// A prepared statement that does not exist.
    INVALID_SQL_STATEMENT_NAME = "26000";
    /// A savepoint that does not exist.
    INVALID_SAVEPOINT_SPECIFICATION = "3B001";
    /// Not allowed to connect as this user.
    INVALID_AUTHORIZATION_SPECIFICATION = "28000";
    /// Wrong user name or password.
    INVALID_PASSWORD = "28P01";
    /// A portal that does not exist.
    INVALID_CURSOR_NAME = "34000";
    /// No such database.
    INVALID_CATALOG_NAME = "3D000";
    /// No such schema.
    INVALID_SCHEMA_NAME = "3F000";
    /// A statement that cannot be parsed.
    SYNTAX_ERROR = "42601";
    /// Not allowed.
    INSUFFICIENT_PRIVILEGE = "42501";
    /// A cast that does not exist.
    CANNOT_COERCE = "42846";
    /// A column that is neither grouped nor aggregated, or an aggregate where none may stand.
    GROUPING_ERROR = "42803";
    /// A window function where none may stand.
    WINDOWING_ERROR = "42P20";
    /// A call of another kind of function than the form of the call says.
    WRONG_OBJECT_TYPE = "42809";
    /// Operands of types that do not go together.
    DATATYPE_MISMATCH = "42804";
    /// A recursion that is not allowed.
    INVALID_RECURSION = "42P19";
    /// A text that is no name.
    INVALID_NAME = "42602";
    /// A name that is reserved.
    RESERVED_NAME = "42939";
    /// An identifier that is too long.
    NAME_TOO_LONG = "42622";
    /// No such column.
    UNDEFINED_COLUMN = "42703";
    /// No such function or operator for these types.
    UNDEFINED_FUNCTION = "42883";
    /// No such table.
    UNDEFINED_TABLE = "42P01";
    /// No such parameter.
    UNDEFINED_PARAMETER = "42P02";
    /// No such object of another kind: type, setting.
    UNDEFINED_OBJECT = "42704";
    /// A text that is no date and no time for a path.
    INVALID_ARGUMENT_FOR_SQL_JSON_DATETIME_FUNCTION = "22031";
    /// A subscript of a path that the array does not have.
    INVALID_SQL_JSON_SUBSCRIPT = "22033";
    /// A value of a path that is no number.
    NON_NUMERIC_SQL_JSON_ITEM = "22036";
    /// More or less than the one value that an operator of a path wants.
    SINGLETON_SQL_JSON_ITEM_REQUIRED = "22038";
    /// A value of a path that is no array.
    SQL_JSON_ARRAY_NOT_FOUND = "22039";
    /// A key that the object does not have.
    SQL_JSON_MEMBER_NOT_FOUND = "2203A";
    /// An operand of a path that is no number.
    SQL_JSON_NUMBER_NOT_FOUND = "2203B";
    /// A value of a path that is no object.
    SQL_JSON_OBJECT_NOT_FOUND = "2203C";
    /// A column named twice.
    DUPLICATE_COLUMN = "42701";
    /// A cursor named twice.
    DUPLICATE_CURSOR = "42P03";
    /// A prepared statement named twice.
    DUPLICATE_PREPARED_STATEMENT = "42P05";
    /// A table name or alias used twice in one FROM.
    DUPLICATE_ALIAS = "42712";
    /// A column that more than one table has.
    AMBIGUOUS_COLUMN = "42702";
    /// A table name that means more than one table.
    AMBIGUOUS_ALIAS = "42P09";
    /// A function call that more than one signature fits.
    AMBIGUOUS_FUNCTION = "42725";
    /// A parameter whose type cannot be told.
    INDETERMINATE_DATATYPE = "42P18";
    /// A column reference that is not valid here.
    INVALID_COLUMN_REFERENCE = "42P10";
    /// A FROM entry that is referred to where it cannot be seen.
    INVALID_TABLE_DEFINITION = "42P16";
    /// The server has no room for this, for now.
    INSUFFICIENT_RESOURCES = "53000";
    /// Out of memory for this statement.
    OUT_OF_MEMORY = "53200";
    /// Too many sessions.
    TOO_MANY_CONNECTIONS = "53300";
    /// A configured limit was passed.
    CONFIGURATION_LIMIT_EXCEEDED = "53400";
    /// A limit of the program was passed.
    PROGRAM_LIMIT_EXCEEDED = "54000";
    /// A statement too complex: nesting.
    STATEMENT_TOO_COMPLEX = "54001";
    /// Too many columns.
    TOO_MANY_COLUMNS = "54011";
    /// Too many arguments.
    TOO_MANY_ARGUMENTS = "54023";
    /// The object is not in the state that the call needs.
    OBJECT_NOT_IN_PREREQUISITE_STATE = "55000";
    /// Somebody uses the object just now.
    OBJECT_IN_USE = "55006";
    /// A setting that cannot be changed now.
    CANT_CHANGE_RUNTIME_PARAM = "55P02";
    /// The statement was cancelled or timed out.
    QUERY_CANCELED = "57014";
    /// The server shuts down.
    ADMIN_SHUTDOWN = "57P01";
    /// The server does not take connections now.
    CANNOT_CONNECT_NOW = "57P03";
    /// A session was idle for too long.
    IDLE_SESSION_TIMEOUT = "57P05";
    /// An input/output error at a store.
    IO_ERROR = "58030";
    /// A defect of this server.
    INTERNAL_ERROR = "XX000";
}
