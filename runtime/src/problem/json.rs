//! A problem as JSON.

use serde::ser::SerializeMap as _;
use serde::{Serialize, Serializer};

use super::ProblemParts;

/// The members of RFC 9457 §3.1, those of palisade, and the extensions. A derived implementation would need `flatten` for the
/// extensions, which makes each problem dearer.
impl Serialize for ProblemParts {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut members = serializer.serialize_map(None)?;
        members.serialize_entry("type", &self.kind)?;
        members.serialize_entry("title", &self.title)?;
        members.serialize_entry("status", &self.status.as_u16())?;
        if let Some(detail) = &self.detail {
            members.serialize_entry("detail", detail)?;
        }
        if let Some(instance) = &self.instance {
            members.serialize_entry("instance", instance)?;
        }
        if !self.errors.is_empty() {
            members.serialize_entry("errors", &self.errors)?;
        }
        for (name, value) in &self.extensions {
            members.serialize_entry(name, value)?;
        }
        members.end()
    }
}
