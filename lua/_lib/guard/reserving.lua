-- `reserving`: a reservation of changes of counters, and its end, each in two phases. See counters.lua for the object.
--
-- - `reserving.prepare(of, id)` reads: nothing when the id is new, the state of the reservation that has it ("r", "c", "x" or "e"), or
--   an error. `reserving.apply(of, id, changes, lasts)` writes it; the changes themselves are held by counting.lua.
-- - `reserving.prepare_end(of, id)` reads: the plan, or a text: "c", "x", "e", or "" for an id that is not known; 0, or an error.
--   `reserving.apply_end(of, plan, how)` ends it, `how` being "c" (the changes are made) or "x" (they are given back).
-- @include guard/counters
local reserving = { prepare = nil, apply = nil, prepare_end = nil, apply_end = nil }

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
end

function reserving.prepare_end(of, id)
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
  local states, changes = {}, {}
  for by, name in string.gmatch(record, '\n(%-?%d+) ([^\n]+)') do
    local state = states[name] or counters.state(of, name)
    if state.err then
      return state
    end
    states[name] = state
    changes[#changes + 1] = { tonumber(by), state }
  end
  return { id = id, states = states, changes = changes }
end

function reserving.apply_end(of, plan, how)
  for _, change in ipairs(plan.changes) do
    local by, state = change[1], change[2]
    if how == 'c' then
      state[1] = state[1] + by
    end
    if by < 0 then
      state[2] = math.min(0, state[2] - by)
    else
      state[3] = math.max(0, state[3] - by)
    end
  end
  counters.save(of, plan.states)
  redis.call('HSET', of.reserved, plan.id, how)
  -- Not sooner than it would have expired: until then its caller may ask again.
  local due = tonumber(redis.call('ZSCORE', of.expiring, plan.id)) or now
  redis.call('ZADD', of.expiring, string.format('%.0f', math.max(due, now + of.remember)), plan.id)
end
