//! Texts and bytes.

use super::super::table::{FunctionKind, FunctionRow, Rendering};
use super::{BYTES, IN_PROCESS, NONE, OTHER_NULLS, OTHER_RESULT, row};

use FunctionKind::Scalar;
use Rendering::{Name, Template};

/// The rows.
#[rustfmt::skip]
pub(super) const ROWS: &[FunctionRow] = &[
    row("upper", Scalar, "upper(text) → text", Name("upperUTF8"), Name("upper")),
    row("lower", Scalar, "lower(text) → text", Name("lowerUTF8"), Name("lower")),
    row("length", Scalar, "length(text) → integer", Template("CAST(lengthUTF8({0}) AS Nullable(Int32))"), Name("length")),
    row("char_length", Scalar, "char_length(text) → integer", Template("CAST(lengthUTF8({0}) AS Nullable(Int32))"), Name("char_length")),
    row("character_length", Scalar, "character_length(text) → integer", Template("CAST(lengthUTF8({0}) AS Nullable(Int32))"), Name("character_length")),
    row("octet_length", Scalar, "octet_length(text) → integer", Template("CAST(length({0}) AS Nullable(Int32))"), Name("octet_length")),
    row("bit_length", Scalar, "bit_length(text) → integer", NONE, Name("bit_length")),
    row("strpos", Scalar, "strpos(text, part text) → integer", Template("CAST(positionUTF8({0}, {1}) AS Nullable(Int32))"), Name("strpos")),
    row("position", Scalar, "position(text, part text) → integer", Template("CAST(positionUTF8({0}, {1}) AS Nullable(Int32))"), Name("strpos")),
    row("reverse", Scalar, "reverse(text) → text", Name("reverseUTF8"), Name("reverse")),
    row("replace", Scalar, "replace(text, from text, to text) → text", OTHER_RESULT, Name("replace")),
    row("starts_with", Scalar, "starts_with(text, prefix text) → boolean", Template("startsWith({0}, {1})"), Name("starts_with")),
    row("substr", Scalar, "substr(text, from integer [, for integer]) → text", BYTES, Name("substr")),
    row("substring", Scalar, "substring(text, from integer [, for integer]) → text", BYTES, Name("substring")),
    row("left", Scalar, "left(text, integer) → text", BYTES, Name("left")),
    row("right", Scalar, "right(text, integer) → text", BYTES, Name("right")),
    row("lpad", Scalar, "lpad(text, integer [, fill text]) → text", BYTES, Name("lpad")),
    row("rpad", Scalar, "rpad(text, integer [, fill text]) → text", BYTES, Name("rpad")),
    row("btrim", Scalar, "btrim(text [, characters text]) → text", BYTES, Name("btrim")),
    row("trim", Scalar, "trim(text [, characters text]) → text", BYTES, Name("btrim")),
    row("ltrim", Scalar, "ltrim(text [, characters text]) → text", BYTES, Name("ltrim")),
    row("rtrim", Scalar, "rtrim(text [, characters text]) → text", BYTES, Name("rtrim")),
    row("initcap", Scalar, "initcap(text) → text", BYTES, Name("initcap")),
    row("split_part", Scalar, "split_part(text, delimiter text, n integer) → text", BYTES, Name("split_part")),
    row("translate", Scalar, "translate(text, from text, to text) → text", BYTES, Name("translate")),
    row("repeat", Scalar, "repeat(text, integer) → text", BYTES, Name("repeat")),
    row("overlay", Scalar, "overlay(text, new text, from integer [, for integer]) → text", BYTES, IN_PROCESS),
    row("ascii", Scalar, "ascii(text) → integer", BYTES, Name("ascii")),
    row("chr", Scalar, "chr(integer) → text", BYTES, Name("chr")),
    row("md5", Scalar, "md5(text) → text", Template("lower(hex(MD5({0})))"), Name("md5")),
    row("to_hex", Scalar, "to_hex(bigint) → text", OTHER_RESULT, Name("to_hex")),
    row("concat", Scalar, "concat(any, …) → text", OTHER_NULLS, Name("concat")),
    row("concat_ws", Scalar, "concat_ws(separator text, any, …) → text", OTHER_NULLS, Name("concat_ws")),
    row("quote_literal", Scalar, "quote_literal(text) → text", NONE, Name("quote_literal")),
    row("quote_ident", Scalar, "quote_ident(text) → text", NONE, Name("quote_ident")),
    row("encode", Scalar, "encode(bytea, format text) → text", NONE, IN_PROCESS),
    row("decode", Scalar, "decode(text, format text) → bytea", NONE, IN_PROCESS),
    row("byteacat", Scalar, "byteacat(bytea, bytea) → bytea", NONE, Template("({0} || {1})")),
    row("textregexeq", Scalar, "text ~ text → boolean", OTHER_RESULT, Template("({0} ~ {1})")),
    row("textregexne", Scalar, "text !~ text → boolean", OTHER_RESULT, Template("({0} !~ {1})")),
    row("texticregexeq", Scalar, "text ~* text → boolean", OTHER_RESULT, Template("({0} ~* {1})")),
    row("texticregexne", Scalar, "text !~* text → boolean", OTHER_RESULT, Template("({0} !~* {1})")),
    row("regexp_replace", Scalar, "regexp_replace(text, pattern text, to text [, flags text]) → text", OTHER_RESULT, IN_PROCESS),
    row("regexp_match", Scalar, "regexp_match(text, pattern text [, flags text]) → text[]", OTHER_RESULT, IN_PROCESS),
    row("regexp_like", Scalar, "regexp_like(text, pattern text [, flags text]) → boolean", OTHER_RESULT, IN_PROCESS),
    row("regexp_count", Scalar, "regexp_count(text, pattern text) → integer", OTHER_RESULT, IN_PROCESS),
];
