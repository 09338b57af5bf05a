//! Makes a value of the application from a document.
//!
//! Threat: a mistake without a place, a field that is ignored in silence (mass assignment, CWE-915), and a text of `serde` that
//! quotes the input (CWE-209). Promise: each error has the place where it was made. If the reading is strict, each field that the
//! type does not read is an error, whatever attributes the type has.
//!
//! `serde_path_to_error` and `serde_ignored` wrap a deserializer to learn the same. Neither sees into what a type buffers
//! (`flatten`, `untagged`, `tag`), neither has a fault as data, and both stop at the first field that a type denies. A document
//! knows its places without a wrapper, so both are answered by one [`Deserializer`] over it.

mod access;
#[cfg(test)]
mod agreement;
mod buffered;
mod error;
mod path_root;
mod place;
#[cfg(test)]
mod tests;

use std::cell::{Cell, RefCell};

use serde::de::DeserializeOwned;
use serde::de::value::BorrowedBytesDeserializer;

use self::error::{ReadError, count_errors};
use self::path_root::PathRoot;
use self::place::Place;
use super::faults::{Fault, FaultKind};
use super::tokens::Document;

/// What stands for a probed place: bytes that are not text, in a newtype. Each type that reads the place rejects one or the other. The
/// name of a variant must not be bytes: `#[serde(other)]` would accept it.
fn probe() -> BorrowedBytesDeserializer<'static, ReadError> {
    BorrowedBytesDeserializer::new(PROBE)
}

const PROBE: &[u8] = &[0xff, b'?'];

/// One reading of a document.
pub(super) struct Reading<'d, 'b> {
    document: &'d Document<'b>,
    strict: bool,
    /// The fields that the type did not read.
    unknown: RefCell<Vec<usize>>,
    /// The values that the type read without knowing their type: they may be buffered. Noted only if the reading is strict.
    untyped: RefCell<Vec<Untyped>>,
    /// The index after the last of them.
    untyped_end: Cell<usize>,
    probe: Probe,
    /// The objects that were read as structs, and the names of their fields. Noted only if it is asked for.
    structs: Option<RefCell<Surveyed>>,
}

/// A value that a type read without knowing its type.
#[derive(Clone, Copy, Debug)]
struct Untyped {
    at: usize,
    /// Whether it is the value of a field.
    is_member: bool,
}

/// The structs that a type reads from a document: the index of the object, and the names of the fields on the wire.
pub(crate) type Surveyed = Vec<(usize, &'static [&'static str])>;

/// A change of the document, to find out what a type does with a place that it buffers.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Probe {
    None,
    /// The value at this index is one that no type can read.
    Value(usize),
    /// The object at this index has one more field, of this name, which no type can read.
    Extra(usize, &'static str),
}

impl<'d, 'b> Reading<'d, 'b> {
    fn new(document: &'d Document<'b>, strict: bool, probe: Probe) -> Self {
        let (unknown, untyped) = (RefCell::default(), RefCell::default());
        Self { document, strict, unknown, untyped, untyped_end: Cell::new(0), probe, structs: None }
    }

    fn root(&'d self) -> Place<'d, 'b> {
        Place::new(self, 0)
    }
}

/// A fault, and the index of its place.
pub(crate) type FaultAt = (usize, FaultKind);

/// Reads the whole document as a `T`.
///
/// # Errors
///
/// The first mistake in a value, or all fields that the type does not have. At most [`Fault::MOST`].
pub(crate) fn read<T: DeserializeOwned>(document: &Document<'_>, strict: bool) -> Result<T, Vec<FaultAt>> {
    let reading = Reading::new(document, strict, Probe::None);
    let value = T::deserialize(reading.root());
    match value {
        Ok(value) if reading.unknown.borrow().is_empty() && reading.untyped.borrow().is_empty() => Ok(value),
        value => {
            let (value, error) = match value {
                Ok(value) => (Some(value), None),
                Err(error) => (None, Some(error)),
            };
            let again = |strict, probe| attempt::<T>(document, strict, probe);
            let faults = faults(&reading, error, &again);
            value.filter(|_| faults.is_empty()).ok_or(faults)
        }
    }
}

/// Reads the parameters of a path, in their order or by their names.
///
/// # Errors
///
/// The first mistake.
pub(crate) fn read_path<T: DeserializeOwned>(document: &Document<'_>) -> Result<T, FaultAt> {
    let reading = Reading::new(document, false, Probe::None);
    T::deserialize(PathRoot(reading.root())).map_err(|error| (error.place(), error.into_kind()))
}

/// Which fields the structs have that a type reads from a document.
pub(crate) fn survey<T: DeserializeOwned>(document: &Document<'_>) -> Surveyed {
    let mut reading = Reading::new(document, false, Probe::None);
    reading.structs = Some(RefCell::default());
    // What was read until a mistake is enough.
    let _ = T::deserialize(reading.root());
    reading.structs.map(RefCell::into_inner).unwrap_or_default()
}

/// Reads the document once more, with a probe.
fn attempt<T: DeserializeOwned>(document: &Document<'_>, strict: bool, probe: Probe) -> Attempt {
    let reading = Reading::new(document, strict, probe);
    let (error, errors) = count_errors(|| T::deserialize(reading.root()).err());
    Attempt { error, errors, unknown: reading.unknown.take(), untyped: reading.untyped.take() }
}

/// The result of one more reading.
struct Attempt {
    error: Option<ReadError>,
    /// How many errors were made, with those that the type dropped.
    errors: usize,
    unknown: Vec<usize>,
    untyped: Vec<Untyped>,
}

/// The faults of a reading that failed, or that did not read every field.
#[cold]
fn faults(reading: &Reading<'_, '_>, error: Option<ReadError>, again: &dyn Fn(bool, Probe) -> Attempt) -> Vec<FaultAt> {
    let document = reading.document;
    let (mut unknown, mut untyped) = (reading.unknown.take(), reading.untyped.take());
    let mut error = error;
    // A type may deny unknown fields by itself, and then stops at the first. A strict reading finds all.
    if !reading.strict && error.is_some() {
        let attempt = again(true, Probe::None);
        let denies = matches!(error.as_ref().map(ReadError::kind), Some(FaultKind::Unknown));
        if denies && !attempt.unknown.is_empty() {
            (unknown, error) = (attempt.unknown, attempt.error);
        }
        untyped = attempt.untyped;
    }
    let again = |probe| again(reading.strict, probe);
    let mut faults: Vec<FaultAt> = Vec::new();
    if let Some(error) = error {
        let error = buffered::located(document, &untyped, error, &again);
        faults.push((error.place(), error.into_kind()));
    } else if reading.strict {
        match buffered::unread(document, &untyped, &again) {
            Ok(unread) => unknown.extend(unread),
            Err(at) => faults.push((at, FaultKind::TooComplex)),
        }
    }
    faults.extend(unknown.into_iter().map(|at| (at, FaultKind::Unknown)));
    faults.truncate(Fault::MOST);
    faults
}
