//! Signatures as PostgreSQL writes them, and which of several a call means (`func_select_candidate` of its parser).

use datafusion::arrow::datatypes::DataType;

use crate::base::types::DEFAULT_NUMERIC;
use crate::base::{ErrorReport, SqlState, SqlType, TextType};

use super::function::{type_name, undefined_names};

/// What a parameter takes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Parameter {
    /// One type; a `numeric` of any digits.
    Exact(SqlType),
    /// Anything, each argument as it is.
    Any,
    /// Anything, but the same type as every other of its kind.
    AnyElement,
    /// An array of the element type.
    AnyArray,
    /// Anything that has a type in common with the others of its kind.
    AnyCompatible,
    /// An array of that common type.
    AnyCompatibleArray,
    /// A row.
    Record,
}

/// Parameters and result.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct CallSignature {
    pub(super) parameters: Vec<Parameter>,
    /// The last parameter may come again and again, but at least once.
    variadic: bool,
    pub(super) result: Parameter,
}

/// An argument: `None` where it is a constant in quotes or NULL, whose type is still open.
pub(super) type Argument = Option<DataType>;

/// The types that the arguments of a chosen signature become, and its result where the signature says it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Chosen {
    pub(super) index: usize,
    pub(super) arguments: Vec<DataType>,
    pub(super) result: DataType,
}

impl CallSignature {
    /// Reads `(text, variadic any) text`. A word that is no type stands for `any`; a test looks for such.
    pub(super) fn parse(text: &str) -> Self {
        let (parameters, result) = text.trim_start_matches('(').split_once(')').unwrap_or((text, "any"));
        let words: Vec<&str> = parameters.split(',').map(str::trim).filter(|word| !word.is_empty()).collect();
        let variadic = words.last().is_some_and(|word| word.starts_with("variadic "));
        let parameters = words.iter().map(|word| parameter(word.trim_start_matches("variadic "))).collect();
        Self { parameters, variadic, result: parameter(result.trim()) }
    }

    fn takes(&self, count: usize) -> bool {
        if self.variadic { count >= self.parameters.len() } else { count == self.parameters.len() }
    }

    fn parameter(&self, index: usize) -> &Parameter {
        self.parameters.get(index).or_else(|| self.parameters.last()).unwrap_or(&Parameter::Any)
    }

    /// Whether every argument can become what its parameter takes, without an explicit cast.
    fn fits(&self, arguments: &[Argument]) -> bool {
        self.takes(arguments.len())
            && arguments.iter().enumerate().all(|(index, argument)| {
                argument.as_ref().is_none_or(|argument| accepts(self.parameter(index), argument))
            })
            && self.bind(arguments).is_some()
    }

    /// The types of the arguments; `None` where the polymorphic ones do not agree.
    fn bind(&self, arguments: &[Argument]) -> Option<(Vec<DataType>, DataType)> {
        let (exact, compatible) = self.polymorphic(arguments)?;
        let deepest = arguments.iter().flatten().map(dimensions).max().unwrap_or_default().max(1);
        let resolve = |parameter: &Parameter, argument: Option<&DataType>| -> Option<DataType> {
            Some(match parameter {
                Parameter::Exact(SqlType::Numeric { .. }) => numeric_type(argument),
                Parameter::Exact(sql_type) => sql_type.arrow(),
                Parameter::Any | Parameter::Record => argument.cloned().unwrap_or(DataType::Utf8),
                Parameter::AnyElement => exact.clone()?,
                Parameter::AnyArray => list_of(exact.clone()?),
                Parameter::AnyCompatible => compatible.clone()?,
                Parameter::AnyCompatibleArray => nested(compatible.clone()?, argument.map_or(deepest, dimensions)),
            })
        };
        let types = arguments.iter().enumerate();
        let types = types.map(|(index, argument)| resolve(self.parameter(index), argument.as_ref()));
        Some((types.collect::<Option<_>>()?, resolve(&self.result, None)?))
    }

    /// What `anyelement` and `anycompatible` stand for; text where nothing says it.
    fn polymorphic(&self, arguments: &[Argument]) -> Option<(Option<DataType>, Option<DataType>)> {
        let (mut exact, mut compatible): (Option<DataType>, Option<DataType>) = (None, None);
        for (index, argument) in arguments.iter().enumerate() {
            let Some(argument) = argument else { continue };
            match self.parameter(index) {
                Parameter::AnyElement => exact = Some(same(exact, argument)?),
                Parameter::AnyArray => exact = Some(same(exact, &element(argument)?)?),
                Parameter::AnyCompatible => compatible = Some(common(compatible, argument)?),
                Parameter::AnyCompatibleArray => compatible = Some(common(compatible, leaf(argument))?),
                Parameter::Exact(_) | Parameter::Any | Parameter::Record => {}
            }
        }
        let open = |found: Option<DataType>| Some(found.unwrap_or(DataType::Utf8));
        Some((open(exact), open(compatible)))
    }
}

