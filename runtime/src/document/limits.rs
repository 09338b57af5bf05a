//! How large an input may be, beside the size of its body.
//!
//! Threat: a body of a few kilobytes whose depth or number of parts exhausts the server (CWE-400, CWE-674, CWE-770).
//! Promise: each limit holds before a value of the application is made from the input.

use crate::config_error::Mistakes;

/// The limits of one input, for the extractors of [`palisade::input`](crate::input).
///
/// An input over a limit is rejected with 422, and the error has the pointer of the first place over it.
///
/// | limit | default | code |
/// |---|---|---|
/// | [`depth`](Self::depth) | 32 levels | `too_deep` |
/// | [`values`](Self::values) | 10,000 values | `too_many_values` |
/// | [`text`](Self::text) | 65,536 bytes | `too_long` |
/// | [`fields`](Self::fields) | 256 fields | `too_many_fields` |
///
/// The size of the body has its own limit: [`PalisadeBuilder::body_limit`](crate::PalisadeBuilder::body_limit).
///
/// The extractors of actix-web have none of these limits. Their JSON may be 128 levels deep.
///
/// ```
/// use palisade::Palisade;
/// use palisade::input::InputLimits;
///
/// Palisade::builder().input_limits(InputLimits::new().depth(8).values(1_000)).build()?;
/// # Ok::<(), palisade::ConfigError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub struct InputLimits {
    pub(crate) depth: u32,
    pub(crate) values: u32,
    pub(crate) text: usize,
    pub(crate) fields: usize,
}

/// `serde_json` does not parse more levels.
const DEEPEST: u32 = 127;

impl InputLimits {
    /// For an input that an extractor has accepted, with its own limits.
    pub(crate) const NONE: Self = Self { depth: DEEPEST, values: u32::MAX, text: usize::MAX, fields: usize::MAX };

    /// 32 levels, 10,000 values, texts of 65,536 bytes, 256 fields.
    pub const fn new() -> Self {
        Self { depth: 32, values: 10_000, text: 65_536, fields: 256 }
    }

    /// How deep arrays and objects may be nested: from 1 to 127. Default: 32.
    pub const fn depth(mut self, levels: u32) -> Self {
        self.depth = levels;
        self
    }

    /// How many values a JSON body may have in all: each text, number, array and object is one. At least 1. Default: 10,000.
    pub const fn values(mut self, values: u32) -> Self {
        self.values = values;
        self
    }

    /// How many bytes a text, or the name of a field, may have. At least 1. Default: 65,536.
    pub const fn text(mut self, bytes: usize) -> Self {
        self.text = bytes;
        self
    }

    /// How many fields one object, one form or one query may have. At least 1. Default: 256.
    pub const fn fields(mut self, fields: usize) -> Self {
        self.fields = fields;
        self
    }

    /// Reports values out of bounds.
    pub(crate) fn check(self, mistakes: &mut Mistakes) {
        if self.depth == 0 || self.depth > DEEPEST {
            mistakes.report("input_limits", "must have a depth from 1 to 127");
        }
        if self.values == 0 || self.text == 0 || self.fields == 0 {
            mistakes.report("input_limits", "must not have a limit of zero");
        }
    }
}

impl Default for InputLimits {
    fn default() -> Self {
        Self::new()
    }
}
