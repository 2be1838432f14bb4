//! Aggregates that the library has not, or has with other results.
//!
//! Comes in: the values of a group. Goes out: one value.
//! Does not: keep sums where PostgreSQL's result needs every value; what it keeps is counted for the memory limit. Where a
//! value so far is enough, only that one is kept (`folded.rs`).
//! Invariant: a row that has a NULL where the aggregate looks at values is left out, as PostgreSQL does it.

mod folded;
mod kernels;
mod ordered;
mod statistics;

use std::borrow::Cow;
use std::cmp::Ordering;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use datafusion::arrow::array::ArrayRef;
use datafusion::arrow::compute::SortOptions;
use datafusion::arrow::datatypes::{DataType, Field, FieldRef};
use datafusion::common::{DataFusionError, ScalarValue};
use datafusion::execution::memory_pool::MemoryReservation;
use datafusion::logical_expr::function::{AccumulatorArgs, StateFieldsArgs};
use datafusion::logical_expr::utils::AggregateOrderSensitivity;
use datafusion::logical_expr::{Accumulator, AggregateUDF, AggregateUDFImpl, Signature, Volatility};

use crate::base::engine_error::wrap;
use crate::base::{ErrorReport, current_run};

use super::function::Returns;
use super::signature::{Argument, CallSignature, Chosen, choose, dimensions, leaf, list_of, nested};
use super::value;

use folded::Folded;

/// The rows of a group: the values of each argument.
pub(super) struct Group<'a> {
    rows: &'a [Vec<ScalarValue>],
    returns: &'a DataType,
    /// The values come from the highest to the lowest.
    descending: bool,
}

type OfGroup = fn(&Group<'_>) -> Result<ScalarValue, ErrorReport>;

/// The value of all values so far, and of one more.
type Step = fn(ScalarValue, &ScalarValue) -> Result<ScalarValue, ErrorReport>;

/// How the value of a group is found.
#[derive(Debug, Clone, Copy)]
enum Kernel {
    /// From all its rows.
    Whole(OfGroup),
    /// From one value after the other, of one argument; the result has its type.
    Stepwise(Step),
}

impl Kernel {
    fn value(self, group: &Group<'_>) -> Result<ScalarValue, ErrorReport> {
        match self {
            Self::Whole(of) => of(group),
            Self::Stepwise(step) => {
                let mut values = group.column(0);
                let Some(first) = values.next() else { return group.null() };
                values.try_fold(first.clone(), step)
            }
        }
    }
}

/// One signature of an aggregate.
#[derive(Debug, Clone)]
struct Form {
    signature: CallSignature,
    kernel: Kernel,
    returns: Option<Returns>,
}

/// Which rows are left out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Nulls {
    /// Those with a NULL in any argument.
    Skipped,
    /// Those with a NULL in the first one.
    SkippedFirst,
    /// None.
    Kept,
}

/// An aggregate that sees all values of its group.
#[derive(Debug)]
struct Aggregate {
    name: &'static str,
    forms: Vec<Form>,
    nulls: Nulls,
    within_group: bool,
    signature: Signature,
}

fn aggregate(name: &'static str, signature: &str, kernel: OfGroup) -> Built {
    built(name, signature, Kernel::Whole(kernel))
}

/// An aggregate for which the value so far is enough.
fn stepwise(name: &'static str, signature: &str, step: Step) -> Built {
    built(name, signature, Kernel::Stepwise(step))
}

fn built(name: &'static str, signature: &str, kernel: Kernel) -> Built {
    let form = Form { signature: CallSignature::parse(signature), kernel, returns: None };
    Built(Aggregate {
        name,
        forms: vec![form],
        nulls: Nulls::Skipped,
        within_group: false,
        signature: Signature::user_defined(Volatility::Immutable),
    })
}

struct Built(Aggregate);

impl Built {
    /// Another signature, with a kernel of its own.
    fn or(self, signature: &str, kernel: OfGroup) -> Self {
        self.form(signature, Kernel::Whole(kernel))
    }

    /// Another signature, with a step of its own.
    fn or_stepwise(self, signature: &str, step: Step) -> Self {
        self.form(signature, Kernel::Stepwise(step))
    }