fn same(before: Option<DataType>, now: &DataType) -> Option<DataType> {
    match before {
        None => Some(now.clone()),
        Some(before) if is_decimal(&before) && is_decimal(now) => common(Some(before), now),
        Some(before) => (before == *now).then_some(before),
    }
}

fn common(before: Option<DataType>, now: &DataType) -> Option<DataType> {
    let Some(before) = before else { return Some(now.clone()) };
    if before == *now {
        return Some(before);
    }
    if let (DataType::List(a), DataType::List(b)) = (&before, now) {
        return Some(list_of(common(Some(a.data_type().clone()), b.data_type())?));
    }
    if is_exact_number(&before) && is_exact_number(now) && (is_decimal(&before) || is_decimal(now)) {
        let (a, b) = (numeric_type(Some(&before)), numeric_type(Some(now)));
        let scale = scale_of(&a).max(scale_of(&b));
        let is_wide = [&a, &b].iter().any(|one| matches!(one, DataType::Decimal256(_, _)));
        return Some(if is_wide { DataType::Decimal256(76, scale) } else { DataType::Decimal128(38, scale) });
    }
    if [&before, now].iter().any(|one| matches!(one, DataType::Struct(_))) {
        // How records meet is said in `sql::record_types`.
        return None;
    }
    let (a, b) = (SqlType::from_arrow(&before).ok()?, SqlType::from_arrow(now).ok()?);
    if casts(&a, &b) { Some(now.clone()) } else { casts(&b, &a).then_some(before) }
}

fn is_decimal(data_type: &DataType) -> bool {
    matches!(data_type, DataType::Decimal128(_, _) | DataType::Decimal256(_, _))
}

fn is_exact_number(data_type: &DataType) -> bool {
    is_decimal(data_type) || data_type.is_integer()
}

/// Digits after the point.
pub(super) fn scale_of(data_type: &DataType) -> i8 {
    match data_type {
        DataType::Decimal128(_, scale) | DataType::Decimal256(_, scale) => *scale,
        _ => 0,
    }
}

/// The numeric that holds every value of a type.
pub(super) fn numeric_type(argument: Option<&DataType>) -> DataType {
    match argument {
        Some(decimal @ (DataType::Decimal128(_, _) | DataType::Decimal256(_, _))) => decimal.clone(),
        Some(DataType::Int8 | DataType::UInt8 | DataType::Int16) => DataType::Decimal128(5, 0),
        Some(DataType::Int32 | DataType::UInt16) => DataType::Decimal128(10, 0),
        Some(integer) if integer.is_integer() => DataType::Decimal128(20, 0),
        Some(_) | None => DataType::Decimal128(DEFAULT_NUMERIC.0, DEFAULT_NUMERIC.1),
    }
}

pub(super) fn list_of(element: DataType) -> DataType {
    DataType::List(std::sync::Arc::new(datafusion::arrow::datatypes::Field::new_list_field(element, true)))
}

/// The element type of an array.
pub(super) fn element(array: &DataType) -> Option<DataType> {
    match array {
        DataType::List(field) | DataType::LargeList(field) => Some(field.data_type().clone()),
        _ => None,
    }
}

/// The element of an array, whatever its dimensions.
pub(super) fn leaf(data_type: &DataType) -> &DataType {
    match data_type {
        DataType::List(field) => leaf(field.data_type()),
        other => other,
    }
}

/// How many dimensions an array has; none for what is no array.
pub(super) fn dimensions(data_type: &DataType) -> usize {
    element(data_type).map_or(0, |inner| dimensions(&inner) + 1)
}

/// An array of so many dimensions.
pub(super) fn nested(element: DataType, dimensions: usize) -> DataType {
    (0..dimensions).fold(element, |inner, _| list_of(inner))
}

fn parameter(word: &str) -> Parameter {
    match word {
        "anyelement" => Parameter::AnyElement,
        "anyarray" => Parameter::AnyArray,
        "anycompatible" => Parameter::AnyCompatible,
        "anycompatiblearray" => Parameter::AnyCompatibleArray,
        "record" => Parameter::Record,
        other => sql_type(other).map_or(Parameter::Any, Parameter::Exact),
    }
}

fn sql_type(word: &str) -> Option<SqlType> {
    if let Some(element) = word.strip_suffix("[]") {
        return Some(SqlType::Array(Box::new(sql_type(element)?)));
    }
    SqlType::by_pg_name(word)
}

