-- `counters`: all counters of one name, as an object.
--
-- Keys: `values`, a hash, counter -> "value", or "value down up" with open reservations; `expiring`, a sorted set, reservation id by the
-- microsecond at which it expires; `reserved`, a hash, reservation id -> record. `down` (0 or less) and `up` (0 or more) are the sums of
-- the changes in open reservations.
--
-- A record is "r" and a line "by name" for each change while the reservation is open. Then it is "c" (committed), "x" (cancelled) or "e"
-- (expired) until it is forgotten. A counter at its initial value without reservations has no field.
--
-- Invariant: floor <= value + down and value + up <= ceiling, for the floor and the ceiling that this process declared. So a commit or
-- a cancel is never refused. A reservation is open if and only if its changes are in `down` and `up`.
--
-- Nudges: a change that lets another caller take more publishes "+name", one that lets another caller add more publishes "-name", if
-- anybody follows the channel.
--
-- - `counters.open(keys, plan)`: `keys` has the three keys; with a calendar, those of the next period too. `plan` is a line of numbers:
--   floor, ceiling, initial value, milliseconds for which an ended reservation is stored; with a calendar also start, turn and finish of
--   both periods in microseconds, and the milliseconds since 1970 at which the keys of each expire. A second line is the channel of
--   nudges.
-- - `counters.ready(of)` chooses the period and gives back expired reservations. It returns nothing when the object may be used, the time
--   when another period is needed, 0 when more reservations must be given back first, or an error.
-- - `counters.state(of, name)` returns a counter as {value, down, up}, or an error. Set `more` or `less` of a state when a change lets
--   others take more or add more. `counters.save(of, states)` writes counters by name, and publishes nudges.
-- - `counters.keep(of, key)` sets the expiry of a period's key. `counters.tell(of, sign, name)` publishes a nudge.
-- @include now
-- @include typed
local counters = { open = nil, ready = nil, state = nil, save = nil, keep = nil, tell = nil }

-- At most so many reservations, and changes in them, are given back in one call.
local MOST_DUE = 32
local MOST_CHANGES = 128

function counters.open(keys, plan)
  local numbers, channel = string.match(plan, '^([^\n]*)\n?(.*)$')
  local words = {}
  for word in string.gmatch(numbers, '%S+') do
    words[#words + 1] = tonumber(word)
  end
  return {
    keys = keys,
    values = keys[1],
    expiring = keys[2],
    reserved = keys[3],
    floor = words[1],
    ceiling = words[2],
    initial = words[3],
    remember = words[4] * 1000,
    start = words[5],
    turn = words[6],
    finish = words[7],
    lives = words[8],
    next_lives = words[9],
    looked = false,
    answer = nil,
    kept = {},
    channel = channel,
    followed = nil,
  }
end

-- Chooses the period by Redis' clock; returns the time when it is neither of the two.
local function choose(of)
  if not of.start then
    return nil
  end
  if now < of.start or now >= of.finish then
    return now
  end
  if now >= of.turn then
    of.values, of.expiring, of.reserved, of.lives = of.keys[4], of.keys[5], of.keys[6], of.next_lives
  end
end

function counters.state(of, name)
  local text = redis.pcall('HGET', of.values, name)
  if not text then
    return { of.initial, 0, 0 }
  end
  if type(text) == 'table' then
    return text
  end
  local value, down, up = string.match(text, '^(%-?%d+) (%-?%d+) (%d+)$')
  if not value then
    value, down, up = string.match(text, '^%-?%d+$'), 0, 0
  end
  value, down, up = tonumber(value), tonumber(down), tonumber(up)
  if not value or math.abs(value) > 9007199254740991 or down < -9007199254740991 or up > 9007199254740991 then
    return { err = 'ERR ' .. of.values .. ' has a field that no counter wrote: set or delete it' }
  end
  return { value, down, up }
end

function counters.keep(of, key)
  if of.lives and not of.kept[key] then
    of.kept[key] = true
    redis.call('PEXPIRE', key, math.max(1, math.ceil(of.lives - now / 1000)))
  end
end

function counters.tell(of, sign, name)
  if of.followed == nil then
    -- A user without the permission has waiters that ask by their timers.
    local count = of.channel ~= '' and redis.pcall('PUBSUB', 'SHARDNUMSUB', of.channel)
    of.followed = count and not count.err and count[2] > 0
  end
  if of.followed then
    redis.pcall('SPUBLISH', of.channel, sign .. name)
  end
end

function counters.save(of, states)
  local set, gone = {}, {}
  for name, state in pairs(states) do
    local value, down, up = state[1], state[2], state[3]
    if state.more then
      counters.tell(of, '+', name)
    end
    if state.less then
      counters.tell(of, '-', name)
    end
    if down == 0 and up == 0 then
      if value == of.initial then
        gone[#gone + 1] = name
      else
        set[#set + 1] = name
        set[#set + 1] = string.format('%.0f', value)
      end
    else
      set[#set + 1] = name
      set[#set + 1] = string.format('%.0f %.0f %.0f', value, down, up)
    end
  end
  if #set > 0 then
    redis.call('HSET', of.values, unpack(set))
    counters.keep(of, of.values)
  end
  if #gone > 0 then
    redis.call('HDEL', of.values, unpack(gone))
  end
end

-- Gives back the changes of an open reservation; returns how many there were.
local function give_back(of, record)
  local states, count = {}, 0
  for by, name in string.gmatch(record, '\n(%-?%d+) ([^\n]+)') do
    local state = states[name] or counters.state(of, name)
    count = count + 1
    if not state.err then
      by = tonumber(by)
      if by < 0 then
        state[2], state.more = math.min(0, state[2] - by), true
      else
        state[3], state.less = math.max(0, state[3] - by), true
      end
      states[name] = state
    end
  end
  counters.save(of, states)
  return count
end

-- Ends one entry whose time is over: an open reservation expires, an ended one is forgotten.
local function expire(of, id)
  local record = redis.call('HGET', of.reserved, id)
  if record and string.sub(record, 1, 1) == 'r' then
    local count = give_back(of, record)
    redis.call('HSET', of.reserved, id, 'e')
    redis.call('ZADD', of.expiring, string.format('%.0f', now + of.remember), id)
    return count
  end
  redis.call('HDEL', of.reserved, id)
  redis.call('ZREM', of.expiring, id)
  return 1
end

function counters.ready(of)
  if of.looked then
    return of.answer
  end
  of.looked = true
  of.answer = choose(of)
  if of.answer then
    return of.answer
  end
  local due = redis.pcall('ZRANGE', of.expiring, '-inf', string.format('%.0f', now), 'BYSCORE', 'LIMIT', 0, MOST_DUE + 1)
  if due.err then
    of.answer = due
  elseif #due > 0 then
    of.answer = typed(of.values, 'hash') or typed(of.reserved, 'hash')
    local changes = 0
    for at = 1, of.answer and 0 or math.min(#due, MOST_DUE) do
      if changes < MOST_CHANGES then
        changes = changes + expire(of, due[at])
      else
        of.answer = 0
      end
    end
    if #due > MOST_DUE then
      of.answer = of.answer or 0
    end
  end
  return of.answer
end
