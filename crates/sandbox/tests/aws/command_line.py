"""The AWS CLI at two endpoints, in one process: what each command printed, or the code and words that it failed with.

Prints {"sandbox": {step: outcome}, "moto": {...}}; of the fleet, which moto has not got, {step: outcome}.
"""

import contextlib
import hashlib
import io
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

import awscli.botocore.waiter
from awscli.clidriver import create_clidriver

LARGE = b"0123456789abcdef" * (9 << 16)
TEMPLATE = """
Parameters:
  Block: {Type: String, Default: 10.61.0.0/16}
Resources:
  Vpc: {Type: AWS::EC2::VPC, Properties: {CidrBlock: !Ref Block}}
Outputs:
  VpcId: {Value: !Ref Vpc}
"""
TRUST = {
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Principal": {"AWS": "*"}, "Action": "sts:AssumeRole"}],
}
REFUSED = re.compile(r"\(([\w.]+)\) when calling the (\w+) operation")

# Waiters ask every few seconds, as suits AWS; here everything is faster.
pause = time.sleep
awscli.botocore.waiter.time.sleep = lambda seconds: pause(min(seconds, 0.2))


def text(reply):
    """What was printed: text as text, JSON as it is."""
    return reply.decode().strip() if isinstance(reply, bytes) else reply


def sizes(out):
    """Sizes and names of `aws s3 ls`, without the times."""
    return [line.split(maxsplit=2)[2] if line[:1].isdigit() else line.strip() for line in text(out).splitlines()]


class Commands:
    def __init__(self, url, key, secret, region, home):
        self.said = {}
        shutil.rmtree(home, ignore_errors=True)
        os.makedirs(home)
        os.chdir(home)
        # Addresses are signed by version 4; the older one, which the AWS CLI still prefers for them, is not checked here.
        Path("config").write_text("[default]\ns3 =\n    signature_version = s3v4\n")
        self.environment = {
            "HOME": home, "PATH": os.environ["PATH"], "LANG": "C.UTF-8", "TZ": "UTC", "AWS_CONFIG_FILE": f"{home}/config",
            "AWS_SHARED_CREDENTIALS_FILE": f"{home}/credentials", "AWS_EC2_METADATA_DISABLED": "true",
            "AWS_ACCESS_KEY_ID": key, "AWS_SECRET_ACCESS_KEY": secret, "AWS_DEFAULT_REGION": region,
            "AWS_ENDPOINT_URL": url, "AWS_MAX_ATTEMPTS": "1", "AWS_DATA_PATH": os.environ["AWS_DATA_PATH"],
        }
        os.environ.clear()
        os.environ.update(self.environment)
        self.driver = create_clidriver()

    def run(self, line, **environment):
        out, err = (io.TextIOWrapper(io.BytesIO(), "utf-8", write_through=True) for _ in range(2))
        os.environ.clear()
        os.environ.update(self.environment | environment)
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            try:
                # One that was used before remembers the models that it read, but also who it is, and that bodies go to a file.
                driver = create_clidriver() if environment or line.startswith("s3api get-object ") else self.driver
                code = driver.main(shlex.split(line))
            except SystemExit as end:
                code = end.code
        return code, out.buffer.getvalue(), err.buffer.getvalue().decode()

    def __call__(self, name, line, pick=text, **environment):
        code, out, err = self.run(line, **environment)
        if code:
            refused = REFUSED.search(err) or REFUSED.search(out.decode())
            self.said[name] = [code, *(refused.groups() if refused else [err.strip()])]
            return {}
        try:
            reply = json.loads(out)
        except ValueError:
            reply = out
        try:
            self.said[name] = pick(reply)
        except Exception as error:
            self.said[name] = f"{error!r} in {reply!r:.300}"
        return reply


