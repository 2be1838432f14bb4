//! The types whose values are texts in this process, and that only a row description tells from `text`.
//!
//! A new one is a variant of [`TextType`] with its row here; how its binary form differs from the text, if it does, is
//! said in `pg::encode::binary`.

/// A type whose columns are `text` underneath.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum TextType {
    /// `character varying`; a parameter may have it, too.
    Varchar,
    /// `character(n)`, with its blanks.
    Character,
    /// `name`
    Name,
    /// `"char"`, a single byte.
    QuotedChar,
    /// `unknown`, a constant in quotes that nothing gave a type to: a column of a `ROW`.
    Unknown,
    /// `regtype`, a type by its name.
    Regtype,
    /// `jsonpath`
    Jsonpath,
}

/// What `pg_type` says of one of them.
struct Row {
    kind: TextType,
    /// `typname`
    pg_name: &'static str,
    /// As `format_type` writes it.
    name: &'static str,
    oid: u32,
    /// `typarray`
    array_oid: u32,
    /// `typlen`
    length: i16,
    /// Whether a client may send values of it, which are read as texts.
    is_read: bool,
}

const fn row(
    kind: TextType,
    (pg_name, name): (&'static str, &'static str),
    (oid, array_oid): (u32, u32),
    length: i16,
    is_read: bool,
) -> Row {
    Row { kind, pg_name, name, oid, array_oid, length, is_read }
}

/// Source: `pg_type.dat` of PostgreSQL 15. In the order of the variants.
static ROWS: [Row; 7] = [
    row(TextType::Varchar, ("varchar", "character varying"), (1043, 1015), -1, true),
    row(TextType::Character, ("bpchar", "character"), (1042, 1014), -1, true),
    row(TextType::Name, ("name", "name"), (19, 1003), 64, true),
    row(TextType::QuotedChar, ("char", "\"char\""), (18, 1002), 1, true),
    row(TextType::Unknown, ("unknown", "unknown"), (705, 0), -2, false),
    row(TextType::Regtype, ("regtype", "regtype"), (2206, 2211), 4, false),
    row(TextType::Jsonpath, ("jsonpath", "jsonpath"), (4072, 4073), -1, false),
];

impl TextType {
    /// All of them.
    pub fn all() -> impl Iterator<Item = Self> {
        ROWS.iter().map(|row| row.kind)
    }

    /// The type that `pg_type` has under a name.
    #[must_use]
    pub fn by_pg_name(name: &str) -> Option<Self> {
        ROWS.iter().find(|row| row.pg_name == name).map(|row| row.kind)
    }

    /// The name in `pg_type`.
    #[must_use]
    pub fn pg_name(self) -> &'static str {
        self.row().pg_name
    }

    /// The name that `format_type` gives.
    #[must_use]
    pub fn name(self) -> &'static str {
        self.row().name
    }

    /// The type's OID.
    #[must_use]
    pub fn oid(self) -> u32 {
        self.row().oid
    }

    /// The OID of the arrays of the type, 0 where there are none.
    #[must_use]
    pub fn array_oid(self) -> u32 {
        self.row().array_oid
    }

    /// The bytes of a value, or -1 where they vary (`typlen`).
    #[must_use]
    pub fn wire_length(self) -> i16 {
        self.row().length
    }

    /// Whether a client may send values of the type, which are read as texts.
    #[must_use]
    pub fn is_read(self) -> bool {
        self.row().is_read
    }

    fn row(self) -> &'static Row {
        &ROWS[self as usize]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_type_has_its_own_row() {
        for (index, row) in ROWS.iter().enumerate() {
            assert_eq!(row.kind as usize, index, "{}", row.pg_name);
            assert_eq!(TextType::by_pg_name(row.kind.pg_name()), Some(row.kind));
        }
    }
}
