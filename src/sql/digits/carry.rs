//! Brings to the top of a plan the columns from which a value is computed again.

use std::sync::Arc;

use datafusion::arrow::datatypes::{DataType, Field};
use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::common::{Column, DFSchema, DataFusionError, ExprSchema, JoinType};
use datafusion::functions_aggregate::expr_fn::max;
use datafusion::logical_expr::expr::{AggregateFunction, WindowFunction};
use datafusion::logical_expr::{
    Aggregate, Distinct, DistinctOn, Expr, ExprSchemable, Join, LogicalPlan, Projection, Subquery, SubqueryAlias,
    Union, Values, Window, WindowFunctionDefinition, lit,
};

use crate::base::types::DEFAULT_NUMERIC;
use crate::sql::operators::Operators;

use super::exact::{Casts, Digits, Reader, can_move, runs_in_process, unless_null};
use super::{is_decimal, scale_of};

/// A plan with columns added, and the texts of the columns that were asked for: over the columns of that plan.
pub(super) struct Lifted {
    pub(super) plan: LogicalPlan,
    /// One for each column; `None` where all values have the digits of the type.
    pub(super) shown: Vec<Option<Expr>>,
}

/// `None` where no column has digits of its own: then the plan stays as it is.
type Found = Result<Option<Lifted>, DataFusionError>;

/// The columns that are computed over an input, with those that were added, and the texts over them.
struct Computed {
    input: Arc<LogicalPlan>,
    exprs: Vec<Expr>,
    shown: Vec<Option<Expr>>,
}

/// The columns that have digits of their own, and the texts that show them.
type Known = Vec<(Column, Expr)>;

/// How the values of a column that several inputs share are shown.
enum Shared {
    /// Each input says how many digits its values have.
    Scales(Vec<i64>),
    /// Each input gives texts.
    Texts(Vec<Expr>),
}

pub(super) struct Carry<'a> {
    operators: &'a Operators,
    /// How many columns were added.
    added: usize,
}

impl<'a> Carry<'a> {
    pub(super) fn new(operators: &'a Operators) -> Self {
        Self { operators, added: 0 }
    }

    pub(super) fn lift(&mut self, plan: &LogicalPlan, wanted: &[Column]) -> Found {
        self.lift_as(plan, wanted, Casts::Written)
    }

    #[recursive::recursive]
    fn lift_as(&mut self, plan: &LogicalPlan, wanted: &[Column], casts: Casts) -> Found {
        if wanted.is_empty() {
            return Ok(None);
        }
        match plan {
            LogicalPlan::Projection(projection) => self.projection(projection, wanted, casts),
            LogicalPlan::SubqueryAlias(alias) => self.alias(alias, wanted),
            LogicalPlan::Filter(_)
            | LogicalPlan::Sort(_)
            | LogicalPlan::Limit(_)
            | LogicalPlan::Repartition(_)
            | LogicalPlan::Join(_) => self.inputs(plan, wanted),
            LogicalPlan::Union(union) => self.union(union, wanted),
            LogicalPlan::Values(values) => self.values(values, wanted),
            LogicalPlan::Aggregate(aggregate) => self.aggregate(aggregate, wanted),
            LogicalPlan::Window(window) => self.window(window, wanted),
            // An item of LATERAL.
            LogicalPlan::Subquery(lateral) => Ok(self.lift(&lateral.subquery, wanted)?.map(|lifted| Lifted {
                plan: LogicalPlan::Subquery(Subquery { subquery: Arc::new(lifted.plan), ..lateral.clone() }),
                shown: lifted.shown,
            })),
            LogicalPlan::Distinct(Distinct::All(input)) => self.distinct(input, wanted),
            LogicalPlan::Distinct(Distinct::On(on)) => self.distinct_on(on, wanted),
            // Their columns have one scale, or it cannot be told.
            LogicalPlan::RecursiveQuery(_)
            | LogicalPlan::TableScan(_)
            | LogicalPlan::EmptyRelation(_)
            | LogicalPlan::Unnest(_)
            | LogicalPlan::Statement(_)
            | LogicalPlan::Explain(_)
            | LogicalPlan::Analyze(_)
            | LogicalPlan::Extension(_)
            | LogicalPlan::Dml(_)
            | LogicalPlan::Ddl(_)
            | LogicalPlan::Copy(_)
            | LogicalPlan::DescribeTable(_) => Ok(None),
        }
    }

