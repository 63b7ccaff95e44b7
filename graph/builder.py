"""The candle graph: analyst -> retriever -> decision <-> tools -> reviewer -> approval.

Compiled bare: whoever wants a checkpointer compiles `builder` with one; `langgraph dev` brings its own.
"""

from langgraph.graph import END, START, StateGraph
from langgraph.prebuilt import ToolNode

from candlegraph.agents.analyst import analyst
from candlegraph.agents.approval import approval
from candlegraph.agents.decision import ALL_TOOLS, after_tools, decision, repair, route
from candlegraph.agents.retriever import retriever
from candlegraph.agents.reviewer import reviewer
from candlegraph.graph.context import Context
from candlegraph.graph.state import CandleInput, CandleState

builder = StateGraph(CandleState, Context, input_schema=CandleInput)

builder.add_node("analyst", analyst)
builder.add_node("retriever", retriever)
builder.add_node("decision", decision)
builder.add_node("tools", ToolNode(list(ALL_TOOLS)))
builder.add_node("repair", repair)
builder.add_node("reviewer", reviewer)
builder.add_node("approval", approval)

builder.add_edge(START, "analyst")
builder.add_edge("analyst", "retriever")
builder.add_edge("retriever", "decision")
builder.add_conditional_edges("decision", route)
builder.add_conditional_edges("tools", after_tools)
builder.add_edge("repair", "decision")
builder.add_edge("reviewer", "approval")
builder.add_edge("approval", END)

graph = builder.compile(name="candlegraph")
