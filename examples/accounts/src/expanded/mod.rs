//! `auth.rs` and `users.rs` with the attributes of palisade expanded: compiled here, so that they are ordinary Rust, and
//! compared by the macros' own tests with what the attributes expand to today.

mod auth;
#[allow(unused_imports, reason = "a trait that only names of roles of another type need")]
mod users;

/// The rows of these routes in the policy table.
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
