//! Window calls and window definitions.

use sqlparser::ast::{
    Expr, NamedWindowDefinition, NamedWindowExpr, UnaryOperator, Value, ValueWithSpan, WindowFrame, WindowFrameBound,
    WindowFrameUnits, WindowSpec, WindowType,
};

use crate::base::ErrorReport;
use crate::base::SqlState;
use crate::sql::frames;
use crate::sql::words::folded;

use super::places::of;
use super::scope::Clause;
use super::types::Type;
use super::{Checked, Checker, Constant, Typed, error};

impl Checker<'_> {
    /// A call with OVER whose arguments were watched. Its window is looked at when the SELECT is done.
    pub(super) fn window_call(&mut self, over: &WindowType, place: usize) -> Checked<()> {
        if let Some(inner) = self.inner_window(place)? {
            return Err(error(SqlState::WINDOWING_ERROR, "window function calls cannot be nested", inner));
        }
        if let Some(what) = no_windows_in(self.scope.current().clause) {
            let message = format!("window functions are not allowed in {what}");
            return Err(error(SqlState::WINDOWING_ERROR, message, place));
        }
        let level = self.scope.depth();
        self.windows.insert(place, level);
        match over {
            WindowType::NamedWindow(name) => self.known_window(&folded(name), of(name)),
            WindowType::WindowSpec(spec) => {
                self.scope.current().pending_windows.push(spec.clone());
                Ok(())
            }
        }
    }

    fn known_window(&mut self, name: &str, place: usize) -> Checked<()> {
        if self.scope.current().windows.iter().any(|known| known == name) {
            return Ok(());
        }
        Err(error(SqlState::UNDEFINED_OBJECT, format!("window \"{name}\" does not exist"), place))
    }

    /// The names of the WINDOW clause.
    pub(super) fn name_windows(&mut self, definitions: &[NamedWindowDefinition]) -> Checked<()> {
        for NamedWindowDefinition(name, definition) in definitions {
            let folded = folded(name);
            if self.scope.current().windows.contains(&folded) {
                let message = format!("window \"{folded}\" is already defined");
                // It points at the parenthesis after AS.
                let place = self.places.next(self.places.next(of(name)));
                return Err(error(SqlState::WINDOWING_ERROR, message, place));
            }
            self.scope.current().windows.push(folded);
            if let NamedWindowExpr::WindowSpec(spec) = definition {
                self.scope.current().pending_windows.push(spec.clone());
            }
        }
        Ok(())
    }

    /// The definitions of all windows of the SELECT.
    pub(super) fn define_windows(&mut self) -> Checked<()> {
        for spec in std::mem::take(&mut self.scope.current().pending_windows) {
            self.define_window(&spec)?;
        }
        Ok(())
    }

    fn define_window(&mut self, spec: &WindowSpec) -> Checked<()> {
        let base = spec.window_name.as_ref().and_then(|name| frames::read(name).1);
        if let Some(name) = &base {
            self.known_window(&folded(name), self.places.open_before(of(name)))?;
        }
        // What the offsets of a frame by distance are added to, where it is known.
        let mut first_key = None;
        for key in &spec.order_by {
            let data_type = self.within(Clause::WindowOrder, |checker| checker.sort_key(&key.expr))?;
            first_key.get_or_insert(data_type);
        }
        for key in &spec.partition_by {
            self.within(Clause::WindowPartition, |checker| checker.group_key(key))?;
        }
        let Some(frame) = &spec.window_frame else { return Ok(()) };
        if base.is_none() {
            self.frame_keys(spec, frame)?;
        }
        self.frame_order(frame)?;
        for bound in std::iter::once(&frame.start_bound).chain(&frame.end_bound) {
            if let Some(offset) = offset_of(bound) {
                match (frame.units, first_key) {
                    (WindowFrameUnits::Range, key) => self.range_offset(offset, key.unwrap_or(Type::ANY))?,
                    (WindowFrameUnits::Rows | WindowFrameUnits::Groups, _) => {
                        self.frame_offset(frame.units, offset, std::ptr::eq(bound, &raw const frame.start_bound))?;
                    }
                }
            }
        }
        Ok(())
    }

    /// A frame that counts in keys must have them.
    fn frame_keys(&self, spec: &WindowSpec, frame: &WindowFrame) -> Checked<()> {
        let mut keys: Vec<&Expr> = Vec::new();
        for key in &spec.order_by {
            if !keys.iter().any(|known| self.equal(known, &key.expr)) {
                keys.push(&key.expr);
            }
        }
        let has_offset =
            std::iter::once(&frame.start_bound).chain(&frame.end_bound).any(|bound| offset_of(bound).is_some());
        let (word, message) = match frame.units {
            WindowFrameUnits::Range if has_offset && keys.len() != 1 => {
                ("RANGE", "RANGE with offset PRECEDING/FOLLOWING requires exactly one ORDER BY column")
            }
            WindowFrameUnits::Groups if keys.is_empty() => ("GROUPS", "GROUPS mode requires an ORDER BY clause"),
            WindowFrameUnits::Range | WindowFrameUnits::Groups | WindowFrameUnits::Rows => return Ok(()),
        };
        // It points at the parenthesis that opens the definition.
        let inside = std::iter::once(&frame.start_bound).chain(&frame.end_bound).find_map(offset_of);
        let place = inside.map_or_else(|| self.places.first_word(word), |offset| self.places.start(offset));
        Err(error(SqlState::WINDOWING_ERROR, message, self.places.open_before(place)))
    }

    /// A frame must not end before it begins.
    fn frame_order(&self, frame: &WindowFrame) -> Checked<()> {
        let wrong = |message: &str, place: usize| Err(error(SqlState::WINDOWING_ERROR, message, place));
        let begin = |offset: &Expr| self.places.start(offset);
        match (&frame.start_bound, frame.end_bound.as_ref()) {
            (WindowFrameBound::Following(None), _) => {
                wrong("frame start cannot be UNBOUNDED FOLLOWING", self.places.unbounded("FOLLOWING", false))
            }
            (_, Some(WindowFrameBound::Preceding(None))) => {
                wrong("frame end cannot be UNBOUNDED PRECEDING", self.places.unbounded("PRECEDING", true))
            }
            (WindowFrameBound::CurrentRow, Some(WindowFrameBound::Preceding(Some(offset)))) => {
                wrong("frame starting from current row cannot have preceding rows", begin(offset))
            }
            (WindowFrameBound::Following(Some(_)), Some(WindowFrameBound::Preceding(Some(offset)))) => {
                wrong("frame starting from following row cannot have preceding rows", begin(offset))
            }
            (WindowFrameBound::Following(Some(offset)), Some(WindowFrameBound::CurrentRow)) => wrong(
                "frame starting from following row cannot have preceding rows",
                self.places.word_after(offset, &["CURRENT"]),
            ),
            (WindowFrameBound::Following(Some(offset)), None) => {
                wrong("frame starting from following row cannot end with current row", begin(offset))
            }
            _ => Ok(()),
        }
    }

    fn frame_offset(&mut self, units: WindowFrameUnits, offset: &Expr, is_start: bool) -> Checked<()> {
        let (clause, word) = match units {
            WindowFrameUnits::Rows => (Clause::WindowRows, "ROWS"),
            WindowFrameUnits::Range => (Clause::WindowRange, "RANGE"),
            WindowFrameUnits::Groups => (Clause::WindowGroups, "GROUPS"),
        };
        // The parser takes a constant in quotes for an interval.
        let offset = match offset {
            Expr::Interval(interval) if interval.leading_field.is_none() => interval.value.as_ref(),
            other => other,
        };
        let typed =
            self.constant_offset(clause, word, offset, |checker, typed| checker.require(typed, Type::INT8, word))?;
        if is_negative(offset) || is_negative_text(&typed) {
            let which = if is_start { "starting" } else { "ending" };
            let message = format!("frame {which} offset must not be negative");
            self.later(ErrorReport::new(SqlState::INVALID_PRECEDING_OR_FOLLOWING_SIZE, message));
        }
        Ok(())
    }

    /// The offset of a frame, which reads no column.
    pub(super) fn constant_offset(
        &mut self,
        clause: Clause,
        word: &str,
        offset: &Expr,
        fits: impl FnOnce(&mut Self, &Typed) -> Checked<()>,
    ) -> Checked<Typed> {
        self.within(clause, |checker| {
            checker.watch();
            let typed = checker.expression(offset)?;
            let used = checker.forget().own_column();
            fits(checker, &typed)?;
            match used {
                Some(place) => {
                    let message = format!("argument of {word} must not contain variables");
                    Err(error(SqlState::INVALID_COLUMN_REFERENCE, message, place))
                }
                None => Ok(typed),
            }
        })
    }
}