    fn form(mut self, signature: &str, kernel: Kernel) -> Self {
        self.0.forms.push(Form { signature: CallSignature::parse(signature), kernel, returns: None });
        self
    }

    /// The result type of the signature that was given last.
    fn returning(mut self, returns: Returns) -> Self {
        if let Some(last) = self.0.forms.last_mut() {
            last.returns = Some(returns);
        }
        self
    }

    fn nulls(mut self, nulls: Nulls) -> Self {
        self.0.nulls = nulls;
        self
    }

    fn within_group(mut self) -> Self {
        self.0.within_group = true;
        self
    }

    fn done(self) -> AggregateUDF {
        AggregateUDF::from(self.0)
    }
}

/// Every aggregate.
pub(super) fn functions() -> Vec<AggregateUDF> {
    [kernels::functions(), ordered::functions(), statistics::functions()].into_iter().flatten().collect()
}

impl Aggregate {
    fn chosen(&self, types: &[DataType]) -> Result<Chosen, DataFusionError> {
        let arguments: Vec<Argument> = types.iter().map(|one| (!one.is_null()).then(|| one.clone())).collect();
        self.chosen_of(&arguments).map_err(wrap)
    }

    fn chosen_of(&self, arguments: &[Argument]) -> Result<Chosen, ErrorReport> {
        let signatures: Vec<&CallSignature> = self.forms.iter().map(|form| &form.signature).collect();
        let mut chosen = choose(self.name, &signatures, arguments).map_err(|report| *report)?;
        // To an array of fractions, whatever its dimensions, an ordered set gives an array of the same.
        if let (true, Some(Some(fractions))) = (self.within_group, arguments.get(1))
            && dimensions(fractions) > 1
            && let Some(wanted) = chosen.arguments.get_mut(1)
        {
            *wanted = nested(leaf(wanted).clone(), dimensions(fractions));
            chosen.result = nested(leaf(&chosen.result).clone(), dimensions(fractions));
        }
        Ok(chosen)
    }

    fn kernel(&self, types: &[DataType]) -> Result<Kernel, DataFusionError> {
        Ok(self.forms[self.chosen(types)?.index].kernel)
    }

    /// The step of a call that looks at its values once and in any order.
    fn step(&self, types: &[DataType], plain: bool) -> Result<Option<Step>, DataFusionError> {
        Ok(match self.kernel(types)? {
            Kernel::Stepwise(step) if plain => Some(step),
            Kernel::Stepwise(_) | Kernel::Whole(_) => None,
        })
    }

    /// Keeps all values: of a frame some leave again.
    fn values(&self, arguments: &AccumulatorArgs<'_>) -> Result<Values, DataFusionError> {
        let types = types_of(arguments.expr_fields);
        let kernel = self.kernel(&types)?;
        let keys: Vec<SortOptions> = arguments.order_bys.iter().map(|key| key.options).collect();
        let count = types.len();
        let mut stored = types;
        if !self.within_group {
            for key in arguments.order_bys {
                stored.push(key.expr.data_type(arguments.schema)?);
            }
        }
        Ok(Values {
            kernel,
            nulls: self.nulls,
            distinct: arguments.is_distinct,
            keys,
            returns: arguments.return_type().clone(),
            count,
            stored,
            rows: Vec::new(),
            has_given: false,
            given: None,
        })
    }
}

fn types_of(fields: &[FieldRef]) -> Vec<DataType> {
    fields.iter().map(|field| field.data_type().clone()).collect()
}

impl PartialEq for Aggregate {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
    }
}

impl Eq for Aggregate {}

impl Hash for Aggregate {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.name.hash(state);
    }
}

