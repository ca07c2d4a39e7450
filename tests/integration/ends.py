"""How a boot may end, as tests say it."""


def fails(device, code, sentence, **settings):
    """The boot ends closed, without credentials, with this code and sentence."""
    found, console = device.run(**{"wait": 0, **settings})
    assert found == code, console
    assert sentence in (device.report["message"] or ""), console
    assert not device.has_credentials() and device.report["capped"], console
    return console


def enrolls(device, **settings):
    """The server helps this boot, and the next one needs no server."""
    code, console = device.run(**settings)
    assert code == 0, console
    assert device.report["source"] == "server" and device.report["capped"], console
    device.power_on()
    code, console = device.run(**{**settings, "url": "https://localhost:1", "wait": 0})
    assert code == 0 and device.report["source"] == "vault", console
    return console
