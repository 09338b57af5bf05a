//! The failure of a validation, and where in the request it is.
//!
//! Threat: an error that a client cannot find in its request. Promise: an error of a parameter or of a header has its name, and
//! only one of the body has a pointer.

use crate::problem::FieldError;

/// The arguments did not pass their validation.
#[derive(Debug)]
#[allow(clippy::exhaustive_enums, reason = "only generated code passes it on")]
pub enum ValidationFailure {
    /// These fields are invalid.
    Invalid(Vec<FieldError>),
    /// The application has a defect. The text explains how to fix it.
    Misconfigured(String),
}

impl ValidationFailure {
    /// The pointers lead into the parameters of the path or of the query, not into the body.
    pub(super) fn in_parameters(self) -> Self {
        self.moved(|field| {
            let steps = field.pointer().unwrap_or_default().split('/').skip(1);
            // A parameter that is given several times is a list, and a flattened struct is no parameter.
            let name = steps.filter(|step| !is_position(step)).last().unwrap_or_default();
            let name = name.replace("~1", "/").replace("~0", "~");
            field.at_parameter(name)
        })
    }

    /// The errors are in this header.
    pub(super) fn in_header(self, name: &str) -> Self {
        self.moved(|field| field.at_header(name.to_owned()))
    }

    fn moved(self, to: impl Fn(FieldError) -> FieldError) -> Self {
        match self {
            Self::Invalid(fields) => Self::Invalid(fields.into_iter().map(to).collect()),
            misconfigured @ Self::Misconfigured(_) => misconfigured,
        }
    }
}

/// Whether a step of a pointer is a position in a list, or the name that `validator` has for a list that is the whole input.
fn is_position(step: &str) -> bool {
    step == "_tmp_validator" || step.bytes().all(|byte| byte.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn error_of_a_parameter_has_the_name_of_the_parameter() {
        for (pointer, expected) in [
            ("/limit", "limit"),
            // A parameter that is given several times.
            ("/ids/3", "ids"),
            ("/_tmp_validator/3", ""),
            // A flattened struct.
            ("/page/limit", "limit"),
            ("/a~1b~0c", "a/b~c"),
            ("", ""),
        ] {
            let failure = ValidationFailure::Invalid(vec![FieldError::new(pointer, "range", "Too large.")]);
            let ValidationFailure::Invalid(fields) = failure.in_parameters() else { unreachable!() };
            assert_eq!((fields[0].parameter(), fields[0].pointer()), (Some(expected), None), "{pointer}");
        }
    }
}