impl AggregateUDFImpl for Aggregate {
    fn name(&self) -> &str {
        self.name
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn coerce_types(&self, arguments: &[DataType]) -> Result<Vec<DataType>, DataFusionError> {
        Ok(self.chosen(arguments)?.arguments)
    }

    fn return_type(&self, arguments: &[DataType]) -> Result<DataType, DataFusionError> {
        let chosen = self.chosen(arguments)?;
        let own = self.forms[chosen.index].returns.and_then(|returns| returns(&chosen.arguments, &[]));
        Ok(own.unwrap_or(chosen.result))
    }

    fn accumulator(&self, arguments: AccumulatorArgs<'_>) -> Result<Box<dyn Accumulator>, DataFusionError> {
        let plain = !arguments.is_distinct && arguments.order_bys.is_empty();
        match self.step(&types_of(arguments.expr_fields), plain)? {
            Some(step) => Ok(Box::new(Folded::new(step, arguments.return_type())?)),
            None => Ok(Box::new(self.values(&arguments)?)),
        }
    }

    fn create_sliding_accumulator(
        &self,
        arguments: AccumulatorArgs<'_>,
    ) -> Result<Box<dyn Accumulator>, DataFusionError> {
        Ok(Box::new(self.values(&arguments)?))
    }

    fn state_fields(&self, arguments: StateFieldsArgs<'_>) -> Result<Vec<FieldRef>, DataFusionError> {
        let plain = !arguments.is_distinct && arguments.ordering_fields.is_empty();
        if self.step(&types_of(arguments.input_fields), plain)?.is_some() {
            let field = Field::new(arguments.name, arguments.return_type().clone(), true);
            return Ok(vec![Arc::new(field)]);
        }
        let ordering = if self.within_group { &[][..] } else { arguments.ordering_fields };
        let fields = arguments.input_fields.iter().chain(ordering).enumerate();
        let field = |(index, field): (usize, &FieldRef)| {
            let name = format!("{}[{index}]", arguments.name);
            Arc::new(Field::new(name, list_of(field.data_type().clone()), true))
        };
        Ok(fields.map(field).collect())
    }

    fn order_sensitivity(&self) -> AggregateOrderSensitivity {
        // It sorts for itself; that of an ordered set has its key among the arguments.
        if self.within_group {
            AggregateOrderSensitivity::Insensitive
        } else {
            AggregateOrderSensitivity::SoftRequirement
        }
    }

    fn with_beneficial_ordering(
        self: Arc<Self>,
        _ordered: bool,
    ) -> Result<Option<Arc<dyn AggregateUDFImpl>>, DataFusionError> {
        Ok(Some(self))
    }

    fn supports_within_group_clause(&self) -> bool {
        self.within_group
    }
}

/// The values of a group so far.
#[derive(Debug)]
struct Values {
    kernel: Kernel,
    nulls: Nulls,
    distinct: bool,
    /// How the rows are ordered; the keys stand behind the arguments, or they are the first argument.
    keys: Vec<SortOptions>,
    returns: DataType,
    /// The number of arguments.
    count: usize,
    /// The types of arguments and keys.
    stored: Vec<DataType>,
    rows: Vec<Vec<ScalarValue>>,
    /// Whether the group has given a value: that of a window gives one for every row, each as large as all rows may be.
    has_given: bool,
    /// What those values take.
    given: Option<MemoryReservation>,
}

/// Values of so many bytes and less are not counted: what grows with its frame soon has more.
const SMALL_VALUE_BYTES: usize = 256;

impl Values {
    fn is_kept(&self, row: &[ScalarValue]) -> bool {
        match self.nulls {
            Nulls::Skipped => !row.iter().take(self.count).any(ScalarValue::is_null),
            Nulls::SkippedFirst => !row.first().is_some_and(ScalarValue::is_null),
            Nulls::Kept => true,
        }
    }

    fn row(values: &[ArrayRef], index: usize) -> Result<Vec<ScalarValue>, DataFusionError> {
        let value = |array: &ArrayRef| {
            let mut value = ScalarValue::try_from_array(array, index)?;
            // A list would hold on to the lists of all rows of its batch.
            value.compact();
            Ok(value)
        };
        values.iter().map(value).collect()
    }

