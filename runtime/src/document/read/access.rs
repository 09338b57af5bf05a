//! The members of an object, the items of a list, and the variants of an enum, as a type reads them.

use serde::Deserializer as _;
use serde::de::value::BorrowedStrDeserializer;
use serde::de::{DeserializeSeed, EnumAccess, Error, MapAccess, SeqAccess, Unexpected, VariantAccess, Visitor};

use super::error::ReadError;
use super::place::Place;
use super::{Probe, Reading};
use crate::document::faults::FaultKind;
use crate::document::tokens::InputToken;

/// The members of one object.
pub(super) struct ObjectMembers<'d, 'b> {
    reading: &'d Reading<'d, 'b>,
    /// The index of the next name.
    next: usize,
    end: usize,
    /// The fields that the type has, if they are known before it reads them.
    fields: Option<&'static [&'static str]>,
    /// A field that is there only for a probe.
    extra: Option<&'static str>,
    is_extra: bool,
}

impl<'d, 'b> ObjectMembers<'d, 'b> {
    /// Gives the members of the object at this place to the visitor.
    pub(super) fn visit<V: Visitor<'d>>(
        place: Place<'d, 'b>,
        fields: Option<&'static [&'static str]>,
        visitor: V,
    ) -> Result<V::Value, ReadError> {
        let Place { reading, at, .. } = place;
        if let (Some(structs), Some(fields)) = (&reading.structs, fields) {
            structs.borrow_mut().push((at, fields));
        }
        let extra = match reading.probe {
            Probe::Extra(object, name) if object == at => Some(name),
            _ => None,
        };
        let end = reading.document.after(at);
        let mut members = Self { reading, next: at.saturating_add(1), end, fields, extra, is_extra: false };
        let value = visitor.visit_map(&mut members).map_err(|error: ReadError| match error.kind() {
            // An alias of a field that is there under its own name too.
            FaultKind::Duplicate => error.at(members.next),
            _ => error.at(at),
        })?;
        // The type has stopped reading.
        if members.next < members.end { Err(ReadError::of(FaultKind::Unknown).at(members.next)) } else { Ok(value) }
    }

    fn is_field(&self, name: &str) -> bool {
        self.fields.is_none_or(|fields| fields.contains(&name))
    }
}

impl<'d> MapAccess<'d> for &mut ObjectMembers<'d, '_> {
    type Error = ReadError;

    fn next_key_seed<K: DeserializeSeed<'d>>(&mut self, seed: K) -> Result<Option<K::Value>, ReadError> {
        let reading = self.reading;
        // A type that denies unknown fields would stop at the first one.
        while reading.strict && self.next < self.end {
            match reading.document.text(self.next) {
                Some(name) if !self.is_field(name) => {
                    reading.unknown.borrow_mut().push(self.next);
                    self.next = reading.document.after(self.next.saturating_add(1));
                }
                _ => break,
            }
        }
        if self.next < self.end {
            return seed.deserialize(Place::name(reading, self.next)).map(Some);
        }
        match self.extra.take() {
            Some(name) if !reading.strict || self.is_field(name) => {
                self.is_extra = true;
                seed.deserialize(BorrowedStrDeserializer::<ReadError>::new(name)).map(Some)
            }
            _ => Ok(None),
        }
    }

    fn next_value_seed<V: DeserializeSeed<'d>>(&mut self, seed: V) -> Result<V::Value, ReadError> {
        if self.is_extra {
            return seed.deserialize(ProbeValue);
        }
        let value = self.next.saturating_add(1);
        self.next = self.reading.document.after(value);
        seed.deserialize(Place::member(self.reading, value))
    }

    fn size_hint(&self) -> Option<usize> {
        None
    }
}

/// The value of a field that is there only for a probe. No type can read it.
struct ProbeValue;

