-- `sliding_window`: tokens used in this window and in the previous one. The previous count is weighted by the part of it that
-- a window ending now covers. That part is rounded up to a tick, and limit * window in ticks is below 2^51, so it is exact.
local sliding_window = {}
-- Both counts share one number: each is at most twice the limit, which is below 2^25.
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
      -- Nothing counts any more: the state is that of a new subject.
      start = now
    end
    if counted ~= rule.window then
      -- The length of the window was changed: the current count starts a new window.
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

-- With `latest` it gives back the latest tokens, first of this window, then of the previous one. Otherwise tokens charged at
-- `since`, only in their window.
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
