"""Lists that need certificates, clients or tags to have rows: page by page to the end, in both orders."""

import re
import subprocess

import botocore.exceptions
import pytest

from recording_client import RecordingClient
from thingstead_server import arn


def pages(call, rows, size, token, following, **parameters):
    """All rows, one at a time."""
    found, answer, tokens = [], call(**parameters, **{size: 1}), set()
    while True:
        assert len(answer[rows]) == 1, answer
        found += answer[rows]
        if following not in answer:
            return found
        assert answer[following] not in tokens
        tokens.add(answer[following])
        assert re.fullmatch("[A-Za-z0-9+/]+={0,2}", answer[following])
        answer = call(**parameters, **{size: 1, token: answer[following]})


@pytest.fixture
def signed(server):
    """A function that makes a CA, or a certificate signed by one; its PEM text."""

    def openssl(*arguments):
        subprocess.run(["openssl", *arguments], cwd=server.files, check=True, capture_output=True)

    def make(name, by=None):
        key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-keyout", f"{name}.key"]
        if by is None:
            openssl("req", "-x509", *key, "-subj", f"/CN={name}", "-days", "30", "-out", f"{name}.pem", "-addext", "basicConstraints=critical,CA:TRUE")
        else:
            openssl("req", "-new", *key, "-subj", f"/CN={name}", "-out", f"{name}.csr")
            openssl("x509", "-req", "-in", f"{name}.csr", "-CA", f"{by}.pem", "-CAkey", f"{by}.key", "-CAcreateserial", "-days", "30", "-out", f"{name}.pem")
        return (server.files / f"{name}.pem").read_text()

    return make


def test_certificates_and_their_authorities_page_in_both_orders(server, signed):
    # API-050, API-051, API-052, API-142, API-154
    iot = server.boto("iot")
    authorities = {name: signed(name) for name in ("first", "second", "third")}
    ids = [iot.register_ca_certificate(caCertificate=pem, certificateMode="SNI_ONLY", setAsActive=True)["certificateId"] for pem in authorities.values()]
    devices = [iot.register_certificate(certificatePem=signed(name, by="second"), caCertificatePem=authorities["second"])["certificateId"]
               for name in ("one", "two", "three")]
    marked = {"rows": "certificates", "size": "pageSize", "token": "marker", "following": "nextMarker"}
    for call, parameters, wanted in ((iot.list_ca_certificates, {}, ids), (iot.list_certificates, {}, devices),
                                     (iot.list_certificates_by_ca, {"caCertificateId": ids[1]}, devices)):
        ascending = pages(call, **marked, **parameters, ascendingOrder=True)
        newest_first = pages(call, **marked, **parameters)
        assert [row["certificateId"] for row in ascending] == wanted
        assert [row["certificateId"] for row in newest_first] == wanted[::-1]
        assert newest_first == call(**parameters)["certificates"]
    assert iot.list_certificates_by_ca(caCertificateId=ids[0])["certificates"] == []
    # A marker belongs to its list and its order.
    marker = iot.list_certificates(pageSize=1)["nextMarker"]
    for call, parameters in ((iot.list_ca_certificates, {}), (iot.list_policies, {}), (iot.list_certificates_by_ca, {"caCertificateId": ids[1]})):
        with pytest.raises(botocore.exceptions.ClientError) as refused:
            call(**parameters, marker=marker)
        assert refused.value.response["Error"]["Code"] == "InvalidRequestException"
    # What is deleted between two pages does not shift them.
    iot.delete_certificate(certificateId=devices[2])
    rest = iot.list_certificates(pageSize=1, marker=marker)["certificates"]
    assert [row["certificateId"] for row in rest] == [devices[1]]


def test_subscriptions_page(server):
    # API-279, API-054
    data = server.boto("iot-data")
    filters = [f"f/{at:02}" for at in range(23)]
    with RecordingClient(server, "reader", device=server.device("reader")) as client:
        for at in range(0, len(filters), 8):
            client.subscribe(*filters[at:at + 8])
        found = pages(data.list_subscriptions, "subscriptions", "maxResults", "nextToken", "nextToken", clientId="reader")
        assert sorted(row["topicFilter"] for row in found) == filters
        first = data.list_subscriptions(clientId="reader")
        assert len(first["subscriptions"]) == 20
        assert len(data.list_subscriptions(clientId="reader", nextToken=first["nextToken"])["subscriptions"]) == 3


def test_tags_are_listed_whole(server):
    # API-057, API-069: no page size; whatever the pages are, they add up
    iot = server.boto("iot")
    wanted = {f"k{at}": str(at) for at in range(50)}
    iot.create_thing_group(thingGroupName="g", tags=[{"Key": key, "Value": value} for key, value in wanted.items()])
    listed = iot.get_paginator("list_tags_for_resource").paginate(resourceArn=arn("thinggroup/g"))
    assert {tag["Key"]: tag["Value"] for page in listed for tag in page["tags"]} == wanted
