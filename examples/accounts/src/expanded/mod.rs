//! `auth.rs` and `users.rs` with palisade's attributes expanded. They are compiled here to prove that they are ordinary Rust, and
//! the tests of the macros compare them with the current expansion.

mod auth;
#[allow(unused_imports, reason = "the trait is only needed for roles of other types")]
mod users;

/// Returns the rows of these routes in the policy table.
macro_rules! policies {
    ($auth:path, $users:path) => {{
        use $auth as auth;
        use $users as users;
        palisade::scope("")
            .service(auth::register)
            .service(auth::login)
            .service(auth::refresh)
            .service(auth::logout)
            .service(auth::logout_all)
            .service(users::me)
            .service(users::list_users)
            .service(users::create_user)
            .service(users::show_user)
            .service(users::change_user)
            .service(users::delete_user)
            .policies()
            .rows()
            .iter()
            .map(|row| {
                let handler = row.handler().to_string().replace("::expanded", "");
                let demands = [row.access(), row.rate_limits(), row.validates(), format!("{:?}", row.reason())];
                (format!("{:?} {}", row.methods(), row.path()), handler, demands)
            })
            .collect::<Vec<_>>()
    }};
}

#[test]
fn expansions_have_the_same_policies() {
    let expanded = policies!(crate::expanded::auth, crate::expanded::users);
    assert_eq!(expanded, policies!(crate::auth, crate::users));
}
