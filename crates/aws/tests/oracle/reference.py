"""botocore as the reference: one JSON line in, one out.

{"ask": "request", ...}  the request that botocore would send for an input; nothing is sent
{"ask": "answer", ...}   an answer made of an output, and what botocore understands of it
{"ask": "signature2", ...}  the signature of version 2 of a form
"""

import json
import sys
import warnings

from answers import answer
from requests_of import Requests, signature2

warnings.simplefilter("ignore")


def main():
    requests = Requests()
    for line in sys.stdin:
        call = json.loads(line)
        try:
            match call["ask"]:
                case "answer":
                    found = answer(requests, call)
                case "signature2":
                    found = signature2(call)
                case _:
                    found = requests.of(call)
            out = json.dumps(found)
        except Exception as error:  # whatever it is, the reader decides
            out = json.dumps({"error": f"{type(error).__name__}: {error}"[:600]})
        sys.stdout.write(out + "\n")
        sys.stdout.flush()


main()
