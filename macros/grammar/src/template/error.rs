//! Why a text is not a path template.

use std::fmt;

use super::MOST_PARAMETERS;

/// Why a text is not a path template, or would be misread by the router.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TemplateError<'t> {
    /// It is not empty and does not start with a slash.
    NoSlash {
        /// The whole template.
        template: &'t str,
    },
    /// It has a `?` or a `#` outside of braces. A path cannot contain them.
    EndOfPath {
        /// The character.
        mark: &'t str,
        /// The text before it.
        path: &'t str,
    },
    /// It has a parameter in the syntax of another framework, such as `:id`, `<id>` or `*rest`. The router would treat it
    /// as literal text.
    ForeignParameter {
        /// The segment of the path.
        segment: &'t str,
        /// The parameter in the syntax of actix-web.
        suggested: String,
    },
    /// It has an unbalanced brace.
    Unbalanced {
        /// The brace that is there.
        found: char,
        /// The brace that is missing.
        missing: char,
    },
    /// The text between two braces does not begin with the name of a parameter.
    NoName {
        /// The text between the braces.
        parameter: &'t str,
        /// The name that was meant by `{*rest}` or `{rest..}`.
        tail: Option<&'t str>,
    },
    /// A parameter has a colon and no pattern.
    EmptyPattern {
        /// The name of the parameter.
        name: &'t str,
    },
    /// Two parameters have the same name.
    SameName {
        /// The name.
        name: &'t str,
    },
    /// A parameter has a pattern of its own and the `*` that takes the rest of the path.
    PatternAndTail {
        /// The name of the parameter.
        name: &'t str,
        /// The pattern.
        pattern: &'t str,
    },
    /// A pattern is not a regular expression.
    NotRegular {
        /// The name of the parameter.
        name: &'t str,
        /// The pattern.
        pattern: &'t str,
        /// The error that the caller's parser of regular expressions returned.
        reason: String,
    },
    /// A pattern has a named group. The router would take it for a parameter.
    NamedGroup {
        /// The name of the parameter.
        name: &'t str,
        /// The pattern.
        pattern: &'t str,
    },
    /// It has more than [`MOST_PARAMETERS`] parameters.
    TooManyParameters {
        /// How many it has.
        count: usize,
    },
}

impl TemplateError<'_> {
    /// Returns the error as the end of a sentence that begins with the template.
    #[must_use]
    pub fn message(&self) -> String {
        match self {
            TemplateError::NoSlash { .. } => "does not start with `/`".to_owned(),
            TemplateError::EndOfPath { mark, .. } => format!("has a `{mark}`, but a path ends before it"),
            TemplateError::ForeignParameter { segment, .. } => {
                format!("has the literal text `{segment}`, which is not a parameter here")
            }
            TemplateError::Unbalanced { found, missing } => format!("has a `{found}` without its `{missing}`"),
            TemplateError::NoName { parameter, .. } => {
                format!("has a parameter `{{{parameter}}}`, which is not a name")
            }
            TemplateError::EmptyPattern { name } => {
                format!("has a parameter `{{{name}:}}` with an empty pattern, which matches nothing")
            }
            TemplateError::SameName { name } => format!("has two parameters `{{{name}}}`"),
            TemplateError::PatternAndTail { name, pattern } => {
                format!("has a parameter `{{{name}:{pattern}}}` with both a pattern and a `*` after it")
            }
            TemplateError::NotRegular { name, pattern, reason } => {
                format!("has a parameter `{{{name}:{pattern}}}` whose pattern is not a regular expression: {reason}")
            }
            TemplateError::NamedGroup { name, pattern } => format!(
                "has a parameter `{{{name}:{pattern}}}` whose pattern names a group, which the router takes for another \
                 parameter"
            ),
            TemplateError::TooManyParameters { count } => format!("has {count} parameters"),
        }
    }

    /// Returns a correction.
    #[must_use]
    pub fn help(&self) -> String {
        match self {
            TemplateError::NoSlash { template } => format!("write \"/{template}\""),
            TemplateError::EndOfPath { path, .. } => {
                format!("write the path up to \"{path}\", and take what follows a `?` as an argument `Query<T>`")
            }
            TemplateError::ForeignParameter { suggested, .. } => format!("write `{suggested}`"),
            TemplateError::Unbalanced { .. } => {
                "write a parameter as `{id}`, or with a pattern as `{id:\\d+}`".to_owned()
            }
            TemplateError::NoName { tail: Some(name), .. } => {
                format!("write `{{{name}}}*` to take the whole rest of the path")
            }
            TemplateError::NoName { tail: None, .. } => "write letters, digits and `_`, as in `{user_id}`".to_owned(),
            TemplateError::EmptyPattern { name } => {
                format!("write `{{{name}}}`, or a pattern as in `{{{name}:\\d+}}`")
            }
            TemplateError::SameName { .. } => "give one of them another name".to_owned(),
            TemplateError::PatternAndTail { name, .. } => {
                format!("write `{{{name}}}*` to take the whole rest of the path, or the pattern alone")
            }
            TemplateError::NotRegular { .. } => {
                "write a pattern that the crate `regex` accepts, as in `{id:\\d+}`".to_owned()
            }
            TemplateError::NamedGroup { .. } => "write `(..)` without a name".to_owned(),
            TemplateError::TooManyParameters { .. } => {
                format!("the router accepts at most {MOST_PARAMETERS}: move some of them into the query")
            }
        }
    }
}

impl fmt::Display for TemplateError<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.message(), self.help())
    }
}

impl std::error::Error for TemplateError<'_> {}
