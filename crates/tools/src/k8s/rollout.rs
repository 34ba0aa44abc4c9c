//! Rollouts of Deployments, StatefulSets and DaemonSets: how far they are, again, and back.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use time::{OffsetDateTime, format_description::well_known::Rfc3339};
use trainyard_contract::{
    Access, Changes, Covers, Error, Json, Preview, Reads, Result, Target, Tool, ToolDef, Weighed,
};
use trainyard_k8s::{
    Form, Kubernetes, Patch, Selection,
    resource::{CONTROLLER_REVISIONS, REPLICA_SETS},
};

use super::{
    At,
    object::{Condition, conditions, list, selector},
    objects::Difference,
    place::Named,
};
use crate::{App, Cx};

pub(crate) const TOOLS: &[ToolDef<App>] =
    &[ToolDef::reads::<Status>(), ToolDef::changes::<Restart>(), ToolDef::changes::<Undo>()];

const REVISION: &str = "deployment.kubernetes.io/revision";

/// Get how far the rollout of a Deployment, StatefulSet or DaemonSet is, and its revisions
#[derive(Deserialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
struct Status {
    #[serde(flatten)]
    at: At,
}

impl Tool<App> for Status {
    const NAME: &'static str = "k8s_get_rollout";
    const EXAMPLE: &'static str = r#"{"kind": "Deployment", "name": "web", "namespace": "team-a"}"#;
    type Access = Reads;
    type Output = Json<Rollout>;

    async fn run(self, cx: Cx<Reads>) -> Result<Json<Rollout>> {
        let kubernetes = self.at.place.of(&cx);
        let named = self.at.named(&kubernetes).await?;
        rolls(&named)?;
        let object = kubernetes.get(&named.resource, named.namespace.as_deref(), &named.name).await?;
        let revisions = revisions(&kubernetes, &named, &object).await?;
        Ok(Json(progress(&named, &object, revisions)))
    }
}

fn rolls(named: &Named) -> Result<()> {
    let kind = &*named.resource.kind;
    if named.resource.group == "apps" && ["Deployment", "StatefulSet", "DaemonSet"].contains(&kind) {
        return Ok(());
    }
    Err(Error::unsupported(format!("a {kind} has no rollout")).hint("Deployment, StatefulSet and DaemonSet have"))
}

#[derive(Serialize, JsonSchema)]
pub(super) struct Rollout {
    object: String,
    /// All replicas are of the newest revision and available.
    done: bool,
    /// In words.
    state: String,
    wanted: u64,
    updated: u64,
    ready: u64,
    available: u64,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    conditions: Vec<Condition>,
    revisions: Vec<Revision>,
}

#[derive(Clone, Serialize, JsonSchema)]
pub(super) struct Revision {
    revision: u64,
    created: String,
    images: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    change_cause: Option<String>,
    #[serde(skip)]
    #[schemars(skip)]
    template: Value,
}

fn progress(named: &Named, object: &Value, revisions: Vec<Revision>) -> Rollout {
    let status = |name: &str| object["status"][name].as_u64().unwrap_or_default();
    let daemon = named.resource.kind == "DaemonSet";
    let (wanted, updated, ready, available) = if daemon {
        (
            status("desiredNumberScheduled"),
            status("updatedNumberScheduled"),
            status("numberReady"),
            status("numberAvailable"),
        )
    } else {
        let wanted = object["spec"]["replicas"].as_u64().unwrap_or(1);
        (wanted, status("updatedReplicas"), status("readyReplicas"), status("availableReplicas"))
    };
    let seen = status("observedGeneration") >= object["metadata"]["generation"].as_u64().unwrap_or_default();
    let conditions = conditions(object);
    let stuck = conditions
        .iter()
        .any(|one| one.kind == "Progressing" && one.reason.as_deref() == Some("ProgressDeadlineExceeded"));
    let old = if named.resource.kind == "Deployment" { status("replicas").saturating_sub(updated) } else { 0 };
    let done = seen && updated >= wanted && available >= wanted && old == 0;
    let state = if !seen {
        "not begun: the controller has not seen the newest change".to_owned()
    } else if stuck {
        "stuck: no progress within the deadline".to_owned()
    } else if object["spec"]["paused"] == true {
        "paused".to_owned()
    } else if done {
        "done".to_owned()
    } else if updated < wanted {
        format!("{updated} of {wanted} are of the newest revision")
    } else if old > 0 {
        format!("{old} of an older revision are still ending")
    } else {
        format!("{available} of {wanted} are available")
    };
    let object = format!("{}/{}", named.resource.kind, named.path());
    Rollout { object, done, state, wanted, updated, ready, available, conditions, revisions }
}