    fn name(&mut self) -> String {
        self.added += 1;
        format!("digits {}", self.added)
    }

    fn projection(&mut self, projection: &Projection, wanted: &[Column], casts: Casts) -> Found {
        let exprs: Vec<Option<&Expr>> =
            wanted.iter().map(|column| projection.expr.get(projection.schema.maybe_index_of_column(column)?)).collect();
        let columns = self.columns(&exprs, &projection.expr, &projection.input, &projection.schema, casts)?;
        let Some(Computed { input, exprs, shown }) = columns else { return Ok(None) };
        let plan = LogicalPlan::Projection(Projection::try_new(exprs, input)?);
        Ok(Some(Lifted { plan, shown }))
    }

    /// One row of each group: its columns are computed as those of a projection.
    fn distinct_on(&mut self, on: &DistinctOn, wanted: &[Column]) -> Found {
        let exprs: Vec<Option<&Expr>> =
            wanted.iter().map(|column| on.select_expr.get(on.schema.maybe_index_of_column(column)?)).collect();
        let columns = self.columns(&exprs, &on.select_expr, &on.input, &on.schema, Casts::Written)?;
        let Some(Computed { input, exprs, shown }) = columns else { return Ok(None) };
        let on = DistinctOn::try_new(on.on_expr.clone(), exprs, on.sort_expr.clone(), input)?;
        Ok(Some(Lifted { plan: LogicalPlan::Distinct(Distinct::On(on)), shown }))
    }

    /// The texts of some of the columns that are computed over an input, and the columns with those added that they need.
    fn columns(
        &mut self,
        wanted: &[Option<&Expr>],
        all: &[Expr],
        input: &Arc<LogicalPlan>,
        schema: &DFSchema,
        casts: Casts,
    ) -> Result<Option<Computed>, DataFusionError> {
        let below = decimal_columns(wanted.iter().flatten().copied(), input.schema())?;
        let (input, known) = self.below(input, below)?;
        let reader = Reader { schema: input.schema(), known: &known, operators: self.operators };
        let texts = wanted.iter().map(|expr| expr.map_or(Ok(None), |expr| reader.shown(expr, casts)));
        let texts = texts.collect::<Result<Vec<_>, DataFusionError>>()?;
        if texts.iter().all(Option::is_none) {
            return Ok(None);
        }
        let mut out = Carried { carry: self, exprs: all.to_vec(), schema };
        let shown = texts.into_iter().map(|text| text.map(|text| out.over_output(text)).transpose());
        let shown = shown.collect::<Result<Vec<_>, DataFusionError>>()?;
        Ok(Some(Computed { input, exprs: out.exprs, shown }))
    }

    /// An input with what its columns need, and the texts of those that have digits of their own.
    fn below(
        &mut self,
        input: &Arc<LogicalPlan>,
        columns: Vec<Column>,
    ) -> Result<(Arc<LogicalPlan>, Known), DataFusionError> {
        Ok(match self.lift(input, &columns)? {
            Some(lifted) => (Arc::new(lifted.plan), known(columns, lifted.shown)),
            None => (Arc::clone(input), Vec::new()),
        })
    }

