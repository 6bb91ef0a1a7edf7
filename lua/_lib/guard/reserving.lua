-- `reserving`: reserves changes of counters, and ends a reservation, each in two phases. See counters.lua for the object.
--
-- `reserving.begin(of, ids)` reads reservations and their counters at once, see `counters.begin`.
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
local reserving = { begin = nil, prepare = nil, apply = nil, reserve = nil, prepare_end = nil, apply_end = nil, finish = nil }

-- The record of a reservation; nothing, or an error.
local function record_of(of, id)
  local known = of.states and of.records[id]
  if known ~= nil then
    return known
  end
  return redis.pcall('HGET', of.reserved, id)
end

-- Writes a record and when it expires: now, or with `counters.flush`.
local function put(of, id, record, due, ends)
  local score = string.format('%.0f', due)
  if of.states then
    of.records[id], of.changed_records[id] = record, record
    local scores = ends and of.ended or of.made
    scores[#scores + 1] = score
    scores[#scores + 1] = id
    return
  end
  redis.call('HSET', of.reserved, id, record)
  if ends then
    redis.call('ZADD', of.expiring, 'GT', score, id)
    return
  end
  redis.call('ZADD', of.expiring, score, id)
  counters.keep(of, of.reserved)
  counters.keep(of, of.expiring)
end

function reserving.begin(of, ids)
  local records = redis.pcall('HMGET', of.reserved, unpack(ids))
  if records.err then
    return records
  end
  local names, seen = {}, {}
  of.records = {}
  for at, id in ipairs(ids) do
    local record = records[at]
    of.records[id] = record
    if record and string.sub(record, 1, 1) == 'r' then
      for name in string.gmatch(record, '\n%-?%d+ ([^\n]+)') do
        if not seen[name] then
          seen[name] = true
          names[#names + 1] = name
        end
      end
    end
  end
  return counters.begin(of, names)
end

function reserving.prepare(of, id)
  local record = record_of(of, id)
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
  put(of, id, table.concat(record, '\n'), now + lasts * 1000, false)
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
  local record = record_of(of, id)
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
  -- It is stored at least until it would have expired: its caller may ask again until then.
  put(of, plan.id, how, now + of.remember, true)
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
