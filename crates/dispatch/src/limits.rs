//! How much one caller may do at once and in a minute, and how far one change may reach.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

use serde_json::Value;
use trainyard_contract::{Error, ErrorKind, Result, Target};

use crate::{caller::Caller, policy::Limits};

const MINUTE: Duration = Duration::from_mins(1);
/// Callers that are remembered; those who do nothing give way first.
const MOST_CALLERS: usize = 4096;

/// What callers are doing, and have done of late.
#[derive(Default)]
pub(crate) struct Turns(Mutex<HashMap<String, Doing>>);

#[derive(Default)]
struct Doing {
    now: u32,
    calls: Bucket,
    destroying: Bucket,
}

/// Leave that grows back evenly: a full minute's worth at first.
#[derive(Default)]
struct Bucket {
    taken: f64,
    since: Option<Instant>,
}

impl Bucket {
    /// Takes one of `most` in a minute; else the time until there is one.
    fn take(&mut self, most: u32, now: Instant) -> std::result::Result<(), Duration> {
        let most = f64::from(most);
        let passed = self.since.map_or(MINUTE, |since| now.saturating_duration_since(since));
        self.taken = (self.taken - most * passed.as_secs_f64() / MINUTE.as_secs_f64()).max(0.0);
        self.since = Some(now);
        if self.taken + 1.0 <= most {
            self.taken += 1.0;
            return Ok(());
        }
        if most < 1.0 {
            return Err(MINUTE);
        }
        Err(MINUTE.mul_f64((self.taken + 1.0 - most) / most))
    }
}

/// A call under way; its place is free again when this is dropped.
pub(crate) struct Turn<'a> {
    turns: &'a Turns,
    caller: String,
}

impl Turns {
    /// A place for one more call of this caller, or the refusal that says when to try again.
    pub(crate) fn take(&self, caller: &Caller, limits: &Limits, destroys: bool) -> Result<Turn<'_>> {
        self.take_at(caller, limits, destroys, Instant::now())
    }

    fn take_at(&self, caller: &Caller, limits: &Limits, destroys: bool, now: Instant) -> Result<Turn<'_>> {
        let name = if caller.principal.is_empty() { caller.door.to_owned() } else { caller.principal.clone() };
        let mut callers = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if callers.len() >= MOST_CALLERS {
            let idle = |doing: &Doing| {
                doing.now == 0 && doing.calls.since.is_none_or(|since| now.saturating_duration_since(since) > MINUTE)
            };
            callers.retain(|_, doing| !idle(doing));
        }
        let doing = callers.entry(name.clone()).or_default();
        if doing.now >= limits.calls_at_once {
            return Err(busy(format!("{} calls of this caller are under way", doing.now), None));
        }
        if let Some(most) = limits.calls_per_minute {
            let taken = doing.calls.take(most, now);
            taken.map_err(|wait| busy(format!("this caller may make {most} calls a minute"), Some(wait)))?;
        } else {
            doing.calls.since = Some(now);
        }
        if destroys {
            let most = limits.destructive_per_minute;
            let taken = doing.destroying.take(most, now);
            taken.map_err(|wait| {
                busy(format!("this caller may destroy something {most} times a minute; nothing was sent"), Some(wait))
            })?;
        }
        doing.now += 1;
        Ok(Turn { turns: self, caller: name })
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        let mut callers = self.turns.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(doing) = callers.get_mut(&self.caller) {
            doing.now = doing.now.saturating_sub(1);
        }
    }
}

fn busy(why: String, wait: Option<Duration>) -> Error {
    let hint = wait.map_or_else(
        || "wait for one of them to end".to_owned(),
        |wait| format!("try again in {} s", wait.as_secs() + 1),
    );
    Error::new(ErrorKind::Throttled, why).code("TooManyCalls").hint(hint)
}

/// Refuses a change that is aimed at too many things.
pub(crate) fn check_target(limits: &Limits, target: Option<&Target>) -> Result<()> {
    let (Some(most), Some(target)) = (limits.objects, target) else { return Ok(()) };
    if target.ids.len() <= most as usize {
        return Ok(());
    }
    let message =
        format!("this change is aimed at {} of {:?}, and the policy allows {most}", target.ids.len(), target.kind);
    Err(too_far(&message).hint("ask for fewer at once"))
}

