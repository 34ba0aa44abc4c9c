"""What boto3 makes of stacks, logs, roles, objects and functions, here and at moto."""

import io
import json
import time
import zipfile

from steps import SOON, at_both

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


def objects(step, client):
    s3 = client("s3")
    region = s3.meta.region_name
    place = {"CreateBucketConfiguration": {"LocationConstraint": region}}
    step("no bucket", s3.list_objects_v2, Bucket="nobody-at-all")
    step("no bucket's head", s3.head_bucket, Bucket="nobody-at-all")
    step("bucket", s3.create_bucket, Bucket="run-1", **place)
    step("bucket twice", s3.create_bucket, Bucket="run-1", **place)
    step("bucket misnamed", s3.create_bucket, Bucket="Run_1", **place)
    step("bucket elsewhere", s3.create_bucket, Bucket="run-2")
    step("head", s3.head_bucket, Bucket="run-1")
    step("place", s3.get_bucket_location, lambda it: it["LocationConstraint"], Bucket="run-1")
    step("buckets", s3.list_buckets, lambda it: "run-1" in [row["Name"] for row in it["Buckets"]])
    step("no object", s3.get_object, Bucket="run-1", Key="none")
    step("no object's head", s3.head_object, Bucket="run-1", Key="none")
    step("put", s3.put_object, lambda it: it["ETag"], Bucket="run-1", Key="a/1.txt", Body=b"hello world", ContentType="text/plain", Metadata={"step": "1"}, Tagging="team=a")
    step("get", s3.get_object, lambda it: [it["Body"].read().decode(), it["ContentType"], it["Metadata"], it["ETag"]], Bucket="run-1", Key="a/1.txt")
    step("head of it", s3.head_object, lambda it: [it["ContentLength"], it["ContentType"]], Bucket="run-1", Key="a/1.txt")
    step("range", s3.get_object, lambda it: [it["Body"].read().decode(), it["ContentRange"]], Bucket="run-1", Key="a/1.txt", Range="bytes=6-")
    step("last bytes", s3.get_object, lambda it: it["Body"].read().decode(), Bucket="run-1", Key="a/1.txt", Range="bytes=-5")
    step("beyond", s3.get_object, Bucket="run-1", Key="a/1.txt", Range="bytes=100-")
    step("as it was", s3.get_object, Bucket="run-1", Key="a/1.txt", IfNoneMatch='"5eb63bbbe01eeed093cb22bb8f5acdc3"')
    step("not that", s3.get_object, Bucket="run-1", Key="a/1.txt", IfMatch='"00000000000000000000000000000000"')
    step("tags", s3.get_object_tagging, lambda it: it["TagSet"], Bucket="run-1", Key="a/1.txt")
    step("copy", s3.copy_object, lambda it: it["CopyObjectResult"]["ETag"], Bucket="run-1", Key="b/ü 2.txt", CopySource={"Bucket": "run-1", "Key": "a/1.txt"})
    step("copied", s3.get_object, lambda it: [it["Body"].read().decode(), it["Metadata"]], Bucket="run-1", Key="b/ü 2.txt")
    step("copy of nothing", s3.copy_object, Bucket="run-1", Key="c", CopySource={"Bucket": "run-1", "Key": "none"})
    for number in range(25):
        s3.put_object(Bucket="run-1", Key=f"logs/{number % 5}/{number:02}.txt", Body=b"x" * number)
    step("top", s3.list_objects_v2, lambda it: [row["Prefix"] for row in it["CommonPrefixes"]], Bucket="run-1", Delimiter="/")
    step("below", s3.list_objects_v2, lambda it: [[row["Key"], row["Size"]] for row in it["Contents"]], Bucket="run-1", Prefix="logs/3/", Delimiter="/")
    step("after", s3.list_objects_v2, lambda it: it["KeyCount"], Bucket="run-1", StartAfter="logs/4/04.txt")
    pages = s3.get_paginator("list_objects_v2").paginate(Bucket="run-1", Prefix="logs/", PaginationConfig={"PageSize": 4})
    step.said["pages"] = [row["Key"] for page in pages for row in page["Contents"]]
    pages = s3.get_paginator("list_objects_v2").paginate(Bucket="run-1", Prefix="logs/", Delimiter="/", PaginationConfig={"PageSize": 2})
    step.said["pages of prefixes"] = [row["Prefix"] for page in pages for row in page["CommonPrefixes"]]
    pages = s3.get_paginator("list_objects").paginate(Bucket="run-1", PaginationConfig={"PageSize": 7})
    step.said["pages of old"] = len([row for page in pages for row in page["Contents"]])
    step("wrong token", s3.list_objects_v2, Bucket="run-1", ContinuationToken="***")
    upload = {"Bucket": "run-1", "Key": "big"}
    upload["UploadId"] = s3.create_multipart_upload(Bucket="run-1", Key="big", ContentType="text/plain")["UploadId"]
    large = b"0123456789abcdef" * (5 * 65536)
    tags = [s3.upload_part(PartNumber=number, Body=body, **upload)["ETag"] for number, body in ((1, large), (2, b"end"))]
    step("parts", s3.list_parts, lambda it: [[row["PartNumber"], row["Size"]] for row in it["Parts"]], **upload)
    parts = [{"PartNumber": number, "ETag": tag} for number, tag in zip((1, 2), tags)]
    step("wrong order", s3.complete_multipart_upload, MultipartUpload={"Parts": parts[::-1]}, **upload)
    step("wrong part", s3.complete_multipart_upload, MultipartUpload={"Parts": [parts[0], dict(parts[1], PartNumber=3)]}, **upload)
    step("complete", s3.complete_multipart_upload, lambda it: it["ETag"], MultipartUpload={"Parts": parts}, **upload)
    step("whole", s3.head_object, lambda it: it["ContentLength"], Bucket="run-1", Key="big")
    step("no upload", s3.upload_part, PartNumber=1, Body=b"x", **upload)
    step("bucket in use", s3.delete_bucket, Bucket="run-1")
    step("delete", s3.delete_object, Bucket="run-1", Key="none")
    keys = [{"Key": row["Key"]} for row in s3.list_objects_v2(Bucket="run-1")["Contents"]]
    step("delete all", s3.delete_objects, lambda it: len(it["Deleted"]), Bucket="run-1", Delete={"Objects": keys})
    step("empty", s3.list_objects_v2, lambda it: [it["KeyCount"], it["IsTruncated"]], Bucket="run-1")
    step("delete bucket", s3.delete_bucket, Bucket="run-1")
    step("delete bucket twice", s3.delete_bucket, Bucket="run-1")


