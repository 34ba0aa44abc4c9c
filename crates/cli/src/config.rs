//! Settings: flags before environment before settings file. The only reader of the environment.

use std::{
    ffi::{OsStr, OsString},
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use serde::Deserialize;
use tracing::level_filters::LevelFilter;
use trainyard_aws::StaticCredentials;
use trainyard_contract::{Ceiling, Error, Result};
use trainyard_dispatch::{Policy, Selection};
use trainyard_tools::{Buckets, Identities, Identity};

use crate::{
    args::{AuthMode, Confirm, Options},
    install::Folders,
    telemetry::{Counts, Signals, Telemetry},
    transcript::Transcript,
};

/// Longest time for one call: clients give up at 60 seconds.
const CALL_TIMEOUT: u64 = 45;

/// What this process was told.
#[derive(Debug, Clone)]
pub(crate) struct Config {
    pub(crate) ceiling: Ceiling,
    pub(crate) confirm: trainyard_dispatch::Confirm,
    /// Whether the words of others are joined by a sign.
    pub(crate) datamark: bool,
    /// What is allowed below the gates, and the file that says so.
    pub(crate) policy: Arc<Policy>,
    pub(crate) policy_file: Option<PathBuf>,
    pub(crate) selection: Selection,
    pub(crate) profile: Option<String>,
    pub(crate) region: Option<String>,
    /// In place of what the environment and the profiles say; never read from them.
    pub(crate) fixed: Option<Arc<Fixed>>,
    /// Profiles that calls may name, and accounts that they may be made in. Not from the environment: they are gates.
    pub(crate) allowed_profiles: Option<Vec<String>>,
    pub(crate) allowed_accounts: Option<Vec<String>>,
    /// Buckets whose CloudFormation templates may be deployed. Not from the environment: it is a gate.
    pub(crate) template_buckets: Vec<String>,
    /// Folders whose files tools may read and write. Not from the environment: it is a gate.
    pub(crate) local_paths: Vec<PathBuf>,
    /// How Kubernetes clusters are reached.
    pub(crate) kubernetes: trainyard_k8s::Settings,
    /// Where metrics are asked for. Not from the environment: credentials go there.
    pub(crate) prometheus: trainyard_k8s::prometheus::Settings,
    /// Namespace and name of HAMi's ConfigMap, where it is not to be looked for.
    pub(crate) hami_config_map: Option<(String, String)>,
    /// Whom calls of those who sign in are made as. Not from the environment: it is a gate.
    pub(crate) identities: Identities,
    /// Buckets of the ML platform.
    pub(crate) buckets: Buckets,
    /// The MLflow server that models are mirrored to.
    pub(crate) mlflow: trainyard_ml::mlflow::Settings,
    pub(crate) call_timeout: Duration,
    pub(crate) state_dir: Option<PathBuf>,
    /// Where settings of other programs lie.
    pub(crate) folders: Option<Folders>,
    /// AWS's own files with profiles in them.
    pub(crate) profile_files: Vec<PathBuf>,
    /// Where AWS's own command line keeps sessions.
    pub(crate) cli_cache: Option<PathBuf>,
    /// Folders of descriptions of AWS services, before those that are built in.
    pub(crate) aws_models: Vec<PathBuf>,
    pub(crate) log: LevelFilter,
    /// What is told of calls to a collector, by the variables that all programs with OpenTelemetry share.
    pub(crate) signals: Signals,
    /// Who tells it, once started.
    pub(crate) telemetry: Option<Arc<Telemetry>>,
    /// Who counts calls for whoever asks this process, if it was told to.
    pub(crate) counts: Option<Arc<Counts>>,
    /// Who sees calls whole. There is nobody, except in the sandbox.
    pub(crate) witness: Option<Arc<Transcript>>,
    /// The settings file that was read, if there is one.
    pub(crate) file: Option<PathBuf>,
}

/// One address for all of AWS, and the key that it knows.
#[derive(Debug)]
pub(crate) struct Fixed {
    pub(crate) endpoint_url: String,
    pub(crate) credentials: StaticCredentials,
}

/// The settings file. An unknown key is an error: a misspelt gate must not stand open, or closed, unnoticed.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Settings {
    allow_write: Option<bool>,
    allow_sensitive_data_access: Option<bool>,
    confirm: Option<Confirm>,
    datamark: Option<bool>,
    policy: Option<PathBuf>,
    toolsets: Option<Vec<String>>,
    tools: Option<Vec<String>>,
    exclude_tools: Option<Vec<String>>,
    hide_disabled: Option<bool>,
    profile: Option<String>,
    region: Option<String>,
    allowed_profiles: Option<Vec<String>>,
    allowed_accounts: Option<Vec<String>>,
    template_buckets: Option<Vec<String>>,
    local_paths: Option<Vec<PathBuf>>,
    identities: Option<Vec<Identity>>,
    ml: Option<MlSettings>,
    state_dir: Option<PathBuf>,
    aws_models: Option<Vec<PathBuf>>,
    auth_mode: Option<AuthMode>,
    kubeconfig: Option<Vec<PathBuf>>,
    call_timeout: Option<u64>,
    prometheus: Option<trainyard_k8s::prometheus::Settings>,
    hami_config_map: Option<String>,
}

