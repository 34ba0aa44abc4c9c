"""Steps of boto3 at two endpoints: stacks, logs, roles. Prints what each came to: {"sandbox": {step: outcome}, "moto": {...}}."""

import json
import sys
import time

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

TEMPLATE = """
Parameters:
  Block: {Type: String, Default: 10.60.0.0/16}
Resources:
  Vpc: {Type: AWS::EC2::VPC, Properties: {CidrBlock: !Ref Block}}
  Subnet: {Type: AWS::EC2::Subnet, Properties: {VpcId: !Ref Vpc, CidrBlock: 10.60.1.0/24}}
Outputs:
  VpcId: {Value: !Ref Vpc, Description: The network}
"""
MORE = TEMPLATE.replace("Outputs:", "  Group: {Type: AWS::EC2::SecurityGroup, Properties: {GroupDescription: d, VpcId: !Ref Vpc}}\nOutputs:")
TRUST = json.dumps(
    {
        "Version": "2012-10-17",
        "Statement": [{"Effect": "Allow", "Principal": {"Service": "ec2.amazonaws.com"}, "Action": "sts:AssumeRole"}],
    }
)
POLICY = json.dumps({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "s3:GetObject", "Resource": "*"}]})
SOON = {"Delay": 1, "MaxAttempts": 60}


class Steps:
    def __init__(self):
        self.said = {}

    def __call__(self, name, call, pick=lambda reply: "ok", **arguments):
        try:
            reply = call(**arguments)
        except ClientError as error:
            self.said[name] = error.response["Error"]["Code"]
            return {}
        except BotoCoreError as error:
            self.said[name] = type(error).__name__
            return {}
        self.said[name] = pick(reply)
        return reply


def stacks(step, client):
    cloud, ec2 = client("cloudformation"), client("ec2")
    step("no stack", cloud.describe_stacks, StackName="nobody")
    step("no events", cloud.describe_stack_events, StackName="nobody")
    step("no template", cloud.get_template, StackName="nobody")
    step("no resources", cloud.list_stack_resources, StackName="nobody")
    step("delete no stack", cloud.delete_stack, StackName="nobody")
    step("update no stack", cloud.update_stack, StackName="nobody", TemplateBody=TEMPLATE)
    step("no JSON", cloud.validate_template, TemplateBody="{")
    step("valid", cloud.validate_template, TemplateBody=TEMPLATE)
    step("types", cloud.get_template_summary, lambda it: sorted(it["ResourceTypes"]), TemplateBody=TEMPLATE)
    step("create", cloud.create_stack, lambda it: it["StackId"].split("/")[1], StackName="net", TemplateBody=TEMPLATE, Tags=[{"Key": "team", "Value": "a"}])
    step("create twice", cloud.create_stack, StackName="net", TemplateBody=TEMPLATE)
    cloud.get_waiter("stack_create_complete").wait(StackName="net", WaiterConfig=SOON)
    stack = cloud.describe_stacks(StackName="net")["Stacks"][0]
    step.said["made"] = [stack["StackStatus"], stack["Tags"], stack["Parameters"]]
    output = stack["Outputs"][0]
    step.said["output"] = [output["OutputKey"], output["Description"], output["OutputValue"].startswith("vpc-")]
    step("network", ec2.describe_vpcs, lambda it: it["Vpcs"][0]["CidrBlock"], VpcIds=[output["OutputValue"]])
    resources = cloud.list_stack_resources(StackName="net")["StackResourceSummaries"]
    step.said["resources"] = sorted([it["LogicalResourceId"], it["ResourceType"], it["ResourceStatus"]] for it in resources)
    step("one", cloud.describe_stack_resource, lambda it: it["StackResourceDetail"]["ResourceType"], StackName="net", LogicalResourceId="Vpc")
    step("not one", cloud.describe_stack_resource, StackName="net", LogicalResourceId="Vpn")
    events = cloud.describe_stack_events(StackName="net")["StackEvents"]
    step.said["last event"] = [events[0]["LogicalResourceId"], events[0]["ResourceStatus"]]
    step("text", cloud.get_template, lambda it: "AWS::EC2::Subnet" in str(it["TemplateBody"]), StackName="net")
    step("no updates", cloud.update_stack, StackName="net", TemplateBody=TEMPLATE, Tags=[{"Key": "team", "Value": "a"}])
    step("update", cloud.update_stack, StackName="net", TemplateBody=MORE)
    cloud.get_waiter("stack_update_complete").wait(StackName="net", WaiterConfig=SOON)
    step("updated", cloud.list_stack_resources, lambda it: len(it["StackResourceSummaries"]), StackName="net")
    change = {"StackName": "net", "ChangeSetName": "back", "TemplateBody": TEMPLATE, "ChangeSetType": "UPDATE"}
    step("plan", cloud.create_change_set, **change)
    cloud.get_waiter("change_set_create_complete").wait(StackName="net", ChangeSetName="back", WaiterConfig=SOON)
    planned = cloud.describe_change_set(StackName="net", ChangeSetName="back")
    step.said["planned"] = [[it["ResourceChange"]["Action"], it["ResourceChange"]["LogicalResourceId"]] for it in planned["Changes"]]
    step("plans", cloud.list_change_sets, lambda it: [row["ChangeSetName"] for row in it["Summaries"]], StackName="net")
    step("execute", cloud.execute_change_set, StackName="net", ChangeSetName="back")
    cloud.get_waiter("stack_update_complete").wait(StackName="net", WaiterConfig=SOON)
    step("no plan", cloud.describe_change_set, StackName="net", ChangeSetName="nobody")
    step("delete", cloud.delete_stack, StackName="net")
    cloud.get_waiter("stack_delete_complete").wait(StackName="net", WaiterConfig=SOON)
    step("gone", cloud.describe_stacks, StackName="net")
    step("network gone", ec2.describe_vpcs, VpcIds=[output["OutputValue"]])


