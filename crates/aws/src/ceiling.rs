//! The operator's ceiling on the wire: the last check before anything is sent.

use trainyard_contract::{Ceiling, Effect, Error, Result};

use crate::catalogue::model::{AccessLevel, Operation, OperationFlags, Service};

/// What an operation does to the world. What no source knows counts as a change.
pub fn effect(operation: &Operation<'_>) -> Effect {
    match operation.access {
        AccessLevel::Read => Effect::Reads,
        AccessLevel::Sensitive => Effect::Reveals,
        AccessLevel::Write | AccessLevel::Unknown if operation.is(OperationFlags::DESTROYS) => Effect::Destroys,
        AccessLevel::Write | AccessLevel::Unknown => Effect::Changes,
    }
}

/// Refuses an operation above the ceiling.
///
/// A dry run is no exception: it is the service that keeps that promise, and some servers do not.
pub(crate) fn check(ceiling: Ceiling, service: &Service<'_>, operation: &Operation<'_>) -> Result<()> {
    let reveals_too = operation.is(OperationFlags::REVEALS).then_some(Effect::Reveals);
    for effect in [Some(effect(operation)), reveals_too].into_iter().flatten() {
        if !ceiling.permits(effect) {
            let what = if effect.writes() { "changes something" } else { "shows secrets or content of others" };
            let message = format!("{} {} {what}, which this server does not allow", service.name, operation.name);
            return Err(Error::policy_denied(message)
                .code("AboveCeiling")
                .operation(service.name, operation.name)
                .hint(format!("the operator allows it with {}", Ceiling::flag(effect))));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalogue;

    fn checked(ceiling: Ceiling, service: &str, operation: &str) -> Result<()> {
        let service = catalogue::service(service).unwrap();
        check(ceiling, service, service.operation(operation).unwrap())
    }

    #[test]
    fn what_is_above_the_ceiling_is_refused_and_the_flag_named() {
        let writes = Ceiling { write: true, sensitive: false };
        assert!(checked(Ceiling::READ_ONLY, "ec2", "DescribeInstances").is_ok());
        assert!(checked(writes, "ec2", "TerminateInstances").is_ok());
        for (ceiling, service, operation, flag) in [
            (Ceiling::READ_ONLY, "ec2", "TerminateInstances", "--allow-write"),
            (writes, "secretsmanager", "GetSecretValue", "--allow-sensitive-data-access"),
            (writes, "iam", "CreateAccessKey", "--allow-sensitive-data-access"),
        ] {
            let error = checked(ceiling, service, operation).unwrap_err();
            assert!(error.hint_str().is_some_and(|hint| hint.contains(flag)), "{operation}: {error}");
        }
    }
}
