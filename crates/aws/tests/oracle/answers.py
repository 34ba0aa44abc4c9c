"""Answers as a service would send them, and what botocore understands of them."""

import base64
import datetime
import json
import struct
from email.utils import formatdate
from xml.sax.saxutils import escape, quoteattr

from botocore.awsrequest import HeadersDict
from botocore.parsers import create_parser

XSI = "http://www.w3.org/2001/XMLSchema-instance"
JSON = ("json", "rest-json")


def answer(requests, call):
    """The answer of an operation with the output `call["output"]`, and that output as botocore reads it."""
    service = requests.client_of(call["service"]).meta.service_model
    operation = service.operation_model(call["operation"])
    protocol = service.resolved_protocol
    parser = create_parser(protocol)
    shape = operation.output_shape
    wire = Writer(protocol, parser).write(operation, shape, call["output"])
    response = {
        "status_code": 200,
        "headers": HeadersDict(wire["headers"]),
        "body": wire["body"],
        "context": {"operation_name": operation.name},
    }
    parsed = parser.parse(response, shape)
    parsed.pop("ResponseMetadata", None)
    wire["body"] = base64.b64encode(wire["body"]).decode()
    return {"wire": wire, "parsed": plain(parsed)}


def plain(value):
    """Python's values as JSON: bytes as text, times as seconds."""
    if isinstance(value, bytes):
        return value.decode()
    if isinstance(value, datetime.datetime):
        return value.timestamp()
    if isinstance(value, dict):
        return {k: plain(v) for k, v in value.items()}
    if isinstance(value, list):
        return [plain(v) for v in value]
    return value


def time(text, form):
    seconds = datetime.datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp()
    if form == "unixtimestamp":
        return int(seconds)
    return formatdate(seconds, usegmt=True) if form == "rfc822" else text


def form_of(shape, default):
    return (shape.serialization.get("timestampFormat") or default).lower()


