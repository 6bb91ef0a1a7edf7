-- `gcra`: a leaky bucket. A token adds `token` units to the level, a microsecond drains `drain` units.
--
-- Proof that at most `burst + T * limit / window` tokens pass in any interval T, not counting tokens that were given back:
-- Compare the level with the ideal level, as if the tokens given back had never been charged. The bound holds while the
-- level is not below the ideal one. A settlement gives back the tokens of its charge, less `drain` for each microsecond since.
-- So the level exceeds the ideal one by at least the sum that all open charges can still give back. That sum falls by at
-- least `drain` a microsecond while it is positive; the difference between the levels falls by at most `drain`.
-- A refund without a charge gives back the latest tokens, which are the top of the level.
local gcra = {}

function gcra.define(rule, drain, token, capacity)
  rule.drain, rule.token, rule.capacity = drain, token, capacity
end

function gcra.load(rule, time, counted, level)
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
  rule.level = math.min(rule.level + tokens * rule.token, 2 * rule.capacity)
end

function gcra.give_back(rule, tokens, since)
  rule.level = math.max(0, rule.level - math.max(0, tokens * rule.token - (now - since) * rule.drain))
end

-- The entry's time and its two numbers, and the microseconds until the quota is full again.
function gcra.entry(rule)
  return now, rule.token, rule.level, rule.level / rule.drain
end

function gcra.report(rule, reply)
  reply[#reply + 1] = rule.level
end
