"""bootsealctl device wipe: the order reaches the device when it asks, only the real one, and the operator sees that it was obeyed."""

import hashlib
import os
import time

import pytest

import insider
import lab
import relay
from strict_cbor import encode

WIPE = 7
LABEL = b"bootseal wipe v1"


@pytest.fixture(name="enrolled")
def provisioned(site):
    """A device with a whole vault, and its server; whatever was done to it before."""
    server, device = site
    device.power_on()
    server.ctl("device", "approve", device.id)
    code, console = device.boot()
    assert code == 0, console
    return device


def state(server, device):
    """What the operator sees."""
    return server.json("device", "show", device.id)["status"]


def asks(device, **settings):
    """A boot that has to ask: the same system, one event of it changed."""
    first, device.log = device.log, lab.changed_boot(device.log)
    try:
        return device.boot(**{"wait": 0, **settings})
    finally:
        device.log = first


def test_wiped_device_forgets_and_both_sides_know(site, enrolled):
    server = site[0]
    kept = [slot.read_bytes() for slot in enrolled.slots]
    said = server.ctl("device", "wipe", enrolled.id, "--because=stolen")
    assert "wiping" in said
    assert state(server, enrolled) == "wiping"
    code, console = asks(enrolled)
    assert code == 21, console
    assert "wiped by order of the server" in console and "could not be told" not in console
    assert enrolled.report["reason"] == "wiped" and enrolled.is_capped() and not enrolled.has_credentials()
    assert not any(slot.exists() for slot in enrolled.slots)
    assert state(server, enrolled) == "wiped"
    rows = [row["act"] for row in server.audit()]
    assert rows[-3:] == ["device.wipe", "verdict.wipe", "wiped"]
    # Nothing opens any more, whatever was kept, and the server has nothing for it.
    for slot, content in zip(enrolled.slots, kept):
        slot.write_bytes(content)
    code, console = enrolled.boot(wait=0)
    assert code == 20 and enrolled.report["reason"] == "wiped", console
    assert not enrolled.has_credentials()
    # Until an operator takes it in again.
    server.ctl("device", "approve", enrolled.id)
    code, console = enrolled.boot()
    assert code == 0 and enrolled.has_credentials(), console
    assert state(server, enrolled) == "approved"


def test_order_whose_confirmation_is_lost_is_repeated(site, enrolled):
    server = site[0]
    server.ctl("device", "wipe", enrolled.id)
    with relay.Relay(server.port) as line:
        enrolled.log, first = lab.changed_boot(enrolled.log), enrolled.log
        enrolled.power_on()
        boot = enrolled.start(url=line.url, wait=0)
        code = boot.end()
        enrolled.log = first
        sent = line.passed[0]
        assert code == 21
    server.ctl("device", "approve", enrolled.id)
    assert enrolled.boot()[0] == 0
    server.ctl("device", "wipe", enrolled.id)
    with relay.Relay(server.port, cut_up=sent - 60) as line:
        code, console = asks(enrolled, url=line.url)
        assert code == 21 and "could not be told that this device has forgotten" in console, console
    assert not any(slot.exists() for slot in enrolled.slots)
    assert state(server, enrolled) == "wiping"
    code, console = enrolled.boot(wait=0)
    assert code == 21, console
    assert state(server, enrolled) == "wiped"


class Wiper(insider.Insider):
    """Answers every statement with an order to forget: `changes` of what is signed, for the use `label`; `replayed`: this one instead."""

    def __init__(self, keys, mint):
        self.label, self.changes, self.replayed = LABEL, {}, None
        super().__init__(keys, mint)

    def _approve(self, statement, channel):
        s = insider.decode(statement)
        self.serial += 1
        id_object, encrypted = self._mint.credential(s[6], insider.name_of(s[8]), os.urandom(32))
        order = {1: insider.device_of(s), 2: insider.name_of(s[8]), 3: hashlib.sha256(statement).digest(),
                 4: 1000 + self.serial, **self.changes}
        signed = self.replayed or self._keys.sign(encode(order), self.label)
        return {1: WIPE, 2: int(time.time()), 3: id_object, 4: encrypted, 7: "wiped", 8: "forget", 11: signed}


@pytest.fixture(name="mint", scope="module")
def fixture_mint(tmp_path_factory, maker, site):
    """A TPM that makes credentials."""
    folder = tmp_path_factory.mktemp("mint")
    device = lab.Device(folder, maker("a"), site[0])
    device.tpm.start()
    yield insider.Mint(device.tpm)
    device.tpm.stop()


def disobeys(device, wiper, sentence):
    """Nothing is forgotten: the vault opens afterwards."""
    slots = [slot.read_bytes() for slot in device.slots]
    code, console = asks(device, url=wiper.url)
    assert code == 30, console
    assert sentence in device.report["message"], console
    assert device.is_capped() and not device.has_credentials()
    assert [slot.read_bytes() for slot in device.slots] == slots
    code, console = device.boot(wait=0, url="https://localhost:1")
    assert code == 0 and device.report["source"] == "vault", console


def test_forged_and_replayed_orders_are_not_obeyed(site, enrolled, mint):
    """Whoever has the server's name and TLS key, and even what the bundle key signed for another use or another time."""
    server = site[0]
    keys = insider.Keys(server.folder)
    with Wiper(keys, mint) as wiper:
        for changes, sentence in (({1: bytes(32)}, "is for another device"),
                                  ({2: b"\0\x0b" + bytes(32)}, "is for another attestation key"),
                                  ({3: bytes(32)}, "is an answer to something else")):
            wiper.changes = changes
            disobeys(enrolled, wiper, sentence)
        wiper.changes, wiper.label = {}, b"bootseal bundle v1"
        disobeys(enrolled, wiper, "is not signed as it must be")
        wiper.label = LABEL
        keys.bundle_key, keys.bundle_cert = keys.load("server")
        disobeys(enrolled, wiper, "is not signed as it must be")

    with Wiper(insider.Keys(server.folder), mint) as wiper:
        code, console = asks(enrolled, url=wiper.url)
        assert code == 21, console
        old = wiper.sent[0][11]
        code, console = enrolled.boot()
        assert code == 0, console
        wiper.replayed = old
        disobeys(enrolled, wiper, "is an answer to something else")