impl Config {
    pub(crate) fn read(options: &Options) -> Result<Self> {
        let environment = Environment;
        let file = file(options, &environment);
        let settings = match &file {
            Some((path, wanted)) => settings(path, *wanted)?,
            None => Settings::default(),
        };
        let call_timeout = options.call_timeout.or(settings.call_timeout).unwrap_or(CALL_TIMEOUT);
        if !(1..=3600).contains(&call_timeout) {
            return Err(Error::validation(format!("call_timeout is {call_timeout}, not 1 to 3600 seconds")));
        }
        let policy_file = policy_file(options, settings.policy, &environment);
        let policy = policy_file.as_deref().map(Policy::read).transpose()?.unwrap_or_default();
        let ceiling = Ceiling {
            write: gate(options.allow_write, options.no_allow_write, settings.allow_write),
            sensitive: gate(
                options.allow_sensitive_data_access,
                options.no_allow_sensitive_data_access,
                settings.allow_sensitive_data_access,
            ),
        };
        let auth = auth_mode(options.auth_mode, &environment, settings.auth_mode)?;
        Ok(Self {
            policy: Arc::new(policy),
            policy_file,
            ceiling,
            kubernetes: environment.kubernetes(ceiling, auth, settings.kubeconfig),
            prometheus: prometheus(options.prometheus_url.as_deref(), settings.prometheus),
            hami_config_map: config_map(options.hami_config_map.as_deref().or(settings.hami_config_map.as_deref()))?,
            confirm: match options.confirm.or(settings.confirm) {
                Some(Confirm::Never) => trainyard_dispatch::Confirm::Never,
                Some(Confirm::Changes) => trainyard_dispatch::Confirm::Changes,
                Some(Confirm::Destructive) | None => trainyard_dispatch::Confirm::Destructive,
            },
            datamark: options.datamark || settings.datamark.unwrap_or_default(),
            selection: Selection {
                toolsets: list(&options.toolsets, environment.list("TRAINYARD_TOOLSETS"), settings.toolsets),
                tools: list(&options.tool_names, environment.list("TRAINYARD_TOOLS"), settings.tools),
                exclude: list(&options.exclude_tools, None, settings.exclude_tools),
                hide_disabled: options.hide_disabled || settings.hide_disabled.unwrap_or_default(),
            },
            profile: options.profile.clone().or(settings.profile),
            region: options.region.clone().or(settings.region),
            fixed: None,
            allowed_profiles: settings.allowed_profiles,
            allowed_accounts: settings.allowed_accounts,
            template_buckets: list(&options.template_buckets, None, settings.template_buckets),
            local_paths: local_paths(&options.local_paths, settings.local_paths)?,
            identities: Identities::new(settings.identities.unwrap_or_default())?,
            mlflow: mlflow(settings.ml.as_ref(), &environment)?,
            buckets: buckets(settings.ml.unwrap_or_default(), &environment)?,
            call_timeout: Duration::from_secs(call_timeout),
            state_dir: options
                .state_dir
                .clone()
                .or(environment.path("TRAINYARD_STATE_DIR"))
                .or(settings.state_dir)
                .or(environment.folder("XDG_STATE_HOME", ".local/state")),
            folders: environment.client_folders(),
            profile_files: environment.profile_files(),
            cli_cache: environment.path("HOME").map(|home| home.join(".aws/cli/cache")),
            aws_models: environment.folders("AWS_DATA_PATH").or(settings.aws_models).unwrap_or_default(),
            log: log_level(options.verbose, &environment),
            signals: signals(&environment),
            telemetry: None,
            counts: None,
            witness: None,
            file: file.filter(|(path, _)| path.exists()).map(|(path, _)| path),
        })
    }

