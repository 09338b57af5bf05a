//! The security headers of a route and its scopes, in the application that they are mounted in.

use std::cell::OnceCell;
use std::rc::Rc;
use std::sync::Arc;

use super::{ApplicationHeaders, HeaderChange, PreparedHeaders, SecurityHeaders};

/// The changes of the scopes around a route and of the route itself, the outermost first.
pub(crate) struct RouteHeaders {
    changes: Vec<Rc<SecurityHeaders>>,
    first: OnceCell<Box<InApplication>>,
}

/// A worker has one application, but a test may have several.
struct InApplication {
    application: Arc<ApplicationHeaders>,
    prepared: PreparedHeaders,
    next: OnceCell<Box<InApplication>>,
}

impl RouteHeaders {
    /// `None` if nothing changes.
    pub(crate) fn of(scopes: &[Rc<SecurityHeaders>], own: &[HeaderChange]) -> Option<Self> {
        let own = (!own.is_empty()).then(|| Rc::new(SecurityHeaders::of(own)));
        let changes: Vec<_> = scopes.iter().cloned().chain(own).collect();
        (!changes.is_empty()).then(|| Self { changes, first: OnceCell::new() })
    }

    /// They are combined once for each application.
    pub(crate) fn within(&self, application: &Arc<ApplicationHeaders>) -> &PreparedHeaders {
        let mut found = self.first.get_or_init(|| self.prepare(application));
        while !Arc::ptr_eq(&found.application, application) {
            found = found.next.get_or_init(|| self.prepare(application));
        }
        &found.prepared
    }

    fn prepare(&self, application: &Arc<ApplicationHeaders>) -> Box<InApplication> {
        let mut combined = application.combined.clone();
        self.changes.iter().for_each(|changes| combined.change(changes));
        let application = Arc::clone(application);
        Box::new(InApplication { application, prepared: combined.prepare(), next: OnceCell::new() })
    }
}
