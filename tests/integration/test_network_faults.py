"""Networks that fail: names, links, packets. Real packets between two namespaces; nothing leaves this machine."""

import os
import threading
import time

import pytest

import lab
import netlab
import relay
from conftest import PROFILE, missing

SLACK = 15
DEAD = [f"10.77.0.{number}" for number in range(100, 110)]


@pytest.fixture(scope="module")
def whole_net(tmp_path_factory, maker):
    """The network, the same for all tests of this file."""
    if os.geteuid() != 0:
        missing("network namespaces need root")
    net = netlab.Net(tmp_path_factory.mktemp("net"), maker("a"))
    try:
        net.build(PROFILE)
        yield net
    finally:
        net.remove()


@pytest.fixture
def net(whole_net):
    """A perfect network; the device has to ask the server."""
    whole_net.restore()
    return whole_net


def gets_in(net, seconds=20, least=0, meanwhile=lambda boot: None, **settings):
    """The boot comes to its end with credentials, in time; `meanwhile` is done while it runs."""
    net.device.power_on()
    start = time.monotonic()
    boot = net.device.start(**{"wait": 15, **settings})
    meanwhile(boot)
    code, console = boot.end(), boot.console.text
    assert code == 0, console
    assert least < time.monotonic() - start < seconds, console
    assert net.device.report["source"] == "server" and net.device.is_capped()
    assert net.device.credential("demo.secret") == b"hunter2"
    return console


def stays_out(net, sentence, code=10, wait=0, slack=SLACK, **settings):
    """The boot ends in time, closed and without credentials, and says what to look after."""
    net.device.power_on()
    start = time.monotonic()
    found, console = net.device.run(wait=wait, **settings)
    assert found == code, console
    assert time.monotonic() - start < wait + slack, console
    assert sentence in net.device.report["message"], console
    assert net.device.is_capped() and not net.device.has_credentials()
    return console


# ---- names

def test_a_name_server_that_is_silent_is_no_hang(net):
    for names in (net.names, net.names6):
        names.answer = lambda kind: None
    stays_out(net, "the name known")
    assert net.names.asked > 0


def test_a_name_server_that_is_not_there_is_no_hang(net):
    net.here.resolver(DEAD[0])
    stays_out(net, "the name known")


def test_a_name_that_comes_late_is_waited_for(net):
    net.names.delay_s = 2
    gets_in(net)


def test_a_name_that_nobody_knows_is_told_at_once(net):
    net.names.answer = lambda kind: []
    stays_out(net, "the name known", slack=5)


def test_a_name_that_is_known_only_later_is_asked_for_again(net):
    net.names.answer = lambda kind: []

    def make_known(boot):
        boot.wait_for("the name known")
        net.names.answer = lambda kind: [netlab.SERVER4] if kind == "A" else []
    gets_in(net, meanwhile=make_known)


def test_ten_dead_addresses_and_one_live_cost_seconds(net):
    """Farther away than the dead ones, so that no resolver sorts it to the front (RFC 6724 §6)."""
    net.names.answer = lambda kind: [*DEAD, netlab.OTHER4] if kind == "A" else []
    gets_in(net, seconds=10, least=2)


def test_a_hundred_addresses_are_no_more_than_a_few(net):
    """The answer does not fit a packet and is cut; what fits is tried, with a bound."""
    net.names.answer = lambda kind: [f"10.77.1.{number}" for number in range(100)] if kind == "A" else []
    stays_out(net, "the name known")


@pytest.mark.parametrize("answer", [b"", b"\xff" * 512], ids=["nothing", "ones"])
def test_a_name_server_that_answers_garbage_is_no_crash(net, answer):
    net.names.answer = lambda kind: answer
    stays_out(net, "the name known")


def test_a_name_that_leads_elsewhere_ends_at_the_certificate(net, tmp_path):
    other = lab.Server(tmp_path / "other")
    certificate = other.folder / "keys/server.pem"
    with net.there.inside(lambda: relay.TlsServer(certificate, address=(netlab.OTHER4, 8444))):
        net.names.answer = lambda kind: [netlab.OTHER4] if kind == "A" else []
        stays_out(net, "does not lead to server.ca", code=30, url=f"https://{netlab.NAME}:8444")


# ---- links

