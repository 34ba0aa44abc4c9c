"""File transfers beside boto3 (with and without the CRT) and the AWS command line, against one local S3 server.

    cargo build --release -p trainyard-aws --example transfer
    cargo install s3s-fs --version 0.14.1 --locked --features binary
    python3 -m venv V && V/bin/pip install 'boto3[crt]' awscli
    V/bin/python3 crates/aws/benches/transfers.py target/release/examples/transfer s3s-fs

Wall time, CPU time and peak memory are those of the client's process and its children; the server's do not count.
Transfers that end with other bytes than they began with end the run.
"""

import os
import shutil
import subprocess
import sys
import tempfile
import time

KEYS = {"AWS_ACCESS_KEY_ID": "AKIAIOSFODNN7EXAMPLE", "AWS_SECRET_ACCESS_KEY": "secret", "AWS_REGION": "us-west-2"}
SIZE, FILES, SMALL = 1 << 30, 10_000, 16 << 10

# boto3 itself speaks only TLS through the CRT, so the layer below it, which the AWS command line shares, is driven here.
BOTO3 = """
import concurrent.futures, os, sys
import botocore.session
from botocore.config import Config
kind, what, *rest = sys.argv[1:]
url, region = os.environ["AWS_ENDPOINT_URL"], "us-west-2"
config = Config(s3={"addressing_style": "path"}, max_pool_connections=32)
session = botocore.session.Session()
client = session.create_client("s3", region_name=region, endpoint_url=url, config=config)
if kind == "crt":
    from s3transfer.crt import (BotocoreCRTCredentialsWrapper, BotocoreCRTRequestSerializer, CRTTransferManager,
        create_s3_crt_client)
    keys = BotocoreCRTCredentialsWrapper(session.get_credentials()).to_crt_credentials_provider()
    manager = CRTTransferManager(create_s3_crt_client(region, use_ssl=False, crt_credentials_provider=keys),
        BotocoreCRTRequestSerializer(session, {"region_name": region, "endpoint_url": url, "config": config}))
else:
    from s3transfer.manager import TransferConfig, TransferManager
    manager = TransferManager(client, TransferConfig(max_request_concurrency=16))
def up(folder, bucket, prefix):
    return [manager.upload(f"{folder}/{name}", bucket, f"{prefix}/{name}") for name in os.listdir(folder)]
def down(bucket, prefix, folder):
    os.makedirs(folder, exist_ok=True)
    pages = client.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix + "/")
    keys = [item["Key"] for page in pages for item in page["Contents"]]
    return [manager.download(bucket, key, folder + "/" + key.rsplit("/", 1)[1]) for key in keys]
with manager:
    do = {"up": lambda file, bucket, key: [manager.upload(file, bucket, key)],
        "down": lambda bucket, key, file: [manager.download(bucket, key, file)], "sync-up": up, "sync-down": down}
    for future in do[what](*rest):
        future.result()
"""


def measure(command, environment):
    """Wall and CPU seconds and megabytes of one run."""
    begun = time.monotonic()
    child = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(child.pid, 0)
    if status != 0:
        return None
    return time.monotonic() - begun, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024


def aws(what, *rest):
    """The command line's words for a transfer."""
    if what == "up":
        file, bucket, key = rest
        return [sys.executable, "-m", "awscli", "s3", "cp", "--quiet", file, f"s3://{bucket}/{key}"]
    if what == "down":
        bucket, key, file = rest
        return [sys.executable, "-m", "awscli", "s3", "cp", "--quiet", f"s3://{bucket}/{key}", file]
    if what == "sync-up":
        folder, bucket, prefix = rest
        return [sys.executable, "-m", "awscli", "s3", "sync", "--quiet", folder, f"s3://{bucket}/{prefix}"]
    bucket, prefix, folder = rest
    return [sys.executable, "-m", "awscli", "s3", "sync", "--quiet", f"s3://{bucket}/{prefix}", folder]


def main():
    ours, server = sys.argv[1:3]
    clients = {
        "this client": lambda *words: [ours, *words],
        "boto3, CRT": lambda *words: [sys.executable, "-c", BOTO3, "crt", *words],
        "boto3": lambda *words: [sys.executable, "-c", BOTO3, "classic", *words],
        "AWS CLI": aws,
    }
    with tempfile.TemporaryDirectory() as folder:
        root, data = f"{folder}/root", f"{folder}/data"
        os.makedirs(f"{root}/bench")
        os.makedirs(f"{data}/small")
        large = f"{data}/large"
        with open(large, "wb") as file:
            for _ in range(SIZE >> 20):
                file.write(os.urandom(1 << 20))
        for number in range(FILES):
            with open(f"{data}/small/{number:05}", "wb") as file:
                file.write(os.urandom(SMALL))
        port = "18014"
        keys = ["--access-key", KEYS["AWS_ACCESS_KEY_ID"], "--secret-key", KEYS["AWS_SECRET_ACCESS_KEY"]]
        running = subprocess.Popen([server, "--host", "127.0.0.1", "--port", port, *keys, root], stderr=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL)
        environment = {**os.environ, **KEYS, "AWS_ENDPOINT_URL": f"http://127.0.0.1:{port}", "AWS_EC2_METADATA_DISABLED": "true",
            "AWS_DEFAULT_REGION": "us-west-2"}
        try:
            time.sleep(1)
            best = {}
            print(f"{'':14}{'':12}{'wall':>9}{'CPU':>9}{'memory':>10}")
            for task in ["1 GiB up", "1 GiB down", "10,000 up", "10,000 down"]:
                for name, words in clients.items():
                    tag = name.replace(" ", "").replace(",", "")
                    runs = []
                    for _ in range(2):
                        back = f"{data}/back-{tag}"
                        shutil.rmtree(back, ignore_errors=True)
                        if os.path.exists(back):
                            os.remove(back)
                        command = {
                            "1 GiB up": ("up", large, "bench", f"large-{tag}"),
                            "1 GiB down": ("down", "bench", f"large-{tag}", back),
                            "10,000 up": ("sync-up", f"{data}/small", "bench", f"small-{tag}"),
                            "10,000 down": ("sync-down", "bench", f"small-{tag}", back),
                        }[task]
                        if task == "10,000 up":
                            shutil.rmtree(f"{root}/bench/small-{tag}", ignore_errors=True)
                        run = measure(words(*command), environment)
                        if run is None:
                            break
                        runs.append(run)
                        if task == "1 GiB down":
                            subprocess.run(["cmp", large, back], check=True)
                        if task == "10,000 down":
                            subprocess.run(["diff", "-rq", f"{data}/small", back], check=True)
                    shutil.rmtree(back, ignore_errors=True)
                    if os.path.exists(back):
                        os.remove(back)
                    if not runs:
                        print(f"{task:14}{name:12}  failed against this server", flush=True)
                        continue
                    if task == "1 GiB up":
                        subprocess.run(["cmp", large, f"{root}/bench/large-{tag}"], check=True)
                    # The least of two: what else runs here only ever adds.
                    wall, cpu, memory = (min(run[at] for run in runs) for at in range(3))
                    best.setdefault(task, {})[name] = wall
                    print(f"{task:14}{name:12}{wall:7.2f} s{cpu:7.2f} s{memory:7.0f} MB", flush=True)
                fastest = min(time for name, time in best[task].items() if name != "this client")
                print(f"{task:14}fastest other / this client: {fastest / best[task]['this client']:.2f}", flush=True)
        finally:
            running.terminate()
            running.wait()


main()
