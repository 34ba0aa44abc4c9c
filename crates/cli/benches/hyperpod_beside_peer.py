"""Our HyperPod tools beside the AWS Labs SageMaker server in one run, on one emulator with one cluster.

    cargo build --release -p trainyard
    python3 -m venv PEER && PEER/bin/pip install awslabs.sagemaker-ai-mcp-server==1.1.0
    target/xtask/venv/bin/python3 crates/cli/benches/hyperpod_beside_peer.py target/release/trainyard \\
        PEER/bin/awslabs.sagemaker-ai-mcp-server

Start is the time from the start of the process to the whole tool list. The first call looks for credentials and opens
connections; the others are the median of 30.
"""

import os
import statistics
import sys
import tempfile
import time

from servers import REGION, Server, emulator, environment

CLUSTER = {
    "ClusterName": "train",
    "InstanceGroups": [{
        "InstanceGroupName": "workers", "InstanceType": "ml.p5.48xlarge", "InstanceCount": 4, "ThreadsPerCore": 1,
        "ExecutionRole": "arn:aws:iam::123456789012:role/hyperpod",
        "LifeCycleConfig": {"SourceS3Uri": "s3://sagemaker-scripts/lifecycle", "OnCreate": "on_create.sh"},
    }],
}
TOOL = "manage_hyperpod_cluster_nodes"


def measure(command):
    begun = time.perf_counter()
    server = Server(command)
    tools = server.ask("tools/list", {})["tools"]
    start, start_cpu = time.perf_counter() - begun, server.cpu()
    if not any(tool["name"] == TOOL for tool in tools):
        raise SystemExit(f"{command[0]} has no {TOOL}")
    took = {}
    for operation, more in [("list_clusters", {}), ("list_nodes", {"cluster_name": "train"})]:
        arguments = {"operation": operation, "region_name": REGION, **more}
        times = []
        for _ in range(31):
            begun = time.perf_counter()
            server.call(TOOL, arguments)
            times.append(time.perf_counter() - begun)
        took[operation] = (times[0], statistics.median(times[1:]))
    memory = server.memory()
    server.end()
    return start, start_cpu, memory, took


def main():
    child, url = emulator()
    try:
        with tempfile.TemporaryDirectory() as state:
            os.environ.update(environment(url, state))
            ours, peer = [sys.argv[1], "serve"], [sys.argv[2]]
            maker = Server([*ours, "--allow-write", "--confirm", "never"])
            maker.call("aws_call", {"service": "sagemaker", "operation": "CreateCluster", "parameters": CLUSTER})
            maker.end()
            print(f"{'':8} {'start':>10} {'its CPU':>10} {'memory':>10}  first and further list_clusters, list_nodes")
            for name, command in [("ours", ours), ("peer", peer)] * 2:
                start, cpu, memory, took = measure(command)
                calls = "   ".join(f"{first * 1e3:.1f}, {other * 1e3:.1f} ms" for first, other in took.values())
                print(f"{name:8} {start * 1e3:7.1f} ms {cpu * 1e3:7.0f} ms {memory:7.1f} MB  {calls}")
    finally:
        child.terminate()
        child.wait(20)


main()
