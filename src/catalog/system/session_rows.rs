//! The system tables that differ from session to session: settings, roles, the database, activity.

use std::sync::Arc;

use crate::base::InternalError;
use crate::catalog::RowsLeaf;

use super::System;
use super::builder::Rows;
use super::definition::Definition;
use super::relation_rows::{OWNER, OWNER_OID};
use super::relations::{INFORMATION_SCHEMA, PG_CATALOG, name_oid};

/// The OID of the encoding UTF8.
pub(super) const UTF8: i32 = 6;

/// A role that the session may know of.
#[derive(Debug, Clone)]
pub(super) struct Role {
    /// Its OID.
    pub(super) oid: u32,
    /// Its name.
    pub(super) name: String,
    /// The owner of everything, who cannot log in.
    pub(super) is_owner: bool,
}

/// The roles that the session may know of: the owner of everything and itself. Other tenants' users do not exist here.
pub(super) fn roles(system: &System) -> Vec<Role> {
    let owner = Role { oid: OWNER_OID, name: OWNER.to_owned(), is_owner: true };
    let user = &system.context().user;
    if user == OWNER {
        return vec![owner];
    }
    vec![owner, Role { oid: name_oid(&["role", user]), name: user.clone(), is_owner: false }]
}

/// The OID of the one database.
pub(super) fn database_oid(system: &System) -> u32 {
    name_oid(&["database", &system.context().database])
}

/// The rows of a table of this file; `None` for any other.
pub(super) fn rows(system: &System, definition: &'static Definition) -> Option<Result<Arc<RowsLeaf>, InternalError>> {
    Some(match (definition.schema, definition.name) {
        (PG_CATALOG, "pg_settings") => settings(system, definition),
        (PG_CATALOG, "pg_roles" | "pg_authid") => role_rows(system, definition),
        (PG_CATALOG, "pg_user" | "pg_shadow") => users(system, definition),
        (PG_CATALOG, "pg_database") => databases(system, definition),
        (PG_CATALOG, "pg_stat_activity") => activity(system, definition),
        (INFORMATION_SCHEMA, "information_schema_catalog_name") => {
            Rows::new(definition, 1).every("catalog_name", &system.context().database).finish()
        }
        (INFORMATION_SCHEMA, "enabled_roles") => {
            Rows::new(definition, 1).every("role_name", &system.context().user).finish()
        }
        _ => return None,
    })
}

fn settings(system: &System, definition: &'static Definition) -> Result<Arc<RowsLeaf>, InternalError> {
    let settings = system.context().settings.all();
    let all = || settings.iter();
    Rows::new(definition, settings.len())
        .text("name", all().map(|setting| &setting.name))
        .text("setting", all().map(|setting| &setting.value))
        .text_or_null("unit", all().map(|setting| setting.unit))
        .text("category", all().map(|setting| setting.category))
        .every("short_desc", "")
        .text("context", all().map(|setting| setting.context))
        .text("vartype", all().map(|setting| setting.value_type))
        .text("source", all().map(|setting| if setting.value == setting.reset_value { "default" } else { "session" }))
        .text_or_null("min_val", all().map(|setting| setting.minimum))
        .text_or_null("max_val", all().map(|setting| setting.maximum))
        .texts_or_null("enumvals", all().map(|setting| setting.values.as_deref()))
        .text("boot_val", all().map(|setting| &setting.boot_value))
        .text("reset_val", all().map(|setting| &setting.reset_value))
        .every("pending_restart", "false")
        .finish()
}

fn role_rows(system: &System, definition: &'static Definition) -> Result<Arc<RowsLeaf>, InternalError> {
    let roles = roles(system);
    Rows::new(definition, roles.len())
        .oid("oid", roles.iter().map(|role| role.oid))
        .text("rolname", roles.iter().map(|role| &role.name))
        .bool("rolsuper", roles.iter().map(|role| role.is_owner))
        .every("rolinherit", "true")
        .every("rolcreaterole", "false")
        .every("rolcreatedb", "false")
        .bool("rolcanlogin", roles.iter().map(|role| !role.is_owner || roles.len() == 1))
        .every("rolreplication", "false")
        .every("rolconnlimit", "-1")
        .every("rolbypassrls", "false")
        .finish()
}

fn users(system: &System, definition: &'static Definition) -> Result<Arc<RowsLeaf>, InternalError> {
    let roles: Vec<Role> = roles(system).into_iter().filter(|role| role.name == system.context().user).collect();
    Rows::new(definition, roles.len())
        .oid("usesysid", roles.iter().map(|role| role.oid))
        .text("usename", roles.iter().map(|role| &role.name))
        .every("usecreatedb", "false")
        .every("usesuper", "false")
        .every("userepl", "false")
        .every("usebypassrls", "false")
        .finish()
}

fn databases(system: &System, definition: &'static Definition) -> Result<Arc<RowsLeaf>, InternalError> {
    Rows::new(definition, 1)
        .oid("oid", [database_oid(system)])
        .every("datname", &system.context().database)
        .every("datdba", &OWNER_OID.to_string())
        .int4("encoding", [UTF8])
        .every("datlocprovider", "c")
        .every("datallowconn", "true")
        .every("datconnlimit", "-1")
        .every("dattablespace", "1663")
        .every("datcollate", "C")
        .every("datctype", "C")
        .finish()
}

fn activity(system: &System, definition: &'static Definition) -> Result<Arc<RowsLeaf>, InternalError> {
    let context = system.context();
    let user_oid = roles(system).into_iter().find(|role| role.name == context.user).map_or(OWNER_OID, |role| role.oid);
    let application = context.settings.get("application_name").unwrap_or_default();
    Rows::new(definition, 1)
        .oid("datid", [database_oid(system)])
        .every("datname", &context.database)
        .int4("pid", [context.session_id])
        .oid("usesysid", [user_oid])
        .every("usename", &context.user)
        .every("application_name", &application)
        .every("state", "active")
        .every("backend_type", "client backend")
        .finish()
}
