//! What stands at the addresses of AWS's own templates: templates of ours with the same parameters.

/// Where AWS keeps its templates for HyperPod.
const BUCKET: &str =
    "https://aws-sagemaker-hyperpod-cluster-setup-us-east-1-prod.s3.us-east-1.amazonaws.com/templates/";

const FILES: &[(&str, &str)] = &[
    ("main-stack-eks-based-template.yaml", include_str!("templates/hyperpod-eks.yaml")),
    ("vpc-template.yaml", include_str!("templates/vpc.yaml")),
    ("roles-template.yaml", include_str!("templates/roles.yaml")),
    ("eks-template.yaml", include_str!("templates/eks.yaml")),
    ("hyperpod-template.yaml", include_str!("templates/hyperpod.yaml")),
];

/// The template at an address.
pub(super) fn at(address: &str) -> Option<&'static str> {
    let name = address.strip_prefix(BUCKET)?;
    FILES.iter().find(|(known, _)| *known == name).map(|(_, text)| *text)
}

#[cfg(test)]
mod tests {
    use super::{super::template, *};

    #[test]
    fn every_template_can_be_read_and_names_only_templates_that_are_there() {
        for (name, text) in FILES {
            let template = template::read(text).unwrap_or_else(|refusal| panic!("{name}: {}", refusal.message));
            for (logical, resource) in template::resources(&template) {
                if let Some(address) = resource["Properties"]["TemplateURL"].as_str() {
                    assert!(at(address).is_some(), "{name}: {logical}: {address}");
                }
            }
        }
        assert!(at("https://b.s3.amazonaws.com/x").is_none());
    }
}
