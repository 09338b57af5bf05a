//! The methods and the path of an endpoint.

/// The methods, the path template and the resource name of an endpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Route {
    pub(crate) methods: &'static [&'static str],
    pub(crate) path: &'static str,
    pub(crate) name: Option<&'static str>,
}

macro_rules! route_of_one_method {
    ($($function:ident $method:literal)*) => {$(
        #[doc = concat!("A route for `", $method, "`.")]
        #[must_use]
        pub const fn $function(path: &'static str) -> Self {
            Self::new(&[$method], path)
        }
    )*};
}

impl Route {
    /// A route of several methods.
    #[must_use]
    pub const fn new(methods: &'static [&'static str], path: &'static str) -> Self {
        Self { methods, path, name: None }
    }

    route_of_one_method! {
        get "GET" post "POST" put "PUT" patch "PATCH" delete "DELETE" head "HEAD" options "OPTIONS"
    }

    /// Sets the resource name. Default: the name of the handler.
    #[must_use]
    pub const fn named(mut self, name: &'static str) -> Self {
        self.name = Some(name);
        self
    }

    /// The declared methods. `GET` also serves `HEAD`.
    #[must_use]
    pub const fn methods(&self) -> &'static [&'static str] {
        self.methods
    }

    /// The declared path template, without the prefix of a scope.
    #[must_use]
    pub const fn path(&self) -> &'static str {
        self.path
    }

    /// The resource name for `HttpRequest::url_for`, if it is not the name of the handler.
    #[must_use]
    pub const fn name(&self) -> Option<&'static str> {
        self.name
    }
}
