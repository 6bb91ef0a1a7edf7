-- `places`: order and concurrency by key. A key of a stream has a number of places, one where order is asked for. An entry needs a
-- place of its key to be handled; without one it is queued.
--
-- `busy` is a hash: place -> the locations of the entries that have it, in the order in which they are handled, separated by spaces.
-- The first place of a key has the key as its name; the others have the byte 1 and a number behind it. Several entries have one place
-- only when they were passed on together as a run (members.lua): one worker handles them one after the other. Two fields are counts: ''
-- of all entries that were ever queued or added with a priority; byte 1 of the entries of runs that have another one of their run before them. Locations:
--
--   m<id>        in the stream             r<position>  in ready; of an entry of a run <position>/<which one>, see expanded.lua
--   d<due>/<id>  in delayed                x<position>  a dead letter that stops its key
--
-- `queued` is a sorted set, score 0, of members (members.lua): the first one of a key was added first.
--
-- Invariants. An entry that has a place is in one of those locations, and its field `k` is the place. A key that has queued entries
-- has no free place. Only the first entry of a place is finished, retried or buried. An entry that gives up its place before that, such
-- as when its worker died, is queued again under its id, and so comes before those that were added later. A run stays in ready, and
-- under its lease, until the last of its entries that has a place left it. An entry of a run without a location was finished or cancelled.
--
-- Every script that moves an entry moves the place with it. So a process that dies before or after a script leaves both consistent.
-- Only a user who deletes entries or keys by hand does not: stream/check_places.lua repairs that.
--
-- `most` is the number of places of a key, from 1.
-- @include stream/entry
-- @include stream/expanded
-- @include stream/members
-- @include typed
local places = { open = nil }
local STEP, MOST_BYTES, SMALL, BEHIND = 4, 65536, 1024, '\1'

function places.open(busy, queued, ready, most)
  return { busy = busy, queued = queued, ready = ready, most = tonumber(most), small = false }
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

-- The locations of a place, false when it is free.
function places.get(of, place)
  return expanded(redis.call('HGET', of.busy, place))
end

-- The first location of a place, if any.
function places.first(of, place)
  return string.match(places.get(of, place) or '', '^%S+')
end

function places.queue(of, key, delivery)
  redis.call('ZADD', of.queued, 0, members.from(key, delivery))
end

function places.is_queued(of, key, id)
  local prefix = members.prefix(key, id)
  return redis.call('ZRANGE', of.queued, '[' .. prefix, '(' .. prefix .. '\255', 'BYLEX', 'LIMIT', 0, 1)[1] ~= nil
end

function places.unqueue(of, key, delivery)
  redis.call('ZREM', of.queued, members.from(key, delivery))
end

-- The entry of a member of queued; nil when penknife did not write it.
function places.queued_entry(member)
  return members.entry(member)
end

-- A pattern of ZSCAN for the members that may be an entry.
function places.queued_match(id)
  return '*' .. members.prefix('', id) .. '*'
end