    /// The audit log, where there is a place for it.
    pub(crate) fn audit_path(&self) -> Option<PathBuf> {
        self.state_dir.as_ref().map(|folder| folder.join("audit.jsonl"))
    }
}

/// Gates are never opened by the environment: whoever can set a variable for a server is not always its operator.
fn gate(on: bool, off: bool, setting: Option<bool>) -> bool {
    on || (!off && setting.unwrap_or_default())
}

fn list(flag: &[String], environment: Option<Vec<String>>, setting: Option<Vec<String>>) -> Vec<String> {
    if flag.is_empty() { environment.or(setting).unwrap_or_default() } else { flag.to_vec() }
}

/// How the name of a cluster is understood. A word that is none is refused: it would lead to another cluster.
fn auth_mode(
    flag: Option<AuthMode>,
    environment: &Environment,
    setting: Option<AuthMode>,
) -> Result<trainyard_k8s::AuthMode> {
    let named = match environment.text("EKS_AUTH_MODE") {
        Some(text) => Some(<AuthMode as clap::ValueEnum>::from_str(&text, true).map_err(|_| {
            Error::validation(format!("EKS_AUTH_MODE is {text:?}")).hint("it may be iam or kubeconfig")
        })?),
        None => None,
    };
    Ok(match flag.or(named).or(setting) {
        Some(AuthMode::Iam) => trainyard_k8s::AuthMode::Iam,
        Some(AuthMode::Kubeconfig) => trainyard_k8s::AuthMode::Kubeconfig,
        None => trainyard_k8s::AuthMode::Auto,
    })
}

/// What the file says of Prometheus, at the address that the command line says.
fn prometheus(
    url: Option<&str>,
    settings: Option<trainyard_k8s::prometheus::Settings>,
) -> trainyard_k8s::prometheus::Settings {
    let settings = settings.unwrap_or_default();
    trainyard_k8s::prometheus::Settings { url: url.map(str::to_owned).or(settings.url), ..settings }
}

/// `namespace/name`.
fn config_map(text: Option<&str>) -> Result<Option<(String, String)>> {
    let Some(text) = text else { return Ok(None) };
    match text.split_once('/') {
        Some((namespace, name)) if !namespace.is_empty() && !name.is_empty() && !name.contains('/') => {
            Ok(Some((namespace.to_owned(), name.to_owned())))
        }
        _ => Err(Error::validation(format!("hami_config_map is {text:?}, not NAMESPACE/NAME"))),
    }
}

/// The ML platform's part of the settings file.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct MlSettings {
    data_bucket: Option<String>,
    models_bucket: Option<String>,
    mlflow_url: Option<String>,
}

/// The MLflow server, by the variables that its own clients read.
fn mlflow(settings: Option<&MlSettings>, environment: &Environment) -> Result<trainyard_ml::mlflow::Settings> {
    let setting = settings.and_then(|settings| settings.mlflow_url.clone());
    let settings = trainyard_ml::mlflow::Settings {
        // Its clients take a folder there, too, which is no server.
        url: environment.text("MLFLOW_TRACKING_URI").filter(|url| url.starts_with("http")).or(setting),
        token: environment.text("MLFLOW_TRACKING_TOKEN"),
    };
    settings.check()?;
    Ok(settings)
}

/// Buckets go by the environment before the settings file. Their older variables are understood, and said to be older.
fn buckets(settings: MlSettings, environment: &Environment) -> Result<Buckets> {
    let named = |variable: &'static str, older: &'static str, setting: Option<String>| {
        let bucket = environment.text(variable).or_else(|| {
            let found = environment.text(older)?;
            tracing::warn!("{older} is the older name of {variable}");
            Some(found)
        });
        match bucket.or(setting) {
            Some(name) if !is_bucket(&name) => {
                Err(Error::validation(format!("{variable}: {name:?} is not the name of an S3 bucket")))
            }
            bucket => Ok(bucket),
        }
    };
    Ok(Buckets {
        data: named("ML_DATA_BUCKET", "ML_BUCKET_NAME", settings.data_bucket)?,
        models: named("ML_MODELS_BUCKET", "MODEL_BUCKET_NAME", settings.models_bucket)?,
    })
}

