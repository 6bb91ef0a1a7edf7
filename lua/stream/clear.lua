--- Remove the entries of a group that wait: those that no worker has, in the stream, in ready, in delayed, in
-- the queues of keys and those of low priority.
--
-- Invariant: an entry under lease, a dead letter, and an entry that was added after the first call stay. In a work queue an entry of the
-- stream is deleted once no other group needs it. A call removes some 500 entries, or 256 KiB of them, from one place. A process that dies
-- leaves the rest as it was.
-- @batch 1
-- @full runs         it deletes entries
-- @include earlier
-- @include ids
-- @include stream/acknowledge
-- @include stream/entry
-- @include stream/groups
-- @include stream/low
-- @include stream/outcomes
-- @include stream/placing
-- @include typed
-- @shared keys held places of keys (lua/_lib/stream/places.lua), then results and their times (lua/_lib/stream/outcomes.lua), then the entries of low priority (low.lua)
-- @shared most     places of a key; 0 without order
-- @shared group    group
-- @shared channels prefix of the pub/sub channels of outcomes
-- @shared declared groups of a work queue, separated by spaces; - for an event log
-- @item key stream stream
-- @item key ready  stream of entries that the group must handle again
-- @item key delayed sorted set of its entries that wait for a time
-- @item arg last   id of the last entry to remove; empty for the last one of the stream
-- @item arg place  where to continue: queued (at first), delayed, low, ready or stream
-- @item arg from   position at which to continue there; 0 at first
-- @returns list    entries removed, then last, place and from of the next call; place is empty when nothing is left

local STEP, MOST_BYTES = 500, 262144
-- In the order in which entries move from one to the next.
local NEXT = { queued = 'delayed', delayed = 'low', low = 'ready', ready = 'stream', stream = '' }

local function item(stream, ready, delayed, last, place, from)
  local wrong = typed(stream, 'stream') or typed(ready, 'stream') or typed(delayed, 'zset') or typed(held[3], 'hash') or typed(held[4], 'zset')
    or typed(held[5], 'zset')
  local places, of = placing(most, held[1], held[2], ready)
  wrong = wrong or of and places.wrong(of)
  if wrong then
    return wrong
  end
  local ends = outcomes.open(held[3], held[4], channels)
  if last == '' then
    last = '0-0'
    local info = redis.call('EXISTS', stream) == 1 and redis.call('XINFO', 'STREAM', stream) or {}
    for at = 1, #info, 2 do
      last = info[at] == 'last-generated-id' and info[at + 1] or last
    end
  end

  local function group_of(key)
    for _, found in ipairs(redis.call('EXISTS', key) == 1 and groups(key) or {}) do
      if found.name == group then
        return found
      end
    end
  end

  local function is_meant(id)
    return not earlier(last, id)
  end

  -- Removes members of a sorted set by rank, beginning at rank `from`. `read` is nil for a member that penknife did not write.
  local function remove_members(key, read, removed)
    local count, kept, bytes = 0, tonumber(from), 0
    for _ = 1, STEP / 4 do
      -- Four, because an entry has up to 1 MiB.
      local found = redis.call('ZRANGE', key, kept, kept + 3)
      for _, member in ipairs(found) do
        bytes = bytes + #member
        local delivery = read(member)
        if delivery and is_meant(delivery.i) then
          redis.call('ZREM', key, member)
          removed(delivery)
          outcomes.keep(ends, delivery, 'c')
          count = count + 1
        else
          kept = kept + 1
        end
      end
      if not found[4] then
        return count
      elseif bytes >= MOST_BYTES then
        break
      end
    end
    return count, tostring(kept)
  end

  local function remove_low()
    return remove_members(held[5], low.entry, function() end)
  end

  local function remove_queued()
    if not of then
      return 0
    end
    return remove_members(held[2], places.queued_entry, function() end)
  end

  local function remove_delayed()
    return remove_members(delayed, entry.unpacked, function(delivery)
      if of and delivery.k then
        places.leave_delayed(of, delivery)
      end
    end)
  end

  local function remove_ready()
    local found = group_of(ready)
    local first = from == '0' and found and '(' .. found['last-delivered-id'] or from == '0' and '-' or from
    local positions, all = ids(ready, first, '+', STEP)
    local count = 0
    for _, position in ipairs(positions) do
      local each_of = of and places.positions(of, position) or { position }
      for _, each in ipairs(each_of) do
        local delivery = entry.read_ready(ready, each)
        if not delivery.foreign and is_meant(delivery.i) then
          if of and delivery.k then
            places.leave(of, delivery.k, 'r' .. each, 1)
          end
          if each == position then
            redis.call('XDEL', ready, position)
          end
          outcomes.keep(ends, delivery, 'c')
          count = count + 1
        elseif each ~= position and not delivery.foreign then
          places.give_back(of, delivery, 'r' .. each)
        end
      end
      if each_of[1] ~= position then
        redis.call('XDEL', ready, position)
      end
    end
    return count, not all and '(' .. positions[#positions] or nil
  end

  local function remove_new()
    local found = group_of(stream)
    if not found then
      return 0
    end
    local read = found['last-delivered-id']
    local new, all = ids(stream, '(' .. read, last, STEP)
    if not new[1] then
      return 0
    end
    local args = { 'XGROUP', 'SETID', stream, group, new[#new] }
    if found['entries-read'] then
      args[6], args[7] = 'ENTRIESREAD', string.format('%.0f', found['entries-read'] + #new)
    end
    local removed = {}
    -- Only a work queue with one group keeps outcomes, and has keys.
    for nth, id in ipairs(declared == group and new or {}) do
      removed[nth] = entry.read(stream, id)
    end
    redis.call(unpack(args))
    acknowledge(stream, group, declared, new)
    for _, delivery in ipairs(removed) do
      if of and delivery.k then
        places.leave(of, delivery.k, 'm' .. delivery.i, 1)
      end
      outcomes.keep(ends, delivery, 'c')
    end
    return #new, not all and '0' or nil
  end

  local remove = { low = remove_low, queued = remove_queued, delayed = remove_delayed, ready = remove_ready, stream = remove_new }
  local count, following = remove[place]()
  if following then
    return { count, last, place, following }
  end
  return { count, last, NEXT[place], '0' }
end
