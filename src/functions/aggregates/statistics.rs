//! Deviation, variance, covariance, correlation and regression.

use datafusion::arrow::datatypes::DataType;
use datafusion::common::ScalarValue;
use datafusion::logical_expr::AggregateUDF;

use crate::base::ErrorReport;

use super::super::numeric::{Big, root_at};
use super::super::signature::scale_of;
use super::{Group, aggregate};

type Found = Result<ScalarValue, ErrorReport>;

pub(super) fn functions() -> Vec<AggregateUDF> {
    let mut all = vec![
        of_one("stddev", |group| exact(group, true, true), |group| floating(group, true, true)),
        of_one("stddev_samp", |group| exact(group, true, true), |group| floating(group, true, true)),
        of_one("stddev_pop", |group| exact(group, false, true), |group| floating(group, false, true)),
        of_one("variance", |group| exact(group, true, false), |group| floating(group, true, false)),
        of_one("var_samp", |group| exact(group, true, false), |group| floating(group, true, false)),
        of_one("var_pop", |group| exact(group, false, false), |group| floating(group, false, false)),
    ];
    all.push(
        aggregate("regr_count", "(float8, float8) int8", |group| {
            Ok(ScalarValue::Int64(i64::try_from(group.rows.len()).ok()))
        })
        .done(),
    );
    all.extend([
        of_two("regr_avgx", |group| result(group, |sums| over(sums.x, sums.count))),
        of_two("regr_avgy", |group| result(group, |sums| over(sums.y, sums.count))),
        of_two("regr_sxx", |group| result(group, |sums| (sums.count > 0.0).then_some(sums.xx))),
        of_two("regr_syy", |group| result(group, |sums| (sums.count > 0.0).then_some(sums.yy))),
        of_two("regr_sxy", |group| result(group, |sums| (sums.count > 0.0).then_some(sums.xy))),
        of_two("covar_pop", |group| result(group, |sums| over(sums.xy, sums.count))),
        of_two("covar_samp", |group| result(group, |sums| over(sums.xy, sums.count - 1.0))),
        of_two("corr", |group| result(group, |sums| Some(sums.xy / (nonzero(sums.xx)? * nonzero(sums.yy)?).sqrt()))),
        of_two("regr_r2", |group| result(group, determination)),
        of_two("regr_slope", |group| result(group, |sums| Some(sums.xy / nonzero(sums.xx)?))),
        of_two("regr_intercept", |group| {
            result(group, |sums| Some((sums.y - sums.x * sums.xy / nonzero(sums.xx)?) / sums.count))
        }),
    ]);
    all
}

fn determination(sums: &Sums) -> Option<f64> {
    nonzero(sums.xx)?;
    Some(if sums.yy == 0.0 { 1.0 } else { sums.xy * sums.xy / (sums.xx * sums.yy) })
}

fn nonzero(value: f64) -> Option<f64> {
    (value != 0.0).then_some(value)
}

fn over(sum: f64, count: f64) -> Option<f64> {
    (count > 0.0).then(|| sum / count)
}

fn of_one(name: &'static str, exact: super::OfGroup, floating: super::OfGroup) -> AggregateUDF {
    fn digits(types: &[DataType], _literals: &[Option<&ScalarValue>]) -> Option<DataType> {
        let own = types.first().map_or(0, scale_of);
        Some(DataType::Decimal128(38, (2 * own).clamp(16, 24)))
    }
    aggregate(name, "(float8) float8", floating)
        .or("(float4) float8", floating)
        .or("(int2) numeric", exact)
        .returning(digits)
        .or("(int4) numeric", exact)
        .returning(digits)
        .or("(int8) numeric", exact)
        .returning(digits)
        .or("(numeric) numeric", exact)
        .returning(digits)
        .done()
}

/// Exactly, with PostgreSQL's digits (`numeric_stddev_internal`).
fn exact(group: &Group<'_>, sample: bool, root: bool) -> Found {
    let count = i64::try_from(group.rows.len()).unwrap_or(i64::MAX);
    if count == 0 || (sample && count == 1) {
        return group.null();
    }
    let mut sum = Big::new(0, 0);
    let mut squares = Big::new(0, 0);
    for value in group.column(0) {
        let value = Big::of(value);
        squares = squares.add(&value.multiply(&value));
        sum = sum.add(&value);
    }
    let number = Big::new(count, 0);
    let spread = number.multiply(&squares).subtract(&sum.multiply(&sum));
    if spread.is_zero() || spread.is_negative() {
        return Big::new(0, 0).value();
    }
    let divisor = number.multiply(&Big::new(if sample { count - 1 } else { count }, 0));
    let scale = spread.quotient_scale(&divisor);
    let variance = spread.divide(&divisor, scale);
    if root { root_at(&variance, scale)?.value() } else { variance.value() }
}

fn number(value: &ScalarValue) -> f64 {
    match value {
        ScalarValue::Float64(Some(value)) => *value,
        ScalarValue::Float32(Some(value)) => f64::from(*value),
        _ => 0.0,
    }
}

fn floating(group: &Group<'_>, sample: bool, root: bool) -> Found {
    let (mut count, mut sum, mut squares) = (0.0, 0.0, 0.0);
    for value in group.column(0).map(number) {
        count += 1.0;
        sum += value;
        if count > 1.0 {
            let step = value * count - sum;
            squares += step * step / (count * (count - 1.0));
        }
    }
    if count == 0.0 || (sample && count == 1.0) {
        return group.null();
    }
    let variance = squares / if sample { count - 1.0 } else { count };
    Ok(ScalarValue::Float64(Some(if root { variance.sqrt() } else { variance })))
}

/// Sums of the pairs of a group; those of squares are about the means.
#[derive(Default)]
struct Sums {
    count: f64,
    x: f64,
    y: f64,
    xx: f64,
    yy: f64,
    xy: f64,
}

fn of_two(name: &'static str, kernel: super::OfGroup) -> AggregateUDF {
    aggregate(name, "(float8, float8) float8", kernel).done()
}

/// The first argument is the dependent one.
fn result(group: &Group<'_>, of: fn(&Sums) -> Option<f64>) -> Found {
    let mut sums = Sums::default();
    for (y, x) in group.column(0).map(number).zip(group.column(1).map(number)) {
        sums.count += 1.0;
        sums.x += x;
        sums.y += y;
        if sums.count > 1.0 {
            let (dx, dy) = (x * sums.count - sums.x, y * sums.count - sums.y);
            let scale = 1.0 / (sums.count * (sums.count - 1.0));
            sums.xx += dx * dx * scale;
            sums.yy += dy * dy * scale;
            sums.xy += dx * dy * scale;
        }
    }
    Ok(ScalarValue::Float64(of(&sums)))
}
