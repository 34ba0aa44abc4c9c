//! `trainyard serve`: MCP on standard input and output, or over HTTP.

use std::{
    future::Future,
    net::SocketAddr,
    path::{Path, PathBuf},
    pin::Pin,
    process::ExitCode,
    sync::Arc,
};

use trainyard_aws::{
    Codes, Device,
    catalogue::services,
    endpoint::partitions::{Partition, partitions},
};
use trainyard_contract::{Error, Result};
use trainyard_serve::{About, Access, Http, HttpOptions, Listen, OAuth, Tls, Token, Values, Word, ask_person};

use crate::{args::ServeArguments, config::Config, sandbox::Sandbox, telemetry::Counts, transcript::Transcript};

const GATEWAY: &str = "The tools named below are not in the list: find_tools finds them, describe_tools shows what they take, \
                       call_read and call_write call them.\n";

pub(crate) async fn run(mut config: Config, arguments: ServeArguments) -> Result<ExitCode> {
    if arguments.gateway && config.selection.toolsets.is_empty() && config.selection.tools.is_empty() {
        // The list stays as short as ever, so nothing has to be left out of it.
        config.selection.toolsets.push("all".to_owned());
    }
    config.counts = arguments.metrics.then(Arc::<Counts>::default);
    // It answers until it is dropped, after everything else here.
    let mut sandbox = sandbox(&arguments)?;
    if let Some(sandbox) = &sandbox {
        sandbox.replace(&mut config);
        eprintln!("sandbox: AWS at {}, kubeconfig at {}", sandbox.aws_url(), sandbox.kubeconfig().display());
    }
    config.witness = arguments.transcript.as_deref().map(|file| written(file, &arguments)).transpose()?;
    let config = &config;
    let dispatch = super::dispatch(config, Some(Arc::new(BehindTheClient)))?;
    if let Some(sandbox) = &mut sandbox {
        sandbox.ends(dispatch.context().workers.clone());
    }
    let mut instructions = trainyard_tools::instructions(&dispatch.registry().toolset_names(), config.ceiling);
    if arguments.gateway {
        instructions.insert_str(0, GATEWAY);
    }
    let about = About {
        version: env!("CARGO_PKG_VERSION"),
        instructions,
        guide: trainyard_tools::GUIDE,
        values: values(config),
        gateway: arguments.gateway,
    };
    match &arguments.http {
        // The sandbox is taken down, whatever ends this; otherwise there is nothing to take down.
        None if sandbox.is_some() => tokio::select! {
            ended = Box::pin(trainyard_serve::stdio(dispatch, about)) => ended?,
            () = told_to_stop() => {}
        },
        None => Box::pin(trainyard_serve::stdio(dispatch, about)).await?,
        Some(address) => {
            let listen = listen(address)?;
            let mut http = Http::bind(options(config, &arguments, listen)?).await?;
            if let Some(counts) = config.counts.clone() {
                http = http.with_metrics(move || counts.text());
            }
            eprintln!("listening at {}", http.url());
            Box::pin(http.serve(dispatch, about, told_to_stop())).await?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// The sandbox, where one is wanted.
fn sandbox(arguments: &ServeArguments) -> Result<Option<Sandbox>> {
    if arguments.sandbox {
        return Sandbox::start(&arguments.fleet, arguments.scenario.as_deref()).map(Some);
    }
    if arguments.fleet.is_given() {
        return Err(
            Error::validation("--nodes, --pods, --instances and --seed are about the sandbox").hint("add --sandbox")
        );
    }
    Ok(None)
}

/// Where calls are written down.
fn written(file: &Path, arguments: &ServeArguments) -> Result<Arc<Transcript>> {
    let scenario = arguments.scenario.as_deref();
    Ok(Arc::new(Transcript::begin(file, scenario, arguments.fleet.seed)?))
}

/// The person behind a client is asked for codes of MFA devices, where the client can ask.
#[derive(Debug)]
struct BehindTheClient;

impl Codes for BehindTheClient {
    fn code<'a>(&'a self, device: &'a Device) -> Pin<Box<dyn Future<Output = Result<String>> + Send + 'a>> {
        let Device { serial, profile, role } = device;
        let question = format!(
            "The six digits that the MFA device {serial} shows now. Profile {profile} takes on {role} with them, and they \
             are good once."
        );
        let word = ask_person(&question);
        Box::pin(async move {
            match word {
                Word::Told(code) => Ok(code),
                // Both are told to whoever cannot ask anybody.
                Word::Asked | Word::Nobody => Err(device.unasked()),
            }
        })
    }
}

/// Values to choose from that need no call.
fn values(config: &Config) -> Vec<Values> {
    let files = config.profile_files.clone();
    let regions = || partitions().iter().flat_map(Partition::real_regions).map(str::to_owned).collect();
    let services = || services().iter().map(|service| service.name.to_owned()).collect();
    vec![
        Values { argument: "region", list: Arc::new(regions) },
        Values { argument: "service", list: Arc::new(services) },
        Values { argument: "profile", list: Arc::new(move || profiles(&files)) },
    ]
}

/// Names of the profiles in AWS's own files.
fn profiles(files: &[PathBuf]) -> Vec<String> {
    let texts = files.iter().filter_map(|file| std::fs::read_to_string(file).ok());
    let mut names: Vec<String> = texts.flat_map(|text| sections(&text)).collect();
    names.sort();
    names.dedup();
    names
}

/// `[default]`, `[profile NAME]` in one file and `[NAME]` in the other. Sections of other kinds have two words as well.
fn sections(text: &str) -> Vec<String> {
    let headings = text.lines().filter_map(|line| line.trim().strip_prefix('[')?.split(']').next());
    let name = |heading: &str| {
        let heading = heading.trim();
        match heading.split_once(char::is_whitespace) {
            None => Some(heading.to_owned()),
            Some(("profile", name)) => Some(name.trim().to_owned()),
            Some(_) => None,
        }
    };
    headings.filter_map(name).filter(|name| !name.is_empty()).collect()
}

/// `HOST:PORT`, a port on this machine, or `unix:PATH`.
fn listen(address: &str) -> Result<Listen> {
    if let Some(path) = address.strip_prefix("unix:").filter(|path| !path.is_empty()) {
        return Ok(Listen::Unix(path.into()));
    }
    let port = address.strip_prefix(':').unwrap_or(address).parse::<u16>();
    let named = address.strip_prefix("localhost:").map(|port| format!("127.0.0.1:{port}"));
    match port {
        Ok(port) => Ok(Listen::Tcp(SocketAddr::from(([127, 0, 0, 1], port)))),
        Err(_) => named.as_deref().unwrap_or(address).parse().map(Listen::Tcp).map_err(|_| {
            Error::validation(format!("{address:?} is no address to listen at"))
                .hint("say 127.0.0.1:8731, [::1]:8731, a port, or unix:/run/trainyard.sock")
        }),
    }
}

fn options(config: &Config, arguments: &ServeArguments, listen: Listen) -> Result<HttpOptions> {
    let tls = match (&arguments.tls_cert, &arguments.tls_key) {
        (Some(certificates), Some(key)) => Some(Tls::load(certificates, key)?),
        _ => None,
    };
    if let Listen::Tcp(address) = &listen
        && !address.ip().is_loopback()
        && tls.is_none()
        && !arguments.plain_http
    {
        return Err(Error::validation(format!(
            "{address} can be reached from other machines, and without TLS anybody on the way reads along"
        ))
        .hint("give --tls-cert and --tls-key; or --plain-http where something in front of this server has TLS"));
    }
    Ok(HttpOptions {
        access: access(config, arguments, &listen)?,
        listen,
        tls,
        hosts: arguments.allow_host.clone(),
        origins: arguments.allow_origin.clone(),
        sessions: !arguments.no_sessions,
    })
}

/// A token, even on this machine: other users and every web page can reach a port here. A socket in the file system
/// has an owner, which is as good.
fn access(config: &Config, arguments: &ServeArguments, listen: &Listen) -> Result<Access> {
    if let (Some(issuer), Some(resource)) = (&arguments.oauth_issuer, &arguments.oauth_resource) {
        return Ok(Access::OAuth(Arc::new(OAuth::new(issuer, resource)?)));
    }
    let file = match (&arguments.token_file, listen) {
        (Some(file), _) => file.clone(),
        (None, Listen::Unix(_)) => return Ok(Access::Open),
        (None, Listen::Tcp(_)) => {
            let folder = config.state_dir.as_ref().ok_or_else(|| {
                Error::validation("there is no place for the token that clients have to send")
                    .hint("give --token-file or --state-dir")
            })?;
            folder.join("http-token")
        }
    };
    let token = Token::at(&file)?;
    eprintln!("clients send `Authorization: Bearer TOKEN` with the token in {}", file.display());
    Ok(Access::Token(token))
}

/// Until somebody presses Ctrl-C or the system asks to end.
pub(super) async fn told_to_stop() {
    use tokio::signal::unix::{SignalKind, signal};
    let Ok(mut terminate) = signal(SignalKind::terminate()) else {
        // Then the usual end of a process has to do.
        return std::future::pending().await;
    };
    tokio::select! {
        _ = tokio::signal::ctrl_c() => {}
        _ = terminate.recv() => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn profiles_are_found_in_both_kinds_of_file() {
        let text = "[default]\nregion = x\n[profile research]\n[sso-session corp]\n [ profile  two words ]\n[plain]\n[services local]\n[]";
        assert_eq!(sections(text), ["default", "research", "two words", "plain"]);
    }

    #[test]
    fn an_address_without_a_host_is_on_this_machine() {
        for (text, expected) in [
            ("127.0.0.1:8731", "127.0.0.1:8731"),
            ("localhost:1", "127.0.0.1:1"),
            ("8080", "127.0.0.1:8080"),
            (":8080", "127.0.0.1:8080"),
            ("[::1]:8080", "[::1]:8080"),
            ("0.0.0.0:1", "0.0.0.0:1"),
        ] {
            assert_eq!(listen(text).unwrap(), Listen::Tcp(expected.parse().unwrap()), "{text}");
        }
        assert_eq!(listen("unix:/tmp/s").unwrap(), Listen::Unix("/tmp/s".into()));
        for text in ["", "unix:", "example.com:80", "127.0.0.1", "99999"] {
            assert!(listen(text).is_err(), "{text}");
        }
    }
}
