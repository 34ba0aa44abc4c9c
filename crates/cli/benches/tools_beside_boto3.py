"""The binary's EC2 tools over MCP beside boto3 sending the same requests and writing the same rows, on one emulator.

    cargo build --release -p trainyard
    target/xtask/venv/bin/python3 crates/cli/benches/tools_beside_boto3.py target/release/trainyard

CPU time is that of the client's process, as the system counts it; the emulator's does not count. Ours includes the
protocol, the policy, redaction and the audit log.
"""

import os
import subprocess
import sys
import tempfile
import time

from servers import Server, emulator, environment

CALLS = 60

BOTO3 = """
import json, resource, sys, time
import boto3
what, instance, calls = sys.argv[1], sys.argv[2], int(sys.argv[3])
ec2 = boto3.client("ec2")

def row(instance, types):
    tags = {tag["Key"]: tag["Value"] for tag in instance.get("Tags", [])}
    kind = types[instance["InstanceType"]]
    gpus = [f"{gpu['Count']}x {gpu['Manufacturer']} {gpu['Name']}" for gpu in kind.get("GpuInfo", {}).get("Gpus", [])]
    return [instance["InstanceId"], tags.get("Name"), instance["InstanceType"], gpus, instance["State"]["Name"],
        instance["Placement"]["AvailabilityZone"], instance.get("VpcId"), instance.get("SubnetId"),
        instance.get("PrivateIpAddress"), instance.get("PublicIpAddress"), instance["LaunchTime"].isoformat(), tags]

known = {}

def types_of(instances):
    # Asked once, as our server does.
    kinds = sorted({instance["InstanceType"] for instance in instances} - known.keys())
    found = ec2.describe_instance_types(InstanceTypes=kinds)["InstanceTypes"] if kinds else []
    known.update((kind["InstanceType"], kind) for kind in found)
    return known

def listing():
    page = ec2.describe_instances(MaxResults=50)
    instances = [instance for reservation in page["Reservations"] for instance in reservation["Instances"]][:50]
    types = types_of(instances)
    return json.dumps([row(instance, types) for instance in instances])

def describe():
    page = ec2.describe_instances(InstanceIds=[instance])
    instances = [instance for reservation in page["Reservations"] for instance in reservation["Instances"]]
    types = types_of(instances)
    checks = ec2.describe_instance_status(InstanceIds=[instance], IncludeAllInstances=True)["InstanceStatuses"]
    volumes = ec2.describe_volumes(Filters=[{"Name": "attachment.instance-id", "Values": [instance]}])["Volumes"]
    return json.dumps([row(instance, types) for instance in instances] + [checks, volumes], default=str)

work = {"list": listing, "describe": describe}[what]
work()
usage = lambda: sum(resource.getrusage(resource.RUSAGE_SELF)[:2])
cpu, begun = usage(), time.perf_counter()
for _ in range(calls):
    work()
print(usage() - cpu, time.perf_counter() - begun)
"""


def main():
    binary = sys.argv[1]
    child, url = emulator()
    try:
        with tempfile.TemporaryDirectory() as state:
            os.environ.update(environment(url, state))
            compare(binary)
    finally:
        child.terminate()
        child.wait(20)


def compare(binary):
    server = Server([binary, "serve", "--toolsets", "ec2,aws", "--allow-write", "--confirm", "never"])
    launch = {"ImageId": "ami-12c6146b", "InstanceType": "g5.xlarge", "MinCount": 100, "MaxCount": 100}
    launch = {"service": "ec2", "operation": "RunInstances", "parameters": launch, "query": "Instances[0].InstanceId"}
    instance = server.call("aws_call", launch)["result"]
    print(f"{'':10} {'CPU a call':>22} {'calls/s':>16}   boto3 / ours")
    for what, name, arguments in [
        ("list", "ec2_list_instances", {"limit": 50}),
        ("describe", "ec2_describe_instances", {"instance_ids": [instance]}),
    ]:
        ours, theirs = [], []
        for _ in range(3):
            server.call(name, arguments)
            cpu, begun = server.cpu(), time.perf_counter()
            for _ in range(CALLS):
                server.call(name, arguments)
            ours.append((server.cpu() - cpu, time.perf_counter() - begun))
            said = subprocess.run(
                [sys.executable, "-c", BOTO3, what, instance, str(CALLS)], check=True, stdout=subprocess.PIPE, text=True
            )
            theirs.append(tuple(float(word) for word in said.stdout.split()))
        # The least of several: what else runs here only ever adds.
        (our_cpu, our_time), (their_cpu, their_time) = (tuple(map(min, zip(*runs))) for runs in (ours, theirs))
        print(
            f"{what:10} {our_cpu / CALLS * 1e3:8.2f} / {their_cpu / CALLS * 1e3:6.2f} ms"
            f" {CALLS / our_time:9.1f} / {CALLS / their_time:4.1f}   {their_cpu / our_cpu:.1f} times our CPU"
        )
    server.end()


main()