-- The first queued entries of a key: at most `run`, or four when the last ones were not small.
local function first_queued(of, key, run)
  local from, to = '[' .. key .. '\0', '(' .. key .. '\1'
  local count = of.small and run or math.min(run, STEP)
  local found = redis.call('ZRANGE', of.queued, from, to, 'BYLEX', 'LIMIT', '0', count)
  of.small = found[1] and #found[1] < SMALL
  if run > count and #found == count and of.small then
    for _, member in ipairs(redis.call('ZRANGE', of.queued, from, to, 'BYLEX', 'LIMIT', count, run - count)) do
      found[#found + 1] = member
    end
  end
  return found
end

-- Adds a run to ready. Returns its location.
local function put_run(of, place, run)
  local add = { 'XADD', of.ready, '*', 'k', place }
  for at, member in ipairs(run) do
    add[2 * at + 4], add[2 * at + 5] = 'm', member
  end
  return 'r' .. redis.call(unpack(add)) .. '/1:' .. #run
end

-- The first queued entries that may be passed on together: the first one alone, or several as a run.
local function run_of(found, length)
  local run, bytes = {}, 0
  for at, member in ipairs(found) do
    bytes = bytes + #member
    if at > 1 and bytes > MOST_BYTES or not members.may_run(member, length) then
      break
    end
    run[at] = member
  end
  return run, bytes
end

-- Passes a place on to the first entries that are queued for its key: at most `run` of them, and some 64 KiB beyond the first one. It
-- becomes free when none is queued, or when a key has fewer places now. With `later` `busy` is changed by `places.done`, for many places
-- at once. Returns the bytes of the entries that became ready.
function places.pass_on(of, place, run, later)
  local key, number = place, ''
  if string.find(place, '\1', 1, true) then
    key, number = string.match(place, '^([^\1]*)\1(%d*)$')
  end
  local found = (tonumber(number) or 1) <= of.most and first_queued(of, key, run) or {}
  later = later or { busy = {}, free = {}, behind = 0, alone = true }
  local together, bytes = run_of(found, #key)
  local locations
  if together[2] then
    locations = put_run(of, place, together)
    later.behind = later.behind + #together - 1
    redis.call('ZREM', of.queued, unpack(together))
  elseif found[1] then
    local delivery = members.entry(found[1], #key)
    if delivery then
      delivery.k = place
      locations = 'r' .. entry.put_ready(of.ready, delivery)
    else
      -- The worker makes it a dead letter, and check_places.lua goes on.
      entry.put_ready(of.ready, { foreign = true, d = found[1] })
    end
    redis.call('ZREM', of.queued, found[1])
  end
  if locations then
    later.busy[#later.busy + 1] = place
    later.busy[#later.busy + 1] = locations
  else
    later.free[#later.free + 1] = place
  end
  if later.alone then
    places.done(of, later)
  end
  return bytes
end

-- Counts entries behind others of their run.
local function count_behind(of, change)
  if change ~= 0 and redis.call('HINCRBY', of.busy, BEHIND, change) <= 0 then
    redis.call('HDEL', of.busy, BEHIND)
  end
end

-- Changes what `places.pass_on` left for later.
function places.done(of, later)
  if later.busy[1] then
    redis.call('HSET', of.busy, unpack(later.busy))
  end
  if later.free[1] then
    redis.call('HDEL', of.busy, unpack(later.free))
  end
  count_behind(of, later.behind)
end

-- The run of a location, as the beginning of its locations; nil for another location.
function places.run(location)
  return string.match(location, '^(r[^/]*/)')
end

-- A location is to leave a place, whose other locations are `rest`.
local function leave_run(of, location, rest)
  local run = places.run(location)
  if run and string.find(rest, run, 1, true) then
    count_behind(of, -1)
  end
end

-- An entry left its position, and its place or its location there: the position to acknowledge and delete; nil while another entry of
-- its run is there.
function places.left(of, place, position)
  local base = members.position(position)
  if base and string.find(redis.call('HGET', of.busy, place) or '', 'r' .. base .. '/', 1, true) then
    return nil
  end
  return base or position
end

-- Whether a location is among those of a place.
function places.is_in(value, location)
  return value and string.find(' ' .. value .. ' ', ' ' .. location .. ' ', 1, true) ~= nil
end

-- The positions of the entries of a run that are still there: all when its place was lost. For another entry that position.
function places.positions(of, position)
  local found = redis.call('XRANGE', of.ready, position, position)[1]
  local fields = found and found[2] or {}
  if fields[1] ~= 'k' or fields[3] ~= 'm' then
    return { position }
  end
  local value, all, there = places.get(of, fields[2]), {}, {}
  for nth = 1, #fields / 2 - 1 do
    all[nth] = position .. '/' .. nth
    if places.is_in(value, 'r' .. all[nth]) then
      there[#there + 1] = all[nth]
    end
  end
  return there[1] and there or all
end

-- Whether a location of the list `value` has others before it. An unknown location has not: its place was lost.
function places.follows(value, location)
  if not value or value == location then
    return false
  end
  local at = string.find(' ' .. value .. ' ', ' ' .. location .. ' ', 1, true)
  return at ~= nil and at > 1
end

-- The locations of `value`, as Redis has it or false: a list that begins at `from`.
function places.list(value)
  local list = { from = 1 }
  for each in string.gmatch(expanded(value) or '', '%S+') do
    list[#list + 1] = each
  end
  return list
end

-- Takes the first location out of a list. Returns false when others are before it. An unknown location has none before it, unless it is
-- one of a run: that was finished or cancelled before.
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
  return not places.run(location)
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
  local rest = places.without(places.get(of, place), location)
  leave_run(of, location, rest)
  if rest == '' then
    places.pass_on(of, place, run)
  else
    redis.call('HSET', of.busy, place, rest)
  end
end

-- An entry moved and keeps its place.
function places.move(of, place, from, to)
  local value = places.get(of, place)
  if not value then
    redis.call('HSET', of.busy, place, to)
    return
  end
  local list = {}
  for each in string.gmatch(value, '%S+') do
    list[#list + 1] = each == from and to or each
  end
  local rest = table.concat(list, ' ')
  leave_run(of, from, rest)
  redis.call('HSET', of.busy, place, rest)
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
  for each in string.gmatch(places.get(of, delivery.k) or '', '%S+') do
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

-- Makes an entry of delayed ready that is due now, or queues it. One whose place was lost asks for one again.
function places.due(of, delivery)
  local location = delivery.k and places.delayed_location(of, delivery)
  if location then
    places.move(of, delivery.k, location, 'r' .. entry.put_ready(of.ready, delivery))
  elseif delivery.q or delivery.k then
    places.enter(of, delivery.q or places.key_of(delivery.k), delivery)
  else
    entry.put_ready(of.ready, delivery)
  end
end

-- Whether an entry of a key is queued that comes before this one.
local function has_earlier(of, key, id)
  local found = redis.call('ZRANGE', of.queued, '[' .. key .. '\0', '(' .. members.prefix(key, id), 'BYLEX', 'LIMIT', 0, 1)
  return found[1] ~= nil
end

-- Gives an entry of a place back: to ready, or to the queue when others are before it. Others of its run may have been given back to the
-- queue before it, and then the one before those was finished: it is the first of its place, and still not the next of its key.
function places.give_back(of, delivery, location)
  local place = delivery.k
  local key, value = places.key_of(place), places.get(of, place)
  if not places.is_in(value, location) then
    -- The place was lost.
    places.enter(of, key, delivery)
  elseif places.follows(value, location) or has_earlier(of, key, delivery.i) then
    places.queue(of, key, delivery)
    places.leave(of, place, location, 1)
  else
    places.move(of, place, location, 'r' .. entry.put_ready(of.ready, delivery))
  end
end

-- Gives the entries of a run back that no worker has: the first one is alone then, the others are queued.
function places.dissolve(of, run)
  for _, position in ipairs(places.positions(of, run)) do
    local delivery = entry.read_ready(of.ready, position)
    if delivery and delivery.k then
      places.give_back(of, delivery, 'r' .. position)
    end
  end
  redis.call('XDEL', of.ready, run)
end

-- An entry became the dead letter at `position`: with `stops` it keeps its place until it is requeued or purged.
function places.bury(of, delivery, location, position, stops)
  if stops then
    places.move(of, delivery.k, location, 'x' .. position)
  else
    places.leave(of, delivery.k, location, 1)
  end
end
