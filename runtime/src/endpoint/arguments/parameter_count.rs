//! Determines how many parameters a `Path<T>` takes. Only the `Deserialize` implementation of `T` knows.
//!
//! Threat: a `Path` that no request can fill, so that each request gets 404 (CWE-1068). Promise: the type is deserialized as by
//! actix-web's own deserializer of paths, so both count the same.

use std::fmt;

use serde::Deserializer;
use serde::de::{DeserializeOwned, Error, Visitor};

use crate::policy::Policy;

/// How many parameters a type takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ParameterCount {
    /// One value, from a path that has exactly one parameter.
    One,
    /// This number or more. Of more parameters, the first ones are used.
    AtLeast(usize),
    /// Any number: the type takes them by name, or takes all.
    Any,
    /// A type that a path never provides, such as an `Option`.
    Never,
}

impl ParameterCount {
    /// Returns how many parameters `T` asks the deserializer for.
    pub(crate) fn of<T: DeserializeOwned>() -> Self {
        match T::deserialize(CountProbe) {
            Err(ProbeResult(count)) => count,
            Ok(_) => Self::Any,
        }
    }

    /// Whether a path with this number of parameters can fill it.
    pub(crate) const fn accepts(self, parameters: usize) -> bool {
        match self {
            Self::One => parameters == 1,
            Self::AtLeast(least) => least <= parameters,
            Self::Any => true,
            Self::Never => false,
        }
    }

    /// Describes why the `Path` of this handler cannot be filled from a path with this number of parameters. `None` if it can.
    pub(crate) fn mistake(self, policy: &Policy, path: &str, parameters: usize) -> Option<String> {
        if self.accepts(parameters) {
            return None;
        }
        let handler = policy.declared();
        if self == Self::Never {
            return Some(format!("{handler} at {path} takes a `Path` of {self}: take a value, a tuple or a struct"));
        }
        let has = if parameters == 1 { "1 parameter".to_owned() } else { format!("{parameters} parameters") };
        Some(format!("{handler} takes a `Path` of {self}, but {path} has {has}"))
    }
}

/// The text continues "the handler takes a `Path` of ..".
impl fmt::Display for ParameterCount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::One => f.write_str("exactly one parameter"),
            Self::AtLeast(1) => f.write_str("at least one parameter"),
            Self::AtLeast(least) => write!(f, "at least {least} parameters"),
            Self::Any => f.write_str("any number of parameters"),
            Self::Never => f.write_str("a type that no path can fill, such as an `Option`"),
        }
    }
}

/// A deserializer without values. Its error says how many parameters the type asked for.
struct CountProbe;

#[derive(Debug)]
struct ProbeResult(ParameterCount);

impl fmt::Display for ProbeResult {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl std::error::Error for ProbeResult {}

/// An error of the type itself says nothing about the number of parameters.
impl Error for ProbeResult {
    fn custom<T: fmt::Display>(_: T) -> Self {
        ProbeResult(ParameterCount::Any)
    }
}

macro_rules! reports {
    ($count:expr => $($method:ident)*) => {$(
        fn $method<V: Visitor<'de>>(self, _: V) -> Result<V::Value, ProbeResult> {
            Err(ProbeResult($count))
        }
    )*};
}

impl<'de> Deserializer<'de> for CountProbe {
    type Error = ProbeResult;

    reports!(ParameterCount::One => deserialize_any deserialize_bool deserialize_i8 deserialize_i16 deserialize_i32 deserialize_i64
        deserialize_i128 deserialize_u8 deserialize_u16 deserialize_u32 deserialize_u64 deserialize_u128 deserialize_f32
        deserialize_f64 deserialize_char deserialize_str deserialize_string deserialize_bytes deserialize_byte_buf);
    reports!(ParameterCount::Any => deserialize_map deserialize_seq deserialize_unit);
    reports!(ParameterCount::Never => deserialize_option deserialize_identifier deserialize_ignored_any);

    fn deserialize_tuple<V: Visitor<'de>>(self, length: usize, _: V) -> Result<V::Value, ProbeResult> {
        Err(ProbeResult(ParameterCount::AtLeast(length)))
    }

    fn deserialize_tuple_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        length: usize,
        _: V,
    ) -> Result<V::Value, ProbeResult> {
        Err(ProbeResult(ParameterCount::AtLeast(length)))
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        _: V,
    ) -> Result<V::Value, ProbeResult> {
        Err(ProbeResult(ParameterCount::AtLeast(1)))
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(self, _: &'static str, visitor: V) -> Result<V::Value, ProbeResult> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_unit_struct<V: Visitor<'de>>(self, _: &'static str, _: V) -> Result<V::Value, ProbeResult> {
        Err(ProbeResult(ParameterCount::Any))
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        _: V,
    ) -> Result<V::Value, ProbeResult> {
        Err(ProbeResult(ParameterCount::Any))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use serde::Deserialize;

    use super::*;

    #[derive(Deserialize)]
    struct Wrapped(#[allow(dead_code, reason = "only its type is read")] u32);
    #[derive(Deserialize)]
    struct Pair(
        #[allow(dead_code, reason = "only its type is read")] u32,
        #[allow(dead_code, reason = "only its type is read")] String,
    );
    #[derive(Deserialize)]
    struct Named {
        #[allow(dead_code, reason = "only its type is read")]
        id: u32,
    }
    #[derive(Deserialize)]
    enum Kind {
        A,
    }

    #[test]
    fn each_type_reports_its_parameter_count() {
        use ParameterCount::{Any, AtLeast, Never, One};
        for (reported, expected) in [
            (ParameterCount::of::<u32>(), One),
            (ParameterCount::of::<String>(), One),
            (ParameterCount::of::<Wrapped>(), One),
            (ParameterCount::of::<(u32,)>(), AtLeast(1)),
            (ParameterCount::of::<(u32, String)>(), AtLeast(2)),
            (ParameterCount::of::<Pair>(), AtLeast(2)),
            (ParameterCount::of::<[u32; 3]>(), AtLeast(3)),
            (ParameterCount::of::<Kind>(), AtLeast(1)),
            (ParameterCount::of::<Named>(), Any),
            (ParameterCount::of::<HashMap<String, String>>(), Any),
            (ParameterCount::of::<Vec<String>>(), Any),
            (ParameterCount::of::<()>(), Any),
            (ParameterCount::of::<Option<u32>>(), Never),
        ] {
            assert_eq!(reported, expected);
        }
    }

    #[test]
    fn count_accepts_a_number_of_parameters() {
        for (count, accepts) in [
            (ParameterCount::One, [false, true, false]),
            (ParameterCount::AtLeast(1), [false, true, true]),
            (ParameterCount::AtLeast(2), [false, false, true]),
            (ParameterCount::Any, [true, true, true]),
            (ParameterCount::Never, [false, false, false]),
        ] {
            assert_eq!([0, 1, 2].map(|parameters| count.accepts(parameters)), accepts, "{count:?}");
        }
    }
}