    /// Functions that give one of the values of a frame, and sums.
    fn window(&mut self, window: &Window, wanted: &[Column]) -> Found {
        let given = window.input.schema().fields().len();
        let call = |column: &Column| {
            let place = window.schema.maybe_index_of_column(column)?.checked_sub(given)?;
            called(window.window_expr.get(place)?)
        };
        let calls: Vec<Option<&WindowFunction>> = wanted.iter().map(call).collect();
        let arguments = calls.iter().flatten().flat_map(|call| &call.params.args);
        let mut below = decimal_columns(arguments, window.input.schema())?;
        for column in wanted.iter().filter(|column| window.input.schema().has_column(column)) {
            if !below.iter().any(|one| one.flat_name() == column.flat_name()) {
                below.push(column.clone());
            }
        }
        let (input, known) = self.below(&window.input, below)?;
        let reader = Reader { schema: input.schema(), known: &known, operators: self.operators };
        let mut exprs = window.window_expr.clone();
        let mut shown = Vec::new();
        for (column, call) in wanted.iter().zip(calls) {
            shown.push(match call {
                None => {
                    known.iter().find(|(one, _)| one.flat_name() == column.flat_name()).map(|(_, text)| text.clone())
                }
                Some(call) => exact_window(call, &reader)?.map(|text| {
                    let name = self.name();
                    exprs.push(text.alias(name.clone()));
                    Expr::Column(Column::new_unqualified(name))
                }),
            });
        }
        if shown.iter().all(Option::is_none) {
            return Ok(None);
        }
        Ok(Some(Lifted { plan: LogicalPlan::Window(Window::try_new(exprs, input)?), shown }))
    }

    fn alias(&mut self, alias: &SubqueryAlias, wanted: &[Column]) -> Found {
        let inner = alias.input.schema();
        let inside =
            |column: &Column| Some(Column::from(inner.qualified_field(alias.schema.maybe_index_of_column(column)?)));
        let Some(asked) = wanted.iter().map(inside).collect::<Option<Vec<_>>>() else { return Ok(None) };
        let Some(lifted) = self.lift(&alias.input, &asked)? else { return Ok(None) };
        let before = lifted.plan.schema().columns();
        let plan = LogicalPlan::SubqueryAlias(SubqueryAlias::try_new(Arc::new(lifted.plan), alias.alias.clone())?);
        let after = plan.schema().columns();
        let renamed = |text: Expr| {
            replace_columns(text, &mut |column| {
                let place = before.iter().position(|one| one.flat_name() == column.flat_name());
                Ok(place.and_then(|place| after.get(place)).cloned().unwrap_or(column))
            })
        };
        let shown = lifted.shown.into_iter().map(|text| text.map(renamed).transpose());
        let shown = shown.collect::<Result<Vec<_>, DataFusionError>>()?;
        Ok(Some(Lifted { plan, shown }))
    }

    /// Nodes that give the columns of their inputs as they are.
    fn inputs(&mut self, plan: &LogicalPlan, wanted: &[Column]) -> Found {
        let mut shown: Vec<Option<Expr>> = vec![None; wanted.len()];
        let mut inputs = Vec::new();
        for (side, input) in plan.inputs().into_iter().enumerate() {
            let here: Vec<usize> =
                (0..wanted.len()).filter(|index| input.schema().has_column(&wanted[*index])).collect();
            let asked: Vec<Column> = here.iter().map(|index| wanted[*index].clone()).collect();
            match self.lift(input, &asked)? {
                None => inputs.push(input.clone()),
                Some(lifted) => {
                    for (index, text) in here.into_iter().zip(lifted.shown) {
                        // A row that a join makes up has no digits.
                        let null = has_made_up(plan, side);
                        let guarded = |text| unless_null(Expr::Column(wanted[index].clone()), text);
                        shown[index] = text.map(|text| if null { guarded(text) } else { text });
                    }
                    inputs.push(lifted.plan);
                }
            }
        }
        if shown.iter().all(Option::is_none) {
            return Ok(None);
        }
        let plan = plan.with_new_exprs(plan.expressions(), inputs)?;
        Ok(Some(Lifted { plan, shown }))
    }

