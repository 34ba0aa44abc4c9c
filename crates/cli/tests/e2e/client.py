"""A session of the Python SDK's client: client.py MODE COMMAND [ARGUMENT...], or client.py MODE URL TOKEN

Mode `plain` finds out the era, calls what only reads, and changes nothing.
"""

import asyncio
import os
import ssl
import sys

import httpx2 as httpx
import mcp_types as types
from mcp.client.client import Client
from mcp.client.stdio import StdioServerParameters, stdio_client
from mcp.client.streamable_http import streamable_http_client
from mcp.shared.exceptions import MCPError

MODE, COMMAND, *ARGUMENTS = sys.argv[1:]
ONLY_READS = MODE == "plain"
MODE = "auto" if ONLY_READS else MODE


def connect(elicitation_callback=None):
    if COMMAND.startswith(("http://", "https://")):
        trusted = ssl.create_default_context(cafile=os.environ.get("SSL_CERT_FILE"))
        http = httpx.AsyncClient(headers={"Authorization": f"Bearer {ARGUMENTS[0]}"}, timeout=60, verify=trusted)
        transport = streamable_http_client(COMMAND, http_client=http)
        return Client(transport, mode=MODE, elicitation_callback=elicitation_callback)
    # The SDK hands down only a few variables unless it is told all of them.
    server = StdioServerParameters(command=COMMAND, args=ARGUMENTS, env=dict(os.environ))
    return Client(stdio_client(server), mode=MODE, elicitation_callback=elicitation_callback)


async def run_instance(client):
    """What costs money is asked about as well."""
    call = {
        "service": "ec2",
        "operation": "RunInstances",
        "parameters": {"ImageId": "ami-12345678", "InstanceType": "m7i.large", "MinCount": 1, "MaxCount": 1},
        "query": "Instances[0].InstanceId",
    }
    result = await client.call_tool("aws_call", call)
    assert not result.is_error, result
    return result.structured_content["result"]


def terminate(instance, **more):
    return {"service": "ec2", "operation": "TerminateInstances", "parameters": {"InstanceIds": [instance]}, **more}


async def state(client, instance):
    result = await client.call_tool("ec2_list_instances", {"instance_ids": [instance], "fields": ["state"]})
    assert not result.is_error, result
    return result.structured_content["rows"][0][0]


async def plain():
    async with connect() as client:
        print("protocol", client.protocol_version)
        names = [tool.name for tool in (await client.list_tools()).tools]
        assert "ec2_list_instances" in names, names

        result = await client.call_tool("iam_get_caller_identity", {})
        assert result.structured_content["account"] == "123456789012", result

        result = await client.call_tool("aws_search", {"query": "gpu capacity reservations"})
        assert result.structured_content["count"] > 0, result

        result = await client.call_tool("manage_hyperpod_cluster_nodes", {"operation": "list_clusters"})
        assert result.structured_content["result"]["isError"] is False, result

        result = await client.call_tool(
            "aws_call", {"service": "eks", "operation": "DescribeCluster", "parameters": {"name": "missing"}}
        )
        assert result.is_error and result.structured_content["error"]["category"] == "not_found", result

        result = await client.call_tool("ec2_list_instances", {"instance_typ": "p5.48xlarge"})
        assert result.is_error and "instance_types" in result.content[0].text, result

        try:
            await client.call_tool("ec2_list_instance", {})
        except MCPError as error:
            assert error.error.code == -32602 and "ec2_list_instances" in error.error.message, error
        else:
            raise AssertionError("an unknown tool was called")

        if ONLY_READS:
            return
        # No person can be asked: a plan and a handle, and the handle proves nothing until the operator has agreed.
        doomed = terminate("i-0123456789abcdef0")
        result = await client.call_tool("aws_call", doomed)
        assert result.is_error, result
        asked = result.structured_content
        assert asked["error"]["code"] == "ConfirmationRequired", asked
        assert asked["target"]["ids"] == ["i-0123456789abcdef0"], asked
        result = await client.call_tool("aws_call", {**doomed, "confirm": asked["confirm"]})
        assert result.is_error, result
        assert result.structured_content["error"]["code"] == "ConfirmationRequired", result
        print("without elicitation: a plan, a handle, and nothing done")


async def asked():
    answers, messages = [], []

    async def answer(context, params):
        messages.append(params.message)
        return answers.pop(0)

    async with connect(answer) as client:
        answers.append(types.ElicitResult(action="accept", content={"confirm": True}))
        instance = await run_instance(client)
        assert not answers and "RunInstances" in messages[-1], messages
        for no in (
            types.ElicitResult(action="decline"),
            types.ElicitResult(action="cancel"),
            types.ElicitResult(action="accept", content={"confirm": False}),
        ):
            answers.append(no)
            result = await client.call_tool("aws_call", terminate(instance))
            assert result.is_error and result.structured_content["error"]["code"] == "Declined", result
            assert not answers and await state(client, instance) == "running"
            assert instance in messages[-1] and "TerminateInstances" in messages[-1], messages

        # A handle that the model made up does not stand in for the person.
        answers.append(types.ElicitResult(action="decline"))
        result = await client.call_tool("aws_call", terminate(instance, confirm="plan-" + 32 * "0"))
        assert result.is_error and not answers, result
        assert await state(client, instance) == "running"

        answers.append(types.ElicitResult(action="accept", content={"confirm": True}))
        result = await client.call_tool("aws_call", terminate(instance))
        assert not result.is_error, result
        assert await state(client, instance) == "terminated"
        print("with elicitation:", len(messages), "questions, two of them agreed to")


async def main():
    async with asyncio.timeout(90):
        await plain()
        if not ONLY_READS:
            await asked()


asyncio.run(main())
