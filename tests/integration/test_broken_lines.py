"""A line that breaks: after every step of TCP, TLS, request and answer. Nothing is lost, and the next boot gets all."""

import pytest

import lab
import relay

WAYS = ("to the server", "to the device")
HANG_UPS = ("is the network up, the name known, and bootseald running?", "the server hung up or was silent")


def break_at(device, line, wait=0):
    """One boot with an empty vault over this line."""
    for slot in device.slots:
        slot.unlink(missing_ok=True)
    code, console = device.boot(wait=wait, url=line.url)
    assert device.is_capped(), console
    assert code in (0, 10), f"cut at {line.cut}: {console}"
    assert device.has_credentials() == (code == 0)
    if code == 10:
        assert any(words in device.report["message"] for words in HANG_UPS), console
    return code


@pytest.mark.parametrize("resets", [False, True], ids=["with a FIN", "with a reset"])
@pytest.mark.parametrize("way", [0, 1], ids=WAYS)
def test_a_line_that_breaks_anywhere_ends_in_time_and_loses_nothing(site, way, resets):
    server, device = site
    with relay.Relay(server.port) as whole:
        assert break_at(device, whole) == 0
    total = whole.passed[way]
    codes = []
    for point in sorted({0, 1, 2, 5, 6, *range(3, total, total // 24), total - 1}):
        with relay.Relay(server.port, resets=resets, **{("cut_up", "cut_down")[way]: point}) as line:
            codes.append(break_at(device, line))
    assert codes == sorted(codes, reverse=True), codes  # it fails up to some point, and is done from there on
    assert codes.count(10) > 12 and codes[-1] == 0, codes
    with relay.Relay(server.port) as whole:
        assert break_at(device, whole) == 0
    good = [cert for cert in server.json("device", "show", device.id)["certificates"] if cert["status"] == "living"]
    assert len(good) == 1, good


def test_a_first_contact_that_breaks_anywhere_is_finished_by_the_next_boot(site, maker, tmp_path):
    server, _ = site
    device = lab.Device(tmp_path, maker("b"), server)
    device.power_on()
    device.write_config()
    registered = tmp_path / "devices.csv"
    registered.write_text(f"ek_sha256,serial,profile,labels\n{device.id},SN-8,demo,\n")
    server.ctl("device", "import", registered)
    for point in range(150, 8000, 330):
        with relay.Relay(server.port, cut_up=point) as line:
            assert break_at(device, line) == 10
    for point in range(500, 6000, 330):
        with relay.Relay(server.port, cut_down=point, resets=True) as line:
            if break_at(device, line) == 0:
                break
    else:
        pytest.fail("it was never provisioned")
    device.tpm.stop()
