//! Parameters of a stack: read from a file, and held against what the template declares before anything is made.

use std::{
    collections::HashSet,
    path::{Component, Path, PathBuf},
};

use trainyard_contract::{Error, Result, nearest};

use super::{stack::Parameter, wire::Declared};

/// A parameters file is a page or two.
const MAX_BYTES: u64 = 1 << 20;

/// Folders of secrets, wherever a home folder is.
const SECRET_FOLDERS: [&str; 7] = [".aws", ".ssh", ".gnupg", ".docker", ".kube", ".config", ".local"];

/// Reads `[{"ParameterKey": …, "ParameterValue": …}]` from an absolute path.
pub(crate) fn read(path: &str) -> Result<Vec<Parameter>> {
    let given = Path::new(path);
    if !given.is_absolute() {
        return Err(Error::validation(format!("{path:?} is not an absolute path")).code("BlockedPath"));
    }
    let resolved = given
        .canonicalize()
        .map_err(|error| Error::validation(format!("could not read the parameters file {path:?}: {error}")))?;
    allowed(given)?;
    allowed(&resolved)?;
    let size = resolved.metadata().map(|facts| if facts.is_file() { facts.len() } else { u64::MAX });
    if size.is_ok_and(|size| size > MAX_BYTES) {
        return Err(Error::validation(format!("{path:?} is not a file of at most 1 MiB")));
    }
    let text = std::fs::read_to_string(&resolved)
        .map_err(|error| Error::validation(format!("could not read the parameters file {path:?}: {error}")))?;
    // The parser's message says where, not what: nothing of a wrong file's content is shown.
    serde_json::from_str(&text).map_err(|error| {
        Error::validation(format!(
            "{path:?} is not a list of parameters (line {}, column {})",
            error.line(),
            error.column()
        ))
        .hint("it should be a JSON list of {\"ParameterKey\": \"…\", \"ParameterValue\": \"…\"}")
    })
}

/// Keeps away from where secrets and the system's own files are.
fn allowed(path: &Path) -> Result<()> {
    let parts: Vec<_> = path
        .components()
        .filter_map(|part| match part {
            Component::Normal(name) => Some(name.to_string_lossy().to_ascii_lowercase()),
            _ => None,
        })
        .collect();
    let top = parts.first().map(String::as_str).unwrap_or_default();
    let hidden = parts.iter().any(|part| SECRET_FOLDERS.contains(&part.as_str()));
    let dotted = parts.last().is_some_and(|name| name.starts_with('.'));
    let system = matches!(top, "proc" | "sys" | "dev" | "etc");
    let json = PathBuf::from(path).extension().is_some_and(|extension| extension.eq_ignore_ascii_case("json"));
    if hidden || dotted || system || !json {
        return Err(Error::policy_denied(format!("{:?} is not a place for a parameters file", path.display()))
            .code("BlockedPath")
            .hint("use a .json file outside hidden and system folders"));
    }
    Ok(())
}

/// Holds parameters against what the template declares: unknown, given twice, missing, outside allowed values, wrong
/// type. All faults at once, so that one correction suffices.
pub(crate) fn check(given: &[Parameter], declared: &[Declared]) -> Result<()> {
    let mut faults = Vec::new();
    let mut seen = HashSet::new();
    for parameter in given {
        let key = parameter.parameter_key.as_str();
        if !seen.insert(key) {
            faults.push(format!("{key} is given twice"));
        }
        match declared.iter().find(|known| known.parameter_key == key) {
            None => faults.push(unknown(key, declared)),
            Some(known) => faults.extend(parameter.parameter_value.as_deref().and_then(|value| wrong(known, value))),
        }
    }
    for known in declared.iter().filter(|known| known.default_value.is_none()) {
        if !seen.contains(known.parameter_key.as_str()) {
            faults.push(format!("{} is missing", known.parameter_key));
        }
    }
    if faults.is_empty() {
        return Ok(());
    }
    Err(Error::validation(format!("the parameters do not fit the template: {}", faults.join("; ")))
        .code("InvalidParameters"))
}

fn unknown(key: &str, declared: &[Declared]) -> String {
    match nearest(key, declared.iter().map(|known| known.parameter_key.as_str())) {
        Some(near) => format!("{key} is unknown (did you mean {near}?)"),
        None => format!("{key} is unknown"),
    }
}

fn wrong(known: &Declared, value: &str) -> Option<String> {
    let key = &known.parameter_key;
    if known.parameter_type.as_deref() == Some("Number") && value.parse::<f64>().is_err() {
        return Some(format!("{key} is a number, not {value:?}"));
    }
    let allowed = &known.parameter_constraints.as_ref()?.allowed_values;
    (!allowed.is_empty() && !allowed.iter().any(|one| one == value))
        .then(|| format!("{key} is one of {}, not {value:?}", allowed.join(", ")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::aws::cloudformation::wire::Constraints;

    fn parameter(key: &str, value: &str) -> Parameter {
        Parameter { parameter_key: key.into(), parameter_value: Some(value.into()), use_previous_value: None }
    }

    #[test]
    fn every_fault_is_named_at_once() {
        let declared = [
            Declared { parameter_key: "ClusterName".into(), ..Declared::default() },
            Declared {
                parameter_key: "Stage".into(),
                parameter_constraints: Some(Constraints { allowed_values: vec!["gamma".into(), "prod".into()] }),
                default_value: Some("prod".into()),
                ..Declared::default()
            },
            Declared {
                parameter_key: "Nodes".into(),
                parameter_type: Some("Number".into()),
                default_value: Some("1".into()),
                ..Declared::default()
            },
        ];
        assert!(check(&[parameter("ClusterName", "c")], &declared).is_ok());
        let given = [parameter("ClusterNam", "c"), parameter("Stage", "beta"), parameter("Nodes", "two")];
        let error = check(&given, &declared).unwrap_err();
        for fault in [
            "ClusterNam is unknown (did you mean ClusterName?)",
            "Stage is one of gamma, prod, not \"beta\"",
            "Nodes is a number, not \"two\"",
            "ClusterName is missing",
        ] {
            assert!(error.message().contains(fault), "{error}");
        }
    }

    #[test]
    fn secrets_and_system_files_are_no_parameters() {
        for path in ["/etc/passwd", "/proc/self/environ", "/home/me/.aws/credentials", "/home/me/.env", "/tmp/key.pem"]
        {
            assert!(allowed(Path::new(path)).is_err(), "{path}");
        }
        assert!(allowed(Path::new("/home/me/cluster/parameters.json")).is_ok());
        assert!(read("parameters.json").unwrap_err().message().contains("absolute"));
    }

    #[test]
    fn the_content_of_a_wrong_file_is_not_shown() {
        let path = std::env::temp_dir().join(format!("trainyard-parameters-{}.json", std::process::id()));
        std::fs::write(&path, "{\"secret\": \"open sesame\"").unwrap();
        let error = read(path.to_str().unwrap()).unwrap_err();
        std::fs::write(&path, r#"[{"ParameterKey": "A", "ParameterValue": "1"}]"#).unwrap();
        assert_eq!(read(path.to_str().unwrap()).unwrap(), [parameter("A", "1")]);
        std::fs::remove_file(&path).unwrap();
        assert!(!error.to_string().contains("sesame"), "{error}");
    }
}
