//! Files: reading and writing at a place, temporary files that become whole ones, and names that may not lead astray.

use std::{
    fs::{self, File, OpenOptions},
    io,
    path::{Path, PathBuf},
    time::SystemTime,
};

use trainyard_contract::{Error, ErrorKind, Result};

/// Fills the buffer from the file, beginning at `offset`.
#[cfg(unix)]
pub(crate) fn read_at(file: &File, buffer: &mut [u8], offset: u64) -> io::Result<()> {
    std::os::unix::fs::FileExt::read_exact_at(file, buffer, offset)
}

/// Fills the buffer from the file, beginning at `offset`.
#[cfg(windows)]
pub(crate) fn read_at(file: &File, mut buffer: &mut [u8], mut offset: u64) -> io::Result<()> {
    while !buffer.is_empty() {
        let read = std::os::windows::fs::FileExt::seek_read(file, buffer, offset)?;
        if read == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        (buffer, offset) = (&mut buffer[read..], offset + read as u64);
    }
    Ok(())
}

/// Writes the whole buffer, beginning at `offset`.
#[cfg(unix)]
pub(crate) fn write_at(file: &File, buffer: &[u8], offset: u64) -> io::Result<()> {
    std::os::unix::fs::FileExt::write_all_at(file, buffer, offset)
}

/// Writes the whole buffer, beginning at `offset`.
#[cfg(windows)]
pub(crate) fn write_at(file: &File, mut buffer: &[u8], mut offset: u64) -> io::Result<()> {
    while !buffer.is_empty() {
        let written = std::os::windows::fs::FileExt::seek_write(file, buffer, offset)?;
        (buffer, offset) = (&buffer[written..], offset + written as u64);
    }
    Ok(())
}

/// How to open a file that only its owner may read.
pub(crate) fn private() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.read(true).write(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options
}

/// A failure of the file system in our terms.
pub(crate) fn failed(doing: &str, path: &Path, error: &io::Error) -> Error {
    let kind = match error.kind() {
        io::ErrorKind::NotFound => ErrorKind::NotFound,
        io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => ErrorKind::AccessDenied,
        io::ErrorKind::AlreadyExists => ErrorKind::AlreadyExists,
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => ErrorKind::Quota,
        _ => ErrorKind::Internal,
    };
    Error::new(kind, format!("{doing} {}: {error}", path.display())).code("LocalFile")
}

/// A regular file to read, its size in bytes and when it was changed last. Symbolic links are followed: who names one
/// means what it points to.
pub(crate) fn open(path: &Path) -> Result<(File, u64, SystemTime)> {
    let file = File::open(path).map_err(|error| failed("open", path, &error))?;
    let about = file.metadata().map_err(|error| failed("read", path, &error))?;
    if !about.is_file() {
        return Err(Error::validation(format!("{} is not a regular file", path.display())).code("LocalFile"));
    }
    let modified = about.modified().map_err(|error| failed("read", path, &error))?;
    Ok((file, about.len(), modified))
}

/// Where the object goes below `root`. A key that would lead out of it, or could not be told from another one there, is
/// refused, and so is one whose way leads through a symbolic link.
pub(crate) fn place(root: &Path, relative: &str) -> Result<PathBuf> {
    let refused = |why: &str| {
        Err(Error::validation(format!("the key {relative:?} is no file name below {}: {why}", root.display()))
            .code("UnsafeKey")
            .hint("download that object by itself, to a path of your choice"))
    };
    let mut path = root.to_owned();
    let mut parts = relative.split('/').peekable();
    while let Some(part) = parts.next() {
        match part {
            "" => return refused("it has an empty part"),
            "." | ".." => return refused("it has a part that means another folder"),
            part if part.len() > 255 => return refused("a part is longer than 255 bytes"),
            part if part.contains(['\0', '\\']) => return refused("it holds a backslash or a zero byte"),
            part if cfg!(windows) && part.contains(['<', '>', ':', '"', '|', '?', '*']) => {
                return refused("it holds a letter that file names cannot");
            }
            part => path.push(part),
        }
        let Ok(found) = fs::symlink_metadata(&path) else { continue };
        match (parts.peek().is_some(), found.is_dir()) {
            (true, false) => return refused("its folder is a file or a symbolic link"),
            (false, true) => return refused("there is a folder of that name"),
            _ => {}
        }
    }
    Ok(path)
}

