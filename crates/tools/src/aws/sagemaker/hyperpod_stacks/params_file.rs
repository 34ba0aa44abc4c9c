//! A parameters file to fill in: every parameter that a template declares, with values and words of ours.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use trainyard_aws::Operation;
use trainyard_contract::{Access, Changes, Covers, Error, Json, Preview, Reads, Result, Target, Tool};

use super::{
    answers::{FilePlan, WrittenFile},
    prepare::Orchestrator,
    settings,
};
use crate::{
    App, Cx,
    aws::cloudformation::{
        local_file, parameters,
        stack::{self, Declared},
    },
    common::{Profile, Region},
};

/// Write a parameters file to fill in
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct WriteParams {
    /// Absolute path of the file to write.
    params_file: String,
    #[serde(default)]
    cluster_orchestrator: Orchestrator,
    /// Absolute path or S3 URL of a template.
    template: Option<String>,
    /// Replace a file that is there.
    #[serde(default)]
    overwrite: bool,
    region_name: Option<Region>,
    profile_name: Option<Profile>,
}

impl WriteParams {
    async fn drafted<A: Access + Covers<Reads>>(&self, cx: &Cx<A>) -> Result<(Vec<parameters::Draft>, Vec<Declared>)> {
        let aws = cx.aws(self.region_name.as_ref(), self.profile_name.as_ref());
        let orchestrator = self.cluster_orchestrator;
        let template = orchestrator.template(self.template.as_deref(), cx.template_buckets())?;
        let (summary, _) = stack::summary(&aws, &template).await?;
        // Good zones are worth having, not worth failing for.
        let zones = match aws.send(&DescribeAvailabilityZones {}).await {
            Ok(found) => found.availability_zones.into_iter().filter_map(|zone| zone.zone_id).collect(),
            Err(_) => Vec::new(),
        };
        let token = cx.token();
        let suffix = &token[token.len().saturating_sub(6)..];
        let managed = settings::is_managed(&summary.parameters);
        let drafts = parameters::draft(&summary.parameters, |key| {
            if managed { settings::advice(key, orchestrator, &zones, suffix) } else { parameters::Advice::default() }
        });
        Ok((drafts, summary.parameters))
    }
}

impl Tool<App> for WriteParams {
    const NAME: &'static str = "write_params";
    const EXAMPLE: &'static str = r#"{"params_file": "/home/me/train-parameters.json"}"#;
    type Access = Changes;
    type Output = Json<WrittenFile>;

    async fn run(self, cx: Cx<Changes>) -> Result<Json<WrittenFile>> {
        let (drafts, declared) = self.drafted(&cx).await?;
        let text = serde_json::to_string_pretty(&drafts).map_err(|error| Error::internal(error.to_string()))?;
        let text = format!("{text}\n");
        let path = local_file::write(&self.params_file, "parameters file", &text, self.overwrite.into(), &["json"])?;
        Ok(Json(WrittenFile {
            params_file: path.display().to_string(),
            parameters: drafts.len(),
            to_fill_in: parameters::unfilled(&drafts, &declared),
        }))
    }
}

impl Preview<App> for WriteParams {
    type Plan = FilePlan;

    fn target(&self) -> Target {
        Target {
            system: "trainyard",
            kind: "parameters file".to_owned(),
            ids: vec![self.params_file.clone()],
            region: None,
            profile: None,
        }
    }

    async fn plan(&self, cx: Cx<Reads>) -> Result<FilePlan> {
        let (drafts, _) = self.drafted(&cx).await?;
        Ok(FilePlan {
            exists: std::path::Path::new(&self.params_file).exists(),
            parameters: drafts.into_iter().map(|draft| draft.parameter_key).collect(),
        })
    }
}

#[derive(Serialize)]
#[cfg_attr(test, derive(JsonSchema))]
struct DescribeAvailabilityZones {}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
#[cfg_attr(test, derive(JsonSchema))]
struct Zones {
    #[serde(default)]
    availability_zones: Vec<Zone>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
#[cfg_attr(test, derive(JsonSchema))]
struct Zone {
    zone_id: Option<String>,
}

impl Operation for DescribeAvailabilityZones {
    const SERVICE: &'static str = "ec2";
    const ACTION: &'static str = "DescribeAvailabilityZones";
    type Needs = Reads;
    type Reply = Zones;
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::registry_tests::check;

    #[test]
    fn operations_agree_with_the_catalogue() {
        check::<DescribeAvailabilityZones>();
    }
}