def functions(step, client):
    iam, s3 = client("iam"), client("s3")
    fn = client("lambda")
    region = fn.meta.region_name
    trust = TRUST.replace("ec2.amazonaws.com", "lambda.amazonaws.com")
    role = iam.create_role(RoleName="runner", AssumeRolePolicyDocument=trust)["Role"]["Arn"]
    iam.create_role(RoleName="machine", AssumeRolePolicyDocument=TRUST)
    account = role.split(":")[4]

    def archive(text):
        packed = io.BytesIO()
        with zipfile.ZipFile(packed, "w") as file:
            file.writestr(zipfile.ZipInfo("index.py"), text)
        return packed.getvalue()

    def settled(name="sum"):
        fn.get_waiter("function_active_v2").wait(FunctionName=name, WaiterConfig=SOON)
        fn.get_waiter("function_updated_v2").wait(FunctionName=name, WaiterConfig=SOON)

    code = archive("def handler(event, context):\n    return event\n")
    made = {"FunctionName": "sum", "Runtime": "python3.13", "Handler": "index.handler", "Role": role, "Code": {"ZipFile": code}}
    named = {"FunctionName": "sum"}
    for name, call in [
        ("get", fn.get_function), ("configuration", fn.get_function_configuration), ("delete", fn.delete_function),
        ("invoke", fn.invoke), ("versions", fn.list_versions_by_function), ("publish", fn.publish_version),
        ("policy", fn.get_policy), ("code", lambda **it: fn.update_function_code(ZipFile=code, **it)),
        ("settings", lambda **it: fn.update_function_configuration(Timeout=4, **it)),
        ("concurrency", lambda **it: fn.put_function_concurrency(ReservedConcurrentExecutions=1, **it)),
    ]:
        step(f"{name} of nobody", call, **named)
    step("tags of nobody", fn.list_tags, Resource=f"arn:aws:lambda:{region}:{account}:function:sum")
    step("no role", fn.create_function, **{**made, "FunctionName": "wrong-1", "Role": f"arn:aws:iam::{account}:role/nobody"})
    step("role of others", fn.create_function, **{**made, "FunctionName": "wrong-2", "Role": role.replace(":role/runner", ":role/machine")})
    step("role malformed", fn.create_function, **{**made, "FunctionName": "wrong-3", "Role": "runner"})
    step("no archive", fn.create_function, **{**made, "FunctionName": "wrong-4", "Code": {"ZipFile": b"no archive"}})
    step("no bucket", fn.create_function, **{**made, "FunctionName": "wrong-5", "Code": {"S3Bucket": "nobody-at-all", "S3Key": "a.zip"}})
    step("no runtime", fn.create_function, **{key: "wrong-6" if key == "FunctionName" else value for key, value in made.items() if key != "Runtime"})
    said = lambda value: value.replace(account, "ACCOUNT") if isinstance(value, str) else value
    members = ("FunctionName", "FunctionArn", "Runtime", "Role", "Handler", "CodeSize", "CodeSha256", "Timeout", "MemorySize", "Version", "Description",
               "PackageType", "Architectures", "EphemeralStorage", "SnapStart", "TracingConfig", "Environment")
    pick = lambda it: {name: said(it.get(name)) for name in members}
    step("create", fn.create_function, pick, Timeout=9, MemorySize=256, Environment={"Variables": {"A": "b"}}, Tags={"team": "a"}, **made)
    step("create twice", fn.create_function, **made)
    settled()
    step("configuration", fn.get_function_configuration, pick, **named)
    step("state", fn.get_function_configuration, lambda it: [it["State"], it["LastUpdateStatus"]], **named)
    step("by ARN", fn.get_function, lambda it: it.get("Tags"), FunctionName=f"arn:aws:lambda:{region}:{account}:function:sum")
    step("no version", fn.get_function, Qualifier="7", **named)
    step("no alias's function", fn.get_function, Qualifier="live", **named)
    step("too long", fn.update_function_configuration, Timeout=901, **named)
    step("set", fn.update_function_configuration, pick, Timeout=20, Description="adds", **named)
    settled()
    step("publish", fn.publish_version, lambda it: [it["Version"], it["FunctionArn"].split(":")[-1], it["Timeout"]], Description="first", **named)
    step("publish the same", fn.publish_version, lambda it: it["Version"], **named)
    step("new code", fn.update_function_code, lambda it: [it["CodeSha256"], it["CodeSize"]], ZipFile=archive("def handler(event, context):\n    return 1\n"), **named)
    settled()
    step("try code", fn.update_function_code, lambda it: it["CodeSha256"], ZipFile=code, DryRun=True, **named)
    step("publish again", fn.publish_version, lambda it: it["CodeSha256"], **named)
    step("versions", fn.list_versions_by_function, lambda it: [row["Version"] for row in it["Versions"]][:3], **named)
    pages = fn.get_paginator("list_versions_by_function").paginate(PaginationConfig={"PageSize": 2}, **named)
    step.said["pages of versions"] = [row["Version"] for page in pages for row in page["Versions"]][:3]
    step("old one", fn.get_function_configuration, lambda it: [it["Timeout"], it["Description"]], Qualifier="1", **named)
    step("alias of nothing", fn.create_alias, Name="live", FunctionVersion="9", **named)
    step("alias", fn.create_alias, lambda it: [said(it["AliasArn"]), it["FunctionVersion"]], Name="live", FunctionVersion="1", **named)
    step("alias twice", fn.create_alias, Name="live", FunctionVersion="1", **named)
    step("by alias", fn.get_function_configuration, lambda it: it["Version"], Qualifier="live", **named)
    step("move alias", fn.update_alias, lambda it: it["FunctionVersion"], Name="live", FunctionVersion="2", **named)
    step("alias shown", fn.get_alias, lambda it: it["FunctionVersion"], Name="live", **named)
    step("aliases", fn.list_aliases, lambda it: [row["Name"] for row in it["Aliases"]], **named)
    step("no alias", fn.get_alias, Name="old", **named)
    step("version in use", fn.delete_function, Qualifier="2", **named)
    step("alias away", fn.delete_alias, Name="live", **named)
    step("delete version", fn.delete_function, Qualifier="1", **named)
    step("version gone", fn.get_function, Qualifier="1", **named)
    allow = {"StatementId": "s3", "Action": "lambda:InvokeFunction", "Principal": "s3.amazonaws.com", "SourceArn": "arn:aws:s3:::run-1"}
    step("no policy", fn.get_policy, **named)
    step("allow", fn.add_permission, lambda it: json.loads(said(it["Statement"])), **allow, **named)
    step("allow twice", fn.add_permission, **allow, **named)
    step("policy", fn.get_policy, lambda it: json.loads(said(it["Policy"]))["Statement"][0], **named)
    step("disallow", fn.remove_permission, StatementId="s3", **named)
    step("disallow twice", fn.remove_permission, StatementId="s3", **named)
    arn = f"arn:aws:lambda:{region}:{account}:function:sum"
    step("tag", fn.tag_resource, Resource=arn, Tags={"cost": "b"})
    step("untag", fn.untag_resource, Resource=arn, TagKeys=["team"])
    step("tags", fn.list_tags, lambda it: it["Tags"], Resource=arn)
    step("reserve", fn.put_function_concurrency, lambda it: it["ReservedConcurrentExecutions"], ReservedConcurrentExecutions=5, **named)
    step("reserved", fn.get_function_concurrency, lambda it: it["ReservedConcurrentExecutions"], **named)
    step("unreserve", fn.delete_function_concurrency, **named)
    step("reserved no more", fn.get_function_concurrency, lambda it: it.get("ReservedConcurrentExecutions"), **named)
    s3.create_bucket(Bucket="code-1", CreateBucketConfiguration={"LocationConstraint": region})
    s3.put_object(Bucket="code-1", Key="sum.zip", Body=code)
    step("no key", fn.create_function, **{**made, "FunctionName": "more", "Code": {"S3Bucket": "code-1", "S3Key": "none.zip"}})
    for number in range(5):
        step(f"from S3 {number}", fn.create_function, lambda it: it["CodeSha256"], **{**made, "FunctionName": f"sum-{number}", "Code": {"S3Bucket": "code-1", "S3Key": "sum.zip"}})
    pages = fn.get_paginator("list_functions").paginate(PaginationConfig={"PageSize": 2})
    step.said["pages"] = sorted(row["FunctionName"] for page in pages for row in page["Functions"] if row["FunctionName"].startswith("sum"))
    step("image", fn.create_function, lambda it: [it["PackageType"], it.get("Runtime")], FunctionName="image", PackageType="Image", Role=role, Code={"ImageUri": f"{account}.dkr.ecr.{region}.amazonaws.com/a:1"})
    step("delete", fn.delete_function, **named)
    step("delete twice", fn.delete_function, **named)


at_both(stacks=stacks, logs=logs, roles=roles, objects=objects, functions=functions)
