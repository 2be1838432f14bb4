//! Calls that have a grammar of their own: `EXTRACT(… FROM …)`, `TRIM(BOTH … FROM …)`. PostgreSQL reads them as calls of
//! functions in `pg_catalog`.

use sqlparser::ast::{Expr, TrimWhereField};

use super::types::Type;
use super::{Checked, Checker, Constant, Typed};

impl Checker<'_> {
    /// A call in its own grammar. What is none is of a type that is not known here.
    pub(super) fn keyword_call(&mut self, expr: &Expr) -> Checked<Typed> {
        match expr {
            Expr::Extract { field, expr: inner, .. } => {
                let word =
                    Typed { data_type: Type::UNKNOWN, place: 0, constant: Some(Constant::Text(field.to_string())) };
                self.of_catalog("extract", vec![word], &[inner], expr)
            }
            Expr::AtTimeZone { timestamp, time_zone } => {
                let typed = vec![self.expression(time_zone)?, self.expression(timestamp)?];
                let place = self.places.word_after(timestamp, &["AT"]);
                let known = self.resolve_call("pg_catalog.timezone", "timezone", &typed, false, place)?;
                Ok(Typed::new(known.map_or(Type::ANY, |chosen| chosen.result), typed[1].place))
            }
            Expr::Position { expr: part, r#in } => self.of_catalog("position", Vec::new(), &[r#in, part], expr),
            Expr::Overlay { expr: text, overlay_what, overlay_from, overlay_for } => {
                let mut arguments: Vec<&Expr> = vec![text, overlay_what, overlay_from];
                arguments.extend(overlay_for.as_deref());
                self.of_catalog("overlay", Vec::new(), &arguments, expr)
            }
            Expr::Ceil { expr: inner, .. } => self.plain("ceil", &[inner], expr),
            Expr::Floor { expr: inner, .. } => self.plain("floor", &[inner], expr),
            Expr::Substring { expr: text, substring_from, substring_for, special, shorthand } => {
                let arguments: Vec<&Expr> = std::iter::once(text.as_ref())
                    .chain(substring_from.as_deref())
                    .chain(substring_for.as_deref())
                    .collect();
                match (special, shorthand) {
                    (_, true) => self.plain("substr", &arguments, expr),
                    (true, false) => self.plain("substring", &arguments, expr),
                    (false, false) => self.of_catalog("substring", Vec::new(), &arguments, expr),
                }
            }
            Expr::Trim { trim_where, trim_what, expr: text, trim_characters } => {
                let name = match trim_where {
                    Some(TrimWhereField::Leading) => "ltrim",
                    Some(TrimWhereField::Trailing) => "rtrim",
                    Some(TrimWhereField::Both) | None => "btrim",
                };
                let mut arguments: Vec<&Expr> = vec![text];
                arguments.extend(trim_what.as_deref());
                arguments.extend(trim_characters.iter().flatten());
                self.of_catalog(name, Vec::new(), &arguments, expr)
            }
            _ => Ok(Typed::new(Type::ANY, self.places.start(expr))),
        }
    }

    pub(super) fn of_catalog(
        &mut self,
        name: &str,
        first: Vec<Typed>,
        arguments: &[&Expr],
        whole: &Expr,
    ) -> Checked<Typed> {
        self.keyword(&format!("pg_catalog.{name}"), name, first, arguments, whole)
    }

    fn plain(&mut self, name: &str, arguments: &[&Expr], whole: &Expr) -> Checked<Typed> {
        self.keyword(name, name, Vec::new(), arguments, whole)
    }

    fn keyword(
        &mut self,
        shown: &str,
        name: &str,
        first: Vec<Typed>,
        arguments: &[&Expr],
        whole: &Expr,
    ) -> Checked<Typed> {
        let mut typed = first;
        for argument in arguments {
            typed.push(self.expression(argument)?);
        }
        let place = self.places.start(whole);
        let known = self.resolve_call(shown, name, &typed, false, place)?;
        Ok(Typed::new(known.map_or(Type::ANY, |chosen| chosen.result), place))
    }
}
