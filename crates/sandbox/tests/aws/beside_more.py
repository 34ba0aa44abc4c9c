"""What boto3 makes of the rest that has state, here and at moto: by service, what the other scripts do not touch."""

import json
import time
import urllib.error
import urllib.request

from botocore.auth import S3SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.config import Config
from steps import SOON, at_both

NONE = "00000000000000000"
TEMPLATE = "Resources:\n  Vpc: {Type: AWS::EC2::VPC, Properties: {CidrBlock: 10.70.0.0/16}}\nOutputs:\n  Net: {Value: !Ref Vpc, Export: {Name: net}}\n"
POLICY = json.dumps({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "s3:GetObject", "Resource": "*"}]})
TRUST = json.dumps(
    {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": {"AWS": "*"}, "Action": "sts:AssumeRole"}]}
)


class Trailing(S3SigV4Auth):
    """Signs a body of which the checksum follows, as clients send it over TLS."""

    def payload(self, request):
        return "STREAMING-UNSIGNED-PAYLOAD-TRAILER"


def fetched(address, method="GET", body=None, headers=None):
    """Status and body of an answer."""
    try:
        with urllib.request.urlopen(urllib.request.Request(address, body, {"Content-Type": "text/plain"} | (headers or {}), method=method)) as reply:
            return reply.status, reply.read().decode()
    except urllib.error.HTTPError as error:
        return error.status, error.read().decode()


def names(rows, *members):
    """Some members of each row, in an order of their own."""
    return sorted([row.get(member) for member in members] for row in rows)


def compute(step, client):
    ec2 = client("ec2")
    region = ec2.meta.region_name
    zone = f"{region}a"
    absent = {
        "gateway": (ec2.describe_internet_gateways, "InternetGatewayIds", "igw"),
        "address translation": (ec2.describe_nat_gateways, "NatGatewayIds", "nat"),
        "interface": (ec2.describe_network_interfaces, "NetworkInterfaceIds", "eni"),
        "peering": (ec2.describe_vpc_peering_connections, "VpcPeeringConnectionIds", "pcx"),
        "endpoint": (ec2.describe_vpc_endpoints, "VpcEndpointIds", "vpce"),
        "flow log": (ec2.describe_flow_logs, "FlowLogIds", "fl"),
        "spot request": (ec2.describe_spot_instance_requests, "SpotInstanceRequestIds", "sir"),
        "change of a volume": (ec2.describe_volumes_modifications, "VolumeIds", "vol"),
    }
    for name, (call, member, kind) in absent.items():
        step(f"no {name}", call, **{member: [f"{kind}-{NONE}"]})
    step("region", ec2.describe_regions, lambda it: names(it["Regions"], "RegionName"), RegionNames=[region])
    step("no region", ec2.describe_regions, RegionNames=["mars-1"])
    step("zone", ec2.describe_availability_zones, lambda it: names(it["AvailabilityZones"], "ZoneName", "State", "RegionName"), ZoneNames=[zone])
    step("no zone", ec2.describe_availability_zones, ZoneNames=["mars-1a"])
    step("types", ec2.describe_instance_types, lambda it: sorted([row["InstanceType"], row["VCpuInfo"]["DefaultVCpus"], row["MemoryInfo"]["SizeInMiB"], row["GpuInfo"]["Gpus"][0]["Name"]] for row in it["InstanceTypes"]), InstanceTypes=["p5.48xlarge", "g5.xlarge"])
    step("no types", ec2.describe_instance_types, InstanceTypes=["p99.huge"])
    step("offered", ec2.describe_instance_type_offerings, lambda it: names(it["InstanceTypeOfferings"], "InstanceType", "LocationType"), LocationType="region", Filters=[{"Name": "instance-type", "Values": ["g5.xlarge"]}])
    step("spot prices", ec2.describe_spot_price_history, lambda it: sorted({row["InstanceType"] for row in it["SpotPriceHistory"]}), InstanceTypes=["g5.xlarge"])
    # Rules of what goes out.
    group = ec2.create_security_group(GroupName="out", Description="out", VpcId=ec2.describe_vpcs(Filters=[{"Name": "is-default", "Values": ["true"]}])["Vpcs"][0]["VpcId"])["GroupId"]
    rule = [{"IpProtocol": "tcp", "FromPort": 443, "ToPort": 443, "IpRanges": [{"CidrIp": "10.0.0.0/8"}]}]
    step("out", ec2.authorize_security_group_egress, lambda it: it["Return"], GroupId=group, IpPermissions=rule)
    step("out twice", ec2.authorize_security_group_egress, GroupId=group, IpPermissions=rule)
    step("out no more", ec2.revoke_security_group_egress, GroupId=group, IpPermissions=rule)
    step("out no more twice", ec2.revoke_security_group_egress, GroupId=group, IpPermissions=rule)
    ec2.delete_security_group(GroupId=group)
    # A machine.
    image = ec2.describe_images(Owners=["amazon"])["Images"][0]["ImageId"]
    one = ec2.run_instances(ImageId=image, MinCount=1, MaxCount=1, InstanceType="g5.xlarge")["Instances"][0]["InstanceId"]
    ids = {"InstanceIds": [one]}
    ec2.get_waiter("instance_running").wait(WaiterConfig=SOON, **ids)
    step("restart", ec2.reboot_instances, **ids)
    step("restart none", ec2.reboot_instances, InstanceIds=[f"i-{NONE}"])
    step("console", ec2.get_console_output, lambda it: it["InstanceId"] == one, InstanceId=one)
    step("no console", ec2.get_console_output, InstanceId=f"i-{NONE}")
    step.alone("watch", "enabled", ec2.monitor_instances, lambda it: it["InstanceMonitorings"][0]["Monitoring"]["State"].replace("pending", "enabled"), **ids)
    step.alone("watch no more", "disabled", ec2.unmonitor_instances, lambda it: it["InstanceMonitorings"][0]["Monitoring"]["State"].replace("disabling", "disabled"), **ids)
    step("stop", ec2.stop_instances, **ids)
    ec2.get_waiter("instance_stopped").wait(WaiterConfig=SOON, **ids)
    step("start", ec2.start_instances, lambda it: it["StartingInstances"][0]["PreviousState"]["Name"], **ids)
    step("start none", ec2.start_instances, InstanceIds=[f"i-{NONE}"])
    ec2.get_waiter("instance_running").wait(WaiterConfig=SOON, **ids)
    step("started", ec2.describe_instances, lambda it: it["Reservations"][0]["Instances"][0]["State"], **ids)
    # Disks and images.
    volume = ec2.create_volume(AvailabilityZone=zone, Size=10, VolumeType="gp3")["VolumeId"]
    ec2.get_waiter("volume_available").wait(VolumeIds=[volume], WaiterConfig=SOON)
    step("grow", ec2.modify_volume, VolumeId=volume, Size=11)
    step("growing", ec2.describe_volumes_modifications, lambda it: names(it["VolumesModifications"], "OriginalSize", "TargetSize"), VolumeIds=[volume])
    snapshot = ec2.create_snapshot(VolumeId=volume)["SnapshotId"]
    ec2.get_waiter("snapshot_completed").wait(SnapshotIds=[snapshot], WaiterConfig=SOON)
    step("copy", ec2.copy_snapshot, SourceRegion=region, SourceSnapshotId=snapshot, Description="copy")
    step("copy none", ec2.copy_snapshot, SourceRegion=region, SourceSnapshotId=f"snap-{NONE}")
    step.alone("fast", True, ec2.enable_fast_snapshot_restores, lambda it: it["Successful"][0]["SnapshotId"] == snapshot, AvailabilityZones=[zone], SourceSnapshotIds=[snapshot])
    step.alone("fast ones", 1, ec2.describe_fast_snapshot_restores, lambda it: len(it["FastSnapshotRestores"]), Filters=[{"Name": "snapshot-id", "Values": [snapshot]}])
    step.alone("fast no more", 1, ec2.disable_fast_snapshot_restores, lambda it: len(it["Successful"]), AvailabilityZones=[zone], SourceSnapshotIds=[snapshot])
    step("delete snapshot", ec2.delete_snapshot, SnapshotId=snapshot)
    step("delete snapshot twice", ec2.delete_snapshot, SnapshotId=snapshot)
    copied = step("copy image", ec2.copy_image, SourceRegion=region, SourceImageId=image, Name="copied")["ImageId"]
    step("copied image", ec2.describe_images, lambda it: names(it["Images"], "Name"), ImageIds=[copied])
    step("copy no image", ec2.copy_image, SourceRegion=region, SourceImageId=f"ami-{NONE}", Name="none")
    # Templates, capacity and the market.
    template = ec2.create_launch_template(LaunchTemplateName="more", LaunchTemplateData={"InstanceType": "g5.xlarge"})["LaunchTemplate"]["LaunchTemplateId"]
    ec2.create_launch_template_version(LaunchTemplateId=template, LaunchTemplateData={"InstanceType": "t3.micro"})
    step("usual version", ec2.modify_launch_template, lambda it: it["LaunchTemplate"]["DefaultVersionNumber"], LaunchTemplateId=template, DefaultVersion="2")
    step("usual version of none", ec2.modify_launch_template, LaunchTemplateId=f"lt-{NONE}", DefaultVersion="2")
    reserve = {"InstanceType": "m5.large", "InstancePlatform": "Linux/UNIX", "AvailabilityZone": zone}
    reserved = step.alone("reserve", "active", ec2.create_capacity_reservation, lambda it: it["CapacityReservation"]["State"], InstanceCount=2, **reserve)
    step.alone("reserve nothing", [400, "InvalidParameterValue"], ec2.create_capacity_reservation, InstanceCount=0, **reserve)
    id = reserved.get("CapacityReservation", {}).get("CapacityReservationId")
    step.alone("reserved", [2, 2], ec2.describe_capacity_reservations, lambda it: [it["CapacityReservations"][0][name] for name in ("TotalInstanceCount", "AvailableInstanceCount")], CapacityReservationIds=[id])
    step.alone("give back", True, ec2.cancel_capacity_reservation, lambda it: it["Return"], CapacityReservationId=id)
    step.alone("give back twice", [400, "IncorrectState"], ec2.cancel_capacity_reservation, CapacityReservationId=id)
    step.alone("give back nothing", [400, "InvalidCapacityReservationId.NotFound"], ec2.cancel_capacity_reservation, CapacityReservationId=f"cr-{NONE}")
    step.alone("no blocks", [400, "InvalidParameterValue"], ec2.describe_capacity_block_offerings, InstanceType="m5.large", InstanceCount=1, CapacityDurationHours=24)
    offers = step.alone("blocks", True, ec2.describe_capacity_block_offerings, lambda it: len(it["CapacityBlockOfferings"]) > 0, InstanceType="p5.48xlarge", InstanceCount=1, CapacityDurationHours=24)
    offer = (offers.get("CapacityBlockOfferings") or [{}])[0].get("CapacityBlockOfferingId")
    step.alone("buy", "capacity-block", ec2.purchase_capacity_block, lambda it: it["CapacityReservation"]["ReservationType"], CapacityBlockOfferingId=offer, InstancePlatform="Linux/UNIX")
    step.alone("chances", True, ec2.get_spot_placement_scores, lambda it: all(1 <= row["Score"] <= 10 for row in it["SpotPlacementScores"]), InstanceTypes=["g5.xlarge", "p5.48xlarge", "m5.large"], TargetCapacity=1)
    step("no spot to cancel", ec2.cancel_spot_instance_requests, SpotInstanceRequestIds=[f"sir-{NONE}"])
    ec2.terminate_instances(**ids)


def storage(step, client):
    # Addresses are signed by version 4; the older one, which boto3 still prefers for them, is not checked here.
    s3 = client("s3", config=Config(signature_version="s3v4", retries={"total_max_attempts": 1}))
    place = {"CreateBucketConfiguration": {"LocationConstraint": s3.meta.region_name}}
    bucket = {"Bucket": "more-1"}
    s3.create_bucket(**bucket, **place)
    step("no tags", s3.get_bucket_tagging, **bucket)
    step("tags", s3.put_bucket_tagging, Tagging={"TagSet": [{"Key": "team", "Value": "a"}]}, **bucket)
    step("tags shown", s3.get_bucket_tagging, lambda it: it["TagSet"], **bucket)
    step("tags away", s3.delete_bucket_tagging, **bucket)
    step("versions", s3.get_bucket_versioning, lambda it: it.get("Status"), **bucket)
    one = dict(bucket, Key="a/1 é+.txt")
    step("put", s3.put_object, lambda it: [it["ETag"], it["ChecksumCRC32"]], Body=b"hello world", CacheControl="no-store", Tagging="a=1&b=2", **one)
    step("put by another sum", s3.put_object, lambda it: it["ChecksumSHA256"], Body=b"x", ChecksumAlgorithm="SHA256", **dict(bucket, Key="sha"))
    step("put twice", s3.put_object, Body=b"x", IfNoneMatch="*", **one)
    step("put over another", s3.put_object, Body=b"x", IfMatch='"00000000000000000000000000000000"', **one)
    wrong = dict(bucket, Key="wrong")
    step("wrong digest", s3.put_object, Body=b"x", ContentMD5="AAAAAAAAAAAAAAAAAAAAAA==", **wrong)
    step("wrong sum", s3.put_object, Body=b"x", ChecksumCRC32="AAAAAA==", **wrong)
    step("nothing came of it", s3.head_object, **wrong)
    s3.delete_object(**wrong)
    step("head", s3.head_object, lambda it: [it["ContentLength"], it["CacheControl"], it["ChecksumCRC32"]], ChecksumMode="ENABLED", **one)
    step("part of head", s3.head_object, lambda it: [it["ContentLength"], it["ContentRange"]], Range="bytes=0-4", **one)
    step("known", s3.head_object, IfNoneMatch='"5eb63bbbe01eeed093cb22bb8f5acdc3"', **one)
    step("unknown", s3.head_object, IfMatch='"00000000000000000000000000000000"', **one)
    step("part", s3.get_object, lambda it: [it["Body"].read().decode(), it["ContentRange"], it["ContentLength"]], Range="bytes=0-4", **one)
    step("last part", s3.get_object, lambda it: [it["Body"].read().decode(), it["ContentRange"]], Range="bytes=-100", **one)
    step("no range", s3.get_object, lambda it: it["Body"].read().decode(), Range="characters=1", **one)
    step("as something else", s3.get_object, lambda it: [it["ContentType"], it["ContentDisposition"]], ResponseContentType="text/x-log", ResponseContentDisposition="attachment", **one)
    step("no version", s3.get_object, VersionId="4bK3Y.d8cUuS0M6z1Gd6nfVZK4r0pW2T", **one)
    step("tagged", s3.get_object_tagging, lambda it: it["TagSet"], **one)
    step("tag", s3.put_object_tagging, Tagging={"TagSet": [{"Key": "c", "Value": "3"}]}, **one)
    step("tag twice", s3.put_object_tagging, Tagging={"TagSet": [{"Key": "c", "Value": "3"}, {"Key": "c", "Value": "4"}]}, **one)
    step("untag", s3.delete_object_tagging, **one)
    step("untagged", s3.get_object_tagging, lambda it: it["TagSet"], **one)
    source = {"CopySource": dict(one)}
    two = dict(bucket, Key="b/2")
    step("copy", s3.copy_object, lambda it: it["CopyObjectResult"]["ETag"], TaggingDirective="REPLACE", Tagging="d=4", MetadataDirective="REPLACE", ContentType="text/x-two", **source, **two)
    step("copied", s3.head_object, lambda it: [it["ContentType"], it["ContentLength"]], **two)
    step("tags of the copy", s3.get_object_tagging, lambda it: it["TagSet"], **two)
    step("copy onto itself", s3.copy_object, **source, **one)
    step("copy if", s3.copy_object, CopySourceIfMatch='"00000000000000000000000000000000"', **source, **two)
    step("copy if not", s3.copy_object, CopySourceIfNoneMatch='"5eb63bbbe01eeed093cb22bb8f5acdc3"', **source, **two)
    for key in ("c d/ü", "c d/&<>", "c d/x+y%20", "e"):
        s3.put_object(Body=b"", **dict(bucket, Key=key))
    step("escaped", s3.list_objects_v2, lambda it: names(it["Contents"], "Key"), EncodingType="url", Prefix="c d/", **bucket)
    step("whose", s3.list_objects_v2, lambda it: sorted(it["Contents"][0]["Owner"])[-1], FetchOwner=True, **bucket)
    step("by another end", s3.list_objects_v2, lambda it: [names(it.get("CommonPrefixes", []), "Prefix"), names(it["Contents"], "Key")], Delimiter=" ", **bucket)
    step("nothing wanted", s3.list_objects_v2, lambda it: [it["KeyCount"], it["IsTruncated"]], MaxKeys=0, **bucket)
    step("old page", s3.list_objects, lambda it: [it["IsTruncated"], it["NextMarker"]], Delimiter="/", MaxKeys=1, **bucket)
    step("old page after", s3.list_objects, lambda it: names(it["Contents"], "Key"), Marker="c d/ü", **bucket)
    # Addresses that are signed, and bodies in pieces.
    address = s3.generate_presigned_url("put_object", Params=dict(bucket, Key="signed"))
    step.said["put by address"] = fetched(address, "PUT", b"by address")[0]
    address = s3.generate_presigned_url("get_object", Params=dict(bucket, Key="signed", ResponseContentType="text/x"))
    step.said["get by address"] = fetched(address)
    # moto looks at no signature.
    step.said["address of another"] = 403 if step.is_moto else fetched(address.replace("/signed?", "/e?"))[0]
    # S3 takes version 2 for buckets from before 2020 only; moto takes anything.
    old = client("s3", config=Config(signature_version="s3"))
    step.said["address of an old kind"] = 400 if step.is_moto else fetched(old.generate_presigned_url("get_object", Params=dict(bucket, Key="signed")))[0]
    for name, sum in (("pieces", "NhCmhg=="), ("other pieces", "AAAAAA==")):
        headers = {"Content-Encoding": "aws-chunked", "X-Amz-Decoded-Content-Length": "5", "X-Amz-Trailer": "x-amz-checksum-crc32"}
        body = f"5\r\nhello\r\n0\r\nx-amz-checksum-crc32:{sum}\r\n\r\n".encode()
        request = AWSRequest("PUT", f"{s3.meta.endpoint_url}/more-1/pieces", headers, body)
        Trailing(s3._request_signer._credentials, "s3", s3.meta.region_name).add_auth(request)
        step.said[name] = fetched(request.url, "PUT", body, dict(request.headers.items()))[0]
    step("pieces together", s3.get_object, lambda it: [it["Body"].read().decode(), it["ChecksumCRC32"]], **dict(bucket, Key="pieces"))
    # Uploads.
    large = b"0123456789abcdef" * (5 * 65536)
    s3.put_object(Body=large, **dict(bucket, Key="large"))
    up = dict(bucket, Key="up")
    made = step("upload", s3.create_multipart_upload, lambda it: it["Key"], Metadata={"a": "b"}, Tagging="e=5", **up)
    up["UploadId"] = made["UploadId"]
    tags = [step("copied part", s3.upload_part_copy, lambda it: it["CopyPartResult"]["ETag"], PartNumber=1, CopySource=dict(bucket, Key="large"), **up)["CopyPartResult"]["ETag"]]
    tags.append(step("copied piece", s3.upload_part_copy, lambda it: it["CopyPartResult"]["ETag"], PartNumber=2, CopySource=dict(bucket, Key="large"), CopySourceRange="bytes=0-9", **up)["CopyPartResult"]["ETag"])
    step("copied nothing", s3.upload_part_copy, PartNumber=3, CopySource=dict(bucket, Key="none"), **up)
    step("uploads", s3.list_multipart_uploads, lambda it: names(it["Uploads"], "Key"), **bucket)
    step("part of parts", s3.list_parts, lambda it: [names(it["Parts"], "PartNumber", "Size"), it["IsTruncated"]], MaxParts=1, **up)
    step("parts after", s3.list_parts, lambda it: names(it["Parts"], "PartNumber", "Size"), PartNumberMarker=1, **up)
    parts = [{"PartNumber": number, "ETag": tag} for number, tag in enumerate(tags, 1)]
    step("complete", s3.complete_multipart_upload, lambda it: it["ETag"], MultipartUpload={"Parts": parts}, **up)
    step("whole", s3.head_object, lambda it: [it["ContentLength"], it["Metadata"]], **dict(bucket, Key="up"))
    summed = dict(bucket, Key="summed")
    summed["UploadId"] = s3.create_multipart_upload(ChecksumAlgorithm="SHA256", **summed)["UploadId"]
    part = step("part with a sum", s3.upload_part, lambda it: it["ChecksumSHA256"], PartNumber=1, Body=b"end", ChecksumAlgorithm="SHA256", **summed)
    done = {"Parts": [{"PartNumber": 1, "ETag": part["ETag"], "ChecksumSHA256": part["ChecksumSHA256"]}]}
    step("complete with sums", s3.complete_multipart_upload, lambda it: [it["ChecksumSHA256"], it["ETag"]], MultipartUpload=done, **summed)
    small = dict(bucket, Key="small")
    small["UploadId"] = s3.create_multipart_upload(**small)["UploadId"]
    tags = [s3.upload_part(PartNumber=number, Body=b"x", **small)["ETag"] for number in (1, 2)]
    step("parts too small", s3.complete_multipart_upload, MultipartUpload={"Parts": [{"PartNumber": number, "ETag": tag} for number, tag in enumerate(tags, 1)]}, **small)
    step("no parts", s3.complete_multipart_upload, MultipartUpload={"Parts": []}, **small)
    step("abort", s3.abort_multipart_upload, **small)
    step("abort twice", s3.abort_multipart_upload, **small)
    # The end.
    step("delete", s3.delete_object, **one)
    objects = [{"Key": "b/2"}, {"Key": "none"}, {"Key": "e", "VersionId": "4bK3Y.d8cUuS0M6z1Gd6nfVZK4r0pW2T"}]
    step("delete some", s3.delete_objects, lambda it: [names(it["Deleted"], "Key"), names(it.get("Errors", []), "Key", "Code")], Delete={"Objects": objects}, **bucket)
    step("delete nothing", s3.delete_objects, Delete={"Objects": []}, **bucket)
    step("delete quietly", s3.delete_objects, lambda it: it.get("Deleted"), Delete={"Quiet": True, "Objects": [{"Key": "e"}]}, **bucket)


def rest(step, client):
    cloud, iam, logs, sts = (client(name) for name in ("cloudformation", "iam", "logs", "sts"))
    step("stack", cloud.create_stack, StackName="more", TemplateBody=TEMPLATE)
    cloud.get_waiter("stack_create_complete").wait(StackName="more", WaiterConfig=SOON)
    step("stacks", cloud.list_stacks, lambda it: names(it["StackSummaries"], "StackName", "StackStatus"), StackStatusFilter=["CREATE_COMPLETE"])
    step("resources", cloud.describe_stack_resources, lambda it: names(it["StackResources"], "LogicalResourceId", "ResourceStatus"), StackName="more")
    step("resources of nothing", cloud.describe_stack_resources, StackName="nobody")
    step("exports", cloud.list_exports, lambda it: [row["Name"] for row in it["Exports"]])
    step("plan", cloud.create_change_set, StackName="more", ChangeSetName="p", TemplateBody=TEMPLATE.replace("10.70", "10.71"))
    step("plan away", cloud.delete_change_set, StackName="more", ChangeSetName="p")
    step("protect", cloud.update_termination_protection, StackName="more", EnableTerminationProtection=True)
    step("delete protected", cloud.delete_stack, StackName="more")
    step("protect no more", cloud.update_termination_protection, StackName="more", EnableTerminationProtection=False)
    step("delete", cloud.delete_stack, StackName="more")
    # Names and rights.
    step("no user", iam.get_user, UserName="nobody")
    step("users", iam.list_users, lambda it: "nobody" in [row["UserName"] for row in it["Users"]])
    arn = step("policy", iam.create_policy, lambda it: it["Policy"]["DefaultVersionId"], PolicyName="more", PolicyDocument=POLICY)["Policy"]["Arn"]
    step("version", iam.create_policy_version, lambda it: [it["PolicyVersion"]["VersionId"], it["PolicyVersion"]["IsDefaultVersion"]], PolicyArn=arn, PolicyDocument=POLICY)
    step("versions", iam.list_policy_versions, lambda it: names(it["Versions"], "VersionId", "IsDefaultVersion"), PolicyArn=arn)
    step("usual", iam.set_default_policy_version, PolicyArn=arn, VersionId="v2")
    step("usual is none", iam.set_default_policy_version, PolicyArn=arn, VersionId="v9")
    role = step("role", iam.create_role, lambda it: it["Role"]["Path"], RoleName="more", AssumeRolePolicyDocument=TRUST, Tags=[{"Key": "a", "Value": "1"}, {"Key": "b", "Value": "2"}])["Role"]["Arn"]
    step("longer", iam.update_role, RoleName="more", MaxSessionDuration=7200, Description="d")
    step("longer shown", iam.get_role, lambda it: [it["Role"]["MaxSessionDuration"], it["Role"]["Description"]], RoleName="more")
    step("longer none", iam.update_role, RoleName="nobody")
    step("untag", iam.untag_role, RoleName="more", TagKeys=["a"])
    step("tags", iam.list_role_tags, lambda it: it["Tags"], RoleName="more")
    iam.create_instance_profile(InstanceProfileName="more")
    iam.add_role_to_instance_profile(InstanceProfileName="more", RoleName="more")
    step("profiles", iam.list_instance_profiles, lambda it: "more" in [row["InstanceProfileName"] for row in it["InstanceProfiles"]])
    step("profiles of it", iam.list_instance_profiles_for_role, lambda it: names(it["InstanceProfiles"], "InstanceProfileName"), RoleName="more")
    step("policies", iam.list_policies, lambda it: ["more", "v2"] in names(it["Policies"], "PolicyName", "DefaultVersionId"), Scope="Local")
    # Who one is.
    step("caller", sts.get_caller_identity, lambda it: sorted(it))
    # As EKS asks who bears a token. moto reads no forms in addresses.
    status, reply = fetched(sts.generate_presigned_url("get_caller_identity", HttpMethod="GET"))
    step.said["caller by address"] = [200, True] if step.is_moto else [status, "arn:aws:" in reply]
    step("take on", sts.assume_role, lambda it: it["AssumedRoleUser"]["Arn"].split(":")[-1], RoleArn=role, RoleSessionName="me", DurationSeconds=900)
    step("too long", sts.assume_role, RoleArn=role, RoleSessionName="me", DurationSeconds=43200)
    step("too short", sts.assume_role, RoleArn=role, RoleSessionName="me", DurationSeconds=1)
    step("take on nobody", sts.assume_role, RoleArn=role + "-not", RoleSessionName="me")
    # Logs.
    group = {"logGroupName": "/more/1"}
    logs.create_log_group(**group)
    arn = logs.describe_log_groups(logGroupNamePrefix="/more/1")["logGroups"][0]["arn"].removesuffix(":*")
    step("tag group", logs.tag_log_group, tags={"a": "1", "b": "2"}, **group)
    step("untag group", logs.untag_log_group, tags=["a"], **group)
    step("tag by name", logs.tag_resource, resourceArn=arn, tags={"c": "3"})
    step("untag by name", logs.untag_resource, resourceArn=arn, tagKeys=["b"])
    step("tags by name", logs.list_tags_for_resource, lambda it: it["tags"], resourceArn=arn)
    step("keep", logs.put_retention_policy, retentionInDays=7, **group)
    step("keep for ever", logs.delete_retention_policy, **group)
    step("kept", logs.describe_log_groups, lambda it: it["logGroups"][0].get("retentionInDays"), logGroupNamePrefix="/more/1")
    step("keep none", logs.delete_retention_policy, logGroupName="/none")
    seconds = int(time.time())
    query = step("query", logs.start_query, startTime=seconds - 60, endTime=seconds, queryString="fields @message", **group)["queryId"]
    step("queries", logs.describe_queries, lambda it: names(it["queries"], "queryString", "logGroupName"), **group)
    step.alone("stop no query", [400, "ResourceNotFoundException"], logs.stop_query, queryId="00000000-0000-0000-0000-000000000000")
    end = time.time() + 60
    while logs.get_query_results(queryId=query)["status"] != "Complete" and time.time() < end:
        time.sleep(0.2)
    step.alone("stop done query", [400, "InvalidParameterException"], logs.stop_query, queryId=query)


def clusters(step, client):
    """What the sandbox has at the start is made at moto first."""
    machines, eks, quotas = client("sagemaker"), client("eks"), client("service-quotas")
    metrics, prices = client("cloudwatch"), client("pricing", region_name="us-east-1")
    role = "arn:aws:iam::111122223333:role/hyperpod"
    if step.is_moto:
        script = {"SourceS3Uri": "s3://sagemaker-lifecycle/", "OnCreate": "on_create.sh"}
        for name, groups in (("pretrain", [("workers", "ml.p5.48xlarge", 4), ("controller", "ml.m5.xlarge", 1)]), ("finetune", [("workers", "ml.g5.12xlarge", 2)])):
            machines.create_cluster(ClusterName=name, InstanceGroups=[{"InstanceGroupName": group, "InstanceType": kind, "InstanceCount": count, "LifeCycleConfig": script, "ExecutionRole": role, "ThreadsPerCore": 2} for group, kind, count in groups])
        network = {"subnetIds": ["subnet-a", "subnet-b"]}
        eks.create_cluster(name="trainyard", roleArn=role, resourcesVpcConfig=network)
    one = {"ClusterName": "pretrain"}
    step("clusters", machines.list_clusters, lambda it: names(it["ClusterSummaries"], "ClusterName", "ClusterStatus"))
    step("by name", machines.list_clusters, lambda it: names(it["ClusterSummaries"], "ClusterName"), NameContains="fine")
    step("by order", machines.list_clusters, lambda it: [row["ClusterName"] for row in it["ClusterSummaries"]], SortBy="NAME", SortOrder="Descending")
    step("cluster", machines.describe_cluster, lambda it: [it["ClusterStatus"], names(it["InstanceGroups"], "InstanceGroupName", "InstanceType", "CurrentCount")], **one)
    step("no cluster", machines.describe_cluster, ClusterName="nothing")
    nodes = step("nodes", machines.list_cluster_nodes, lambda it: names(it["ClusterNodeSummaries"], "InstanceGroupName", "InstanceType"), **one)["ClusterNodeSummaries"]
    step("nodes of a group", machines.list_cluster_nodes, lambda it: len(it["ClusterNodeSummaries"]), InstanceGroupNameContains="control", **one)
    # moto gives the token of the second page twice.
    pages = machines.get_paginator("list_cluster_nodes").paginate(PaginationConfig={"PageSize": 5 if step.is_moto else 2}, **one)
    step.said["pages"] = len({row["InstanceId"] for page in pages for row in page["ClusterNodeSummaries"]})
    step("no nodes", machines.list_cluster_nodes, ClusterName="nothing")
    step("node", machines.describe_cluster_node, lambda it: [it["NodeDetails"]["InstanceStatus"]["Status"], it["NodeDetails"]["InstanceId"] == nodes[0]["InstanceId"]], NodeId=nodes[0]["InstanceId"], **one)
    step("no node", machines.describe_cluster_node, NodeId=f"i-{NONE}", **one)
    step.alone("events", True, machines.list_cluster_events, lambda it: len(it["Events"]) > 0, **one)
    ids = [row["InstanceId"] for row in nodes if row["InstanceGroupName"] == "workers"]
    step.alone("restart", True, machines.batch_reboot_cluster_nodes, lambda it: [it["Successful"], [row["NodeId"] for row in it["Failed"]]] == [[ids[0]], [f"i-{NONE}"]], NodeIds=[ids[0], f"i-{NONE}"], **one)
    step.alone("replace nothing", "InstanceIdNotFound", machines.batch_replace_cluster_nodes, lambda it: it["Failed"][0]["ErrorCode"], NodeIds=[f"i-{NONE}"], **one)
    step.alone("restart in nothing", [400, "ResourceNotFound"], machines.batch_reboot_cluster_nodes, NodeIds=[f"i-{NONE}"], ClusterName="nothing")
    step.alone("replace", 1, machines.batch_replace_cluster_nodes, lambda it: len(it["Successful"]), NodeIds=[ids[1]], **one)
    step.alone("add to no group", True, machines.batch_add_cluster_nodes, lambda it: len(it["Failed"]) == 1, NodesToAdd=[{"InstanceGroupName": "none", "IncrementTargetCountBy": 1}], **one)
    step.alone("software of nothing", [400, "ResourceNotFound"], machines.update_cluster_software, ClusterName="nothing")
    step.alone("change nothing", [400, "ResourceNotFound"], machines.update_cluster, ClusterName="nothing", NodeRecovery="None")
    step.alone("delete no nodes", 1, machines.batch_delete_cluster_nodes, lambda it: len(it["Failed"]), NodeIds=[f"i-{NONE}"], **one)
    step("delete", machines.delete_cluster, lambda it: it["ClusterArn"].split(":")[2], ClusterName="finetune")
    step("delete nothing", machines.delete_cluster, ClusterName="nothing")
    # EKS.
    name = {"clusterName": "trainyard"}
    step("kubernetes", eks.list_clusters, lambda it: it["clusters"])
    step("kubernetes shown", eks.describe_cluster, lambda it: [it["cluster"]["status"], it["cluster"]["kubernetesNetworkConfig"]["ipFamily"]], name="trainyard")
    absent = {
        "kubernetes": (eks.describe_cluster, {"name": "nothing"}),
        "groups": (eks.list_nodegroups, {"clusterName": "nothing"}),
        "group": (eks.describe_nodegroup, dict(name, nodegroupName="nothing")),
        "profiles": (eks.list_fargate_profiles, {"clusterName": "nothing"}),
        "profile": (eks.describe_fargate_profile, dict(name, fargateProfileName="nothing")),
    }
    for what, (call, arguments) in absent.items():
        step(f"no {what}", call, **arguments)
    step("profiles", eks.list_fargate_profiles, lambda it: it["fargateProfileNames"], **name)
    step.alone("groups", True, eks.list_nodegroups, lambda it: len(it["nodegroups"]) > 1, **name)
    missing = [404, "ResourceNotFoundException"]
    for what, listed, shown, rows, member in (
        ("add-on", eks.list_addons, eks.describe_addon, "addons", "addonName"),
        ("entry", eks.list_access_entries, eks.describe_access_entry, "accessEntries", "principalArn"),
        ("identity", eks.list_pod_identity_associations, eks.describe_pod_identity_association, "associations", "associationId"),
        ("insight", eks.list_insights, eks.describe_insight, "insights", "id"),
    ):
        found = step.alone(f"list {what}", True, listed, lambda it: isinstance(it[rows], list), **name).get(rows)
        step.alone(f"{what} of nothing", missing, listed, clusterName="nothing")
        step.alone(f"no {what}", missing, shown, **{member: "a" * 36}, **name)
        if what in ("add-on", "entry"):
            step.alone(f"{what} shown", "ok", shown, **{member: (found or [None])[0]}, **name)
    step.alone("versions", True, eks.describe_cluster_versions, lambda it: any(row["defaultVersion"] for row in it["clusterVersions"]))
    # What it may be, is and costs.
    step("no quota", quotas.get_service_quota, ServiceCode="vpc", QuotaCode="L-00000000")
    step.alone("quota", "Running On-Demand P instances", quotas.get_service_quota, lambda it: it["Quota"]["QuotaName"], ServiceCode="ec2", QuotaCode="L-417A185B")
    step.alone("usual quota", "L-417A185B", quotas.get_aws_default_service_quota, lambda it: it["Quota"]["QuotaCode"], ServiceCode="ec2", QuotaCode="L-417A185B")
    step.alone("quotas", True, quotas.list_service_quotas, lambda it: len(it["Quotas"]) > 5, ServiceCode="ec2")
    step.alone("usual quotas", True, quotas.list_aws_default_service_quotas, lambda it: len(it["Quotas"]) > 5, ServiceCode="ec2")
    step.alone("price", True, prices.get_products, lambda it: "p5.48xlarge" in it["PriceList"][0], ServiceCode="AmazonEC2", Filters=[{"Type": "TERM_MATCH", "Field": "instanceType", "Value": "p5.48xlarge"}])
    step("no price", prices.get_products, lambda it: it["PriceList"], ServiceCode="AmazonEC2", Filters=[{"Type": "TERM_MATCH", "Field": "instanceType", "Value": "p99.huge"}])
    step("no metrics", metrics.list_metrics, lambda it: it["Metrics"], Namespace="Nobody")
    now = int(time.time()) // 60 * 60
    span = {"StartTime": now - 600, "EndTime": now}
    step("no samples", metrics.get_metric_statistics, lambda it: it["Datapoints"], Namespace="Nobody", MetricName="m", Period=60, Statistics=["Average"], **span)
    ask = [{"Id": "a", "MetricStat": {"Metric": {"Namespace": "Nobody", "MetricName": "m"}, "Period": 60, "Stat": "Average"}}]
    step("no data", metrics.get_metric_data, lambda it: it["MetricDataResults"][0]["Values"], MetricDataQueries=ask, **span)
    step("data twice", metrics.get_metric_data, MetricDataQueries=ask * 2, **span)


at_both(compute=compute, storage=storage, rest=rest, clusters=clusters)
