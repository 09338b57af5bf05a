//! Determines how many parameters a `Path<T>` takes. Only the `Deserialize` implementation of `T` knows.
//!
//! Threat: a `Path` that no request can fill, so that each request gets 404 (CWE-1068). Promise: the type is deserialized as by
//! actix-web's own deserializer of paths, so both count the same.

use std::fmt;

use serde::Deserializer;
use serde::de::{DeserializeOwned, Error, Visitor};

/// How many parameters a type takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PathParts {
    /// One value, from a path that has exactly one parameter.
    One,
    /// This number or more. Of more parameters, the first ones are used.
    AtLeast(usize),
    /// Any number: the type takes them by name, or takes all.
    Any,
    /// A type that a path never provides, such as an `Option`.
    Never,
}

impl PathParts {
    /// The shape that `T` requests first.
    pub(crate) fn of<T: DeserializeOwned>() -> Self {
        match T::deserialize(PartsProbe) {
            Err(Requested(parts)) => parts,
            Ok(_) => Self::Any,
        }
    }

    /// Whether a path with this number of parameters can fill it.
    pub(crate) const fn fit(self, parameters: usize) -> bool {
        match self {
            Self::One => parameters == 1,
            Self::AtLeast(parts) => parts <= parameters,
            Self::Any => true,
            Self::Never => false,
        }
    }
}

/// The text continues "the handler takes a `Path` of ..".
impl fmt::Display for PathParts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::One => f.write_str("one value (exactly one parameter)"),
            Self::AtLeast(1) => f.write_str("one part (at least one parameter)"),
            Self::AtLeast(parts) => write!(f, "{parts} parts (at least {parts} parameters)"),
            Self::Any => f.write_str("any number of parts"),
            Self::Never => f.write_str("a type that no path can fill, such as an `Option`"),
        }
    }
}

/// A deserializer without values. It returns the shape that was requested as its error.
struct PartsProbe;

#[derive(Debug)]
struct Requested(PathParts);

impl fmt::Display for Requested {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl std::error::Error for Requested {}

/// An error of the type itself says nothing about the number of parameters.
impl Error for Requested {
    fn custom<T: fmt::Display>(_: T) -> Self {
        Requested(PathParts::Any)
    }
}

macro_rules! requested {
    ($parts:expr => $($method:ident)*) => {$(
        fn $method<V: Visitor<'de>>(self, _: V) -> Result<V::Value, Requested> {
            Err(Requested($parts))
        }
    )*};
}

impl<'de> Deserializer<'de> for PartsProbe {
    type Error = Requested;

    requested!(PathParts::One => deserialize_any deserialize_bool deserialize_i8 deserialize_i16 deserialize_i32 deserialize_i64
        deserialize_i128 deserialize_u8 deserialize_u16 deserialize_u32 deserialize_u64 deserialize_u128 deserialize_f32
        deserialize_f64 deserialize_char deserialize_str deserialize_string deserialize_bytes deserialize_byte_buf);
    requested!(PathParts::Any => deserialize_map deserialize_seq deserialize_unit);
    requested!(PathParts::Never => deserialize_option deserialize_identifier deserialize_ignored_any);

    fn deserialize_tuple<V: Visitor<'de>>(self, length: usize, _: V) -> Result<V::Value, Requested> {
        Err(Requested(PathParts::AtLeast(length)))
    }

    fn deserialize_tuple_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        length: usize,
        _: V,
    ) -> Result<V::Value, Requested> {
        Err(Requested(PathParts::AtLeast(length)))
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        _: V,
    ) -> Result<V::Value, Requested> {
        Err(Requested(PathParts::AtLeast(1)))
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(self, _: &'static str, visitor: V) -> Result<V::Value, Requested> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_unit_struct<V: Visitor<'de>>(self, _: &'static str, _: V) -> Result<V::Value, Requested> {
        Err(Requested(PathParts::Any))
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        _: V,
    ) -> Result<V::Value, Requested> {
        Err(Requested(PathParts::Any))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use serde::Deserialize;

    use super::*;

    #[derive(Deserialize)]
    struct Wrapped(#[allow(dead_code)] u32);
    #[derive(Deserialize)]
    struct Pair(#[allow(dead_code)] u32, #[allow(dead_code)] String);
    #[derive(Deserialize)]
    struct Named {
        #[allow(dead_code)]
        id: u32,
    }
    #[derive(Deserialize)]
    enum Kind {
        A,
    }

    #[test]
    fn parts_of_each_kind_of_type() {
        let parts = [
            PathParts::of::<u32>(),
            PathParts::of::<String>(),
            PathParts::of::<Wrapped>(),
            PathParts::of::<(u32,)>(),
            PathParts::of::<(u32, String)>(),
            PathParts::of::<Pair>(),
            PathParts::of::<[u32; 3]>(),
            PathParts::of::<Kind>(),
            PathParts::of::<Named>(),
            PathParts::of::<HashMap<String, String>>(),
            PathParts::of::<Vec<String>>(),
            PathParts::of::<()>(),
            PathParts::of::<Option<u32>>(),
        ];
        use PathParts::{Any, AtLeast, Never, One};
        let expected =
            [One, One, One, AtLeast(1), AtLeast(2), AtLeast(2), AtLeast(3), AtLeast(1), Any, Any, Any, Any, Never];
        assert_eq!(parts, expected);
    }

    #[test]
    fn parts_fit_a_number_of_parameters() {
        for (parts, fits) in [
            (PathParts::One, [false, true, false]),
            (PathParts::AtLeast(1), [false, true, true]),
            (PathParts::AtLeast(2), [false, false, true]),
            (PathParts::Any, [true, true, true]),
            (PathParts::Never, [false, false, false]),
        ] {
            assert_eq!([0, 1, 2].map(|parameters| parts.fit(parameters)), fits, "{parts:?}");
        }
    }
}
