//! Creates the first administrator.
//!
//! The threat is a default password (OWASP ASVS V6.3.2). So the operator sets the password, or a random one is generated and
//! shown once. If an administrator exists, nothing is created or changed.

use palisade::password::Passwords;

use crate::{
    boot::BootError,
    config::Config,
    db::{Db, DbError, NewAccount},
    passwords::Password,
    roles::Role,
};

/// The result, for the banner.
#[derive(Debug)]
pub enum Seed {
    /// An administrator already exists.
    AlreadyExists,
    /// It was created now, with the operator's password.
    ConfiguredPassword,
    /// It was created now, with this password, which is shown once and stored only as a hash.
    GeneratedPassword(Password),
}

/// Creates the administrator of the configuration if there is no administrator.
pub async fn create_missing_admin(config: &Config, db: &Db, passwords: &Passwords) -> Result<Seed, BootError> {
    if db.has_admin().await.map_err(|error| BootError::new("database", error))? {
        return Ok(Seed::AlreadyExists);
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
    match db.create_account(new).await {
        Ok(_) if config.admin_password.is_some() => Ok(Seed::ConfiguredPassword),
        Ok(_) => Ok(Seed::GeneratedPassword(password)),
        // Another server has created the administrator meanwhile.
        Err(DbError::EmailTaken) if db.has_admin().await.map_err(|error| BootError::new("database", error))? => {
            Ok(Seed::AlreadyExists)
        }
        // An existing account is not promoted, because the person who registered it knows its password.
        Err(DbError::EmailTaken) => Err(BootError::new(
            "ACCOUNTS_ADMIN_EMAIL",
            format_args!(
                "{} belongs to an account that is not an administrator; choose another address",
                config.admin_email.as_str()
            ),
        )),
        Err(error) => Err(BootError::new("database", error)),
    }
}
