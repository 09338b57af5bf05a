//! Ownership of rows.
//!
//! Threat: an id in the path that identifies the row of another user (OWASP API1, CWE-639). Promise: the row is loaded once, by the
//! same parameters that the handler gets. Its owner is compared with the caller before the body of the request is read.

use std::any::{Any, TypeId};
use std::borrow::Cow;
use std::fmt;
use std::future::Future;

use actix_web::HttpRequest;
use actix_web::web::Data;
use futures_util::future::LocalBoxFuture;
use serde::de::DeserializeOwned;

mod id;
mod key;

pub use self::key::OwnerKey;
use crate::unavailable::Unavailable;

/// A row that has an owner, for `#[owner(id, of = Document)]` and `#[owner_or_admin(id, of = Document)]`.
///
/// The row is loaded once for a request, by the path parameters that the attribute names. The handler takes it as
/// [`Owned<Document>`](crate::Owned). A missing row and a row of another owner get the same 404 response, after the same work.
/// With `deny = 403`, a row of another owner gets 403 instead.
///
/// ```
/// use std::collections::HashMap;
/// use palisade::{Owned, Resource, get, owner_or_admin};
/// use palisade::resource::{OwnerKey, Unavailable};
///
/// #[derive(Clone)]
/// struct Document {
///     author: i64,
///     text: String,
/// }
///
/// type Documents = HashMap<u64, Document>;
///
/// impl Resource for Document {
///     type Id = u64;
///     type Store = Documents;
///
///     async fn load(documents: &Documents, id: u64) -> Result<Option<Self>, Unavailable> {
///         Ok(documents.get(&id).cloned())
///     }
///
///     fn owner(&self) -> impl OwnerKey {
///         self.author
///     }
/// }
///
/// #[get("/documents/{id}")]
/// #[owner_or_admin(id, of = Document)]
/// async fn show(document: Owned<Document>) -> String {
///     document.text.clone()
/// }
/// # let _ = palisade::scope("/api").service(show);
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a resource, so its owner is not known",
    label = "`palisade::Resource` is not implemented for it",
    note = "implement `palisade::Resource` for it, which defines where its rows are stored, how a row is loaded by its id, and who owns it"
)]
pub trait Resource: Sized + 'static {
    /// The type of the identifier. It is parsed from the path as `web::Path<Id>` is: a number, a text or a `Uuid`, or a tuple if the
    /// attribute names several parameters. A value that cannot be parsed gets 404.
    type Id: DeserializeOwned;

    /// Where the rows are stored. Register it on the `App` as `web::Data<Store>`. Without it, the response is 500, and the reason is
    /// logged.
    ///
    /// It may be a trait, such as `dyn Notes`. Register it as `Data::from(notes)`, where `notes` is an `Arc<dyn Notes>`, and write
    /// the parameter of `load` as `&Self::Store`, because `&dyn Notes` is another type there:
    ///
    /// ```
    /// use std::sync::Arc;
    /// use actix_web::{App, web::Data};
    /// use palisade::Resource;
    /// use palisade::resource::{OwnerKey, Unavailable};
    ///
    /// struct Note {
    ///     author: String,
    /// }
    ///
    /// trait Notes {
    ///     fn note(&self, id: u64) -> Option<Note>;
    /// }
    ///
    /// impl Resource for Note {
    ///     type Id = u64;
    ///     type Store = dyn Notes;
    ///
    ///     async fn load(notes: &Self::Store, id: u64) -> Result<Option<Self>, Unavailable> {
    ///         Ok(notes.note(id))
    ///     }
    ///
    ///     fn owner(&self) -> impl OwnerKey {
    ///         &self.author
    ///     }
    /// }
    ///
    /// struct InMemory;
    ///
    /// impl Notes for InMemory {
    ///     fn note(&self, id: u64) -> Option<Note> {
    ///         (id == 7).then(|| Note { author: "alice".to_owned() })
    ///     }
    /// }
    ///
    /// let notes: Arc<dyn Notes> = Arc::new(InMemory);
    /// let app = App::new().app_data(Data::from(notes));
    /// # let _ = app;
    /// ```
    type Store: ?Sized + 'static;

    /// Loads the row, or returns `None` if it does not exist.
    ///
    /// Danger: the work must not depend on the caller, because the caller can measure the time.
    ///
    /// # Errors
    ///
    /// Returns [`Unavailable`] if the store does not respond. The response is 503.
    fn load(store: &Self::Store, id: Self::Id) -> impl Future<Output = Result<Option<Self>, Unavailable>>;

    /// The subject of the principal that owns the row. A row whose owner is `None` or an empty text belongs to no principal.
    ///
    /// Write the return type as `impl OwnerKey` and return the field as it is, by reference if it is a text. It is compared as
    /// text with the subject, without an allocation: see [`OwnerKey`]. A concrete type such as `i64` compiles too, but the
    /// compiler then warns that it says more than the trait (`refining_impl_trait`).
    fn owner(&self) -> impl OwnerKey;

    /// The tenant of the row. Default: `None`.
    ///
    /// A row with a tenant does not exist for principals of other tenants, regardless of their roles.
    fn tenant(&self) -> Option<Cow<'_, str>> {
        None
    }
}

