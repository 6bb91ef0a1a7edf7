-- `places`: order and concurrency by key. A key of a stream has a number of places, one where order is asked for. An entry needs a
-- place of its key to be handled; without one it is queued.
--
-- `busy` is a hash: place -> the locations of the entries that have it, in the order in which they are handled, separated by spaces.
-- The first place of a key has the key as its name; the others have the byte 1 and a number behind it. Several entries have one place
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
local STEP, MOST_BYTES = 4, 65536

function places.open(busy, queued, ready, most)
  return { busy = busy, queued = queued, ready = ready, most = tonumber(most) }
end

-- The error when a key has another type.
function places.wrong(of)
  return typed(of.busy, 'hash') or typed(of.queued, 'zset')
end

function places.key_of(place)
  return string.match(place, '^[^\1]*')
end

local function named(key, number)
  return number == 1 and key or key .. '\1' .. number
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
  local packed = cmsgpack.pack({ delivery.a, delivery.f, delivery.d, delivery.t or '', delivery.v or 0, delivery.o })
  redis.call('ZADD', of.queued, 0, key .. '\0' .. sortable(delivery.i) .. packed)
end

function places.is_queued(of, key, id)
  local member = key .. '\0' .. sortable(id)
  return redis.call('ZRANGE', of.queued, '[' .. member, '(' .. member .. '\255', 'BYLEX', 'LIMIT', 0, 1)[1] ~= nil
end


-- The entry of a member of queued that begins with that key; nil when penknife did not write it.
local function entry_behind(key, member)
  -- The letters in front of the two numbers say how long they are.
  local at = #key + 3
  local second = at + (string.byte(member, at - 1) or 64) - 64
  local last = second + (string.byte(member, second) or 64) - 64
  local id = string.sub(member, at, second - 1) .. '-' .. string.sub(member, second + 1, last)
  local ok, found = pcall(cmsgpack.unpack, string.sub(member, last + 1))
  if not ok or type(found) ~= 'table' or not string.match(id, '^%d+%-%d+$') then
    return nil
  end
  local a, f, d, t, v, o = unpack(found, 1, 6)
  if type(a) ~= 'number' or type(f) ~= 'number' or type(d) ~= 'string' or type(t) ~= 'string' or type(v) ~= 'number' then
    return nil
  end
  return { i = id, a = a, f = f, d = d, t = t ~= '' and t or nil, v = v > 0 and v or nil, o = type(o) == 'string' and o or nil }
end

-- The entry of a member of queued; nil when penknife did not write it.
function places.queued_entry(member)
  local key = string.match(member, '^[^%z]+')
  return key and entry_behind(key, member)
end

-- A pattern of ZSCAN for the members that may be an entry.
function places.queued_match(id)
  return '*\0' .. sortable(id) .. '*'
end

-- The first queued entries of a key: at most `run`, four at first, and more if those were small.
local function first_queued(of, key, run)
  local from, to = '[' .. key .. '\0', '(' .. key .. '\1'
  local count = math.min(run, STEP)
  local found = redis.call('ZRANGE', of.queued, from, to, 'BYLEX', 'LIMIT', 0, count)
  if run > count and #found == count and #table.concat(found) < MOST_BYTES / 4 then
    for _, member in ipairs(redis.call('ZRANGE', of.queued, from, to, 'BYLEX', 'LIMIT', count, run - count)) do
      found[#found + 1] = member
    end
  end
  return found
end

-- Passes a place on to the first entries that are queued for its key: at most `run` of them, and some 64 KiB beyond the first one. It
-- becomes free when none is queued, or when a key has fewer places now. With `later` `busy` is changed by `places.done`, for many places
-- at once. Returns how many entries became ready.
function places.pass_on(of, place, run, later)
  local key, number = place, ''
  if string.find(place, '\1', 1, true) then
    key, number = string.match(place, '^([^\1]*)\1(%d*)$')
  end
  local found = (tonumber(number) or 1) <= of.most and first_queued(of, key, run) or {}
  local locations, before, bytes, last = {}, nil, 0, nil
  for at, member in ipairs(found) do
    bytes = bytes + #member
    if at > 1 and bytes > MOST_BYTES then
      break
    end
    last = member
    local delivery = entry_behind(key, member)
    if delivery then
      delivery.k, delivery.p = place, before
      locations[#locations + 1] = 'r' .. entry.put_ready(of.ready, delivery)
      before = delivery.i
    else
      -- The worker makes it a dead letter.
      entry.put_ready(of.ready, { foreign = true, d = member })
    end
  end
  if last then
    redis.call('ZREMRANGEBYLEX', of.queued, '[' .. found[1], '[' .. last)
  end
  later = later or { busy = {}, free = {}, alone = true }
  if locations[1] then
    later.busy[#later.busy + 1] = place
    later.busy[#later.busy + 1] = table.concat(locations, ' ')
  else
    -- After unreadable ones check_places.lua goes on.
    later.free[#later.free + 1] = place
  end
  if later.alone then
    places.done(of, later)
  end
  return #locations
end

-- Changes what `places.pass_on` left for later.
function places.done(of, later)
  if later.busy[1] then
    redis.call('HSET', of.busy, unpack(later.busy))
  end
  if later.free[1] then
    redis.call('HDEL', of.busy, unpack(later.free))
  end
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

-- The location in delayed of an entry that has a place; nil when the place was lost.
function places.delayed_location(of, delivery)
  local location
  for each in string.gmatch(redis.call('HGET', of.busy, delivery.k) or '', '%S+') do
    location = string.match(each, '^d%d+/(.*)$') == delivery.i and each or location
  end
  return location
end

-- An entry was removed from delayed: passes its place on.
function places.leave_delayed(of, delivery)
  local location = places.delayed_location(of, delivery)
  if location then
    places.leave(of, delivery.k, location, 1)
  end
end

-- Makes an entry of delayed ready that is due now, or queues it.
function places.due(of, delivery)
  if delivery.q then
    places.enter(of, delivery.q, delivery)
    return
  end
  local position = entry.put_ready(of.ready, delivery)
  if delivery.k then
    places.move(of, delivery.k, places.delayed_location(of, delivery), 'r' .. position)
  end
end

-- Whether an entry of a key is queued that comes before this one.
local function has_earlier(of, key, id)
  local found = redis.call('ZRANGE', of.queued, '[' .. key .. '\0', '(' .. key .. '\0' .. sortable(id), 'BYLEX', 'LIMIT', 0, 1)
  return found[1] ~= nil
end

-- Gives an entry of a place back: to ready, or to the queue when others are before it. Others of its run may have been given back to the
-- queue before it, and then the one before those was finished: it is the first of its place, and still not the next of its key.
function places.give_back(of, delivery, location)
  local place = delivery.k
  local key = places.key_of(place)
  if places.follows(redis.call('HGET', of.busy, place), location) or has_earlier(of, key, delivery.i) then
    places.queue(of, key, delivery)
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
