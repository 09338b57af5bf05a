//! A new password for an administrator who lost the old one.
//!
//! The threat is a way back that somebody else can take (ASVS V6.4.3, V6.4.4): there is none over the network. It is a command
//! for whoever may read the data folder, and so could write into it anyway. What the lost password opened ends (V7.4.3).

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
    db::{Db, DbError, FILE},
    files::DataFolder,
    passwords::Password,
    server,
    store::{AppStore, Stores},
};

/// Gives the administrator of the configuration the password of the configuration, or a generated one, which is printed.
pub async fn run(config: Config) -> Result<(), BootError> {
    let email = config.admin_email.as_str();
    // Else a wrong folder would be made, and look like one without administrators.
    if !config.data.join(FILE).is_file() {
        let problem = format_args!("there is no {FILE} in {}", config.data.display());
        return Err(BootError::new("ACCOUNTS_DATA", problem));
    }
    let folder = DataFolder::open(&config.data)?;
    let db = Db::open(&folder).await?;
    // The names of sessions in Redis depend on the secret of the server.
    let store = Stores::connect(&config, &server::token_secret(&config, &folder)?, &db)?.sessions;
    let database = |error: DbError| BootError::new("ACCOUNTS_DATA", error);
    // The server does this when it starts; it may not have started since the last version.
    db.respell_emails().await.map_err(database)?;
    let Some(id) = db.admin_of(&config.admin_email).await.map_err(database)? else {
        let admins = db.admin_emails().await.map_err(database)?.join(", ");
        let problem = format_args!("{email} is no administrator; there are: {admins}");
        return Err(BootError::new("ACCOUNTS_ADMIN_EMAIL", problem));
    };
    let password = match &config.admin_password {
        Some(password) => password.clone(),
        None => Password::generated().map_err(|error| BootError::new("random numbers", error))?,
    };
    let passwords = Passwords::new()?;
    let hash = passwords.hash(password.expose()).await.map_err(|error| BootError::new("argon2id", error))?;
    // Before anything is changed: sessions that can't be ended would outlive the password.
    end_sessions(&store, &config, &id).await?;
    if !db.reset_admin(&id, &hash, &config.issuer).await.map_err(database)? {
        return Err(BootError::new("ACCOUNTS_ADMIN_EMAIL", format_args!("{email} is no administrator any more")));
    }
    // A login with the old password may have come between the two.
    end_sessions(&store, &config, &id).await?;
    db.close().await;
    let told = match &config.admin_password {
        Some(_) => "with the password of ACCOUNTS_ADMIN_PASSWORD".to_owned(),
        None => format!("password {} (shown this once)", password.expose()),
    };
    let text = format!("administrator: {email}, {told}\nevery session of this account has ended; its API keys go on\n");
    io::stdout().write_all(text.as_bytes()).map_err(|error| BootError::new("standard output", error))
}

async fn end_sessions(store: &AppStore, config: &Config, id: &str) -> Result<(), BootError> {
    let ended = async {
        store.remove_all(id).await?;
        store.revoke_before(&config.issuer, id, SystemTime::now()).await
    };
    ended.await.map_err(|Unavailable| {
        BootError::new(
            "sessions",
            "where they are kept does not answer; run this again until it says that they have ended",
        )
    })
}