def objects(aws):
    Path("small.txt").write_text("hello\n")
    Path("large").write_bytes(LARGE)
    for number in range(12):
        path = Path("tree", str(number % 3), f"{number:02} ü+&.txt")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("x" * number)
    aws("list nothing", "s3 ls s3://nobody-at-all")
    aws("make", "s3 mb s3://cli-runs")
    aws("make twice", "s3 mb s3://cli-runs")
    aws("buckets", "s3 ls", lambda out: "cli-runs" in text(out))
    aws("put", "s3 cp small.txt s3://cli-runs/a/ --content-type text/x-log --metadata step=1 --no-progress")
    aws("head", "s3api head-object --bucket cli-runs --key a/small.txt", lambda it: [it[name] for name in ("ContentLength", "ContentType", "ETag", "Metadata", "AcceptRanges")])
    aws("put in parts", "s3 cp large s3://cli-runs/large --no-progress")
    aws("tag of parts", "s3api head-object --bucket cli-runs --key large", lambda it: [it["ContentLength"], it["ETag"]])
    aws("get in parts", "s3 cp s3://cli-runs/large back --no-progress")
    aws.said["bytes"] = hashlib.sha256(Path("back").read_bytes()).hexdigest() == hashlib.sha256(LARGE).hexdigest()
    aws("part", "s3api get-object --bucket cli-runs --key large --range bytes=16-31 piece", lambda it: [it["ContentRange"], it["ContentLength"]])
    aws.said["piece"] = Path("piece").read_text()
    aws("beyond", "s3api get-object --bucket cli-runs --key large --range bytes=99999999- piece")
    aws("unchanged", "s3api get-object --bucket cli-runs --key a/small.txt --if-none-match b1946ac92492d2347c6235b4d2611184 piece")
    aws("print", "s3 cp s3://cli-runs/a/small.txt -", text)
    aws("print nothing", "s3 cp s3://cli-runs/a/none.txt -")
    for algorithm in ("CRC32", "CRC64NVME", "SHA256"):
        member = f"Checksum{algorithm}"
        aws(algorithm, f"s3api put-object --bucket cli-runs --key sum/{algorithm} --body small.txt --checksum-algorithm {algorithm}", lambda it: it[member])
        aws(f"{algorithm} told", f"s3api head-object --bucket cli-runs --key sum/{algorithm} --checksum-mode ENABLED", lambda it: it[member])
    aws("wrong sum", "s3api put-object --bucket cli-runs --key sum/wrong --body small.txt --checksum-sha256 AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=")
    aws("sync", "s3 sync tree s3://cli-runs/tree --only-show-errors")
    aws("sync again", "s3 sync tree s3://cli-runs/tree")
    Path("tree/0/00 ü+&.txt").unlink()
    aws("sync away", "s3 sync tree s3://cli-runs/tree --delete")
    aws("sync back", "s3 sync s3://cli-runs/tree copy --only-show-errors")
    aws.said["copy"] = sorted([path.name, path.stat().st_size] for path in Path("copy").rglob("*.txt"))
    aws("tree", "s3 ls s3://cli-runs/tree/ --recursive --summarize", sizes)
    aws("folders", "s3 ls s3://cli-runs/tree/", sizes)
    page = aws("page", "s3api list-objects-v2 --bucket cli-runs --prefix tree/ --max-items 4", lambda it: [row["Key"] for row in it["Contents"]])
    aws("next page", f"s3api list-objects-v2 --bucket cli-runs --prefix tree/ --max-items 4 --starting-token {page['NextToken']}", lambda it: [row["Key"] for row in it["Contents"]])
    aws("old list", "s3api list-objects --bucket cli-runs --delimiter / --page-size 2", lambda it: [[row["Key"] for row in it["Contents"]], [row["Prefix"] for row in it["CommonPrefixes"]]])
    aws("move", "s3 mv s3://cli-runs/a/small.txt s3://cli-runs/b/small.txt --no-progress")
    aws("copy parts", "s3 cp s3://cli-runs/large s3://cli-runs/larger --only-show-errors")
    aws("copied", "s3api head-object --bucket cli-runs --key larger", lambda it: it["ContentLength"])
    aws("remove", "s3 rm s3://cli-runs/b/small.txt")
    upload = aws("upload", "s3api create-multipart-upload --bucket cli-runs --key parts", lambda it: [it["Bucket"], it["Key"]])["UploadId"]
    aws("upload part", f"s3api upload-part --bucket cli-runs --key parts --part-number 1 --upload-id {upload} --body small.txt", lambda it: it["ETag"])
    aws("uploads", "s3api list-multipart-uploads --bucket cli-runs", lambda it: [row["Key"] for row in it["Uploads"]])
    aws("abort", f"s3api abort-multipart-upload --bucket cli-runs --key parts --upload-id {upload}")
    aws("aborted", f"s3api list-parts --bucket cli-runs --key parts --upload-id {upload}")
    aws("delete some", "s3api delete-objects --bucket cli-runs --delete 'Objects=[{Key=sum/CRC32},{Key=none}]'", lambda it: sorted(row["Key"] for row in it["Deleted"]))
    aws("tag", "s3api put-object-tagging --bucket cli-runs --key large --tagging 'TagSet=[{Key=team,Value=a b}]'")
    aws("tagged", "s3api get-object-tagging --bucket cli-runs --key large", lambda it: it["TagSet"])
    for name, key in (("signed address", "tree/1/04 ü+&.txt"), ("signed nothing", "none")):
        address = text(aws.run(f"s3 presign 's3://cli-runs/{key}' --expires-in 60")[1])
        try:
            with urllib.request.urlopen(address) as reply:
                aws.said[name] = [reply.status, reply.read().decode()]
        except urllib.error.HTTPError as error:
            aws.said[name] = [error.status, re.search("<Code>(.*?)</Code>", error.read().decode()).group(1)]
    aws("not empty", "s3 rb s3://cli-runs")
    aws("end", "s3 rb s3://cli-runs --force", lambda out: text(out).splitlines()[-1])
    aws("ended", "s3 ls s3://cli-runs")


