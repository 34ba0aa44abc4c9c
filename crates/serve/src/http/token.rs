//! One secret that client and server share.

use std::{
    fmt, fs,
    io::{self, Write},
    path::Path,
};

use sha2::{Digest, Sha256};
use trainyard_contract::{Error, Result};

/// Fewer characters can be guessed.
const SHORTEST: usize = 32;

/// A bearer token, kept as its digest: the secret itself is not in memory, nor in a log by accident.
#[derive(Clone, PartialEq, Eq)]
pub struct Token([u8; 32]);

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token")
    }
}

impl Token {
    /// A token as it stands in a file.
    pub fn new(secret: &str) -> Result<Self> {
        let secret = secret.trim();
        if secret.len() < SHORTEST || !secret.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(Error::validation(format!(
                "a token has at least {SHORTEST} printable characters without spaces"
            )));
        }
        Ok(Self(Sha256::digest(secret).into()))
    }

    /// The token in a file that only its owner can read; made where there is none.
    pub fn at(path: &Path) -> Result<Self> {
        let failed = |error: &dyn fmt::Display| Error::validation(format!("token file {}: {error}", path.display()));
        match make(path) {
            Ok(()) => {}
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            Err(error) => return Err(failed(&error)),
        }
        private(path).map_err(|error| failed(&error))?;
        let text = fs::read_to_string(path).map_err(|error| failed(&error))?;
        Self::new(&text).map_err(|error| failed(&error.message()))
    }

    /// Whether this is it. Digests are compared, so the time that it takes tells nothing about the secret.
    pub(super) fn is(&self, secret: &str) -> bool {
        Sha256::digest(secret).as_slice() == self.0
    }
}

/// 256 random bits in a new file.
fn make(path: &Path) -> io::Result<()> {
    use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
    if let Some(folder) = path.parent() {
        fs::DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
    }
    let mut bytes = [0_u8; 32];
    getrandom::fill(&mut bytes).map_err(io::Error::other)?;
    let secret = hex(&bytes);
    let mut file = fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
    writeln!(file, "{secret}")?;
    file.sync_all()
}

fn hex(bytes: &[u8]) -> String {
    use fmt::Write;
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

fn private(path: &Path) -> io::Result<()> {
    use std::os::unix::fs::MetadataExt;
    let found = fs::metadata(path)?;
    let mounted = found.uid() == 0 && !rustix::process::geteuid().is_root();
    if is_private(found.mode(), mounted) {
        return Ok(());
    }
    Err(io::Error::other("others may read it; `chmod 600` it, and change the token if they did"))
}

/// Whether nobody else may read it. A file of root's that a process without root's rights got is one that Kubernetes mounted: its group
/// is the pod's own, and may read it.
fn is_private(mode: u32, mounted: bool) -> bool {
    mode & if mounted { 0o037 } else { 0o077 } == 0
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn a_token_is_made_once_for_its_owner_alone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("state/token");
        let first = Token::at(&path).unwrap();
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(Token::at(&path).unwrap(), first);
        let secret = fs::read_to_string(&path).unwrap();
        assert!(first.is(secret.trim()) && !first.is(&secret) && !first.is(""));
        assert!(!format!("{first:?}").contains(secret.trim()));
    }

    #[test]
    fn a_token_that_others_can_read_or_guess_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("token");
        Token::at(&path).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
        assert!(Token::at(&path).unwrap_err().message().contains("others may read it"));
        assert!(is_private(0o100_440, true) && !is_private(0o100_444, true) && !is_private(0o100_460, true));
        assert!(is_private(0o100_400, false) && !is_private(0o100_440, false));
        assert!(Token::new("hunter2").is_err());
        assert!(Token::new(&"a b".repeat(20)).is_err());
    }
}
