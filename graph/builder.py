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
from candlegraph.graph.nodes import TwoWayNode
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


NODES: tuple[Node, ...] = (
    analyst,
    triage,
    retriever,
    view,
    bull,
    bear,
    decision,
    tools,
    repair,
    reviewer,
    critic,
    approval,
)
ROUTES: dict[str, Callable[[CandleState], str]] = {
    "analyst": after_analyst,
    "triage": after_triage,
    "retriever": after_retriever,
    "decision": route,
    "tools": after_tools,
    "reviewer": after_reviewer,
    "critic": after_critic,
}


def wired(
    first: str, given: type[CandleInput], state: type[CandleState] = CandleState, last: Node = None
) -> CandleBuilder:
    """Return the graph that begins at the node `first` with what is given, and ends with the node `last`, if any."""
    one = StateGraph(state, Context, input_schema=given)
    for work in NODES if last is None else (*NODES, last):
        one.add_node(work.__name__, TwoWayNode(work))
    end = END if last is None else last.__name__
    if last is not None:
        one.add_edge(end, END)
    one.add_edge(START, first)
    one.add_edge("view", "bull")
    one.add_edge("view", "bear")
    for side in ("bull", "bear"):  # of one step, so it goes on once; a join is not there again in a fork on the server
        one.add_edge(side, "decision")
    one.add_edge("repair", "decision")
    one.add_edge("approval", end)
    for node, choose in ROUTES.items():
        router = Router(choose)
        one.add_conditional_edges(node, router, {way: end if way == END else way for way in router.ends})
    return one


builder = wired("analyst", CandleInput)
graph = builder.compile(name="candlegraph")
