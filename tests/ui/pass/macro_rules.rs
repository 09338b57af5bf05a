#![deny(warnings)]

//! Handlers out of a `macro_rules!` macro, whose fragments come in invisible groups.

macro_rules! handler {
    ($(#[$meta:meta])* $path:literal, $role:literal, $limit:literal, $window:literal, $visibility:vis $name:ident, $answer:ty, $body:block) => {
        $(#[$meta])*
        #[palisade::get($path)]
        #[palisade::require_role($role)]
        #[palisade::rate_limit($limit, $window)]
        $visibility async fn $name() -> $answer $body
    };
}

macro_rules! public {
    ($item:item) => {
        #[palisade::public]
        $item
    };
}

handler!(
    /// Made elsewhere.
    #[inline]
    "/made", "admin", 5, "15m", pub made, &'static str, {
        "in"
    }
);

public! {
    #[palisade::get("/item")]
    async fn item() -> &'static str {
        "in"
    }
}

fn main() {
    let _ = palisade::scope("/api").service(made).service(item);
}