    /// By the keys behind the arguments.
    fn order(&self, a: &[ScalarValue], b: &[ScalarValue]) -> Ordering {
        let pairs = a.iter().skip(self.count).zip(b.iter().skip(self.count)).zip(&self.keys);
        for ((a, b), key) in pairs {
            let found = match (a.is_null(), b.is_null()) {
                (true, true) => Ordering::Equal,
                (true, false) => {
                    if key.nulls_first {
                        Ordering::Less
                    } else {
                        Ordering::Greater
                    }
                }
                (false, true) => {
                    if key.nulls_first {
                        Ordering::Greater
                    } else {
                        Ordering::Less
                    }
                }
                (false, false) if key.descending => ordered::compare(b, a),
                (false, false) => ordered::compare(a, b),
            };
            if found.is_ne() {
                return found;
            }
        }
        Ordering::Equal
    }

    /// Counts a value that is not the only one of its group. A group that is no window has one.
    fn count_given(&mut self, value: &ScalarValue) -> Result<(), DataFusionError> {
        let bytes = value.size();
        if !std::mem::replace(&mut self.has_given, true) || bytes <= SMALL_VALUE_BYTES {
            return Ok(());
        }
        if self.given.is_none() {
            self.given = current_run::memory("values of a window");
        }
        self.given.as_ref().map_or(Ok(()), |given| given.try_grow(bytes))
    }

    /// Each value once, in order: what is equal as PostgreSQL compares it is one, whatever it looks like.
    fn once(&self) -> Vec<Vec<ScalarValue>> {
        let mut rows = self.rows.clone();
        let (descending, nulls_first) =
            self.keys.first().map_or((false, false), |key| (key.descending, key.nulls_first));
        // Sorts keep what is equal in its order, so the first argument comes last.
        for argument in (1..self.count).rev() {
            ordered::sort_by_value(&mut rows, |row| &row[argument]);
        }
        if descending {
            rows.reverse();
        }
        ordered::sort_by_value(&mut rows, |row| &row[0]);
        if descending {
            rows.reverse();
        }
        if descending != nulls_first {
            let is_first = |row: &Vec<ScalarValue>| row[0].is_null() == nulls_first;
            let (first, rest): (Vec<_>, Vec<_>) = rows.into_iter().partition(is_first);
            rows = first.into_iter().chain(rest).collect();
        }
        rows.dedup_by(|later, before| {
            (0..self.count).all(|index| ordered::compare(&before[index], &later[index]).is_eq())
        });
        rows
    }
}

impl Accumulator for Values {
    fn update_batch(&mut self, values: &[ArrayRef]) -> Result<(), DataFusionError> {
        for index in 0..values.first().map_or(0, datafusion::arrow::array::Array::len) {
            let row = Self::row(values, index)?;
            if self.is_kept(&row) {
                self.rows.push(row);
            }
        }
        Ok(())
    }

    fn retract_batch(&mut self, values: &[ArrayRef]) -> Result<(), DataFusionError> {
        let mut gone = 0;
        for index in 0..values.first().map_or(0, datafusion::arrow::array::Array::len) {
            gone += usize::from(self.is_kept(&Self::row(values, index)?));
        }
        self.rows.drain(..gone.min(self.rows.len()));
        Ok(())
    }

    fn supports_retract_batch(&self) -> bool {
        true
    }

    fn merge_batch(&mut self, states: &[ArrayRef]) -> Result<(), DataFusionError> {
        for index in 0..states.first().map_or(0, datafusion::arrow::array::Array::len) {
            let columns: Vec<Vec<ScalarValue>> = Self::row(states, index)?
                .iter()
                .map(|list| value::items(list).map_err(wrap))
                .collect::<Result<_, _>>()?;
            for row in 0..columns.first().map_or(0, Vec::len) {
                self.rows.push(columns.iter().map(|column| column[row].clone()).collect());
            }
        }
        Ok(())
    }

    fn evaluate(&mut self) -> Result<ScalarValue, DataFusionError> {
        current_run::check().map_err(wrap)?;
        let mut rows = if self.distinct { Cow::Owned(self.once()) } else { Cow::Borrowed(&self.rows) };
        if !self.distinct && rows.first().is_some_and(|row| row.len() > self.count) {
            rows.to_mut().sort_by(|a, b| self.order(a, b));
        }
        let descending = self.keys.first().is_some_and(|key| key.descending);
        let group = Group { rows: &rows, returns: &self.returns, descending };
        let found = self.kernel.value(&group).map_err(wrap)?;
        let found = value::fitted(found, &self.returns).map_err(wrap)?;
        self.count_given(&found)?;
        Ok(found)
    }

