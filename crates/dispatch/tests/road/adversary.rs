//! Callers who forge, replay and lend, tools that fall over, and processes that are ended half-way.

use std::{sync::Arc, time::Duration};

use serde_json::{Value, json};
use trainyard_contract::Ceiling;
use trainyard_dispatch::{Caller, Confirm, Dispatch, Options, Outcome, Question, Registry, Selection, audit};

use crate::house::{ALL, House, SETS, World, house};

async fn asked(house: &House, light: &str) -> Question {
    match house.call("light_smash", json!({ "light": light })).await {
        Outcome::Ask(question) => question,
        other => panic!("{other:?}"),
    }
}

/// A call as `principal`, on a road where a person can be asked and has agreed to `handle`.
async fn agreed(house: &House, principal: &str, light: &str, handle: &str) -> Outcome {
    let mut request = House::request("light_smash", &json!({ "light": light }));
    request.caller = Caller { principal: principal.into(), ..request.caller };
    (request.person, request.agreed) = (true, Some(handle.to_owned()));
    house.dispatch.call(request).await
}

fn code(outcome: &Outcome) -> &str {
    match outcome {
        Outcome::Failed(error, _) => error.code_str(),
        Outcome::Done(_) => "done",
        Outcome::Ask(_) => "ask",
    }
}

#[tokio::test]
async fn handles_that_were_forged_replayed_lent_or_meant_for_something_else_change_nothing() {
    let house = house(ALL, Confirm::default());
    let forged = format!("plan-{}", "0".repeat(32));
    assert_eq!(code(&agreed(&house, "", "hall", &forged).await), "PlanRefused");
    assert_eq!(code(&agreed(&house, "", "hall", "../../key").await), "PlanRefused");
    let question = asked(&house, "hall").await;
    assert_eq!(code(&agreed(&house, "eve", "hall", &question.handle).await), "PlanRefused", "another caller");
    let question = asked(&house, "hall").await;
    assert_eq!(code(&agreed(&house, "", "attic", &question.handle).await), "PlanRefused", "other arguments");
    assert_eq!(house.switched(), 0);
    let question = asked(&house, "hall").await;
    assert_eq!(code(&agreed(&house, "", "hall", &question.handle).await), "done");
    assert_eq!(code(&agreed(&house, "", "hall", &question.handle).await), "PlanRefused", "replayed");
    assert_eq!(house.switched(), 1);
}

#[tokio::test]
async fn a_plan_whose_target_has_changed_since_is_void() {
    let house = house(ALL, Confirm::default());
    let question = asked(&house, "hall").await;
    house.done("light_switch", json!({ "light": "hall" })).await;
    let outcome = agreed(&house, "", "hall", &question.handle).await;
    let Outcome::Failed(error, _) = &outcome else { panic!("{outcome:?}") };
    assert!(error.message().contains("has changed since"), "{error}");
    assert_eq!(house.switched(), 1);
}

#[tokio::test]
async fn of_many_who_use_one_handle_at_once_one_succeeds() {
    let house = house(ALL, Confirm::default());
    let question = asked(&house, "hall").await;
    let calls = (0..8).map(|_| agreed(&house, "", "hall", &question.handle));
    let outcomes = futures::future::join_all(calls).await;
    assert_eq!(outcomes.iter().filter(|outcome| code(outcome) == "done").count(), 1);
    assert_eq!(house.switched(), 1);
}

#[tokio::test]
async fn a_tool_that_falls_over_fails_alone_and_tells_no_secret() {
    let house = house(ALL, Confirm::default());
    let error = house.failed("light_break", json!({})).await;
    assert_eq!(error.code_str(), "Panic");
    assert!(!error.to_string().contains("hunter2"), "{error}");
    assert_eq!(house.done("light_look", json!({})).await["switched"], 0);
    let lines = house.audit();
    let tools: Vec<_> = lines.iter().filter_map(|line| line["tool"].as_str()).collect();
    assert_eq!(tools, ["light_break", "light_look"], "and it is in the log");
}

#[tokio::test]
async fn stopping_refuses_changes_at_once_cuts_off_those_under_way_and_lets_reads_go_on() {
    let house = house(ALL, Confirm::Never);
    let switch = house.switch();
    let under_way = tokio::time::timeout(Duration::from_secs(20), house.call("light_dim", json!({})));
    let stop = async {
        tokio::time::sleep(Duration::from_millis(30)).await;
        switch.stop("incident 7").unwrap();
    };
    let (outcome, ()) = tokio::join!(under_way, stop);
    assert_eq!(code(&outcome.unwrap()), "Stopped");
    let error = house.failed("light_switch", json!({ "light": "hall" })).await;
    assert_eq!((error.code_str(), error.message().contains("incident 7")), ("Stopped", true), "{error}");
    assert_eq!(house.failed("light_switch", json!({ "light": "hall", "dry_run": true })).await.code_str(), "Stopped");
    assert_eq!(house.done("light_look", json!({})).await["switched"], 0);
    assert!(switch.resume().unwrap());
    assert!(!switch.resume().unwrap());
    assert_eq!(house.done("light_switch", json!({ "light": "hall" })).await["switched"], 1);
}

