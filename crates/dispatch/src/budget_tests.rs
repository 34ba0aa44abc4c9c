//! The estimate against a real tokenizer, and cuts that lose nothing silently.

use serde_json::json;
use trainyard_contract::{Cursor, Place};

use super::*;

fn real(text: &str) -> usize {
    tiktoken_rs::o200k_base_singleton().encode_ordinary(text).len()
}

fn samples() -> Vec<String> {
    let mut samples = vec![include_str!("../../contract/src/error.rs").to_owned(), include_str!("call.rs").to_owned()];
    let rows: Vec<Value> = (0..200_u64)
        .map(|n| {
            let id = n.wrapping_mul(0x9e37_79b9_7f4a_7c15);
            json!([
                format!("i-{id:017x}"),
                format!("worker-{n}"),
                "p5.48xlarge",
                "running",
                format!("10.0.{}.{}", n / 250, n % 250),
                "2026-11-20T21:44:06Z",
                format!("arn:aws:sagemaker:eu-west-1:{:012}:cluster/{id:x}", n * 7919)
            ])
        })
        .collect();
    samples.push(json!({ "columns": ["id", "name"], "rows": rows }).to_string());
    samples.push("Größe und Länge: Zürich, Québec, 東京の天気は晴れです。 ".repeat(40));
    samples.push("ERROR 2026-11-21 12:00:01.123 [rank3] NCCL WARN Cuda failure 'out of memory'\n".repeat(60));
    samples.push("QUJDREVGR0hJSktMTU5PUFFSU1RVVldYWVphYmNkZWZnaGlqa2xtbm9wcXJzdHV2d3h5ejAxMjM0NTY3ODkrLw==".repeat(20));
    samples
}

#[test]
fn the_estimate_is_never_far_below_a_real_count_and_never_twice_it() {
    for sample in samples() {
        let (estimate, real) = (tokens(&sample), real(&sample));
        assert!(estimate * 100 >= real * 95, "{estimate} for {real}: {}", &sample[..60]);
        assert!(estimate < real * 2, "{estimate} for {real}: {}", &sample[..60]);
    }
}

fn listing(rows: usize) -> Answer {
    let cursor = |token: &str| Cursor::seal("b", &Place { token: Some(token.into()), skip: 0 });
    let rows: Vec<_> = (0..rows).map(|n| json!([format!("i-{n:017x}"), "running"])).collect();
    Answer {
        value: json!({ "columns": ["id", "state"], "count": rows.len(), "rows": rows, "truncated": false }),
        pages: vec![
            PageMark { start: 0, cursor: cursor("one") },
            PageMark { start: 10, cursor: cursor("two") },
            PageMark { start: 5000, cursor: cursor("three") },
        ],
        ..Answer::default()
    }
}

#[test]
fn a_list_is_cut_at_a_row_and_can_be_taken_up_there() {
    let value = fit(listing(1000), 2000);
    let kept = value["rows"].as_array().unwrap().len();
    assert!((20..900).contains(&kept), "{kept}");
    assert!(real(&value.to_string()) <= 2000);
    assert_eq!((&value["count"], &value["truncated"]), (&json!(kept), &json!(true)));
    assert_eq!(value["next"], format!("b.{}.two", kept - 10));
    assert!(value["note"].as_str().unwrap().contains("1000 rows"));
}

#[test]
fn a_list_that_fits_is_left_alone() {
    let answer = listing(20);
    assert_eq!(fit(answer.clone(), 2000), answer.value);
}

#[test]
fn other_answers_are_cut_at_their_largest_part_and_say_so() {
    let answer = Answer::of(
        json!({ "small": [1, 2, 3], "log": "x y z ".repeat(20_000), "deep": { "list": vec!["item"; 5000] } }),
    );
    let value = fit(answer, 1500);
    assert!(real(&value.to_string()) <= 1500);
    assert_eq!(value["small"], json!([1, 2, 3]));
    let paths: Vec<_> = value["cut"].as_array().unwrap().iter().map(|cut| cut["path"].clone()).collect();
    assert_eq!(paths, [json!("/log"), json!("/deep/list")]);
}

#[test]
fn one_enormous_cell_does_not_defeat_the_budget() {
    let answer =
        Answer::of(json!({ "columns": ["text"], "count": 1, "rows": [["word ".repeat(50_000)]], "truncated": false }));
    assert!(real(&fit(answer, 1000).to_string()) <= 1000);
}

#[test]
fn a_token_beside_a_cut_list_does_not_lead_past_what_was_cut() {
    let nodes: Vec<_> =
        (0..500).map(|n| json!({ "instance_id": format!("i-{n:017x}"), "status": "Running" })).collect();
    let answer = Answer::of(json!({ "nodes": nodes, "next_token": "past-them" }));
    let value = fit(answer, 1000);
    assert!(value["nodes"].as_array().unwrap().len() < 500);
    assert_eq!(value["next_token"], Value::Null);
    assert!(value["note"].as_str().unwrap().contains("no more items than are shown"));
}
