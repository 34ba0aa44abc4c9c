//! `trainyard demo`: what an assistant asks and sees, on a fleet that is in this binary.

mod guide;
mod plot;

use std::{fs, process::ExitCode, sync::Arc};

use serde_json::{Value, json};
use trainyard_contract::{Ceiling, Error, Result};

use self::guide::{Guide, chapter, means};
use super::serve::told_to_stop;
use crate::{args::FleetArguments, config::Config, output, sandbox::Sandbox};

/// Questions after the end of a training job, each of which waits for up to 20 seconds.
const PATIENCE: usize = 12;
/// What a shell makes of a command that was ended by Ctrl-C.
const INTERRUPTED: u8 = 130;

pub(crate) async fn run(mut config: Config, fleet: &FleetArguments) -> Result<ExitCode> {
    let mut sandbox = Sandbox::start(fleet, None)?;
    config.ceiling = Ceiling::READ_ONLY;
    config.confirm = trainyard_dispatch::Confirm::Destructive;
    config.policy = Arc::default();
    config.policy_file = None;
    config.selection = trainyard_dispatch::Selection { toolsets: vec!["all".to_owned()], ..Default::default() };
    config.local_paths = vec![sandbox.folder().to_owned()];
    sandbox.replace(&mut config);
    tokio::select! {
        shown = tour(config, &mut sandbox) => shown.map(|()| ExitCode::SUCCESS),
        () = told_to_stop() => Ok(ExitCode::from(INTERRUPTED)),
    }
}

const OPENING: &str = "\
Trainyard lets an AI assistant work on machine-learning infrastructure: AWS accounts, Kubernetes clusters,
GPUs, trainings. This is a tour of a made-up company, which is inside this program: an AWS account and a
Kubernetes cluster with GPUs, in memory, on ports of this machine. Nothing leaves it, and nothing is left of it.

What you will read, each time:
  >  what somebody asks the assistant, in plain words
  $  the tool that the assistant calls to find out, with its arguments
  |  what the tool answers, which is all that the assistant sees
  *  what that means, said here for people who are new to its words
";

async fn tour(mut config: Config, sandbox: &mut Sandbox) -> Result<()> {
    output::text(OPENING)?;
    let dispatch = super::dispatch(&config, None)?;
    let guide = Guide::new(dispatch);
    looking(&guide).await?;
    waiting(&guide).await?;
    refused(&guide).await?;
    // What the operator does by starting the server with the flag.
    config.ceiling.write = true;
    config.kubernetes.ceiling = config.ceiling;
    let dispatch = super::dispatch(&config, None)?;
    sandbox.ends(dispatch.context().workers.clone());
    let guide = Guide::new(dispatch);
    planned(&guide).await?;
    trained(&guide, sandbox).await?;
    output::text(&closing()?)
}

async fn looking(guide: &Guide) -> Result<()> {
    chapter("1. Looking around", "The server was started with `trainyard serve`: it can read, and nothing else.")?;
    guide.shows("Which AWS account is this, and who are we there?", "iam_get_caller_identity", &json!({})).await?;
    let question = "Which SageMaker HyperPod clusters do we train on, and are they well?";
    guide.shows(question, "hyperpod_report", &json!({})).await?;
    means(
        "HyperPod is AWS's service for clusters that train models; it looks after the machines and replaces broken ones.\n\
         As many machines run as are wanted and none fails: both clusters are well. Each line ends with dollars an hour.",
    )?;
    let machines = json!({ "states": ["running"], "fields": ["name", "type", "gpus", "az"], "limit": 6 });
    guide.shows("What runs on EC2, where AWS rents out machines?", "ec2_list_instances", &machines).await?;
    let question = "And in the Kubernetes cluster: which GPUs are there, and how full are they?";
    let fields = ["name", "models", "cards", "healthy_cards", "slots_used", "memory_total_mib", "memory_free_mib"];
    guide.shows(question, "list_gpu_nodes", &json!({ "fields": fields, "limit": 6 })).await?;
    means(
        "A cluster runs programs, which it calls pods, on machines, which it calls nodes; a card is one GPU of a node.\n\
         Here HAMi, an addition to Kubernetes, lets pods share cards: a card has ten slots, and a pod takes a slot and\n\
         part of the memory (MiB). On other nodes the GPUs are cut into fixed parts (MIG), or are AWS's own (Neuron).",
    )
}

async fn waiting(guide: &Guide) -> Result<()> {
    chapter("2. A question that takes an expert an hour", "Somebody's program waits, and does not say why.")?;
    let pod = json!({ "namespace": "research", "pod": "llm-sweep-7" });
    let question = "Why does my pod llm-sweep-7 not start, and what would help?";
    let answer = guide.shows(question, "gpu_why_pending", &pod).await?;
    means(&remedy(&answer))
}

