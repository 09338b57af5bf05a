//! The protected resource that a route belongs to, in its row.

use super::PolicyRow;
#[cfg(feature = "oauth")]
use crate::protected_resource::ProtectedResource;

impl PolicyRow {
    /// Notes the protected resource that the route belongs to, with the prefix of its scope, and the one whose metadata it serves.
    #[cfg(feature = "oauth")]
    pub(crate) fn with_resource(
        mut self,
        resource: Option<&(String, ProtectedResource)>,
        metadata_of: Option<&ProtectedResource>,
    ) -> Self {
        (self.resource, self.metadata_of) = (resource.cloned(), metadata_of.cloned());
        self
    }

    /// The protected resource whose metadata the route serves.
    #[cfg(feature = "oauth")]
    pub(crate) fn metadata_of(&self) -> Option<&ProtectedResource> {
        self.metadata_of.as_ref()
    }

    /// The protected resource that the route belongs to.
    #[cfg(feature = "oauth")]
    pub(crate) fn resource(&self) -> Option<&ProtectedResource> {
        self.resource.as_ref().map(|(_, resource)| resource)
    }

    /// The prefix of the scope that is a protected resource, and the identifier of the resource.
    pub(crate) fn resource_of_scope(&self) -> Option<(&str, &str)> {
        #[cfg(feature = "oauth")]
        {
            self.resource.as_ref().map(|(scope, resource)| (scope.as_str(), resource.identifier()))
        }
        #[cfg(not(feature = "oauth"))]
        {
            None
        }
    }
}