fn accepts(parameter: &Parameter, argument: &DataType) -> bool {
    match parameter {
        Parameter::Any | Parameter::AnyElement | Parameter::AnyCompatible => true,
        Parameter::AnyArray | Parameter::AnyCompatibleArray => matches!(argument, DataType::List(_)),
        Parameter::Record => matches!(argument, DataType::Struct(_)),
        Parameter::Exact(wanted) => SqlType::from_arrow(argument).is_ok_and(|found| casts(&found, wanted)),
    }
}

fn is_plain_text(sql_type: &SqlType) -> bool {
    matches!(sql_type, SqlType::Text | SqlType::TextLike(TextType::Varchar))
}

/// Whether two types are one for the resolution of calls.
fn alike(a: &SqlType, b: &SqlType) -> bool {
    match (a, b) {
        (SqlType::Numeric { .. }, SqlType::Numeric { .. }) => true,
        (a, b) if is_plain_text(a) && is_plain_text(b) => true,
        (SqlType::Array(a), SqlType::Array(b)) => alike(a, b),
        _ => a == b,
    }
}

/// Whether PostgreSQL casts from one type to the other without being asked.
fn casts(from: &SqlType, to: &SqlType) -> bool {
    use SqlType::{Date, Float4, Float8, Int2, Int4, Int8, Interval, Numeric, Oid, Time, Timestamp, Timestamptz};
    let elements = matches!((from, to), (SqlType::Array(a), SqlType::Array(b)) if casts(a, b));
    elements
        || alike(from, to)
        || matches!(
            (from, to),
            (Int2, Int4 | Int8 | Float4 | Float8 | Numeric { .. } | Oid)
                | (Int4, Int8 | Float4 | Float8 | Numeric { .. } | Oid)
                | (Int8, Float4 | Float8 | Numeric { .. } | Oid)
                | (Numeric { .. }, Float4 | Float8)
                | (Float4, Float8)
                | (Date, Timestamp | Timestamptz)
                | (Timestamp, Timestamptz)
                | (Time, Interval)
        )
}

fn is_preferred(sql_type: &SqlType) -> bool {
    matches!(
        sql_type,
        SqlType::Float8 | SqlType::Text | SqlType::Timestamptz | SqlType::Interval | SqlType::Bool | SqlType::Oid
    )
}

fn category(parameter: &Parameter) -> char {
    match parameter {
        Parameter::Exact(sql_type) => match sql_type {
            SqlType::Bool => 'B',
            SqlType::Int2
            | SqlType::Int4
            | SqlType::Int8
            | SqlType::Float4
            | SqlType::Float8
            | SqlType::Numeric { .. }
            | SqlType::Oid => 'N',
            SqlType::Text | SqlType::TextLike(_) => 'S',
            SqlType::Date | SqlType::Time | SqlType::Timestamp | SqlType::Timestamptz => 'D',
            SqlType::Interval => 'T',
            SqlType::Uuid | SqlType::Json | SqlType::Jsonb | SqlType::Bytea => 'U',
            SqlType::Array(_) => 'A',
            SqlType::Record(_) => 'P',
        },
        Parameter::AnyArray | Parameter::AnyCompatibleArray => 'A',
        Parameter::Any | Parameter::AnyElement | Parameter::AnyCompatible | Parameter::Record => 'P',
    }
}

fn is_exactly(parameter: &Parameter, argument: &DataType) -> bool {
    match parameter {
        Parameter::Exact(wanted) => SqlType::from_arrow(argument).is_ok_and(|found| alike(&found, wanted)),
        _ => false,
    }
}

/// Chooses the signature that a call means.
///
/// # Errors
/// `42883` when none fits, `42725` when several do.
pub(super) fn choose(
    name: &str,
    signatures: &[&CallSignature],
    arguments: &[Argument],
) -> Result<Chosen, Box<ErrorReport>> {
    let fitting: Vec<usize> = (0..signatures.len()).filter(|index| signatures[*index].fits(arguments)).collect();
    let names = || -> Vec<String> {
        arguments.iter().map(|one| one.as_ref().map_or_else(|| "unknown".to_owned(), type_name)).collect()
    };
    if fitting.is_empty() {
        return Err(Box::new(undefined_names(name, &names())));
    }
    let best = select(signatures, fitting, arguments);
    let [index] = best.as_slice() else {
        let types: Vec<String> = names();
        let message = format!("function {name}({}) is not unique", types.join(", "));
        return Err(Box::new(
            ErrorReport::new(SqlState::AMBIGUOUS_FUNCTION, message)
                .with_hint("Could not choose a best candidate function. You might need to add explicit type casts."),
        ));
    };
    match signatures[*index].bind(arguments) {
        Some((arguments, result)) => Ok(Chosen { index: *index, arguments, result }),
        None => Err(Box::new(undefined_names(name, &names()))),
    }
}

