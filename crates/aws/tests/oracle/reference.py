"""botocore as the reference: one JSON line in, one out.

{"ask": "request", ...}  the request that botocore would send for an input; nothing is sent
{"ask": "answer", ...}   an answer made of an output, and what botocore understands of it
"""

import json
import sys
import warnings

from answers import answer
from requests_of import Requests

warnings.simplefilter("ignore")


def main():
    requests = Requests()
    for line in sys.stdin:
        call = json.loads(line)
        try:
            out = json.dumps(answer(requests, call) if call["ask"] == "answer" else requests.of(call))
        except Exception as error:  # whatever it is, the reader decides
            out = json.dumps({"error": f"{type(error).__name__}: {error}"[:600]})
        sys.stdout.write(out + "\n")
        sys.stdout.flush()


main()