/// Refuses a change that its plan says to reach too many GPUs, or to cost too much.
pub(crate) fn check_plan(limits: &Limits, plan: &Value) -> Result<()> {
    let mut reach = Reach::default();
    reach.add(plan);
    if let (Some(most), Some(gpus)) = (limits.gpus, reach.gpus)
        && gpus > f64::from(most)
    {
        return Err(too_far(&format!("this change would reach {gpus} GPUs, and the policy allows {most}")));
    }
    if let (Some(most), Some(dollars)) = (limits.dollars_per_hour, reach.dollars)
        && dollars > most
    {
        return Err(too_far(&format!(
            "this change would cost ${dollars:.2} an hour, and the policy allows ${most:.2}"
        )));
    }
    Ok(())
}

fn too_far(message: &str) -> Error {
    Error::policy_denied(format!("{message}; nothing was changed")).code("LimitExceeded")
}

/// What a plan says about its reach: the members `gpus` and `dollars_per_hour`, wherever they stand. Where an object
/// says it as a whole, its parts are not counted again.
#[derive(Default)]
struct Reach {
    gpus: Option<f64>,
    dollars: Option<f64>,
}

impl Reach {
    fn add(&mut self, value: &Value) {
        match value {
            Value::Array(items) => items.iter().for_each(|item| self.add(item)),
            Value::Object(members) => {
                let mut inner = Self::default();
                members.values().for_each(|member| inner.add(member));
                let own = |name: &str| members.get(name).and_then(Value::as_f64);
                sum(&mut self.gpus, own("gpus").or(inner.gpus));
                sum(&mut self.dollars, own("dollars_per_hour").or(inner.dollars));
            }
            _ => {}
        }
    }
}

fn sum(total: &mut Option<f64>, more: Option<f64>) {
    if let Some(more) = more {
        *total = Some(total.unwrap_or_default() + more);
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn caller(principal: &str) -> Caller {
        Caller { door: "test", principal: principal.into(), ..Caller::default() }
    }

    #[test]
    fn a_caller_who_is_busy_enough_waits_and_others_do_not() {
        let turns = Turns::default();
        let limits = Limits { calls_at_once: 2, ..Limits::default() };
        let first = turns.take(&caller("a"), &limits, false).unwrap();
        let _second = turns.take(&caller("a"), &limits, false).unwrap();
        let error = turns.take(&caller("a"), &limits, false).err().unwrap();
        assert_eq!((error.kind(), error.is_retryable()), (ErrorKind::Throttled, true));
        assert!(turns.take(&caller("b"), &limits, false).is_ok());
        drop(first);
        assert!(turns.take(&caller("a"), &limits, false).is_ok());
    }

    #[test]
    fn leave_to_destroy_grows_back() {
        let turns = Turns::default();
        let limits = Limits { destructive_per_minute: 2, ..Limits::default() };
        let start = Instant::now();
        let at = |seconds: u64| start + Duration::from_secs(seconds);
        let destroy = |seconds| turns.take_at(&caller("a"), &limits, true, at(seconds)).map(drop);
        assert!(destroy(0).is_ok() && destroy(0).is_ok());
        assert!(destroy(1).unwrap_err().hint_str().unwrap().contains("try again in 30 s"));
        assert!(turns.take_at(&caller("a"), &limits, false, at(1)).is_ok(), "reads go on");
        assert!(destroy(31).is_ok());
        assert!(destroy(31).is_err());
        let none = Limits { destructive_per_minute: 0, ..Limits::default() };
        assert!(turns.take_at(&caller("c"), &none, true, at(0)).is_err());
    }

    #[test]
    fn how_far_a_change_may_reach() {
        let limits = Limits { objects: Some(2), gpus: Some(8), dollars_per_hour: Some(100.0), ..Limits::default() };
        let target = |ids: &[&str]| Target {
            system: "aws",
            kind: "ec2 instance".into(),
            ids: ids.iter().map(|&id| id.to_owned()).collect(),
            region: None,
            profile: None,
        };
        assert!(check_target(&limits, Some(&target(&["a", "b"]))).is_ok());
        assert!(check_target(&limits, Some(&target(&["a", "b", "c"]))).unwrap_err().message().contains("3 of"));
        assert!(check_plan(&limits, &json!([{ "gpus": 4 }, { "gpus": 4 }])).is_ok());
        assert!(check_plan(&limits, &json!({ "nodes": [{ "gpus": 8 }, { "gpus": 1 }] })).is_err());
        assert!(check_plan(&limits, &json!({ "gpus": 8, "each": [{ "gpus": 4 }, { "gpus": 4 }] })).is_ok());
        let error = check_plan(&limits, &json!({ "dollars_per_hour": 98.32, "more": { "x": 1 } }));
        assert!(error.is_ok());
        assert!(check_plan(&limits, &json!([{ "dollars_per_hour": 98.32 }, { "dollars_per_hour": 2.0 }])).is_err());
        assert!(check_plan(&limits, &json!({ "unknown": true })).is_ok());
    }
}