def test_without_a_link_the_boot_ends_with_boot_wait(net):
    net.here.ip("link", "set", "wire", "down")
    console = stays_out(net, "is the network up", wait=3)
    assert "gave up after 3 s (boot.wait)" in console


def test_a_link_that_comes_late_is_used(net):
    net.here.ip("link", "set", "wire", "down")

    def plug_in(boot):
        boot.wait_for("is the network up")
        net.here.ip("link", "set", "wire", "up")
    gets_in(net, url=f"https://{netlab.SERVER4}:8443", meanwhile=plug_in)


def test_net_up_is_tried_until_the_link_is_there(net, tmp_path):
    program = tmp_path / "net-up"
    program.write_text("#!/bin/sh\n[ -e " + str(tmp_path / "cable") + " ] || exit 1\nip link set wire up\n")
    program.chmod(0o755)
    net.here.ip("link", "set", "wire", "down")

    def plug_in(boot):
        boot.wait_for("did not bring the network up")
        (tmp_path / "cable").touch()
    gets_in(net, up=f'"{program}"', meanwhile=plug_in)


def test_net_up_that_never_ends_is_killed(net, tmp_path):
    program = tmp_path / "net-up"
    program.write_text(f"#!/bin/sh\necho $$ > {tmp_path}/pid\nwhile :; do sleep 1; done\n")
    program.chmod(0o755)
    stays_out(net, f"{program} (net.up) did not bring the network up (timeout)", up=f'"{program}"')
    assert not os.path.exists(f"/proc/{(tmp_path / 'pid').read_text().strip()}")


def test_net_up_that_is_not_there_is_told(net):
    stays_out(net, "/nowhere/net-up (net.up) did not bring the network up", up='"/nowhere/net-up"')


@pytest.mark.parametrize("host", [netlab.NAME, f"[{netlab.SERVER6}]"])
def test_ipv6_alone_is_enough(net, host):
    net.here.ip("addr", "flush", "dev", "wire", "scope", "global")
    net.here.ip("addr", "add", f"{netlab.DEVICE6}/64", "dev", "wire", "nodad")
    net.here.resolver(netlab.SERVER6)
    net.names6.answer = lambda kind: [netlab.SERVER6] if kind == "AAAA" else []
    try:
        gets_in(net, url=f"https://{host}:8443")
    finally:
        net.here.ip("addr", "add", f"{netlab.DEVICE4}/24", "dev", "wire")


def test_a_dead_ipv6_address_before_a_live_ipv4_one_costs_a_moment(net):
    net.names.answer = lambda kind: ["fd77::dead"] if kind == "AAAA" else [netlab.SERVER4]
    gets_in(net, seconds=8)


# ---- packets

def test_a_slow_line_that_loses_packets_is_enough(net):
    net.wire.delay_s, net.wire.loss = 0.1, 0.1
    gets_in(net, seconds=70, wait=60)  # by chance a name costs ten seconds, and more than once


def test_a_line_that_is_dead_for_a_moment_goes_on(net):
    threading.Timer(0.5, net.wire.__setattr__, ("is_cut", True)).start()
    threading.Timer(2.0, net.wire.__setattr__, ("is_cut", False)).start()
    net.wire.delay_s = 0.15
    gets_in(net)


def test_a_line_that_dies_in_mid_exchange_is_no_hang(net):
    net.wire.delay_s = 0.2
    net.device.power_on()
    boot = net.device.start(wait=0)
    boot.wait_for("connected to")
    net.wire.is_cut = True
    start = time.monotonic()
    assert boot.end() == 10, boot.console.text
    assert time.monotonic() - start < SLACK
    assert "hung up or was silent (timeout)" in net.device.report["message"]
    assert net.device.is_capped() and not net.device.has_credentials()


def test_a_line_that_dies_after_the_credentials_came_holds_up_nobody(net):
    net.wire.delay_s = 0.2
    net.device.power_on()
    boot = net.device.start(wait=60)
    boot.wait_for("approved: bundle")
    net.wire.is_cut = True
    start = time.monotonic()
    assert boot.end() == 0, boot.console.text
    assert time.monotonic() - start < 8
    assert "could not be told that the vault is sealed" in boot.console.text
    assert net.device.has_credentials()
