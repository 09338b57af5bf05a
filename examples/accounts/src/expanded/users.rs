// Generated from examples/accounts/src/users.rs: this is the code that the attributes of palisade expand to.
// Do not edit it. The guide explains an expansion line by line: runtime/docs/guide/expansion.md.

//! Accounts, for their owners and for administrators.
//!
//! The threats are access to accounts of other users (BOLA, OWASP API1: `owner_or_admin` compares the id in the path with the
//! caller) and privilege escalation (API3, API5: only administrators can assign roles).

use crate::{
    actions,
    app::AppSessions,
    caller::Account,
    db::{Db, NewAccount},
    error::ApiError,
    model::{Listing, NewUser, Page, User, UserPatch},
    roles::Role,
};
use actix_web::{HttpResponse, http::header, web::Data};
use palisade::input::{Json, Path, Query};
use palisade::{Principal, Problem};
use serde::Serialize;
use uuid::Uuid;

/// The subject, roles and scopes of the caller.
#[derive(Serialize)]
pub struct Me {
    subject: String,
    roles: Vec<String>,
    scopes: Vec<String>,
}

/// Returns the caller as the verified credential describes it. Does not read the account.
#[repr(C)]
pub struct me;

impl ::palisade::__v1::Endpoint for me {
    const ROUTE: ::palisade::__v1::Route = ::palisade::__v1::Route::get("/me");
    const POLICY: &'static ::palisade::__v1::Policy = {
        use ::palisade::__v1::{Policy, Rule::*};
        &Policy::new(Authenticated).of(::core::module_path!(), "me")
    };
    fn mount(self, __at: ::palisade::__v1::Mounter) -> ::palisade::__v1::MountedRoute {
        async fn me(caller: Principal) -> Json<Me> {
            Json(Me {
                subject: caller.subject().to_owned(),
                roles: caller.roles().to_vec(),
                scopes: caller.scopes().to_vec(),
            })
        }
        ::palisade::__v1::handler!(me; Json<Me>; Principal).mount(__at)
    }
}
::palisade::__v1::add!(me; check_on_guarded_route, 0, (); Principal);

/// Returns one page of all accounts.
#[repr(C)]
pub struct list_users;

impl ::palisade::__v1::Endpoint for list_users {
    const ROUTE: ::palisade::__v1::Route = ::palisade::__v1::Route::get("/users");
    const POLICY: &'static ::palisade::__v1::Policy = &::palisade::__v1::Policy::new(::palisade::__v1::Rule::Role({
        const __NAME: &str = {
            use ::palisade::__v1::NoName as _;
            let __name = Role::Admin;
            ::palisade::__v1::role(&__name, __name.as_bytes())
        };
        __NAME
    }))
    .of(::core::module_path!(), "list_users")
    .validates_inputs();
    fn mount(self, __at: ::palisade::__v1::Mounter) -> ::palisade::__v1::MountedRoute {
        async fn list_users(listing: Query<Listing>, db: Data<Db>) -> Result<Json<Page>, Problem> {
            let (items, total) = db.page(&listing).await?;
            Ok(Json(Page { items, total, limit: listing.limit, offset: listing.offset }))
        }
        ::palisade::__v1::handler!(list_users; Result<Json<Page>, Problem>; Query<Listing>, Data<Db>)
            .validated(|__all, (__listing, __db)| __all.of(__listing).each().of(__db).each())
            .mount(__at)
    }
}
::palisade::__v1::add!(list_users; check_on_guarded_route, 0, (); Query<Listing>, Data<Db>);

/// Creates an account without a password. Nobody can log in to it: a login gets the response of a wrong password.
#[repr(C)]
pub struct create_user;

impl ::palisade::__v1::Endpoint for create_user {
    const ROUTE: ::palisade::__v1::Route = ::palisade::__v1::Route::post("/users");
    const POLICY: &'static ::palisade::__v1::Policy = &::palisade::__v1::Policy::new(::palisade::__v1::Rule::Role({
        const __NAME: &str = {
            use ::palisade::__v1::NoName as _;
            let __name = Role::Admin;
            ::palisade::__v1::role(&__name, __name.as_bytes())
        };
        __NAME
    }))
    .of(::core::module_path!(), "create_user")
    .validates_inputs();
    fn mount(self, __at: ::palisade::__v1::Mounter) -> ::palisade::__v1::MountedRoute {
        async fn create_user(new: Json<NewUser>, caller: Account, db: Data<Db>) -> Result<HttpResponse, Problem> {
            if new.role != Role::User {
                actions::may_assign_roles(&caller, &db).await?;
            }
            let account =
                NewAccount { name: &new.name, email: &new.email, age: new.age, role: new.role, password_hash: None };
            let user = db.create_account(account).await?;
            Ok(HttpResponse::Created().insert_header((header::LOCATION, format!("/api/users/{}", user.id))).json(user))
        }
        ::palisade::__v1::handler!(create_user; Result<HttpResponse, Problem>; Json<NewUser>, Account, Data<Db>)
            .validated(|__all, (__new, __caller, __db)| __all.of(__new).each().of(__caller).each().of(__db).each())
            .mount(__at)
    }
}
::palisade::__v1::add!(create_user; check_on_guarded_route, 0, (); Json<NewUser>, Account, Data<Db>);

