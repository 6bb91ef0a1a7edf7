--- Look after a group: what is due and what workers that gave no sign for longer than the lease let lie goes to ready,
-- where whoever has room gets it; what has used up its attempts goes to the dead letters. A worker looks at least every
-- ten seconds: it is alive.
--
-- What a worker vanished with uses up an attempt only if the worker marked that its handler was started (renew.lua), as it does
-- for all that another vanished with before. So those that were with it in one process keep their attempts; what kills every
-- process before it can be marked, such as by its size, uses up attempts from the 21st time on.
--
-- Invariant: each entry is in one place of its group before and after. A call takes at most 50 that are due and 50 from
-- each stream, or some 256 KiB of each, looking at no more than 500 leases each; it goes on where the last one stopped.
-- @batch 1
-- @full runs         without it nothing that is due or abandoned is handled, so that a full server could not be drained
-- @include now
-- @include stream/acknowledge
-- @include stream/entry
-- @include stream/started
-- @include typed
-- @shared group    group
-- @shared consumer who looks
-- @shared declared groups of a work queue separated by spaces, - for an event log
-- @shared lease    milliseconds
-- @shared attempts that an entry has
-- @item key stream stream
-- @item key ready  stream of what the group handles again
-- @item key later  sorted set of what it handles again later
-- @item key dead   stream of its dead letters
-- @item key paused there while the group is paused
-- @item arg from_stream cursor, 0-0 at first
-- @item arg from_ready  cursor, 0-0 at first
-- @returns list    both cursors, 1 when paused, milliseconds until something is due (-1: nothing waits), then id, attempts used and fencing number of each that was taken over; attempts negative when dead; fencing number 0 of one that cannot be read, which is dead, too

local STEP, MOST_BYTES = 50, 262144
local MOST_UNMARKED = 20

-- Calls `take` for two, and then for four at a time: an entry has up to 1 MiB. It answers the bytes that it took, or nothing when
-- there is no more.
local function in_steps(take)
  local left, bytes = STEP, 0
  for step = 1, STEP do
    local count = math.min(step == 1 and 2 or 4, left)
    local took = count > 0 and bytes < MOST_BYTES and take(count)
    if not took then
      return
    end
    left, bytes = left - count, bytes + took
  end
end

-- Behind every entry; the very last id would mean those that nobody was given.
local END = '18446744073709551615-0'

local function item(stream, ready, later, dead, paused, from_stream, from_ready)
  local ms = math.floor(now / 1000)
  local reply = {}
  local wrong = typed(stream, 'stream') or typed(ready, 'stream') or typed(later, 'zset') or typed(dead, 'stream')
  if wrong then
    return wrong
  end
  -- The worker's sign of life: on Redis 7.0 a read of new entries that finds none is no sign. This one, of what the
  -- worker has behind the end, finds nothing.
  redis.call('XREADGROUP', 'GROUP', group, consumer, 'COUNT', 1, 'STREAMS', ready, END)
  -- Each move by itself, so that what fails leaves no other entry in two places.
  in_steps(function(count)
    local bytes, found = 0, redis.call('ZRANGE', later, '-inf', ms, 'BYSCORE', 'LIMIT', 0, count)
    for _, packed in ipairs(found) do
      if not entry.due(ready, dead, group, packed) then
        reply[#reply + 1] = { '0-0', 0, 0 }
      end
      redis.call('ZREM', later, packed)
      bytes = bytes + #packed
    end
    return #found == count and bytes
  end)

  local function take(key, cursor, count)
    local claimed = redis.call('XAUTOCLAIM', key, group, consumer, lease, cursor, 'COUNT', count, 'JUSTID')
    local ids, bytes = claimed[2], 0
    for _, id in ipairs(ids) do
      local marked = redis.call('XPENDING', key, group, id, id, 1)[1][4] >= started
      local is = (key == ready and entry.again or entry.read)(key, id)
      bytes = bytes + #(is.d or '')
      if is.foreign then
        entry.dead(dead, is, group, 'invalid', 'what the group was to handle again cannot be read: something else wrote it')
        reply[#reply + 1] = { '0-0', 0, 0 }
      elseif is.n and is.n > ms then
        -- Its worker vanished before it put it aside: nobody handled it.
        entry.back(ready, later, is, ms)
      else
        is.f, is.v = is.f + 1, marked and 1 or (is.v or 0) + 1
        local used = marked or is.v > MOST_UNMARKED
        is.a = is.a + (used and 1 or 0)
        local over = used and is.a >= tonumber(attempts)
        if over then
          local reason = 'handled ' .. is.a .. ' times by workers that vanished or lost it, the last time without an outcome'
          entry.dead(dead, is, group, 'vanished', reason)
        else
          entry.ready(ready, is)
        end
        reply[#reply + 1] = { is.i, over and -is.a or is.a, is.f }
      end
    end
    if ids[1] and key == stream then
      acknowledge(stream, group, declared, ids)
    elseif ids[1] then
      redis.call('XACK', ready, group, unpack(ids))
      redis.call('XDEL', ready, unpack(ids))
    end
    return claimed[1], bytes
  end
  local function take_all(key, cursor)
    in_steps(function(count)
      local bytes
      cursor, bytes = take(key, cursor, count)
      return cursor ~= '0-0' and bytes
    end)
    return cursor
  end
  -- What is moved from the stream to ready now is under no lease there.
  local stream_next, ready_next = take_all(stream, from_stream), take_all(ready, from_ready)

  local soonest = redis.call('ZRANGE', later, 0, 0, 'WITHSCORES')
  local wait = soonest[2] and math.max(0, tonumber(soonest[2]) - ms) or -1
  return { stream_next, ready_next, redis.call('EXISTS', paused), wait, unpack(reply) }
end
