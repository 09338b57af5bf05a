//! The first administrator.
//!
//! The threat is a default password (OWASP ASVS V6.3.2): there is none. The operator gives one, or a random one
//! is made and shown once. While any administrator exists nothing is made and nothing is changed.

use palisade::password::Passwords;

use crate::{
    boot::BootError,
    config::Config,
    db::{Db, DbError, NewAccount},
    passwords::Password,
    roles::Role,
};

/// What the banner has to say about the administrator.
#[derive(Debug)]
pub enum Seed {
    /// There is one already.
    Present,
    /// Made now, with the operator's password.
    Given,
    /// Made now, with this password: shown once, kept only as a hash.
    Generated(Password),
}

/// Makes the administrator of the configuration if there is none at all.
pub async fn admin(config: &Config, db: &Db, passwords: &Passwords) -> Result<Seed, BootError> {
    let database = |error: DbError| BootError::new("ACCOUNTS_DATA", error);
    if db.has_admin().await.map_err(database)? {
        return Ok(Seed::Present);
    }
    let password = match &config.admin_password {
        Some(password) => password.clone(),
        None => Password::generated().map_err(|error| BootError::new("random numbers", error))?,
    };
    let hash = passwords.hash(password.expose()).await.map_err(|error| BootError::new("argon2id", error))?;
    let new = NewAccount {
        name: "Administrator",
        email: &config.admin_email,
        age: None,
        role: Role::Admin,
        password_hash: Some(&hash),
    };
    match db.insert(new).await {
        Ok(_) if config.admin_password.is_some() => Ok(Seed::Given),
        Ok(_) => Ok(Seed::Generated(password)),
        // An account is never promoted behind its owner's back: whoever registered it knows its password.
        Err(DbError::EmailTaken) => Err(BootError::new(
            "ACCOUNTS_ADMIN_EMAIL",
            format_args!(
                "{} belongs to an account that is no administrator; choose another",
                config.admin_email.as_str()
            ),
        )),
        Err(error) => Err(database(error)),
    }
}
