"""Stands in front of a real MLflow server as Amazon SageMaker does: sagemaker.py PORT UPSTREAM ARN.

It computes the signature of each request again with botocore and refuses what differs, and requests without the ARN, with
a wrong clock or for another region or service. It sends no files of artifacts. What it sees is written to standard
output.
"""

import datetime
import hashlib
import http.client
import json
import os
import sys
import urllib.parse
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

PORT, UPSTREAM, ARN = int(sys.argv[1]), urllib.parse.urlsplit(sys.argv[2]), sys.argv[3]
APP = ":mlflow-app/" in ARN
REGION, SERVICE = ARN.split(":")[3], "sagemaker" if APP else "sagemaker-mlflow"
ROUTE = "x-sm-mlflow-app-arn" if APP else "x-mlflow-sm-tracking-server-arn"
SESSION = os.environ.get("SESSION", "FQoSESSION/+=") or None
KEYS = Credentials("AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY", SESSION)


def problem(handler, body):
    """Says what is wrong with a request, or returns an empty text."""
    headers = {k.lower(): v for k, v in handler.headers.items()}
    authorization = headers.get("authorization", "")
    if not authorization.startswith("AWS4-HMAC-SHA256 "):
        return "Missing Authentication Token"
    parts = dict(p.strip().split("=", 1) for p in authorization[len("AWS4-HMAC-SHA256 "):].split(","))
    signed = parts["SignedHeaders"].split(";")
    sent = datetime.datetime.strptime(headers["x-amz-date"], "%Y%m%dT%H%M%SZ").replace(tzinfo=datetime.timezone.utc)
    if abs((datetime.datetime.now(datetime.timezone.utc) - sent).total_seconds()) > 300:
        return "Signature expired: " + headers["x-amz-date"]
    if headers.get("x-amz-security-token") != KEYS.token:
        return "The security token included in the request is invalid."
    if headers.get(ROUTE) != ARN or ROUTE not in signed or "host" not in signed:
        return "not authorized: the ARN or the host is missing"
    if headers["x-amz-content-sha256"] != hashlib.sha256(body).hexdigest():
        return "the body differs from its digest"
    if parts["Credential"] != f"{KEYS.access_key}/{headers['x-amz-date'][:8]}/{REGION}/{SERVICE}/aws4_request":
        return "Credential should be scoped to a valid region and service: " + parts["Credential"]
    request = AWSRequest(
        method=handler.command, url="https://" + headers["host"] + handler.path, data=body,
        headers={name: headers[name] for name in signed if name != "host"},
    )
    request.context["timestamp"] = headers["x-amz-date"]
    auth = SigV4Auth(KEYS, SERVICE, REGION)
    text = auth.string_to_sign(request, auth.canonical_request(request))
    if auth.signature(text, request) != parts["Signature"]:
        return "The request signature we calculated does not match the signature you provided."
    return ""


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def handle_one(self):
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        why = problem(self, body)
        if why:
            print("refused", self.command, self.path, why, flush=True)
            return self.answer(403, [("Content-Type", "application/json")], json.dumps({"message": why}).encode())
        if not self.path.startswith("/api/2.0/mlflow/") or "presigned" in self.path:  # unknown on AWS, so not relied on
            print("not there", self.command, self.path, flush=True)
            return self.answer(404, [("Content-Type", "text/html")], b"Not Found")
        upstream = http.client.HTTPConnection(UPSTREAM.hostname, UPSTREAM.port)
        upstream.request(self.command, self.path, body, {"Content-Type": self.headers.get("Content-Type", "")})
        answer = upstream.getresponse()
        content = answer.read()
        print("passed", self.command, self.path.split("?")[0], flush=True)
        self.answer(answer.status, [("Content-Type", answer.headers.get("Content-Type", ""))], content)
        upstream.close()

    do_GET = do_POST = do_PATCH = do_PUT = do_DELETE = handle_one

    def answer(self, status, headers, body):
        self.send_response(status)
        for name, value in headers:
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


ThreadingHTTPServer(("127.0.0.1", PORT), Handler).serve_forever()
