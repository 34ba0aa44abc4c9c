"""Steps of boto3 at two endpoints, and what each came to."""

import json
import sys

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError
from botocore.parsers import ResponseParserError

# Waiters ask every second: here everything is faster than at AWS.
SOON = {"Delay": 1, "MaxAttempts": 60}


class Steps:
    """What was done at one endpoint: by the name of a step, the status of the answer and what was picked of it."""

    def __init__(self, is_moto):
        self.said = {}
        self.is_moto = is_moto

    def __call__(self, name, call, pick=lambda reply: "ok", /, **arguments):
        try:
            reply = call(**arguments)
        except ClientError as error:
            self.said[name] = [error.response["ResponseMetadata"]["HTTPStatusCode"], error.response["Error"]["Code"]]
            return {}
        except (BotoCoreError, ResponseParserError) as error:
            self.said[name] = type(error).__name__
            return {}
        try:
            picked = pick(reply)
        except (IndexError, KeyError) as error:
            picked = f"lacks {error}"
        self.said[name] = [reply["ResponseMetadata"]["HTTPStatusCode"], picked]
        return reply

    def alone(self, name, wanted, call, pick=lambda reply: "ok", /, **arguments):
        """A step that moto has not got: it comes to what is wanted."""
        if self.is_moto:
            self.said[name] = wanted
            return {}
        reply = self(name, call, pick, **arguments)
        if reply:
            self.said[name] = self.said[name][1]
        return reply


def session(part, is_moto, url, key, secret, region):
    boto = boto3.Session(aws_access_key_id=key, aws_secret_access_key=secret, region_name=region)
    config = Config(retries={"total_max_attempts": 1}, read_timeout=60)
    step = Steps(is_moto)
    part(step, lambda service, **other: boto.client(service, **({"endpoint_url": url, "config": config} | other)))
    return step.said


def at_both(**parts):
    """Runs the part that the command line names at the sandbox and at moto."""
    name, sandbox, moto, *rest = sys.argv[1:]
    said = {where: session(parts[name], where == "moto", url, *rest) for where, url in (("sandbox", sandbox), ("moto", moto))}
    print(json.dumps(said))