/// A file that is written beside its place and gets its name when it is whole.
#[derive(Debug)]
pub(crate) struct Temporary {
    pub(crate) path: PathBuf,
    target: PathBuf,
}

impl Temporary {
    /// The temporary file for this target. `name` tells those of several transfers to one target apart.
    pub(crate) fn beside(target: &Path, name: &str) -> Result<Self> {
        let folder = target.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        fs::create_dir_all(folder).map_err(|error| failed("make the folder", folder, &error))?;
        Ok(Self { path: folder.join(format!(".{name}.part")), target: target.to_owned() })
    }

    /// The file as an earlier transfer left it, if it did.
    pub(crate) fn reopen(&self) -> Option<File> {
        fs::symlink_metadata(&self.path).ok().filter(fs::Metadata::is_file)?;
        private().open(&self.path).ok()
    }

    /// An empty file of this size, for its owner alone.
    pub(crate) fn create(&self, size: u64) -> Result<File> {
        self.discard();
        let file = private().create_new(true).open(&self.path).map_err(|error| failed("make", &self.path, &error))?;
        file.set_len(size).map_err(|error| failed("make room for", &self.path, &error))?;
        Ok(file)
    }

    /// Gives the file its name.
    pub(crate) fn finish(&self, overwrite: bool) -> Result<()> {
        if overwrite {
            return fs::rename(&self.path, &self.target).map_err(|error| failed("write", &self.target, &error));
        }
        // A link is refused where something of that name exists; a rename would replace it.
        match fs::hard_link(&self.path, &self.target) {
            Ok(()) => {
                self.discard();
                Ok(())
            }
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Err(taken(&self.target)),
            // Not every file system has links.
            Err(_) if fs::symlink_metadata(&self.target).is_err() => {
                fs::rename(&self.path, &self.target).map_err(|error| failed("write", &self.target, &error))
            }
            Err(_) => Err(taken(&self.target)),
        }
    }

    /// Removes what there is of it.
    pub(crate) fn discard(&self) {
        // It may never have been made.
        drop(fs::remove_file(&self.path));
    }
}

/// Something of that name is there already.
pub(crate) fn taken(path: &Path) -> Error {
    Error::new(ErrorKind::AlreadyExists, format!("{} exists", path.display()))
        .code("LocalFile")
        .hint("say overwrite, or choose another path")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_key_leads_out_of_its_folder() {
        let root = std::env::temp_dir().join(format!("trainyard-place-{}", std::process::id()));
        fs::create_dir_all(root.join("folder")).unwrap();
        fs::write(root.join("file"), "").unwrap();
        for bad in [
            "",
            "/etc/passwd",
            "../up",
            "a/../../up",
            "a//b",
            "a/./b",
            "a/",
            "a\\..\\b",
            "a\0b",
            "file/below",
            "folder",
        ] {
            assert_eq!(place(&root, bad).unwrap_err().code_str(), "UnsafeKey", "{bad:?}");
        }
        for good in ["a", "a/b/c", "..a", "file", "folder/x", "ü &?"] {
            assert_eq!(place(&root, good).unwrap(), root.join(good), "{good:?}");
        }
        #[cfg(unix)]
        {
            std::os::unix::fs::symlink("/etc", root.join("link")).unwrap();
            assert!(place(&root, "link/passwd").is_err());
        }
        fs::remove_dir_all(&root).unwrap();
    }
}
