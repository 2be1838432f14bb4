//! Numbers.

use super::super::table::{FunctionKind, FunctionRow, Rendering};
use super::{IN_PROCESS, NAN, NONE, OTHER_RESULT, row};

use FunctionKind::Scalar;
use Rendering::{Name, Special, Template};

/// The rows.
#[rustfmt::skip]
pub(super) const ROWS: &[FunctionRow] = &[
    row("abs", Scalar, "abs(number) → number", Special, Name("abs")),
    row("round", Scalar, "round(number [, digits integer]) → number", OTHER_RESULT, Name("round")),
    row("trunc", Scalar, "trunc(number [, digits integer]) → number", OTHER_RESULT, Name("trunc")),
    row("ceil", Scalar, "ceil(number) → number", Name("ceil"), Name("ceil")),
    row("ceiling", Scalar, "ceiling(number) → number", Name("ceil"), Name("ceiling")),
    row("floor", Scalar, "floor(number) → number", Name("floor"), Name("floor")),
    row("sign", Scalar, "sign(number) → number", Name("sign"), Name("sign")),
    row("power", Scalar, "power(double precision, double precision) → double precision", NAN, Name("power")),
    row("pow", Scalar, "pow(double precision, double precision) → double precision", NAN, Name("power")),
    row("sqrt", Scalar, "sqrt(double precision) → double precision", NAN, Template("sqrt(CAST({0} AS double precision))")),
    row("ln", Scalar, "ln(double precision) → double precision", NAN, Template("ln(CAST({0} AS double precision))")),
    row("log10", Scalar, "log10(double precision) → double precision", NAN, Template("log(CAST({0} AS double precision))")),
    row("exp", Scalar, "exp(double precision) → double precision", NAN, Template("exp(CAST({0} AS double precision))")),
    row("log", Scalar, "log([base,] number) → double precision", NAN, IN_PROCESS),
    row("cbrt", Scalar, "cbrt(double precision) → double precision", NAN, Name("cbrt")),
    row("degrees", Scalar, "degrees(double precision) → double precision", NAN, Name("degrees")),
    row("radians", Scalar, "radians(double precision) → double precision", NAN, Name("radians")),
    row("sin", Scalar, "sin(double precision) → double precision", NAN, Name("sin")),
    row("cos", Scalar, "cos(double precision) → double precision", NAN, Name("cos")),
    row("tan", Scalar, "tan(double precision) → double precision", NAN, Name("tan")),
    row("asin", Scalar, "asin(double precision) → double precision", NAN, Name("asin")),
    row("acos", Scalar, "acos(double precision) → double precision", NAN, Name("acos")),
    row("atan", Scalar, "atan(double precision) → double precision", NAN, Name("atan")),
    row("sinh", Scalar, "sinh(double precision) → double precision", NAN, Name("sinh")),
    row("cosh", Scalar, "cosh(double precision) → double precision", NAN, Name("cosh")),
    row("tanh", Scalar, "tanh(double precision) → double precision", NAN, Name("tanh")),
    row("atan2", Scalar, "atan2(double precision, double precision) → double precision", Name("atan2"), Name("atan2")),
    row("pi", Scalar, "pi() → double precision", Name("pi"), Name("pi")),
    row("random", Scalar, "random() → double precision", NONE, Name("random")),
    row("gcd", Scalar, "gcd(integer, integer) → bigint", OTHER_RESULT, IN_PROCESS),
    row("lcm", Scalar, "lcm(integer, integer) → bigint", OTHER_RESULT, IN_PROCESS),
];
