//! How much one caller may do at once and in a minute, and how far one change may reach.

use std::{
    collections::HashMap,
    fmt::Display,
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

use rust_decimal::Decimal;
use trainyard_contract::{Amount, Error, ErrorKind, Impact, Result, Target};

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
    destroyed: Option<Instant>,
}

impl Doing {
    /// Refuses to destroy more so soon after the last time.
    fn cooled_down(&self, seconds: u32, now: Instant) -> Result<()> {
        let cool = Duration::from_secs(seconds.into());
        let passed = self.destroyed.map_or(cool, |last| now.saturating_duration_since(last));
        if passed >= cool {
            return Ok(());
        }
        Err(busy(
            format!(
                "this caller has destroyed something, and waits {seconds} s before the next time; nothing was sent"
            ),
            Some(cool.saturating_sub(passed)),
        ))
    }
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
            let cool = Duration::from_secs(limits.destructive_cooldown_seconds.into());
            let hot = |doing: &Doing| doing.destroyed.is_some_and(|last| now.saturating_duration_since(last) < cool);
            callers.retain(|_, doing| !idle(doing) || hot(doing));
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
            doing.cooled_down(limits.destructive_cooldown_seconds, now)?;
            let most = limits.destructive_per_minute;
            let taken = doing.destroying.take(most, now);
            taken.map_err(|wait| {
                busy(format!("this caller may destroy something {most} times a minute; nothing was sent"), Some(wait))
            })?;
            doing.destroyed = Some(now);
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

/// Whether a change has to be planned before it may run: some limits hold what only a plan tells.
pub(crate) fn go_by_plan(limits: &Limits) -> bool {
    limits.objects.is_some() || limits.gpus.is_some() || limits.dollars_per_hour.is_some()
}

/// Refuses a change that adds too much, or of which it is not known how much it adds. A plan that says nothing of its
/// impact adds nothing, unless the call spends money.
pub(crate) fn check_impact(limits: &Limits, spends: bool, impact: Option<&Impact>) -> Result<()> {
    let uncounted = || Impact::unknown("this call costs money, and its plan does not count what it adds");
    let own;
    let impact = match impact {
        Some(impact) => impact,
        None if spends => {
            own = uncounted();
            &own
        }
        None => return Ok(()),
    };
    if let Some(most) = limits.objects
        && impact.objects > u64::from(most)
    {
        return Err(too_far(&format!(
            "this change would make {} things, and the policy allows {most}",
            impact.objects
        ))
        .hint("ask for fewer at once"));
    }
    if let Some(most) = limits.gpus {
        within(&Most { limit: "limits.gpus", most: u64::from(most), unit: "GPUs" }, &impact.gpus)?;
    }
    if let Some(most) = limits.dollars_per_hour {
        let most = Decimal::try_from(most)
            .map_err(|_| Error::policy_denied(format!("limits.dollars_per_hour {most} is no amount of money")))?;
        within(&Most { limit: "limits.dollars_per_hour", most, unit: "US dollars an hour" }, &impact.dollars_per_hour)?;
    }
    Ok(())
}

/// One limit of the policy.
struct Most<T> {
    limit: &'static str,
    most: T,
    unit: &'static str,
}

fn within<T: PartialOrd + Display>(allowed: &Most<T>, amount: &Amount<T>) -> Result<()> {
    let Most { limit, most, unit } = allowed;
    match amount {
        Amount::Known(much) if much <= most => Ok(()),
        Amount::Known(much) => {
            Err(too_far(&format!("this change would add {much} {unit}, and the policy allows {most} ({limit})"))
                .hint("ask for less at once"))
        }
        Amount::Unknown(why) => Err(Error::policy_denied(format!(
            "the policy allows a change to add {most} {unit} ({limit}), and how many this one adds is not known: {why}; \
             nothing was changed"
        ))
        .code("LimitUnknown")
        .hint(format!(
            "mend what kept it from being found out, or use a tool whose dry_run shows it; the operator may raise or \
             remove {limit}"
        ))),
    }
}

fn too_far(message: &str) -> Error {
    Error::policy_denied(format!("{message}; nothing was changed")).code("LimitExceeded")
}

#[cfg(test)]
mod tests {
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
        let cooling = Limits { destructive_cooldown_seconds: 300, ..Limits::default() };
        let destroy = |name: &str, seconds| turns.take_at(&caller(name), &cooling, true, at(seconds)).map(drop);
        assert!(destroy("b", 0).is_ok());
        let error = destroy("b", 100).unwrap_err();
        assert!(error.message().contains("waits 300 s") && error.hint_str().unwrap().contains("201 s"), "{error}");
        assert!(destroy("d", 100).is_ok(), "another caller");
        assert!(turns.take_at(&caller("b"), &cooling, false, at(100)).is_ok(), "reads go on");
        assert!(destroy("b", 300).is_ok());
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
    }

    fn impact(gpus: u64, dollars: &str, objects: u64) -> Impact {
        let dollars = Amount::Known(dollars.parse().unwrap());
        Impact { gpus: Amount::Known(gpus), dollars_per_hour: dollars, objects }
    }

    #[test]
    fn how_much_a_change_may_add() {
        let limits = Limits { objects: Some(2), gpus: Some(8), dollars_per_hour: Some(98.32), ..Limits::default() };
        let check = |impact: &Impact| check_impact(&limits, true, Some(impact));
        assert!(check(&impact(8, "98.3200000000", 2)).is_ok(), "as much as is allowed");
        for (impact, said) in [
            (impact(9, "0", 0), "9 GPUs"),
            (impact(0, "98.33", 0), "98.33 US dollars an hour"),
            (impact(0, "0", 3), "make 3 things"),
        ] {
            let error = check(&impact).unwrap_err();
            assert_eq!(error.code_str(), "LimitExceeded");
            assert!(error.message().contains(said) && error.message().contains("nothing was changed"), "{error}");
        }
    }

    #[test]
    fn what_is_not_known_does_not_pass_a_limit_and_what_has_no_limit_does() {
        let gpus = Limits { gpus: Some(8), ..Limits::default() };
        let unknown = Impact { dollars_per_hour: Amount::NONE, ..Impact::unknown("p9.huge is not known here") };
        let error = check_impact(&gpus, true, Some(&unknown)).unwrap_err();
        assert_eq!(error.code_str(), "LimitUnknown");
        assert!(error.message().contains("limits.gpus") && error.message().contains("p9.huge"), "{error}");
        assert!(error.hint_str().unwrap().contains("limits.gpus"), "{error}");
        let dollars = Limits { dollars_per_hour: Some(1.0), ..Limits::default() };
        assert!(check_impact(&dollars, true, Some(&unknown)).is_ok(), "its cost is known");
        assert!(check_impact(&Limits::default(), true, Some(&unknown)).is_ok());
        for limits in [gpus, dollars] {
            assert_eq!(check_impact(&limits, true, None).unwrap_err().code_str(), "LimitUnknown", "spends uncounted");
            assert!(check_impact(&limits, false, None).is_ok(), "adds nothing");
        }
    }
}
