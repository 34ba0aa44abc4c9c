"""boto3 against the sandbox: reads, pages, waiters, changes and refusals. Prints one JSON object."""

import json
import sys

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

url, key, secret, region = sys.argv[1:5]
session = boto3.Session(aws_access_key_id=key, aws_secret_access_key=secret, region_name=region)


def client(service, **other):
    return session.client(service, endpoint_url=url, config=Config(retries={"total_max_attempts": 1}), **other)


def code(call, **arguments):
    try:
        call(**arguments)
    except ClientError as error:
        return error.response["Error"]["Code"]
    return None


ec2, sagemaker, eks, sts = (client(name) for name in ("ec2", "sagemaker", "eks", "sts"))
said = {"account": sts.get_caller_identity()["Account"]}
pages = ec2.get_paginator("describe_instances").paginate(PaginationConfig={"PageSize": 5})
instances = [instance for page in pages for row in page["Reservations"] for instance in row["Instances"]]
said["instances"] = len(instances)
said["launched"] = all(instance["LaunchTime"].tzinfo is not None for instance in instances)
image = ec2.describe_images(Owners=["amazon"])["Images"][0]["ImageId"]
launch = {"ImageId": image, "InstanceType": "g5.xlarge", "MinCount": 1, "MaxCount": 1}
said["dry_run"] = code(ec2.run_instances, DryRun=True, **launch)
made = ec2.run_instances(**launch)["Instances"][0]["InstanceId"]
ec2.get_waiter("instance_running").wait(InstanceIds=[made], WaiterConfig={"Delay": 1, "MaxAttempts": 60})
ec2.create_tags(Resources=[made], Tags=[{"Key": "owner", "Value": "Zoë & <co>"}])
said["tags"] = ec2.describe_tags(Filters=[{"Name": "resource-id", "Values": [made]}])["Tags"]
ec2.terminate_instances(InstanceIds=[made])
ec2.get_waiter("instance_terminated").wait(InstanceIds=[made], WaiterConfig={"Delay": 1, "MaxAttempts": 60})
said["gpus"] = ec2.describe_instance_types(InstanceTypes=["p5.48xlarge"])["InstanceTypes"][0]["GpuInfo"]["Gpus"][0]["Count"]
said["absent"] = code(ec2.describe_instances, InstanceIds=["i-00000000000000000"])
clusters = sagemaker.get_paginator("list_clusters").paginate(PaginationConfig={"PageSize": 1})
said["clusters"] = [row["ClusterName"] for page in clusters for row in page["ClusterSummaries"]]
nodes = sagemaker.list_cluster_nodes(ClusterName="pretrain")["ClusterNodeSummaries"]
said["nodes"] = len(nodes)
said["health"] = sagemaker.describe_cluster_node(ClusterName="pretrain", NodeId=nodes[0]["InstanceId"])["NodeDetails"][
    "InstanceStatus"
]["Status"]
said["no_cluster"] = code(sagemaker.describe_cluster, ClusterName="nothing")
said["eks"] = eks.describe_cluster(name="trainyard")["cluster"]["status"]
said["no_eks"] = code(eks.describe_cluster, name="nothing")
said["not_here"] = code(client("dynamodb").list_tables)
stranger = boto3.client(
    "sts", endpoint_url=url, region_name=region, aws_access_key_id="AKIAIOSFODNN7STRANGE", aws_secret_access_key=secret
)
said["stranger"] = code(stranger.get_caller_identity)
forger = boto3.client(
    "sts", endpoint_url=url, region_name=region, aws_access_key_id=key, aws_secret_access_key="another"
)
said["forger"] = code(forger.get_caller_identity)
print(json.dumps(said))
