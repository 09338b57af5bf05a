//! What a handler takes and gives, judged when it is compiled: by type, so that an alias hides nothing.
//!
//! Threat: an argument that no request can ever give, which is found out in production (CWE-1068). Promise: the compiler says
//! so under the argument's type, in words about handlers; what only the mounted application can tell is said when it is built.

mod known;
mod parts;

use std::cell::RefCell;
use std::marker::PhantomData;
use std::ops::Deref;

use actix_web::web::Path;
use actix_web::{FromRequest, Responder};
use serde::de::DeserializeOwned;

pub use self::known::*;
pub use self::parts::Parts;

/// What a handler can take as an argument.
#[diagnostic::on_unimplemented(
    message = "`{Self}` can't be an argument of a handler: no request gives one",
    label = "no extractor",
    note = "an argument is an extractor: `Json<T>`, `Form<T>` or a `String` from the body, `Query<T>`, `Path<T>`, `HttpRequest`, \
            or palisade's `Principal`, `Claims<T>`, `Scoped`, `Owned<T>`",
    note = "for state of the application take `Data<{Self}>`, and give it to the `App` with `.app_data(Data::new(..))`",
    note = "for a type of your own implement `actix_web::FromRequest`"
)]
pub trait Argument: FromRequest + 'static {}

// The error is then about the argument, with the notes above, and not about a bound of this very line.
#[diagnostic::do_not_recommend]
impl<T: FromRequest + 'static> Argument for T {}

/// What a handler can return.
#[diagnostic::on_unimplemented(
    message = "`{Self}` can't be the answer of a handler: it is no response",
    label = "no `Responder`",
    note = "return a `Responder`: `HttpResponse`, a text, `Json<T>` where `T: serde::Serialize`, or a `Result<_, E>` of one, where `E` \
            is an `actix_web::ResponseError`, such as `palisade::Problem`",
    note = "for a type of your own implement `actix_web::Responder`"
)]
pub trait Answer: Responder {}

#[diagnostic::do_not_recommend]
impl<T: Responder> Answer for T {}

/// An argument, as a proof that a request gives it.
///
/// Who has the proof knows no more of the type. So one that is no argument is reported where the proof is asked for, under that
/// type, and not again wherever the proof is used.
pub trait Proof {
    /// The argument.
    type Argument: FromRequest + 'static;
}

struct Proven<T>(PhantomData<T>);

impl<T: Argument> Proof for Proven<T> {
    type Argument = T;
}

/// The proof for one argument.
#[must_use]
pub fn take<T: Argument>() -> impl Proof<Argument = T> {
    Proven(PhantomData)
}

/// The proofs for all arguments of a handler.
pub trait Proofs {
    /// The tuple of the arguments.
    type Arguments: FromRequest + 'static;
}

/// What has the proofs, without naming them: a closure, because the compiler judges what a closure returns inside of it only.
pub trait Taken {
    /// The tuple of the arguments.
    type Arguments: FromRequest + 'static;
}

impl<T: FnOnce() -> P, P: Proofs> Taken for T {
    type Arguments = P::Arguments;
}

macro_rules! proofs {
    ($($proof:ident)*) => {
        impl<$($proof: Proof),*> Proofs for ($($proof,)*) {
            type Arguments = ($($proof::Argument,)*);
        }
        proofs!(@shorter $($proof)*);
    };
    (@shorter) => {};
    (@shorter $first:ident $($proof:ident)*) => {
        proofs!($($proof)*);
    };
}
// As many as a handler of actix-web can have.
proofs!(A B C D E F G H I J K L M N O P);

/// What the arguments of one handler demand of its path.
#[derive(Debug, Default)]
pub struct Demands(RefCell<Vec<Parts>>);

impl Demands {
    pub(crate) fn into_parts(self) -> Vec<Parts> {
        self.0.into_inner()
    }

    /// Before the first argument.
    pub fn begin(&self) -> Judged<'_, Unread> {
        Judged { demands: self, body: PhantomData }
    }
}

/// The arguments that were judged so far.
pub struct Judged<'d, Body> {
    demands: &'d Demands,
    body: PhantomData<Body>,
}

impl<'d, Body> Judged<'d, Body> {
    /// The next argument.
    pub fn and<Reading>(self, argument: Verdict<Reading>) -> Judged<'d, Body::Now>
    where
        Body: Then<Reading>,
    {
        self.demands.0.borrow_mut().extend(argument.parts);
        Judged { demands: self.demands, body: PhantomData }
    }
}

/// One argument that can be had.
pub struct Verdict<Reading> {
    parts: Option<Parts>,
    reading: PhantomData<Reading>,
}

