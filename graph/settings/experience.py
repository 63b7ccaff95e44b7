"""`experience_config`: what is remembered, how it is found again, and what is learnt from it."""

from __future__ import annotations

from typing import Literal, Self

from pydantic import Field, SecretStr, model_validator

from candlegraph.graph.settings.block import Block, Pct

IndexType = Literal["auto", "flat", "hnsw", "ivf"]
EmbeddingProvider = Literal["none", "openai", "ollama", "sentence_transformers", "local"]
RewardMode = Literal["documented", "quality"]


ASKED = ("model", "api_base", "api_key", "api_key_env")
"""What says which text model is asked, and where."""


class VectorStore(Block):
    """How similar situations are found."""

    index_type: IndexType = Field(
        "auto",
        description=(
            "`flat` compares all, `hnsw` and `ivf` search faster among very many. `auto`: flat below 10,000 "
            "vectors, hnsw below a million, then ivf."
        ),
    )
    similarity_threshold: float = Field(
        0.7, ge=0, le=1, description="Less similar cases are not shown and not counted (0 to 1)."
    )
    top_k: int = Field(
        5,
        ge=1,
        le=50,
        description="Most cases shown. The summary counts the 40 most similar, or four times this number if that "
        "is more.",
    )
    storage_path: str | None = Field(
        None,
        min_length=1,
        description=(
            "Folder of the saved indexes of type hnsw and ivf, one for each bot; a relative one begins where the "
            "bot is started. `null`: `rag/vector_store` below `user_data`. The memory itself is the database, "
            "wherever they are."
        ),
    )


class Embedding(Block):
    """The text space beside the numeric one; off by default, since that one needs neither key nor download."""

    provider: EmbeddingProvider = Field(
        "none",
        description=(
            "`openai` (any compatible endpoint), `ollama`, `sentence_transformers` or `local` (offline). `none`: "
            "the numbers alone."
        ),
    )
    model: str = Field(
        "text-embedding-bge-m3",
        min_length=1,
        max_length=200,
        description=(
            "The model's name, or its folder for `sentence_transformers`; `local` has its own. After a change: "
            "`candlegraph memory reembed`."
        ),
    )
    api_base: str | None = Field(
        None,
        description="The endpoint, with or without `/v1`; `openai` needs one, `ollama` is looked for on this machine.",
    )
    api_key: SecretStr | None = Field(
        None, description="The endpoint's key. Better in the environment: `CANDLEGRAPH_API_KEY`, else `OPENAI_API_KEY`."
    )
    api_key_env: str | None = Field(
        None, min_length=1, description="Name of another environment variable that holds the key; it must be set."
    )
    timeout: float = Field(10, gt=0, le=600, description="Seconds per request; then the numbers answer alone.")
    batch_size: int = Field(32, ge=1, le=2048, description="Most texts of one request.")
    unlike_cosine: float | None = Field(
        None,
        ge=0,
        lt=1,
        description="The cosine that is read as similarity 0; `null`: measured on opposite situations.",
    )
    alike_cosine: float | None = Field(
        None, gt=0, le=1, description="The cosine that is read as similarity 1; `null`: measured on equal situations."
    )

    @model_validator(mode="after")
    def _cosines_in_order(self) -> Self:
        unlike, alike = self.unlike_cosine, self.alike_cosine
        if unlike is not None and alike is not None and unlike >= alike:
            raise ValueError(f"expected unlike_cosine < alike_cosine, was {unlike}, {alike}")
        return self

    @model_validator(mode="after")
    def _asks_what_is_named(self) -> Self:
        defaults = type(self).model_fields if "provider" in self.model_fields_set else {}  # all written out is fine
        told = {name: getattr(self, name) for name in ASKED if name in self.model_fields_set}
        named = [
            name
            for name, value in told.items()
            if value is not None and not (name in defaults and value == defaults[name].default)
        ]
        if self.provider == "none" and named:
            raise ValueError(
                f"{', '.join(named)}: provider is 'none', so no model would be asked; name the provider "
                "(openai, ollama, sentence_transformers, local), or leave this out"
            )
        return self