fn select(signatures: &[&CallSignature], fitting: Vec<usize>, arguments: &[Argument]) -> Vec<usize> {
    if fitting.len() < 2 {
        return fitting;
    }
    let known = || arguments.iter().enumerate().filter_map(|(index, one)| one.as_ref().map(|one| (index, one)));
    let exact = |candidate: usize| {
        known().filter(|(index, one)| is_exactly(signatures[candidate].parameter(*index), one)).count()
    };
    let fitting = keep_best(fitting, exact);
    let preferred = |candidate: usize| {
        let good = |index: usize, one: &DataType| {
            let parameter = signatures[candidate].parameter(index);
            is_exactly(parameter, one) || matches!(parameter, Parameter::Exact(wanted) if is_preferred(wanted))
        };
        known().filter(|(index, one)| good(*index, one)).count()
    };
    let mut fitting = keep_best(fitting, preferred);
    for (index, argument) in arguments.iter().enumerate() {
        if fitting.len() < 2 {
            break;
        }
        if argument.is_none() {
            fitting = by_category(signatures, fitting, index);
        }
    }
    if fitting.len() > 1 {
        return like_the_known(signatures, fitting, arguments);
    }
    fitting
}

fn keep_best(candidates: Vec<usize>, score: impl Fn(usize) -> usize) -> Vec<usize> {
    let best = candidates.iter().map(|one| score(*one)).max().unwrap_or_default();
    candidates.into_iter().filter(|one| score(*one) == best).collect()
}

/// A constant of open type is text where a candidate takes text there, else of the one category there is.
fn by_category(signatures: &[&CallSignature], candidates: Vec<usize>, index: usize) -> Vec<usize> {
    let category_of = |candidate: usize| category(signatures[candidate].parameter(index));
    let first = category_of(candidates[0]);
    let wanted = if candidates.iter().any(|one| category_of(*one) == 'S') {
        'S'
    } else if candidates.iter().all(|one| category_of(*one) == first) {
        first
    } else {
        return candidates;
    };
    let of_category: Vec<usize> = candidates.into_iter().filter(|one| category_of(*one) == wanted).collect();
    let preferred = |candidate: usize| matches!(signatures[candidate].parameter(index), Parameter::Exact(sql_type) if is_preferred(sql_type));
    keep_best(of_category, |one| usize::from(preferred(one)))
}

/// Where all known arguments have one type, the open ones are taken for the same.
fn like_the_known(signatures: &[&CallSignature], candidates: Vec<usize>, arguments: &[Argument]) -> Vec<usize> {
    let mut known = arguments.iter().flatten();
    let Some(first) = known.next() else { return candidates };
    if !known.all(|one| one == first) || arguments.iter().all(Option::is_some) {
        return candidates;
    }
    let takes_all =
        |candidate: usize| (0..arguments.len()).all(|index| accepts(signatures[candidate].parameter(index), first));
    let found: Vec<usize> = candidates.iter().copied().filter(|one| takes_all(*one)).collect();
    if found.len() == 1 { found } else { candidates }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chosen(signatures: &[&str], arguments: &[Argument]) -> Result<usize, String> {
        let parsed: Vec<CallSignature> = signatures.iter().map(|one| CallSignature::parse(one)).collect();
        let all: Vec<&CallSignature> = parsed.iter().collect();
        choose("f", &all, arguments).map(|chosen| chosen.index).map_err(|report| report.message)
    }

    #[test]
    fn the_best_signature_is_postgresqls() {
        let round = ["(float8) float8", "(numeric) numeric", "(numeric, int4) numeric"];
        assert_eq!(chosen(&round, &[Some(DataType::Int32)]), Ok(0));
        assert_eq!(chosen(&round, &[Some(DataType::Decimal128(5, 2))]), Ok(1));
        assert_eq!(chosen(&round, &[None]), Ok(0));
        assert_eq!(chosen(&round, &[None, Some(DataType::Int32)]), Ok(2));
        assert_eq!(chosen(&round, &[Some(DataType::Utf8)]), Err("function f(text) does not exist".to_owned()));
        let stamps = ["(timestamp) text", "(timestamptz) text", "(interval) text"];
        assert_eq!(chosen(&stamps, &[Some(DataType::Date32)]), Ok(1));
        assert_eq!(chosen(&stamps, &[None]), Err("function f(unknown) is not unique".to_owned()));
    }

    #[test]
    fn polymorphic_parameters_agree() {
        let append = CallSignature::parse("(anycompatiblearray, anycompatible) anycompatiblearray");
        let ints = list_of(DataType::Int32);
        let found = choose("f", &[&append], &[Some(ints.clone()), Some(DataType::Int64)]).unwrap();
        assert_eq!(found.result, list_of(DataType::Int64));
        assert!(choose("f", &[&append], &[Some(ints), Some(DataType::Boolean)]).is_err());
    }
}