/// Revisions, the newest first.
async fn revisions<A: Access + Covers<Reads>>(
    kubernetes: &Kubernetes<A>,
    named: &Named,
    object: &Value,
) -> Result<Vec<Revision>> {
    let deployment = named.resource.kind == "Deployment";
    let resource = if deployment { REPLICA_SETS } else { CONTROLLER_REVISIONS };
    let selection =
        Selection { labels: selector(&object["spec"]["selector"]), ..Selection::of(named.namespace.as_deref()) };
    let found = kubernetes.list_all(&resource, &selection, Form::Whole).await?.items;
    let uid = &object["metadata"]["uid"];
    let ours = |one: &&Value| list(one, "/metadata/ownerReferences").iter().any(|owner| owner["uid"] == *uid);
    let mut revisions: Vec<Revision> = found
        .iter()
        .filter(ours)
        .filter_map(|one| {
            let annotations = &one["metadata"]["annotations"];
            let (revision, template) = if deployment {
                (annotations[REVISION].as_str()?.parse().ok()?, &one["spec"]["template"])
            } else {
                (one["revision"].as_u64()?, &one["data"]["spec"]["template"])
            };
            let images = list(template, "/spec/containers").iter().filter_map(|container| container["image"].as_str());
            Some(Revision {
                revision,
                created: one["metadata"]["creationTimestamp"].as_str().unwrap_or_default().to_owned(),
                images: images.map(str::to_owned).collect(),
                change_cause: annotations["kubernetes.io/change-cause"].as_str().map(str::to_owned),
                template: template.clone(),
            })
        })
        .collect();
    revisions.sort_by_key(|revision| std::cmp::Reverse(revision.revision));
    Ok(revisions)
}

/// Restart the pods of a Deployment, StatefulSet or DaemonSet, one after the other
#[derive(Deserialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
struct Restart {
    #[serde(flatten)]
    at: At,
}

/// The mark that kubectl sets as well, so that both know each other's restarts.
fn restart() -> Result<Patch> {
    let now = OffsetDateTime::now_utc().format(&Rfc3339).map_err(|error| Error::internal(error.to_string()))?;
    Ok(Patch::Strategic(
        json!({"spec": {"template": {"metadata": {"annotations": {"kubectl.kubernetes.io/restartedAt": now}}}}}),
    ))
}

impl Tool<App> for Restart {
    const NAME: &'static str = "k8s_restart_rollout";
    const EXAMPLE: &'static str = r#"{"kind": "Deployment", "name": "web", "namespace": "team-a"}"#;
    type Access = Changes;
    type Output = Json<Rollout>;

    async fn run(self, cx: Cx<Changes>) -> Result<Json<Rollout>> {
        let kubernetes = self.at.place.of(&cx);
        let named = self.at.named(&kubernetes).await?;
        rolls(&named)?;
        let after =
            kubernetes.patch(&named.resource, named.namespace.as_deref(), &named.name, &restart()?).await?.object;
        Ok(Json(progress(&named, &after, Vec::new())))
    }
}

#[derive(Serialize, JsonSchema)]
struct Restarted {
    object: String,
    /// Pods that would be replaced.
    pods: u64,
    strategy: Value,
}

impl Preview<App> for Restart {
    type Plan = Restarted;

    fn target(&self) -> Target {
        self.at.target()
    }

