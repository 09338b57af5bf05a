//! The server without a socket, for tests that call its routes directly.

use palisade::password::Passwords;
use tempfile::TempDir;

use crate::{
    app::{self, Callers, Service},
    config::Config,
    db::Db,
    files::DataFolder,
    ready::Readiness,
    sign_in::AppSignIn,
    store::Stores,
};

pub(crate) const SECRET: &str = "a secret of this test, 32 bytes or more";

/// The parts of a server, with an empty database.
pub(crate) struct InProcess {
    pub(crate) config: Config,
    pub(crate) db: Db,
    pub(crate) service: Service,
    /// It is removed when this is dropped.
    pub(crate) folder: TempDir,
}

impl InProcess {
    pub(crate) async fn start(settings: &[(&str, &str)]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let data = ("ACCOUNTS_DATA".into(), folder.path().join("data").into());
        let settings = settings.iter().map(|(name, value)| ((*name).into(), (*value).into()));
        let config = Config::from_env(settings.chain([data])).unwrap();
        let db = Db::open(&config, &DataFolder::open(&config.data).unwrap()).await.unwrap();
        let stores = Stores::open(&config, &SECRET.into(), &db).await.unwrap();
        let callers = Callers::new(&config, &SECRET.into(), &db, &stores.sessions).unwrap();
        let (sessions, cookies, keys) = (callers.sessions.clone(), callers.cookies.clone(), callers.keys.clone());
        let readiness = Readiness::new(&db, &stores.sessions);
        let sign_in = AppSignIn::new(config.oidc.as_ref(), &SECRET.into()).unwrap();
        let store = stores.sessions.clone();
        let palisade = app::prepare(&config, callers, stores.rate_limits).build().unwrap();
        let passwords = Passwords::new().unwrap();
        let service =
            Service { palisade, sessions, cookies, keys, sign_in, store, db: db.clone(), passwords, readiness };
        Self { config, db, service, folder }
    }
}
