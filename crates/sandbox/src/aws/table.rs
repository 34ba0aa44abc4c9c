//! The kinds of rows that an account keeps, and which members of a row name it.

use serde_json::Value;

macro_rules! tables {
    ($($table:ident $name:literal [$($id:literal),*];)*) => {
        /// A kind of resource.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub(crate) enum Table { $($table),* }

        /// Tables by name, with the members whose texts, joined by `/`, are the id of a row.
        const TABLES: &[(Table, &str, &[&str])] = &[$((Table::$table, $name, &[$($id),*])),*];
    };
}

tables! {
    CapacityBlockOfferings "capacity_block_offerings" ["CapacityBlockOfferingId"];
    CapacityReservations "capacity_reservations" ["CapacityReservationId"];
    FastSnapshotRestores "fast_snapshot_restores" ["SnapshotId", "AvailabilityZone"];
    FlowLogs "flow_logs" ["FlowLogId"];
    Images "images" ["ImageId"];
    Instances "instances" ["InstanceId"];
    InternetGateways "internet_gateways" ["InternetGatewayId"];
    KeyPairs "key_pairs" ["KeyPairId"];
    LaunchTemplates "launch_templates" ["LaunchTemplateId"];
    LaunchTemplateVersions "launch_template_versions" ["LaunchTemplateId", "VersionNumber"];
    NatGateways "nat_gateways" ["NatGatewayId"];
    RouteTables "route_tables" ["RouteTableId"];
    SecurityGroups "security_groups" ["GroupId"];
    SecurityGroupRules "security_group_rules" ["SecurityGroupRuleId"];
    Snapshots "snapshots" ["SnapshotId"];
    SpotRequests "spot_requests" ["SpotInstanceRequestId"];
    Subnets "subnets" ["SubnetId"];
    Volumes "volumes" ["VolumeId"];
    VolumeModifications "volume_modifications" ["VolumeId"];
    TrainingPlanOfferings "training_plan_offerings" ["TrainingPlanOfferingId"];
    TrainingPlans "training_plans" ["TrainingPlanName"];
    VpcEndpoints "vpc_endpoints" ["VpcEndpointId"];
    VpcPeerings "vpc_peerings" ["VpcPeeringConnectionId"];
    Vpcs "vpcs" ["VpcId"];
    QuotaRequests "quota_requests" ["Id"];
    Quotas "quotas" ["ServiceCode", "QuotaCode"];
    EksAccessEntries "eks_access_entries" ["clusterName", "principalArn"];
    EksAddons "eks_addons" ["clusterName", "addonName"];
    EksClusters "eks_clusters" ["name"];
    EksFargateProfiles "eks_fargate_profiles" ["clusterName", "fargateProfileName"];
    EksInsights "eks_insights" ["_cluster", "id"];
    EksNodegroups "eks_nodegroups" ["clusterName", "nodegroupName"];
    EksPodIdentities "eks_pod_identities" ["clusterName", "associationId"];
    HyperPodComputeQuotas "hyperpod_compute_quotas" ["ComputeQuotaId"];
    HyperPodSchedulerConfigs "hyperpod_scheduler_configs" ["ClusterSchedulerConfigId"];
    HyperPodClusters "hyperpod_clusters" ["ClusterName"];
    HyperPodNodes "hyperpod_nodes" ["InstanceId"];
    HyperPodEvents "hyperpod_events" ["EventId"];
    ChangeSets "change_sets" ["ChangeSetId"];
    IamPolicies "iam_policies" ["Arn"];
    IamProfiles "iam_instance_profiles" ["InstanceProfileName"];
    IamRoles "iam_roles" ["RoleName"];
    IamUsers "iam_users" ["UserName"];
    LambdaAliases "lambda_aliases" ["_function", "Name"];
    LambdaEvents "lambda_events" ["id"];
    LambdaFunctions "lambda_functions" ["FunctionName"];
    LambdaRuns "lambda_runs" ["FunctionName"];
    LambdaVersions "lambda_versions" ["FunctionName", "Version"];
    LogGroups "log_groups" ["logGroupName"];
    LogQueries "log_queries" ["queryId"];
    LogStreams "log_streams" ["_group", "logStreamName"];
    S3Buckets "s3_buckets" ["Name"];
    S3Objects "s3_objects" ["_bucket", "Key"];
    S3Uploads "s3_uploads" ["UploadId"];
    Sessions "sessions" ["AccessKeyId"];
    StackEvents "stack_events" ["EventId"];
    StackResources "stack_resources" ["StackId", "LogicalResourceId"];
    Stacks "stacks" ["StackId"];
}

impl Table {
    /// A table by the name that settings give it.
    pub(crate) fn named(name: &str) -> Result<Self, String> {
        let known = TABLES.iter().find(|known| known.1 == name).map(|known| known.0);
        known.ok_or_else(|| {
            let names: Vec<&str> = TABLES.iter().map(|known| known.1).collect();
            format!("no table is called {name:?}; there are {}", names.join(", "))
        })
    }

    /// The id of a row, if it has all members that make it.
    pub(crate) fn id_of(self, row: &Value) -> Result<String, String> {
        let members = TABLES.iter().find(|known| known.0 == self).map_or(&[][..], |known| known.2);
        let text = |member: &&str| match &row[*member] {
            Value::String(text) => Ok(text.clone()),
            Value::Number(number) => Ok(number.to_string()),
            _ => Err(format!("a row without {member:?}, which names it")),
        };
        Ok(members.iter().map(text).collect::<Result<Vec<_>, _>>()?.join("/"))
    }

    /// Where the rows of a region are kept; those of IAM, STS and S3 are the same in all.
    pub(super) fn place(self, region: &str) -> (String, Self) {
        let everywhere = matches!(
            self,
            Self::IamPolicies
                | Self::IamProfiles
                | Self::IamRoles
                | Self::IamUsers
                | Self::S3Buckets
                | Self::S3Objects
                | Self::S3Uploads
                | Self::Sessions
        );
        (if everywhere { String::new() } else { region.to_owned() }, self)
    }
}
