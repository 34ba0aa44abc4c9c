//! The road from end to end, with tools of its own and no cloud in sight.

use std::{sync::atomic::Ordering, time::Duration};

use serde_json::json;
use trainyard_contract::{Ceiling, ErrorKind, Result};
use trainyard_dispatch::{Audit, Confirm, Dispatch, Options, Outcome, Registry, Selection};

use crate::house::{ALL, House, SETS, World, house};

#[tokio::test]
async fn a_read_runs_under_its_name_and_its_older_name() {
    let house = house(Ceiling::READ_ONLY, Confirm::default());
    assert_eq!(house.done("light_look", json!({})).await, json!({ "switched": 0, "note": "" }));
    assert_eq!(house.done("light.look", json!({ "Note": "hi" })).await["note"], "hi");
}

#[tokio::test]
async fn an_unknown_tool_or_argument_is_answered_with_the_nearest_name() {
    let house = house(Ceiling::READ_ONLY, Confirm::default());
    let error = house.failed("light_lok", json!({})).await;
    assert_eq!((error.kind(), error.code_str()), (ErrorKind::NotFound, "UnknownTool"));
    assert_eq!(error.hint_str(), Some("did you mean \"light_look\"?"));
    let error = house.failed("light_look", json!({ "notes": "x" })).await;
    assert_eq!(error.kind(), ErrorKind::Validation);
    assert_eq!(error.hint_str(), Some("did you mean \"note\"?"));
}

#[tokio::test]
async fn what_is_off_is_refused_with_the_flag_and_does_nothing() {
    let house = house(Ceiling::READ_ONLY, Confirm::Never);
    for (tool, flag) in [
        ("light_switch", "--allow-write"),
        ("light_smash", "--allow-write"),
        ("light_tell", "--allow-sensitive-data-access"),
    ] {
        let arguments = if tool == "light_tell" { json!({}) } else { json!({ "light": "hall" }) };
        let error = house.failed(tool, arguments).await;
        assert_eq!(error.kind(), ErrorKind::PolicyDenied);
        assert!(error.message().contains(flag), "{error}");
    }
    let error = house.failed("light_switch", json!({ "light": "hall", "dry_run": true })).await;
    assert_eq!(error.kind(), ErrorKind::PolicyDenied);
    assert_eq!(house.switched(), 0);
}

#[tokio::test]
async fn a_dry_run_shows_the_plan_and_changes_nothing() {
    let house = house(ALL, Confirm::default());
    let value = house.done("light_switch", json!({ "light": "hall", "dry_run": true })).await;
    assert_eq!(value["plan"]["note"], "would switch");
    assert_eq!(value["target"]["ids"], json!(["hall"]));
    assert_eq!(house.switched(), 0);
    assert_eq!(house.done("light_switch", json!({ "light": "hall" })).await["switched"], 1);
}

#[tokio::test]
async fn what_destroys_is_asked_about_and_runs_once_with_the_handle() {
    let house = house(ALL, Confirm::default());
    let Outcome::Ask(question) = house.call("light_smash", json!({ "light": "hall" })).await else { panic!() };
    assert_eq!(question.target.unwrap().ids, ["hall"]);
    assert_eq!(house.switched(), 0);
    let agreed = json!({ "light": "hall", "confirm": question.handle });
    let error = house.failed("light_smash", agreed.clone()).await;
    assert_eq!(error.code_str(), "ConfirmationRequired", "the caller's word is not a person's");
    assert!(error.hint_str().unwrap().contains(&question.approve.unwrap()), "{error}");
    assert_eq!(house.switched(), 0);
    house.agree(&question.handle);
    assert_eq!(house.done("light_smash", agreed.clone()).await["switched"], 1);
    assert_eq!(house.failed("light_smash", agreed).await.code_str(), "PlanRefused");
    assert_eq!(house.switched(), 1);
}

#[tokio::test]
async fn a_handle_for_other_arguments_is_refused() {
    let house = house(ALL, Confirm::default());
    let Outcome::Ask(question) = house.call("light_smash", json!({ "light": "hall" })).await else { panic!() };
    let other = json!({ "light": "attic", "confirm": question.handle });
    assert_eq!(house.failed("light_smash", other).await.code_str(), "PlanRefused");
    assert_eq!(house.switched(), 0);
}

#[tokio::test]
async fn where_a_person_can_be_asked_the_callers_handle_proves_nothing() {
    let house = house(ALL, Confirm::default());
    let Outcome::Ask(question) = house.call("light_smash", json!({ "light": "hall" })).await else { panic!() };
    let mut request = House::request("light_smash", &json!({ "light": "hall", "confirm": question.handle }));
    request.person = true;
    let Outcome::Ask(question) = house.dispatch.call(request).await else { panic!() };
    let mut request = House::request("light_smash", &json!({ "light": "hall" }));
    (request.person, request.agreed) = (true, Some(question.handle));
    assert!(matches!(house.dispatch.call(request).await, Outcome::Done(_)));
    assert_eq!(house.switched(), 1);
}

#[tokio::test]
async fn an_operation_picks_its_call_and_its_access() {
    let house = house(Ceiling::READ_ONLY, Confirm::default());
    let shown = house.done("manage_lights", json!({ "operation": "show", "light": "ignored", "max": null })).await;
    assert_eq!(shown["switched"], 10);
    assert!(house.failed("manage_lights", json!({})).await.to_string().contains("operations: show, toggle"));
    let error = house.failed("manage_lights", json!({ "operation": "togle" })).await;
    assert!(error.to_string().contains("did you mean \"toggle\"?"));
    let error = house.failed("manage_lights", json!({ "operation": "toggle", "light": "hall" })).await;
    assert_eq!(error.kind(), ErrorKind::PolicyDenied);
}

