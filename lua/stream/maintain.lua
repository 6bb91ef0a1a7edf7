--- Maintain a group: make due entries ready, or put them back among those of low priority, and take over entries whose lease has ended.
--
-- An entry that is taken over becomes ready for any worker. If it has used up its attempts, it becomes a dead letter. Each worker
-- calls this at least every ten seconds, which also shows that the worker is alive.
--
-- An entry whose worker vanished uses up an attempt only if its start was recorded (renew.lua). Workers record the start of every
-- entry that vanished before. So entries that were beside the harmful one in a process keep their attempts. An entry that kills
-- every process before the start is recorded, such as by its size, uses up attempts from the 21st time on.
--
-- Invariant: each entry is in one place of its group before and after. A call takes at most 50 due entries and 50 from each
-- stream, or some 256 KiB of each. It checks at most 500 leases of each, and continues at the cursor of the last call.
-- @batch 1
-- @full runs         without it due and abandoned entries are not handled, and a full server is not drained
-- @include now
-- @include stream/acknowledge
-- @include stream/entry
-- @include stream/placing
-- @include stream/keep_dead
-- @include stream/started
-- @include stream/keeping
-- @include stream/put_waiting
-- @include typed
-- @shared keys held places of keys (lua/_lib/stream/places.lua), then results and their times (lua/_lib/stream/outcomes.lua), then the entries of low priority (low.lua)
-- @shared most     places of a key; 0 without order
-- @shared stops    1 when a dead letter stops its key
-- @shared keep     dead letters to keep, see lua/_lib/stream/keep_dead.lua
-- @shared channels prefix of the pub/sub channels of outcomes
-- @shared group    group
-- @shared consumer name of the worker's consumer
-- @shared declared groups of a work queue, separated by spaces; - for an event log
-- @shared lease    milliseconds without a renewal after which an entry is taken over
-- @shared attempts attempts before an entry without a number of its own becomes a dead letter
-- @shared workers  pub/sub channel that the group's workers follow, l for a due entry of low priority
-- @item key stream stream
-- @item key ready  stream of entries that the group must handle again
-- @item key delayed sorted set of its entries that wait for a time
-- @item key dead   stream of its dead letters
-- @item key paused exists while the group is paused
-- @item key watched exists while somebody watches the stream
-- @item arg from_stream cursor, 0-0 at first
-- @item arg from_ready  cursor, 0-0 at first
-- @returns list    both cursors, 1 when paused plus 2 when the stream is watched plus 4 when entries of low priority wait, milliseconds until the next entry is due or the pause ends (-1: neither), then of each entry that was taken over: id, used attempts (negative for a dead letter), fencing token (0 for an unreadable entry, also a dead letter)

local STEP, MOST_BYTES = 50, 262144
local MOST_UNRECORDED = 20

-- Calls `take(count)` first for two and then for four entries, because an entry has up to 1 MiB. `take` returns the bytes that it
-- took, or false when no entry is left.
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

-- After every entry. (The very last id would ask for new entries.)
local END = '18446744073709551615-0'

