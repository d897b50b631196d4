"""What words say by themselves, read as it was fitted."""

import torch

from p5rec.blocks.ngrams import ENOUGH, PAIRS, cells, first_time, leading, loud
from p5rec.blocks.tone import Tone

MARKS = torch.tensor([0]), torch.tensor([1])  # a full stop, a colon


def test_a_pair_depends_on_both_words_and_their_order() -> None:
    places = cells(torch.tensor([[3, 5, 3, 5], [5, 3, 5, 5]]), 10)
    assert places[..., 0].tolist() == [[3, 5, 3, 5], [5, 3, 5, 5]]
    assert places[0, 1, 1] == places[0, 3, 1] == places[1, 2, 1]
    assert len({int(places[0, 1, 1]), int(places[0, 2, 1]), int(places[1, 3, 1])}) == 3
    assert 10 <= int(places[..., 1].min()) <= int(places[..., 1].max()) < 10 + PAIRS


def test_the_first_sentence_is_what_stands_between_the_last_colon_and_the_first_stop() -> None:
    words = torch.tensor([[1, 5, 1, 6, 7, 0, 8, 1, 9]])
    before = torch.tensor([[[True] * 9, [True] * 2 + [False] * 7]])  # one ask sees all, one the first two words
    found = leading(words == 0, words == 1, before)[0]
    assert words[0][found[0]].tolist() == [6, 7]
    assert words[0][found[1]].tolist() == [5]


def test_what_is_said_again_counts_once() -> None:
    there = torch.tensor([[True, True, True, True, False]])
    assert first_time(torch.tensor([[4, 2, 4, 3, 9]]), there).tolist() == [[True, True, False, True, False]]


def test_the_first_sentence_says_most() -> None:
    torch.manual_seed(0)
    tone, texts = Tone(30, 2), torch.randint(4, 30, (400, 40))
    texts[:, 8] = 0
    texts[:, 2], texts[:, 20] = torch.arange(400) % 2 + 2, torch.randint(2, 4, (400,))  # once it counts, once not
    wanted = texts[:, 2].double() * 2 - 5
    tone.fit(texts.flatten(), torch.arange(401) * 40, torch.stack([wanted, wanted], dim=1), MARKS)
    said = tone(texts, torch.ones(400, 1, 40, dtype=torch.bool))[0][:, 0, 0]
    assert float((said - wanted).square().mean()) < 0.2
    later = texts.clone()
    later[:, 20] = 5 - later[:, 20]
    moved = (tone(later, torch.ones(400, 1, 40, dtype=torch.bool))[0][:, 0, 0] - said).abs().mean()
    texts[:, 2] = 5 - texts[:, 2]
    turned = (tone(texts, torch.ones(400, 1, 40, dtype=torch.bool))[0][:, 0, 0] - said).abs().mean()
    assert turned > 4 * moved


def test_short_texts_are_hardly_listened_to() -> None:
    few, enough, many = loud(torch.tensor([0.0, ENOUGH, 100 * ENOUGH])).tolist()
    assert few == 0.0
    assert enough == 0.5
    assert many > 0.99


def test_texts_tell_what_they_were_fitted_to_until_the_vocabulary_grows_and_after() -> None:
    torch.manual_seed(0)
    tone, texts = Tone(30, 2), torch.randint(4, 30, (200, 40))
    texts[:, 11] = torch.arange(200) % 2 + 2  # one of two words, in any company, tells the number
    wanted = texts[:, 11].double() * 2 - 5
    tone.fit(texts.flatten(), torch.arange(201) * 40, torch.stack([wanted, -2 * wanted], dim=1), MARKS)
    said, answers = tone(texts, torch.ones(200, 1, 40, dtype=torch.bool))
    assert said.shape == (200, 1, 2)
    assert answers.shape == (200, 1, 2)
    assert float((said[:, 0, 0] - wanted).square().mean()) < 0.2
    assert torch.allclose(said[..., 1], -2 * said[..., 0], atol=1e-4)
    half = torch.zeros(200, 1, 40, dtype=torch.bool)
    half[..., :11] = True  # asked before the word is said
    assert float((tone(texts, half)[0][:, 0, 0] - wanted).abs().mean()) > 0.5
    tone.grow(50)
    assert torch.allclose(tone(texts, torch.ones(200, 1, 40, dtype=torch.bool))[0], said, atol=1e-6)
    nothing = tone(texts[:, :0], half[..., :0])
    assert [part.abs().sum().item() for part in nothing] == [0.0, 0.0]
