"""What the code says in English to a model, sentence by sentence, and the same in Chinese.

    an English sentence with `{}` where something is filled in -> the Chinese one, which may fill it in another order

Such sentences are written for people and kept in the ledger, so they exist in English first.
"""

from __future__ import annotations

REFUSALS = {
    "freqtrade has locked the pair": "freqtrade 已锁定该交易对",
    "freqtrade had locked the pair": "freqtrade 已锁定该交易对",
    "freqtrade is paused (/pause)": "freqtrade 已被人暂停",
    "the pair is not in freqtrade's pair list": "该交易对不在 freqtrade 的列表中",
    "{} of {} slots in use": "{1} 个仓位名额已用 {0} 个",
    "{} of {} slots were in use": "{1} 个仓位名额已用 {0} 个",
    "{} {} would remain, the exchange's minimum is {}": "将只剩 {0} {1}，交易所最小值为 {2}",
    "{} is left, the exchange's minimum is {}": "只剩 {0}，交易所最小值为 {1}",
    "the largest entry, {} with leverage, is below the minimum {}": "最大开仓（含杠杆）{0} 低于最小值 {1}",
    "the addition of {} is below the minimum {}": "加仓 {0} 低于最小值 {1}",
    "stake {} is below the minimum {}": "保证金 {0} 低于最小值 {1}",
    "what is left to add is below {}": "可加仓的余量低于 {0}",
    "the account is {} % below its highest equity": "账户低于最高权益 {0} %",
    "the day's result is {} %": "当日结果为 {0} %",
    "confidence {} is below {}": "置信度 {0} 低于 {1}",
    "no valid stop given and no ATR to derive one": "未给出有效止损，也没有 ATR 可推算",
    "a stop {} away lies beyond liquidation even at 1x": "止损距离 {0}，即使 1x 也在强平价之外",
    "the position has no stop": "该持仓没有止损",
    "the price is beyond the stop": "价格已越过止损",
    "the position is losing": "该持仓正在亏损",
    "opens at {}, beyond its stop {}": "开盘价 {0} 已越过止损 {1}",
    "leverage {} was set, {} is allowed now": "已设杠杆 {0}，现只允许 {1}",
    "stake {} at {} is beyond the gate": "保证金 {0}（价格 {1}）超出风控限制",
    "{} is unavailable": "{0} 不可用",
    "the models have failed too often": "模型失败次数过多",
    "the models failed on {} candles in a row: entries pause until a candle succeeds ({})": (
        "模型连续 {0} 根K线失败：暂停开仓，直到有一根成功（{1}）"
    ),
    "the answer is none: expected yes or no, or id, verdict, at and price": "没有答复",
    "the answer is to proposal {}, this is {}": "答复针对提案 {0}，本提案为 {1}",
    "not approved in time, {} s late": "未及时批准，迟了 {0} 秒",
    "the price moved {} %, most is {} %": "价格变动 {0} %，至多 {1} %",
    "emergency stop at {} UTC: equity {} was {} % below its peak {}": (
        "紧急止损（UTC {0}）：权益 {1} 低于峰值 {3}，跌幅 {2} %"
    ),
}
FATES = {
    "filled when the bot was stopped": "机器人停止期间成交",
    "a later call of the same kind was carried out": "之后的同类调用已执行",
    "the position was closed by {}": "持仓已由 {0} 平掉",
    "the position was closed before": "持仓此前已平掉",
    "nobody answered": "无人答复",
    "the data ended": "数据已结束",
    "no unused entry signal in force": "没有生效且未使用的开仓信号",
    "its candle closed {} minutes ago": "其K线已于 {0} 分钟前收盘",
    "the decision came after its deadline": "决策晚于期限",
    "freqtrade had no candle to trade it at": "freqtrade 没有可供成交的K线",
    "freqtrade placed no order while its candle lasted": "freqtrade 在该K线期间未下单",
    "freqtrade placed no order: its log says why, or the amount is nothing in the exchange's steps": (
        "freqtrade 未下单：原因见其日志，或数量小于交易所的最小步长"
    ),
}
CLOSED = {"locked for {} candles": "已锁定，还有 {0} 根K线", "above {} %": "超过 {0} %"}
RULES = {
    "{} against the trend of {} needs confidence {}, was {}": "{0} 逆 {1} 的趋势，需要置信度 {2}，实为 {3}",
    "target {} is {} stop distances away, at least {}": "目标 {0} 距离为止损距离的 {1} 倍，至少需要 {2}",
    "{} {} is {} ATR away, at least {}": "{0} {1} 距离 {2} ATR，至少需要 {3}",
    "the pair's last loss is {} candles old, at least {}": "该交易对上次亏损距今 {0} 根K线，至少需要 {1}",
    "the same reason {} times in a row": "连续 {0} 次理由相同",
    "{} stop distances after {} candles": "{1} 根K线之后为 {0} 倍止损距离",
    "{} of the best profit {} % was given back": "最佳盈利 {1} % 已回吐 {0}",
}
CLAIMS = {
    "rsi_value {} is more than {} off the true {}": "rsi_value {0} 与真实值 {2} 相差超过 {1}",
    "key_support {} is above the price {}": "key_support {0} 高于价格 {1}",
    "key_resistance {} is below the price {}": "key_resistance {0} 低于价格 {1}",
    "key_support {} is {} ATR from the nearest support, at most {}": "key_support {0} 距最近的支撑 {1} ATR，至多 {2}",
    "key_resistance {} is {} ATR from the nearest resistance, at most {}": (
        "key_resistance {0} 距最近的阻力 {1} ATR，至多 {2}"
    ),
    "the support in the facts is {}": "事实中的支撑为 {0}",
    "the supports in the facts are {}": "事实中的支撑为 {0}",
    "the resistance in the facts is {}": "事实中的阻力为 {0}",
    "the resistances in the facts are {}": "事实中的阻力为 {0}",
    "the facts show no support": "事实中没有支撑",
    "the facts show no resistance": "事实中没有阻力",
    "trend_strength {} is two steps off: the facts say {}": "trend_strength {0} 相差两级：事实为 {1}",
}
CHANGES = {
    "price {} %": "价格 {0} %",
    "situation alike {}": "情境相似度 {0}",
    "alignment {} to {}": "alignment {0} 至 {1}",
    "regime {} to {}": "regime {0} 至 {1}",
    "trend_strength {} to {}": "trend_strength {0} 至 {1}",
    "{} ema {} to {}": "{0} ema {1} 至 {2}",
    "{} to {} (40/60 crossed)": "{0} 至 {1}（穿越 40/60）",
    "{} to {} (sign)": "{0} 至 {1}（变号）",
    "{} to {} (a trend begins)": "{0} 至 {1}（趋势开始）",
    "{} to {} (the trend ends)": "{0} 至 {1}（趋势结束）",
    "{} to {} ({})": "{0} 至 {1}（{2}）",
    "{} to {}": "{0} 至 {1}",
}
FAULTS = {
    "Your function call could not be read ({}). {}": "无法读取你的函数调用（{0}）。{1}",
    "Your answer was empty. {}": "你的回答为空。{0}",
    "You answered with text. {}": "你以文字作答。{0}",
    "Call exactly one of: {}.": "请恰好调用其中一个：{0}。",
    "Your answer was cut off before the call was complete. Think less and keep the reason short. {}": (
        "你的回答在调用完成之前被截断。请少思考，理由写短。{0}"
    ),
    "Your answer was cut off before the call was complete. Keep the reason short. {}": (
        "你的回答在调用完成之前被截断。请把理由写短。{0}"
    ),
    "Your call is not valid JSON. Call one function with one JSON object.": (
        "你的调用不是有效的 JSON。请用一个 JSON 对象调用一个函数。"
    ),
    "The arguments of {} are not valid JSON. Call it again with one JSON object.": (
        "{0} 的参数不是有效的 JSON。请用一个 JSON 对象重新调用。"
    ),
    "Long and short were called together and neither was executed. Choose one.": (
        "同时调用了做多和做空，均未执行。请选一个。"
    ),
    "Several signal functions were called and none was executed. Choose one.": (
        "调用了多个信号函数，均未执行。请选一个。"
    ),
    "At most {} memory calls a decision are allowed. Call a signal function.": (
        "每次决策至多允许 {0} 次记忆函数调用。请调用信号函数。"
    ),
    "Unknown function {}. Valid now: {}.": "未知函数 {0}。现在有效：{1}。",
    "{} is not allowed now. Valid now: {}.": "现在不允许 {0}。现在有效：{1}。",
    "pair must be {}, was {}.": "pair 须为 {0}，实为 {1}。",
    "These claims contradict the data: {}": "这些说法与数据矛盾：{0}",
    "not executed, because another call in the same message was wrong": "未执行，因为同一消息中的另一个调用有误",
    "Wrong arguments for {}: {}": "{0} 的参数有误：{1}",
    "and {} more": "另有 {0} 处",
    "Field required, was {}": "缺少该参数，实为 {0}",
    "Extra inputs are not permitted, was {}": "没有这个参数，实为 {0}",
    "Input should be {}, was {}": "须{0}，实为 {1}",
    "Input should be a valid number, unable to parse string as a number, was {}": "须为数字，实为 {0}",
    "String should have at least {} character, was {}": "至少 {0} 个字符，实为 {1}",
    "String should have at most {} characters, was {}": "至多 {0} 个字符，实为 {1}",
    "Value error, {}, was {}": "{0}，实为 {1}",
    "a valid number": "为数字",
    "a finite number": "为有限的数字",
    "a valid string": "为文字",
    "a valid integer": "为整数",
    "a valid list": "为列表",
    "greater than {}": "大于 {0}",
    "greater than or equal to {}": "不小于 {0}",
    "less than {}": "小于 {0}",
    "less than or equal to {}": "不大于 {0}",
    "Input should be 'strong', 'moderate' or 'weak', was {}": "须为 'strong'、'moderate' 或 'weak'，实为 {0}",
    "Input should be 'hold' or 'exit', was {}": "须为 'hold' 或 'exit'，实为 {0}",
    "Input should be 'low_quality', 'compress' or 'old_records', was {}": (
        "须为 'low_quality'、'compress' 或 'old_records'，实为 {0}"
    ),
    "Input should be 'bullish', 'bearish' or 'neutral', was {}": "须为 'bullish'、'bearish' 或 'neutral'，实为 {0}",
    "Input should be 'approve', 'shrink', 'send_back' or 'veto', was {}": (
        "须为 'approve'、'shrink'、'send_back' 或 'veto'，实为 {0}"
    ),
    "a boolean is not valid here": "此处不能是布尔值",
    "key_resistance {} must be above key_support {}": "key_resistance {0} 须高于 key_support {1}",
    "adjustment_pct must not be 0; use signal_hold to keep the position as it is": (
        "adjustment_pct 不得为 0；保持持仓不变请用 signal_hold"
    ),
    "confidence_score is needed to add: risk_management.min_confidence is measured by it": (
        "加仓须给出 confidence_score：risk_management.min_confidence 以它衡量"
    ),
}
ANSWERS = {
    "{} accepted": "已接受 {0}",
    "queued: it is stored when this decision stands": "已排队：本次决策成立后保存",
    "it is done when this decision stands": "本次决策成立后执行",
    "none of {} experiences may leave the retrieval, {}": "{0} 条经验均不可移出检索，{1}",
    "{} of {} experiences leave the retrieval, {}": "{1} 条经验中将有 {0} 条移出检索，{2}",
    "{} matched, limited to {} by max_share": "符合条件 {0} 条，受 max_share 限制为 {1} 条",
    "{} matched": "符合条件 {0} 条",
    "unavailable: the memory could not be read. Decide without it.": "不可用：无法读取记忆。请在没有它的情况下决策。",
    "Answer by exactly one call of {}, with one JSON object.": "请用一个 JSON 对象恰好调用一次 {0} 来回答。",
}
VALUES = {
    "queued": "已排队",
    "rejected": "已被拒绝",
    "long": "做多",
    "short": "做空",
    "support": "支撑",
    "resistance": "阻力",
    "trend_up": "上升趋势",
    "trend_down": "下降趋势",
    "range": "震荡",
    "strong": "强势",
    "moderate": "中等",
    "weak": "弱势",
    "none": "无",
    "calm": "平静",
    "normal": "正常",
    "wild": "剧烈",
    "paused": "已暂停",
    "lock": "已锁定",
    "exchange_minimum": "数量过小",
    "bullish": "看涨",
    "bearish": "看跌",
    "neutral": "中性",
}
COUNTS = {
    "namespace": "命名空间",
    "total_experiences": "经验总数",
    "retired": "已移出检索",
    "by_kind": "按类别",
    "trade": "交易",
    "lesson": "部分平仓",
    "decision": "决策记录",
    "by_side": "按方向",
    "by_grade": "按等级",
    "forced": "因数据结束而平仓",
    "index": "索引",
    "type": "类型",
    "dimension": "维数",
    "size": "数量",
    "stale": "已过期",
    "embedding": "向量",
    "provider": "来源",
    "model": "模型",
    "waiting": "待处理",
    "reward_stats": "奖励统计",
    "total_trades": "交易总数",
    "avg_score": "平均评分",
    "cumulative_reward": "累计奖励",
    "cumulative_reward_quality": "按质量的累计奖励",
    "win_rate": "胜率",
    "recent_trend": "近期趋势",
    "storage": "存储",
    "path": "路径",
    "bytes": "字节",
    "self_scores": "自评",
    "trades": "交易数",
    "bias": "平均偏差",
    "rank_correlation": "等级相关",
}
"""The keys of what `query_rag_stats` answers."""
