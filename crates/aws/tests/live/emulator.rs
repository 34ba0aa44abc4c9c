//! Servers that others wrote, started for one test binary and stopped with it.

use std::{
    net::{SocketAddr, TcpListener, TcpStream},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use trainyard_aws::{Engine, Scope, Settings, StaticCredentials};
use trainyard_contract::Ceiling;

/// A running server.
pub(crate) struct Server {
    /// Where it listens.
    pub(crate) address: SocketAddr,
    child: Child,
}

impl Server {
    /// Base address of the server.
    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// An engine that calls it and may do anything.
    pub(crate) fn engine(&self) -> Engine {
        Engine::new(settings(&self.url()))
    }
}

/// Settings for a server on loopback. Attempts are few, so that a failing test fails soon.
pub(crate) fn settings(url: &str) -> Settings {
    Settings {
        ceiling: Ceiling { write: true, sensitive: true },
        endpoint_url: Some(url.to_owned()),
        region: Some("eu-west-1".to_owned()),
        credentials: Some(StaticCredentials {
            access_key_id: "AKIAIOSFODNN7EXAMPLE".to_owned(),
            secret_access_key: "test".to_owned(),
            session_token: None,
        }),
        ..Settings::default()
    }
}

/// The default scope.
pub(crate) fn here() -> Scope {
    Scope::default()
}

/// moto.
pub(crate) fn moto() -> Server {
    let address = free();
    let port = address.port().to_string();
    let mut command = watched(&python("moto_server"), &["-H", "127.0.0.1", "-p", &port]);
    command.env("MOTO_EC2_ENABLE_INSTANCE_TYPE_VALIDATION", "true");
    start(command, address)
}

/// MiniStack, which checks signatures.
pub(crate) fn ministack() -> Server {
    let address = free();
    let mut command = watched(&python("ministack"), &[]);
    command.env("GATEWAY_PORT", address.port().to_string()).env("BIND_HOST", "127.0.0.1").env("AUTH", "true");
    start(command, address)
}

/// MiniStack, which checks checksums but here takes any signature.
pub(crate) fn ministack_unsigned() -> Server {
    let address = free();
    let mut command = watched(&python("ministack"), &[]);
    command.env("GATEWAY_PORT", address.port().to_string()).env("BIND_HOST", "127.0.0.1");
    start(command, address)
}

/// A command that ends when this process does, however it ends: a shell waits for our end of its input to close.
fn watched(program: &Path, arguments: &[&str]) -> Command {
    let script = "\"$@\" & server=$!; cat >/dev/null; kill $server; wait $server";
    let mut command = Command::new("sh");
    command.args(["-c", script, "sh"]).arg(program).args(arguments).stdin(Stdio::piped());
    command
}

fn start(mut command: Command, address: SocketAddr) -> Server {
    let child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let mut server = Server { address, child };
    let end = Instant::now() + Duration::from_mins(1);
    while TcpStream::connect_timeout(&address, Duration::from_millis(200)).is_err() {
        let ended = server.child.try_wait().unwrap().is_some();
        assert!(!ended && Instant::now() < end, "the server did not start; is the environment made?");
        std::thread::sleep(Duration::from_millis(50));
    }
    server
}

/// A port that was free a moment ago.
fn free() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap()
}

fn python(program: &str) -> PathBuf {
    let workspace = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../..");
    #[expect(clippy::disallowed_methods, reason = "a test has no settings but these")]
    let venv = std::env::var_os("TRAINYARD_VENV").map_or(workspace.join("target/xtask/venv"), PathBuf::from);
    venv.join("bin").join(program)
}