impl<'de> serde::Deserializer<'de> for ProbeValue {
    type Error = ReadError;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ReadError> {
        visitor.visit_newtype_struct(super::probe())
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ReadError> {
        visitor.visit_some(self)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(self, _: &'static str, visitor: V) -> Result<V::Value, ReadError> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ReadError> {
        visitor.visit_unit()
    }

    serde::forward_to_deserialize_any! {
        bool u8 u16 u32 u64 u128 i8 i16 i32 i64 i128 f32 f64 char str string bytes byte_buf unit unit_struct seq tuple
        tuple_struct map struct enum identifier
    }
}

/// The items of one list.
pub(super) struct Items<'d, 'b> {
    reading: &'d Reading<'d, 'b>,
    next: usize,
    end: usize,
}

impl<'d, 'b> Items<'d, 'b> {
    /// Gives the items of the list at this place to the visitor, which must read all of them.
    pub(super) fn visit<V: Visitor<'d>>(place: Place<'d, 'b>, visitor: V) -> Result<V::Value, ReadError> {
        let end = place.reading.document.after(place.at);
        Self { reading: place.reading, next: place.at.saturating_add(1), end }.give(place.at, visitor)
    }

    /// Gives the value at this place to the visitor as the only item.
    pub(super) fn one<V: Visitor<'d>>(place: Place<'d, 'b>, visitor: V) -> Result<V::Value, ReadError> {
        Self { reading: place.reading, next: place.at, end: place.at.saturating_add(1) }.give(place.at, visitor)
    }

    fn give<V: Visitor<'d>>(mut self, at: usize, visitor: V) -> Result<V::Value, ReadError> {
        let value = visitor.visit_seq(&mut self).map_err(|error| error.at(at))?;
        if self.next < self.end { Err(ReadError::of(FaultKind::Count).at(at)) } else { Ok(value) }
    }
}

impl<'d> SeqAccess<'d> for &mut Items<'d, '_> {
    type Error = ReadError;

    fn next_element_seed<T: DeserializeSeed<'d>>(&mut self, seed: T) -> Result<Option<T::Value>, ReadError> {
        if self.next >= self.end {
            return Ok(None);
        }
        let item = self.next;
        self.next = self.reading.document.after(item);
        seed.deserialize(Place::new(self.reading, item)).map(Some)
    }
}

/// A variant of an enum: its name, and the value beside it.
pub(super) struct EnumChoice<'d, 'b> {
    name: Place<'d, 'b>,
    value: Option<Place<'d, 'b>>,
}

impl<'d, 'b> EnumChoice<'d, 'b> {
    /// A text, or an object of one member.
    pub(super) fn of(place: Place<'d, 'b>) -> Option<Self> {
        let Place { reading, at, .. } = place;
        match reading.document.token(at)? {
            _ if reading.probe == Probe::Value(at) => None,
            InputToken::Text(_) | InputToken::Unescaped(_) => Some(Self { name: place, value: None }),
            InputToken::Object(_) => {
                let name = at.saturating_add(1);
                let value = name.saturating_add(1);
                let end = reading.document.after(at);
                let is_one = value < end && reading.document.after(value) == end;
                let value = Some(Place::new(reading, value));
                is_one.then(|| Self { name: Place::name(reading, name), value })
            }
            _ => None,
        }
    }
}

impl<'d, 'b> EnumAccess<'d> for EnumChoice<'d, 'b> {
    type Error = ReadError;
    type Variant = VariantContent<'d, 'b>;

    fn variant_seed<V: DeserializeSeed<'d>>(self, seed: V) -> Result<(V::Value, VariantContent<'d, 'b>), ReadError> {
        Ok((seed.deserialize(self.name)?, VariantContent { at: self.name.at, value: self.value }))
    }
}

/// The value of a variant.
pub(super) struct VariantContent<'d, 'b> {
    at: usize,
    value: Option<Place<'d, 'b>>,
}

impl<'d, 'b> VariantContent<'d, 'b> {
    fn value(self, expected: &'static str) -> Result<Place<'d, 'b>, ReadError> {
        self.value.ok_or_else(|| ReadError::invalid_type(Unexpected::UnitVariant, &expected).at(self.at))
    }
}

impl<'d> VariantAccess<'d> for VariantContent<'d, '_> {
    type Error = ReadError;

    fn unit_variant(self) -> Result<(), ReadError> {
        match self.value {
            None => Ok(()),
            Some(value) => serde::Deserialize::deserialize(value),
        }
    }

    fn newtype_variant_seed<T: DeserializeSeed<'d>>(self, seed: T) -> Result<T::Value, ReadError> {
        seed.deserialize(self.value("a value")?)
    }

    fn tuple_variant<V: Visitor<'d>>(self, length: usize, visitor: V) -> Result<V::Value, ReadError> {
        self.value("a tuple variant")?.deserialize_tuple(length, visitor)
    }

    fn struct_variant<V: Visitor<'d>>(
        self,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, ReadError> {
        self.value("a struct variant")?.deserialize_struct("", fields, visitor)
    }
}
