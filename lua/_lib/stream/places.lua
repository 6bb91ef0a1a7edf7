-- `places`: order and concurrency by key. A key of a stream has a number of places, one where order is asked for. An entry needs a
-- place of its key to be handled; without one it is queued.
--
-- `busy` is a hash: place -> the locations of the entries that have it, in the order in which they are handled, separated by spaces.
-- The first place of a key has the key as its name; the others have the byte 0 and a number behind it. Several entries have one place
-- only when they were passed on together: one worker handles them one after the other. The field '' counts all entries that were
-- ever queued. Locations:
--
--   m<id>        in the stream             r<position>  in ready
--   d<due>/<id>  in delayed                x<position>  a dead letter that stops its key
--
-- `queued` is a sorted set, score 0, whose members begin with key, byte 0 and sortable id: the first one of a key was added first.
--
-- Invariants. An entry that has a place is in one of those locations, and its field `k` is the place. A key that has queued entries
-- has no free place. Only the first entry of a place is finished, retried or buried. An entry that gives up its place before that, such
-- as when its worker died, is queued again under its id, and so comes before those that were added later.
--
-- Every script that moves an entry moves the place with it. So a process that dies before or after a script leaves both consistent.
-- Only a user who deletes entries or keys by hand does not: stream/check_places.lua repairs that.
--
-- `most` is the number of places of a key, from 1.
-- @include stream/entry
-- @include typed
local places = { open = nil }
local MOST_BYTES = 65536

function places.open(busy, queued, ready, most)
  return { busy = busy, queued = queued, ready = ready, most = tonumber(most) }
end

-- The error when a key has another type.
function places.wrong(of)
  return typed(of.busy, 'hash') or typed(of.queued, 'zset')
end

function places.key_of(place)
  return string.match(place, '^[^%z]*')
end

local function named(key, number)
  return number == 1 and key or key .. '\0' .. number
end

-- A free place of a key; nil when there is none.
function places.free(of, key)
  for number = 1, of.most do
    local place = named(key, number)
    if redis.call('HEXISTS', of.busy, place) == 0 then
      return place
    end
  end
end

function places.take(of, place, location)
  redis.call('HSET', of.busy, place, location)
end

-- The first location of a place, if any.
function places.first(of, place)
  return string.match(redis.call('HGET', of.busy, place) or '', '^%S+')
end

