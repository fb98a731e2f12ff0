"""Writes sigv4.json: requests signed by AWS's own plugin for MLflow and by botocore for S3.

    pip install boto3 requests; pip install --no-deps sagemaker-mlflow==0.5.0
    python sigv4.py > sigv4.json
"""

import datetime
import json
import sys

import botocore.auth
import boto3
import requests
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from sagemaker_mlflow.auth import AuthBoto

NOW = datetime.datetime(2026, 11, 27, 17, 17, 8, tzinfo=datetime.timezone.utc)
SECRET = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"
SERVER = "arn:aws:sagemaker:eu-west-1:123456789012:mlflow-tracking-server/ts1"
APP = "arn:aws:sagemaker:us-east-1:123456789012:mlflow-app/app-ABC"
MODELS = "https://eu-west-1.experiments.sagemaker.aws/api/2.0/mlflow/"
APPS = "https://mlflow.sagemaker.us-east-1.app.aws/api/2.0/mlflow/"

botocore.auth.get_current_datetime = lambda remove_tzinfo=True: NOW.replace(tzinfo=None) if remove_tzinfo else NOW


def case(method, url, service, region, headers, body=None, session="FQoSESSION/+="):
    if service == "s3":
        request = AWSRequest(method=method, url=url, data=body, headers=headers)
        request.context["payload_signing_enabled"] = True
        botocore.auth.S3SigV4Auth(Credentials("AKIDEXAMPLE", SECRET, session), service, region).add_auth(request)
        sent = {k: v for k, v in request.headers.items()}
    else:
        auth = AuthBoto(region, service, boto3_session=boto3.Session("AKIDEXAMPLE", SECRET, session))
        prepared = requests.Session().prepare_request(requests.Request(method, url, headers=headers, data=body))
        prepared.headers.pop("User-Agent", None)
        signed = auth(prepared)
        url, sent = signed.url, {k: v for k, v in signed.headers.items()}
    authorization = sent.pop("Authorization")
    for name in ("X-Amz-Date", "X-Amz-Security-Token", "X-Amz-Content-SHA256", "Connection"):
        sent.pop(name, None)
    return {
        "method": method, "url": url, "service": service, "region": region, "session": session or "",
        "headers": sent, "body": body or "", "authorization": authorization,
    }


def rows():
    client = {"X-Mlflow-Client-Version": "3.17.2"}
    server = {**client, "x-mlflow-sm-tracking-server-arn": SERVER}
    app = {**client, "x-sm-mlflow-app-arn": APP}
    as_json = {"Content-Type": "application/json"}
    for name in ("churn", "churn demo", "chürn", "a+b", "a&b=c", "100%", "a/b", "~tilde-_.", "é̂ ' \" ( ) * !", "日本"):
        query = requests.compat.urlencode({"name": name}, quote_via=requests.compat.quote)
        yield case("GET", MODELS + "registered-models/get?" + query, "sagemaker-mlflow", "eu-west-1", server)
        yield case("GET", APPS + "registered-models/alias?alias=champion&" + query, "sagemaker", "us-east-1", app)
    for method, path, body in (
        ("POST", "registered-models/alias", '{"name":"churn","alias":"champion","version":"7"}'),
        ("DELETE", "registered-models/alias", '{"name":"churn","alias":"champion"}'),
        ("PATCH", "model-versions/update", '{"name":"churn","version":"7","description":"größer"}'),
        ("POST", "model-versions/create", "{}"),
        ("GET", "artifacts/list?run_id=abc&path=model%2Fdata", None),
        ("GET", "registered-models/search?filter=name%20ILIKE%20%27churn%25%27&max_results=100", None),
        ("GET", "model-versions/search?max_results=2&filter=&order_by=name%20ASC&order_by=version_number%20ASC", None),
    ):
        headers = as_json if body else {}
        body = body.encode().decode("latin-1") if body and not body.isascii() else body
        yield case(method, MODELS + path, "sagemaker-mlflow", "eu-west-1", {**server, **headers}, body)
        yield case(method, APPS + path, "sagemaker", "us-east-1", {**app, **headers}, body, session=None)
    for key in ("model/MLmodel", "with space/é.bin", "a+b=c/~x", "100%25/x", "a//b"):
        quoted = requests.compat.quote(key, safe="/~")
        yield case("GET", "https://bucket.s3.eu-west-1.amazonaws.com/" + quoted, "s3", "eu-west-1", {})
        yield case("GET", "https://bucket.s3.eu-west-1.amazonaws.com/?list-type=2&prefix=" + quoted.replace("/", "%2F"), "s3", "eu-west-1", {})


json.dump(list(rows()), sys.stdout, indent=1, ensure_ascii=False)
