//! The function table: one row a function, read by the SQL front, the formula language, the emitter and the
//! documentation.
//!
//! Comes in: nothing. Goes out: signatures, implementations and the way every dialect writes them.
//! Does not: plan or emit.
//! Invariant: a function that is not in the table cannot be called, and every row answers for every dialect.

mod aggregates;
mod arithmetic;
mod array;
mod array_order;
mod bind;
mod calendar;
mod clock;
mod date_text;
mod date_words;
mod datetime;
mod formats;
mod function;
mod interval_forms;
mod intervals;
mod json;
mod library;
pub mod literal;
mod mathematics;
mod misc;
mod numeric;
mod operators;
mod overload;
mod quoted_char;
mod read_as;
mod regex;
mod registry;
mod remembered;
mod rounding;
mod rows;
mod sets;
mod shifts;
mod signature;
mod table;
mod text;
mod texts;
mod time_calls;
mod time_columns;
mod type_tags;
mod value;
mod value_order;

pub use aggregates::{aggregate_argument_types, is_own_aggregate};
pub use arithmetic::plain_nan;
pub use bind::{bind, is_unread, parameter_value, unread};
pub use clock::differs_within_statement;
pub use function::{type_name, unknown_function};
pub use intervals::length as interval_length;
pub use misc::check_window_arguments;
pub use overload::{Settled, argument_types, is_open, settled};
pub use registry::FunctionRegistry;
pub use sets::series;
pub use table::{FunctionKind, FunctionRow, Rendering, find, rows};
pub use text::differs_as_text;
pub use texts::escaped_again;
pub use time_calls::{moved_time, time_cast, time_cast_of_key};
pub use time_columns::is_time_cast;
pub use type_tags::{as_nullable, unnamed_column};
pub use value_order::{list_item, plain_key};