-- Text that has the order of the ids.
local function sortable(id)
  local ms, number = string.match(id, '^(%d+)-(%d+)$')
  return string.char(64 + #ms) .. ms .. string.char(64 + #number) .. number
end

function places.queue(of, key, delivery)
  local packed = cmsgpack.pack({ delivery.a, delivery.f, delivery.d, delivery.t or '', delivery.v or 0 })
  redis.call('ZADD', of.queued, 0, key .. '\0' .. sortable(delivery.i) .. packed)
end

function places.is_queued(of, key, id)
  local member = key .. '\0' .. sortable(id)
  return redis.call('ZRANGE', of.queued, '[' .. member, '(' .. member .. '\255', 'BYLEX', 'LIMIT', 0, 1)[1] ~= nil
end


-- The entry of a member; nil when penknife did not write it.
local function queued_entry(key, member)
  -- The letters in front of the two numbers say how long they are.
  local at = #key + 3
  local second = at + (string.byte(member, at - 1) or 64) - 64
  local last = second + (string.byte(member, second) or 64) - 64
  local id = string.sub(member, at, second - 1) .. '-' .. string.sub(member, second + 1, last)
  local ok, found = pcall(cmsgpack.unpack, string.sub(member, last + 1))
  if not ok or type(found) ~= 'table' or not string.match(id, '^%d+%-%d+$') then
    return nil
  end
  local a, f, d, t, v = found[1], found[2], found[3], found[4], found[5]
  if type(a) ~= 'number' or type(f) ~= 'number' or type(d) ~= 'string' or type(t) ~= 'string' or type(v) ~= 'number' then
    return nil
  end
  return { i = id, a = a, f = f, d = d, t = t ~= '' and t or nil, v = v > 0 and v or nil }
end

-- At most `count` queued entries of a key, from the `skip`th on.
local function first_queued(of, key, skip, count)
  return redis.call('ZRANGE', of.queued, '[' .. key .. '\0', '(' .. key .. '\1', 'BYLEX', 'LIMIT', skip, count)
end

-- Passes a place on to the first entries that are queued for its key: at most `run` of them, and some 64 KiB beyond the first one. It
-- becomes free when none is queued, or when a key has fewer places now. With `later` the queue and `busy` are changed by `places.done`,
-- for many places at once; that needs keys with one place, or two of them would get the same entry.
function places.pass_on(of, place, run, later)
  local key, number = string.match(place, '^([^%z]*)%z?(%d*)$')
  local found = (tonumber(number) or 1) <= of.most and first_queued(of, key, 0, 1) or {}
  if not found[1] then
    if later then
      later.free[#later.free + 1] = place
    else
      redis.call('HDEL', of.busy, place)
    end
    return
  end
  local more = math.min(run, math.floor(MOST_BYTES / #found[1]) + 1) - 1
  local locations, before, bytes = {}, nil, 0
  local function put(members)
    for at, member in ipairs(members) do
      bytes = bytes + #member
      if bytes > MOST_BYTES and locations[1] then
        return { unpack(members, 1, at - 1) }
      end
      local delivery = queued_entry(key, member)
      if delivery then
        delivery.k, delivery.p = place, before
        locations[#locations + 1] = 'r' .. entry.put_ready(of.ready, delivery)
        before = delivery.i
      else
        -- The worker makes it a dead letter.
        entry.put_ready(of.ready, { foreign = true, d = member })
      end
    end
    return members
  end
  local moved = put(found)
  if more > 0 then
    for _, member in ipairs(put(first_queued(of, key, 1, more))) do
      moved[#moved + 1] = member
    end
  end
  if later and locations[1] then
    for _, member in ipairs(moved) do
      later.moved[#later.moved + 1] = member
    end
    later.busy[#later.busy + 1] = place
    later.busy[#later.busy + 1] = table.concat(locations, ' ')
    return
  end
  redis.call('ZREM', of.queued, unpack(moved))
  if locations[1] then
    redis.call('HSET', of.busy, place, table.concat(locations, ' '))
  else
    -- Only unreadable ones; check_places.lua goes on.
    redis.call('HDEL', of.busy, place)
  end
end

-- What `places.pass_on` left for later.
function places.done(of, later)
  local function call(command, key, values)
    for from = 1, #values, 4000 do
      redis.call(command, key, unpack(values, from, math.min(from + 3999, #values)))
    end
  end
  call('ZREM', of.queued, later.moved)
  call('HSET', of.busy, later.busy)
  call('HDEL', of.busy, later.free)
end

-- Whether a location of the list `value` has others before it. An unknown location has not: its place was lost.
function places.follows(value, location)
  if not value or value == location then
    return false
  end
  local at = string.find(' ' .. value .. ' ', ' ' .. location .. ' ', 1, true)
  return at ~= nil and at > 1
end

-- The locations of `value`, which may be false: a list that begins at `from`.
function places.list(value)
  local list = { from = 1 }
  for each in string.gmatch(value or '', '%S+') do
    list[#list + 1] = each
  end
  return list
end

-- Takes the first location out of a list. Returns false when others are before it. An unknown location has none before it.
function places.shift(list, location)
  if list[list.from] == location then
    list.from = list.from + 1
    return true
  end
  for at = list.from + 1, #list do
    if list[at] == location then
      return false
    end
  end
  return true
end

-- The list without a location.
function places.without(value, location)
  local left = {}
  for each in string.gmatch(value or '', '%S+') do
    if each ~= location then
      left[#left + 1] = each
    end
  end
  return table.concat(left, ' ')
end

-- An entry gave up its place: passes it on, unless others have it too.
function places.leave(of, place, location, run)
  local rest = places.without(redis.call('HGET', of.busy, place), location)
  if rest == '' then
    places.pass_on(of, place, run)
  else
    redis.call('HSET', of.busy, place, rest)
  end
end

-- An entry moved and keeps its place.
function places.move(of, place, from, to)
  local value = redis.call('HGET', of.busy, place)
  if not value then
    redis.call('HSET', of.busy, place, to)
    return
  end
  local list = {}
  for each in string.gmatch(value, '%S+') do
    list[#list + 1] = each == from and to or each
  end
  redis.call('HSET', of.busy, place, table.concat(list, ' '))
end

-- The location of an entry in delayed.
function places.later(due, id)
  return 'd' .. string.format('%.0f', due) .. '/' .. id
end

-- Makes an entry that has no place yet ready, or queues it.
function places.enter(of, key, delivery)
  local place = places.free(of, key)
  if not place then
    places.queue(of, key, delivery)
    return
  end
  delivery.k = place
  places.take(of, place, 'r' .. entry.put_ready(of.ready, delivery))
end

-- Makes an entry of delayed ready that is due now, or queues it.
function places.due(of, delivery)
  if delivery.q then
    places.enter(of, delivery.q, delivery)
    return
  end
  local position = entry.put_ready(of.ready, delivery)
  if delivery.k then
    local from
    for each in string.gmatch(redis.call('HGET', of.busy, delivery.k) or '', '%S+') do
      from = string.match(each, '^d%d+/(.*)$') == delivery.i and each or from
    end
    places.move(of, delivery.k, from, 'r' .. position)
  end
end

-- Gives an entry of a place back: to ready, or to the queue when others are before it.
function places.give_back(of, delivery, location)
  local place = delivery.k
  if places.follows(redis.call('HGET', of.busy, place), location) then
    places.queue(of, places.key_of(place), delivery)
    places.leave(of, place, location, 1)
  else
    delivery.p = nil
    places.move(of, place, location, 'r' .. entry.put_ready(of.ready, delivery))
  end
end

-- An entry became the dead letter at `position`: with `stops` it keeps its place until it is requeued or purged.
function places.bury(of, delivery, location, position, stops)
  if stops then
    places.move(of, delivery.k, location, 'x' .. position)
  else
    places.leave(of, delivery.k, location, 1)
  end
end
