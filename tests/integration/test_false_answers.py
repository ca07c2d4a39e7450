"""Answers that are well made and not for this device, this connection or this time: nothing of them is used."""

import pytest

import insider
import lab
import relay


@pytest.fixture(scope="module")
def world(tmp_path_factory, maker):
    """The keys of a server, a TPM that makes credentials, and two devices."""
    folder = tmp_path_factory.mktemp("world")
    server = lab.Server(folder / "server")
    devices = []
    for name in ("a", "b", "mint"):
        (folder / name).mkdir()
        devices.append(lab.Device(folder / name, maker("b" if name == "b" else "a"), server))
    devices[2].tpm.start()
    yield insider.Keys(server.folder), insider.Mint(devices[2].tpm), *devices[:2]
    for device in devices:
        device.tpm.stop()


def forget(device):
    """Takes the vault away: the device has to ask the server."""
    for slot in device.slots:
        slot.unlink(missing_ok=True)


@pytest.fixture(name="device")
def device_without_vault(world):
    """Has to ask the server."""
    forget(world[2])
    return world[2]


@pytest.fixture
def liar(world):
    """Answers as it is told to."""
    with insider.Insider(world[0], world[1]) as server:
        yield server


def gets_in(device, liar):
    """What the insider says is believed where it is right."""
    forget(device)
    code, console = device.boot(wait=0, url=liar.url)
    assert code == 0, console
    assert device.credential("demo.secret") == b"hunter2"


def refuses(device, liar, sentence, code=30):
    """Nothing is used, nothing is kept."""
    slots = [slot.exists() and slot.read_bytes() for slot in device.slots]
    found, console = device.boot(wait=0, url=liar.url)
    assert found == code, console
    assert sentence in device.report["message"], console
    assert device.is_capped() and not device.has_credentials()
    assert [slot.exists() and slot.read_bytes() for slot in device.slots] == slots


def test_a_right_answer_gets_in(device, liar):
    gets_in(device, liar)


def test_secret_of_zeros_is_no_hang(device, liar):
    """Who makes the credential chooses the secret; afterwards the agent looks for copies of it to wipe."""
    liar.secret = bytes(32)
    gets_in(device, liar)


def test_an_answer_for_another_device_is_not_for_this_one(world, device, liar):
    other = world[3]
    gets_in(other, liar)
    answer = liar.sent[0]
    liar.change = lambda mine, statement: {**answer, 2: mine[2]}
    refuses(device, liar, "they are not for this TPM and this connection")


def test_a_challenge_for_another_device_is_not_answered(world, device, liar):
    gets_in(world[3], liar)
    answer = liar.sent[0]
    liar.change = lambda mine, statement: {1: insider.PROVE, **{key: answer[key] for key in (2, 3, 4)}}
    refuses(device, liar, "the server's challenge could not be answered (untrusted)")


def test_an_old_answer_to_the_same_device_is_refused(device, liar):
    gets_in(device, liar)
    answer = liar.sent[0]
    forget(device)
    liar.change = lambda mine, statement: {**answer, 2: mine[2]}
    refuses(device, liar, "they are not for this TPM and this connection")


def test_a_credential_of_now_does_not_open_an_old_bundle(device, liar):
    gets_in(device, liar)
    answer = liar.sent[0]
    forget(device)
    liar.change = lambda mine, statement: {**mine, 5: answer[5]}
    refuses(device, liar, "they are not for this TPM and this connection")


@pytest.mark.parametrize("member, other, sentence", [
    (1, bytes(32), "the bundle is for another device"),
    (2, b"\0\x0b" + bytes(32), "the bundle is for another attestation key"),
    (3, b"\0\x0b" + bytes(32), "the bundle is for another storage root key"),
])
def test_a_bundle_that_names_another_is_not_used(device, liar, member, other, sentence):
    mine = liar.bundle
    liar.bundle = lambda statement: {**mine(statement), member: other}
    refuses(device, liar, sentence)


def test_a_bundle_with_the_certificate_of_another_key_is_not_used(world, device, liar):
    keys, mine = world[0], liar.bundle
    liar.bundle = lambda statement: {**mine(statement), 8: [keys.bundle_cert.public_bytes(insider.DER)]}
    refuses(device, liar, "the bundle has a certificate for another device key")


def test_a_bundle_signed_by_the_servers_other_key_is_not_used(world, device):
    """The key of the TLS server is under the same CA, and signs no bundles."""
    keys = insider.Keys(world[0].folder.parent)
    keys.bundle_key, keys.bundle_cert = keys.load("server")
    with insider.Insider(keys, world[1]) as liar:
        refuses(device, liar, "the credentials are not signed as they must be")


@pytest.mark.parametrize("kind", [insider.PROVE, insider.CONFIRMED, 99])
def test_an_answer_that_does_not_fit_here_is_told(device, liar, kind):
    """A second challenge instead of a verdict, a confirmation of nothing, a kind that is none."""
    fields = {insider.PROVE: (1, 2, 3, 4), insider.CONFIRMED: (1, 2), 99: (1, 2)}[kind]
    liar.change = lambda mine, statement: {**{key: mine[key] for key in fields}, 1: kind}
    refuses(device, liar, "answer", code=4)


def test_a_recorded_conversation_played_back_is_noise(device, liar):
    recorded = []
    with relay.Relay(liar.port, record=recorded) as line:
        code, console = device.boot(wait=0, url=line.url)
        assert code == 0, console
    forget(device)

    def play(tcp):
        tcp.recv(65536)
        for piece in recorded:
            tcp.sendall(piece)
        tcp.recv(65536)
    with relay.Listener(play) as server:
        refuses(device, server, "does not speak TLS 1.3", code=4)
