--- Read counters. Expired reservations are given back first.
-- @batch 64
-- @full runs         it gives back and forgets
-- @include guard/counters
-- @shared keys keys  as count.lua
-- @shared plan       as count.lua
-- @item arg names    a line for each counter
-- @returns integer|string 0: call again; more: the time, other periods are needed; text: a line "value down up" for each counter

local of = counters.open(keys, plan)

local function item(names)
  local wait = counters.ready(of)
  if wait then
    return wait
  end
  local lines = {}
  for name in string.gmatch(names, '[^\n]+') do
    local state = counters.state(of, name)
    if state.err then
      return state
    end
    lines[#lines + 1] = string.format('%.0f %.0f %.0f', state[1], state[2], state[3])
  end
  return table.concat(lines, '\n')
end
