"""This client beside AWS's generated Rust crates and boto3, one service of each of three protocols, against one local server.

    cargo build --release --manifest-path crates/aws/benches/generated/Cargo.toml
    target/xtask/venv/bin/python3 crates/aws/benches/beside_generated.py \\
        crates/aws/benches/generated/target/release/trainyard-aws-beside-generated [SERVICE…]

CPU time and memory are those of the client's process, as the system counts them; the server's do not count.
"""

import json
import sys

from beside_boto3 import compare, start

ITEM = {"id": {"S": "job-1"}, "node": {"S": "node-17"}, "gpus": {"N": "8"}, "spot": {"BOOL": True},
        "tags": {"M": {"team": {"S": "a"}, "run": {"N": "17"}}}}
OBJECT = (
    "<Contents><Key>shard-{0:05}.tar</Key><LastModified>2026-11-21T10:00:00.000Z</LastModified><ETag>&quot;{0:032x}&quot;"
    "</ETag><Size>1073741824</Size><StorageClass>STANDARD</StorageClass></Contents>"
)
ANSWERS = {
    "sts": (
        "text/xml",
        '<GetCallerIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><GetCallerIdentityResult><Arn>arn:aws:'
        "iam::123456789012:user/u</Arn><UserId>AIDA</UserId><Account>123456789012</Account></GetCallerIdentityResult>"
        "<ResponseMetadata><RequestId>r</RequestId></ResponseMetadata></GetCallerIdentityResponse>",
    ),
    "dynamodb": ("application/x-amz-json-1.0", json.dumps({"Count": 50, "ScannedCount": 50, "Items": [ITEM] * 50})),
    "s3": (
        "application/xml",
        '<?xml version="1.0" encoding="UTF-8"?><ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><Name>data'
        "</Name><Prefix>shard</Prefix><KeyCount>100</KeyCount><MaxKeys>1000</MaxKeys><IsTruncated>false</IsTruncated>"
        + "".join(OBJECT.format(number) for number in range(100))
        + "</ListBucketResult>",
    ),
}

BOTO3 = """
import sys, time, threading
import boto3
from botocore.config import Config
service, url, calls, at_once = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
client = boto3.client(service, endpoint_url=url, region_name="eu-west-1", aws_access_key_id="AKIAIOSFODNN7EXAMPLE",
    aws_secret_access_key="secret", config=Config(max_pool_connections=at_once))
call = {"sts": lambda: client.get_caller_identity(),
    "dynamodb": lambda: client.query(TableName="jobs", KeyConditionExpression="id = :id",
        ExpressionAttributeValues={":id": {"S": "job-1"}}),
    "s3": lambda: client.list_objects_v2(Bucket="data", Prefix="shard")}[service]
took = []
def work():
    for _ in range(calls // at_once):
        begun = time.perf_counter()
        call()
        took.append(time.perf_counter() - begun)
threads = [threading.Thread(target=work) for _ in range(at_once)]
[thread.start() for thread in threads]
[thread.join() for thread in threads]
took.sort()
print(f"{took[len(took) // 2]:.6f}")
"""


def message(kind, body):
    head = f"HTTP/1.1 200 OK\r\ncontent-type: {kind}\r\ncontent-length: {len(body.encode())}\r\n\r\n"
    return (head + body).encode()


def main():
    program, *services = sys.argv[1:]
    for service in services or ANSWERS:
        kind, body = ANSWERS[service]
        answer = message(kind, body)
        url = start(lambda head, body, answer=answer: answer)
        print(f"\n{service}, an answer of {len(body)} bytes")
        used = compare(
            {
                "this client": [program, "ours", service],
                "generated": [program, "generated", service],
                "boto3": [sys.executable, "-c", BOTO3, service],
            },
            url,
        )
        print(f"CPU of ours over the generated: {used['this client'] / used['generated']:.2f}, "
              f"of boto3 over ours: {used['boto3'] / used['this client']:.1f}")


main()