/// What would help a pod, in words.
fn remedy(answer: &Value) -> String {
    let change = &answer["remedy"]["changes"][0];
    let (from, to) = (change["from_mib"].as_u64(), change["to_mib"].as_u64());
    let (Some(from), Some(to), Some(node)) = (from, to, answer["remedy"]["node"].as_str()) else {
        return "All nodes were looked at, with the reason why the pod does not fit on each.".to_owned();
    };
    format!(
        "The pod asks for {from} MiB of GPU memory on one card, and no card has as much free. If it asked for {to},\n\
         it would start on {node}. All cards of all nodes were tried, as the cluster's own scheduler does."
    )
}

async fn refused(guide: &Guide) -> Result<()> {
    chapter("3. What it does not do", "An assistant may be wrong, or be talked into something. This one cannot act.")?;
    let stop = json!({ "instance_ids": [notebook(guide).await?] });
    guide.is_refused("Stop the machine notebook-anna, it costs money.", "ec2_stop_instances", &stop).await
}

async fn planned(guide: &Guide) -> Result<()> {
    let about =
        "Now with `trainyard serve --allow-write`. What cannot be undone is planned first, and a person is asked.";
    chapter("4. A change, with a plan", about)?;
    let terminate = json!({ "instance_ids": [notebook(guide).await?] });
    guide.asks("Then terminate it, with all that is on it.", "ec2_terminate_instances", &terminate).await
}

/// The id of an instance that stands alone.
async fn notebook(guide: &Guide) -> Result<String> {
    let arguments = json!({ "service": "ec2", "operation": "DescribeInstances",
        "parameters": { "Filters": [{ "Name": "tag:Name", "Values": ["notebook-anna"] }] },
        "query": "Reservations[].Instances[].InstanceId" });
    let answer = guide.answer("aws_call", &arguments).await?.to_string();
    let id = answer.split('"').find(|text| text.starts_with("i-"));
    id.map(str::to_owned).ok_or_else(|| Error::internal("the sandbox has no notebook"))
}

async fn trained(guide: &Guide, sandbox: &Sandbox) -> Result<()> {
    chapter("5. A model from a table", "Trained on this machine, by the same program, without Python.")?;
    let file = sandbox.folder().join("jobs.csv");
    fs::write(&file, table())
        .map_err(|error| Error::internal(format!("could not write {}: {error}", file.display())))?;
    let upload = json!({ "file_path": file, "dataset_id": "jobs" });
    guide.shows("Here is a table of our past training jobs.", "dataset_upload", &upload).await?;
    let start = json!({ "dataset_id": "jobs", "target": "outcome", "preset": "fast" });
    let job =
        guide.shows("Learn which jobs will diverge: get worse, not better.", "training_start", &start).await?["job_id"]
            .clone();
    for _ in 0..PATIENCE {
        if guide.answer("training_get", &json!({ "job_id": job, "wait_seconds": 20 })).await?["ended"] == true {
            break;
        }
    }
    let curve = json!({ "job_id": job, "name": "evaluating.validation_loss", "max_points": 32 });
    guide
        .draws(
            "How did it learn? (how wrong it is about rows that it was not shown, round by round)",
            "training_get_metrics",
            &curve,
        )
        .await?;
    let rows =
        json!([{ "learning_rate": 0.9, "warmup": 0, "gpus": 8 }, { "learning_rate": 0.1, "warmup": 500, "gpus": 8 }]);
    let predict = json!({ "model_id": "jobs-outcome", "rows": rows });
    guide.shows("What will become of these two?", "model_predict", &predict).await?;
    Ok(())
}

/// Jobs with a high rate of learning and a short warm-up diverge.
fn table() -> String {
    let mut text = String::from("learning_rate,warmup,gpus,outcome\n");
    for row in 0..300_u32 {
        let (rate, warmup, gpus) = (row * 37 % 100, row * 53 % 7 * 100, 8 << (row % 4));
        let outcome = if rate > 50 + warmup / 20 { "diverged" } else { "finished" };
        text.push_str(&format!("0.{rate:02},{warmup},{gpus},{outcome}\n"));
    }
    text
}

/// How to go on. The program is named by where it is: who has just built it has it in no PATH, and neither have clients
/// that were started from a desktop.
fn closing() -> Result<String> {
    let program = std::env::current_exe()
        .map_err(|error| Error::internal(format!("where is this program? {error}")))?
        .display()
        .to_string();
    let settings =
        json!({ "mcpServers": { "practice": { "command": program, "args": ["serve", "--sandbox"] } } }).to_string();
    Ok(format!(
        "
== Now you =========================================================================================================
The same company for your own assistant, to practise on:
  claude mcp add practice -- {program} serve --sandbox
Cursor, VS Code, Claude Desktop and others take this in their settings:
  {settings}
With --allow-write it may plan and make changes there.

Incidents, such as a failing GPU or a bill that is too high, and a grade for whoever looks into them:
  trainyard eval --list

And your own account:
  trainyard doctor          which account, which region, what would work
  trainyard serve           for an assistant; it only reads until you say --allow-write

`trainyard` is {program}
"
    ))
}
