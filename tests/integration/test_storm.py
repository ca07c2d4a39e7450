"""Many devices at once: all get in, and nobody comes back in step with the others."""

import sys
from pathlib import Path

sys.path.append(str(Path(__file__).resolve().parents[1] / "bench"))

import storm  # noqa: E402  the path comes first


def test_ten_devices_that_are_switched_on_together_all_get_in(tmp_path):
    happened = storm.switch_on(tmp_path, 10, at_a_time=2)
    assert not happened.failed, [agent.boot.console.text for agent in happened.failed]
    assert happened.returns >= 3, "nobody was sent away: no storm"
    assert happened.peak <= 6 and max(happened.tries) <= 12, str(happened)
    assert happened.total_s < 60


def test_devices_that_are_told_when_to_come_back_come_then_and_not_together(tmp_path):
    """Nobody has approved them; the server says two seconds each time, and they add up to a quarter of it."""
    happened = storm.switch_on(tmp_path, 10, at_a_time=100, registered=False, retry_after=2, returns=3)
    assert [agent.code for agent in happened.agents] == [10] * 10
    pauses = [pause for agent in happened.agents for pause in agent.pauses()]
    assert len(pauses) >= 30 and min(pauses) >= 2, pauses
    assert max(pauses) < 4 and max(pauses) - min(pauses) > 0.2, pauses
    assert happened.peak <= 8, str(happened)
