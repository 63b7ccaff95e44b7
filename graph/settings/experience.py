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

    index_type: IndexType = Field("auto", description="flat below 10,000 vectors, hnsw below a million, then ivf")
    similarity_threshold: float = Field(0.7, ge=0, le=1)
    top_k: int = Field(5, ge=1, le=50)
    storage_path: str | None = Field(
        None,
        min_length=1,
        description="folder of the saved hnsw and ivf indexes; None: vector_store beside the database",
    )


class Embedding(Block):
    """The text space beside the numeric one; off by default, since that one needs neither key nor download."""

    provider: EmbeddingProvider = "none"
    model: str = Field("text-embedding-bge-m3", min_length=1, max_length=200, description="not used by local")
    api_base: str | None = Field(None, description="endpoint; OpenAI-compatible ones with or without /v1")
    api_key: SecretStr | None = Field(None, description="better: environment CANDLEGRAPH_API_KEY or OPENAI_API_KEY")
    api_key_env: str | None = Field(None, min_length=1, description="the environment variable that holds the key")
    timeout: float = Field(10, gt=0, le=600, description="seconds per request")
    batch_size: int = Field(32, ge=1, le=2048, description="texts per request")
    unlike_cosine: float | None = Field(
        None, ge=0, lt=1, description="read as similarity 0; None: measured on opposite situations"
    )
    alike_cosine: float | None = Field(
        None, gt=0, le=1, description="read as similarity 1; None: measured on equal situations"
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

    situation: float = Field(1.0, ge=0, le=1)
    text: float = Field(0.5, ge=0, le=1)

    @model_validator(mode="after")
    def _one_is_searched(self) -> Self:
        if not self.situation and not self.text:
            raise ValueError("expected a weight above 0 for situation or text, was 0 for both")
        return self


class Ranking(Block):
    """Which of the similar trades are shown; winners and losers by their share, of each the most similar."""

    most_of_a_day: int = Field(2, ge=1, le=50, description="most trades of one pair, side and entry day")
    least_losing: int = Field(1, ge=0, le=10, description="places kept for losing trades, where similar ones exist")


class Cleanup(Block):
    """What `cleanup_rag_history` takes out of the retrieval."""

    low_quality_below: float = Field(50, ge=0, le=100, description="score")
    old_after_days: float = Field(30, gt=0, description="data time")
    keep_newest: int = Field(1000, ge=1)
    max_share: float = Field(0.5, gt=0, le=1, description="largest share of a kind taken out in one step")


class RagConfig(Block):
    """Retrieval and upkeep of the experience memory."""

    embedding: Embedding = Embedding()
    vector_store: VectorStore = VectorStore()
    spaces: Spaces = Spaces()
    ranking: Ranking = Ranking()
    cleanup: Cleanup = Cleanup()
    read_namespaces: tuple[str, ...] = Field((), description="foreign namespaces that retrieval may also read")
    database_url: SecretStr | None = Field(
        None, description="postgresql+psycopg://… where several bots share one memory; None: the file below user_data"
    )


class Reward(Block):
    """How rewards are counted and what counts as a pattern."""

    mode: RewardMode = Field("documented", description="which of the two stored rewards patterns and ranking read")
    confidence_level: float = Field(0.8, ge=0.5, lt=1, description="of the intervals around win rate and mean reward")
    min_pattern_trades: int = Field(5, ge=2, le=1000, description="fewer are no pattern")


class Reflection(Block):
    """The report on a closed trade."""

    mode: Literal["rules", "llm"] = Field("rules", description="llm: the reviewer model adds a lesson to the rules'")


class SnapshotKeeping(Block):
    """What every decision was made from, kept beside the ledger: `candlegraph brief --decision` shows it again."""

    keep: bool = Field(True, description="about 5 kB each")
    max_days: float = Field(90, gt=0, description="older ones are removed, by the clock of the machine")
    max_mb: float = Field(500, gt=0, description="of all namespaces together; the oldest go first")


class ExperienceConfig(Block):
    """What is learnt from trades."""

    rag_config: RagConfig = RagConfig()
    reward: Reward = Reward()
    reflection: Reflection = Reflection()
    use_experience: bool = Field(True, description="false: nothing retrieved reaches a prompt; all is still stored")
    log_decisions: bool = Field(True, description="false: no logs/llm_decisions.jsonl; the ledger has them all")
    log_prompts: bool = Field(False, description="true: the lines of log_decisions hold the whole prompt")
    snapshots: SnapshotKeeping = SnapshotKeeping()
    log_trades: bool = Field(True, description="false: no logs/trade_experience.jsonl; the memory has them all")
    min_trades_for_learning: int = Field(10, ge=1, description="closed trades needed before guidance is given")
    record_min_profit_pct: Pct = Field(5, description="record_decision_to_rag is bound from this profit on")
