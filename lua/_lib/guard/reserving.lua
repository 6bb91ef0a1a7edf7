-- `reserving`: reserves changes of counters, and ends a reservation, each in two phases. See counters.lua for the object.
--
-- A reservation publishes "t" and the milliseconds until it expires, for the timers of callers that wait.
--
-- - `reserving.prepare(of, id)` returns nothing when the id is new, the state of its reservation ("r", "c", "x" or "e"), or an error.
--   `reserving.apply(of, id, changes, lasts)` writes it for so many milliseconds; counting.lua plans and writes the changes themselves.
--   `reserving.reserve(of, changes, id, lasts, new)` is all of it; `new` says that no other reservation has the id.
-- - `reserving.prepare_end(of, id, amounts)` returns the plan; or the text "c", "x", "e", "" for an unknown id, or "!name" for a counter of
--   which more was to be committed than is reserved; 0, or an error. `amounts` has a line "by name" for each counter of which another
--   amount is committed than is reserved.
--   `reserving.apply_end(of, plan, how)` ends it: "c" makes the changes, "x" gives them back.
--   `reserving.finish(of, later, id, how)` is both phases: `how` has the amounts behind its first line, `later` is the object with the keys of
--   the next period, or nil.
-- @include guard/counters
-- @include guard/counting
local reserving = { prepare = nil, apply = nil, reserve = nil, prepare_end = nil, apply_end = nil, finish = nil }

function reserving.prepare(of, id)
  local record = redis.pcall('HGET', of.reserved, id)
  if not record then
    return nil
  end
  return record.err and record or string.sub(record, 1, 1)
end

function reserving.apply(of, id, changes, lasts)
  local record = { 'r' }
  for by, name in string.gmatch(changes, '(%-?%d+) %S+ %S+ ([^\n]+)') do
    record[#record + 1] = by .. ' ' .. name
  end
  redis.call('HSET', of.reserved, id, table.concat(record, '\n'))
  redis.call('ZADD', of.expiring, string.format('%.0f', now + lasts * 1000), id)
  counters.keep(of, of.reserved)
  counters.keep(of, of.expiring)
  if of.followed ~= false then
    counters.tell(of, 't', lasts)
  end
end

function reserving.reserve(of, changes, id, lasts, new)
  local planned = counting.prepare(of, changes, true)
  local first = not new and counters.ready(of) == nil and reserving.prepare(of, id)
  if first then
    return type(first) == 'table' and first or '=' .. first
  end
  if type(planned) ~= 'table' or planned.err then
    return planned
  end
  local answer = counting.apply(of, planned)
  reserving.apply(of, id, changes, lasts)
  return answer
end

-- Whether another amount fits what a reservation takes from a counter (0 or less) and adds to it.
local function fits(by, down, up)
  return by >= down and by <= up
end

function reserving.prepare_end(of, id, amounts)
  local wait = counters.ready(of)
  if wait then
    return wait
  end
  local record = redis.pcall('HGET', of.reserved, id)
  if not record then
    return ''
  end
  if record.err then
    return record
  end
  if string.sub(record, 1, 1) ~= 'r' then
    return string.sub(record, 1, 1)
  end
  local states, held = {}, {}
  for by, name in string.gmatch(record, '\n(%-?%d+) ([^\n]+)') do
    local state = states[name] or counters.state(of, name)
    if state.err then
      return state
    end
    states[name] = state
    local change = held[name]
    if not change then
      change = { by = 0, down = 0, up = 0 }
      held[name] = change
    end
    by = tonumber(by)
    change.by = change.by + by
    if by < 0 then
      change.down = change.down + by
    else
      change.up = change.up + by
    end
  end
  if amounts then
    for by, name in string.gmatch(amounts, '(%-?%d+) ([^\n]+)') do
      local change = held[name]
      by = tonumber(by)
      if not change or not fits(by, change.down, change.up) then
        return '!' .. name
      end
      change.by = by
    end
  end
  return { id = id, states = states, held = held }
end

function reserving.apply_end(of, plan, how)
  for name, change in pairs(plan.held) do
    local state = plan.states[name]
    local made = how == 'c' and change.by or 0
    state[1] = state[1] + made
    state[2] = math.min(0, state[2] - change.down)
    state[3] = math.max(0, state[3] - change.up)
    state.more = made > change.down
    state.less = made < change.up
  end
  counters.save(of, plan.states)
  redis.call('HSET', of.reserved, plan.id, how)
  -- It is stored at least until it would have expired: its caller may ask again until then.
  redis.call('ZADD', of.expiring, 'GT', string.format('%.0f', now + of.remember), plan.id)
end

function reserving.finish(of, later, id, how)
  local at, amounts = of, nil
  if #how > 1 then
    how, amounts = string.sub(how, 1, 1), string.sub(how, 3)
  end
  local planned = reserving.prepare_end(of, id, amounts)
  if planned == '' and later then
    at = later
    planned = reserving.prepare_end(later, id, amounts)
  end
  if type(planned) ~= 'table' or planned.err then
    return planned
  end
  reserving.apply_end(at, planned, how)
  return '+'
end
