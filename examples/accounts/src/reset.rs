//! Sets a new password for an administrator who lost the old one.
//!
//! The threat is a recovery procedure that an attacker can use (ASVS V6.4.3, V6.4.4). So recovery is not possible over the
//! network: it is a command that needs write access to the data folder or the password of the database. All sessions of the administrator end (V7.4.3).

use std::{
    io::{self, Write as _},
    time::SystemTime,
};

use palisade::password::Passwords;
use palisade::resource::Unavailable;
use palisade::revocation::RevocationStore as _;
use palisade::session::SessionStore as _;

use crate::{
    boot::BootError,
    config::Config,
    db::{Db, FILE},
    files::DataFolder,
    passwords::Password,
    server,
    store::{AppStore, Stores},
};

/// Sets the password of the configured administrator to the configured password, or to a generated one, which is printed.
pub async fn run(config: Config) -> Result<(), BootError> {
    let email = config.admin_email.as_str();
    // Without this check, a wrong path would create a new folder with a database without administrators.
    if config.database.is_none() && !config.data.join(FILE).is_file() {
        let problem = format_args!("there is no {FILE} in {}", config.data.display());
        return Err(BootError::new("ACCOUNTS_DATA", problem));
    }
    let folder = DataFolder::open(&config.data)?;
    let db = Db::open(&config, &folder).await?;
    // The secret is needed because the keys of sessions in Redis are derived from it.
    let store = Stores::connect(&config, &server::token_secret(&config, &folder)?, &db)?.sessions;
    let startup_error = |error: sqlx::Error| BootError::new("database", error);
    // The server does this at startup, but it may not have been started since an upgrade.
    db.normalize_emails().await.map_err(|error| BootError::new("database", error))?;
    let Some(id) = db.admin_id_by_email(&config.admin_email).await.map_err(startup_error)? else {
        let admins = db.admin_emails().await.map_err(startup_error)?.join(", ");
        let problem = format_args!("{email} is not an administrator; the administrators are: {admins}");
        return Err(BootError::new("ACCOUNTS_ADMIN_EMAIL", problem));
    };
    let password = match &config.admin_password {
        Some(password) => password.clone(),
        None => Password::generated().map_err(|error| BootError::new("random numbers", error))?,
    };
    let passwords = Passwords::new()?;
    let hash = passwords.hash(password.expose()).await.map_err(|error| BootError::new("argon2id", error))?;
    // Ends the sessions before the password is changed: if this fails, nothing has been changed.
    end_sessions(&store, &config, &id).await?;
    if !db.reset_admin(&id, &hash, &config.issuer).await.map_err(startup_error)? {
        return Err(BootError::new("ACCOUNTS_ADMIN_EMAIL", format_args!("{email} is no longer an administrator")));
    }
    // Ends the sessions of logins with the old password that succeeded in between.
    end_sessions(&store, &config, &id).await?;
    db.close().await;
    let source = match &config.admin_password {
        Some(_) => "with the password of ACCOUNTS_ADMIN_PASSWORD".to_owned(),
        None => format!("password {} (shown this once)", password.expose()),
    };
    let message =
        format!("administrator: {email}, {source}\nevery session of this account has ended; its API keys stay valid\n");
    io::stdout().write_all(message.as_bytes()).map_err(|error| BootError::new("standard output", error))
}

async fn end_sessions(store: &AppStore, config: &Config, id: &str) -> Result<(), BootError> {
    let ended = async {
        store.remove_all(id).await?;
        store.revoke_before(&config.issuer, id, SystemTime::now()).await
    };
    ended.await.map_err(|Unavailable| {
        BootError::new("sessions", "the session store does not respond; run this again until it succeeds")
    })
}