/// A row of a [`Resource`], as a leaf of a [`Rule`](crate::policy::Rule).
pub struct Ownership {
    resource: &'static str,
    parameters: &'static [&'static str],
    rejected: ForeignRow,
    kind: fn() -> TypeId,
    load: Load,
}

type Load =
    for<'a> fn(&'a HttpRequest, &'a [Cow<'a, str>], RowCaller<'a>) -> LocalBoxFuture<'a, Result<Loaded, LoadFailure>>;

/// The response for a row of another owner.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ForeignRow {
    /// 404, as for a missing row.
    Missing,
    /// 403.
    Forbidden,
}

/// With whom a row is compared.
#[derive(Clone, Copy)]
pub(crate) struct RowCaller<'a> {
    /// The subject of the caller. `None` if subjects of its issuer own no rows.
    pub(crate) subject: Option<&'a str>,
    /// The tenant of the caller. `None` also if its issuer claims one and must not.
    pub(crate) tenant: Option<&'a str>,
}

/// A loaded row, compared with the caller.
pub(crate) struct Loaded {
    pub(crate) row: Box<dyn Any>,
    /// The caller owns the row.
    pub(crate) own: bool,
    /// The row belongs to another tenant. Then it does not exist for the caller, regardless of roles.
    pub(crate) foreign_tenant: bool,
}

/// Why the row was not loaded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum LoadFailure {
    Missing,
    Unavailable,
    /// The application has no `Data<Store>`. The text is the name of that type.
    NoStore(&'static str),
}

impl Ownership {
    /// A row of `R`, which these path parameters identify. `resource` is the name of the type as written. The attribute `owner`
    /// generates it.
    #[must_use]
    pub const fn of<R: Resource>(resource: &'static str, parameters: &'static [&'static str]) -> Self {
        Self { resource, parameters, rejected: ForeignRow::Missing, kind: TypeId::of::<R>, load: load::<R> }
    }

    /// A row of another owner gets 403 and not 404, so callers can find out that it exists.
    #[must_use]
    pub const fn revealing(mut self) -> Self {
        self.rejected = ForeignRow::Forbidden;
        self
    }

    /// The name of the resource, as written.
    #[must_use]
    pub const fn resource(&self) -> &'static str {
        self.resource
    }

    /// The path parameters that identify it.
    #[must_use]
    pub const fn parameters(&self) -> &'static [&'static str] {
        self.parameters
    }

    pub(crate) const fn rejected(&self) -> ForeignRow {
        self.rejected
    }

    pub(crate) fn kind(&self) -> TypeId {
        (self.kind)()
    }

    /// Loads the row and compares it with the caller.
    pub(crate) async fn load(
        &self,
        request: &HttpRequest,
        values: &[Cow<'_, str>],
        caller: RowCaller<'_>,
    ) -> Result<Loaded, LoadFailure> {
        (self.load)(request, values, caller).await
    }
}

fn load<'a, R: Resource>(
    request: &'a HttpRequest,
    values: &'a [Cow<'a, str>],
    caller: RowCaller<'a>,
) -> LocalBoxFuture<'a, Result<Loaded, LoadFailure>> {
    Box::pin(async move {
        let name = std::any::type_name::<R::Store>();
        let store = request.app_data::<Data<R::Store>>().ok_or(LoadFailure::NoStore(name))?;
        let id = id::parse::<R::Id>(values).ok_or(LoadFailure::Missing)?;
        let row = R::load(store, id).await.map_err(|Unavailable| LoadFailure::Unavailable)?;
        let row = row.ok_or(LoadFailure::Missing)?;
        // A key of the application's own type could take an empty subject for its owner.
        let own = caller.subject.is_some_and(|subject| !subject.is_empty() && row.owner().is_subject(subject));
        let foreign_tenant = row.tenant().is_some_and(|own| caller.tenant != Some(&*own));
        Ok(Loaded { row: Box::new(row), own, foreign_tenant })
    })
}

impl fmt::Display for Ownership {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}, of = {}", self.parameters.join(", "), self.resource)?;
        if self.rejected == ForeignRow::Forbidden { f.write_str(", deny = 403") } else { Ok(()) }
    }
}

impl fmt::Debug for Ownership {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Ownership").field(&self.to_string()).finish()
    }
}

/// The same type with the same parameters is the same row, regardless of the response for other owners.
impl PartialEq for Ownership {
    fn eq(&self, other: &Self) -> bool {
        self.kind() == other.kind() && self.parameters == other.parameters
    }
}

impl Eq for Ownership {}
