//! The guide to palisade.
//!
//! 1. [Getting started](getting_started)
//! 2. Routes: [attributes], [input], [mounting], [roles and permissions](roles), [ownership], [rate limits](rate_limits), [SQL](sql)
//! 3. Callers: [tokens], [sessions], [sessions in a cookie](cookie_sessions), [sign-in](sign_in), [OAuth 2.0](oauth), [bound tokens, step-up and delegation](bound_tokens), [RFC 9700](rfc9700), [API keys and passwords](api_keys)
//! 4. Responses: [CORS and security headers](cors_and_headers), [the order of checks](order_of_checks), [errors]
//! 5. Running it: [testing], [operations], [TLS](tls), [porting an application](migrating)
//! 6. Inside: [what the attributes expand to](expansion), [performance], [decisions], [glossary]
//!
//! The pages are also an mdBook (`runtime/docs/book.toml`). Each example is compiled and run as a documentation test.

/// Declares the pages. In a page, `[roles]` links to a file, because mdBook needs that. The definitions here come first, so in
/// rustdoc the same link leads to the module.
macro_rules! pages {
    ($($page:ident: $file:literal, $summary:literal;)*) => {$(
        #[doc = $summary]
        #[doc = ""]
        #[doc = "[attributes]: crate::guide::attributes"]
        #[doc = "[mounting]: crate::guide::mounting"]
        #[doc = "[input]: crate::guide::input"]
        #[doc = "[roles]: crate::guide::roles"]
        #[doc = "[ownership]: crate::guide::ownership"]
        #[doc = "[rate-limits]: crate::guide::rate_limits"]
        #[doc = "[sql]: crate::guide::sql"]
        #[doc = "[tokens]: crate::guide::tokens"]
        #[doc = "[sessions]: crate::guide::sessions"]
        #[doc = "[cookie-sessions]: crate::guide::cookie_sessions"]
        #[doc = "[sign-in]: crate::guide::sign_in"]
        #[doc = "[oauth]: crate::guide::oauth"]
        #[doc = "[bound]: crate::guide::bound_tokens"]
        #[doc = "[rfc9700]: crate::guide::rfc9700"]
        #[doc = "[api-keys]: crate::guide::api_keys"]
        #[doc = "[order]: crate::guide::order_of_checks"]
        #[doc = "[testing]: crate::guide::testing"]
        #[doc = "[operations]: crate::guide::operations"]
        #[doc = "[tls]: crate::guide::tls"]
        #[doc = "[cors]: crate::guide::cors_and_headers"]
        #[doc = "[errors]: crate::guide::errors"]
        #[doc = "[glossary]: crate::guide::glossary"]
        #[doc = ""]
        #[doc = include_str!(concat!("../docs/", $file))]
        pub mod $page {}
    )*};
}

pages! {
    getting_started: "guide/getting_started.md", "From an empty crate to a guarded route.";
    attributes: "guide/attributes.md", "Each attribute with its options.";
    input: "guide/input.md", "Extractors, rules, strictness, limits, and what a client reads about its mistakes.";
    mounting: "guide/mounting.md", "Scopes, single routes, other middleware, and services without a policy.";
    roles: "guide/roles.md", "Roles by name or by type, permissions, scopes, and the role registry.";
    ownership: "guide/ownership.md", "Who owns a row, and how the check loads it.";
    rate_limits: "guide/rate_limits.md", "What is counted, by which key, and where.";
    sql: "guide/sql.md", "Statements with parameters, errors of a database, and the guard against raw SQL.";
    tokens: "guide/tokens.md", "JSON Web Tokens: keys, claims, and identity providers.";
    sessions: "guide/sessions.md", "Refresh tokens, logout, and revoked tokens.";
    cookie_sessions: "guide/cookie_sessions.md", "Sessions of pages: the cookie, the login page, and a list of sessions.";
    sign_in: "guide/sign_in.md", "Sign-in and logout at an OpenID provider, and tokens for calls to other services.";
    oauth: "guide/oauth.md", "OAuth 2.0: the tokens of a provider, and protected resources such as MCP servers.";
    bound_tokens: "guide/bound_tokens.md", "Tokens that are worth nothing without a key, stronger logins, and who acts for whom.";
    rfc9700: "guide/rfc9700.md", "The recommendations for the security of OAuth 2.0, and what holds each of them.";
    api_keys: "guide/api_keys.md", "Credentials for programs, and password hashing.";
    cors_and_headers: "guide/cors_and_headers.md", "Which origins may call, and the headers of every response.";
    order_of_checks: "guide/order_of_checks.md", "The stages of a request, and what each one responds.";
    errors: "guide/errors.md", "What a client reads in an error response, and errors of a handler.";
    testing: "guide/testing.md", "Assumed callers, committed policies, the access matrix, and a clock for tests.";
    operations: "guide/operations.md", "Proxies, several processes, and what an operator must know.";
    tls: "guide/tls.md", "Certificates that are reloaded, client certificates, and the listener for plain HTTP.";
    migrating: "guide/migrating.md", "Porting an actix-web application: what replaces each piece, in which order, and what to look for.";
    expansion: "guide/expansion.md", "The generated code of one route, line by line.";
    performance: "performance.md", "What a request, a start and a rate limit cost, and how that is measured.";
    decisions: "decisions.md", "Why the code is as it is: questions and answers.";
    glossary: "glossary.md", "The words of the code and of the documentation.";
}
