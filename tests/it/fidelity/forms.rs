//! Every way to make a value of a type out of values of types, as templates.
//!
//! Nothing here fails on a row: a divisor is never zero and a text that is read is a number. Which of two failing
//! expressions is told of, and whether one is reached at all, is free in SQL.

use super::kind::Kind::{self, Big, Bool, Date, Float, Instant, Int, Interval, Numeric, Text, Timestamp};

/// The type, the template, and the types of its places.
pub type Form = (Kind, &'static str, &'static [Kind]);

/// Expressions.
#[rustfmt::skip]
pub const FORMS: &[Form] = &[
    (Bool, "({} AND {})", &[Bool, Bool]), (Bool, "({} OR {})", &[Bool, Bool]), (Bool, "(NOT {})", &[Bool]),
    (Bool, "({} IS TRUE)", &[Bool]), (Bool, "({} IS NOT FALSE)", &[Bool]), (Bool, "({} IS UNKNOWN)", &[Bool]),
    (Bool, "({} LIKE 'A%')", &[Text]), (Bool, "({} NOT LIKE '%o_')", &[Text]), (Bool, "({} ILIKE '%A%')", &[Text]),
    (Bool, "({} LIKE {})", &[Text, Text]), (Bool, "({} ~ '^[A-M]')", &[Text]), (Bool, "({} !~* 'n.c')", &[Text]),
    (Bool, "starts_with({}, {})", &[Text, Text]), (Bool, "({} SIMILAR TO '(A|T)%')", &[Text]),
    (Bool, "({} IN ('AAPL', 'NVDA', {}))", &[Text, Text]), (Bool, "({} NOT IN (1, 2, {}))", &[Int, Int]),
    (Bool, "({} = ANY (ARRAY[{}, 2, 100]))", &[Int, Int]), (Bool, "({} <> ALL (ARRAY['a', {}]))", &[Text, Text]),
    (Bool, "(({}, {}) < ({}, {}))", &[Text, Int, Text, Int]), (Bool, "(({}, {}) = ({}, {}))", &[Date, Text, Date, Text]),
    (Bool, "({} > {})", &[Int, Numeric]), (Bool, "({} <= {})", &[Big, Float]), (Bool, "({} < {})", &[Numeric, Float]),
    (Bool, "({} < {})", &[Date, Timestamp]), (Bool, "({} = {})", &[Int, Big]), (Bool, "({} >= {})", &[Instant, Date]),
    (Bool, "(extract(dow FROM {}) IN (0, 6))", &[Date]), (Bool, "isfinite({})", &[Timestamp]),
    (Bool, "({} IS NOT TRUE)", &[Bool]), (Bool, "({})::boolean", &[Int]), (Bool, "({} ~ '^[0-9]+$')", &[Text]),
    (Bool, "({} LIKE 'A!%' ESCAPE '!')", &[Text]), (Bool, "({} = ANY (string_to_array('AAPL,a,BUY', ',')))", &[Text]),
    (Bool, "(({}, {}) IS DISTINCT FROM ({}, {}))", &[Text, Int, Text, Int]), (Bool, "({} BETWEEN {} AND {})", &[Int, Big, Numeric]),
    (Bool, "({} IN ({}, {}))", &[Int, Numeric, Big]), (Bool, "(({}, {}) OVERLAPS ({}, {}))", &[Timestamp, Timestamp, Timestamp, Timestamp]),

    (Int, "({} + {})", &[Int, Int]), (Int, "({} - {})", &[Int, Int]), (Int, "({} * 3)", &[Int]),
    (Int, "({} / 4)", &[Int]), (Int, "({} / nullif({}, 0))", &[Int, Int]), (Int, "({} % 5)", &[Int]),
    (Int, "mod({}, nullif({}, 0))", &[Int, Int]), (Int, "abs({})", &[Int]), (Int, "(-{})", &[Int]),
    (Int, "length({})", &[Text]), (Int, "octet_length({})", &[Text]), (Int, "position('a' in {})", &[Text]),
    (Int, "strpos({}, {})", &[Text, Text]), (Int, "ascii({})", &[Text]), (Int, "({} - {})", &[Date, Date]),
    (Int, "extract(month FROM {})::int", &[Date]), (Int, "extract(hour FROM {})::int", &[Timestamp]),
    (Int, "{}::int", &[Bool]), (Int, "round({} / 1000)::int", &[Numeric]), (Int, "sign({})::int", &[Numeric]),
    (Int, "width_bucket({}, 0, 100, 5)", &[Numeric]), (Int, "({} & 6)", &[Int]), (Int, "({} # {})", &[Int, Int]),
    (Int, "num_nulls({}, {})", &[Text, Int]), (Int, "('0' || right(regexp_replace({}, '\\D', '', 'g'), 8))::int % 7", &[Text]),
    (Int, "char_length({})", &[Text]), (Int, "cardinality(string_to_array({}, ' '))", &[Text]),
    (Int, "regexp_count({}, '[aeiou]')", &[Text]), (Int, "array_position(ARRAY['a', 'AAPL', ''], {})", &[Text]),
    (Int, "CASE {} WHEN 'AAPL' THEN 1 WHEN {} THEN 2 ELSE 3 END", &[Text, Text]), (Int, "({})::text::int", &[Int]),
    (Int, "extract(isodow FROM {})::int", &[Date]), (Int, "extract(week FROM {})::int", &[Date]),
    (Int, "date_part('quarter', {})::int", &[Timestamp]), (Int, "greatest({}, {}, 0)", &[Int, Int]),

    (Big, "({} + {})", &[Big, Big]), (Big, "({} - {})", &[Big, Int]), (Big, "({} % 7)", &[Big]), (Big, "({} / 3)", &[Big]),
    (Big, "({} / nullif({}, 0))", &[Big, Int]), (Big, "{}::bigint", &[Int]), (Big, "abs({})", &[Big]),
    (Big, "round({})::bigint", &[Numeric]), (Big, "({} << 2)", &[Big]), (Big, "gcd({}, {}::bigint)", &[Big, Int]),
    (Big, "extract(epoch FROM {})::bigint", &[Timestamp]), (Big, "floor({})::bigint", &[Float]),
    (Big, "({})::text::bigint", &[Big]), (Big, "mod({}, 11)", &[Big]), (Big, "extract(epoch FROM {})::bigint", &[Instant]),

    (Numeric, "({} + {})", &[Numeric, Numeric]), (Numeric, "({} - {})", &[Numeric, Numeric]),
    (Numeric, "({} * {})", &[Numeric, Int]), (Numeric, "({} * 0.5)", &[Numeric]), (Numeric, "({} + {})", &[Numeric, Big]),
    (Numeric, "({} / 4)", &[Numeric]), (Numeric, "({} / nullif({}, 0))", &[Numeric, Numeric]),
    (Numeric, "({} % 10)", &[Numeric]), (Numeric, "round({}, 2)", &[Numeric]), (Numeric, "round({})", &[Numeric]),
    (Numeric, "trunc({}, 1)", &[Numeric]), (Numeric, "floor({})", &[Numeric]), (Numeric, "ceil({})", &[Numeric]),
    (Numeric, "abs({})", &[Numeric]), (Numeric, "sign({})", &[Numeric]), (Numeric, "{}::numeric", &[Int]),
    (Numeric, "{}::numeric(18, 4)", &[Big]), (Numeric, "round({}::numeric, 3)", &[Float]), (Numeric, "(-{})", &[Numeric]),
    (Numeric, "extract(epoch FROM {})", &[Interval]), (Numeric, "extract(day FROM {})", &[Timestamp]),
    (Numeric, "div({}, 7)", &[Numeric]), (Numeric, "round({}, -2)", &[Numeric]),
    (Numeric, "greatest({}, {})", &[Numeric, Int]), (Numeric, "least({}, 0)", &[Numeric]), (Numeric, "coalesce({}, {})", &[Numeric, Big]),
    (Numeric, "extract(second FROM {})", &[Timestamp]), (Numeric, "({})::text::numeric", &[Int]), (Numeric, "({} - {})", &[Big, Numeric]),

    (Float, "({} + {})", &[Float, Float]), (Float, "({} - 2)", &[Float]), (Float, "({} * {})", &[Float, Int]),
    (Float, "({} / nullif({}, 0))", &[Float, Float]), (Float, "abs({})", &[Float]), (Float, "floor({})", &[Float]),
    (Float, "ceil({})", &[Float]), (Float, "round({})", &[Float]), (Float, "{}::float8", &[Int]),
    (Float, "{}::float8", &[Numeric]), (Float, "sqrt(abs({}))", &[Float]), (Float, "sign({})", &[Float]),
    (Float, "trunc({})", &[Float]), (Float, "date_part('minute', {})", &[Timestamp]), (Float, "({} * {})", &[Numeric, Float]),
    (Float, "power({}, 2)", &[Float]), (Float, "least({}, {})", &[Float, Int]), (Float, "{}::float8", &[Big]),
    (Float, "extract(epoch FROM {})::float8", &[Interval]),

    (Text, "upper({})", &[Text]), (Text, "lower({})", &[Text]), (Text, "initcap({})", &[Text]),
    (Text, "({} || {})", &[Text, Text]), (Text, "({} || '-' || {})", &[Text, Int]), (Text, "concat({}, '/', {})", &[Text, Int]),
    (Text, "concat_ws(',', {}, {}, {})", &[Text, Text, Date]), (Text, "substr({}, 2, 3)", &[Text]),
    (Text, "substring({} FROM 2)", &[Text]), (Text, "left({}, {} % 5)", &[Text, Int]), (Text, "right({}, 2)", &[Text]),
    (Text, "replace({}, 'A', {})", &[Text, Text]), (Text, "trim({})", &[Text]), (Text, "ltrim({}, 'AB ')", &[Text]),
    (Text, "lpad({}, 6, '*')", &[Text]), (Text, "rpad({}, 3)", &[Text]), (Text, "reverse({})", &[Text]),
    (Text, "repeat({}, 2)", &[Text]), (Text, "split_part({}, ' ', 1)", &[Text]), (Text, "translate({}, 'AEI', 'ae')", &[Text]),
    (Text, "md5({})", &[Text]), (Text, "{}::text", &[Int]), (Text, "{}::text", &[Bool]), (Text, "{}::text", &[Date]),
    (Text, "{}::text", &[Timestamp]), (Text, "round({}, 2)::text", &[Numeric]), (Text, "to_char({}, 'YYYY-MM Mon')", &[Date]),
    (Text, "to_char({}, 'HH24:MI:SS.MS')", &[Timestamp]), (Text, "to_char({}, 'FM999,990.00')", &[Numeric]),
    (Text, "regexp_replace({}, '[aeiou]', '.', 'g')", &[Text]), (Text, "quote_literal({})", &[Text]),
    (Text, "format('%s:%s', {}, {})", &[Text, Int]), (Text, "overlay({} placing 'xx' from 2 for 1)", &[Text]),
    (Text, "chr(65 + abs({} % 26))", &[Int]), (Text, "{}::varchar(3)::text", &[Text]), (Text, "{}::text", &[Interval]),
    (Text, "btrim({}, 'a ')", &[Text]), (Text, "left({}, -1)", &[Text]), (Text, "to_hex(abs({} % 256))", &[Int]),
    (Text, "array_to_string(ARRAY[{}, {}, 'z'], '|')", &[Text, Text]), (Text, "(string_to_array({}, ' '))[1]", &[Text]),
    (Text, "substring({} FROM '[A-Z]+')", &[Text]), (Text, "coalesce({}, 'none')", &[Text]), (Text, "nullif(trim({}), '')", &[Text]),
    (Text, "encode(convert_to({}, 'UTF8'), 'hex')", &[Text]), (Text, "(upper(left({}, 1)) || lower(substr({}, 2)))", &[Text, Text]),
    (Text, "to_char({}, 'FM0000')", &[Int]), (Text, "to_char({}, 'FMDay, DDth FMMonth YYYY')", &[Date]),
    (Text, "to_char({}, 'IYYY-IW-ID Q')", &[Date]), (Text, "to_char({}, 'HH12:MI AM')", &[Timestamp]), (Text, "{}::text", &[Big]),
    (Text, "{}::text", &[Instant]), (Text, "CASE {} WHEN true THEN 'yes' WHEN false THEN 'no' END", &[Bool]),

    (Date, "({} + {} % 100)", &[Date, Int]), (Date, "({} - 1)", &[Date]), (Date, "{}::date", &[Timestamp]),
    (Date, "date_trunc('month', {})::date", &[Date]), (Date, "({} + INTERVAL '1 month')::date", &[Date]),
    (Date, "make_date(2025, 1 + abs({} % 12), 5)", &[Int]), (Date, "{}::date", &[Instant]),
    (Date, "to_date(to_char({}, 'DD/MM/YYYY'), 'DD/MM/YYYY')", &[Date]), (Date, "date_trunc('quarter', {})::date", &[Date]),
    (Date, "(date_trunc('month', {}) + INTERVAL '1 month - 1 day')::date", &[Date]), (Date, "({})::text::date", &[Date]),

    (Timestamp, "date_trunc('hour', {})", &[Timestamp]), (Timestamp, "date_trunc('week', {})", &[Timestamp]),
    (Timestamp, "({} + {})", &[Timestamp, Interval]), (Timestamp, "({} - INTERVAL '1 month')", &[Timestamp]),
    (Timestamp, "{}::timestamp", &[Date]), (Timestamp, "({} + {})", &[Date, Interval]),
    (Timestamp, "({} AT TIME ZONE 'UTC')", &[Instant]), (Timestamp, "date_bin('15 minutes', {}, TIMESTAMP '2025-01-01')", &[Timestamp]),
    (Timestamp, "date_trunc('month', {})", &[Timestamp]), (Timestamp, "({} + ({} % 500) * INTERVAL '1 minute')", &[Timestamp, Int]),
    (Timestamp, "make_timestamp(2025, 1 + abs({} % 12), 3, 4, 5, 6.5)", &[Int]), (Timestamp, "coalesce({}, {})", &[Timestamp, Date]),

    (Instant, "date_trunc('day', {})", &[Instant]), (Instant, "({} + {})", &[Instant, Interval]),
    (Instant, "({} AT TIME ZONE 'Europe/Berlin')", &[Timestamp]), (Instant, "{}::timestamptz", &[Timestamp]),
    (Instant, "to_timestamp({} % 100000)", &[Big]), (Instant, "date_trunc('month', {})", &[Instant]),

    (Interval, "({} - {})", &[Timestamp, Timestamp]), (Interval, "({} - {})", &[Instant, Instant]),
    (Interval, "({} + {})", &[Interval, Interval]), (Interval, "({} * 2)", &[Interval]), (Interval, "(-{})", &[Interval]),
    (Interval, "({} % 50) * INTERVAL '1 hour'", &[Int]), (Interval, "justify_hours({})", &[Interval]),
    (Interval, "age({}, {})", &[Timestamp, Timestamp]), (Interval, "make_interval(days => {} % 40)", &[Int]),
    (Interval, "justify_days({})", &[Interval]), (Interval, "({} - {})", &[Interval, Interval]), (Interval, "({} - {})", &[Date, Timestamp]),
];

