--- Let a group of an event log read on from another place; makes the group if it is not there.
--
-- Invariant: nothing is lost: what the group was given and has not finished, and what it handles again, stays, unless
-- it is to be discarded with all its leases. One script, so a process dies before or after.
-- @batch 1
-- @full runs         it moves a position; groups are few, and discarding frees
-- @include stream/groups
-- @include typed
-- @include stream/undelivered
-- @item key stream  stream
-- @item key ready   stream of what the group handles again
-- @item key later   sorted set of what it handles again later
-- @item arg group   group
-- @item arg after   id after which it reads on, $ for the last there ever was
-- @item arg discard 1 to drop what it was given and what it handles again
-- @returns list     entries it has still to be given, 1 when that is exact, ready, pending, later

-- No group that penknife makes is named so.
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

local function item(stream, ready, later, group, after, discard)
  local wrong = typed(stream, 'stream') or typed(ready, 'stream') or typed(later, 'zset')
  if wrong then
    return wrong
  end
  make(stream, group, '0')
  if discard == '1' then
    redis.call('XGROUP', 'DESTROY', stream, group)
    redis.call('UNLINK', ready, later)
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
    -- So that Redis knows the lag from now on.
    local read = string.format('%.0f', info['entries-added'] - left)
    redis.call('XGROUP', 'SETID', stream, group, after, 'ENTRIESREAD', read)
  else
    redis.call('XGROUP', 'SETID', stream, group, after)
  end
  -- A worker that waits in a blocking read looks again when any group of the stream is destroyed.
  make(stream, WAKE, '$')
  redis.call('XGROUP', 'DESTROY', stream, WAKE)
  local again = pending(ready, group)
  local waiting = redis.call('XLEN', ready) - again
  return { left, exact, waiting, pending(stream, group) + again, redis.call('ZCARD', later) }
end
