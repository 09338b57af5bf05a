//! How many items of a list a client asks for.
//!
//! Threat: a client that asks for all rows at once (CWE-770; ASVS V2.2). Promise: the number is in its bounds, and an error states
//! them.

use std::fmt;

use serde::de::{Error, Unexpected, Visitor};
use serde::{Deserialize, Deserializer};

/// How many items a page has: a whole number from 1 to `MAX`. Its default is `DEFAULT`, which is 20 unless it is stated.
///
/// A number out of bounds is an error with the code `value` and the parameters `min` and `max`; it is not changed in silence.
///
/// A `DEFAULT` that is not from 1 to `MAX` does not compile.
///
/// ```
/// use palisade::input::{PageLimit, Query};
/// use palisade::{get, public};
/// use serde::Deserialize;
///
/// #[derive(Deserialize)]
/// struct Page {
///     #[serde(default)]
///     limit: PageLimit<100>,
/// }
///
/// #[get("/articles")]
/// #[public]
/// async fn list(page: Query<Page>) -> String {
///     format!("at most {} articles", page.limit.get())
/// }
/// # let _ = palisade::scope("").service(list);
/// ```
///
/// ```compile_fail,E0080
/// let _ = palisade::input::PageLimit::<10>::default();
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PageLimit<const MAX: u32, const DEFAULT: u32 = 20>(u32);

impl<const MAX: u32, const DEFAULT: u32> PageLimit<MAX, DEFAULT> {
    const BOUNDS: () =
        assert!(1 <= DEFAULT && DEFAULT <= MAX, "the default of a `PageLimit` must be from 1 to its maximum");

    /// The number.
    #[must_use]
    pub const fn get(self) -> u32 {
        self.0
    }
}

impl<const MAX: u32, const DEFAULT: u32> Default for PageLimit<MAX, DEFAULT> {
    fn default() -> Self {
        const { Self::BOUNDS };
        Self(DEFAULT)
    }
}

impl<'de, const MAX: u32, const DEFAULT: u32> Deserialize<'de> for PageLimit<MAX, DEFAULT> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        const { Self::BOUNDS };
        deserializer.deserialize_u32(PageLimitVisitor::<MAX>).map(Self)
    }
}

struct PageLimitVisitor<const MAX: u32>;

impl<const MAX: u32> PageLimitVisitor<MAX> {
    fn within<E: Error>(number: u64) -> Result<u32, E> {
        let found = u32::try_from(number).ok().filter(|number| (1..=MAX).contains(number));
        found.ok_or_else(|| E::invalid_value(Unexpected::Unsigned(number), &Self))
    }
}

impl<const MAX: u32> Visitor<'_> for PageLimitVisitor<MAX> {
    type Value = u32;

    /// Palisade reads the bounds from this text.
    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "an integer from 1 to {MAX}")
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<u32, E> {
        Self::within(number)
    }

    fn visit_i64<E: Error>(self, number: i64) -> Result<u32, E> {
        match u64::try_from(number) {
            Ok(number) => Self::within(number),
            Err(_) => Err(E::invalid_value(Unexpected::Signed(number), &self)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(json: &str) -> Result<u32, String> {
        serde_json::from_str::<PageLimit<100>>(json).map(PageLimit::get).map_err(|error| error.to_string())
    }

    #[test]
    fn number_is_in_its_bounds() {
        assert_eq!(read("1"), Ok(1));
        assert_eq!(read("100"), Ok(100));
        for wrong in ["0", "101", "-1", "4294967297", "18446744073709551615"] {
            let error = read(wrong).unwrap_err();
            assert!(
                error.starts_with("invalid value:") && error.contains("expected an integer from 1 to 100"),
                "{error}"
            );
        }
        for wrong in ["1.0", "\"1\"", "null", "[1]"] {
            assert!(read(wrong).unwrap_err().contains("expected an integer from 1 to 100"), "{wrong}");
        }
    }

    #[test]
    fn default_is_the_stated_number() {
        assert_eq!(PageLimit::<100>::default().get(), 20);
        assert_eq!(PageLimit::<10, 10>::default().get(), 10);
        assert_eq!(PageLimit::<1, 1>::default().get(), 1);
    }
}
