//! The command line.

use std::path::PathBuf;

use clap::{ArgAction, Args, Parser, Subcommand, ValueEnum};

use crate::install::Client;

/// Run machine-learning infrastructure on AWS and Kubernetes: for AI assistants over MCP, and for you at the shell
#[derive(Debug, Parser)]
#[command(name = "trainyard", version, max_term_width = 100, after_help = AFTER)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    pub(crate) command: Command,
    #[command(flatten)]
    pub(crate) options: Options,
}

const AFTER: &str = "\
Start here:
  trainyard demo                                         what this is, on a fleet inside of this program
  trainyard doctor                                       what works from here, and what is missing
  trainyard tools                                        what there is
  trainyard tools ec2_list_instances                     one tool: parameters and an example
  trainyard call ec2_list_instances states=running       call it
  trainyard serve                                        MCP over standard input and output
  trainyard serve --http                                 MCP over HTTP, on this machine

Nothing is changed and no secret is shown unless you say --allow-write or --allow-sensitive-data-access.";

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Serve MCP on standard input and output, or over HTTP
    Serve(ServeArguments),
    /// Show what an assistant asks and sees, on a GPU fleet inside of this program
    Demo(FleetArguments),
    /// Grade how an assistant handled an incident of the sandbox
    Eval(EvalArguments),
    /// List the tools, or show one
    Tools {
        /// Show this tool
        name: Option<String>,
        /// Only a checksum of the definitions, as an assistant reads them: it changes when any of them does
        #[arg(long, conflicts_with = "name")]
        digest: bool,
        /// As JSON
        #[arg(long)]
        json: bool,
    },
    /// Call a tool, through the same door as an assistant
    Call(CallArguments),
    /// Show what works from here: credentials, identity, region, endpoint, log
    Doctor {
        /// As JSON
        #[arg(long)]
        json: bool,
    },
    /// Put this server into the settings of an MCP client
    Install(InstallArguments),
    /// Take it out again
    Uninstall(UninstallArguments),
    /// Explain, test and write down what is allowed; stop all changes
    #[command(subcommand)]
    Policy(crate::commands::policy::Command),
    /// Agree to a plan that an assistant waits with
    Approve(ApproveArguments),
    /// Look at the audit log, and check it
    #[command(subcommand)]
    Audit(crate::commands::audit::Command),
    /// Datasets: register files, look into them
    #[command(after_help = crate::commands::platform::help("dataset"))]
    Dataset(VerbArguments),
    /// Train a model: trainyard train DATASET TARGET [KEY=VALUE …]
    #[command(after_help = crate::commands::platform::help("train"))]
    Train(VerbArguments),
    /// Models: quality, predictions, aliases
    #[command(after_help = crate::commands::platform::help("model"))]
    Model(VerbArguments),
    /// Trainings: follow them, end them
    #[command(after_help = crate::commands::platform::help("jobs"))]
    Jobs(VerbArguments),
    /// Do one training job: this program starts itself with it
    #[command(hide = true)]
    Worker(WorkerArguments),
    /// Print the completion script of a shell
    Completions {
        /// Which shell
        shell: clap_complete::Shell,
    },
}

/// Where `--http` listens when it is not told.
pub(crate) const HTTP_ADDRESS: &str = "127.0.0.1:8731";

