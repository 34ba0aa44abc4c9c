//! A policy on the road: what it refuses is not run, what it asks about is asked, and limits hold.

use serde_json::json;
use trainyard_contract::{Ceiling, Found};
use trainyard_dispatch::{Caller, Confirm, Outcome, Verdict};

use crate::house::{ALL, ruled};

#[tokio::test]
async fn what_a_rule_refuses_is_not_run_and_the_rule_is_named() {
    let house = ruled(ALL, Confirm::Never, "[[rule]]\nname = \"not the hall\"\nverdict = \"deny\"\nids = [\"hall\"]\n");
    let error = house.failed("light_switch", json!({ "light": "hall" })).await;
    assert_eq!(error.code_str(), "PolicyDenied");
    assert!(error.message().contains("\"not the hall\""), "{error}");
    assert_eq!(house.switched(), 0);
    assert_eq!(house.done("light_switch", json!({ "light": "attic" })).await["switched"], 1);
    let lines = house.audit();
    assert_eq!((&lines[0]["rule"], &lines[0]["verdict"]), (&json!("not the hall"), &json!("deny")));
    assert_eq!(lines[0]["policy"].as_str().unwrap().len(), 16);
}

#[tokio::test]
async fn a_policy_opens_no_gate() {
    let rule = "[[rule]]\nname = \"all\"\nverdict = \"allow\"\nunattended = true\ntools = [\"light_smash\"]\n";
    let house = ruled(Ceiling::READ_ONLY, Confirm::Never, rule);
    assert_eq!(house.failed("light_smash", json!({ "light": "hall" })).await.code_str(), "Refused");
}

#[tokio::test]
async fn a_rule_can_ask_and_a_rule_can_say_that_nobody_is_asked() {
    let rules = "[[rule]]\nname = \"ask\"\nverdict = \"confirm\"\ntools = [\"light_switch\", \"light_look\"]\n\
                 [[rule]]\nname = \"nightly\"\nverdict = \"allow\"\nunattended = true\ntools = [\"light_smash\"]\n\
                 ids = [\"attic\"]\n";
    let house = ruled(ALL, Confirm::default(), rules);
    assert!(matches!(house.call("light_switch", json!({ "light": "hall" })).await, Outcome::Ask(_)));
    assert!(matches!(house.call("light_look", json!({})).await, Outcome::Ask(_)), "even a read");
    assert!(matches!(house.call("light_smash", json!({ "light": "hall" })).await, Outcome::Ask(_)));
    assert_eq!(house.done("light_smash", json!({ "light": "attic" })).await["switched"], 1);
}

#[tokio::test]
async fn limits_hold_what_is_aimed_at_what_the_plan_says_and_how_often() {
    let house = ruled(ALL, Confirm::Never, "[limits]\nobjects = 2\n");
    assert_eq!(house.failed("light_dim", json!({})).await.code_str(), "LimitExceeded");
    for limit in ["gpus = 8", "dollars_per_hour = 10.0"] {
        let house = ruled(ALL, Confirm::Never, &format!("[limits]\n{limit}\n"));
        let error = house.failed("light_dim", json!({})).await;
        assert_eq!(error.code_str(), "LimitExceeded", "{limit}: {error}");
        let house = ruled(ALL, Confirm::Changes, &format!("[limits]\n{limit}\n"));
        assert_eq!(house.failed("light_dim", json!({})).await.code_str(), "LimitExceeded", "asked about no more");
    }
    let house = ruled(ALL, Confirm::Never, "[limits]\ndestructive_per_minute = 1\n");
    house.done("light_smash", json!({ "light": "hall" })).await;
    assert_eq!(house.failed("light_smash", json!({ "light": "attic" })).await.code_str(), "TooManyCalls");
    assert_eq!(house.done("light_switch", json!({ "light": "hall" })).await["switched"], 2);
}

#[tokio::test]
async fn an_explanation_makes_no_call_and_says_what_decides() {
    let house = ruled(ALL, Confirm::default(), "[[rule]]\nname = \"no\"\nverdict = \"deny\"\nids = [\"hall\"]\n");
    let explain = async |light: &str| {
        let arguments = json!({ "light": light }).as_object().unwrap().clone();
        house.dispatch.explain("light_smash", arguments, &Caller::default(), Found::default()).await.unwrap()
    };
    let hall = explain("hall").await;
    assert_eq!((hall.verdict, hall.rule.as_str()), (Verdict::Deny, "no"));
    let attic = explain("attic").await;
    assert_eq!((attic.verdict, attic.rule.as_str()), (Verdict::Confirm, "--confirm"));
    assert_eq!(attic.policy.unwrap().considered[0].because, "ids: attic");
    assert_eq!(house.switched(), 0);
    assert!(!house.log.exists(), "no call, no line");
}
