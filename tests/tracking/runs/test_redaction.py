import pytest

from vaeline.core.errors import VaelineError
from vaeline.tracking.runs.failures import LOG_LATER, failure_reason, warn_not_logged
from vaeline.tracking.runs.redaction import redacted


@pytest.mark.parametrize(
    ("text", "printed"),
    [
        ("http://someone:hidden@host:5000/api", "http://***@host:5000/api"),
        ("postgresql://someone:hid@den@host/db", "postgresql://***@host/db"),
        ("at https://hidden@github.com/a/b.git, at http://u:hidden@h", "at https://***@github.com/a/b.git, at http://***@h"),
        ("https://host/api?token=hidden&x=1", "https://host/api?token=***&x=1"),
        ("https://host/a?X-Amz-Signature=hidden", "https://host/a?X-Amz-Signature=***"),
        ("http://host:5000/a@b says me@example.com", "http://host:5000/a@b says me@example.com"),
    ],
)  # fmt: skip
def test_addresses_lose_their_secrets_alone(text, printed):
    assert redacted(text) == printed


def test_secrets_of_the_environment_are_hidden_wherever_they_stand(monkeypatch):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://someone:hid/d%20en@host")
    monkeypatch.setenv("MLFLOW_TRACKING_TOKEN", "bearer-of-mine")
    monkeypatch.setenv("https_proxy", "http://u:proxy-word@proxy:3128")
    text = redacted("http://someone:hid/d%20en@host, hid/d en, bearer-of-mine, proxy-word")
    assert not any(secret in text for secret in ("hid/d", "bearer", "proxy-word"))


def test_message_is_cut_between_words_and_the_remedy_is_whole(capsys):
    warn_not_logged(RuntimeError("a message of words " * 50))
    line = capsys.readouterr().err.strip()
    assert line.endswith(f" …); {LOG_LATER}")
    assert line.partition(" …")[0].split()[-1] in {"a", "message", "of", "words"}


def test_message_of_ours_is_whole():
    assert failure_reason(VaelineError("what to do " * 100)) == "what to do " * 100


def test_message_of_one_long_word_is_cut():
    assert failure_reason(ValueError("x" * 5000)) == "ValueError: " + "x" * 300
    assert failure_reason(ValueError()) == "ValueError: "
