//! The command itself, with a server of its own.

use std::{
    io::{self, Write},
    path::PathBuf,
    process::Command,
    time::{Duration, Instant},
};

use tempfile::TempDir;
use trainyard_harness::{Ended, run};
use trainyard_sandbox::kubernetes::{Options, Pace, Server};

/// Older ones read other descriptions of the kinds than those that are served.
const OLDEST: (u64, u64) = (1, 29);
/// Where programs are looked for.
const PLACES: &str = "/usr/local/bin:/usr/bin:/bin";
/// Far longer than anything here takes.
const PATIENCE: Duration = Duration::from_mins(1);

/// What stands under the name of a node.
pub(crate) const NODE: &str = "apiVersion: v1
kind: Node
status:
  allocatable: {cpu: '8', memory: 16Gi, pods: '50', nvidia.com/gpu: '1'}
  capacity: {cpu: '8', memory: 16Gi, pods: '50', nvidia.com/gpu: '1'}
  conditions: [{type: Ready, status: 'True'}]
  nodeInfo: {kubeletVersion: v1.37.0}";

pub(crate) struct Kubectl {
    pub(crate) server: Server,
    home: TempDir,
    pub(crate) config: PathBuf,
}

impl Kubectl {
    pub(crate) fn new(options: &Options) -> Self {
        let server = Server::start_with(options).unwrap();
        let home = TempDir::new().unwrap();
        let config = home.path().join("config");
        std::fs::write(&config, server.kubeconfig()).unwrap();
        Self { server, home, config }
    }

    pub(crate) fn quiet() -> Self {
        Self::new(&Options::default())
    }

    pub(crate) fn alive() -> Self {
        let pace =
            Pace { start: Duration::from_millis(50), run: Duration::from_millis(100), stop: Duration::from_millis(20) };
        let kubectl = Self::new(&Options { life: Some(pace), ..Options::default() });
        for node in ["one", "two"] {
            kubectl.server.seed(&format!("{NODE}\nmetadata: {{name: {node}, labels: {{disk: {node}}}}}")).unwrap();
        }
        kubectl
    }

    pub(crate) fn run(&self, line: &str, input: &str) -> Ended {
        let mut command = kubectl();
        command.env("HOME", self.home.path()).env("KUBECONFIG", &self.config).args(words(line));
        run(&mut command, input, PATIENCE).unwrap()
    }

    /// What a command that succeeds writes.
    pub(crate) fn ok(&self, line: &str) -> String {
        self.ok_with(line, "")
    }

    pub(crate) fn ok_with(&self, line: &str, input: &str) -> String {
        let ended = self.run(line, input);
        assert!(ended.status.success(), "kubectl {line}: {}{}", ended.stdout, ended.stderr);
        ended.stdout
    }

    /// What a command that fails says.
    pub(crate) fn no(&self, line: &str, input: &str) -> String {
        let ended = self.run(line, input);
        assert!(!ended.status.success(), "kubectl {line} succeeded: {}", ended.stdout);
        ended.stderr
    }

    /// As a `kubectl` that has not asked yet which kinds there are.
    pub(crate) fn forget(&self) {
        std::fs::remove_dir_all(self.home.path().join(".kube/cache")).unwrap();
    }

    pub(crate) fn until(&self, line: &str, wanted: &str) {
        let end = Instant::now() + PATIENCE;
        loop {
            let found = self.ok(line);
            if found.contains(wanted) {
                return;
            }
            assert!(Instant::now() < end, "kubectl {line} never says {wanted:?}: {found}");
        }
    }
}

/// The command, in an environment that is the same on every machine.
fn kubectl() -> Command {
    let mut command = Command::new("kubectl");
    command.env_clear().env("PATH", PLACES);
    command
}

/// Whether there is a `kubectl` that is new enough. If not, the test says that it did not test; a `kubectl` that does not tell its
/// version fails it.
pub(crate) fn there() -> bool {
    let found = match kubectl().args(["version", "--client", "-o", "json"]).output() {
        Err(error) if error.kind() == io::ErrorKind::NotFound => "none".to_owned(),
        Err(error) => panic!("kubectl cannot be started: {error}"),
        Ok(output) => {
            let said = String::from_utf8_lossy(&output.stdout);
            let version: serde_json::Value = serde_json::from_str(&said).unwrap_or_default();
            let number = |part: &str| {
                let text = version["clientVersion"][part].as_str()?;
                text.trim_end_matches('+').parse::<u64>().ok()
            };
            match (number("major"), number("minor")) {
                (Some(major), Some(minor)) if (major, minor) >= OLDEST => return true,
                (Some(major), Some(minor)) => format!("{major}.{minor}"),
                _ => panic!("kubectl does not tell its version: {said}{}", String::from_utf8_lossy(&output.stderr)),
            }
        }
    };
    let test = std::thread::current().name().unwrap_or_default().to_owned();
    let note =
        format!("\nNOT TESTED: {test} needs kubectl {}.{} or newer in {PLACES}; found: {found}\n", OLDEST.0, OLDEST.1);
    // Past the capture of the output, which would hide the note of a test that passes.
    io::stderr().write_all(note.as_bytes()).unwrap();
    false
}

/// At blanks outside of single quotes.
pub(crate) fn words(line: &str) -> Vec<String> {
    let quoted = line.split('\'').enumerate();
    quoted
        .flat_map(|(at, part)| match at % 2 {
            0 => part.split_whitespace().map(str::to_owned).collect(),
            _ => vec![part.to_owned()],
        })
        .collect()
}
