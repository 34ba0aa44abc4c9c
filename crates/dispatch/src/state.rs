//! The folder that processes of one operator share: audit log, plans, marks of changes under way, and the stop file.

use std::{
    cell::RefCell,
    fs::{File, OpenOptions},
    io::{self, Write},
    path::{Path, PathBuf},
    time::{SystemTime, UNIX_EPOCH},
};

use trainyard_contract::{Error, Result};

use crate::audit::hex;

/// Makes a folder that nobody else may read.
pub(crate) fn folder(path: &Path) -> io::Result<()> {
    let mut builder = std::fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::DirBuilderExt;
        builder.mode(0o700);
    }
    builder.create(path)
}

/// Options for a file that nobody else may read.
pub(crate) fn private() -> OpenOptions {
    let mut options = OpenOptions::new();
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt;
        options.mode(0o600);
    }
    options
}

/// Puts a file in place whole or not at all. With `new`, an existing one is left as it is and is an error.
pub(crate) fn place(path: &Path, text: &[u8], new: bool) -> io::Result<()> {
    if let Some(parent) = path.parent() {
        folder(parent)?;
    }
    let id = random_id().map_err(|error| io::Error::other(error.to_string()))?;
    let draft = path.with_extension(format!("draft-{id}"));
    let mut file: File = private().write(true).create_new(true).open(&draft)?;
    let written = file.write_all(text).and_then(|()| file.sync_data());
    let placed =
        written.and_then(|()| if new { std::fs::hard_link(&draft, path) } else { std::fs::rename(&draft, path) });
    if new || placed.is_err() {
        // The draft is not what anybody looks for; that it stays behind harms nobody.
        drop(std::fs::remove_file(&draft));
    }
    placed
}

/// The key that seals what lies in the folder, made when it is first needed.
pub(crate) fn key(state: &Path) -> Result<Vec<u8>> {
    let path = state.join("key");
    let failed = |error: io::Error| Error::internal(format!("no key at {}: {error}", path.display()));
    if !path.exists() {
        let mut bytes = [0_u8; 32];
        getrandom::fill(&mut bytes).map_err(|error| Error::internal(format!("no random numbers: {error}")))?;
        match place(&path, &bytes, true) {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(failed(error)),
            _ => {}
        }
    }
    let key = std::fs::read(&path).map_err(failed)?;
    if key.len() < 32 {
        return Err(Error::internal(format!("the key at {} is damaged", path.display()))
            .hint("remove the file; plans that wait are then void"));
    }
    Ok(key)
}

/// Seconds since 1970.
pub(crate) fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}

/// 128 random bits, in hexadecimal.
pub(crate) fn random_id() -> Result<String> {
    /// Random bits that nobody has had yet: asked for by the kilobyte, since every call takes some.
    struct Pool([u8; 1024], usize);
    thread_local! {
        static POOL: RefCell<Pool> = const { RefCell::new(Pool([0; 1024], 1024)) };
    }
    let mut id = [0_u8; 16];
    POOL.with_borrow_mut(|Pool(bytes, used)| {
        if *used + id.len() > bytes.len() {
            getrandom::fill(bytes).map_err(|error| Error::internal(format!("no random numbers: {error}")))?;
            *used = 0;
        }
        // What is taken does not stay: some of it is the handle of a plan.
        id.swap_with_slice(&mut bytes[*used..*used + 16]);
        *used += 16;
        Ok::<_, Error>(())
    })?;
    Ok(hex(&id))
}

/// Stops every change of every process that shares a folder, at once.
#[derive(Debug, Clone)]
pub struct Switch(Option<PathBuf>);

impl Switch {
    /// The switch of this state folder.
    pub fn of(state: Option<&Path>) -> Self {
        Self(state.map(|state| state.join("stop")))
    }

    /// Stops changes. `why` is told to whoever is refused.
    pub fn stop(&self, why: &str) -> Result<&Path> {
        let path = self.path()?;
        place(path, why.as_bytes(), false)
            .map_err(|error| Error::internal(format!("could not write {}: {error}", path.display())))?;
        Ok(path)
    }

    /// Lets changes go on. `false` where nothing was stopped.
    pub fn resume(&self) -> Result<bool> {
        let path = self.path()?;
        match std::fs::remove_file(path) {
            Ok(()) => Ok(true),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
            Err(error) => Err(Error::internal(format!("could not remove {}: {error}", path.display()))),
        }
    }

    fn path(&self) -> Result<&Path> {
        self.0.as_deref().ok_or_else(|| {
            Error::unsupported("there is no state folder").hint("name one with --state-dir, as the server has it")
        })
    }

    /// Whether changes are stopped.
    pub fn is_on(&self) -> bool {
        // A folder that cannot be looked into is no leave to change anything; one that is not there holds no stop file.
        self.0.as_deref().is_some_and(|path| path.try_exists().unwrap_or(true))
    }

    /// The refusal of a change, if changes are stopped.
    pub(crate) fn refusal(&self) -> Option<Error> {
        if !self.is_on() {
            return None;
        }
        let path = self.0.as_deref()?;
        let mut why: String = std::fs::read_to_string(path).unwrap_or_default().chars().take(200).collect();
        crate::redact::text(&mut why);
        let why = why.trim();
        let said = if why.is_empty() { String::new() } else { format!(": {why}") };
        Some(
            Error::policy_denied(format!("the operator has stopped all changes{said}"))
                .code("Stopped")
                .hint("reads go on; the operator lets changes go on with `trainyard policy resume`"),
        )
    }

    /// Returns when changes are stopped.
    pub(crate) async fn thrown(&self) {
        loop {
            if self.is_on() {
                return;
            }
            tokio::time::sleep(std::time::Duration::from_millis(200)).await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_there_whole_and_only_for_us() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a/b");
        place(&path, b"one", true).unwrap();
        assert_eq!(place(&path, b"two", true).unwrap_err().kind(), io::ErrorKind::AlreadyExists);
        assert_eq!(std::fs::read(&path).unwrap(), b"one");
        place(&path, b"two", false).unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), b"two");
        assert_eq!(std::fs::read_dir(path.parent().unwrap()).unwrap().count(), 1, "no draft stays");
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
            assert_eq!(std::fs::metadata(path.parent().unwrap()).unwrap().permissions().mode() & 0o777, 0o700);
        }
        assert_eq!(key(folder.path()).unwrap(), key(folder.path()).unwrap());
    }
}