class Writer:
    def __init__(self, protocol, parser):
        self.protocol = protocol
        self.parser = parser

    def write(self, operation, shape, output):
        headers, members = {}, dict(output)
        if shape is None:
            return {"headers": headers, "body": self.body(operation, None, {})}
        if self.protocol.startswith("rest"):
            for name in list(members):
                member = shape.members[name]
                location = member.serialization.get("location")
                if location == "header":
                    headers[member.serialization.get("name", name)] = self.header(member, members.pop(name))
                elif location == "headers":
                    prefix = member.serialization.get("name", "")
                    headers.update({prefix + key: value for key, value in members.pop(name).items()})
                elif location == "statusCode":
                    members.pop(name)
            payload = shape.serialization.get("payload")
            if payload:
                return {"headers": headers, "body": self.payload(shape.members[payload], payload, members.get(payload))}
        return {"headers": headers, "body": self.body(operation, shape, members)}

    def header(self, shape, value):
        if shape.serialization.get("jsonvalue"):
            return base64.b64encode(json.dumps(value).encode()).decode()
        if shape.type_name == "timestamp":
            return str(time(value, form_of(shape, "rfc822")))
        if shape.type_name == "boolean":
            return "true" if value else "false"
        if shape.type_name == "list":
            return ", ".join(self.header(shape.member, item) for item in value)
        return str(value)

    def payload(self, shape, name, value):
        if value is None:
            return b""
        if shape.type_name == "blob":
            return base64.b64decode(value)
        if shape.type_name == "string":
            return value.encode()
        if self.protocol in JSON:
            return json.dumps(self.json(shape, value)).encode()
        return self.element(shape.serialization.get("name", name), shape, value).encode()

    def body(self, operation, shape, members):
        if self.protocol in JSON:
            return json.dumps(self.json(shape, members) if shape else {}).encode()
        if self.protocol == "smithy-rpc-v2-cbor":
            return cbor(self.cbor_members(shape, members)) if shape else b""
        inner = self.members(shape, members) if shape else ""
        name = operation.name
        if self.protocol == "query":
            wrapper = shape.serialization.get("resultWrapper") if shape else None
            inner = f"<{wrapper}>{inner}</{wrapper}>" if wrapper else inner
            inner += "<ResponseMetadata><RequestId>r</RequestId></ResponseMetadata>"
            name += "Response"
        elif self.protocol == "ec2":
            inner += "<requestId>r</requestId>"
            name += "Response"
        return f"<?xml version='1.0'?><{name}>{inner}</{name}>".encode()

    def json(self, shape, value):
        kind = shape.type_name
        if shape.is_document_type if kind == "structure" else False:
            return value
        if shape.serialization.get("jsonvalue"):
            return json.dumps(value)
        if kind == "structure":
            return {
                shape.members[k].serialization.get("name", k): self.json(shape.members[k], v) for k, v in value.items()
            }
        if kind == "list":
            return [self.json(shape.member, v) for v in value]
        if kind == "map":
            return {k: self.json(shape.value, v) for k, v in value.items()}
        if kind == "timestamp":
            return time(value, form_of(shape, "unixtimestamp"))
        return value

    def cbor_members(self, shape, value):
        kind = shape.type_name
        if kind == "structure":
            return {k: self.cbor_members(shape.members[k], v) for k, v in value.items()}
        if kind == "list":
            return [self.cbor_members(shape.member, v) for v in value]
        if kind == "map":
            return {k: self.cbor_members(shape.value, v) for k, v in value.items()}
        if kind == "timestamp":
            return Tagged(1, time(value, "unixtimestamp"))
        return base64.b64decode(value) if kind == "blob" else value

    def members(self, shape, value):
        text = ""
        for name, given in value.items():
            member = shape.members[name]
            if not member.serialization.get("xmlAttribute"):
                text += self.element(self.parser._member_key_name(member, name), member, given)
        return text

    def element(self, name, shape, value):
        kind = shape.type_name
        if kind == "structure":
            start = name
            for key, given in value.items():
                member = shape.members[key]
                if member.serialization.get("xmlAttribute"):
                    attribute = member.serialization["name"]
                    start += f" xmlns:xsi={quoteattr(XSI)}" if attribute.startswith("xsi:") else ""
                    start += f" {attribute}={quoteattr(given)}"
            return f"<{start}>{self.members(shape, value)}</{name}>"
        if kind == "list":
            if shape.serialization.get("flattened"):
                return "".join(self.element(name, shape.member, item) for item in value)
            item_name = shape.member.serialization.get("name", "member")
            return f"<{name}>{''.join(self.element(item_name, shape.member, item) for item in value)}</{name}>"
        if kind == "map":
            return self.map(name, shape, value)
        if kind == "timestamp":
            value = time(value, form_of(shape, "iso8601"))
        if kind == "boolean":
            value = "true" if value else "false"
        return f"<{name}>{escape(str(value))}</{name}>"

    def map(self, name, shape, value):
        key_name = shape.key.serialization.get("name", "key")
        value_name = shape.value.serialization.get("name", "value")
        entries = [
            self.element(key_name, shape.key, k) + self.element(value_name, shape.value, v) for k, v in value.items()
        ]
        if shape.serialization.get("flattened"):
            return "".join(f"<{name}>{entry}</{name}>" for entry in entries)
        return f"<{name}>{''.join(f'<entry>{entry}</entry>' for entry in entries)}</{name}>"


class Tagged:
    def __init__(self, tag, value):
        self.tag = tag
        self.value = value


def cbor(value):
    if value is True or value is False:
        return b"\xf5" if value else b"\xf4"
    if value is None:
        return b"\xf6"
    if isinstance(value, int):
        return head(0, value) if value >= 0 else head(1, -1 - value)
    if isinstance(value, float):
        return b"\xfb" + struct.pack(">d", value)
    if isinstance(value, bytes):
        return head(2, len(value)) + value
    if isinstance(value, str):
        return head(3, len(value.encode())) + value.encode()
    if isinstance(value, list):
        return head(4, len(value)) + b"".join(map(cbor, value))
    if isinstance(value, dict):
        return head(5, len(value)) + b"".join(cbor(k) + cbor(v) for k, v in value.items())
    return head(6, value.tag) + cbor(value.value)


def head(major, number):
    if number < 24:
        return bytes([major << 5 | number])
    for extra, form in ((24, ">B"), (25, ">H"), (26, ">I"), (27, ">Q")):
        if number < 1 << (8 * struct.calcsize(form)):
            return bytes([major << 5 | extra]) + struct.pack(form, number)
    raise ValueError(number)
