//! `trainyard doctor`: what works from here, and what is missing.

use std::{process::ExitCode, sync::Arc, time::SystemTime};

use serde::Serialize;
use serde_json::{Map, Value, json};
use trainyard_aws::Scope;
use trainyard_contract::{Error, Result, Unheard};
use trainyard_dispatch::{Caller, Dispatch, Outcome, Request};
use trainyard_tools::App;

use crate::{config::Config, output};

#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
enum Health {
    Ok,
    Warn,
    Fail,
}

/// One thing that was looked at.
#[derive(Debug, Serialize)]
struct Check {
    check: &'static str,
    health: Health,
    found: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    hint: Option<String>,
}

impl Check {
    fn ok(check: &'static str, found: impl Into<String>) -> Self {
        Self { check, health: Health::Ok, found: found.into(), hint: None }
    }

    fn warn(check: &'static str, found: impl Into<String>, hint: &str) -> Self {
        Self { check, health: Health::Warn, found: found.into(), hint: Some(hint.to_owned()) }
    }

    fn fail(check: &'static str, error: &Error) -> Self {
        let hint = error.hint_str().map(str::to_owned);
        Self { check, health: Health::Fail, found: error.message().to_owned(), hint }
    }
}

pub(crate) async fn run(config: &Config, json: bool) -> Result<ExitCode> {
    let dispatch = super::dispatch(config, super::terminal::codes())?;
    let mut checks = vec![settings(config), gates(config), policy(config), tools(&dispatch), log(config)];
    checks.extend(aws(&dispatch, config).await);
    let failed = checks.iter().any(|check| check.health == Health::Fail);
    if json || !output::at_terminal() {
        let facts = json!({ "version": env!("CARGO_PKG_VERSION"), "healthy": !failed, "checks": checks });
        output::text(&format!("{facts:#}\n"))?;
    } else {
        output::text(&for_people(&checks))?;
    }
    Ok(if failed { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

fn for_people(checks: &[Check]) -> String {
    let mut text = format!("trainyard {}\n\n", env!("CARGO_PKG_VERSION"));
    for check in checks {
        let mark = match check.health {
            Health::Ok => "ok  ",
            Health::Warn => "WARN",
            Health::Fail => "FAIL",
        };
        text.push_str(&format!("{mark}  {:<12} {}\n", check.check, check.found));
        if let Some(hint) = &check.hint {
            text.push_str(&format!("{:19}{hint}\n", ""));
        }
    }
    text
}

fn settings(config: &Config) -> Check {
    match &config.file {
        Some(path) => Check::ok("settings", path.display().to_string()),
        None => Check::ok("settings", "no settings file; flags and defaults"),
    }
}

fn gates(config: &Config) -> Check {
    let word = |on: bool| if on { "allowed" } else { "refused" };
    let found = format!(
        "changes {}, sensitive data {}, confirmation: {:?}",
        word(config.ceiling.write),
        word(config.ceiling.sensitive),
        config.confirm
    );
    if config.ceiling.write && config.confirm == trainyard_dispatch::Confirm::Never {
        return Check::warn("gates", found, "anything can be destroyed without a question");
    }
    Check::ok("gates", found)
}

fn policy(config: &Config) -> Check {
    if trainyard_dispatch::Switch::of(config.state_dir.as_deref()).is_on() {
        return Check::warn("policy", "all changes are stopped", "`trainyard policy resume` lets them go on");
    }
    match (&config.policy_file, config.policy.digest()) {
        (Some(path), Some(digest)) => Check::ok(
            "policy",
            format!("{} ({} rules, sha256 {})", path.display(), config.policy.count(), &digest[..16]),
        ),
        _ => Check::ok("policy", "none; the gates alone decide"),
    }
}

fn tools(dispatch: &Dispatch<App>) -> Check {
    let registry = dispatch.registry();
    let ceiling = dispatch.options().ceiling;
    let all = registry.views().len();
    let refused: Vec<_> = registry
        .views()
        .iter()
        .filter_map(|view| registry.definition(view.name).ok())
        .filter(|tool| !ceiling.permits(tool.least()))
        .map(|tool| tool.name)
        .collect();
    if refused.is_empty() {
        return Check::ok("tools", format!("{all} listed, all of use under these gates"));
    }
    Check::ok("tools", format!("{all} listed, {} refused under these gates: {}", refused.len(), refused.join(", ")))
}

fn log(config: &Config) -> Check {
    let Some(path) = config.audit_path() else {
        return Check::warn("audit log", "none: no home folder", "set --state-dir; without a log nothing is changed");
    };
    let folder = path.parent().unwrap_or(&path);
    let writable = std::fs::create_dir_all(folder)
        .and_then(|()| std::fs::OpenOptions::new().create(true).append(true).open(&path).map(drop));
    match writable {
        Ok(()) => Check::ok("audit log", path.display().to_string()),
        Err(error) => {
            let found = format!("{}: {error}", path.display());
            Check::warn(
                "audit log",
                found,
                "set --state-dir to a folder that can be written; without a log nothing is changed",
            )
        }
    }
}

async fn aws(dispatch: &Arc<Dispatch<App>>, config: &Config) -> Vec<Check> {
    let info = dispatch.context().aws.describe_scope(&Scope::default()).await;
    let mut checks = Vec::new();
    checks.push(match &info.profile {
        Some(profile) => Check::ok("profile", profile.clone()),
        None => Check::ok("profile", "default"),
    });
    let region = info.region.as_ref().map(|(region, source)| format!("{region} (from {source})"));
    checks.push(region.map_or_else(|error| Check::fail("region", error), |found| Check::ok("region", found)));
    let known = info.region.is_ok() && info.credentials.is_ok();
    checks.push(match &info.credentials {
        Ok(found) => credentials(found),
        Err(error) => Check::fail("credentials", error),
    });
    if let Some(url) = &info.endpoint_override {
        checks.push(Check::warn("endpoint", url.clone(), "every AWS call goes there, not to AWS"));
    }
    if known {
        let (check, arn) = identity(dispatch, config).await;
        checks.push(check);
        if let Some(arn) = arn.filter(|_| config.ceiling.write) {
            checks.push(rights(dispatch, &arn).await);
        }
    }
    checks
}

/// What no tool needs: whoever may do all of this is an administrator.
const POWERS: [&str; 3] = ["iam:AttachRolePolicy", "iam:CreateUser", "organizations:LeaveOrganization"];

/// Whether the identity may do far more than any tool needs, as IAM's simulation says.
async fn rights(dispatch: &Dispatch<App>, arn: &str) -> Check {
    let question = json!({ "PolicySourceArn": policy_source(arn), "ActionNames": POWERS });
    let answer = dispatch.context().aws.call("iam", "SimulatePrincipalPolicy", question, &Scope::default()).await;
    let results = match answer {
        Ok(reply) => reply.output["EvaluationResults"].as_array().cloned().unwrap_or_default(),
        Err(error) => return Check::ok("rights", format!("not known: {}", error.message())),
    };
    if results.len() == POWERS.len() && results.iter().all(|result| result["EvalDecision"] == "allowed") {
        let hint = "`trainyard policy iam` prints what the chosen tools need; use a role with no more than that";
        return Check::warn("rights", "those of an administrator, and changes are allowed", hint);
    }
    Check::ok("rights", "not those of an administrator")
}

/// The user or role whose policies count: IAM knows nothing of sessions.
fn policy_source(arn: &str) -> String {
    let parts: Vec<&str> = arn.splitn(6, ':').collect();
    match parts[..] {
        ["arn", partition, "sts", _, account, session] => {
            let role = session.strip_prefix("assumed-role/").and_then(|rest| rest.split('/').next());
            role.map_or_else(|| arn.to_owned(), |role| format!("arn:{partition}:iam::{account}:role/{role}"))
        }
        _ => arn.to_owned(),
    }
}

fn credentials(found: &trainyard_aws::CredentialsInfo) -> Check {
    let name = format!("{} from {}", found.access_key_id, found.provider);
    let Some(end) = found.expires else { return Check::ok("credentials", name) };
    match end.duration_since(SystemTime::now()) {
        Ok(left) if left.as_secs() < 300 => {
            Check::warn("credentials", format!("{name}, for {} s more", left.as_secs()), "renew them soon")
        }
        Ok(left) => Check::ok("credentials", format!("{name}, for {} min more", left.as_secs() / 60)),
        Err(_) => {
            Check::warn("credentials", format!("{name}, expired"), "renew them, for example with `aws sso login`")
        }
    }
}

/// Asks AWS who calls, by the road that every call takes. What was found, and the ARN.
async fn identity(dispatch: &Dispatch<App>, config: &Config) -> (Check, Option<String>) {
    let request = Request {
        tool: "iam_get_caller_identity".into(),
        arguments: Map::new(),
        caller: Caller { door: "shell", client: "doctor".into(), ..Caller::default() },
        person: false,
        agreed: None,
        progress: Arc::new(Unheard),
    };
    let check = match dispatch.call(request).await {
        Outcome::Done(done) => {
            let text = |name: &str| done.value.get(name).and_then(Value::as_str).unwrap_or("?").to_owned();
            let found = format!("{} in account {}", text("arn"), text("account"));
            if text("kind") == "root" && config.ceiling.write {
                let hint = "this is the account's root user, and changes are allowed";
                return (Check::warn("identity", found, hint), None);
            }
            return (Check::ok("identity", found), Some(text("arn")));
        }
        Outcome::Failed(error, _) if error.code_str() == "UnknownTool" => {
            Check::warn("identity", "not asked", "iam_get_caller_identity is not among the selected tools")
        }
        Outcome::Failed(error, _) => Check::fail("identity", &error),
        Outcome::Ask(_) => Check::warn("identity", "not asked", "a read was not expected to be asked about"),
    };
    (check, None)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_session_has_the_rights_of_its_role() {
        for (arn, source) in [
            ("arn:aws:sts::111122223333:assumed-role/train/me", "arn:aws:iam::111122223333:role/train"),
            ("arn:aws-cn:sts::111122223333:assumed-role/train/i-0", "arn:aws-cn:iam::111122223333:role/train"),
            ("arn:aws:iam::111122223333:user/team/me", "arn:aws:iam::111122223333:user/team/me"),
            ("nonsense", "nonsense"),
        ] {
            assert_eq!(policy_source(arn), source);
        }
    }
}
