"""This client beside boto3 against one local server that answers DescribeInstances with 15 instances.

    cargo build --release -p trainyard-aws --example measure
    target/xtask/venv/bin/python3 crates/aws/benches/beside_boto3.py target/release/examples/measure

CPU time and memory are those of the client's process, as the system counts them; the server's do not count.
"""

import asyncio
import os
import subprocess
import sys
import threading

INSTANCE = (
    "<item><instanceId>i-0123456789abcdef{0}</instanceId><imageId>ami-12345678</imageId><instanceState><code>16</code>"
    "<name>running</name></instanceState><instanceType>p5.48xlarge</instanceType><launchTime>2026-11-21T10:00:00.000Z"
    "</launchTime><placement><availabilityZone>eu-west-1a</availabilityZone></placement><privateIpAddress>10.0.0.{0}"
    "</privateIpAddress><tagSet><item><key>Name</key><value>node-{0}</value></item></tagSet></item>"
)
BODY = (
    '<DescribeInstancesResponse xmlns="http://ec2.amazonaws.com/doc/2016-11-15/"><requestId>r</requestId>'
    "<reservationSet><item><reservationId>r-1</reservationId><instancesSet>"
    + "".join(INSTANCE.format(n) for n in range(10, 25))
    + "</instancesSet></item></reservationSet></DescribeInstancesResponse>"
).encode()
ANSWER = b"HTTP/1.1 200 OK\r\ncontent-type: text/xml\r\ncontent-length: %d\r\n\r\n" % len(BODY) + BODY

BOTO3 = """
import sys, time, threading
import boto3
from botocore.config import Config
url, calls, at_once = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
client = boto3.client("ec2", endpoint_url=url, region_name="eu-west-1", aws_access_key_id="AKIAIOSFODNN7EXAMPLE",
    aws_secret_access_key="secret", config=Config(max_pool_connections=at_once))
took = []
def work():
    for _ in range(calls // at_once):
        begun = time.perf_counter()
        client.describe_instances()
        took.append(time.perf_counter() - begun)
threads = [threading.Thread(target=work) for _ in range(at_once)]
[thread.start() for thread in threads]
[thread.join() for thread in threads]
took.sort()
print(f"{took[len(took) // 2]:.6f}")
"""


def same(head, body):
    return ANSWER


async def serve(reader, writer, answer):
    try:
        while True:
            head = await reader.readuntil(b"\r\n\r\n")
            length = next(
                (int(line.split(b":")[1]) for line in head.split(b"\r\n") if line.lower().startswith(b"content-length")), 0
            )
            body = await reader.readexactly(length)
            writer.write(answer(head, body))
            await writer.drain()
    except (asyncio.IncompleteReadError, ConnectionError):
        writer.close()


def start(answer=same):
    """A server on loopback in a thread of this process; `answer` makes the bytes for a request."""
    ready = threading.Event()
    where = []

    async def run():
        server = await asyncio.start_server(lambda reader, writer: serve(reader, writer, answer), "127.0.0.1", 0)
        where.append(server.sockets[0].getsockname()[1])
        ready.set()
        await server.serve_forever()

    threading.Thread(target=lambda: asyncio.run(run()), daemon=True).start()
    ready.wait()
    return f"http://127.0.0.1:{where[0]}"


def measure(command, url, calls, at_once):
    """CPU seconds, kilobytes and the median of one run."""
    child = subprocess.Popen([*command, url, str(calls), str(at_once)], stdout=subprocess.PIPE)
    said = child.stdout.read()
    _, status, usage = os.wait4(child.pid, 0)
    if status != 0:
        raise SystemExit(f"{command[0]} failed")
    return usage.ru_utime + usage.ru_stime, usage.ru_maxrss, float(said)


def compare(clients, url, rounds=3):
    """Prints a line for each client; CPU seconds of a call by name."""
    print(f"{'':12} {'first call':>12} {'CPU a call':>12} {'median, 1':>12} {'median, 64':>12} {'memory, 64':>12}")
    per_call = {}
    for name, command in clients.items():
        # The least of several: what else runs here only ever adds.
        first = min(measure(command, url, 1, 1)[0] for _ in range(5))
        one = [measure(command, url, 2001, 1) for _ in range(rounds)]
        many = [measure(command, url, 2048, 64) for _ in range(rounds)]
        per_call[name] = (min(run[0] for run in one) - first) / 2000
        print(
            f"{name:12} {first * 1e3:9.1f} ms {per_call[name] * 1e6:9.0f} us {min(run[2] for run in one) * 1e6:9.0f} us"
            f" {min(run[2] for run in many) * 1e3:9.2f} ms {min(run[1] for run in many) / 1024:9.1f} MB"
        )
    return per_call


if __name__ == "__main__":
    used = compare({"this client": [sys.argv[1]], "boto3": [sys.executable, "-c", BOTO3]}, start())
    print(f"CPU of boto3 for a call over ours: {used['boto3'] / used['this client']:.1f}")