local function item(stream, ready, delayed, dead, paused, watched, from_stream, from_ready)
  local ms = math.floor(now / 1000)
  local reply = {}
  local wrong = typed(stream, 'stream') or typed(ready, 'stream') or typed(delayed, 'zset') or typed(dead, 'stream')
    or typed(held[3], 'hash') or typed(held[4], 'zset') or typed(held[5], 'zset')
  local places, of = placing(most, held[1], held[2], ready)
  wrong = wrong or of and places.wrong(of)
  if wrong then
    return wrong
  end
  local had_low = redis.call('EXISTS', held[5])
  local function put_due(delivery)
    if of then
      places.due(of, delivery)
    else
      put_waiting(ready, held[5], delivery)
    end
  end
  -- Resets the consumer's idle time, which shows that the worker is alive. On Redis 7.0 a read of new entries that finds none does
  -- not. This read asks for the worker's pending entries after the end of the stream, so it returns none.
  redis.call('XREADGROUP', 'GROUP', group, consumer, 'COUNT', 1, 'STREAMS', ready, END)
  -- Each entry is moved completely before the next, so that an error leaves no other entry in two places.
  in_steps(function(count)
    local bytes, found = 0, redis.call('ZRANGE', delayed, '-inf', ms, 'BYSCORE', 'LIMIT', 0, count)
    for _, packed in ipairs(found) do
      if not entry.put_due(dead, group, packed, put_due) then
        reply[#reply + 1] = { '0-0', 0, 0 }
      end
      redis.call('ZREM', delayed, packed)
      bytes = bytes + #packed
    end
    return #found == count and bytes
  end)

  local function take(key, cursor, count)
    local claimed = redis.call('XAUTOCLAIM', key, group, consumer, lease, cursor, 'COUNT', count, 'JUSTID')
    local ids, bytes = claimed[2], 0
    local function take_over(id, position)
      local recorded = started.recorded(redis.call('XPENDING', key, group, id, id, 1)[1][4])
      local delivery = (key == ready and entry.read_ready or entry.read)(key, position)
      bytes = bytes + #(delivery.d or '')
      if delivery.foreign then
        entry.put_dead(dead, delivery, group, 'invalid', 'an entry among the retries cannot be read: something other than penknife wrote it')
        reply[#reply + 1] = { '0-0', 0, 0 }
      elseif delivery.n and delivery.n > ms then
        -- A delayed entry whose worker vanished before it moved the entry to `delayed`. No handler had it.
        entry.give_back(ready, delayed, delivery, ms)
      elseif of and delivery.q then
        -- As above, and it is due now.
        delivery.f = delivery.f + 1
        places.enter(of, delivery.q, delivery)
      else
        local location = (key == ready and 'r' or 'm') .. position
        delivery.f, delivery.v = delivery.f + 1, recorded and 1 or (delivery.v or 0) + 1
        local used = recorded or delivery.v > MOST_UNRECORDED
        delivery.a = delivery.a + (used and 1 or 0)
        local over = used and delivery.a >= entry.attempts(delivery, attempts)
        if over then
          local reason = delivery.a .. ' attempts are used up; in the last one its worker vanished or lost it'
          local letter = entry.put_dead(dead, delivery, group, 'vanished', reason)
          keeping.outcome(held, channels, delivery, 'xvanished ' .. reason)
          if of and delivery.k then
            places.bury(of, delivery, location, letter, stops == '1')
          end
        elseif of and delivery.k then
          places.give_back(of, delivery, location)
        else
          entry.put_ready(ready, delivery)
        end
        reply[#reply + 1] = { delivery.i, over and -delivery.a or delivery.a, delivery.f }
      end
    end
    for _, id in ipairs(ids) do
      for _, position in ipairs(of and key == ready and places.positions(of, id) or { id }) do
        take_over(id, position)
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
  -- Entries that this call moves from the stream to ready have no lease there, so the second step does not find them.
  local stream_next, ready_next = take_all(stream, from_stream), take_all(ready, from_ready)

  keeping.forget(held, channels)
  if keep ~= '0 0' then
    keep_dead(dead, keep)
  end
  local soonest = redis.call('ZRANGE', delayed, 0, 0, 'WITHSCORES')
  local wait = soonest[2] and math.max(0, tonumber(soonest[2]) - ms) or -1
  local ends = redis.call('PTTL', paused)
  if ends >= 0 and (wait < 0 or ends < wait) then
    wait = ends
  end
  local has_low = redis.call('EXISTS', held[5])
  if has_low > had_low then
    -- This worker may have no room for them, and others wait.
    redis.pcall('SPUBLISH', workers, 'l')
  end
  local state = (ends == -2 and 0 or 1) + 2 * redis.call('EXISTS', watched) + 4 * has_low
  return { stream_next, ready_next, state, wait, unpack(reply) }
end
