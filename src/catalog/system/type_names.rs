//! The names of types as SQL writes them, there and back.

use super::fixed;

/// Names of the SQL standard that differ from `typname`.
const STANDARD_NAMES: &[(&str, &str)] = &[
    ("bool", "boolean"),
    ("char", "\"char\""),
    ("int2", "smallint"),
    ("int4", "integer"),
    ("int8", "bigint"),
    ("float4", "real"),
    ("float8", "double precision"),
    ("bpchar", "character"),
    ("varchar", "character varying"),
    ("time", "time without time zone"),
    ("timetz", "time with time zone"),
    ("timestamp", "timestamp without time zone"),
    ("timestamptz", "timestamp with time zone"),
    ("varbit", "bit varying"),
];

/// Other names that PostgreSQL reads.
const SYNONYMS: &[(&str, &str)] = &[
    ("int", "int4"),
    ("decimal", "numeric"),
    ("dec", "numeric"),
    ("float", "float8"),
    ("timestamp", "timestamp"),
    ("time", "time"),
    ("char", "bpchar"),
];

/// `format_type(oid, typmod)`; an OID that is no type is `???`, no OID is `-`.
pub(super) fn format_type(oid: u32, modifier: Option<i32>) -> String {
    if oid == 0 {
        return "-".to_owned();
    }
    let Some(row) = fixed::type_by_oid(oid) else { return "???".to_owned() };
    if row.category == "A" && row.element != 0 && row.name.starts_with('_') {
        return format!("{}[]", format_type(row.element, modifier));
    }
    match modifier.filter(|modifier| *modifier >= 0) {
        Some(modifier) => with_modifier(row.name, modifier),
        None => standard_name(row.name).to_owned(),
    }
}

fn standard_name(name: &str) -> &str {
    STANDARD_NAMES.iter().find(|(short, _)| *short == name).map_or(name, |(_, long)| long)
}

fn with_modifier(name: &str, modifier: i32) -> String {
    let length = modifier - 4;
    match name {
        "numeric" if length >= 0 => format!("numeric({},{})", length >> 16, length & 0x7ff),
        "varchar" | "bpchar" if length >= 0 => format!("{}({length})", standard_name(name)),
        "time" => format!("time({modifier}) without time zone"),
        "timetz" => format!("time({modifier}) with time zone"),
        "timestamp" => format!("timestamp({modifier}) without time zone"),
        "timestamptz" => format!("timestamp({modifier}) with time zone"),
        "bit" | "varbit" => format!("{}({modifier})", standard_name(name)),
        _ => standard_name(name).to_owned(),
    }
}

/// The OID of a type that is written as SQL writes it: `int4`, `pg_catalog.int4`, `integer`, `numeric(10,2)`, `text[]`.
pub(super) fn read_type(text: &str) -> Option<u32> {
    let lower = text.trim().to_lowercase();
    let bare = lower.strip_prefix("pg_catalog.").unwrap_or(&lower);
    if let Some(element) = bare.strip_suffix("[]") {
        let row = fixed::type_by_oid(read_type(element)?)?;
        return fixed::type_by_name(&format!("_{}", row.name)).map(|row| row.oid);
    }
    let unmodified = without_modifier(bare);
    if let Some(quoted) = unmodified.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')) {
        return fixed::type_by_name(quoted).map(|row| row.oid);
    }
    let short = STANDARD_NAMES.iter().find(|(_, long)| *long == unmodified).map(|(short, _)| *short);
    let synonym = SYNONYMS.iter().find(|(synonym, _)| *synonym == unmodified).map(|(_, short)| *short);
    fixed::type_by_name(short.or(synonym).unwrap_or(&unmodified)).map(|row| row.oid)
}

/// `timestamp(3) with time zone` → `timestamp with time zone`.
fn without_modifier(text: &str) -> String {
    match (text.find('('), text.find(')')) {
        (Some(open), Some(close)) if open < close => format!("{}{}", text[..open].trim_end(), &text[close + 1..]),
        _ => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_read_as_postgresql_writes_them() {
        for (oid, modifier, text) in [
            (23, None, "integer"),
            (23, Some(-1), "integer"),
            (1700, Some((18 << 16) | 6 + 4), "numeric(18,6)"),
            (1009, None, "text[]"),
            (1043, Some(14), "character varying(10)"),
            (1184, Some(3), "timestamp(3) with time zone"),
            (18, None, "\"char\""),
            (0, None, "-"),
            (999_999, None, "???"),
        ] {
            assert_eq!(format_type(oid, modifier), text);
        }
    }

    #[test]
    fn what_is_written_can_be_read() {
        for oid in [16, 17, 18, 20, 21, 23, 25, 700, 701, 1043, 1082, 1114, 1184, 1700, 2950, 3802, 1007, 1009, 1231] {
            assert_eq!(read_type(&format_type(oid, None)), Some(oid));
        }
        assert_eq!(read_type("pg_catalog.int4"), Some(23));
        assert_eq!(read_type("timestamp(3) with time zone"), Some(1184));
        assert_eq!(read_type("int"), Some(23));
        assert_eq!(read_type("numeric(10,2)"), Some(1700));
        assert_eq!(read_type("no_such_type"), None);
    }
}
