//! The data folder: the database and the secret that signs tokens.
//!
//! The threat is a database or a signing secret that other users of the machine can read (CWE-732). The folder gets mode 0700, the
//! files get 0600, and a secret that others can read is not used.

use std::{
    fmt::Write as _,
    fs::{self, DirBuilder, OpenOptions},
    io::{ErrorKind, Write as _},
    path::{Path, PathBuf},
};

use secrecy::SecretString;

use crate::startup::StartupError;

const SECRET: &str = "jwt.secret";
const DATABASE: &str = "conduit.db";

/// The data folder. It exists.
#[derive(Debug)]
pub struct DataFolder(PathBuf);

impl DataFolder {
    /// Creates the folder and its parents if they do not exist.
    pub fn open(path: &Path) -> Result<Self, StartupError> {
        let mut builder = DirBuilder::new();
        builder.recursive(true);
        #[cfg(unix)]
        std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
        builder.create(path).map_err(|error| StartupError::file(path, "create the folder", error))?;
        Ok(Self(path.to_owned()))
    }

    /// Returns the path of the database. Creates an empty file, because one that SQLite creates can be read by others.
    pub fn database(&self) -> Result<PathBuf, StartupError> {
        let path = self.0.join(DATABASE);
        create(&path, b"")?;
        Ok(path)
    }

    /// Reads the secret of the tokens: 256 random bits in hexadecimal. The first start creates it.
    pub fn secret(&self) -> Result<SecretString, StartupError> {
        let path = self.0.join(SECRET);
        if !path.exists() {
            create(&path, random_hex()?.as_bytes())?;
        }
        check_private(&path)?;
        let text = fs::read_to_string(&path).map_err(|error| StartupError::file(&path, "read", error))?;
        Ok(text.trim().into())
    }
}

/// Creates the file with this content, unless it exists.
fn create(path: &Path, content: &[u8]) -> Result<(), StartupError> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let created = options.open(path).and_then(|mut file| {
        file.write_all(content)?;
        file.sync_all()
    });
    match created {
        Err(error) if error.kind() != ErrorKind::AlreadyExists => Err(StartupError::file(path, "create", error)),
        _ => Ok(()),
    }
}

/// Fails if other users of the machine can read or write the file.
fn check_private(path: &Path) -> Result<(), StartupError> {
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        let metadata = path.metadata().map_err(|error| StartupError::file(path, "read", error))?;
        if metadata.permissions().mode() & 0o077 != 0 {
            let problem = format_args!("{0} is accessible to other users; run: chmod 600 {0}", path.display());
            return Err(StartupError::new("CONDUIT_DATA", problem));
        }
    }
    Ok(())
}

fn random_hex() -> Result<String, StartupError> {
    let mut bytes = [0; 32];
    getrandom::fill(&mut bytes).map_err(|error| StartupError::new("random numbers", error))?;
    Ok(bytes.iter().fold(String::new(), |mut text, byte| {
        // Writing to a String cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    }))
}