/// Comparisons of two values of one type.
pub const COMPARISONS: &[&str] = &[
    "({} = {})",
    "({} <> {})",
    "({} < {})",
    "({} <= {})",
    "({} > {})",
    "({} >= {})",
    "({} IS DISTINCT FROM {})",
    "({} IS NOT DISTINCT FROM {})",
    "({} IS NULL)",
    "({} IS NOT NULL)",
    "({} BETWEEN {} AND {})",
    "({} NOT BETWEEN {} AND {})",
    "({} BETWEEN SYMMETRIC {} AND {})",
    "({} IN ({}, {}))",
    "({} NOT IN ({}, {}))",
];

/// What makes a value of any type of values of this type and conditions (`?`).
pub const CHOICES: &[&str] = &[
    "CASE WHEN ? THEN {} END",
    "CASE WHEN ? THEN {} ELSE {} END",
    "CASE WHEN ? THEN {} WHEN ? THEN {} ELSE {} END",
    "coalesce({}, {})",
    "nullif({}, {})",
    "greatest({}, {})",
    "least({}, {}, {})",
];

/// Aggregates. Sums of floats depend on the order of the rows: see [`super::known`], "sums".
#[rustfmt::skip]
pub const AGGREGATES: &[Form] = &[
    (Big, "count(*)", &[]), (Big, "count({})", &[Text]), (Big, "count(DISTINCT {})", &[Text]), (Big, "count(DISTINCT {})", &[Numeric]),
    (Big, "sum({})", &[Int]), (Numeric, "sum({})", &[Big]), (Numeric, "sum({})", &[Numeric]), (Numeric, "avg({})", &[Int]),
    (Numeric, "avg({})", &[Numeric]), (Numeric, "sum(DISTINCT {})", &[Numeric]), (Interval, "sum({})", &[Interval]),
    (Int, "min({})", &[Int]), (Int, "max({})", &[Int]), (Big, "max({})", &[Big]), (Numeric, "min({})", &[Numeric]),
    (Numeric, "max({})", &[Numeric]), (Float, "min({})", &[Float]), (Float, "max({})", &[Float]), (Text, "min({})", &[Text]),
    (Text, "max({})", &[Text]), (Date, "min({})", &[Date]), (Date, "max({})", &[Date]), (Timestamp, "max({})", &[Timestamp]),
    (Instant, "min({})", &[Instant]), (Interval, "max({})", &[Interval]), (Bool, "bool_and({})", &[Bool]),
    (Bool, "bool_or({})", &[Bool]), (Bool, "every({})", &[Bool]), (Int, "bit_or({})", &[Int]),
    (Int, "bit_and({})", &[Int]), (Big, "count(DISTINCT {})", &[Date]), (Big, "regr_count({}, {})", &[Float, Float]),
    (Timestamp, "min({})", &[Timestamp]), (Instant, "max({})", &[Instant]), (Interval, "min({})", &[Interval]),
];

