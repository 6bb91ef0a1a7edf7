-- `fixed_window`: tokens used since the first call of a window. Only tokens that were charged in this window are given back:
-- those of the previous window came back when it ended.
local fixed_window = {}

function fixed_window.define(rule, limit, window)
  rule.limit, rule.window = limit, window
end

function fixed_window.load(rule, time, counted, used)
  rule.start, rule.used = now, 0
  if time and used > 0 and now < time + counted then
    rule.used = used
    -- A shortened window that would be over already starts now, with the used tokens.
    if now < time + rule.window then
      rule.start = time
    end
  end
end

function fixed_window.over(rule, tokens)
  return rule.used + tokens > rule.limit
end

function fixed_window.add(rule, tokens)
  rule.used = math.min(rule.used + tokens, 2 * rule.limit)
end

function fixed_window.give_back(rule, tokens, since)
  if since >= rule.start then
    rule.used = math.max(0, rule.used - tokens)
  end
end

function fixed_window.entry(rule)
  return rule.start, rule.window, rule.used, rule.start + rule.window - now
end

function fixed_window.report(rule, reply)
  reply[#reply + 1] = rule.used
  reply[#reply + 1] = rule.used > 0 and rule.start + rule.window - now or 0
end