    fn state(&mut self) -> Result<Vec<ScalarValue>, DataFusionError> {
        let list = |(index, data_type): (usize, &DataType)| {
            let values: Vec<ScalarValue> = self.rows.iter().filter_map(|row| row.get(index).cloned()).collect();
            value::list(&values, data_type)
        };
        Ok(self.stored.iter().enumerate().map(list).collect())
    }

    fn size(&self) -> usize {
        let row = std::mem::size_of::<Vec<ScalarValue>>();
        std::mem::size_of_val(self)
            + self.rows.iter().map(|values| row + values.iter().map(ScalarValue::size).sum::<usize>()).sum::<usize>()
    }
}

/// Whether an aggregate is one of this server's own, which tells values apart as PostgreSQL does.
#[must_use]
pub fn is_own_aggregate(function: &AggregateUDF) -> bool {
    let implementation: &dyn std::any::Any = function.inner().as_ref();
    implementation.is::<Aggregate>()
}

/// The types that the arguments of an aggregate of this server's own must become; `None` for one of the library.
///
/// # Errors
/// Within: `42883` when no signature takes arguments of these types, `42725` when several do.
#[must_use]
pub fn aggregate_argument_types(
    function: &AggregateUDF,
    arguments: &[Option<DataType>],
) -> Option<Result<Vec<DataType>, ErrorReport>> {
    let implementation: &dyn std::any::Any = function.inner().as_ref();
    let own = implementation.downcast_ref::<Aggregate>()?;
    Some(own.chosen_of(arguments).map(|chosen| chosen.arguments))
}

impl Group<'_> {
    /// The values of an argument, one a row.
    fn column(&self, index: usize) -> impl Iterator<Item = &ScalarValue> {
        self.rows.iter().filter_map(move |row| row.get(index))
    }

    fn null(&self) -> Result<ScalarValue, ErrorReport> {
        ScalarValue::try_from(self.returns).map_err(value::defect)
    }
}

#[cfg(test)]
mod tests {
    use datafusion::arrow::array::Int64Array;
    use datafusion::execution::memory_pool::{GreedyMemoryPool, MemoryPool};
    use tokio_util::sync::CancellationToken;

    use super::*;
    use crate::base::current_run::CurrentRun;

    /// A sum of texts: as long as all values together.
    fn texts() -> Values {
        let joined = |group: &Group<'_>| Ok(value::text("x".repeat(group.rows.len() * 1000)));
        Values {
            kernel: Kernel::Whole(joined),
            nulls: Nulls::Kept,
            distinct: false,
            keys: Vec::new(),
            returns: DataType::Utf8,
            count: 1,
            stored: vec![DataType::Int64],
            rows: Vec::new(),
            has_given: false,
            given: None,
        }
    }

    fn add(values: &mut Values) {
        values.update_batch(&[Arc::new(Int64Array::from(vec![1]))]).unwrap();
    }

    #[test]
    fn every_value_asks_whether_its_run_goes_on_and_takes_its_memory() {
        let memory: Arc<dyn MemoryPool> = Arc::new(GreedyMemoryPool::new(10_000));
        let cancel = CancellationToken::new();
        let run = Arc::new(CurrentRun { cancel: cancel.clone(), deadline: None, memory: Arc::clone(&memory) });
        run.step(|| {
            let mut window = texts();
            for expected in [0, 2000, 5000, 9000] {
                add(&mut window);
                window.evaluate().unwrap();
                assert!((expected..expected + 500).contains(&memory.reserved()), "{}", memory.reserved());
            }
            add(&mut window);
            assert!(matches!(window.evaluate(), Err(DataFusionError::ResourcesExhausted(_))));
            drop(window);
            assert_eq!(memory.reserved(), 0);
            cancel.cancel();
            assert!(texts().evaluate().is_err());
        });
    }
}
