"""A local server that speaks S3, for tests of the store for many machines."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from unittest import mock

BUCKET = "kho-tep"
KEYS = {
    "AWS_ACCESS_KEY_ID": "testing",
    "AWS_SECRET_ACCESS_KEY": "testing",
    "AWS_DEFAULT_REGION": "ap-southeast-1",
    "AWS_EC2_METADATA_DISABLED": "true",
}


@contextlib.contextmanager
def s3_server() -> Iterator[str]:
    """Give the address of a server with an empty bucket BUCKET; keys are in the environment."""
    import boto3
    from moto.server import ThreadedMotoServer

    with mock.patch.dict(os.environ, KEYS):
        server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
        server.start()
        try:
            host, port = server.get_host_and_port()
            address = f"http://{host}:{port}"
            client = boto3.client("s3", endpoint_url=address)
            client.create_bucket(
                Bucket=BUCKET,
                CreateBucketConfiguration={"LocationConstraint": "ap-southeast-1"},
            )
            client.close()
            yield address
        finally:
            server.stop()