    async fn plan(&self, cx: Cx<Reads>) -> Result<Restarted> {
        let kubernetes = self.at.place.of(&cx);
        let named = self.at.named(&kubernetes).await?;
        rolls(&named)?;
        let namespace = named.namespace.as_deref();
        let object = kubernetes.get(&named.resource, namespace, &named.name).await?;
        kubernetes.try_patch(&named.resource, namespace, &named.name, &restart()?).await?;
        let strategy = ["strategy", "updateStrategy"].iter().find_map(|name| object["spec"].get(*name));
        Ok(Restarted {
            object: self.at.object(),
            pods: progress(&named, &object, Vec::new()).wanted,
            strategy: strategy.cloned().unwrap_or_default(),
        })
    }
}

/// Undo the last rollout of a Deployment, StatefulSet or DaemonSet, or go back to a revision
#[derive(Deserialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
struct Undo {
    #[serde(flatten)]
    at: At,
    /// Revision to go back to; the one before the last when absent.
    to_revision: Option<u64>,
}

impl Undo {
    /// What has to change, and the object as it is.
    async fn change<A: Access + Covers<Reads>>(
        &self,
        kubernetes: &Kubernetes<A>,
        named: &Named,
    ) -> Result<(Patch, Value)> {
        rolls(named)?;
        let object = kubernetes.get(&named.resource, named.namespace.as_deref(), &named.name).await?;
        if object["spec"]["paused"] == true {
            return Err(Error::new(trainyard_contract::ErrorKind::Conflict, "the rollout is paused")
                .hint("k8s_patch_object with spec.paused false takes it up again"));
        }
        let revisions = revisions(kubernetes, named, &object).await?;
        let wanted = match self.to_revision {
            Some(number) => revisions.iter().find(|one| one.revision == number),
            None => revisions.get(1),
        };
        let known = || revisions.iter().map(|one| one.revision.to_string()).collect::<Vec<_>>().join(", ");
        let wanted = wanted.ok_or_else(|| {
            Error::not_found(
                "revision",
                &self.to_revision.map_or_else(|| "before the last".into(), |number| number.to_string()),
            )
            .hint(format!("revisions: {}", known()))
        })?;
        let mut template = wanted.template.clone();
        if let Some(labels) = template.pointer_mut("/metadata/labels").and_then(Value::as_object_mut) {
            labels.remove("pod-template-hash");
        }
        if let Some(marker) = template.as_object_mut() {
            // Patches of revisions carry how they are to be applied.
            marker.remove("$patch");
        }
        // The test keeps another's change from being overwritten in between.
        let operations = json!([
            {"op": "test", "path": "/metadata/resourceVersion", "value": object["metadata"]["resourceVersion"]},
            {"op": "replace", "path": "/spec/template", "value": template},
        ]);
        Ok((Patch::Json(operations), object))
    }
}

impl Tool<App> for Undo {
    const NAME: &'static str = "k8s_undo_rollout";
    const EXAMPLE: &'static str = r#"{"kind": "Deployment", "name": "web", "namespace": "team-a"}"#;
    type Access = Changes;
    type Output = Json<Difference>;

    async fn run(self, cx: Cx<Changes>) -> Result<Json<Difference>> {
        let kubernetes = self.at.place.of(&cx);
        let named = self.at.named(&kubernetes).await?;
        let (change, before) = self.change(&kubernetes, &named).await?;
        let after = kubernetes.patch(&named.resource, named.namespace.as_deref(), &named.name, &change).await?;
        Ok(Json(Difference::new(self.at.object(), &before, after)))
    }
}

impl Preview<App> for Undo {
    type Plan = Weighed<Difference>;

    fn target(&self) -> Target {
        self.at.target()
    }

    async fn plan(&self, cx: Cx<Reads>) -> Result<Weighed<Difference>> {
        let kubernetes = self.at.place.of(&cx);
        let named = self.at.named(&kubernetes).await?;
        let (change, before) = self.change(&kubernetes, &named).await?;
        let after = kubernetes.try_patch(&named.resource, named.namespace.as_deref(), &named.name, &change).await?;
        Ok(Difference::weighed(self.at.object(), &before, after))
    }
}
