"""Connections of Python's own TLS: tls_client.py ADDRESS PORT AUTHORITY TOKEN"""

import http.client
import json
import socket
import ssl
import sys

ADDRESS, PORT, AUTHORITY, TOKEN = sys.argv[1], int(sys.argv[2]), sys.argv[3], sys.argv[4]
HELLO = {
    "jsonrpc": "2.0",
    "id": 1,
    "method": "initialize",
    "params": {"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "tls", "version": "1"}},
}


def ask(context, headers, host=ADDRESS):
    connection = http.client.HTTPSConnection(host, PORT, context=context, timeout=60)
    headers = {"Content-Type": "application/json", "Accept": "application/json, text/event-stream", **headers}
    connection.request("POST", "/mcp", json.dumps(HELLO), headers)
    answer = connection.getresponse()
    body = answer.read().decode()
    version = connection.sock.version() if connection.sock else None
    connection.close()
    return answer.status, body, version


def refused(kind, word, act):
    try:
        got = act()
    except kind as error:
        assert word in str(error), error
        return
    raise AssertionError(f"{word}: {got}")


trusting = ssl.create_default_context(cafile=AUTHORITY)
token = {"Authorization": f"Bearer {TOKEN}"}

status, body, version = ask(trusting, token)
assert status == 200 and "2025-11-25" in body and "trainyard" in body, (status, body)
assert version in (None, "TLSv1.3", "TLSv1.2"), version
status, body, _ = ask(trusting, {})
assert status == 401 and "protocolVersion" not in body, (status, body)
status, body, _ = ask(trusting, {**token, "Host": "evil.example"})
assert status == 403, (status, body)

older = ssl.create_default_context(cafile=AUTHORITY)
older.maximum_version = ssl.TLSVersion.TLSv1_2
assert ask(older, token)[0] == 200

# Who trusts somebody else, or expects another host, does not get as far as a request.
refused(ssl.SSLCertVerificationError, "verify", lambda: ask(ssl.create_default_context(), token))
with socket.create_connection((ADDRESS, PORT), timeout=60) as plain:
    refused(
        ssl.SSLCertVerificationError,
        "mismatch",
        lambda: trusting.wrap_socket(plain, server_hostname="other.example"),
    )

# Without TLS there is no answer to read: neither a page nor a redirect.
with socket.create_connection((ADDRESS, PORT), timeout=60) as plain:
    plain.sendall(b"POST /mcp HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 0\r\n\r\n")
    said = b""
    try:
        while piece := plain.recv(4096):
            said += piece
    except ConnectionResetError:
        pass
    assert b"HTTP/" not in said, said

# And whoever began a handshake and went away is in nobody's way.
for _ in range(20):
    socket.create_connection((ADDRESS, PORT), timeout=60).close()
assert ask(trusting, token)[0] == 200
print("all of it")
