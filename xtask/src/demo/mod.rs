//! `cargo xtask demo`: what an assistant asks and sees, with an emulated AWS, in a minute.

mod fleet;
mod show;

use serde_json::{Value, json};
use trainyard_harness::{Era, Moto, Session, Trainyard};

use crate::{Result, environment, release};

/// Builds, fills, asks, and says how to go on.
pub(crate) fn run() -> Result<()> {
    println!("Building trainyard (the first time takes minutes) ...");
    let binary = release::build()?;
    println!("Starting moto, an AWS emulator, on this machine ...");
    let venv = environment::python("demo-venv", "tests/requirements-demo.txt")?;
    let moto = Moto::start(&venv)?;
    println!("Filling it with a small fleet, by `trainyard call --allow-write` ...\n");
    let trainyard = Trainyard::at(&binary, &moto.url())?.with("AWS_REGION", fleet::REGION);
    let instances = fleet::fill(&trainyard)?;

    let mut session = trainyard.serve(&[], Era::Legacy)?;
    opening(&mut session)?;
    questions(&mut session, &instances)?;
    session.close()?;
    println!("{}", next_steps(&binary.display().to_string()));
    Ok(())
}

fn opening(session: &mut Session) -> Result<()> {
    let hello = session.hello()?;
    let server = &hello["serverInfo"];
    println!("--- An MCP client starts `trainyard serve` and says hello ---------------------------------");
    println!(
        "{} {}, protocol {}",
        show::word(&server["name"]),
        show::word(&server["version"]),
        show::word(&hello["protocolVersion"])
    );
    let instructions = hello["instructions"].as_str().unwrap_or_default();
    println!("instructions for the model, {} tokens, which end:", show::tokens(instructions));
    println!("  {}\n", instructions.lines().last().unwrap_or_default());

    let list = session.ask("tools/list", json!({}))?;
    let tools = list["tools"].as_array().cloned().unwrap_or_default();
    println!("{} tools, {} tokens:", tools.len(), show::tokens(&list.to_string()));
    for tool in &tools {
        let about = tool["description"].as_str().unwrap_or_default();
        let about = about.split(['.', '\n']).next().unwrap_or_default();
        println!(
            "  {:<30} {:>4}  {}",
            show::word(&tool["name"]),
            show::tokens(&tool.to_string()),
            show::shortened(about, 52)
        );
    }
    Ok(())
}

fn questions(session: &mut Session, instances: &[String]) -> Result<()> {
    let mut ask = |who_asks: &str, tool: &str, arguments: Value| -> Result<()> {
        println!("\n> {who_asks}");
        println!("  {tool} {}", show::shortened(&arguments.to_string(), 110));
        let started = std::time::Instant::now();
        let result = session.call(tool, arguments)?;
        let took = started.elapsed().as_millis();
        show::answer(&result, took);
        Ok(())
    };
    println!("\n--- The assistant calls tools -------------------------------------------------------------");
    ask("Which account is this?", "iam_get_caller_identity", json!({}))?;
    ask(
        "Which machines are running, and with which GPUs?",
        "ec2_list_instances",
        json!({ "states": ["running"], "fields": ["name", "instance_id", "type", "gpus", "az", "tags"] }),
    )?;
    ask(
        "How are the nodes of my HyperPod cluster?",
        "manage_hyperpod_cluster_nodes",
        json!({ "operation": "list_nodes", "cluster_name": "llm" }),
    )?;
    ask(
        "Something that has no tool of its own: reserved GPU capacity.",
        "aws_search",
        json!({ "query": "gpu capacity block offerings", "limit": 3 }),
    )?;
    ask(
        "Any operation of AWS, and only what is wanted of its answer.",
        "aws_call",
        json!({ "service": "eks", "operation": "DescribeCluster", "parameters": { "name": "research" },
                "query": "cluster.{name: name, status: status, version: version}" }),
    )?;
    println!("\n--- What it is kept from ------------------------------------------------------------------");
    ask(
        "Terminate the first of them!",
        "aws_call",
        json!({ "service": "ec2", "operation": "TerminateInstances", "parameters": { "InstanceIds": [instances.first()] } }),
    )?;
    ask("A slip of the model:", "ec2_list_instances", json!({ "instance_type": "p5.48xlarge", "state": "running" }))
}

fn next_steps(binary: &str) -> String {
    format!(
        "\n--- Now with your own account -------------------------------------------------------------
  {binary} doctor          # account, region, what would work
  claude mcp add trainyard -- {binary} serve
Other clients (Claude Desktop, Cursor, Kiro, Amazon Q) take this in their settings:
  {{\"mcpServers\": {{\"trainyard\": {{\"command\": {binary:?}, \"args\": [\"serve\"]}}}}}}
Nothing is changed unless you add --allow-write; README.md has the rest."
    )
}
