"""What boto3 makes of machines, networks and disks, here and at moto."""

from steps import SOON, at_both

PUBLIC_KEY = "AAAAC3NzaC1lZDI1NTE5AAAAIJ3a1tD4eRkN0sXTbWcVqzqsFQ8tLpVn8xF2v0H3k1Qz"


def machines(step, client):
    ec2 = client("ec2")
    said = step.said
    zone = f"{ec2.meta.region_name}a"
    none = {
        "instances": (ec2.describe_instances, {"InstanceIds": ["i-00000000000000000"]}),
        "volumes": (ec2.describe_volumes, {"VolumeIds": ["vol-00000000000000000"]}),
        "snapshots": (ec2.describe_snapshots, {"SnapshotIds": ["snap-00000000000000000"]}),
        "images": (ec2.describe_images, {"ImageIds": ["ami-00000000000000000"]}),
        "subnets": (ec2.describe_subnets, {"SubnetIds": ["subnet-00000000000000000"]}),
        "vpcs": (ec2.describe_vpcs, {"VpcIds": ["vpc-00000000000000000"]}),
        "groups": (ec2.describe_security_groups, {"GroupIds": ["sg-00000000000000000"]}),
        "keys": (ec2.describe_key_pairs, {"KeyNames": ["nobody"]}),
        "templates": (ec2.describe_launch_templates, {"LaunchTemplateIds": ["lt-00000000000000000"]}),
        "route tables": (ec2.describe_route_tables, {"RouteTableIds": ["rtb-00000000000000000"]}),
        "malformed": (ec2.describe_instances, {"InstanceIds": ["x"]}),
    }
    for name, (call, arguments) in none.items():
        step(f"no {name}", call, **arguments)
    # Networks.
    vpc = step("vpc", ec2.create_vpc, lambda it: it["Vpc"]["CidrBlock"], CidrBlock="10.9.0.0/16")["Vpc"]["VpcId"]
    step("vpc too wide", ec2.create_vpc, CidrBlock="10.0.0.0/8")
    subnet = step(
        "subnet", ec2.create_subnet, lambda it: it["Subnet"]["AvailableIpAddressCount"], VpcId=vpc, CidrBlock="10.9.1.0/24",
        AvailabilityZone=zone,
    )["Subnet"]["SubnetId"]
    step("subnet twice", ec2.create_subnet, VpcId=vpc, CidrBlock="10.9.1.0/25", AvailabilityZone=zone)
    step("subnet outside", ec2.create_subnet, VpcId=vpc, CidrBlock="10.8.1.0/24", AvailabilityZone=zone)
    step("vpc in use", ec2.delete_vpc, VpcId=vpc)
    dns = step("dns", ec2.describe_vpc_attribute, lambda it: it["EnableDnsSupport"]["Value"], VpcId=vpc, Attribute="enableDnsSupport")
    assert dns is not None
    # Groups.
    group = ec2.create_security_group(GroupName="ssh", Description="ssh", VpcId=vpc)["GroupId"]
    step("group twice", ec2.create_security_group, GroupName="ssh", Description="ssh", VpcId=vpc)
    rule = {"IpProtocol": "tcp", "FromPort": 22, "ToPort": 22, "IpRanges": [{"CidrIp": "10.0.0.0/8", "Description": "home"}]}
    rules = step(
        "rule", ec2.authorize_security_group_ingress, lambda it: len(it["SecurityGroupRules"]), GroupId=group, IpPermissions=[rule]
    )
    step("rule twice", ec2.authorize_security_group_ingress, GroupId=group, IpPermissions=[rule])
    shown = ec2.describe_security_groups(GroupIds=[group])["SecurityGroups"][0]
    said["rule shown"] = [shown["IpPermissions"][0][name] for name in ("IpProtocol", "FromPort", "ToPort", "IpRanges")]
    said["way out"] = shown["IpPermissionsEgress"][0]["IpRanges"]
    found = ec2.describe_security_group_rules(Filters=[{"Name": "group-id", "Values": [group]}])["SecurityGroupRules"]
    said["rules"] = sorted([it["IsEgress"], it["IpProtocol"], it["FromPort"], it["ToPort"]] for it in found)
    other = dict(rule, ToPort=23)
    step("no such rule", ec2.revoke_security_group_ingress, GroupId=group, IpPermissions=[other])
    ids = [it["SecurityGroupRuleId"] for it in rules["SecurityGroupRules"]]
    step("revoke", ec2.revoke_security_group_ingress, GroupId=group, SecurityGroupRuleIds=ids)
    said["revoked"] = ec2.describe_security_groups(GroupIds=[group])["SecurityGroups"][0]["IpPermissions"]
    # Key pairs.
    for kind in ("rsa", "ed25519"):
        made = ec2.create_key_pair(KeyName=kind, KeyType=kind)
        said[f"key {kind}"] = made["KeyMaterial"].startswith("-----BEGIN") and made["KeyName"]
    step("key twice", ec2.create_key_pair, KeyName="rsa")
    step("import", ec2.import_key_pair, lambda it: it["KeyName"], KeyName="in", PublicKeyMaterial=f"ssh-ed25519 {PUBLIC_KEY}")
    step("import nonsense", ec2.import_key_pair, KeyName="in2", PublicKeyMaterial="nonsense")
    step("delete key", ec2.delete_key_pair, KeyName="rsa")
    step("delete no key", ec2.delete_key_pair, KeyName="rsa")
    # Launches, by a template, too.
    image = ec2.describe_images(Owners=["amazon"])["Images"][0]["ImageId"]
    launch = {"ImageId": image, "MinCount": 1, "MaxCount": 1, "InstanceType": "g5.xlarge", "SubnetId": subnet}
    step("no image", ec2.run_instances, **dict(launch, ImageId="ami-00000000000000000"))
    step("no subnet", ec2.run_instances, **dict(launch, SubnetId="subnet-00000000000000000"))
    step("no type", ec2.run_instances, **dict(launch, InstanceType="p99.huge"))
    step("dry", ec2.run_instances, **dict(launch, DryRun=True))
    data = {"InstanceType": "g5.xlarge", "ImageId": image}
    template = step(
        "template", ec2.create_launch_template, lambda it: it["LaunchTemplate"]["LatestVersionNumber"], LaunchTemplateName="gpu",
        LaunchTemplateData=data,
    )["LaunchTemplate"]["LaunchTemplateId"]
    step("template twice", ec2.create_launch_template, LaunchTemplateName="gpu", LaunchTemplateData=data)
    step(
        "version", ec2.create_launch_template_version, lambda it: it["LaunchTemplateVersion"]["VersionNumber"],
        LaunchTemplateId=template, LaunchTemplateData={"InstanceType": "t3.micro", "ImageId": image},
    )
    versions = ec2.describe_launch_template_versions(LaunchTemplateId=template, Versions=["$Latest", "1"])["LaunchTemplateVersions"]
    said["versions"] = sorted([it["VersionNumber"], it["LaunchTemplateData"]["InstanceType"]] for it in versions)
    by_template = {"LaunchTemplate": {"LaunchTemplateId": template, "Version": "2"}, "MinCount": 2, "MaxCount": 2, "SubnetId": subnet}
    tags = [{"ResourceType": "instance", "Tags": [{"Key": "team", "Value": "a"}]}]
    made = ec2.run_instances(TagSpecifications=tags, **by_template)["Instances"]
    # moto says in a tag which template it was.
    mine = lambda tags: [tag for tag in tags if not tag["Key"].startswith("aws:")]
    said["launched"] = [[it["InstanceType"], it["SubnetId"] == subnet, mine(it["Tags"])] for it in made]
    ids = [it["InstanceId"] for it in made]
    ec2.get_waiter("instance_running").wait(InstanceIds=ids, WaiterConfig=SOON)
    step("subnet in use", ec2.delete_subnet, SubnetId=subnet)
    status = ec2.describe_instance_status(InstanceIds=ids)["InstanceStatuses"]
    said["status"] = [it["InstanceStatus"]["Status"] for it in status]
    one = ids[0]
    step("type while it runs", ec2.modify_instance_attribute, InstanceId=one, InstanceType={"Value": "m5.large"})
    step("protect", ec2.modify_instance_attribute, InstanceId=one, DisableApiTermination={"Value": True})
    said["protected"] = ec2.describe_instance_attribute(InstanceId=one, Attribute="disableApiTermination")["DisableApiTermination"]
    step("terminate protected", ec2.terminate_instances, InstanceIds=[one])
    ec2.modify_instance_attribute(InstanceId=one, DisableApiTermination={"Value": False})
    options = ec2.modify_instance_metadata_options(InstanceId=one, HttpTokens="required")["InstanceMetadataOptions"]
    said["metadata"] = options["HttpTokens"]
    step("stop", ec2.stop_instances, lambda it: it["StoppingInstances"][0]["CurrentState"], InstanceIds=[one])
    ec2.get_waiter("instance_stopped").wait(InstanceIds=[one], WaiterConfig=SOON)
    step("change type", ec2.modify_instance_attribute, InstanceId=one, InstanceType={"Value": "m5.large"})
    filters = [{"Name": "tag:team", "Values": ["a"]}, {"Name": "instance-state-name", "Values": ["stopped"]}]
    found = [it for row in ec2.describe_instances(Filters=filters)["Reservations"] for it in row["Instances"]]
    said["found"] = [[it["InstanceId"] == one, it["InstanceType"]] for it in found]
    # Disks.
    volume = step("volume", ec2.create_volume, lambda it: it["Size"], AvailabilityZone=zone, Size=10, VolumeType="gp3")["VolumeId"]
    step("volume elsewhere", ec2.create_volume, AvailabilityZone="mars-1a", Size=10)
    step("volume of nothing", ec2.create_volume, AvailabilityZone=zone)
    ec2.get_waiter("volume_available").wait(VolumeIds=[volume], WaiterConfig=SOON)
    step("attach", ec2.attach_volume, lambda it: it["Device"], VolumeId=volume, InstanceId=one, Device="/dev/sdf")
    step("delete attached", ec2.delete_volume, VolumeId=volume)
    step("snapshot", ec2.create_snapshot, lambda it: it["VolumeSize"], VolumeId=volume, Description="d")
    step("snapshot of nothing", ec2.create_snapshot, VolumeId="vol-00000000000000000")
    step("detach", ec2.detach_volume, lambda it: it["VolumeId"] == volume, VolumeId=volume, InstanceId=one, Device="/dev/sdf")
    ec2.get_waiter("volume_available").wait(VolumeIds=[volume], WaiterConfig=SOON)
    step("detach twice", ec2.detach_volume, VolumeId=volume, InstanceId=one, Device="/dev/sdf")
    step("grow", ec2.modify_volume, lambda it: it["VolumeModification"]["TargetSize"], VolumeId=volume, Size=20)
    step("delete", ec2.delete_volume, VolumeId=volume)
    step("delete twice", ec2.delete_volume, VolumeId=volume)
    # Images and tags.
    own = step("image", ec2.create_image, InstanceId=one, Name="mine")["ImageId"]
    said["own images"] = [it["Name"] for it in ec2.describe_images(Owners=["self"])["Images"]]
    step("deregister", ec2.deregister_image, ImageId=own)
    step("deregister twice", ec2.deregister_image, ImageId=own)
    ec2.create_tags(Resources=[one], Tags=[{"Key": "k", "Value": "v"}])
    ec2.delete_tags(Resources=[one], Tags=[{"Key": "team"}])
    tags = ec2.describe_tags(Filters=[{"Name": "resource-id", "Values": [one]}])["Tags"]
    said["tags"] = [[it["Key"], it["Value"], it["ResourceType"]] for it in mine(tags)]
    # The end.
    step("terminate", ec2.terminate_instances, lambda it: len(it["TerminatingInstances"]), InstanceIds=ids)
    ec2.get_waiter("instance_terminated").wait(InstanceIds=ids, WaiterConfig=SOON)
    step("delete template", ec2.delete_launch_template, LaunchTemplateId=template)
    step("delete group", ec2.delete_security_group, GroupId=group)
    step("delete subnet", ec2.delete_subnet, SubnetId=subnet)
    step("delete vpc", ec2.delete_vpc, VpcId=vpc)
    step("vpc is gone", ec2.describe_vpcs, VpcIds=[vpc])


at_both(machines=machines)
