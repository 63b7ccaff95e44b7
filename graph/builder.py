"""The candle graph: analyst -> retriever -> decision <-> tools -> reviewer.

Where configured triage comes after the analyst, and approval last. At depth `deep` view, bull and bear speak before the
decision, at `balanced` and `deep` critic after the reviewer.
Compiled bare: whoever wants a checkpointer compiles `builder` with one; `langgraph dev` brings its own.
"""

from collections.abc import Callable
from typing import Any, Literal, get_args, get_type_hints

from langchain_core.runnables import Runnable, RunnableConfig
from langgraph.graph import END, START, StateGraph

from candlegraph.agents.analyst import analyst
from candlegraph.agents.approval import approval, is_awaited
from candlegraph.agents.critic import critic, is_needed, is_sent_back
from candlegraph.agents.debate import bear, bull, view
from candlegraph.agents.decision import after_tools, decision, repair, route, tools
from candlegraph.agents.retriever import retriever
from candlegraph.agents.reviewer import reviewer
from candlegraph.agents.triage import after_analyst, after_triage, triage
from candlegraph.graph.context import Context
from candlegraph.graph.state import CandleInput, CandleState

CandleBuilder = StateGraph[Any, Context, CandleInput, Any]
Node = Any
"""A node's function; LangGraph keeps the type to itself."""


class Router(Runnable[CandleState, str]):
    """A way on, chosen by the state alone; LangGraph would trace a bare function, and hand it to a thread."""

    def __init__(self, choose: Callable[[CandleState], str]) -> None:
        self.name, self._choose = choose.__name__, choose
        self.ends = list(get_args(get_type_hints(choose)["return"]))

    def invoke(self, input: CandleState, config: RunnableConfig | None = None, **kwargs: Any) -> str:
        """Return the next node."""
        return self._choose(input)

    async def ainvoke(self, input: CandleState, config: RunnableConfig | None = None, **kwargs: Any) -> str:
        """Return the next node, at once."""
        return self._choose(input)


def after_retriever(state: CandleState) -> Literal["view", "decision"]:
    """Hear the other models first, at depth `deep`."""
    return "view" if state.terms.depth == "deep" else "decision"


def after_reviewer(state: CandleState) -> Literal["critic", "approval", "__end__"]:
    """Let a model argue against an entry, at depth `balanced` and `deep`, and a person answer where configured."""
    return "critic" if is_needed(state) else "approval" if is_awaited(state) else "__end__"


def after_critic(state: CandleState) -> Literal["decision", "approval", "__end__"]:
    """Decide again what was sent back, and let a person answer where configured."""
    return "decision" if is_sent_back(state) else "approval" if is_awaited(state) else "__end__"


def assembled(state: type[CandleState] = CandleState, last: Node = None) -> CandleBuilder:
    """Return the graph's builder; `last` runs after everything else, where one is given."""
    made = StateGraph(state, Context, input_schema=CandleInput)
    end = END if last is None else last.__name__
    for one in NODES:
        made.add_node(one.__name__, one)
    if last is not None:
        made.add_node(end, last)
        made.add_edge(end, END)
    made.add_edge(START, "analyst")
    made.add_edge("view", "bull")
    made.add_edge("view", "bear")
    for side in ("bull", "bear"):  # of one step, so it goes on once; a join is not there again in a fork on the server
        made.add_edge(side, "decision")
    made.add_edge("repair", "decision")
    made.add_edge("approval", end)
    for name, choose in WAYS.items():
        router = Router(choose)
        made.add_conditional_edges(name, router, {one: end if one == END else one for one in router.ends})
    return made


NODES: tuple[Node, ...] = (
    *(analyst, triage, retriever, view, bull, bear),
    *(decision, tools, repair, reviewer, critic, approval),
)
WAYS: dict[str, Callable[[CandleState], str]] = {
    "analyst": after_analyst,
    "triage": after_triage,
    "retriever": after_retriever,
    "decision": route,
    "tools": after_tools,
    "reviewer": after_reviewer,
    "critic": after_critic,
}
builder = assembled()
graph = builder.compile(name="candlegraph")
