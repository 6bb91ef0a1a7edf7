-- `waiting(of, tokens)`: microseconds until so many tokens may be taken under the rules of charging.lua, right after `charging.prepare`
-- denied that; math.huge for never. The client computes the same (`waitMs` in packages/core/src/limiter/algorithms).
-- @include now
-- @include limiter/sliding_log
local WAIT = {
  g = function(rule, tokens)
    return rule.capacity == 0 and math.huge or (rule.level + tokens * rule.token - rule.capacity) / rule.drain
  end,
  f = function(rule)
    return rule.start + rule.window - now
  end,
  c = function(rule)
    return rule.finish - now
  end,
  w = function(rule, tokens)
    local age, room = now - rule.start, rule.limit - rule.used - tokens
    if room >= 0 then
      return (rule.ticks - math.floor(room * rule.ticks / rule.before)) * rule.tick - age
    end
    local fits = math.min(rule.ticks, math.floor((rule.limit - tokens) * rule.ticks / rule.used))
    return rule.window - age + (rule.ticks - fits) * rule.tick
  end,
  l = function(rule, tokens)
    local numbers = {}
    sliding_log.report(rule, numbers, tokens)
    return numbers[2]
  end,
}

local function waiting(of, tokens)
  local longest = 0
  for _, rule in ipairs(of.list) do
    if rule.refuses and not rule.shadow then
      longest = math.max(longest, rule.limit == 0 and math.huge or WAIT[rule.letter](rule, tokens))
    end
  end
  return longest
end
