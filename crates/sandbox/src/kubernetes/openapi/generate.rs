//! Makes the schemas of the built-in kinds from the types of the library, for `builtin`.

use std::{env, fs, path::Path};

use k8s_openapi::api::{
    admissionregistration, apps, autoscaling, batch, certificates, coordination, core, discovery, events, flowcontrol,
    networking, node, policy, rbac, resource, scheduling, storage,
};
use k8s_openapi::{apiextensions_apiserver::pkg::apis::apiextensions, kube_aggregator::pkg::apis::apiregistration};
use schemars::{SchemaGenerator, generate::SchemaSettings};
use serde_json::{Map, Value};

use super::builtin;

#[test]
fn the_schemas_are_those_of_the_library() {
    let made = schemas();
    #[expect(clippy::disallowed_methods, reason = "a test has no settings but these")]
    if env::var_os("TRAINYARD_WRITE_DOCS").is_some() {
        let plain = serde_json::to_vec(&made).unwrap();
        let packed = zstd::encode_all(plain.as_slice(), 19).unwrap();
        fs::write(Path::new(env!("CARGO_MANIFEST_DIR")).join("src/kubernetes/openapi/schemas.json.zst"), packed)
            .unwrap();
        return;
    }
    assert!(
        made == *builtin::schemas(),
        "out of date: TRAINYARD_WRITE_DOCS=1 cargo test -p trainyard-sandbox --lib schemas"
    );
}

fn schemas() -> Map<String, Value> {
    let mut generator = SchemaSettings::openapi3().into_generator();
    register(&mut generator);
    let mut schemas: Map<String, Value> = generator.take_definitions(true);
    for (name, schema) in &mut schemas {
        finish(name, schema);
    }
    schemas
}

macro_rules! register {
    ($generator:ident, $($group:ident::$version:ident: $($kind:ident)+;)+) => {
        $({
            use $group::$version as kinds;
            $(drop($generator.subschema_for::<kinds::$kind>());)+
        })+
    };
}

fn register(generator: &mut SchemaGenerator) {
    register!(generator,
        core::v1: ConfigMap Endpoints Event LimitRange Namespace Node PersistentVolumeClaim PersistentVolume Pod
            PodTemplate ReplicationController ResourceQuota Secret ServiceAccount Service;
        apps::v1: ControllerRevision DaemonSet Deployment ReplicaSet StatefulSet;
        admissionregistration::v1: MutatingWebhookConfiguration ValidatingAdmissionPolicy ValidatingAdmissionPolicyBinding
            ValidatingWebhookConfiguration;
        apiextensions::v1: CustomResourceDefinition;
        apiregistration::v1: APIService;
        autoscaling::v2: HorizontalPodAutoscaler;
        batch::v1: CronJob Job;
        certificates::v1: CertificateSigningRequest;
        coordination::v1: Lease;
        discovery::v1: EndpointSlice;
        events::v1: Event;
        flowcontrol::v1: FlowSchema PriorityLevelConfiguration;
        networking::v1: IngressClass Ingress NetworkPolicy;
        node::v1: RuntimeClass;
        policy::v1: PodDisruptionBudget;
        rbac::v1: ClusterRoleBinding ClusterRole RoleBinding Role;
        resource::v1: DeviceClass ResourceClaim ResourceClaimTemplate ResourceSlice;
        scheduling::v1: PriorityClass;
        storage::v1: CSIDriver CSINode CSIStorageCapacity StorageClass VolumeAttachment;
    );
}

/// Lists that merge item by item: part of the schema's name, member, key. Clients make their patches by it.
const MERGED: &[(&str, &str, &str)] = &[
    ("PodSpec", "containers", "name"),
    ("PodSpec", "initContainers", "name"),
    ("PodSpec", "ephemeralContainers", "name"),
    ("PodSpec", "volumes", "name"),
    ("PodSpec", "imagePullSecrets", "name"),
    ("PodSpec", "hostAliases", "ip"),
    ("PodSpec", "topologySpreadConstraints", "topologyKey"),
    ("PodSpec", "resourceClaims", "name"),
    ("PodSpec", "schedulingGates", "name"),
    ("Container", "env", "name"),
    ("Container", "ports", "containerPort"),
    ("Container", "volumeMounts", "mountPath"),
    ("Container", "volumeDevices", "devicePath"),
    ("ServiceSpec", "ports", "port"),
    ("ServiceAccount", "secrets", "name"),
    ("ServiceAccount", "imagePullSecrets", "name"),
    ("ObjectMeta", "ownerReferences", "uid"),
    ("NodeStatus", "addresses", "type"),
    ("PodStatus", "podIPs", "ip"),
];

/// What the API's own description says besides: references as it has them, and how lists merge.
fn finish(name: &str, schema: &mut Value) {
    if let Some(schema) = schema.as_object_mut() {
        schema.shift_remove("title");
    }
    let short = name.rsplit('.').next().unwrap_or_default();
    // Schemas within definitions hold any value.
    if (short == "JSON" || short.starts_with("JSONSchemaPropsOr"))
        && let Some(schema) = schema.as_object_mut()
    {
        schema.shift_remove("type");
    }
    for (member, property) in schema["properties"].as_object_mut().into_iter().flatten() {
        let key = match MERGED.iter().find(|(of, list, _)| *of == short && list == member) {
            Some((.., key)) => Some(*key),
            None if member == "conditions" => Some("type"),
            None => None,
        };
        if let Some(key) = key {
            property["x-kubernetes-patch-merge-key"] = key.into();
            let strategy = if member == "volumes" { "merge,retainKeys" } else { "merge" };
            property["x-kubernetes-patch-strategy"] = strategy.into();
        }
        if short == "ObjectMeta" && member == "finalizers" {
            property["x-kubernetes-patch-strategy"] = "merge".into();
        }
        if short == "DeploymentSpec" && member == "strategy" {
            property["x-kubernetes-patch-strategy"] = "retainKeys".into();
        }
        wrap(property);
    }
}

/// A reference with a text beside it is written as one of `allOf`.
fn wrap(schema: &mut Value) {
    if let Some(members) = schema.as_object_mut()
        && members.len() > 1
        && let Some(reference) = members.shift_remove("$ref")
    {
        members.insert("allOf".into(), serde_json::json!([{ "$ref": reference }]));
    }
    for inner in ["items", "additionalProperties"] {
        if schema[inner].is_object() {
            wrap(&mut schema[inner]);
        } else if let Some(members) = schema.as_object_mut()
            && members.get(inner).is_some_and(Value::is_null)
        {
            members.shift_remove(inner);
        }
    }
}
