--- Move the position from which a group of an event log reads. Creates the group if it does not exist.
--
-- Invariant: entries that are running, ready or delayed in the group stay, unless `discard` drops them with their leases. The reset
-- is one script, so a process that dies leaves it done or not done.
-- @batch 1
-- @full runs         it moves a position; groups are few, and discarding frees memory
-- @include stream/groups
-- @include typed
-- @include stream/undelivered
-- @item key stream  stream
-- @item key ready   stream of entries that the group must handle again
-- @item key delayed sorted set of its entries that wait for a time
-- @item arg group   group
-- @item arg after   id after which the group reads, $ for the last id of the stream
-- @item arg discard 1 to drop its running, ready and delayed entries
-- @item arg channel pub/sub channel, in the same slot, that the group's workers follow, n for a new position; not a key, because it never exists
-- @returns list     entries not read yet, 1 when that is exact, ready, pending, delayed

-- A name that no group of a user can have.
local WAKE = ':wake:'

local function make(key, group, id)
  local made = redis.pcall('XGROUP', 'CREATE', key, group, id, 'MKSTREAM')
  if made.err and not string.match(made.err, '^BUSYGROUP') then
    error(made)
  end
end

local function pending(key, group)
  for _, found in ipairs(groups(key)) do
    if found.name == group then
      return found.pending
    end
  end
end

local function item(stream, ready, delayed, group, after, discard, channel)
  local wrong = typed(stream, 'stream') or typed(ready, 'stream') or typed(delayed, 'zset')
  if wrong then
    return wrong
  end
  make(stream, group, '0')
  if discard == '1' then
    redis.call('XGROUP', 'DESTROY', stream, group)
    redis.call('UNLINK', ready, delayed)
    make(stream, group, '0')
  end
  make(ready, group, '0')
  local fields, info = redis.call('XINFO', 'STREAM', stream), {}
  for at = 1, #fields, 2 do
    info[fields[at]] = fields[at + 1]
  end
  if after == '$' then
    after = info['last-generated-id']
  end
  local left, exact = undelivered(stream, after, false)
  if exact == 1 then
    -- With ENTRIESREAD Redis knows the lag from now on.
    local read = string.format('%.0f', info['entries-added'] - left)
    redis.call('XGROUP', 'SETID', stream, group, after, 'ENTRIESREAD', read)
  else
    redis.call('XGROUP', 'SETID', stream, group, after)
  end
  -- Redis wakes the workers in a blocking read when any group of the stream is destroyed; they then read from the new position.
  make(stream, WAKE, '$')
  redis.call('XGROUP', 'DESTROY', stream, WAKE)
  -- For workers that share connections: they wait in an XREAD, which does not see it. They also look every five seconds.
  redis.pcall('SPUBLISH', channel, 'n')
  local again = pending(ready, group)
  local waiting = redis.call('XLEN', ready) - again
  return { left, exact, waiting, pending(stream, group) + again, redis.call('ZCARD', delayed) }
end