    fn union(&mut self, union: &Union, wanted: &[Column]) -> Found {
        let places = wanted.iter().map(|column| union.schema.maybe_index_of_column(column)).collect::<Option<Vec<_>>>();
        let Some(places) = places else { return Ok(None) };
        let mut branches = Vec::new();
        let mut digits: Vec<Vec<Digits>> = wanted.iter().map(|_| Vec::new()).collect();
        for input in &union.inputs {
            let (plan, found) = self.branch(input, &places)?;
            branches.push(plan);
            digits.iter_mut().zip(found).for_each(|(all, one)| all.push(one));
        }
        let mut added: Vec<Vec<Expr>> = vec![Vec::new(); branches.len()];
        let shown = self.share(&union.schema, wanted, digits, &mut added)?;
        if shown.iter().all(Option::is_none) {
            return Ok(None);
        }
        let widened = branches.into_iter().zip(added).zip(&union.inputs).map(|((branch, added), before)| {
            // What was added below stays below: all inputs have the same columns.
            let columns = before.schema().columns().into_iter().map(Expr::Column);
            let projection = Projection::try_new(columns.chain(added).collect(), Arc::new(branch))?;
            Ok(Arc::new(LogicalPlan::Projection(projection)))
        });
        let inputs = widened.collect::<Result<Vec<_>, DataFusionError>>()?;
        let added = inputs.first().map(|input| input.schema().columns()).unwrap_or_default();
        let mut fields: Vec<_> =
            union.schema.iter().map(|(table, field)| (table.cloned(), Arc::clone(field))).collect();
        for column in added.iter().skip(fields.len()) {
            let data_type = inputs[0].schema().data_type(column)?.clone();
            fields.push((None, Arc::new(Field::new(&column.name, data_type, true))));
        }
        let schema = DFSchema::new_with_metadata(fields, DFSchema::metadata(&union.schema).clone())?;
        Ok(Some(Lifted { plan: LogicalPlan::Union(Union { inputs, schema: Arc::new(schema) }), shown }))
    }

    /// One input of a union, and the digits of its columns at some places.
    fn branch(&mut self, input: &LogicalPlan, places: &[usize]) -> Result<(LogicalPlan, Vec<Digits>), DataFusionError> {
        let columns = input.schema().columns();
        let asked: Vec<Column> = places.iter().map(|place| columns[*place].clone()).collect();
        let (plan, texts) = match self.lift_as(input, &asked, Casts::Inputs)? {
            Some(lifted) => (lifted.plan, lifted.shown),
            None => (input.clone(), vec![None; asked.len()]),
        };
        let digits = texts.into_iter().zip(places).zip(asked).map(|((text, place), column)| {
            let scale = scale_of(input.schema().data_type(&column)?).unwrap_or_default();
            match (text, &plan) {
                (Some(text), _) => Ok(Digits::Own(text)),
                (None, LogicalPlan::Projection(projection)) => {
                    let reader = Reader { schema: projection.input.schema(), known: &[], operators: self.operators };
                    Ok(match reader.digits(&projection.expr[*place], Casts::Inputs)? {
                        Digits::Null => Digits::Null,
                        Digits::Fixed(_, own) => Digits::Fixed(Expr::Column(column), own),
                        Digits::Own(_) => Digits::Fixed(Expr::Column(column), scale),
                    })
                }
                (None, _) => Ok(Digits::Fixed(Expr::Column(column), scale)),
            }
        });
        let digits = digits.collect::<Result<Vec<_>, DataFusionError>>()?;
        Ok((plan, digits))
    }

