//! Handlers that a declarative macro writes: their tokens come in invisible groups.
#![deny(warnings)]

use palisade::{Endpoint, get, owner, rate_limit, require_role};
use palisade::policy::Rule;

macro_rules! from_parts {
    ($(#[$attribute:meta])* $vis:vis $name:ident, $path:literal, $role:expr, $rate_limit:literal, $window:expr, $answer:block) => {
        $(#[$attribute])*
        #[get($path)]
        #[require_role($role)]
        #[rate_limit($rate_limit, $window)]
        $vis async fn $name() -> &'static str $answer
    };
}
from_parts!(pub(crate) parts, "/parts", "admin", 5, "15m", { "in" });
from_parts!(#[palisade::require_role("editor")] private, "/private", "admin", 5, "15m", { "in" });

macro_rules! attributes_of_the_caller {
    ($(#[$attribute:meta])* async fn $name:ident() -> $answer:ty $body:block) => {
        $(#[$attribute])*
        async fn $name() -> $answer $body
    };
}
attributes_of_the_caller! {
    #[get("/caller/{id}")]
    #[owner(id)]
    async fn of_the_caller() -> &'static str { "in" }
}

macro_rules! whole_item {
    ($item:item) => {
        #[require_role("admin")]
        $item
    };
}
whole_item! {
    #[get("/item/{id}")]
    #[owner(id)]
    async fn whole() -> &'static str { "in" }
}

macro_rules! item_in_item {
    ($item:item) => {
        whole_item! { $item }
    };
}
item_in_item! {
    #[get("/deep/{id}")]
    #[owner(id)]
    async fn deep() -> &'static str { "in" }
}

macro_rules! all_tokens {
    ($($token:tt)*) => { $($token)* };
}
all_tokens! {
    #[get("/tokens")]
    #[require_role("admin")]
    async fn tokens() -> &'static str { "in" }
}

fn main() {
    let _ = palisade::scope("/api")
        .service(parts)
        .service(private)
        .service(of_the_caller)
        .service(whole)
        .service(deep)
        .service(tokens);
    const ADMIN: Rule = Rule::Role("admin");
    assert_eq!(parts::POLICY.rule(), ADMIN);
    assert_eq!(parts::POLICY.rate_limits().len(), 1);
    assert_eq!(private::POLICY.rule(), Rule::All(&[Rule::Role("editor"), ADMIN]));
    assert_eq!(of_the_caller::POLICY.rule(), Rule::Owner("id"));
    assert_eq!(tokens::POLICY.rule(), ADMIN);
    // In the order in which the compiler runs them.
    for rule in [whole::POLICY.rule(), deep::POLICY.rule()] {
        assert!(matches!(rule, Rule::All([ADMIN, Rule::Owner("id")])), "{rule:?}");
    }
}
