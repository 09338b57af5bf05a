//! The guide to palisade.
//!
//! 1. [Getting started](getting_started)
//! 2. Routes: [attributes], [mounting], [roles and permissions](roles), [ownership], [rate limits](rate_limits)
//! 3. Callers: [tokens], [sessions], [API keys and passwords](api_keys)
//! 4. Responses: [CORS and security headers](cors_and_headers), [the order of checks](order_of_checks), [errors]
//! 5. In production: [testing], [operations], [migrating]
//! 6. Background: [what the attributes expand to](expansion), [decisions], [glossary]
//!
//! The pages are also an mdBook (`runtime/docs/book.toml`). Each example is compiled and run as a documentation test.

/// Declares the pages. In a page, `[roles]` links to a file, because mdBook needs that. The definitions here come first, so in
/// rustdoc the same link leads to the module.
macro_rules! pages {
    ($($page:ident: $file:literal,)*) => {$(
        #[doc = "[attributes]: crate::guide::attributes"]
        #[doc = "[mounting]: crate::guide::mounting"]
        #[doc = "[roles]: crate::guide::roles"]
        #[doc = "[ownership]: crate::guide::ownership"]
        #[doc = "[rate-limits]: crate::guide::rate_limits"]
        #[doc = "[tokens]: crate::guide::tokens"]
        #[doc = "[sessions]: crate::guide::sessions"]
        #[doc = "[api-keys]: crate::guide::api_keys"]
        #[doc = "[order]: crate::guide::order_of_checks"]
        #[doc = "[testing]: crate::guide::testing"]
        #[doc = "[operations]: crate::guide::operations"]
        #[doc = "[errors]: crate::guide::errors"]
        #[doc = "[glossary]: crate::guide::glossary"]
        #[doc = ""]
        #[doc = include_str!(concat!("../docs/", $file))]
        pub mod $page {}
    )*};
}

pages! {
    getting_started: "guide/getting_started.md",
    attributes: "guide/attributes.md",
    mounting: "guide/mounting.md",
    roles: "guide/roles.md",
    ownership: "guide/ownership.md",
    rate_limits: "guide/rate_limits.md",
    tokens: "guide/tokens.md",
    sessions: "guide/sessions.md",
    api_keys: "guide/api_keys.md",
    cors_and_headers: "guide/cors_and_headers.md",
    order_of_checks: "guide/order_of_checks.md",
    errors: "guide/errors.md",
    testing: "guide/testing.md",
    operations: "guide/operations.md",
    migrating: "guide/migrating.md",
    expansion: "guide/expansion.md",
    decisions: "decisions.md",
    glossary: "glossary.md",
}
