//! The binary under test, in an environment that holds only what the test gives it.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use tempfile::TempDir;

use crate::{Ended, Era, Result, Session, WebServer, run};

/// Longest time that one command may take.
const LIMIT: Duration = Duration::from_mins(2);

/// The binary, a home folder of its own, and its variables.
#[derive(Debug)]
pub struct Trainyard {
    binary: PathBuf,
    home: TempDir,
    variables: BTreeMap<String, String>,
}

impl Trainyard {
    /// With nothing to go by: no credentials, no region.
    pub fn bare(binary: impl AsRef<Path>) -> Result<Self> {
        let home = tempfile::tempdir()?;
        let mut variables = BTreeMap::new();
        // No traffic anywhere but loopback: a proxy that refuses takes what is not meant for it.
        variables.insert("AWS_EC2_METADATA_DISABLED".into(), "true".into());
        variables.insert("HTTPS_PROXY".into(), "http://127.0.0.1:9".into());
        variables.insert("HOME".into(), home.path().display().to_string());
        variables.insert("PATH".into(), "/usr/local/bin:/usr/bin:/bin".into());
        Ok(Self { binary: binary.as_ref().to_owned(), home, variables })
    }

    /// With credentials and region, calling this endpoint.
    pub fn at(binary: impl AsRef<Path>, url: &str) -> Result<Self> {
        let bare = Self::bare(binary)?;
        Ok(bare
            .with("AWS_ENDPOINT_URL", url)
            .with("AWS_ACCESS_KEY_ID", "AKIAIOSFODNN7EXAMPLE")
            .with("AWS_SECRET_ACCESS_KEY", "test")
            .with("AWS_REGION", "eu-west-1"))
    }

    /// With one more variable.
    #[must_use]
    pub fn with(mut self, name: &str, value: &str) -> Self {
        self.variables.insert(name.to_owned(), value.to_owned());
        self
    }

    /// Without this variable.
    #[must_use]
    pub fn without(mut self, name: &str) -> Self {
        self.variables.remove(name);
        self
    }

    /// The binary.
    pub fn binary(&self) -> &Path {
        &self.binary
    }

    /// Its home folder.
    pub fn home(&self) -> &Path {
        self.home.path()
    }

    /// Its whole environment.
    pub fn variables(&self) -> &BTreeMap<String, String> {
        &self.variables
    }

    /// A command, not yet started.
    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(&self.binary);
        command.args(arguments).env_clear().envs(&self.variables).current_dir(self.home.path());
        command
    }

    /// Runs one command to its end.
    pub fn run(&self, arguments: &[&str]) -> Result<Ended> {
        run(&mut self.command(arguments), "", LIMIT)
    }

    /// Opens a session of `trainyard serve`.
    pub fn serve(&self, arguments: &[&str], era: Era) -> Result<Session> {
        let mut command = self.command(&["serve"]);
        command.args(arguments);
        Session::open(command, era)
    }

    /// Starts `trainyard serve --http` on a free port.
    pub fn serve_http(&self, arguments: &[&str]) -> Result<WebServer> {
        let mut command = self.command(&["serve", "--http", "127.0.0.1:0"]);
        command.args(arguments);
        WebServer::start(command)
    }
}
