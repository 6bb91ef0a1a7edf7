-- `counting`: changes of several counters of one object, all or none, in two phases. See counters.lua for the object.
--
-- - `counting.prepare(of, changes, hold)` returns the plan. Or it returns why there is none: a text that names the refused changes, the time
--   when other periods are needed, 0 when it must be called again, or an error. `changes` has a line for each change: "by floor ceiling
--   name". A "-" stands for the object's own floor or ceiling; "=value" in place of `by` sets a counter. `hold` reserves the changes.
-- - `counting.apply(of, plan)` writes. It returns "+", and a line "value down up" for the counter of each change.
-- - `counting.count(of, changes)` and `counting.count_once(of, key, changes, window)` are both phases, the second once for a key: see
--   dedup.lua. The same changes again return "=" in place of "+", other changes under the key return "!".
--
-- Changes of one counter are made in their order. A refusal is "-", and a line "at reason value down up" for each refused change: `at` from
-- 1, reason "floor" or "ceiling".
-- @include guard/counters
-- @include guard/dedup
local counting = { prepare = nil, apply = nil, count = nil, count_once = nil }

local function text_of(state)
  return string.format('%.0f %.0f %.0f', state[1], state[2], state[3])
end

-- Makes a change in a state; returns the reason when it is refused.
local function change(state, by, set, floor, ceiling, hold)
  local value, down, up = state[1], state[2], state[3]
  if set then
    if by + down < floor then
      return 'floor'
    end
    if by + up > ceiling then
      return 'ceiling'
    end
    state.more = state.more or by > value
    state.less = state.less or by < value
    state[1] = by
    return nil
  end
  if by < 0 and value + down + by < floor then
    return 'floor'
  end
  if by > 0 and value + up + by > ceiling then
    return 'ceiling'
  end
  if not hold then
    state[1] = value + by
    state.more = state.more or by > 0
    state.less = state.less or by < 0
  elseif by < 0 then
    state[2] = down + by
  else
    state[3] = up + by
  end
end

function counting.prepare(of, changes, hold)
  local wait = counters.ready(of)
  if wait then
    return wait
  end
  local states, lines, refused, at = {}, { '+' }, { '-' }, 0
  for set, by, floor, ceiling, name in string.gmatch(changes, '(=?)(%-?%d+) (%S+) (%S+) ([^\n]+)') do
    at = at + 1
    local state = states[name] or counters.state(of, name)
    if state.err then
      return state
    end
    states[name] = state
    local reason = change(state, tonumber(by), set == '=', tonumber(floor) or of.floor, tonumber(ceiling) or of.ceiling, hold)
    if reason then
      refused[#refused + 1] = string.format('%d %s %s', at, reason, text_of(state))
    else
      lines[#lines + 1] = text_of(state)
    end
  end
  if #refused > 1 then
    return table.concat(refused, '\n')
  end
  return { states = states, answer = table.concat(lines, '\n') }
end

function counting.apply(of, plan)
  counters.save(of, plan.states)
  return plan.answer
end

function counting.count(of, changes)
  local planned = counting.prepare(of, changes)
  if type(planned) ~= 'table' or planned.err then
    return planned
  end
  return counting.apply(of, planned)
end

function counting.count_once(of, key, changes, window)
  local print = string.sub(redis.sha1hex(changes), 1, 10)
  local first = dedup.prepare(key)
  if first then
    if type(first) == 'table' then
      return first
    end
    return string.sub(first, 1, 10) == print and '=' .. string.sub(first, 12) or '!'
  end
  local planned = counting.prepare(of, changes)
  if type(planned) ~= 'table' or planned.err then
    return planned
  end
  local answer = counting.apply(of, planned)
  dedup.apply(key, print .. answer, window)
  return answer
end