#[derive(Debug, Default, Args)]
#[expect(clippy::struct_excessive_bools, reason = "a flag is a bool")]
pub(crate) struct ServeArguments {
    /// Over HTTP at this address (HOST:PORT, or unix:PATH) instead of standard input and output
    #[arg(long, value_name = "ADDRESS", num_args = 0..=1, default_missing_value = HTTP_ADDRESS)]
    pub(crate) http: Option<String>,
    /// List four tools that find, describe and call all the others
    #[arg(long)]
    pub(crate) gateway: bool,
    /// An AWS account and a cluster inside of this program, to practise on, in place of yours
    #[arg(long, help_heading = "Sandbox")]
    pub(crate) sandbox: bool,
    /// An incident to play there: `trainyard eval --list` shows which there are
    #[arg(long, value_name = "NAME", requires = "sandbox", help_heading = "Sandbox")]
    pub(crate) scenario: Option<String>,
    /// Write all calls and their answers to this file, for `trainyard eval`
    #[arg(long, value_name = "FILE", requires = "sandbox", help_heading = "Sandbox")]
    pub(crate) transcript: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) fleet: FleetArguments,
    /// File with the token that clients have to send; made where there is none
    #[arg(long, value_name = "FILE", requires = "http", help_heading = "HTTP")]
    pub(crate) token_file: Option<PathBuf>,
    /// Identity provider whose tokens are taken, instead of one token for all
    #[arg(
        long,
        value_name = "URL",
        requires = "http",
        requires = "oauth_resource",
        conflicts_with = "token_file",
        help_heading = "HTTP"
    )]
    pub(crate) oauth_issuer: Option<String>,
    /// Address of the endpoint as clients know it; the tokens are made for it
    #[arg(long, value_name = "URL", requires = "oauth_issuer", help_heading = "HTTP")]
    pub(crate) oauth_resource: Option<String>,
    /// Certificates as PEM, the server's own first
    #[arg(long, value_name = "FILE", requires = "http", requires = "tls_key", help_heading = "HTTP")]
    pub(crate) tls_cert: Option<PathBuf>,
    /// Private key as PEM
    #[arg(long, value_name = "FILE", requires = "tls_cert", help_heading = "HTTP")]
    pub(crate) tls_key: Option<PathBuf>,
    /// Listen beyond this machine without TLS: something in front of this server has it
    #[arg(long, requires = "http", conflicts_with = "tls_cert", help_heading = "HTTP")]
    pub(crate) plain_http: bool,
    /// Names that clients call this server by, besides localhost
    #[arg(long, value_delimiter = ',', value_name = "HOST,…", requires = "http", help_heading = "HTTP")]
    pub(crate) allow_host: Vec<String>,
    /// Web pages that may call, besides those on localhost: https://host:port
    #[arg(long, value_delimiter = ',', value_name = "ORIGIN,…", requires = "http", help_heading = "HTTP")]
    pub(crate) allow_origin: Vec<String>,
    /// No sessions for clients of the older revisions; they can then be asked nothing
    #[arg(long, requires = "http", help_heading = "HTTP")]
    pub(crate) no_sessions: bool,
    /// Show numbers of calls at /metrics, for Prometheus, to everybody who can connect
    #[arg(long, requires = "http", help_heading = "HTTP")]
    pub(crate) metrics: bool,
}

impl Command {
    /// Whether all that it reaches is in the sandbox.
    pub(crate) fn is_sandboxed(&self) -> bool {
        matches!(self, Self::Demo(_) | Self::Serve(ServeArguments { sandbox: true, .. }))
    }
}

#[derive(Debug, Args)]
pub(crate) struct EvalArguments {
    /// The incident
    #[arg(required_unless_present = "list")]
    pub(crate) scenario: Option<String>,
    /// What `trainyard serve --sandbox --transcript FILE` wrote
    #[arg(long, value_name = "FILE", required_unless_present = "list")]
    pub(crate) transcript: Option<PathBuf>,
    /// What the assistant concluded, where the transcript does not say it; @FILE reads it from a file, - from standard input
    #[arg(long, value_name = "TEXT")]
    pub(crate) conclusion: Option<String>,
    /// Show the incidents that there are, and what somebody asks in each
    #[arg(long, conflicts_with_all = ["scenario", "transcript", "conclusion"])]
    pub(crate) list: bool,
    /// As JSON
    #[arg(long)]
    pub(crate) json: bool,
}

