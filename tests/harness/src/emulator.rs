//! moto: an AWS that others wrote.

use std::{
    net::{SocketAddr, TcpListener, TcpStream},
    path::Path,
    process::Stdio,
    thread,
    time::{Duration, Instant},
};

use crate::{
    Result,
    process::{Guard, watched},
};

/// A running moto.
#[derive(Debug)]
pub struct Moto {
    address: SocketAddr,
    // A shell that ends moto when its input closes, so it is asked to end, never killed.
    shell: Guard,
}

impl Moto {
    /// Starts the moto of a Python environment on a free port.
    pub fn start(venv: &Path) -> Result<Self> {
        let address = SocketAddr::from(([127, 0, 0, 1], free_port()?));
        let port = address.port().to_string();
        let mut command = watched(&venv.join("bin/moto_server"), &["-H", "127.0.0.1", "-p", &port]);
        for switch in ["MOTO_EC2_ENABLE_INSTANCE_TYPE_VALIDATION", "MOTO_IAM_LOAD_MANAGED_POLICIES"] {
            command.env(switch, "true");
        }
        command.env("AWS_EC2_METADATA_DISABLED", "true");
        let shell = Guard(command.stdout(Stdio::null()).stderr(Stdio::null()).spawn()?);
        let mut moto = Self { address, shell };
        let end = Instant::now() + Duration::from_mins(1);
        while TcpStream::connect_timeout(&address, Duration::from_millis(200)).is_err() {
            if moto.shell.0.try_wait()?.is_some() || Instant::now() > end {
                return Err(
                    format!("moto of {} did not start; was `cargo xtask test-data` run?", venv.display()).into()
                );
            }
            thread::sleep(Duration::from_millis(50));
        }
        Ok(moto)
    }

    /// Base address.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }
}

impl Drop for Moto {
    fn drop(&mut self) {
        drop(self.shell.0.stdin.take());
        drop(self.shell.wait(Duration::from_secs(10)));
    }
}

/// A port that was free a moment ago.
pub fn free_port() -> Result<u16> {
    Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?.port())
}
