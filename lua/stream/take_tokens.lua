--- Take a token of a rate limiter for an entry that a worker is about to start. Where it is denied, set the entry aside until the limiter
-- may allow it; this uses up no attempt.
--
-- Invariant: an entry is charged and stays with its worker, or it is set aside and nothing is charged, or neither because the worker does not
-- have it any more. Each denied entry of a subject is set aside until a time behind the one before, so that they come back at the pace of its
-- limit; those that would wait for longer than a minute come back at the end of that minute, spread over a quarter of it.
-- When the worker's process dies: before the call, the lease ends and nothing is charged. After a charge, the lease ends, the entry is handled
-- again and charged again. An entry that was set aside has no lease and comes back by itself. A call that is sent again because its reply was
-- lost charges again, or finds that the entry was set aside.
-- For a single GCRA rule this is called only when limiter/take.lua did not allow the entry, or its lease may end soon: see token-takes.ts.
-- The entries of a run (lua/_lib/stream/members.lua) leave it in order. One that is denied before Redis has the outcome of the one before it is
-- not moved: the worker sets it aside behind that outcome (settle.lua).
-- @batch 32
-- @full runs         the entry can be finished then, which frees memory; the state of a subject has a TTL
-- @include now
-- @include record/limiting
-- @include record/denied
-- @include limiter/waiting
-- @include stream/entry
-- @include stream/finishing
-- @include stream/placing
-- @include typed
-- @shared keys of    stream, stream of entries that the group must handle again, sorted set of those that wait for a time; with order by key its places (lua/_lib/stream/places.lua)
-- @shared each       how many keys an item has: those of a subject
-- @shared most       places of a key; 0 without order
-- @shared group      group
-- @shared consumer   name of the worker's consumer
-- @shared declared   groups of a work queue, separated by spaces; - for an event log
-- @shared rules      rules of the limiter, see lua/_lib/limiter/charging.lua
-- @item keys own     of the entry's subject: states, and logs, in the order in which the rules number them
-- @item arg where    m for the stream or r for ready, and the position
-- @item arg place    place of its key; empty: it has none
-- @item arg used     attempts that it used up
-- @item arg fence    fencing token
-- @item arg behind   milliseconds until the last entry of the subject comes back that the worker has set aside
-- @item arg pace     milliseconds between two of them
-- @returns integer|string "+" and the state of the rules; "-", the milliseconds for which it was set aside, a space and that state; "=" and the same when the worker has to set it aside; "l": the worker does not have it any more; Redis' time when the calendar periods of the rules do not contain it

local MOST_AHEAD, LONGEST_MS, SPREAD_MS, STEP_MS = 32, 60000, 15000, 1009
local stream, ready, delayed = of[1], of[2], of[3]
local limit = { own = 1, n = 1 }
limiting.open(limit, nil, nil, nil, { rules, each }, 1)
local places, held = placing(most, of[4], of[5], ready)
local asked = {}
local wrong = typed(stream, 'stream') or typed(ready, 'stream') or typed(delayed, 'zset') or held and places.wrong(held)
  or denied(limiting.commands(limit), stream, asked) or denied({ 'XPENDING' }, stream, asked)
  or held and denied({ 'HGET' }, stream, asked)
local COST = { '1' }
-- Of this call's subjects, when the next denied entry comes back at the earliest, in milliseconds from now.
local next_ms = {}
local spread = 0
-- Of each stream, positions that the worker has.
local leased = { [stream] = {}, [ready] = {} }
local ahead = 1

-- The error when the user may not set an entry aside. It is asked at the first denial, because most calls have none.
local function missing_right()
  return denied({ 'XRANGE', 'XINFO', 'XTRIM', 'XACK', 'XDEL', 'ZADD' }, stream, asked)
    or held and denied({ 'HSET', 'HINCRBY', 'HDEL' }, stream, asked) or nil
end

-- Whether the worker has a position. Entries of a call follow each other, so the more of them are asked for, the more are read at once.
local function is_leased(key, position)
  local known = leased[key]
  if not known[position] then
    local rows = redis.pcall('XPENDING', key, group, position, '+', ahead, consumer)
    -- Without the group there are no leases.
    if rows.err and not string.match(rows.err, '^NOGROUP') then
      error(rows)
    end
    ahead = math.min(2 * ahead, MOST_AHEAD)
    for _, row in ipairs(rows) do
      known[row[1]] = true
    end
  end
  return known[position]
end

-- Whether an entry of a run was cancelled, and whether the worker has still to report the outcome of one before it in its place.
local function find_in_place(place, location)
  if not held or place == '' then
    return false, false
  end
  local value = places.get(held, place)
  return places.run(location) and not places.is_in(value, location), places.follows(value, location)
end

local function delay_of(text, subject, behind, pace)
  local blocked = string.match(text, '^2 (%d+)')
  local least = math.ceil(math.max(1000, blocked or waiting(limit.of, 1)) / 1000)
  if blocked then
    return math.min(least, LONGEST_MS)
  end
  local ms = math.max(least, math.ceil(next_ms[subject] or tonumber(behind)))
  next_ms[subject] = math.min(ms + tonumber(pace), LONGEST_MS + 1)
  if ms <= LONGEST_MS then
    return ms
  end
  spread = (spread + STEP_MS) % SPREAD_MS
  return LONGEST_MS - spread
end

local function set_aside(key, where, position, base, used, fence, ms)
  -- Nil if it was deleted by hand.
  local delivery = (key == ready and entry.read_ready or entry.read)(key, position)
  if delivery then
    local due = math.ceil(now / 1000) + ms
    delivery.a, delivery.f = tonumber(used), tonumber(fence)
    entry.put_delayed(delayed, delivery, due)
    if held and delivery.k then
      places.move(held, delivery.k, where, places.later(due, delivery.i))
    end
  end
  leased[key][base] = nil
  if key == stream then
    finishing(stream, group, declared, position)
  elseif base == position or not delivery or not delivery.k or places.left(held, delivery.k, position) then
    redis.call('XACK', ready, group, base)
    redis.call('XDEL', ready, base)
  end
end

local function item(own, where, place, used, fence, behind, pace)
  if wrong then
    return wrong
  end
  local key, position = string.sub(where, 1, 1) == 'r' and ready or stream, string.sub(where, 2)
  -- That of its run, if it is in one.
  local base = held and string.match(position, '^[^/]*') or position
  local cancelled, follows = find_in_place(place, where)
  if cancelled or not is_leased(key, base) then
    return 'l'
  end
  local plan, stop = limiting.prepare(limit, COST, 1, nil, own)
  if plan then
    return '+' .. limiting.apply(limit, plan)
  elseif type(stop) ~= 'string' then
    return stop
  end
  -- Behind the number of the change, which is 1.
  local text = string.sub(stop, 3)
  local ms = delay_of(text, table.concat(own, ' '), behind, pace)
  if follows then
    return '=' .. string.format('%.0f', ms) .. ' ' .. text
  end
  local refused = missing_right()
  if refused then
    return refused
  end
  set_aside(key, where, position, base, used, fence, ms)
  return '-' .. string.format('%.0f', ms) .. ' ' .. text
end