/// As S3 has it: 3 to 63 lower-case letters, digits, dots and hyphens.
fn is_bucket(name: &str) -> bool {
    let inner = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'-' | b'.');
    let ends = ['-', '.'];
    (3..=63).contains(&name.len()) && name.bytes().all(inner) && !name.starts_with(ends) && !name.ends_with(ends)
}

/// Folders that tools may touch. A relative one would mean another folder wherever the server is started.
fn local_paths(flag: &[PathBuf], setting: Option<Vec<PathBuf>>) -> Result<Vec<PathBuf>> {
    let paths = if flag.is_empty() { setting.unwrap_or_default() } else { flag.to_vec() };
    match paths.iter().find(|path| !path.is_absolute()) {
        Some(path) => Err(Error::validation(format!("local_paths: {} is not an absolute path", path.display()))),
        None => Ok(paths),
    }
}

/// The settings file, and whether it was asked for by name. The current folder is not searched: a folder that somebody
/// else filled must not open gates.
fn file(options: &Options, environment: &Environment) -> Option<(PathBuf, bool)> {
    if let Some(path) = options.config.clone().or_else(|| environment.path("TRAINYARD_CONFIG")) {
        return Some((path, true));
    }
    Some((environment.folder("XDG_CONFIG_HOME", ".config")?.join("trainyard.toml"), false))
}

/// The policy that was named, or the one beside the settings file where there is one. One that was named has to be
/// there: a server without it would allow more than its operator thinks.
fn policy_file(options: &Options, setting: Option<PathBuf>, environment: &Environment) -> Option<PathBuf> {
    let usual = || Some(environment.folder("XDG_CONFIG_HOME", ".config")?.join("policy.toml"));
    let named = options.policy.clone().or(setting);
    named.or_else(|| usual().filter(|path| path.try_exists().unwrap_or(true)))
}

fn settings(path: &Path, wanted: bool) -> Result<Settings> {
    let text = match std::fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound && !wanted => return Ok(Settings::default()),
        Err(error) => return Err(Error::validation(format!("could not read {}: {error}", path.display()))),
    };
    toml::from_str(&text).map_err(|error| {
        Error::validation(format!("{}: {}", path.display(), error.message().trim()))
            .hint("see the README for the keys of the settings file")
    })
}

/// A signal is sent where somebody collects it and nobody says no.
fn signals(environment: &Environment) -> Signals {
    let is = |name: &str, value: &str| environment.text(name).is_some_and(|text| text.eq_ignore_ascii_case(value));
    let has = |name: &str| environment.text(name).is_some();
    let on = |signal: &str| {
        (has("OTEL_EXPORTER_OTLP_ENDPOINT") || has(&format!("OTEL_EXPORTER_OTLP_{signal}_ENDPOINT")))
            && !is(&format!("OTEL_{signal}_EXPORTER"), "none")
            && !is("OTEL_SDK_DISABLED", "true")
    };
    Signals { traces: on("TRACES"), metrics: on("METRICS") }
}

fn log_level(verbose: u8, environment: &Environment) -> LevelFilter {
    let named = environment.text("TRAINYARD_LOG").or_else(|| environment.text("FASTMCP_LOG_LEVEL"));
    match verbose {
        0 => {}
        1 => return LevelFilter::INFO,
        2 => return LevelFilter::DEBUG,
        _ => return LevelFilter::TRACE,
    }
    match named.as_deref().map(str::to_ascii_uppercase).as_deref() {
        Some("OFF") => LevelFilter::OFF,
        Some("CRITICAL" | "ERROR") => LevelFilter::ERROR,
        Some("INFO") => LevelFilter::INFO,
        Some("DEBUG") => LevelFilter::DEBUG,
        Some("TRACE") => LevelFilter::TRACE,
        _ => LevelFilter::WARN,
    }
}

