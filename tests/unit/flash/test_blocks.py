from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from station.flash import blocks as choice


@given(st.integers(1, 8000))
def test_samples_are_few_and_hold_both_ends(blocks_total: int) -> None:
    samples = choice.sample_blocks(blocks_total)
    assert samples == sorted(set(samples))
    assert (samples[0], samples[-1]) == (0, blocks_total - 1)
    assert len(samples) <= max(choice.MIN_SAMPLES, min(choice.MAX_SAMPLES, blocks_total // 32))


@given(st.data())
def test_every_block_is_sampled_read_or_between_two_right_samples(data: st.DataObject) -> None:
    blocks_total = data.draw(st.integers(1, 3000))
    samples = {block: data.draw(st.booleans()) for block in choice.sample_blocks(blocks_total)}
    doubtful = choice.doubtful_blocks(samples)
    assert not set(doubtful) & set(samples)
    for block in set(range(blocks_total)) - set(samples) - set(doubtful):
        left = max(sample for sample in samples if sample < block)
        right = min(sample for sample in samples if sample > block)
        assert samples[left]
        assert samples[right]
    assert sorted([*samples, *choice.unsampled_blocks(samples)]) == list(range(blocks_total))


@pytest.mark.parametrize(
    ("blocks", "protected", "order"),
    [([], True, []), ([0, 3], True, [0, 3]), ([3, 4], True, [0, 3, 4]), ([3, 4], False, [3, 4])],
)
def test_block_0_lifts_the_protection_and_goes_first(blocks: list[int], protected: bool, order: list[int]) -> None:
    assert choice.with_block_0_first(blocks, protected=protected) == order


def test_reading_pays_where_any_sample_is_right() -> None:
    assert choice.reading_pays({0: False, 9: True})
    assert not choice.reading_pays({0: False, 9: False})
