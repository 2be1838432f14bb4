//! The settings that PostgreSQL 15 has, read off `pg_settings` into `postgresql.txt`; a test compares the two.

use std::str::Split;

/// Who may change a setting, and when.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Context {
    /// Nobody.
    Internal,
    /// The operator, before the server starts.
    Restart,
    /// The operator, at any time.
    Reload,
    /// The client, before the session begins.
    ConnectionStart,
    /// A superuser, which no user here is.
    Superuser,
    /// Everybody.
    User,
}

/// What PostgreSQL says of a setting.
#[derive(Debug, Clone, Copy)]
pub(super) struct Reference {
    /// The name, with capitals where PostgreSQL has them.
    pub(super) name: &'static str,
    pub(super) context: Context,
    /// The context as `pg_settings` names it.
    pub(super) context_name: &'static str,
    /// Only those may see it who may see all settings, which no user here may.
    pub(super) is_hidden: bool,
    /// `bool`, `integer`, `real`, `enum` or `string`.
    pub(super) value_type: &'static str,
    /// The unit of a number without one; empty without units.
    pub(super) unit: &'static str,
    pub(super) minimum: &'static str,
    pub(super) maximum: &'static str,
    /// The values of an enum, with commas between them.
    values: &'static str,
    pub(super) category: &'static str,
    /// As SHOW gives it.
    pub(super) default: &'static str,
}

impl Reference {
    /// The values of an enum.
    pub(super) fn values(&self) -> Split<'static, char> {
        self.values.split(',')
    }
}

/// All of them.
pub(super) fn references() -> impl Iterator<Item = Reference> {
    include_str!("postgresql.txt").lines().filter_map(read)
}

/// `name context type unit minimum maximum values category default`, with tabs between them and `-` for what is not
/// there; behind the context stands whether the setting is hidden.
fn read(line: &'static str) -> Option<Reference> {
    let mut fields = line.split('\t');
    let mut field = || fields.next().map(|field| if field == "-" { "" } else { field });
    let name = field()?;
    let context_field = field()?;
    let (context_name, is_hidden) =
        context_field.strip_suffix(" hidden").map_or((context_field, false), |context| (context, true));
    let context = match context_name {
        "internal" => Context::Internal,
        "postmaster" => Context::Restart,
        "sighup" => Context::Reload,
        "backend" | "superuser-backend" => Context::ConnectionStart,
        "superuser" => Context::Superuser,
        _ => Context::User,
    };
    Some(Reference {
        name,
        context,
        context_name,
        is_hidden,
        value_type: field()?,
        unit: field()?,
        minimum: field()?,
        maximum: field()?,
        values: field()?,
        category: field()?,
        default: field()?,
    })
}