    /// Sums, and the greatest and least of numbers that have digits of their own.
    fn aggregate(&mut self, aggregate: &Aggregate, wanted: &[Column]) -> Found {
        let groups = aggregate.schema.fields().len() - aggregate.aggr_expr.len();
        let call = |column: &Column| {
            let place = aggregate.schema.maybe_index_of_column(column)?.checked_sub(groups)?;
            folded(aggregate.aggr_expr.get(place)?)
        };
        let calls: Vec<Option<&AggregateFunction>> = wanted.iter().map(call).collect();
        let keys: Vec<Option<&Expr>> = wanted.iter().map(|column| plain_key(aggregate, column)).collect();
        let arguments = calls.iter().flatten().filter_map(|call| call.params.args.first());
        let arguments = arguments.chain(keys.iter().flatten().copied());
        let below = decimal_columns(arguments, aggregate.input.schema())?;
        let (input, known) = self.below(&aggregate.input, below)?;
        let mut exprs = aggregate.aggr_expr.clone();
        let mut shown = Vec::new();
        for (call, key) in calls.into_iter().zip(keys) {
            let reader = Reader { schema: input.schema(), known: &known, operators: self.operators };
            let text = match (call, key) {
                (Some(call), _) => exact_call(call, &reader)?,
                (None, Some(key)) => exact_key(key, &reader)?,
                (None, None) => None,
            };
            shown.push(text.map(|text| {
                let name = self.name();
                exprs.push(text.alias(name.clone()));
                Expr::Column(Column::new_unqualified(name))
            }));
        }
        if shown.iter().all(Option::is_none) {
            return Ok(None);
        }
        let plan = LogicalPlan::Aggregate(Aggregate::try_new(input, aggregate.group_expr.clone(), exprs)?);
        Ok(Some(Lifted { plan, shown }))
    }

    /// Equal values become one: with the digits of one of them.
    fn distinct(&mut self, input: &LogicalPlan, wanted: &[Column]) -> Found {
        let Some(lifted) = self.lift(input, wanted)? else { return Ok(None) };
        let reads_tables = input.exists(|node| Ok(matches!(node, LogicalPlan::TableScan(_))))?;
        let keys: Vec<Expr> = input.schema().columns().into_iter().map(Expr::Column).collect();
        let (mut exprs, mut greatest, mut shown) = (keys.clone(), Vec::new(), Vec::new());
        for text in lifted.shown {
            let Some(text) = text else {
                shown.push(None);
                continue;
            };
            let (below, name) = (self.name(), self.name());
            let found = Expr::Column(Column::new_unqualified(name.clone()));
            // How many digits a value has is a number, and the greatest of them is any store's to find.
            if let Some((value, scale)) = with_scale(&text).filter(|(value, _)| keys.contains(value)) {
                exprs.push(scale.clone().alias(below.clone()));
                greatest.push(max(Expr::Column(Column::new_unqualified(below))).alias(name));
                shown.push(Some(self.operators.call("exact_text", vec![value.clone(), found])?));
                continue;
            }
            // A store removes the duplicates where it can.
            if reads_tables && !is_computed_here(&text, &lifted.plan)? {
                shown.push(None);
                continue;
            }
            let Some(function) = self.operators.of_digits("max") else { return Ok(None) };
            exprs.push(text.alias(below.clone()));
            let arguments = vec![Expr::Column(Column::new_unqualified(below))];
            let call = AggregateFunction::new_udf(function, arguments, false, None, Vec::new(), None);
            greatest.push(Expr::AggregateFunction(call).alias(name));
            shown.push(Some(found));
        }
        if greatest.is_empty() {
            return Ok(None);
        }
        let below = LogicalPlan::Projection(Projection::try_new(exprs, Arc::new(lifted.plan))?);
        let plan = LogicalPlan::Aggregate(Aggregate::try_new(Arc::new(below), keys, greatest)?);
        Ok(Some(Lifted { plan, shown }))
    }

    fn values(&mut self, values: &Values, wanted: &[Column]) -> Found {
        let places =
            wanted.iter().map(|column| values.schema.maybe_index_of_column(column)).collect::<Option<Vec<_>>>();
        let Some(places) = places else { return Ok(None) };
        let schema = DFSchema::empty();
        let reader = Reader { schema: &schema, known: &[], operators: self.operators };
        let column =
            |place: &usize| values.values.iter().map(|row| reader.digits(&row[*place], Casts::Inputs)).collect();
        let digits = places.iter().map(column).collect::<Result<Vec<Vec<Digits>>, DataFusionError>>()?;
        let mut added: Vec<Vec<Expr>> = vec![Vec::new(); values.values.len()];
        let shown = self.share(&values.schema, wanted, digits, &mut added)?;
        let Some(first) = added.first().filter(|first| !first.is_empty()) else { return Ok(None) };
        let mut fields: Vec<_> =
            values.schema.iter().map(|(table, field)| (table.cloned(), Arc::clone(field))).collect();
        for expr in first {
            let data_type = expr.get_type(&schema)?;
            fields.push((None, Arc::new(Field::new(expr.schema_name().to_string(), data_type, true))));
        }
        let rows =
            values.values.iter().zip(added).map(|(row, added)| {
                row.iter().cloned().chain(added.into_iter().map(Expr::unalias)).collect::<Vec<_>>()
            });
        let schema = Arc::new(DFSchema::new_with_metadata(fields, DFSchema::metadata(&values.schema).clone())?);
        Ok(Some(Lifted { plan: LogicalPlan::Values(Values { schema, values: rows.collect() }), shown }))
    }

