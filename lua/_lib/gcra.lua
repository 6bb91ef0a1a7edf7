-- `gcra`: a leaky bucket. A token adds `token` units to the level, a microsecond drains `drain` units.
local gcra = {}

function gcra.define(rule, drain, token, capacity)
  rule.drain, rule.token, rule.capacity = drain, token, capacity
end

function gcra.look(rule, time, counted, level)
  if time then
    if counted ~= rule.token then
      level = level / counted
      level = level % 1 == 0 and level * rule.token or math.ceil(level * rule.token) + 1
      level = math.min(level, 2 * rule.capacity)
    end
    level = math.max(0, level - (now - time) * rule.drain)
  end
  rule.level = level or 0
end

function gcra.over(rule, tokens)
  return rule.level + tokens * rule.token > rule.capacity
end

function gcra.add(rule, tokens)
  rule.level = math.min(math.max(0, rule.level + tokens * rule.token), 2 * rule.capacity)
end

-- The entry's time and its two numbers, and the microseconds until it is rested.
function gcra.entry(rule)
  return now, rule.token, rule.level, rule.level / rule.drain
end

function gcra.tell(rule, reply)
  reply[#reply + 1] = rule.level
end
