//! Telling MCP clients of this server: an entry in the client's own settings file, and nothing else in it touched.

mod entry;
mod file;

use std::path::{Path, PathBuf};

use clap::ValueEnum;
use trainyard_contract::{Error, Result};

pub(crate) use entry::Server;
pub(crate) use file::Done;

/// A client whose settings file is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Client {
    ClaudeCode,
    ClaudeDesktop,
    Cursor,
    Vscode,
    Kiro,
    AmazonQ,
    GeminiCli,
    Codex,
}

/// Where settings of programs lie.
#[derive(Debug, Clone)]
pub(crate) struct Folders {
    pub(crate) home: PathBuf,
    /// `~/.config`, or what the system has in its place.
    pub(crate) settings: PathBuf,
}

/// How a client writes its servers down.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Form {
    /// JSON, perhaps with comments; the servers stand under this key.
    Json { key: &'static str, typed: bool },
    /// TOML, one table a server.
    Toml,
}

impl Client {
    fn form(self) -> Form {
        match self {
            Self::Vscode => Form::Json { key: "servers", typed: true },
            Self::Codex => Form::Toml,
            Self::ClaudeCode => Form::Json { key: "mcpServers", typed: true },
            _ => Form::Json { key: "mcpServers", typed: false },
        }
    }

    /// The settings file that the client reads for this user.
    pub(crate) fn file(self, folders: &Folders) -> PathBuf {
        let (home, settings) = (&folders.home, &folders.settings);
        match self {
            Self::ClaudeCode => home.join(".claude.json"),
            Self::ClaudeDesktop => settings.join("Claude/claude_desktop_config.json"),
            Self::Cursor => home.join(".cursor/mcp.json"),
            Self::Vscode => settings.join("Code/User/mcp.json"),
            Self::Kiro => home.join(".kiro/settings/mcp.json"),
            Self::AmazonQ => home.join(".aws/amazonq/mcp.json"),
            Self::GeminiCli => home.join(".gemini/settings.json"),
            Self::Codex => home.join(".codex/config.toml"),
        }
    }

    /// The text of an entry, as it would stand in a file of its own.
    pub(crate) fn text(self, server: &Server) -> Result<String> {
        entry::with(self.form(), "", server)
    }

    /// Writes the entry, or replaces it.
    pub(crate) fn install(self, path: &Path, server: &Server) -> Result<Done> {
        file::change(path, |text| entry::with(self.form(), text, server))
    }

    /// Takes the entry out.
    pub(crate) fn uninstall(self, path: &Path) -> Result<Done> {
        if !path.exists() {
            return Err(Error::not_found("settings file", &path.display().to_string()));
        }
        file::change(path, |text| entry::without(self.form(), text))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_client_has_a_file_of_its_own() {
        let folders = Folders { home: "/h".into(), settings: "/h/.config".into() };
        let mut files: Vec<_> = Client::value_variants().iter().map(|client| client.file(&folders)).collect();
        assert_eq!(files[0], Path::new("/h/.claude.json"));
        files.sort();
        files.dedup();
        assert_eq!(files.len(), Client::value_variants().len());
    }
}
