//! The rules of a type, whichever crate declares them.
//!
//! Threat: rules that are declared and never run (CWE-20), such as those that need a context. Promise: each kind of rules runs, or
//! the request is rejected.

use std::any::type_name;

use actix_web::HttpRequest;
use actix_web::web::Data;

use super::ValidationFailure;

/// A type whose values can be validated. `K` is the kind of its rules. The compiler infers it.
pub trait HasRules<K> {
    /// Validates the value.
    ///
    /// # Errors
    ///
    /// The fields that are invalid, or the context that is missing.
    fn check(&self, request: &HttpRequest) -> Result<(), ValidationFailure>;
}

/// The context that rules need, as the application registered it.
pub(super) fn context<C: 'static>(request: &HttpRequest) -> Result<&C, ValidationFailure> {
    let registered = request.app_data::<C>().or_else(|| request.app_data::<Data<C>>().map(|data| &***data));
    registered.ok_or_else(|| {
        let name = type_name::<C>();
        ValidationFailure::Misconfigured(format!(
            "the rules of an argument need a context of type `{name}`: register it on the `App` with `.app_data(..)`, as the \
             value itself or as `web::Data`"
        ))
    })
}
