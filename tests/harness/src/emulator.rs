//! moto and `MiniStack`: AWS as others wrote it.

use std::{
    net::{SocketAddr, TcpListener, TcpStream},
    path::Path,
    process::{Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use crate::{
    Result,
    process::{Guard, watched},
};

/// A server that listens.
#[derive(Debug)]
struct Emulator {
    address: SocketAddr,
    // A shell that ends the server when its input closes, so it is asked to end, never killed.
    shell: Guard,
}

impl Emulator {
    /// Starts it, and waits until it listens at `address`.
    fn start(mut command: Command, address: SocketAddr) -> Result<Self> {
        command.env("AWS_EC2_METADATA_DISABLED", "true");
        let shell = Guard(command.stdout(Stdio::null()).stderr(Stdio::null()).spawn()?);
        let mut emulator = Self { address, shell };
        let end = Instant::now() + Duration::from_mins(1);
        while TcpStream::connect_timeout(&address, Duration::from_millis(200)).is_err() {
            if emulator.shell.0.try_wait()?.is_some() || Instant::now() > end {
                return Err(format!("{command:?} did not start; was `cargo xtask test-data` run?").into());
            }
            thread::sleep(Duration::from_millis(50));
        }
        Ok(emulator)
    }

    fn url(&self) -> String {
        format!("http://{}", self.address)
    }
}

impl Drop for Emulator {
    fn drop(&mut self) {
        drop(self.shell.0.stdin.take());
        drop(self.shell.wait(Duration::from_secs(10)));
    }
}

/// A running moto.
#[derive(Debug)]
pub struct Moto(Emulator);

impl Moto {
    /// Starts the moto of a Python environment on a free port.
    pub fn start(venv: &Path) -> Result<Self> {
        let address = free()?;
        let port = address.port().to_string();
        let mut command = watched(&venv.join("bin/moto_server"), &["-H", "127.0.0.1", "-p", &port]);
        for switch in ["MOTO_EC2_ENABLE_INSTANCE_TYPE_VALIDATION", "MOTO_IAM_LOAD_MANAGED_POLICIES"] {
            command.env(switch, "true");
        }
        Emulator::start(command, address).map(Self)
    }

    /// Base address.
    pub fn url(&self) -> String {
        self.0.url()
    }
}

/// A running `MiniStack`.
#[derive(Debug)]
pub struct MiniStack(Emulator);

impl MiniStack {
    /// Starts the one of a Python environment on a free port. It checks checksums, and signatures where it is told to.
    pub fn start(venv: &Path, signatures: bool) -> Result<Self> {
        let address = free()?;
        let mut command = watched(&venv.join("bin/ministack"), &[]);
        command.env("GATEWAY_PORT", address.port().to_string()).env("BIND_HOST", "127.0.0.1");
        if signatures {
            command.env("AUTH", "true");
        }
        Emulator::start(command, address).map(Self)
    }

    /// Base address.
    pub fn url(&self) -> String {
        self.0.url()
    }
}

fn free() -> Result<SocketAddr> {
    Ok(SocketAddr::from(([127, 0, 0, 1], free_port()?)))
}

/// A port that was free a moment ago.
pub fn free_port() -> Result<u16> {
    Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?.port())
}
