//! The folder of a development certificate.
//!
//! Threat: a key that other users can read, or that is incomplete after a crash (CWE-276). Promise: a file is written as a whole under
//! another name, with mode 0600, and then gets its own. An existing key is never replaced.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, ErrorKind, Write as _};
use std::path::{Path, PathBuf};

use super::SETTING;
use crate::config_error::ConfigError;

/// Makes the folder if it is missing. Returns its absolute path, because the process may change its working directory.
pub(super) fn open(folder: &Path) -> Result<PathBuf, ConfigError> {
    let mut builder = DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(folder).map_err(mistake("create the folder", folder))?;
    folder.canonicalize().map_err(mistake("open the folder", folder))
}

pub(super) fn read(path: &Path) -> Result<String, ConfigError> {
    fs::read_to_string(path).map_err(mistake("read", path))
}

/// Creates the file with the text that `fresh` returns, unless it exists.
pub(super) fn create_if_missing(
    path: &Path,
    fresh: impl FnOnce() -> Result<String, ConfigError>,
) -> Result<(), ConfigError> {
    match path.try_exists() {
        Ok(true) => Ok(()),
        Ok(false) => create(path, fresh()?.as_bytes()).map_err(mistake("write", path)),
        Err(error) => Err(mistake("read", path)(error)),
    }
}

/// Replaces the content of the file in one step.
pub(super) fn replace(path: &Path, content: &[u8]) -> Result<(), ConfigError> {
    let replaced = draft(path, content).and_then(|draft| fs::rename(draft, path));
    replaced.map_err(mistake("write", path))
}

/// Fails if other users of the machine can read or write the file.
pub(super) fn is_private(path: &Path) -> Result<(), ConfigError> {
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        let metadata = path.metadata().map_err(mistake("read", path))?;
        if metadata.permissions().mode() & 0o077 != 0 {
            let problem = format!("{0} is accessible to other users; run: chmod 600 {0}", path.display());
            return Err(ConfigError::new(SETTING, problem));
        }
    }
    Ok(())
}

/// A hard link fails if the target exists, while a rename would replace it.
fn create(path: &Path, content: &[u8]) -> io::Result<()> {
    let draft = draft(path, content)?;
    let linked = match fs::hard_link(&draft, path) {
        Err(error) if error.kind() == ErrorKind::AlreadyExists => Ok(()),
        other => other,
    };
    match fs::remove_file(&draft) {
        Err(error) if error.kind() != ErrorKind::NotFound => linked.and(Err(error)),
        _ => linked,
    }
}

/// Writes the content to a new file beside `path`.
fn draft(path: &Path, content: &[u8]) -> io::Result<PathBuf> {
    let number = getrandom::u64().map_err(io::Error::other)?;
    let draft = path.with_file_name(format!(".draft-{number:016x}"));
    let written = private(&draft).and_then(|mut file| {
        file.write_all(content)?;
        file.sync_all()
    });
    if written.is_err() {
        let _ = fs::remove_file(&draft);
    }
    written.map(|()| draft)
}

fn private(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}

fn mistake<'p>(doing: &'p str, path: &'p Path) -> impl FnOnce(io::Error) -> ConfigError + 'p {
    move |error| ConfigError::new(SETTING, format!("cannot {doing} {}: {error}", path.display()))
}
