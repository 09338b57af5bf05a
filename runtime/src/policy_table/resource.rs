//! The protected resource that a route belongs to, in its row.

use super::PolicyRow;
#[cfg(feature = "oauth")]
use crate::protected_resource::ProtectedResource;

impl PolicyRow {
    /// Notes the protected resource that the route belongs to, with the prefix of its scope.
    #[cfg(feature = "oauth")]
    pub(crate) fn with_resource(mut self, resource: Option<&(String, ProtectedResource)>) -> Self {
        self.resource = resource.cloned();
        self
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
