--- Give back what a worker was given and did not see, and forget the worker once it holds nothing.
--
-- Invariant: a consumer is deleted only when nothing is pending for it; a call gives back at most 100 of each stream, or some
-- 256 KiB.
-- @batch 1
-- @full runs         without it what a worker gives back waits for its lease; it moves entries, and deletes a consumer
-- @include now
-- @include stream/acknowledge
-- @include stream/entry
-- @include typed
-- @shared group    group
-- @shared consumer who leaves
-- @shared declared groups of a work queue separated by spaces, - for an event log
-- @item key stream stream
-- @item key ready  stream of what the group handles again
-- @item key later  sorted set of what it handles again later
-- @item key mark   string, the worker's last batch
-- @returns integer entries given back: 0 when it holds nothing more

local MOST, MOST_BYTES = 100, 262144

local function item(stream, ready, later, mark)
  local wrong = typed(stream, 'stream') or typed(ready, 'stream') or typed(later, 'zset')
  if wrong then
    return wrong
  end
  local given = 0
  for _, key in ipairs({ stream, ready }) do
    local ids = {}
    local all = redis.pcall('XPENDING', key, group, '-', '+', MOST, consumer)
    -- With its group everything is gone already.
    if all.err and not string.match(all.err, '^NOGROUP') then
      error(all)
    end
    local bytes = 0
    for at, held in ipairs(all) do
      if bytes >= MOST_BYTES then
        break
      end
      ids[at] = held[1]
      local is = (key == ready and entry.again or entry.read)(key, held[1])
      if is then
        bytes = bytes + #(is.d or '')
        entry.back(ready, later, is, math.floor(now / 1000))
      end
    end
    if ids[1] and key == stream then
      acknowledge(stream, group, declared, ids)
    elseif ids[1] then
      redis.call('XACK', ready, group, unpack(ids))
      redis.call('XDEL', ready, unpack(ids))
    end
    given = given + #ids
  end
  if given == 0 then
    redis.pcall('XGROUP', 'DELCONSUMER', stream, group, consumer)
    redis.pcall('XGROUP', 'DELCONSUMER', ready, group, consumer)
    redis.call('DEL', mark)
  end
  return given
end
