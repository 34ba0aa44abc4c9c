//! Take a machine image back.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use trainyard_aws::Aws;
use trainyard_contract::{Destroys, Json, Losing, Loss, MAX_LIMIT, Preview, Reads, Result, Target, Things, Tool};

use super::{
    ImageRow, one,
    wire::{DeregisterImage, Image, SnapshotDeletion},
};
use crate::{
    App, Cx,
    aws::{
        ebs::snapshots,
        ec2::instances::wire::{DescribeInstances, Filter as InstanceFilter, Instance},
    },
    common::{DryRun, Profile, Region, aws_target},
};

/// Deregister an AMI: nothing can be launched from it any more
///
/// The plan says which instances run from it and which snapshots it leaves or takes along.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Deregister {
    /// Image ID.
    image_id: String,
    /// Delete its snapshots too, those apart that other images use.
    delete_snapshots: Option<bool>,
    region: Option<Region>,
    profile: Option<Profile>,
}

impl Deregister {
    fn request(&self) -> DeregisterImage {
        let delete = self.delete_snapshots.filter(|delete| *delete);
        DeregisterImage { image_id: self.image_id.clone(), delete_associated_snapshots: delete }
    }
}

impl Tool<App> for Deregister {
    const NAME: &'static str = "ec2_deregister_ami";
    const EXAMPLE: &'static str = r#"{"image_id": "ami-0123456789abcdef0", "delete_snapshots": true}"#;
    type Access = Destroys;
    type Output = Json<Gone>;

    async fn run(self, cx: Cx<Destroys>) -> Result<Json<Gone>> {
        let aws = cx.aws(self.region.as_ref(), self.profile.as_ref());
        // Afterwards nobody can tell any more which snapshots it had.
        let snapshots = one(&aws, &self.image_id).await?.snapshots();
        let reply = aws.send(&self.request()).await?;
        let deleted = reply.delete_snapshot_results;
        let gone = |id: &String| deleted.iter().any(|it| it.is(id) && it.succeeded());
        let (snapshots_deleted, snapshots_kept) = snapshots.into_iter().partition(gone);
        Ok(Json(Gone { deregistered: self.image_id, snapshots_deleted, snapshots_kept }))
    }
}

impl Preview<App> for Deregister {
    type Plan = Losing<Lost>;

    fn target(&self) -> Target {
        aws_target("ami", vec![self.image_id.clone()], self.region.as_ref(), self.profile.as_ref())
    }

    fn loss(&self) -> Option<Loss> {
        None
    }

    async fn plan(&self, cx: Cx<Reads>) -> Result<Losing<Lost>> {
        let aws = cx.aws(self.region.as_ref(), self.profile.as_ref());
        let image = one(&aws, &self.image_id).await?;
        let having = InstanceFilter::new("image-id", vec![self.image_id.clone()]);
        let question = DescribeInstances { instance_ids: Vec::new(), filters: vec![having] };
        let users = aws.list(&question, cx.wanted(MAX_LIMIT, None)).await?.items;
        let alive = |instance: &Instance| !matches!(instance.state.name.as_str(), "terminated" | "shutting-down");
        let loss = Loss::of_backup(sources(&aws, &image).await);
        let plan = Lost {
            snapshots: image.snapshots(),
            snapshots_too: self.delete_snapshots == Some(true),
            last_launched: image.last_launched_time.clone(),
            image: image.into(),
            instances_from_it: users.into_iter().filter(alive).map(|instance| instance.instance_id).collect(),
            not_looked_at: "launch templates: what is in them is sensitive data",
            dry_run: aws.dry_run_of(&self.request()).await?.into(),
        };
        Ok(Losing::new(plan, loss))
    }
}

/// What the image is a backup of: the instance that it was made from, and the volumes.
async fn sources(aws: &Aws<Reads>, image: &Image) -> Things {
    match snapshots::sources(aws, &image.snapshots()).await {
        Ok(volumes) => volumes.into_iter().chain(image.source_instance_id.clone()).collect(),
        Err(_) => Things::Unknown,
    }
}

#[derive(Serialize, JsonSchema)]
pub(super) struct Gone {
    deregistered: String,
    snapshots_deleted: Vec<String>,
    /// They cost on.
    snapshots_kept: Vec<String>,
}

/// What would be gone, and who uses it.
#[derive(Serialize, JsonSchema)]
pub(super) struct Lost {
    image: ImageRow,
    last_launched: Option<String>,
    /// Instances that were launched from it and are still there, up to 1,000: they run on.
    instances_from_it: Vec<String>,
    snapshots: Vec<String>,
    /// The snapshots would be deleted as well.
    snapshots_too: bool,
    not_looked_at: &'static str,
    dry_run: DryRun,
}

impl SnapshotDeletion {
    fn is(&self, id: &str) -> bool {
        self.snapshot_id.as_deref() == Some(id)
    }

    fn succeeded(&self) -> bool {
        self.return_code.as_deref().is_none_or(|code| code == "success")
    }
}
