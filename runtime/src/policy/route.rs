//! The methods and the path of an endpoint.

/// The methods, the path template and the resource name of an endpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Route {
    pub(crate) methods: &'static [&'static str],
    pub(crate) path: &'static str,
    pub(crate) name: Option<&'static str>,
    pub(crate) paths: ServedPaths,
}

/// Which paths a route serves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ServedPaths {
    /// Those that its template matches.
    Template,
    /// Its path, and each path below it: a mounted service.
    Below,
    /// Those that no other route of its scope serves: a default service.
    Unknown,
}

/// Each method. It is the list of a mounted service and of a default service.
const EACH_METHOD: &[&str] = &["*"];

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
        Self { methods, path, name: None, paths: ServedPaths::Template }
    }

    /// A service that gets the requests of each method for this path, and for each path below it.
    pub(crate) const fn below(path: &'static str) -> Self {
        Self { methods: EACH_METHOD, path, name: None, paths: ServedPaths::Below }
    }

    /// A service that gets the requests of each method that no other route of a scope serves.
    pub(crate) const fn unknown_paths() -> Self {
        Self { methods: EACH_METHOD, path: "", name: None, paths: ServedPaths::Unknown }
    }

    /// The path below the prefix of its scopes, as it is shown.
    pub(crate) fn shown_below(&self, prefix: &str) -> String {
        // As actix-web joins them: a template that is not empty starts with a slash.
        let slash = if self.path.is_empty() || self.path.starts_with('/') { "" } else { "/" };
        match (format!("{prefix}{slash}{}", self.path), self.paths) {
            (path, ServedPaths::Below | ServedPaths::Unknown) => format!("{}/*", path.trim_end_matches('/')),
            (path, ServedPaths::Template) if path.is_empty() => "/".to_owned(),
            (path, ServedPaths::Template) => path,
        }
    }

    /// Whether it serves the method. `GET` also serves `HEAD` (RFC 9110 §9.3.2).
    pub(crate) fn serves(&self, method: &str) -> bool {
        self.methods.iter().any(|own| *own == method || *own == "*" || (*own == "GET" && method == "HEAD"))
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

    /// The declared methods. `GET` also serves `HEAD`. `*` is each method: see [`guarded`](crate::scope::guarded).
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