/// Variables that mean nothing to AWS, Kubernetes or a collector: how to talk to a terminal, what to offer.
const HARMLESS: &[&str] = &[
    "COLORTERM",
    "COLUMNS",
    "LANG",
    "LC_ALL",
    "LC_CTYPE",
    "NO_COLOR",
    "PATH",
    "RUST_BACKTRACE",
    "TERM",
    "TMPDIR",
    "TRAINYARD_LOG",
    "TRAINYARD_TOOLS",
    "TRAINYARD_TOOLSETS",
    "TZ",
];
/// What stands in place of all others: a home without settings, and no machine to ask for credentials.
const OF_THE_SANDBOX: &[(&str, &str)] = &[("AWS_EC2_METADATA_DISABLED", "true"), ("HOME", "/nonexistent")];

/// Goes on in an environment that leads nowhere, so that no variable, profile or kubeconfig of whoever starts the sandbox
/// can lead out of it: not even one that only AWS's own libraries know. Starts this program anew in this process, once.
pub(crate) fn leave_environment() -> Result<()> {
    use std::os::unix::process::CommandExt;
    if is_left(std::env::vars_os()) {
        return Ok(());
    }
    let failed =
        |error: std::io::Error| Error::internal(format!("the sandbox could not leave this environment: {error}"));
    let mut again = std::process::Command::new(std::env::current_exe().map_err(failed)?);
    again.args(std::env::args_os().skip(1)).env_clear();
    again.envs(std::env::vars_os().filter(|(name, _)| is_harmless(name))).envs(OF_THE_SANDBOX.iter().copied());
    // Comes back only where it fails.
    Err(failed(again.exec()))
}

fn is_harmless(name: &OsStr) -> bool {
    HARMLESS.iter().any(|harmless| name == *harmless)
}

/// Whether an environment leads nowhere already.
fn is_left(variables: impl IntoIterator<Item = (OsString, OsString)>) -> bool {
    let mut of_the_sandbox = 0;
    for (name, value) in variables {
        if OF_THE_SANDBOX.iter().any(|(known, wanted)| name == *known && value == *wanted) {
            of_the_sandbox += 1;
        // Some systems give every process variables of their own, which begin so.
        } else if !is_harmless(&name) && !name.as_encoded_bytes().starts_with(b"__") {
            return false;
        }
    }
    of_the_sandbox == OF_THE_SANDBOX.len()
}

/// The process's environment, read here and nowhere else.
struct Environment;

impl Environment {
    #[expect(clippy::disallowed_methods, reason = "this is the one place that reads the environment")]
    fn raw(&self, name: &str) -> Option<OsString> {
        let Self = self;
        std::env::var_os(name).filter(|value| !value.is_empty())
    }

    fn text(&self, name: &str) -> Option<String> {
        self.raw(name)?.into_string().ok()
    }

    fn path(&self, name: &str) -> Option<PathBuf> {
        self.raw(name).map(PathBuf::from)
    }

    /// Folders, written one after the other as in `PATH`. Those that are not there are passed over, as AWS's own tools do.
    fn folders(&self, name: &str) -> Option<Vec<PathBuf>> {
        Some(std::env::split_paths(&self.raw(name)?).filter(|path| path.is_dir()).collect())
    }

    fn list(&self, name: &str) -> Option<Vec<String>> {
        let text = self.text(name)?;
        Some(text.split(',').map(|word| word.trim().to_owned()).filter(|word| !word.is_empty()).collect())
    }

    fn client_folders(&self) -> Option<Folders> {
        let home = self.path("HOME")?;
        let settings = if cfg!(target_os = "macos") {
            home.join("Library/Application Support")
        } else {
            self.path("XDG_CONFIG_HOME").unwrap_or_else(|| home.join(".config"))
        };
        Some(Folders { home, settings })
    }