#[tokio::test]
async fn in_a_changing_call_an_argument_of_its_sibling_is_refused_unless_it_is_the_default() {
    let house = house(ALL, Confirm::default());
    let call = |max: u32| json!({ "operation": "toggle", "light": "hall", "max": max });
    assert!(house.failed("manage_lights", call(3)).await.to_string().contains("takes no \"max\""));
    assert_eq!(house.done("manage_lights", call(10)).await["switched"], 1);
}

#[tokio::test]
async fn a_call_past_its_deadline_is_cancelled_and_says_so() {
    let house = house(Ceiling::READ_ONLY, Confirm::default());
    let error = house.failed("light_wait", json!({})).await;
    assert_eq!((error.kind(), error.is_retryable()), (ErrorKind::Timeout, true));
}

#[tokio::test]
async fn answers_are_redacted_and_cleaned_unless_the_secret_was_asked_for() {
    let house = house(ALL, Confirm::default());
    let note = "password=hunter2hunter2 \u{1b}[31mred\u{202e}";
    let value = house.done("light_look", json!({ "note": note })).await;
    assert_eq!(value["note"], "password=[redacted] red");
    assert_eq!(value["redacted"], 1);
    assert_eq!(house.done("light_tell", json!({})).await["SecretString"], "open sesame");
}

#[tokio::test]
async fn every_call_leaves_two_lines_bound_to_each_other() {
    use sha2::{Digest, Sha256};
    let house = house(ALL, Confirm::default());
    house.done("light_switch", json!({ "light": "password=hunter2hunter2" })).await;
    house.failed("light_look", json!({ "bad": 1 })).await;
    let waiting = house.dispatch.call(House::request("light_wait", &json!({})));
    let _ = tokio::time::timeout(Duration::from_secs(1), waiting).await;
    let lines = house.audit();
    let verdicts: Vec<_> = lines.iter().filter_map(|line| line["verdict"].as_str()).collect();
    assert_eq!(verdicts, ["allow", "allow"]);
    let outcomes: Vec<_> = lines.iter().map(|line| line["outcome"].as_str().unwrap_or("-").to_owned()).collect();
    assert_eq!(outcomes, ["-", "done", "-", "cancelled"]);
    assert_eq!(lines[0]["arguments"]["light"], "password=[redacted]");
    assert_eq!(lines[1]["call"], lines[0]["sequence"]);
    let text = std::fs::read_to_string(&house.log).unwrap();
    for (line, next) in text.lines().zip(lines.iter().skip(1)) {
        let bytes: [u8; 32] = Sha256::digest(line).into();
        let hash: Vec<_> = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(next["previous"], hash.concat());
    }
}

#[tokio::test]
async fn without_an_audit_log_nothing_is_changed() {
    let world = World::default();
    let registry = Registry::new(SETS, &Selection::default(), ALL).unwrap();
    let options = Options { ceiling: ALL, ..Options::default() };
    let dispatch = Dispatch::new(world.clone(), registry, options, Audit::at(std::path::Path::new("/dev/null/audit")));
    let outcome = dispatch.call(House::request("light_switch", &json!({ "light": "hall" }))).await;
    let Outcome::Failed(error, _) = outcome else { panic!() };
    assert_eq!(error.code_str(), "NoAuditLog");
    assert_eq!(world.switched.load(Ordering::SeqCst), 0);
    let outcome = dispatch.call(House::request("light_look", &json!({}))).await;
    assert!(matches!(outcome, Outcome::Done(_)));
}

#[test]
fn a_selection_offers_what_was_named_and_refuses_misspelt_names() {
    let names = |selection: Selection| -> Result<Vec<&'static str>> {
        let registry = Registry::new(SETS, &selection, Ceiling::READ_ONLY)?;
        Ok(registry.views().iter().map(|view| view.name).collect())
    };
    let words = |list: &[&str]| list.iter().map(|&word| word.to_owned()).collect::<Vec<_>>();
    let only = Selection { tools: words(&["light.look", "light_smash"]), ..Selection::default() };
    assert_eq!(names(only).unwrap(), ["light_look", "light_smash"]);
    let hidden =
        Selection { hide_disabled: true, exclude: words(&["light_wait", "light_break"]), ..Selection::default() };
    assert_eq!(names(hidden).unwrap(), ["light_look", "manage_lights"]);
    let wrong = Selection { tools: words(&["light_loook"]), ..Selection::default() };
    assert!(names(wrong).unwrap_err().to_string().contains("light_look"));
    let wrong = Selection { toolsets: words(&["ligths"]), ..Selection::default() };
    assert!(names(wrong).unwrap_err().to_string().contains("toolsets: lights"));
}

#[test]
fn hints_are_those_of_this_process() {
    let hint = |ceiling, name| {
        let registry = Registry::new(SETS, &Selection::default(), ceiling).unwrap();
        let hints = registry.views().iter().find(|view| view.name == name).unwrap().hints;
        (hints.read_only, hints.destructive)
    };
    assert_eq!(hint(ALL, "light_look"), (true, false));
    assert_eq!(hint(ALL, "light_smash"), (false, true));
    assert_eq!(hint(ALL, "manage_lights"), (false, false));
    // Its changing half is refused, so what is left only reads.
    assert_eq!(hint(Ceiling::READ_ONLY, "manage_lights"), (true, false));
    assert_eq!(hint(Ceiling::READ_ONLY, "light_smash"), (false, true));
}
