//! What a type does with the values that `serde` buffers: those beside a `#[serde(flatten)]`, and those of an enum that is `untagged`
//! or has a `tag`.
//!
//! Threat: a field that looks known only because it was buffered, and is dropped in silence (mass assignment, CWE-915). Promise: in a
//! strict reading, a buffered field is accepted only if the type reads it. To find out, the document is read once more with a value
//! there that no type can read: if that makes no error more, the field is unknown. The number of readings is bounded.

use super::error::{FoundValue, ReadError};
use super::{Attempt, Probe, Untyped};
use crate::document::faults::FaultKind;
use crate::document::tokens::Document;

/// How many tokens all readings of one input may visit together, unless they are only a few.
const MOST_VISITS: usize = 400_000;
const FEWEST_READINGS: usize = 64;

/// How many places are tried for one error.
const MOST_PLACES: usize = 16;

/// A name that no type has.
const NO_NAME: &str = "\u{1a}unknown";

type Again<'a> = &'a dyn Fn(Probe) -> Attempt;

/// The buffered fields that the type does not read. `Err` with a place if there are too many to find out.
pub(super) fn unread(document: &Document<'_>, untyped: &[Untyped], again: Again<'_>) -> Result<Vec<usize>, usize> {
    let readings = MOST_VISITS.checked_div(document.len()).unwrap_or(0).max(FEWEST_READINGS);
    if untyped.is_empty() {
        return Ok(Vec::new());
    }
    let usual = again(Probe::None).errors;
    let mut search = UnreadSearch { document, again, usual, readings, unread: Vec::new() };
    for Untyped { at, is_member } in untyped {
        if *is_member { search.member(*at)? } else { search.inside(*at)? }
    }
    Ok(search.unread)
}

struct UnreadSearch<'a, 'b> {
    document: &'a Document<'b>,
    again: Again<'a>,
    /// How many errors a reading without a probe makes.
    usual: usize,
    /// How many readings are left.
    readings: usize,
    unread: Vec<usize>,
}

impl UnreadSearch<'_, '_> {
    fn is_read(&mut self, probe: Probe, at: usize) -> Result<bool, usize> {
        self.readings = self.readings.checked_sub(1).ok_or(at)?;
        let attempt = (self.again)(probe);
        Ok(match attempt.error {
            // The type may drop the error of a part of it.
            None => attempt.errors != self.usual,
            // The type itself denies the name.
            Some(error) => *error.kind() != FaultKind::Unknown,
        })
    }

    /// Looks at the value of a field.
    fn member(&mut self, value: usize) -> Result<(), usize> {
        if self.is_read(Probe::Value(value), value)? {
            return self.inside(value);
        }
        self.unread.push(value);
        Ok(())
    }

    fn inside(&mut self, container: usize) -> Result<(), usize> {
        let document = self.document;
        for item in document.items(container) {
            self.inside(item)?;
        }
        if document.members(container).next().is_none() {
            return Ok(());
        }
        // A map reads fields of each name.
        let is_map = self.is_read(Probe::Extra(container, NO_NAME), container)?;
        for (_, value) in document.members(container) {
            if is_map { self.inside(value)? } else { self.member(value)? }
        }
        Ok(())
    }
}

/// The error at the value that caused it, if it was buffered and can be found. Otherwise the error where it is.
pub(super) fn located(document: &Document<'_>, untyped: &[Untyped], error: ReadError, again: Again<'_>) -> ReadError {
    let inside = error.place()..document.after(error.place());
    let buffered =
        || untyped.iter().map(|place| place.at).filter(|at| inside.contains(at)).map(|at| at..document.after(at));
    if buffered().next().is_none() {
        return error;
    }
    let place = match error.kind() {
        FaultKind::Missing(name) => {
            let lacking =
                |at: &usize| document.is_object(*at) && !document.members(*at).any(|(other, _)| other == *name);
            let mut places = buffered().flatten().filter(lacking).take(MOST_PLACES).filter(|at| {
                let probed = again(Probe::Extra(*at, name)).error;
                probed.is_some_and(|probed| *probed.found() == FoundValue::Probe)
            });
            // If two of them read it, either may be the one that lacks it.
            places.next().filter(|_| places.next().is_none())
        }
        _ => {
            let alike = |at: &usize| match error.found() {
                FoundValue::List => document.is_list(*at),
                FoundValue::Object => document.is_object(*at),
                FoundValue::Text(found) => document.text(*at).is_some_and(|text| text == found),
                FoundValue::Scalar(found) => document.token(*at).is_some_and(|token| token == *found),
                FoundValue::Unknown | FoundValue::Probe => false,
            };
            let mut places = buffered().flatten().filter(alike).take(MOST_PLACES).filter(|at| {
                let probed = again(Probe::Value(*at)).error;
                probed.is_some_and(|probed| *probed.found() == FoundValue::Probe && probed.expects_the_same(&error))
            });
            let found = places.next();
            found.or_else(|| {
                // An unknown variant is reported in other words than a value that is none.
                let mut alike = buffered().flatten().filter(alike);
                alike.next().filter(|_| alike.next().is_none())
            })
        }
    };
    match place {
        Some(place) => error.moved_to(place),
        None => error,
    }
}
