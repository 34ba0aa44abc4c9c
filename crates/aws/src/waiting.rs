//! Waits for the conditions that the models name: `InstanceRunning`, `StackCreateComplete`.

use std::time::{Duration, Instant};

use serde_json::Value;
use trainyard_contract::{Error, ErrorKind, Result, nearest};

use crate::{
    catalogue::model::{Acceptor, Service, Waiter},
    engine::Engine,
    project, service,
    settings::Scope,
};

/// A condition that came true.
#[derive(Debug, Clone)]
pub struct Waited {
    /// The last answer, or nothing where the condition is an error (`InstanceTerminated` of one that is gone).
    pub output: Value,
    /// How often was asked.
    pub polls: u32,
}

/// What is asked for between two questions of a wait.
#[derive(Debug, Clone, Copy)]
pub struct Patience {
    /// Give up after this long.
    pub max: Duration,
    /// Ask this often; `None` is as often as the model says.
    pub every: Option<Duration>,
}

/// What an answer means for a waiter.
#[derive(Debug, PartialEq, Eq)]
enum Verdict {
    Success,
    Failure,
    Retry,
    /// No rule matched.
    Unknown,
}

impl Engine {
    /// Asks until a named condition is true. `on_poll` hears the number and the answer of each question that did not
    /// decide. Dropping the future stops waiting.
    pub async fn wait(
        &self,
        service: &str,
        waiter: &str,
        input: Value,
        scope: &Scope,
        patience: Patience,
        mut on_poll: impl FnMut(u32, &Value) + Send,
    ) -> Result<Waited> {
        let known = find(service::load(service)?.service, waiter)?;
        let every = patience.every.unwrap_or_else(|| Duration::from_secs(u64::from(known.delay)));
        let end = Instant::now() + patience.max;
        let mut polls = 0;
        loop {
            polls += 1;
            let answer = self.call(service, known.operation, input.clone(), scope).await.map(|reply| reply.output);
            match (verdict(known, &answer)?, answer) {
                (Verdict::Success, answer) => return Ok(Waited { output: answer.unwrap_or_default(), polls }),
                (Verdict::Failure, answer) => return Err(failed(known, answer)),
                (Verdict::Unknown, Err(error)) => return Err(error),
                (Verdict::Unknown | Verdict::Retry, answer) => on_poll(polls, &answer.unwrap_or_default()),
            }
            if Instant::now() + every > end {
                return Err(Error::new(
                    ErrorKind::Timeout,
                    format!("{waiter} was not true within {} s", patience.max.as_secs()),
                )
                .code("WaiterTimeout")
                .operation(service, known.operation));
            }
            tokio::time::sleep(every).await;
        }
    }
}

fn find(service: &'static Service<'static>, name: &str) -> Result<&'static Waiter<'static>> {
    service.waiters.iter().find(|waiter| waiter.name == name).ok_or_else(|| {
        let error = Error::validation(format!("{} has no waiter {name:?}", service.name)).code("UnknownWaiter");
        match nearest(name, service.waiters.iter().map(|waiter| waiter.name)) {
            Some(near) => error.hint(format!("did you mean {near}?")),
            None => error,
        }
    })
}

fn failed(waiter: &Waiter<'_>, answer: Result<Value>) -> Error {
    match answer {
        Err(error) => error,
        Ok(_) => Error::new(ErrorKind::Conflict, format!("{} can no longer become true", waiter.name))
            .code("WaiterFailed")
            .hint(format!("{} says what happened", waiter.operation)),
    }
}

fn verdict(waiter: &Waiter<'_>, answer: &Result<Value>) -> Result<Verdict> {
    for acceptor in &waiter.acceptors {
        if matches(acceptor, answer)? {
            return Ok(match acceptor.state {
                "success" => Verdict::Success,
                "failure" => Verdict::Failure,
                _ => Verdict::Retry,
            });
        }
    }
    Ok(Verdict::Unknown)
}

fn matches(acceptor: &Acceptor<'_>, answer: &Result<Value>) -> Result<bool> {
    let expected: Value = serde_json::from_str(acceptor.expected)
        .map_err(|_| Error::internal(format!("the waiter expects {:?}", acceptor.expected)))?;
    let found = match (acceptor.argument, answer) {
        (Some(path), Ok(output)) => Some(project::project(path, output)?),
        _ => None,
    };
    let items = || found.as_ref().and_then(Value::as_array).filter(|items| !items.is_empty());
    Ok(match (acceptor.matcher, answer) {
        ("path", Ok(_)) => found == Some(expected),
        ("pathAll", Ok(_)) => items().is_some_and(|items| items.iter().all(|item| *item == expected)),
        ("pathAny", Ok(_)) => items().is_some_and(|items| items.contains(&expected)),
        ("status", Ok(_)) => expected == 200,
        ("status", Err(error)) => error.http_status_code().is_some_and(|status| expected == status),
        ("error", Err(error)) => expected == true || expected == error.code_str(),
        ("error", Ok(_)) => expected == false,
        _ => false,
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::catalogue;

    fn decide(waiter: &str, answer: &Result<Value>) -> Verdict {
        verdict(find(catalogue::service("ec2").unwrap(), waiter).unwrap(), answer).unwrap()
    }

    fn instances(states: &[&str]) -> Value {
        let instances: Vec<Value> = states.iter().map(|state| json!({"State": {"Name": state}})).collect();
        json!({"Reservations": [{"Instances": instances}]})
    }

    #[test]
    fn the_first_rule_that_matches_decides() {
        assert_eq!(decide("InstanceRunning", &Ok(instances(&["running", "running"]))), Verdict::Success);
        assert_eq!(decide("InstanceRunning", &Ok(instances(&["running", "pending"]))), Verdict::Unknown);
        assert_eq!(decide("InstanceRunning", &Ok(instances(&["running", "terminated"]))), Verdict::Failure);
        assert_eq!(decide("InstanceRunning", &Ok(instances(&[]))), Verdict::Unknown);
        let gone = Error::validation("gone").code("InvalidInstanceID.NotFound");
        assert_eq!(decide("InstanceRunning", &Err(gone)), Verdict::Retry);
        assert_eq!(decide("InstanceRunning", &Err(Error::validation("other"))), Verdict::Unknown);
    }

    #[test]
    fn a_slip_is_answered_with_the_right_name() {
        let error = find(catalogue::service("ec2").unwrap(), "InstanceRuning").unwrap_err();
        assert_eq!(error.hint_str(), Some("did you mean InstanceRunning?"));
    }
}