#[tokio::test]
async fn a_change_whose_process_was_ended_is_answered_truthfully_once() {
    let house = house(ALL, Confirm::Never);
    // What a process leaves behind that was ended in the middle of a change: its line, and its mark without a lock.
    let running = house.state().join("running");
    let call = house.call("light_dim", json!({}));
    let peek = async {
        loop {
            tokio::time::sleep(Duration::from_millis(5)).await;
            let found = std::fs::read_dir(&running).ok().and_then(|mut entries| entries.next()).transpose().unwrap();
            let Some(entry) = found else { continue };
            let name = entry.file_name().into_string().unwrap();
            if !name.starts_with("draft") {
                break (name, std::fs::read(entry.path()).unwrap());
            }
        }
    };
    let (_, (name, text)) = tokio::join!(call, peek);
    assert!(std::fs::read_dir(&running).unwrap().next().is_none(), "a change that ended leaves no mark");
    std::fs::write(running.join(name), text).unwrap();
    let error = house.failed("light_dim", json!({})).await;
    assert_eq!(error.code_str(), "OutcomeUnknown", "{error}");
    assert!(error.message().contains("the outcome is unknown"), "{error}");
    assert_ne!(house.failed("light_dim", json!({})).await.code_str(), "OutcomeUnknown", "told once");
}

#[tokio::test]
async fn plans_questions_and_the_log_hold_no_secret_and_nothing_hidden() {
    let house = house(ALL, Confirm::Changes);
    let Outcome::Ask(question) = house.call("light_dim", json!({})).await else { panic!() };
    let shown = question.plan.to_string();
    assert!(!shown.contains("sesame") && !shown.contains("\\u001b"), "{shown}");
    let mut request = House::request("light_switch", &json!({ "light": "password=hunter2hunter2\u{202e}" }));
    request.caller.client = "evil \u{1b}[2Jclient".into();
    let Outcome::Ask(question) = house.dispatch.call(request).await else { panic!() };
    let target = question.target.unwrap();
    assert_eq!(target.ids, ["password=[redacted]"]);
    for entry in walk(house.state()) {
        if entry.file_name().is_some_and(|name| name == "key") {
            continue;
        }
        let text = std::fs::read_to_string(&entry).unwrap();
        for hidden in ["hunter2", "sesame", "\u{1b}", "\\u001b", "\u{202e}"] {
            assert!(!text.contains(hidden), "{hidden:?} in {}", entry.display());
        }
    }
}

fn walk(folder: &std::path::Path) -> Vec<std::path::PathBuf> {
    let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    entries.flat_map(|path| if path.is_dir() { walk(&path) } else { vec![path] }).collect()
}

#[tokio::test]
async fn without_a_shared_folder_nobody_can_agree_and_so_nothing_is_destroyed() {
    let folder = tempfile::tempdir().unwrap();
    let world = World::default();
    let registry = Registry::new(SETS, &Selection::default(), ALL).unwrap();
    let options = Options { ceiling: ALL, ..Options::default() };
    let log = trainyard_dispatch::Audit::at(&folder.path().join("audit.jsonl"));
    let dispatch = Dispatch::new(world.clone(), registry, options, log);
    let request = || House::request("light_smash", &json!({ "light": "hall" }));
    let Outcome::Ask(question) = dispatch.call(request()).await else { panic!() };
    assert_eq!(question.approve, None);
    let brought = json!({ "light": "hall", "confirm": question.handle });
    assert_eq!(code(&dispatch.call(House::request("light_smash", &brought)).await), "ConfirmationRequired");
    let mut agreed = request();
    (agreed.person, agreed.agreed) = (true, Some(question.handle));
    assert_eq!(code(&dispatch.call(agreed).await), "done");
}

#[tokio::test]
async fn every_line_of_the_log_follows_the_one_before() {
    let house = house(Ceiling::READ_ONLY, Confirm::default());
    house.done("light_look", json!({})).await;
    house.failed("light_smash", json!({ "light": "hall" })).await;
    let lines: Vec<Value> = house.audit();
    let report = audit::verify(&house.log, None).unwrap();
    assert!(report.sound && report.unfinished.is_empty(), "{report:?}");
    let denied = lines.iter().find(|line| line["tool"] == "light_smash").unwrap();
    assert_eq!((&denied["verdict"], &denied["rule"]), (&json!("deny"), &json!("--allow-write")));
    assert_eq!(Arc::strong_count(&house.world.switched), 2);
}