class Spaces(Block):
    """Weights of the two spaces; one that cannot be searched leaves its weight to the other, 0 never searches it."""

    situation: float = Field(
        1.0,
        ge=0,
        le=1,
        description="Weight of the numbers of the market state in the similarity; 0: they are not searched.",
    )
    text: float = Field(
        0.5,
        ge=0,
        le=1,
        description="Weight of the text model; without one the other has all the weight. Not both may be 0.",
    )

    @model_validator(mode="after")
    def _one_is_searched(self) -> Self:
        if not self.situation and not self.text:
            raise ValueError("expected a weight above 0 for situation or text, was 0 for both")
        return self


class Ranking(Block):
    """Which of the similar trades are shown; winners and losers by their share, of each the most similar."""

    most_of_a_day: int = Field(
        2, ge=1, le=50, description="Most trades of one pair, side and day of entry among the similar ones."
    )
    least_losing: int = Field(
        1, ge=0, le=10, description="Places kept for losing trades, where there are similar ones."
    )


class Cleanup(Block):
    """What `cleanup_rag_history` takes out of the retrieval."""

    low_quality_below: float = Field(
        50, ge=0, le=100, description="`low_quality` takes scores below this, where others say the same."
    )
    old_after_days: float = Field(
        30, gt=0, description="`old_records` takes what has been known for longer, in data time."
    )
    keep_newest: int = Field(1000, ge=1, description="`compress` keeps this many.")
    max_share: float = Field(0.5, gt=0, le=1, description="Largest share of each kind that one cleanup may take.")


class RagConfig(Block):
    """Retrieval and upkeep of the experience memory."""

    embedding: Embedding = Embedding()
    vector_store: VectorStore = VectorStore()
    spaces: Spaces = Spaces()
    ranking: Ranking = Ranking()
    cleanup: Cleanup = Cleanup()
    read_namespaces: tuple[str, ...] = Field(
        (), description='Other namespaces that retrieval may also read, for example `["dry_run"]`.'
    )
    database_url: SecretStr | None = Field(
        None,
        description=(
            "`postgresql+psycopg://user@host/database`: a memory that several bots share. Better in the "
            "environment, as `FREQTRADE__EXPERIENCE_CONFIG__RAG_CONFIG__DATABASE_URL`. `null`: a file below "
            "`user_data`."
        ),
    )


class Reward(Block):
    """How rewards are counted and what counts as a pattern."""

    mode: RewardMode = Field(
        "documented",
        description="Which of the two stored rewards patterns and ranking read: `documented` or `quality`.",
    )
    confidence_level: float = Field(
        0.8,
        ge=0.5,
        lt=1,
        description="Of the intervals shown around win rate and mean reward; verdicts do not depend on it.",
    )
    min_pattern_trades: int = Field(5, ge=2, le=1000, description="Fewer trades of one setup are no pattern.")


class Reflection(Block):
    """The report on a closed trade."""

    mode: Literal["rules", "llm"] = Field("rules", description="`llm`: the reviewer model adds a lesson to the rules'.")


class SnapshotKeeping(Block):
    """What every decision was made from, kept beside the ledger: `candlegraph brief --decision` shows it again."""

    keep: bool = Field(
        True,
        description=(
            "What each decision was made from is kept in the database, about 5 kB each: `candlegraph brief "
            "--decision ID` writes the very prompt again. `false`: not."
        ),
    )
    max_days: float = Field(90, gt=0, description="Older ones are removed, by the machine's clock.")
    max_mb: float = Field(500, gt=0, description="Most of all namespaces together; the oldest go first.")


class ExperienceConfig(Block):
    """What is learnt from trades."""

    rag_config: RagConfig = RagConfig()
    reward: Reward = Reward()
    reflection: Reflection = Reflection()
    use_experience: bool = Field(
        True, description="`false`: nothing retrieved reaches a prompt. Trades are still stored."
    )
    log_decisions: bool = Field(
        True, description="`false`: no `logs/llm_decisions.jsonl`. The ledger has every decision all the same."
    )
    log_prompts: bool = Field(
        False, description="`true`: each line of `logs/llm_decisions.jsonl` holds the whole prompt too, about 15 kB."
    )
    snapshots: SnapshotKeeping = SnapshotKeeping()
    log_trades: bool = Field(
        True, description="`false`: no `logs/trade_experience.jsonl`. The memory has every trade all the same."
    )
    min_trades_for_learning: int = Field(
        10, ge=1, description="Closed trades needed before summary, guidance and warnings reach the prompt."
    )
    record_min_profit_pct: Pct = Field(5, description="`record_decision_to_rag` is offered from this profit (%) on.")