/// Aggregates that do not work as windows. A place too many is the value of the place before it.
#[rustfmt::skip]
pub const ORDERED_AGGREGATES: &[Form] = &[
    (Text, "string_agg({}, ',' ORDER BY {})", &[Text]), (Text, "string_agg(DISTINCT {}, '' ORDER BY {} DESC)", &[Text]),
    (Float, "percentile_cont(0.5) WITHIN GROUP (ORDER BY {})", &[Float]),
    (Numeric, "percentile_disc(0.25) WITHIN GROUP (ORDER BY {})", &[Numeric]),
    (Int, "mode() WITHIN GROUP (ORDER BY {})", &[Int]),
    (Text, "array_to_string(array_agg({} ORDER BY {} NULLS FIRST), ',', '-')", &[Text]),
    (Date, "(array_agg({} ORDER BY {} DESC NULLS LAST))[1]", &[Date]),
];

/// Functions of windows whose value is the same whatever the order of rows that are equal.
pub const RANKS: &[Form] =
    &[(Big, "rank()", &[]), (Big, "dense_rank()", &[]), (Float, "percent_rank()", &[]), (Float, "cume_dist()", &[])];

/// Functions of windows that need an order without equals.
#[rustfmt::skip]
pub const POSITIONS: &[Form] = &[
    (Big, "row_number()", &[]), (Int, "ntile(3)", &[]), (Text, "lag({})", &[Text]), (Text, "lead({}, 2, 'none')", &[Text]),
    (Numeric, "lag({}, 1)", &[Numeric]), (Int, "lead({})", &[Int]), (Date, "first_value({})", &[Date]), (Big, "lag({}, 2)", &[Big]),
    (Numeric, "last_value({})", &[Numeric]), (Text, "nth_value({}, 2)", &[Text]), (Float, "first_value({})", &[Float]),
    (Timestamp, "lag({})", &[Timestamp]), (Bool, "lag({})", &[Bool]),
];
