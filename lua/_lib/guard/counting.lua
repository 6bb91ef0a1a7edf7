-- `counting`: changes of counters of one object, all of them or none, in two phases. See counters.lua for the object.
--
-- - `counting.prepare(of, changes, hold)` reads: the plan, or why not: a text that says which changes are refused, the time when other
--   periods are needed, 0 when it must be called again, or an error. `changes` has a line for each change: "by floor ceiling name", with
--   "-" for the object's own floor or ceiling and "=value" in place of `by` to set a counter. `hold` reserves instead of changing.
-- - `counting.apply(of, plan)` writes; the text "+" and for each change a line "value down up" of its counter.
--
-- Changes of one counter follow each other. A refusal is "-" and for each refused change a line "at reason value down up", `at` from
-- 1, reason "floor" or "ceiling".
-- @include guard/counters
local counting = { prepare = nil, apply = nil }

local function text_of(state)
  return string.format('%.0f %.0f %.0f', state[1], state[2], state[3])
end

-- Makes a change in a state; the reason when it must not.
local function change(state, by, set, floor, ceiling, hold)
  local value, down, up = state[1], state[2], state[3]
  if set then
    if by + down < floor then
      return 'floor'
    end
    if by + up > ceiling then
      return 'ceiling'
    end
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