    fn kubernetes(
        &self,
        ceiling: Ceiling,
        auth: trainyard_k8s::AuthMode,
        kubeconfig: Option<Vec<PathBuf>>,
    ) -> trainyard_k8s::Settings {
        let named = self.raw("KUBECONFIG").map(|text| std::env::split_paths(&text).collect());
        let usual = || self.path("HOME").map(|home| vec![home.join(".kube/config")]);
        let mut kubeconfig: Vec<PathBuf> = named.or(kubeconfig).or_else(usual).unwrap_or_default();
        kubeconfig.retain(|path| !path.as_os_str().is_empty());
        let in_cluster = self.text("KUBERNETES_SERVICE_HOST").map(|host| {
            let host = if host.contains(':') { format!("[{host}]") } else { host };
            let port = self.text("KUBERNETES_SERVICE_PORT").unwrap_or_else(|| "443".into());
            trainyard_k8s::InCluster {
                url: format!("https://{host}:{port}"),
                service_account: "/var/run/secrets/kubernetes.io/serviceaccount".into(),
            }
        });
        let first = |names: &[&str]| names.iter().find_map(|name| self.text(name));
        let proxy = trainyard_k8s::Proxy {
            https: first(&["HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy"]),
            no_proxy: first(&["NO_PROXY", "no_proxy"]),
        };
        trainyard_k8s::Settings { ceiling, auth, kubeconfig, in_cluster, proxy, ..trainyard_k8s::Settings::default() }
    }

    fn profile_files(&self) -> Vec<PathBuf> {
        let at = |variable: &str, usual: &str| {
            self.path(variable).or_else(|| Some(self.path("HOME")?.join(".aws").join(usual)))
        };
        let files = [at("AWS_CONFIG_FILE", "config"), at("AWS_SHARED_CREDENTIALS_FILE", "credentials")];
        files.into_iter().flatten().collect()
    }

    /// Our folder under a base that the variable names, or under the home folder.
    fn folder(&self, variable: &str, below_home: &str) -> Option<PathBuf> {
        let base = self.path(variable).or_else(|| Some(self.path("HOME")?.join(below_home)))?;
        Some(base.join("trainyard"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_misspelt_key_is_refused_with_its_name() {
        let folder = std::env::temp_dir().join(format!("trainyard-config-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let path = folder.join("trainyard.toml");
        std::fs::write(&path, "allow_writes = true\n").unwrap();
        let error = settings(&path, true).unwrap_err();
        assert!(error.message().contains("allow_writes"), "{error}");
        std::fs::write(&path, "allow_write = true\nconfirm = \"never\"\ntoolsets = [\"ec2\"]\n").unwrap();
        assert_eq!(settings(&path, true).unwrap().allow_write, Some(true));
        std::fs::remove_dir_all(&folder).unwrap();
        assert!(settings(&path, true).is_err(), "a file that was named must be there");
        assert!(settings(&path, false).is_ok());
    }

    #[test]
    fn prometheus_is_where_the_command_line_says_and_its_keys_are_known() {
        let given: Settings = toml::from_str("[prometheus]\nurl = \"https://a\"\nsigv4 = true\n").unwrap();
        let read = prometheus(Some("https://b"), given.prometheus);
        assert_eq!((read.url.as_deref(), read.sigv4), (Some("https://b"), true));
        assert!(toml::from_str::<Settings>("[prometheus]\npassword = \"x\"\n").is_err(), "secrets stand in files");
        assert_eq!(config_map(Some("a/b")).unwrap(), Some(("a".into(), "b".into())));
        assert!(config_map(Some("b")).is_err() && config_map(Some("a/")).is_err());
    }

    #[test]
    fn an_environment_is_left_once_and_wholly() {
        let of = |pairs: &[(&str, &str)]| pairs.iter().map(|(n, v)| ((*n).into(), (*v).into())).collect::<Vec<_>>();
        let left = [&[("PATH", "/bin"), ("__CF_USER_TEXT_ENCODING", "x")], OF_THE_SANDBOX].concat();
        assert!(is_left(of(&left)));
        assert!(!is_left(of(&left[..3])), "the home is another one");
        for name in ["AWS_PROFILE", "AWS_ENDPOINT_URL_EC2", "KUBECONFIG", "HTTPS_PROXY", "XDG_CONFIG_HOME"] {
            assert!(!is_left(of(&[&left[..], &[(name, "x")]].concat())), "{name}");
        }
        assert!(!is_left(of(&[("AWS_EC2_METADATA_DISABLED", "true"), ("HOME", "/home/anna")])));
    }

    #[test]
    fn a_gate_is_closed_unless_it_was_opened() {
        assert!(!gate(false, false, None));
        assert!(gate(true, false, Some(false)));
        assert!(!gate(false, true, Some(true)));
        assert!(gate(false, false, Some(true)));
    }
}
