"""The wheel holds all files of the repository, and the helper for pytest notices drift in both directions."""

from pathlib import Path

import mqtt_vectors
import pytest

VECTORS = Path(__file__).parents[2]
pytest_plugins = ["pytester"]


def test_every_file_is_a_vector():
    files = {path.relative_to(VECTORS).as_posix() for path in VECTORS.glob("*/*/*.json")}
    assert len(files) > 1000
    assert {it.name for it in [*mqtt_vectors.packets(), *mqtt_vectors.conversations()]} == files


def test_the_example_in_the_readme_is_a_test_that_runs():
    assert Path(__file__).with_name("test_amqtt.py").read_text() in (VECTORS / "README.md").read_text()


def test_the_folder_of_a_vector_agrees_with_its_content():
    for packet in mqtt_vectors.packets():
        assert packet.is_valid == ("/valid/" in packet.name)
    for conversation in mqtt_vectors.conversations():
        assert (not conversation.breaches) == ("/valid/" in conversation.name)


def test_a_file_is_read_field_by_field():
    [packet] = [it for it in mqtt_vectors.packets() if it.name == "connect/invalid/will-qos-without-will-v5.0.json"]
    assert (packet.version, packet.sender, packet.wire[:2]) == ("5.0", "client", b"\x10\x0e")
    assert packet.vector["statements"] == ["v5.0 MQTT-3.1.2-11"]


def test_connect_flags_has_every_value_in_every_version():
    cells = mqtt_vectors.connect_flags()
    assert len({it.name for it in cells}) == len(cells) == 768
    assert sum(it.is_valid for it in cells) not in (0, 768)


def test_a_known_failure_that_is_no_test_is_an_error():
    with pytest.raises(ValueError, match="no-such-file"):
        mqtt_vectors.parametrize(["connect/valid/no-such-file.json"])


def test_a_known_failure_has_to_stay_one(pytester):
    pytester.makepyfile(
        """
        from mqtt_vectors import parametrize

        LIST = ["pingreq/valid/plain-v5.0.json", "# a comment", "", "pingresp/valid/plain-v3.1.1.json"]

        @parametrize(LIST, only=lambda packet: packet.name in LIST or packet.name == "pingreq/valid/plain-v3.1.1.json")
        def test_verdict(packet):
            assert packet.name.startswith("pingresp")
        """
    )
    # one is wrong and known, one is wrong and new, one is right and known
    pytester.runpytest().assert_outcomes(xfailed=1, failed=2)