    /// Columns that come from several inputs. Gives each input what it must add.
    fn share(
        &mut self,
        schema: &DFSchema,
        wanted: &[Column],
        digits: Vec<Vec<Digits>>,
        added: &mut [Vec<Expr>],
    ) -> Result<Vec<Option<Expr>>, DataFusionError> {
        let mut shown = Vec::new();
        for (column, digits) in wanted.iter().zip(digits) {
            let Some(scale) = Some(schema.data_type(column)?).filter(|one| is_decimal(one)).and_then(scale_of) else {
                shown.push(None);
                continue;
            };
            let (precision, open) = DEFAULT_NUMERIC;
            let is_open = *schema.data_type(column)? == DataType::Decimal128(precision, open);
            let Some(shared) = self.shared(digits, scale, is_open)? else {
                shown.push(None);
                continue;
            };
            let name = self.name();
            let hidden = Expr::Column(Column::new_unqualified(name.clone()));
            let (exprs, text) = match shared {
                Shared::Texts(texts) => (texts, hidden),
                Shared::Scales(scales) => {
                    let value = Expr::Column(column.clone());
                    (scales.into_iter().map(lit).collect(), self.operators.call("exact_text", vec![value, hidden])?)
                }
            };
            added.iter_mut().zip(exprs).for_each(|(added, expr)| added.push(expr.alias(name.clone())));
            shown.push(Some(text));
        }
        Ok(shown)
    }

    /// `None` if all have the digits of the whole, or if casts were written that give them: in an open type, nobody wrote
    /// how many they are.
    fn shared(&self, digits: Vec<Digits>, whole: i64, is_open: bool) -> Result<Option<Shared>, DataFusionError> {
        let scale = |one: &Digits| match one {
            Digits::Null => Some(whole),
            Digits::Fixed(_, own) => Some(*own),
            Digits::Own(_) => None,
        };
        let Some(scales) = digits.iter().map(scale).collect::<Option<Vec<_>>>() else {
            let schema = DFSchema::empty();
            let reader = Reader { schema: &schema, known: &[], operators: self.operators };
            let text = |one: Digits| match one {
                // The column has the digits of all inputs already.
                Digits::Fixed(value, own) if own != whole => self.operators.call("exact_text", vec![value, lit(own)]),
                other => reader.text(other),
            };
            return Ok(Some(Shared::Texts(digits.into_iter().map(text).collect::<Result<Vec<_>, _>>()?)));
        };
        let has_all = |one: &Digits| matches!(one, Digits::Fixed(_, own) if *own == whole);
        let is_mixed = (is_open || digits.iter().any(has_all)) && scales.iter().any(|own| *own != whole);
        Ok(is_mixed.then_some(Shared::Scales(scales)))
    }
}

/// A call whose result has the digits of what it reads.
fn folded(expr: &Expr) -> Option<&AggregateFunction> {
    match expr {
        Expr::Alias(alias) => folded(&alias.expr),
        Expr::AggregateFunction(call) if !call.params.distinct && call.params.order_by.is_empty() => Some(call),
        _ => None,
    }
}

