"""Requests as botocore itself would send them: one JSON line in (service, operation, input), one out.

Nothing is sent: the request is caught after it was signed.
"""

import base64
import json
import sys
import warnings

import botocore.session
from botocore.awsrequest import AWSResponse
from botocore.config import Config

warnings.simplefilter("ignore")


class Caught(Exception):
    pass


def native(shape, value, depth=0):
    """Bytes are base64 text in our JSON."""
    if shape.type_name == "blob":
        return base64.b64decode(value)
    if shape.type_name == "structure" and isinstance(value, dict):
        return {k: native(shape.members[k], v) if k in shape.members else v for k, v in value.items()}
    if shape.type_name == "list":
        return [native(shape.member, v) for v in value]
    if shape.type_name == "map":
        return {k: native(shape.value, v) for k, v in value.items()}
    return value


def main():
    session = botocore.session.Session()
    session.set_credentials("AKIAIOSFODNN7EXAMPLE", "secret")
    clients = {}
    for line in sys.stdin:
        call = json.loads(line)
        out = {}
        try:
            name = call["service"]
            if name not in clients:
                clients.clear()
                client = session.create_client(
                    name,
                    region_name="eu-west-1",
                    config=Config(retries={"total_max_attempts": 1}, inject_host_prefix=True),
                )
                caught = []

                def keep(request, caught=caught, **kwargs):
                    caught.append(request)
                    raise Caught()

                client.meta.events.register_first("before-send", keep)
                clients[name] = (client, caught)
            client, caught = clients[name]
            caught.clear()
            model = client.meta.service_model.operation_model(call["operation"])
            params = native(model.input_shape, call["input"]) if model.input_shape else {}
            try:
                client._make_api_call(call["operation"], params)
            except Caught:
                pass
            request = caught[0]
            body = request.body
            if hasattr(body, "read"):
                body = body.read()
            if isinstance(body, str):
                body = body.encode()
            headers = {}
            for key, value in request.headers.items():
                headers[key.lower()] = value.decode() if isinstance(value, bytes) else str(value)
            out = {
                "method": request.method,
                "url": request.url,
                "headers": headers,
                "body": base64.b64encode(body or b"").decode(),
            }
        except Exception as error:  # whatever it is, the reader decides
            out = {"error": f"{type(error).__name__}: {error}"[:300]}
        sys.stdout.write(json.dumps(out) + "\n")
        sys.stdout.flush()


main()