/// The fleet of the sandbox.
#[derive(Debug, Default, Clone, Args)]
pub(crate) struct FleetArguments {
    /// Nodes of the sandbox's cluster
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(4..=1000), help_heading = "Sandbox")]
    pub(crate) nodes: Option<u32>,
    /// Pods on them; five a node when absent
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(0..=20_000), help_heading = "Sandbox")]
    pub(crate) pods: Option<u32>,
    /// EC2 instances of the sandbox's account beside those of its clusters, to see how much is too much
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(0..=50_000), help_heading = "Sandbox")]
    pub(crate) instances: Option<u32>,
    /// Where its chance begins: the same number makes the same fleet
    #[arg(long, value_name = "N", help_heading = "Sandbox")]
    pub(crate) seed: Option<u64>,
}

impl FleetArguments {
    /// Whether anything is said of it.
    pub(crate) fn is_given(&self) -> bool {
        self.nodes.is_some() || self.pods.is_some() || self.instances.is_some() || self.seed.is_some()
    }
}

#[derive(Debug, Args)]
pub(crate) struct InstallArguments {
    /// Which client
    pub(crate) client: Client,
    /// This settings file instead of the client's usual one
    #[arg(long, value_name = "FILE")]
    pub(crate) file: Option<PathBuf>,
    /// Print the entry and write nothing
    #[arg(long)]
    pub(crate) print: bool,
    /// Flags of `trainyard serve`, after --
    #[arg(last = true, value_name = "FLAGS")]
    pub(crate) flags: Vec<String>,
}