/// The call over texts, if its numbers have digits of their own and are computed in process in any case.
fn exact_call(call: &AggregateFunction, reader: &Reader<'_>) -> Result<Option<Expr>, DataFusionError> {
    let (Some(function), [argument]) = (reader.operators.of_digits(call.func.name()), call.params.args.as_slice())
    else {
        return Ok(None);
    };
    match reader.shown(argument, Casts::Written)? {
        Some(text) if runs_in_process(&text)? || is_given(&text) => {
            let filter = call.params.filter.clone();
            let call = AggregateFunction::new_udf(function, vec![text], false, filter, Vec::new(), None);
            Ok(Some(Expr::AggregateFunction(call)))
        }
        Some(_) | None => Ok(None),
    }
}

fn called(expr: &Expr) -> Option<&WindowFunction> {
    match expr {
        Expr::Alias(alias) => called(&alias.expr),
        Expr::WindowFunction(call) if !call.params.distinct => Some(call),
        _ => None,
    }
}

/// The window over texts, if its numbers have digits of their own and are computed in process in any case.
fn exact_window(call: &WindowFunction, reader: &Reader<'_>) -> Result<Option<Expr>, DataFusionError> {
    let mut call = call.clone();
    let arguments = &mut call.params.args;
    let texts = match call.fun.name() {
        "lag" | "lead" | "first_value" | "last_value" | "nth_value" => {
            let Some(whole) = arguments.first().cloned() else { return Ok(None) };
            // The value, and what stands for one that is not there.
            let places = if arguments.len() > 2 { &[0, 2][..] } else { &[0] };
            let values: Vec<&Expr> = places.iter().map(|place| &arguments[*place]).collect();
            let Some(texts) = reader.branches(&whole, values.into_iter())? else { return Ok(None) };
            places.iter().zip(&texts).for_each(|(place, text)| arguments[*place] = text.clone());
            texts
        }
        name => {
            let (Some(function), [argument]) = (reader.operators.of_digits(name), arguments.as_slice()) else {
                return Ok(None);
            };
            let Some(text) = reader.shown(argument, Casts::Written)? else { return Ok(None) };
            call.fun = WindowFunctionDefinition::AggregateUDF(function);
            *arguments = vec![text.clone()];
            vec![text]
        }
    };
    let mut is_computed_here = false;
    for text in &texts {
        if !can_move(text)? {
            return Ok(None);
        }
        is_computed_here |= runs_in_process(text)? || is_given(text);
    }
    Ok(is_computed_here.then(|| Expr::WindowFunction(Box::new(call))))
}

/// What a column is grouped by, if every group has a value of it.
fn plain_key<'e>(aggregate: &'e Aggregate, column: &Column) -> Option<&'e Expr> {
    let key = aggregate.group_expr.get(aggregate.schema.maybe_index_of_column(column)?)?;
    let in_sets = aggregate.group_expr.iter().any(|key| matches!(key, Expr::GroupingSet(_)));
    (!in_sets).then_some(key)
}

/// One text of those that the equal keys of a group have, if they are computed in process in any case.
fn exact_key(key: &Expr, reader: &Reader<'_>) -> Result<Option<Expr>, DataFusionError> {
    let Some(function) = reader.operators.of_digits("max") else { return Ok(None) };
    match reader.shown(key, Casts::Written)? {
        Some(text) if runs_in_process(&text)? => {
            let call = AggregateFunction::new_udf(function, vec![text], false, None, Vec::new(), None);
            Ok(Some(Expr::AggregateFunction(call)))
        }
        Some(_) | None => Ok(None),
    }
}

/// A value, and how many digits it has, if a text is made of the two.
fn with_scale(text: &Expr) -> Option<(&Expr, &Expr)> {
    match text {
        Expr::ScalarFunction(call) if call.func.name() == "exact_text" => match call.args.as_slice() {
            [value @ Expr::Column(_), scale @ Expr::Column(_)] => Some((value, scale)),
            _ => None,
        },
        _ => None,
    }
}

/// Whether a text, or the column that it stands in, is computed in process in any case.
fn is_computed_here(text: &Expr, plan: &LogicalPlan) -> Result<bool, DataFusionError> {
    if !is_given(text) {
        return runs_in_process(text);
    }
    plan.exists(|node| {
        for expr in node.expressions() {
            if runs_in_process(&expr)? {
                return Ok(true);
            }
        }
        Ok(false)
    })
}

