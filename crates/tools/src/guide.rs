//! What is offered besides the tools: addresses to read, prompts for common jobs, and where values come from.

use trainyard_contract::{Completion, Guide, Prompt, PromptArgument, Reading};

/// What this binary offers besides its tools.
pub static GUIDE: Guide = Guide { readings: READINGS, prompts: PROMPTS, completions: COMPLETIONS };

const READINGS: &[Reading] = &[
    Reading {
        address: "trainyard://hyperpod/report",
        name: "hyperpod-report",
        about: "State of the HyperPod clusters in the usual region",
        tool: "hyperpod_report",
        arguments: "{}",
    },
    Reading {
        address: "trainyard://hyperpod/report/{region}",
        name: "hyperpod-report-of-region",
        about: "State of the HyperPod clusters in a region",
        tool: "hyperpod_report",
        arguments: "{}",
    },
    Reading {
        address: "trainyard://ec2/instances/{region}",
        name: "ec2-instances-of-region",
        about: "Running EC2 instances in a region",
        tool: "ec2_list_instances",
        arguments: r#"{"states": ["running"]}"#,
    },
    Reading {
        address: "trainyard://aws/operations/{service}/{operation}",
        name: "aws-operation",
        about: "What an AWS operation takes and gives",
        tool: "aws_describe",
        arguments: "{}",
    },
    Reading {
        address: "trainyard://gpu/configuration",
        name: "hami-configuration",
        about: "How HAMi is configured in the usual cluster",
        tool: "gpu_get_configuration",
        arguments: "{}",
    },
    Reading {
        address: "trainyard://gpu/configuration/{cluster}",
        name: "hami-configuration-of-cluster",
        about: "How HAMi is configured in a cluster",
        tool: "gpu_get_configuration",
        arguments: "{}",
    },
    Reading {
        address: "trainyard://gpu/vendors",
        name: "accelerator-vendors",
        about: "Kinds of accelerators with the resources and annotations that go with them",
        tool: "gpu_list_vendors",
        arguments: "{}",
    },
    Reading {
        address: "trainyard://gpu/metrics",
        name: "accelerator-metrics",
        about: "Metrics of accelerators with units and former names, and the questions about them",
        tool: "gpu_list_metrics",
        arguments: r#"{"limit": 1000}"#,
    },
    Reading {
        address: "trainyard://iam/identity",
        name: "identity",
        about: "Account and identity that calls are made with",
        tool: "iam_get_caller_identity",
        arguments: "{}",
    },
];

const REGION: PromptArgument =
    PromptArgument { name: "region", about: "AWS region; the usual one if none", required: false };
const CLUSTER: PromptArgument =
    PromptArgument { name: "cluster", about: "Name of the HyperPod cluster", required: true };

const PROMPTS: &[Prompt] = &[
    Prompt {
        name: "review_clusters",
        title: "Review the training clusters",
        about: "Look over all HyperPod clusters and say what needs attention",
        arguments: &[REGION],
        needs: &["hyperpod_report", "hyperpod_list_events"],
        text: "Review my SageMaker HyperPod clusters.\n\
               Work in region {region}.\n\
               Call hyperpod_report. For each instance group that is short of nodes, failing or behind in its image, call hyperpod_list_events \
               for the cluster and find out why.\n\
               Then say, worst first: what is wrong, since when, what it holds up, and which one call would mend it. \
               Change nothing; a cluster in which all is well gets one line.",
    },
    Prompt {
        name: "diagnose_unhealthy_nodes",
        title: "Diagnose unhealthy nodes",
        about: "Find out why nodes of a cluster are unhealthy, and what to do about it",
        arguments: &[CLUSTER, REGION],
        needs: &["manage_hyperpod_cluster_nodes", "hyperpod_list_events"],
        text: "Find out why nodes of the HyperPod cluster {cluster} are unhealthy.\n\
               The cluster is in region {region}.\n\
               List its nodes with manage_hyperpod_cluster_nodes, describe those that are not running, and read their \
               events with hyperpod_list_events.\n\
               For each node say the cause that the evidence supports and what speaks against it, then the mildest \
               remedy: wait, check its health, reboot, replace. Show a dry run of the remedy; do not carry it out \
               before I agree.",
    },
    Prompt {
        name: "find_idle_gpus",
        title: "Find idle GPU instances",
        about: "Look for GPU instances that may run for nothing",
        arguments: &[REGION],
        needs: &["ec2_list_instances"],
        text: "Find GPU instances that may run for nothing.\n\
               Work in region {region}.\n\
               Call ec2_list_instances for running instances with GPUs. If no region was named, look in all of them \
               (regions: *).\n\
               Group them by owner tag and age; name those without an owner, older than a week, or alone of their \
               kind. Say what they cost by type and count. Stop nothing.",
    },
    Prompt {
        name: "plan_training_capacity",
        title: "Plan capacity for a training run",
        about: "Work out where a training run could get its GPUs",
        arguments: &[
            PromptArgument { name: "gpus", about: "How many GPUs, and of which kind", required: true },
            PromptArgument { name: "days", about: "For how many days", required: false },
            REGION,
        ],
        needs: &["hyperpod_report", "ec2_list_instances", "aws_search", "aws_call"],
        text: "Plan capacity for a training run on {gpus}.\n\
               It is to run for {days} days.\n\
               Prefer region {region}.\n\
               First see what is there: hyperpod_report and ec2_list_instances. Then see what could be had: with aws_call, EC2 \
               DescribeCapacityBlockOfferings, DescribeInstanceTypeOfferings and the service quotas for running \
               instances of the family; aws_search finds further operations.\n\
               Give two or three ways side by side: where, from when, what it costs, what stands in the way. Buy nothing.",
    },
    Prompt {
        name: "use_any_aws_api",
        title: "Do something on AWS",
        about: "Find the AWS operation for a job and make the call with care",
        arguments: &[
            PromptArgument { name: "job", about: "What is to be done, in your own words", required: true },
            REGION,
        ],
        needs: &["aws_search", "aws_describe", "aws_call"],
        text: "Do this on AWS: {job}.\n\
               Work in region {region}.\n\
               Find the operation with aws_search, read what it takes with aws_describe, and say which call you would \
               make with which parameters. A call that only reads, make with aws_call; one that changes something, show as \
               a dry run first.",
    },
];

const COMPLETIONS: &[Completion] = &[Completion {
    argument: "cluster",
    tool: "hyperpod_report",
    arguments: "{}",
    column: "cluster",
    takes: &["region", "profile"],
}];
