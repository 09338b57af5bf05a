//! The data folder and the files that the server creates in it.
//!
//! The threats are a private key or signing secret that other users of the machine can read, one that is incomplete after a
//! crash, and one that is silently replaced, which would end all sessions and change the identity of the server (OWASP ASVS
//! V13.3.1, V14.2.1). So the folder has mode 0700 and files have mode 0600. Files are created atomically, and existing files are
//! not overwritten.

use std::{
    fs::{DirBuilder, File, OpenOptions},
    io::{self, ErrorKind, Write as _},
    path::{Path, PathBuf},
};

use crate::{boot::BootError, random};

const VARIABLE: &str = "ACCOUNTS_DATA";

/// The data folder. It exists.
#[derive(Debug, Clone)]
pub struct DataFolder(PathBuf);

impl DataFolder {
    /// Creates the folder and its parents if they do not exist.
    pub fn open(path: &Path) -> Result<Self, BootError> {
        let mut builder = DirBuilder::new();
        builder.recursive(true);
        #[cfg(unix)]
        std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
        builder.create(path).map_err(|error| BootError::file(VARIABLE, path, "create the folder", error))?;
        // Absolute, because users paste the lines of the banner into a shell with another working directory.
        let path = path.canonicalize().map_err(|error| BootError::file(VARIABLE, path, "open the folder", error))?;
        Ok(Self(path))
    }

    /// Returns the path of a file with this name.
    pub fn path(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    /// Returns the text of the file. If the file does not exist, it is created with the text that `fresh` returns.
    pub fn text_or_create(
        &self,
        name: &str,
        fresh: impl FnOnce() -> Result<String, BootError>,
    ) -> Result<String, BootError> {
        let path = self.path(name);
        let read = |path: &Path| std::fs::read_to_string(path);
        match read(&path) {
            Ok(text) => return check_private(&path).map(|()| text),
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            Err(error) => return Err(BootError::file(VARIABLE, &path, "read", error)),
        }
        let fresh = fresh()?;
        self.create(name, fresh.as_bytes())?;
        // Reads the file again: if another process created it first, its text is the valid one.
        read(&path).map_err(|error| BootError::file(VARIABLE, &path, "read", error))
    }

    /// Creates the file with this content, unless a file with this name exists.
    pub fn create(&self, name: &str, content: &[u8]) -> Result<(), BootError> {
        let path = self.path(name);
        self.link_complete(&path, content).map_err(|error| BootError::file(VARIABLE, &path, "write", error))
    }

    /// Writes the content to a temporary file and returns its path.
    fn draft(&self, content: &[u8]) -> io::Result<PathBuf> {
        let token = random::hex::<8>().map_err(io::Error::other)?;
        let draft = self.path(&format!(".draft-{token}"));
        let written = private(&draft).and_then(|mut file| {
            file.write_all(content)?;
            file.sync_all()
        });
        if written.is_err() {
            let _ = std::fs::remove_file(&draft);
        }
        written.map(|()| draft)
    }

    /// Uses a hard link, because that fails if the target exists, while a rename replaces it.
    fn link_complete(&self, path: &Path, content: &[u8]) -> io::Result<()> {
        let draft = self.draft(content)?;
        let linked = match std::fs::hard_link(&draft, path) {
            Err(error) if error.kind() == ErrorKind::AlreadyExists => Ok(()),
            other => other,
        };
        match std::fs::remove_file(&draft) {
            Err(error) if error.kind() != ErrorKind::NotFound => linked.and(Err(error)),
            _ => linked,
        }
    }
}

/// Fails if other users of the machine can read or write the file.
fn check_private(path: &Path) -> Result<(), BootError> {
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        let metadata = path.metadata().map_err(|error| BootError::file(VARIABLE, path, "read", error))?;
        if metadata.permissions().mode() & 0o077 != 0 {
            let problem = format_args!("{0} is accessible to other users; run: chmod 600 {0}", path.display());
            return Err(BootError::new(VARIABLE, problem));
        }
    }
    Ok(())
}

fn private(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder() -> DataFolder {
        let name = format!("accounts-files-{}", random::hex::<8>().unwrap());
        DataFolder::open(&std::env::temp_dir().join(name)).unwrap()
    }

    #[test]
    fn file_is_created_once_and_never_replaced() {
        let folder = folder();
        let first = folder.text_or_create("secret", || Ok("one".into())).unwrap();
        let second = folder.text_or_create("secret", || panic!("the file must not be created again")).unwrap();
        folder.create("secret", b"two").unwrap();
        assert_eq!((first.as_str(), second.as_str()), ("one", "one"));
        assert_eq!(std::fs::read_to_string(folder.path("secret")).unwrap(), "one");
        let names: Vec<_> = std::fs::read_dir(&folder.0).unwrap().collect();
        assert_eq!(names.len(), 1, "no temporary file may remain");
        std::fs::remove_dir_all(&folder.0).unwrap();
    }

    #[cfg(unix)]
    #[test]
    fn folder_and_files_are_private() {
        use std::os::unix::fs::PermissionsExt as _;
        let folder = folder();
        folder.create("secret", b"one").unwrap();
        let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!((mode(&folder.0), mode(&folder.path("secret"))), (0o700, 0o600));
        std::fs::remove_dir_all(&folder.0).unwrap();
    }
}