impl<Reading> Verdict<Reading> {
    const fn new(parts: Option<Parts>) -> Self {
        Self { parts, reading: PhantomData }
    }
}

/// An argument that is about to be judged, by a method for each kind of access.
///
/// For a type of which something is known, the method is its own, with the bounds that this brings; for a path it is that of
/// [`OfPath`], and for all others that of [`OfOthers`]: method resolution goes that way, and thus sees types where a macro sees
/// words only.
pub struct Next<T>(OfPath<T>);
/// One of which nothing is known, unless it is a path.
pub struct OfPath<T>(OfOthers<T>);
/// One of which nothing is known.
pub struct OfOthers<T>(PhantomData<T>);

impl<T> Next<T> {
    /// The only one.
    pub const ARGUMENT: Self = Self(OfPath(OfOthers(PhantomData)));
}

impl<T> Deref for Next<T> {
    type Target = OfPath<T>;

    fn deref(&self) -> &OfPath<T> {
        &self.0
    }
}

impl<T> Deref for OfPath<T> {
    type Target = OfOthers<T>;

    fn deref(&self) -> &OfOthers<T> {
        &self.0
    }
}

impl<T: Known> Next<T> {
    /// On a route that looks at no credentials, and whose own template has so many parameters.
    pub fn public<const PARAMETERS: usize>(&self) -> Verdict<T::Body>
    where
        T: OnPublicRoute + Fits<PARAMETERS>,
    {
        Verdict::new(T::parts())
    }

    /// On a route that admits callers without credentials.
    pub fn optional<const PARAMETERS: usize>(&self) -> Verdict<T::Body>
    where
        T: OnOptionalRoute + Fits<PARAMETERS>,
    {
        Verdict::new(T::parts())
    }

    /// On a route whose callers are known, and whose rule loads these rows: `(A, (B, ()))`.
    pub fn guarded<const PARAMETERS: usize, Rows, Place>(&self) -> Verdict<T::Body>
    where
        T: OnGuardedRoute<Rows, Place> + Fits<PARAMETERS>,
    {
        Verdict::new(T::parts())
    }

    /// On a route that nobody may call for now: whatever its other attributes say comes back with them.
    pub fn closed<const PARAMETERS: usize>(&self) -> Verdict<T::Body>
    where
        T: Fits<PARAMETERS>,
    {
        Verdict::new(T::parts())
    }
}

/// For a path, whatever the route: how many parameters it takes, its type tells `serde`.
impl<T: DeserializeOwned> OfPath<Path<T>> {
    /// On any route.
    pub fn public<const PARAMETERS: usize>(&self) -> Verdict<Leaves> {
        Verdict::new(Some(Parts::of::<T>()))
    }

    /// On any route.
    pub fn optional<const PARAMETERS: usize>(&self) -> Verdict<Leaves> {
        self.public::<PARAMETERS>()
    }

    /// On any route.
    pub fn guarded<const PARAMETERS: usize, Rows, Place>(&self) -> Verdict<Leaves>
    where
        (): Is<Place>,
    {
        self.public::<PARAMETERS>()
    }

    /// On any route.
    pub fn closed<const PARAMETERS: usize>(&self) -> Verdict<Leaves> {
        self.public::<PARAMETERS>()
    }
}

/// For all others there is nothing to say.
impl<T> OfOthers<T> {
    /// On any route.
    pub fn public<const PARAMETERS: usize>(&self) -> Verdict<Leaves> {
        Verdict::new(None)
    }

    /// On any route.
    pub fn optional<const PARAMETERS: usize>(&self) -> Verdict<Leaves> {
        Verdict::new(None)
    }

    /// On any route.
    pub fn guarded<const PARAMETERS: usize, Rows, Place>(&self) -> Verdict<Leaves>
    where
        (): Is<Place>,
    {
        Verdict::new(None)
    }

    /// On any route.
    pub fn closed<const PARAMETERS: usize>(&self) -> Verdict<Leaves> {
        Verdict::new(None)
    }
}

/// Tells the compiler what a place is that stands nowhere.
pub trait Is<Place> {}
impl Is<()> for () {}

/// The function [`Endpoint::arguments`](super::Endpoint::arguments), of expressions that each stand where the argument's type
/// does, so that a wrong type is blamed there.
#[doc(hidden)]
#[macro_export]
macro_rules! __arguments {
    ($($(#[$when:meta])* $argument:expr,)*) => {
        #[allow(dead_code)]
        fn arguments(demands: &$crate::__private::Demands) {
            let judged = demands.begin();
            $($(#[$when])* let judged = judged.and($argument);)*
            let _ = judged;
        }
    };
}
