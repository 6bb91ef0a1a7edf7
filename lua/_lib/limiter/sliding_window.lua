-- `sliding_window`: tokens used in this window and in the one before, which counts for the part of it that a window
-- ending now still covers. That part is rounded up to a tick, and limit * window in ticks is below 2^51: exact.
local sliding_window = {}
-- Both counts in one number: each is at most twice the limit, which is below 2^25.
local SHIFT = 2 ^ 26

function sliding_window.define(rule, limit, window, tick)
  rule.limit, rule.window, rule.tick, rule.ticks = limit, window, tick, window / tick
end

local function covered(before, window, tick, elapsed)
  return before * (window / tick - math.floor(elapsed / tick))
end

function sliding_window.load(rule, time, counted, level)
  local start, before, used = now, 0, 0
  if time and level > 0 then
    before, used = math.min(math.floor(level / SHIFT), 2 * rule.limit), math.min(level % SHIFT, 2 * rule.limit)
    local passed = math.floor((now - time) / counted)
    start = time + passed * counted
    if passed == 1 then
      before, used = used, 0
    elseif passed > 1 then
      before, used = 0, 0
    end
    if before + used == 0 then
      -- Nothing counts any more: as a subject that was never seen.
      start = now
    end
    if counted ~= rule.window then
      -- The window was changed: what counts now begins a new one.
      local part = math.floor(before * (counted - (now - start)) / counted + 1e-6) + 1
      start, before, used = now, 0, math.min(used + math.min(before, part), 2 * rule.limit)
    end
  end
  rule.start, rule.before, rule.used = start, before, used
end

function sliding_window.over(rule, tokens)
  local part = covered(rule.before, rule.window, rule.tick, now - rule.start)
  return part + (rule.used + tokens) * rule.ticks > rule.limit * rule.ticks
end

function sliding_window.add(rule, tokens)
  rule.used = math.min(rule.used + tokens, 2 * rule.limit)
end

-- `latest`: gives back what was charged last, first in this window, then in the one before. Else what was charged at a
-- time, in its window alone.
function sliding_window.give_back(rule, tokens, since, latest)
  if since >= rule.start then
    local rest = math.max(0, tokens - rule.used)
    rule.used = math.max(0, rule.used - tokens)
    if not latest then
      return
    end
    tokens = rest
  elseif since < rule.start - rule.window then
    return
  end
  rule.before = math.max(0, rule.before - tokens)
end

function sliding_window.entry(rule)
  return rule.start, rule.window, rule.before * SHIFT + rule.used, rule.start + 2 * rule.window - now
end

function sliding_window.report(rule, reply)
  reply[#reply + 1] = rule.before
  reply[#reply + 1] = rule.used
  reply[#reply + 1] = now - rule.start
end
