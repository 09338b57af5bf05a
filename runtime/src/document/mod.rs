//! The input of a request as a document: its tokens, the values that types read from it, and what is wrong with it.
//!
//! Threat: a mistake without a place, a field that nobody notices (mass assignment, CWE-915), an input that exhausts the server
//! (CWE-770). Promise: the extractors of palisade, and the rules of fields, find each place in the names that the client sent.

mod digits;
mod duplicates;
mod faults;
mod json;
mod limits;
mod pairs;
mod read;
mod rejections;
mod tokens;

#[cfg(feature = "multipart")]
pub(crate) use self::faults::{Fault, FaultKind};
#[cfg(feature = "multipart")]
pub(crate) use self::json::JsonFailure;
pub use self::limits::InputLimits;
pub(crate) use self::read::{Surveyed, read, read_path, survey};
pub use self::rejections::InputError;
pub(crate) use self::rejections::{
    InputPart, InputSource, header, json, json_syntax, media_type, no_body, not_a_resource, payload, refused,
};
pub(crate) use self::tokens::{Document, Format, InputToken, pointer_of};