fn offset_of(bound: &WindowFrameBound) -> Option<&Expr> {
    match bound {
        WindowFrameBound::Preceding(Some(offset)) | WindowFrameBound::Following(Some(offset)) => Some(offset),
        WindowFrameBound::CurrentRow | WindowFrameBound::Preceding(None) | WindowFrameBound::Following(None) => None,
    }
}

/// A number with a minus before it, other than zero.
pub(super) fn is_negative(expr: &Expr) -> bool {
    match expr {
        Expr::Nested(inner) => is_negative(inner),
        Expr::UnaryOp { op: UnaryOperator::Minus, expr: inner } => matches!(
            inner.as_ref(),
            Expr::Value(ValueWithSpan { value: Value::Number(digits, _), .. })
                if digits.bytes().any(|digit| (b'1'..=b'9').contains(&digit))
        ),
        _ => false,
    }
}

/// A whole number below zero, in quotes.
fn is_negative_text(typed: &Typed) -> bool {
    matches!(&typed.constant, Some(Constant::Text(text)) if text.trim().parse::<i64>().is_ok_and(|number| number < 0))
}

fn no_windows_in(clause: Clause) -> Option<&'static str> {
    match clause {
        Clause::Nothing | Clause::Select | Clause::OrderBy | Clause::DistinctOn => None,
        Clause::WindowRows | Clause::WindowRange | Clause::WindowGroups => Some(Clause::WindowOrder.name()),
        other => Some(other.name()),
    }
}
