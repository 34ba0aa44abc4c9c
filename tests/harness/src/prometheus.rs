//! A Prometheus, as Debian packages it, and what it scrapes.

use std::{
    fs,
    net::{SocketAddr, TcpStream},
    path::Path,
    process::{Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use tempfile::TempDir;

use crate::{
    Endpoint, Reply, Result, free_port,
    process::{Guard, run, watched},
};

/// How a Prometheus is set up.
#[derive(Debug, Clone, Default)]
pub struct Setup {
    /// Address of what it scrapes every second, as `127.0.0.1:9100`.
    pub scrapes: Option<String>,
    /// Labels of what it scrapes stay as they are; else those that clash are called `exported_…`.
    pub honor_labels: bool,
    /// History that it has from the start, in the format `OpenMetrics`.
    pub history: Option<String>,
    /// Its web configuration: certificates and users.
    pub web: Option<String>,
}

/// A running Prometheus. It keeps its data in a folder that is removed with it.
#[derive(Debug)]
pub struct Prometheus {
    address: SocketAddr,
    shell: Guard,
    _folder: TempDir,
}

impl Prometheus {
    /// Starts one on a free port and waits until it listens. It may not be ready to answer yet.
    pub fn start(setup: &Setup) -> Result<Self> {
        let folder = TempDir::new()?;
        let place = |name: &str| folder.path().join(name);
        let text = |path: &Path| path.to_string_lossy().into_owned();
        fs::write(place("prometheus.yml"), configuration(setup))?;
        let data = place("data");
        fs::create_dir(&data)?;
        if let Some(history) = &setup.history {
            fs::write(place("history.txt"), history)?;
            backfill(&place("history.txt"), &data)?;
        }
        let address = SocketAddr::from(([127, 0, 0, 1], free_port()?));
        let mut arguments = vec![
            format!("--config.file={}", text(&place("prometheus.yml"))),
            format!("--web.listen-address={address}"),
            format!("--storage.tsdb.path={}", text(&data)),
            "--log.level=error".to_owned(),
        ];
        if let Some(web) = &setup.web {
            fs::write(place("web.yml"), web)?;
            arguments.push(format!("--web.config.file={}", text(&place("web.yml"))));
        }
        let arguments: Vec<_> = arguments.iter().map(String::as_str).collect();
        let mut command = watched(Path::new("prometheus"), &arguments);
        let shell = Guard(command.stdout(Stdio::null()).stderr(Stdio::null()).spawn()?);
        let mut started = Self { address, shell, _folder: folder };
        let end = Instant::now() + Duration::from_mins(1);
        while TcpStream::connect_timeout(&address, Duration::from_millis(200)).is_err() {
            if started.shell.0.try_wait()?.is_some() || Instant::now() > end {
                return Err("Prometheus did not start; is Debian's package `prometheus` installed?".into());
            }
            thread::sleep(Duration::from_millis(50));
        }
        Ok(started)
    }

    /// Host and port.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Base address, where it has no certificate.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }
}

impl Drop for Prometheus {
    fn drop(&mut self) {
        drop(self.shell.0.stdin.take());
        drop(self.shell.wait(Duration::from_secs(20)));
    }
}

fn configuration(setup: &Setup) -> String {
    let mut text = String::from("global: { scrape_interval: 1s, scrape_timeout: 1s }\nscrape_configs:\n");
    if let Some(address) = &setup.scrapes {
        text.push_str(&format!(
            "- job_name: accelerators\n  honor_labels: {}\n  static_configs:\n  - targets: [ '{address}' ]\n    labels: {{ namespace: monitoring, pod: exporter-0 }}\n",
            setup.honor_labels
        ));
    }
    text
}

/// Makes blocks of history in a data folder.
fn backfill(history: &Path, data: &Path) -> Result<()> {
    let mut command = Command::new("promtool");
    command.args(["tsdb", "create-blocks-from", "openmetrics"]).arg(history).arg(data);
    let ended = run(&mut command, "", Duration::from_mins(1))?;
    if !ended.status.success() {
        return Err(format!("promtool: {}{}", ended.stdout, ended.stderr).into());
    }
    Ok(())
}

/// What exporters of a small cluster show: HAMi 2.10 on node `gpu-a`, HAMi 2.7 with its older names on `gpu-b`, NVIDIA's own
/// exporter on both, AWS's for Neuron on `inf-a`.
pub const ACCELERATORS: &str = include_str!("accelerators.prom");

/// An exporter that shows this text, in Prometheus' format, on every scrape.
pub fn exporter(text: &str) -> Result<Endpoint> {
    let text = text.to_owned();
    Endpoint::start(move |_| Reply::new(200, "text/plain; version=0.0.4", &text))
}