#[derive(Debug, Args)]
pub(crate) struct UninstallArguments {
    /// Which client
    pub(crate) client: Client,
    /// This settings file instead of the client's usual one
    #[arg(long, value_name = "FILE")]
    pub(crate) file: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct WorkerArguments {
    /// The job
    #[arg(long)]
    pub(crate) job: String,
    /// Which attempt at it this is
    #[arg(long)]
    pub(crate) attempt: u32,
}

#[derive(Debug, Args)]
pub(crate) struct VerbArguments {
    /// What to do; the list of what there is, when absent
    pub(crate) verb: Option<String>,
    /// Names and files in their order, and further parameters of the tool
    #[arg(value_name = "WORD | KEY=VALUE")]
    pub(crate) words: Vec<String>,
    /// As JSON, even at a terminal
    #[arg(long)]
    pub(crate) json: bool,
    /// Agree beforehand to what the call would ask
    #[arg(long)]
    pub(crate) yes: bool,
    /// Start a training and do not wait for its end
    #[arg(long)]
    pub(crate) detach: bool,
}

#[derive(Debug, Args)]
pub(crate) struct ApproveArguments {
    /// The plan's handle
    #[arg(value_name = "PLAN")]
    pub(crate) plan: Option<String>,
    /// List the plans that wait
    #[arg(long)]
    pub(crate) list: bool,
    /// As JSON
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct CallArguments {
    /// Name of the tool
    pub(crate) tool: String,
    /// Arguments; lists and objects as JSON
    #[arg(value_name = "KEY=VALUE")]
    pub(crate) pairs: Vec<String>,
    /// An argument, as above
    #[arg(long = "arg", value_name = "KEY=VALUE")]
    pub(crate) more: Vec<String>,
    /// All arguments as one JSON object; @FILE reads it from a file, - from standard input
    #[arg(long, value_name = "JSON")]
    pub(crate) args: Option<String>,
    /// As JSON, even at a terminal
    #[arg(long)]
    pub(crate) json: bool,
    /// Agree beforehand to what the call would ask
    #[arg(long)]
    pub(crate) yes: bool,
}

/// What stands before or after every command. Absent means: ask the environment, then the settings file.
#[derive(Debug, Default, Args)]
#[expect(clippy::struct_excessive_bools, reason = "a flag is a bool")]
pub(crate) struct Options {
    /// Allow calls that change something
    #[arg(long, global = true, action = ArgAction::SetTrue, overrides_with = "no_allow_write", help_heading = "Gates")]
    pub(crate) allow_write: bool,
    /// Do not (the default)
    #[arg(long, global = true, overrides_with = "allow_write", hide = true)]
    pub(crate) no_allow_write: bool,
    /// Allow calls that show secrets, logs or content of others
    #[arg(long, global = true, overrides_with = "no_allow_sensitive_data_access", help_heading = "Gates")]
    pub(crate) allow_sensitive_data_access: bool,
    /// Do not (the default)
    #[arg(long, global = true, overrides_with = "allow_sensitive_data_access", hide = true)]
    pub(crate) no_allow_sensitive_data_access: bool,
    /// What a person has to agree to
    #[arg(long, global = true, value_enum, help_heading = "Gates")]
    pub(crate) confirm: Option<Confirm>,
    /// What is allowed below the gates: a policy file, read once at start
    #[arg(long, global = true, value_name = "FILE", help_heading = "Gates")]
    pub(crate) policy: Option<PathBuf>,
    /// Join the words of logs and other text of others by a sign, so that no model takes them for an order; costs tokens
    #[arg(long, global = true, help_heading = "Gates")]
    pub(crate) datamark: bool,
    /// Offer these toolsets: names, "default" or "all"
    #[arg(long, global = true, value_delimiter = ',', value_name = "NAME,…", help_heading = "Tools")]
    pub(crate) toolsets: Vec<String>,
    /// Offer only these tools
    #[arg(long = "tools", global = true, value_delimiter = ',', value_name = "NAME,…", help_heading = "Tools")]
    pub(crate) tool_names: Vec<String>,
    /// Do not offer these tools
    #[arg(long, global = true, value_delimiter = ',', value_name = "NAME,…", help_heading = "Tools")]
    pub(crate) exclude_tools: Vec<String>,
    /// Leave tools that would be refused out of the list
    #[arg(long, global = true, help_heading = "Tools")]
    pub(crate) hide_disabled: bool,
    /// AWS profile where a call names none
    #[arg(long, global = true, value_name = "NAME", help_heading = "AWS")]
    pub(crate) profile: Option<String>,
    /// AWS region where a call names none
    #[arg(long, global = true, value_name = "NAME", help_heading = "AWS")]
    pub(crate) region: Option<String>,
    /// How a cluster's name is understood: EKS with AWS credentials, or a kubeconfig context; what fits when absent
    #[arg(long, global = true, value_enum, help_heading = "Kubernetes")]
    pub(crate) auth_mode: Option<AuthMode>,
    /// Prometheus with the metrics of accelerators, up to /api/v1; one of the cluster when run inside of it
    #[arg(long, global = true, value_name = "URL", help_heading = "Kubernetes")]
    pub(crate) prometheus_url: Option<String>,
    /// HAMi's ConfigMap, where it is not to be looked for by its labels
    #[arg(long, global = true, value_name = "NAMESPACE/NAME", help_heading = "Kubernetes")]
    pub(crate) hami_config_map: Option<String>,
    /// Allow CloudFormation templates from these S3 buckets, besides AWS's own
    #[arg(long, global = true, value_delimiter = ',', value_name = "BUCKET,…", help_heading = "Gates")]
    pub(crate) template_buckets: Vec<String>,
    /// Let tools read and write files below these folders
    #[arg(long, global = true, value_delimiter = ',', value_name = "FOLDER,…", help_heading = "Gates")]
    pub(crate) local_paths: Vec<PathBuf>,
    /// Settings file
    #[arg(long, global = true, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    /// Folder of the audit log and of plans that wait
    #[arg(long, global = true, value_name = "FOLDER")]
    pub(crate) state_dir: Option<PathBuf>,
    /// Longest time for one call
    #[arg(long, global = true, value_name = "SECONDS", value_parser = clap::value_parser!(u64).range(1..=3600))]
    pub(crate) call_timeout: Option<u64>,
    /// Say more on standard error; twice for still more
    #[arg(short, long, global = true, action = ArgAction::Count)]
    pub(crate) verbose: u8,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum AuthMode {
    /// Every cluster's name is an EKS cluster's
    Iam,
    /// Every cluster's name is a kubeconfig context's, or its cluster's
    Kubeconfig,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Confirm {
    /// What cannot be undone, and what costs money
    Destructive,
    /// Everything that changes something
    Changes,
    /// Nothing: for unattended use
    Never,
}
