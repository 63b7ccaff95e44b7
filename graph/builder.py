"""The candle graph: analyst -> triage -> retriever -> decision <-> tools -> reviewer -> approval.

At depth `deep` view, bull and bear speak before the decision, at `balanced` and `deep` critic after the reviewer.
Compiled bare: whoever wants a checkpointer compiles `builder` with one; `langgraph dev` brings its own.
"""

from typing import Literal

from langgraph.graph import END, START, StateGraph
from langgraph.prebuilt import ToolNode

from candlegraph.agents.analyst import analyst
from candlegraph.agents.approval import approval
from candlegraph.agents.asking.transcript import ALL_TOOLS
from candlegraph.agents.critic import after_critic, critic, is_needed
from candlegraph.agents.debate import bear, bull, view
from candlegraph.agents.decision import after_tools, decision, repair, route
from candlegraph.agents.retriever import retriever
from candlegraph.agents.reviewer import reviewer
from candlegraph.agents.triage import after_triage, triage
from candlegraph.graph.context import Context
from candlegraph.graph.state import CandleInput, CandleState


def after_retriever(state: CandleState) -> Literal["view", "decision"]:
    """Hear the other models first, at depth `deep`."""
    return "view" if state.terms.depth == "deep" else "decision"


def after_reviewer(state: CandleState) -> Literal["critic", "approval"]:
    """Let a model argue against an entry, at depth `balanced` and `deep`."""
    return "critic" if is_needed(state) else "approval"


builder = StateGraph(CandleState, Context, input_schema=CandleInput)

builder.add_node("analyst", analyst)
builder.add_node("triage", triage)
builder.add_node("retriever", retriever)
builder.add_node("view", view)
builder.add_node("bull", bull)
builder.add_node("bear", bear)
builder.add_node("decision", decision)
builder.add_node("tools", ToolNode(list(ALL_TOOLS)))
builder.add_node("repair", repair)
builder.add_node("reviewer", reviewer)
builder.add_node("critic", critic)
builder.add_node("approval", approval)

builder.add_edge(START, "analyst")
builder.add_edge("analyst", "triage")
builder.add_conditional_edges("triage", after_triage)
builder.add_conditional_edges("retriever", after_retriever)
builder.add_edge("view", "bull")
builder.add_edge("view", "bear")
builder.add_edge(["bull", "bear"], "decision")
builder.add_conditional_edges("decision", route)
builder.add_conditional_edges("tools", after_tools)
builder.add_edge("repair", "decision")
builder.add_conditional_edges("reviewer", after_reviewer)
builder.add_conditional_edges("critic", after_critic)
builder.add_edge("approval", END)

graph = builder.compile(name="candlegraph")
