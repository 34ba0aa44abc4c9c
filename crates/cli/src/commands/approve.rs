//! `trainyard approve`: the operator's word for a plan that an assistant waits with.

use std::process::ExitCode;

use serde_json::json;
use trainyard_contract::{Error, Result};
use trainyard_dispatch::{Plan, Plans};

use crate::{args::ApproveArguments, commands::terminal, config::Config, output};

pub(crate) fn run(config: &Config, arguments: &ApproveArguments) -> Result<ExitCode> {
    let state = config.state_dir.as_deref().ok_or_else(|| {
        Error::unsupported("there is no state folder").hint("name one with --state-dir, as the server has it")
    })?;
    let plans = Plans::of(Some(state));
    match &arguments.plan {
        Some(handle) if !arguments.list => one(&plans, handle),
        _ => list(&plans.waiting(), arguments.json),
    }
}

fn one(plans: &Plans, handle: &str) -> Result<ExitCode> {
    let plan = plans.show(handle)?;
    eprint!("{}", for_people(&plan));
    terminal::agree("Let this call run once?", word(&plan))?;
    plans.agree(handle)?;
    eprintln!("agreed: the call may be repeated with its handle, once, within the ten minutes");
    Ok(ExitCode::SUCCESS)
}

/// What destroys is agreed to by naming it, where it has one name that can be typed.
fn word(plan: &Plan) -> &str {
    let ids = plan.target["ids"].as_array().map(Vec::as_slice).unwrap_or_default();
    match (plan.effect, ids) {
        (trainyard_contract::Effect::Destroys, [serde_json::Value::String(id)])
            if !id.is_empty() && id.len() <= 60 && id.bytes().all(|byte| byte.is_ascii_graphic()) =>
        {
            id
        }
        _ => "yes",
    }
}

fn for_people(plan: &Plan) -> String {
    let mut text = format!("{} {} something, asked for by {}", plan.tool, plan.effect, plan.caller);
    if !plan.principal.is_empty() {
        text.push_str(&format!(" for {}", plan.principal));
    }
    text.push_str(&format!(", {} s ago:\n", age(plan)));
    for line in output::for_people(&json!({ "target": plan.target, "plan": plan.plan })).lines() {
        text.push_str(&format!("  {line}\n"));
    }
    text
}

fn age(plan: &Plan) -> u64 {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    now.map_or(0, |now| now.as_secs().saturating_sub(plan.made))
}

fn list(plans: &[Plan], json: bool) -> Result<ExitCode> {
    if json || !output::at_terminal() {
        output::text(&format!("{}\n", json!({ "plans": plans })))?;
        return Ok(ExitCode::SUCCESS);
    }
    if plans.is_empty() {
        output::text("no plan waits\n")?;
        return Ok(ExitCode::SUCCESS);
    }
    let rows = plans.iter().map(|plan| {
        let ids = plan.target["ids"].as_array().into_iter().flatten().filter_map(serde_json::Value::as_str);
        let target = ids.collect::<Vec<_>>().join(",");
        vec![plan.handle.clone(), plan.tool.clone(), plan.effect.to_string(), format!("{} s", age(plan)), target]
    });
    output::text(&output::table(&["plan", "tool", "effect", "age", "target"].map(str::to_owned), rows.collect()))?;
    Ok(ExitCode::SUCCESS)
}
