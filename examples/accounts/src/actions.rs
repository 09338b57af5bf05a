//! What the routes of the API and the pages do: each function changes data, and both call it.
//!
//! The threat is a rule that one of two doors forgets (CWE-288): a page that creates a key with more scopes than the API allows, or a
//! login by form that tells which emails exist. So a rule about data is here, and the handlers only read their input and write their
//! response. Who may call a handler is in the attributes of each handler.

use std::time::{Duration, SystemTime};

use palisade::Problem;
use palisade::api_key::{ApiKey, CreatedApiKey, NewApiKey};
use palisade::jwt::Grant;
use palisade::password::{PasswordMatch, Passwords};
use uuid::Uuid;

use crate::{
    app::{AppKeys, AppSessions},
    caller::Account,
    db::{Db, NewAccount},
    error::ApiError,
    model::{Credentials, KeyRequest, Registration, User, UserPatch},
    roles::Role,
};

/// How long an access token is valid unless it is revoked.
pub const ACCESS_TOKEN_LIFETIME: Duration = Duration::from_secs(900);

/// Returns the grant for a token or a session of this account.
pub fn build_grant(id: &str, role: Role) -> Grant {
    with_rights(Grant::new(id, ACCESS_TOKEN_LIFETIME), role)
}

/// Adds what an account with this role may do.
pub fn with_rights(grant: Grant, role: Role) -> Grant {
    grant.roles([role.role_name()]).scopes(role.scopes().iter().copied())
}

/// Returns what a login grants, or `None` if the email or the password is wrong.
///
/// An unknown email and an account without a password also cost one password verification.
pub async fn log_in(credentials: Credentials, db: &Db, passwords: &Passwords) -> Result<Option<Grant>, Problem> {
    let Credentials { email, password } = credentials;
    // `as_of(read_at)` dates the grant back to here, so a revocation of the role during the verification covers it.
    let read_at = SystemTime::now();
    let account = db.login_by_email(&email).await?;
    let stored_hash = account.as_ref().and_then(|account| account.password_hash.as_deref());
    let password_match = passwords.verify(password.expose(), stored_hash).await?;
    let (Some(account), PasswordMatch::Right { rehash }) = (account, password_match) else {
        return Ok(None);
    };
    if let (Some(renewed), Some(verified)) = (rehash, &account.password_hash) {
        db.replace_password_hash(account.id, verified, &renewed).await?;
    }
    Ok(Some(build_grant(&account.id.to_string(), account.role).as_of(read_at)))
}

/// Creates an account with the role `user`. An email that is already in use is an error.
pub async fn register(new: Registration, db: &Db, passwords: &Passwords) -> Result<User, Problem> {
    let Registration { name, email, password } = new;
    let hash = passwords.hash(password.expose()).await?;
    let account = NewAccount { name: &name, email: &email, age: None, role: Role::User, password_hash: Some(&hash) };
    Ok(db.create_account(account).await?)
}

/// Creates a key for the caller's account. It cannot have a scope that the caller does not have.
pub async fn create_key(wanted: &KeyRequest, caller: &Account, keys: &AppKeys) -> Result<CreatedApiKey, Problem> {
    let mut scopes: Vec<&str> = Vec::new();
    for scope in wanted.scopes.iter().map(|scope| scope.name()) {
        if !scopes.contains(&scope) {
            scopes.push(scope);
        }
    }
    if !scopes.iter().all(|scope| caller.principal.has_scope(scope)) {
        return Err(ApiError::ScopeNotHeld.into());
    }
    let mut key = NewApiKey::of(&caller.principal).name(&wanted.name).scopes(scopes);
    if let Some(days) = wanted.expires_in_days {
        key = key.expires_after(Duration::from_secs(u64::from(days) * 24 * 60 * 60));
    }
    Ok(keys.create(key).await?)
}

/// Returns the caller's active keys, the newest first.
pub async fn active_keys(caller: &Account, keys: &AppKeys) -> Result<Vec<ApiKey>, Problem> {
    let now = SystemTime::now();
    let mut own = keys.list(&caller.id.to_string()).await?;
    own.retain(|key| key.is_active(now));
    Ok(own)
}

/// Removes a key of the caller. It stops working at once.
pub async fn remove_key(id: &str, caller: &Account, keys: &AppKeys) -> Result<(), Problem> {
    if keys.remove(&caller.id.to_string(), id).await? { Ok(()) } else { Err(ApiError::NoSuchKey.into()) }
}

/// Changes an account. Only administrators may change a role.
pub async fn change_user(
    id: Uuid,
    change: &UserPatch,
    caller: &Account,
    db: &Db,
    sessions: &AppSessions,
) -> Result<User, Problem> {
    if change.role.is_some() {
        may_assign_roles(caller, db).await?;
    }
    let user = db.update(id, change, sessions.issuer()).await?.ok_or(ApiError::NoSuchUser)?;
    if change.role.is_some() {
        // `update` already revoked the tokens of the former role (ASVS V8.3.2). This covers a concurrent refresh that read it.
        sessions.renew_all_of(&id.to_string()).await?;
    }
    Ok(user)
}

/// Checks the account in addition to the token, because the role may have changed since the token was issued.
pub async fn may_assign_roles(caller: &Account, db: &Db) -> Result<(), Problem> {
    if caller.principal.has_role(Role::Admin.role_name()) && db.is_admin(&caller.id.to_string()).await? {
        Ok(())
    } else {
        Err(ApiError::RoleNeedsAdmin.into())
    }
}

/// Deletes an account with its documents, sessions and API keys, and revokes its tokens.
pub async fn delete_user(id: Uuid, db: &Db, sessions: &AppSessions) -> Result<(), Problem> {
    let removed = db.delete(id, sessions.issuer()).await?;
    // Covers a concurrent refresh that read the account before it was deleted.
    sessions.end_all_of(&id.to_string()).await?;
    if removed { Ok(()) } else { Err(ApiError::NoSuchUser.into()) }
}