/// Returns one account.
#[repr(C)]
pub struct show_user;

impl ::palisade::__v1::Endpoint for show_user {
    const ROUTE: ::palisade::__v1::Route = ::palisade::__v1::Route::get("/users/{id}");
    const POLICY: &'static ::palisade::__v1::Policy = {
        use ::palisade::__v1::{Policy, Rule::*};
        &Policy::new(Any(&[Owner("id"), Admin])).of(::core::module_path!(), "show_user")
    };
    fn mount(self, __at: ::palisade::__v1::Mounter) -> ::palisade::__v1::MountedRoute {
        async fn show_user(id: Path<Uuid>, db: Data<Db>) -> Result<Json<User>, Problem> {
            Ok(db.user_by_id(*id).await?.map(Json).ok_or(ApiError::NoSuchUser)?)
        }
        ::palisade::__v1::handler!(show_user; Result<Json<User>, Problem>; Path<Uuid>, Data<Db>).mount(__at)
    }
}
::palisade::__v1::add!(show_user; check_on_guarded_route, 1, (); Path<Uuid>, Data<Db>);

/// Changes the members that the body contains. Only administrators may send a `role`, even an unchanged one.
///
/// The scope is given by a login on this server. So an API key cannot take over its owner's account, and an administrator of
/// another issuer cannot take over an account here.
#[repr(C)]
pub struct change_user;

impl ::palisade::__v1::Endpoint for change_user {
    const ROUTE: ::palisade::__v1::Route = ::palisade::__v1::Route::patch("/users/{id}");
    const POLICY: &'static ::palisade::__v1::Policy = {
        use ::palisade::__v1::{Policy, Rule::*};
        &Policy::new(All(&[Any(&[Owner("id"), Admin]), Scope("account:manage")]))
            .of(::core::module_path!(), "change_user")
            .validates_inputs()
    };
    fn mount(self, __at: ::palisade::__v1::Mounter) -> ::palisade::__v1::MountedRoute {
        async fn change_user(
            id: Path<Uuid>,
            change: Json<UserPatch>,
            caller: Account,
            db: Data<Db>,
            sessions: Data<AppSessions>,
        ) -> Result<Json<User>, Problem> {
            Ok(Json(actions::change_user(*id, &change, &caller, &db, &sessions).await?))
        }
        ::palisade::__v1::handler!(change_user; Result<Json<User>, Problem>; Path<Uuid>, Json<UserPatch>, Account, Data<Db>, Data<AppSessions>)
            .validated(|__all, (__id, __change, __caller, __db, __sessions)| {
                __all
                    .of(__id)
                    .each()
                    .of(__change)
                    .each()
                    .of(__caller)
                    .each()
                    .of(__db)
                    .each()
                    .of(__sessions)
                    .each()
            })
            .mount(__at)
    }
}
::palisade::__v1::add!(change_user; check_on_guarded_route, 1, (); Path<Uuid>, Json<UserPatch>, Account, Data<Db>, Data<AppSessions>);

/// Deletes an account with its documents, sessions and API keys, and revokes its tokens.
#[repr(C)]
pub struct delete_user;

impl ::palisade::__v1::Endpoint for delete_user {
    const ROUTE: ::palisade::__v1::Route = ::palisade::__v1::Route::delete("/users/{id}");
    const POLICY: &'static ::palisade::__v1::Policy = {
        use ::palisade::__v1::{Policy, Rule::*};
        &Policy::new(All(&[Permission("users:delete"), Scope("account:manage")]))
            .of(::core::module_path!(), "delete_user")
    };
    fn mount(self, __at: ::palisade::__v1::Mounter) -> ::palisade::__v1::MountedRoute {
        async fn delete_user(
            id: Path<Uuid>,
            _by: Account,
            db: Data<Db>,
            sessions: Data<AppSessions>,
        ) -> Result<HttpResponse, Problem> {
            actions::delete_user(*id, &db, &sessions).await?;
            Ok(HttpResponse::NoContent().finish())
        }
        ::palisade::__v1::handler!(delete_user; Result<HttpResponse, Problem>; Path<Uuid>, Account, Data<Db>, Data<AppSessions>)
            .mount(__at)
    }
}
::palisade::__v1::add!(delete_user; check_on_guarded_route, 1, (); Path<Uuid>, Account, Data<Db>, Data<AppSessions>);
