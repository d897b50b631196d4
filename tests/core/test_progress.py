import mmap

import numpy as np
import pytest

from p5rec.core.progress import measured, say, track


def test_track_gives_everything_in_order() -> None:
    assert list(track(range(5), "counting")) == list(range(5))


def test_a_title_with_brackets_is_no_markup(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stderr.isatty", lambda: True)
    assert list(track(range(2), "reading [/x]")) == [0, 1]


def test_say_leaves_standard_output_clean(capsys: pytest.CaptureFixture[str]) -> None:
    say("fitted [in] 3 s")
    out, err = capsys.readouterr()
    assert out == ""
    assert "fitted [in] 3 s" in err


def test_measured_sees_memory_that_was_held() -> None:
    with measured(interval=0.01) as small:
        pass
    with measured(interval=0.01) as large:
        block = mmap.mmap(-1, 40 * 2**20)  # new pages, which memory that others gave back is not
        np.frombuffer(block, np.uint8)[:] = 1
    assert large.peak_mb > small.peak_mb + 20
    assert large.seconds > 0


def test_measured_tells_also_when_the_block_raises() -> None:
    with pytest.raises(ZeroDivisionError), measured() as cost:
        raise ZeroDivisionError
    assert cost.peak_mb > 0