/// Whether the digits stand in a column.
fn is_given(text: &Expr) -> bool {
    match text {
        Expr::Column(_) => true,
        Expr::ScalarFunction(call) => call.func.name() == "exact_text" && call.args.len() == 2,
        _ => false,
    }
}

/// Whether a join fills up rows of this side with NULLs.
fn has_made_up(plan: &LogicalPlan, side: usize) -> bool {
    let LogicalPlan::Join(Join { join_type, .. }) = plan else { return false };
    match join_type {
        JoinType::Full => true,
        JoinType::Left => side == 1,
        JoinType::Right => side == 0,
        JoinType::Inner
        | JoinType::LeftSemi
        | JoinType::RightSemi
        | JoinType::LeftAnti
        | JoinType::RightAnti
        | JoinType::LeftMark
        | JoinType::RightMark => false,
    }
}

/// The columns of exact numbers that some expressions read.
fn decimal_columns<'e>(
    exprs: impl Iterator<Item = &'e Expr>,
    schema: &DFSchema,
) -> Result<Vec<Column>, DataFusionError> {
    let mut found: Vec<Column> = Vec::new();
    for column in exprs.flat_map(Expr::column_refs) {
        let is_new = !found.iter().any(|one| one.flat_name() == column.flat_name());
        let known: Option<&DataType> = schema.data_type(column).ok();
        if is_new && known.is_some_and(is_decimal) {
            found.push(column.clone());
        }
    }
    found.sort_by_key(Column::flat_name);
    Ok(found)
}

fn known(columns: Vec<Column>, shown: Vec<Option<Expr>>) -> Known {
    columns.into_iter().zip(shown).filter_map(|(column, text)| Some((column, text?))).collect()
}

fn replace_columns(
    expr: Expr,
    replace: &mut dyn FnMut(Column) -> Result<Column, DataFusionError>,
) -> Result<Expr, DataFusionError> {
    let done = expr.transform_up(|part| match part {
        Expr::Column(column) => Ok(Transformed::yes(Expr::Column(replace(column)?))),
        other => Ok(Transformed::no(other)),
    })?;
    Ok(done.data)
}

/// The columns of a projection that gets more of them.
struct Carried<'c, 'a> {
    carry: &'c mut Carry<'a>,
    exprs: Vec<Expr>,
    schema: &'c DFSchema,
}

impl Carried<'_, '_> {
    /// An expression over the input as one over the output.
    fn over_output(&mut self, text: Expr) -> Result<Expr, DataFusionError> {
        let text = text.transform_up(|part| match part {
            Expr::ScalarSubquery(_) => {
                let name = self.carry.name();
                self.exprs.push(part.alias(name.clone()));
                Ok(Transformed::yes(Expr::Column(Column::new_unqualified(name))))
            }
            other => Ok(Transformed::no(other)),
        })?;
        let added: Vec<String> =
            self.exprs[self.schema.fields().len()..].iter().map(|one| one.schema_name().to_string()).collect();
        replace_columns(text.data, &mut |column| {
            if column.relation.is_none() && added.contains(&column.name) {
                return Ok(column);
            }
            let is_it = |expr: &Expr| match expr {
                Expr::Column(one) => one.flat_name() == column.flat_name(),
                Expr::Alias(alias) => {
                    matches!(alias.expr.as_ref(), Expr::Column(one) if one.flat_name() == column.flat_name())
                }
                _ => false,
            };
            let known = self.exprs.iter().position(is_it);
            Ok(match known {
                Some(place) if place < self.schema.fields().len() => Column::from(self.schema.qualified_field(place)),
                Some(place) => Column::new_unqualified(self.exprs[place].schema_name().to_string()),
                None => {
                    let name = self.carry.name();
                    self.exprs.push(Expr::Column(column).alias(name.clone()));
                    Column::new_unqualified(name)
                }
            })
        })
    }
}
