//! The data folder and the files that the server makes in it.
//!
//! The threats: a private key or signing secret that other accounts of the machine can read, a half-written one
//! after a crash, and one that is silently replaced, which would end every session and change the identity of the
//! server (OWASP ASVS V13.3.1, V14.2.1). So the folder is made with mode 0700 and files with 0600; a file
//! appears complete or not at all, and one that exists is never written again; only a certificate is replaced, which is no secret.

use std::{
    fs::{DirBuilder, File, OpenOptions},
    io::{self, ErrorKind, Write as _},
    path::{Path, PathBuf},
};

use crate::{boot::BootError, random};

const VARIABLE: &str = "ACCOUNTS_DATA";

/// A folder that exists and that new files can be made in.
#[derive(Debug, Clone)]
pub struct DataFolder(PathBuf);

impl DataFolder {
    /// Makes the folder (and its parents) if it is not there.
    pub fn open(path: &Path) -> Result<Self, BootError> {
        let mut builder = DirBuilder::new();
        builder.recursive(true);
        #[cfg(unix)]
        std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
        builder.create(path).map_err(|error| BootError::file(VARIABLE, path, "make the folder", error))?;
        // Absolute, because the lines of the banner are pasted into a shell that stands elsewhere.
        let path = path.canonicalize().map_err(|error| BootError::file(VARIABLE, path, "open the folder", error))?;
        Ok(Self(path))
    }

    /// The path that a file of this name has.
    pub fn path(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    /// The text of the file; where there is none yet it is made with `fresh`.
    pub fn text_or_create(
        &self,
        name: &str,
        fresh: impl FnOnce() -> Result<String, BootError>,
    ) -> Result<String, BootError> {
        let path = self.path(name);
        let read = |path: &Path| std::fs::read_to_string(path);
        match read(&path) {
            Ok(text) => return closed_to_others(&path).map(|()| text),
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            Err(error) => return Err(BootError::file(VARIABLE, &path, "read", error)),
        }
        let fresh = fresh()?;
        self.create(name, fresh.as_bytes())?;
        // Read back: another process may have been the first, and then its file is the one that counts.
        read(&path).map_err(|error| BootError::file(VARIABLE, &path, "read", error))
    }

    /// Makes the file with exactly this content, unless one of its name is there already.
    pub fn create(&self, name: &str, content: &[u8]) -> Result<(), BootError> {
        let path = self.path(name);
        self.link_complete(&path, content).map_err(|error| BootError::file(VARIABLE, &path, "write", error))
    }

    /// Puts this content in the place of the file's, all of it at once.
    pub fn replace(&self, name: &str, content: &[u8]) -> Result<(), BootError> {
        let path = self.path(name);
        let replaced = self.draft(content).and_then(|draft| std::fs::rename(draft, &path));
        replaced.map_err(|error| BootError::file(VARIABLE, &path, "write", error))
    }

    /// A complete file of its own.
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

    /// A hard link refuses to replace a file, which a rename does not.
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

/// A secret that others may read is none, and one that they may write is theirs.
fn closed_to_others(path: &Path) -> Result<(), BootError> {
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        let metadata = path.metadata().map_err(|error| BootError::file(VARIABLE, path, "read", error))?;
        if metadata.permissions().mode() & 0o077 != 0 {
            let cure = format_args!("{0} is open to others; run: chmod 600 {0}", path.display());
            return Err(BootError::new(VARIABLE, cure));
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
        let second = folder.text_or_create("secret", || panic!("made again")).unwrap();
        folder.create("secret", b"two").unwrap();
        assert_eq!((first.as_str(), second.as_str()), ("one", "one"));
        assert_eq!(std::fs::read_to_string(folder.path("secret")).unwrap(), "one");
        let names: Vec<_> = std::fs::read_dir(&folder.0).unwrap().collect();
        assert_eq!(names.len(), 1, "no temporary file stays behind");
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