def logs(step, client):
    logs = client("logs")
    group = {"logGroupName": "/run/1"}
    stream = dict(group, logStreamName="rank-0")
    step("no group", logs.describe_log_streams, **group)
    step("no group's events", logs.get_log_events, **stream)
    step("group", logs.create_log_group, tags={"team": "a"}, **group)
    step("group twice", logs.create_log_group, **group)
    step("no stream", logs.get_log_events, **stream)
    step("stream", logs.create_log_stream, **stream)
    step("stream twice", logs.create_log_stream, **stream)
    now = int(time.time() * 1000) - 60_000
    events = [{"timestamp": now + number, "message": f"step {number} loss {number / 4}"} for number in range(30)]
    step("put", logs.put_log_events, logEvents=events, **stream)
    step("put too old", logs.put_log_events, lambda it: it["rejectedLogEventsInfo"], logEvents=[{"timestamp": 1_000, "message": "a"}], **stream)
    step("get", logs.get_log_events, lambda it: [len(it["events"]), it["events"][0]["message"]], startFromHead=True, limit=5, **stream)
    step("get last", logs.get_log_events, lambda it: [row["message"] for row in it["events"]], limit=2, **stream)
    step("wrong token", logs.get_log_events, nextToken="x", **stream)
    step("filter", logs.filter_log_events, lambda it: [row["message"] for row in it["events"]], filterPattern='"step 29"', **group)
    pages = logs.get_paginator("filter_log_events").paginate(PaginationConfig={"PageSize": 7}, **group)
    step.said["pages"] = len([row for page in pages for row in page["events"]])
    step("streams", logs.describe_log_streams, lambda it: [it["logStreams"][0][name] for name in ("logStreamName", "firstEventTimestamp")][0], **group)
    step("keep wrong", logs.put_retention_policy, retentionInDays=8, **group)
    step("keep", logs.put_retention_policy, retentionInDays=7, **group)
    step("kept", logs.describe_log_groups, lambda it: it["logGroups"][0]["retentionInDays"], logGroupNamePrefix="/run")
    step("tags", logs.list_tags_log_group, lambda it: it["tags"], **group)
    step("query no group", logs.start_query, logGroupName="/none", startTime=0, endTime=now, queryString="fields @message")
    query = {"startTime": now // 1000 - 60, "endTime": now // 1000 + 60, "queryString": "fields @message | sort @timestamp desc | limit 2"}
    started = step("query", logs.start_query, **query, **group)
    result = logs.get_query_results(queryId=started["queryId"])
    step.said["found"] = [result["status"], [[cell["value"] for cell in row if cell["field"] == "@message"] for row in result["results"]]]
    step("no query", logs.get_query_results, queryId="00000000-0000-0000-0000-000000000000")
    step("delete stream", logs.delete_log_stream, **stream)
    step("delete group", logs.delete_log_group, **group)
    step("delete group twice", logs.delete_log_group, **group)


def roles(step, client):
    iam = client("iam")
    step("no role", iam.get_role, RoleName="nobody")
    step("no policy", iam.get_policy, PolicyArn="arn:aws:iam::111122223333:policy/nobody")
    step("no profile", iam.get_instance_profile, InstanceProfileName="nobody")
    step("role", iam.create_role, lambda it: [it["Role"]["RoleName"], it["Role"]["AssumeRolePolicyDocument"]], RoleName="loader", AssumeRolePolicyDocument=TRUST)
    step("role twice", iam.create_role, RoleName="loader", AssumeRolePolicyDocument=TRUST)
    step("role wrong", iam.create_role, RoleName="wrong", AssumeRolePolicyDocument="{")
    step("own policy", iam.put_role_policy, RoleName="loader", PolicyName="read", PolicyDocument=POLICY)
    step("own policy shown", iam.get_role_policy, lambda it: it["PolicyDocument"], RoleName="loader", PolicyName="read")
    step("own policies", iam.list_role_policies, lambda it: it["PolicyNames"], RoleName="loader")
    step("no own policy", iam.get_role_policy, RoleName="loader", PolicyName="write")
    arn = step("policy", iam.create_policy, PolicyName="read", PolicyDocument=POLICY)["Policy"]["Arn"]
    step("policy twice", iam.create_policy, PolicyName="read", PolicyDocument=POLICY)
    step("attach", iam.attach_role_policy, RoleName="loader", PolicyArn=arn)
    step("attach none", iam.attach_role_policy, RoleName="loader", PolicyArn="arn:aws:iam::111122223333:policy/nothing")
    step("attached", iam.list_attached_role_policies, lambda it: [row["PolicyName"] for row in it["AttachedPolicies"]], RoleName="loader")
    step("count", iam.get_policy, lambda it: it["Policy"]["AttachmentCount"], PolicyArn=arn)
    step("entities", iam.list_entities_for_policy, lambda it: [row["RoleName"] for row in it["PolicyRoles"]], PolicyArn=arn)
    step("version", iam.create_policy_version, lambda it: it["PolicyVersion"]["VersionId"], PolicyArn=arn, PolicyDocument=TRUST and POLICY, SetAsDefault=True)
    step("version shown", iam.get_policy_version, lambda it: it["PolicyVersion"]["Document"], PolicyArn=arn, VersionId="v2")
    step("delete default", iam.delete_policy_version, PolicyArn=arn, VersionId="v2")
    step("delete version", iam.delete_policy_version, PolicyArn=arn, VersionId="v1")
    step("delete attached role", iam.delete_role, RoleName="loader")
    step("detach", iam.detach_role_policy, RoleName="loader", PolicyArn=arn)
    step("detach twice", iam.detach_role_policy, RoleName="loader", PolicyArn=arn)
    step("delete policy", iam.delete_policy, PolicyArn=arn)
    step("delete own policy", iam.delete_role_policy, RoleName="loader", PolicyName="read")
    step("profile", iam.create_instance_profile, InstanceProfileName="loader")
    step("profile twice", iam.create_instance_profile, InstanceProfileName="loader")
    step("add role", iam.add_role_to_instance_profile, InstanceProfileName="loader", RoleName="loader")
    step("profile shown", iam.get_instance_profile, lambda it: [row["RoleName"] for row in it["InstanceProfile"]["Roles"]], InstanceProfileName="loader")
    step("delete role in profile", iam.delete_role, RoleName="loader")
    step("delete profile with role", iam.delete_instance_profile, InstanceProfileName="loader")
    step("remove role", iam.remove_role_from_instance_profile, InstanceProfileName="loader", RoleName="loader")
    step("delete profile", iam.delete_instance_profile, InstanceProfileName="loader")
    step("tag role", iam.tag_role, RoleName="loader", Tags=[{"Key": "team", "Value": "a"}])
    step("tags of role", iam.list_role_tags, lambda it: it["Tags"], RoleName="loader")
    step("trust", iam.update_assume_role_policy, RoleName="loader", PolicyDocument=TRUST)
    step("roles", iam.list_roles, lambda it: "loader" in [row["RoleName"] for row in it["Roles"]])
    step("delete role", iam.delete_role, RoleName="loader")
    step("delete role twice", iam.delete_role, RoleName="loader")


def session(part, url, key, secret, region):
    boto = boto3.Session(aws_access_key_id=key, aws_secret_access_key=secret, region_name=region)
    config = Config(retries={"total_max_attempts": 1}, read_timeout=60)
    step = Steps()
    part(step, lambda service: boto.client(service, endpoint_url=url, config=config))
    return step.said


name, sandbox, moto, key, secret, region = sys.argv[1:7]
part = {"stacks": stacks, "logs": logs, "roles": roles}[name]
print(json.dumps({"sandbox": session(part, sandbox, key, secret, region), "moto": session(part, moto, key, secret, region)}))