def account(aws):
    aws("caller", "sts get-caller-identity", sorted)
    image = text(aws.run("ec2 describe-images --owners amazon --query Images[0].ImageId --output text")[1])
    launch = f"ec2 run-instances --image-id {image} --instance-type g5.xlarge"
    aws("dry", f"{launch} --dry-run")
    made = aws("launch", f"{launch} --count 2 --tag-specifications 'ResourceType=instance,Tags=[{{Key=team,Value=cli}}]'", lambda it: len(it["Instances"]))
    ids = " ".join(row["InstanceId"] for row in made["Instances"])
    aws("wait", f"ec2 wait instance-running --instance-ids {ids}")
    aws("running", "ec2 describe-instances --filters Name=tag:team,Values=cli --query 'Reservations[].Instances[].[InstanceType,State.Name]' --output text")
    aws("dry end", f"ec2 terminate-instances --dry-run --instance-ids {ids}")
    aws("terminate", f"ec2 terminate-instances --instance-ids {ids}", lambda it: len(it["TerminatingInstances"]))
    aws("wait for the end", f"ec2 wait instance-terminated --instance-ids {ids}")
    aws("no instance", "ec2 describe-instances --instance-ids i-00000000000000000")
    aws("no number", f"{launch} --count many", lambda it: it)
    aws("cards", "ec2 describe-instance-types --instance-types p5.48xlarge --query 'InstanceTypes[].GpuInfo.Gpus[].[Count,Name]'")
    page = aws("types", "ec2 describe-instance-types --max-items 3", lambda it: len(it["InstanceTypes"]))
    aws("more types", f"ec2 describe-instance-types --max-items 3 --starting-token {page['NextToken']}", lambda it: len(it["InstanceTypes"]))
    aws("zones", "ec2 describe-availability-zones --output text --query 'AvailabilityZones[:2].[ZoneName,State]'")

    Path("trust.json").write_text(json.dumps(TRUST))
    role = aws("role", "iam create-role --role-name cli --assume-role-policy-document file://trust.json", lambda it: it["Role"]["AssumeRolePolicyDocument"])["Role"]["Arn"]
    aws("role twice", "iam create-role --role-name cli --assume-role-policy-document file://trust.json")
    aws("no role", "iam get-role --role-name nobody")
    taken = aws("take it on", f"sts assume-role --role-arn {role} --role-session-name me", lambda it: it["AssumedRoleUser"]["Arn"].split(":")[-1])["Credentials"]
    session = {"AWS_ACCESS_KEY_ID": taken["AccessKeyId"], "AWS_SECRET_ACCESS_KEY": taken["SecretAccessKey"], "AWS_SESSION_TOKEN": taken["SessionToken"]}
    aws("as it", "sts get-caller-identity --query Arn --output text", lambda out: text(out).split(":")[-1], **session)
    aws("delete role", "iam delete-role --role-name cli")

    Path("net.yaml").write_text(TEMPLATE)
    deploy = "cloudformation deploy --stack-name cli-net --template-file net.yaml"
    aws("deploy", deploy)
    aws("deployed", "cloudformation describe-stacks --stack-name cli-net", lambda it: it["Stacks"][0]["StackStatus"])
    aws("deploy anew", f"{deploy} --parameter-overrides Block=10.62.0.0/16 --tags team=cli")
    aws("given", "cloudformation describe-stacks --stack-name cli-net --query Stacks[0].Parameters")
    aws("delete", "cloudformation delete-stack --stack-name cli-net")
    aws("deleted", "cloudformation wait stack-delete-complete --stack-name cli-net")
    aws("no stack", "cloudformation describe-stacks --stack-name cli-net")

    group, now = "--log-group-name /cli/run", int(time.time() * 1000)
    aws("no group", f"logs describe-log-streams {group}")
    aws("group", f"logs create-log-group {group}")
    aws("stream", f"logs create-log-stream {group} --log-stream-name rank-0")
    Path("events.json").write_text(json.dumps([{"timestamp": now - 1000 + number, "message": f"step {number}"} for number in range(8)]))
    aws("log", f"logs put-log-events {group} --log-stream-name rank-0 --log-events file://events.json", lambda it: "rejectedLogEventsInfo" in it)
    aws("filter", f"logs filter-log-events {group} --filter-pattern '\"step 7\"' --query 'events[].message'")
    seconds = now // 1000
    query = aws("query", f"logs start-query {group} --start-time {seconds - 60} --end-time {seconds + 60} --query-string 'fields @message | sort @timestamp desc | limit 2'", sorted)
    aws("found", f"logs get-query-results --query-id {query['queryId']}", lambda it: [[cell["value"] for cell in row if cell["field"] == "@message"] for row in it["results"]])
    aws("keep", f"logs put-retention-policy {group} --retention-in-days 7")
    aws("keep wrong", f"logs put-retention-policy {group} --retention-in-days 8")
    aws("delete group", f"logs delete-log-group {group}")


def fleet(aws):
    """What is there at the start, which moto has no like of."""
    page = aws("clusters", "sagemaker list-clusters --max-items 1", lambda it: [row["ClusterName"] for row in it["ClusterSummaries"]])
    aws("more clusters", f"sagemaker list-clusters --max-items 1 --starting-token {page['NextToken']}", lambda it: [row["ClusterName"] for row in it["ClusterSummaries"]])
    aws("cluster", "sagemaker describe-cluster --cluster-name pretrain", lambda it: it["ClusterStatus"])
    aws("nodes", "sagemaker list-cluster-nodes --cluster-name pretrain --query 'length(ClusterNodeSummaries)'")
    aws("no cluster", "sagemaker describe-cluster --cluster-name nothing")
    aws("kubeconfig", "eks update-kubeconfig --name trainyard --kubeconfig kube.yaml", lambda out: text(out).split()[0])
    aws.said["kubectl"] = None
    if kubectl := shutil.which("kubectl", path="/usr/local/bin:/usr/bin:/bin"):
        # The file has kubectl ask the AWS CLI for a token.
        environment = dict(aws.environment, PATH=f"{Path(sys.executable).parent}:/usr/bin:/bin")
        nodes = subprocess.run([kubectl, "--kubeconfig", "kube.yaml", "get", "nodes", "-o", "name"], env=environment, capture_output=True, text=True)
        aws.said["kubectl"] = len(nodes.stdout.split()) or nodes.stderr
    aws("no kubeconfig", "eks update-kubeconfig --name nothing --kubeconfig none.yaml")
    metric = aws("metrics", "cloudwatch list-metrics --namespace ContainerInsights --metric-name node_gpu_utilization", lambda it: len(it["Metrics"]))["Metrics"][0]
    end = time.time() // 300 * 300
    span = " ".join(f"--{name} {time.strftime('%Y-%m-%dT%H:%M:00Z', time.gmtime(end - ago))}" for name, ago in (("start-time", 1800), ("end-time", 0)))
    measure = f"cloudwatch get-metric-statistics --namespace ContainerInsights --metric-name node_gpu_utilization {span}"
    dimensions = shlex.quote(json.dumps(metric["Dimensions"]))
    aws("measured", f"{measure} --dimensions {dimensions} --period 300 --statistics Average Maximum", lambda it: [it["Label"], len(it["Datapoints"]), all(row["Average"] <= row["Maximum"] <= 100 for row in it["Datapoints"])])
    aws("wrong period", f"{measure} --period 7 --statistics Average")
    aws("wrong token", "sagemaker list-clusters --starting-token eyJOZXh0VG9rZW4iOiAieCJ9")
    aws("not here", "dynamodb list-tables")


mode, home = sys.argv[1:3]
if mode == "fleet":
    commands = Commands(*sys.argv[3:7], home)
    fleet(commands)
    said = commands.said
else:
    sandbox, moto, key, secret, region = sys.argv[3:8]
    said = {}
    for name, url in (("sandbox", sandbox), ("moto", moto)):
        commands = Commands(url, key, secret, region, f"{home}/work")
        {"objects": objects, "account": account}[mode](commands)
        said[name] = commands.said
print(json.dumps(said))
